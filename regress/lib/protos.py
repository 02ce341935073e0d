# SPDX-License-Identifier: ISC
"""Python classes of the API's messages, made by protoc when they are older than
the .proto files. No gRPC code generator is needed: stubs are made by hand
(see rpc.py), which also shows that the names on the wire are the right ones."""

import fcntl
import pathlib
import subprocess
import sys

from paths import PY_GEN, SRC

_GRPC = pathlib.Path("/usr/share/grpc-proto")
_OWN = SRC / "common" / "proto"
_LIB = pathlib.Path(__file__).parent / "proto"
_FILES = [
    (_OWN, "telepilot/v1/telepilot.proto"),
    (_GRPC, "grpc/health/v1/health.proto"),
    (_GRPC, "grpc/reflection/v1/reflection.proto"),
    (_GRPC, "grpc/reflection/v1alpha/reflection.proto"),
    (_LIB, "rpc_details.proto"),
]


def _generate():
    PY_GEN.mkdir(parents=True, exist_ok=True)
    stamp = PY_GEN / ".stamp"
    with open(PY_GEN / ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several pytest runs may share BUILD
        newest = max((d / f).stat().st_mtime for d, f in _FILES)
        if stamp.exists() and stamp.stat().st_mtime >= newest:
            return
        subprocess.run(
            ["protoc", f"-I{_OWN}", f"-I{_GRPC}", f"-I{_LIB}", "-I/usr/include",
             f"--python_out={PY_GEN}"] + [f for _, f in _FILES],
            check=True)
        # "grpc" is also python3-grpcio's package: ours go below another name.
        for version in ("health/v1/health", "reflection/v1/reflection",
                        "reflection/v1alpha/reflection"):
            made = PY_GEN / "grpc" / (version + "_pb2.py")
            made.rename(PY_GEN / (version.replace("/", "_") + "_pb2.py"))
        stamp.touch()


_generate()
sys.path.insert(0, str(PY_GEN))

# pylint: disable=wrong-import-position,import-error
from telepilot.v1 import telepilot_pb2 as pb  # noqa: E402
import health_v1_health_pb2 as health_pb  # noqa: E402
import reflection_v1_reflection_pb2 as reflection_pb  # noqa: E402
import reflection_v1alpha_reflection_pb2 as reflection_alpha_pb  # noqa: E402
import rpc_details_pb2 as rpc_pb  # noqa: E402

__all__ = ["pb", "health_pb", "reflection_pb", "reflection_alpha_pb", "rpc_pb"]
