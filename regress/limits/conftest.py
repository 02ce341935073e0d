# SPDX-License-Identifier: ISC
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

# pylint: disable=wrong-import-position,unused-import,import-error
from fixtures import alice, bob, daemon, pytest_configure  # noqa: E402,F401
