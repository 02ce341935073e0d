# SPDX-License-Identifier: ISC
"""One real workload: a copy of this source tree is built by make -j2 inside a job with
limits, and what comes out runs."""

import os
import shutil

import pytest

from paths import SRC
from protos import pb

LEFT_OUT = shutil.ignore_patterns("build*", ".git", "node_modules", "__pycache__", "regress")


@pytest.mark.limit(400)
def test_this_tree_is_built_in_a_job(daemon, alice):
    tree = daemon.pub / "tree"
    shutil.copytree(SRC, tree, ignore=LEFT_OUT, symlinks=True)
    for root, dirs, files in os.walk(tree):
        for name in [".", *dirs, *files]:
            path = os.path.join(root, name)
            if not os.path.islink(path):
                os.chmod(path, 0o777 if os.path.isdir(path) else os.stat(path).st_mode | 0o666)
    limits = {"memory_bytes": 2 << 30, "cpu_cores": 2.0, "pids": 100}
    job_id = alice.run("/usr/bin/make", "-j2", "BUILD=out", "out/telepilot",
                       "out/telepilot-spawner", workdir=str(tree), limits=limits,
                       env=["HOME=/tmp", "CFLAGS="])
    out = alice.output(job_id, timeout=380)
    job = alice.wait(job_id)
    assert job.end.reason == pb.END_REASON_EXITED and job.end.exit_code == 0, out.stderr[-3000:]
    assert b"telepilot" in out.stdout
    assert job.limits.memory_bytes == limits["memory_bytes"] and job.limits.pids == 100
    assert job.usage.cpu_usec > 10**6
    assert job.usage.memory_peak_bytes > 16 << 20
    built = tree / "out" / "telepilot"
    st = os.stat(built)
    assert st.st_uid != 0 and st.st_uid == os.stat(tree / "out").st_uid
    # It runs, as its owner and in a job.
    assert b"usage" in alice.sh(f"{built} --help 2>&1 | tr A-Z a-z")
    done = alice.finished("/bin/sh", "-c", f"{built} status x")
    assert done[0].end.exit_code == 125
