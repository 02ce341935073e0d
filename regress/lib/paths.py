# SPDX-License-Identifier: ISC
"""Where things are: the source tree, the build, the programs under test."""

import os
import pathlib

SRC = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", "build"))
if not BUILD.is_absolute():
    BUILD = SRC / BUILD

TELEPILOTD = BUILD / "telepilotd"
TELEPILOT = BUILD / "telepilot"
PY_GEN = BUILD / "regress" / "py"

# A build with sanitizers: what memory it takes says nothing.
SANITIZED = TELEPILOTD.exists() and b"__asan_init" in TELEPILOTD.read_bytes()

# One uid and gid for telepilot-netd that no package of the host uses.
NET_UID = 64990
