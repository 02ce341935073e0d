# SPDX-License-Identifier: ISC
"""2,000 short jobs (SOAK=10000 in `make soak`) leave no process, cgroup, descriptor,
mount or file behind, and no memory in the monitor to speak of."""

import concurrent.futures
import os

import pytest

from daemon import children, cgroup_pids, mounts, open_fds, v1_groups, wait_for
from paths import SANITIZED
from rpc import shell

JOBS = int(os.environ.get("SOAK", "2000"))
WORKERS = 4


def rss(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(x.split()[1]) for x in f if x.startswith("VmRSS"))


def snapshot(daemon):
    return {
        "descriptors": len(open_fds(daemon.pid)),
        "processes": sorted(c for c in children(daemon.pid) if c not in daemon.netds()),
        "cgroups": sorted(str(p) for p in daemon.cgroup.glob("users/*/*")),
        "in cgroups": cgroup_pids(daemon.cgroup),
        "v1": sorted(g for g in v1_groups() if daemon.dir.name in g),
        "mounts": [m for m in mounts() if str(daemon.dir) in m or " - nsfs " in m],
        "files": sorted(os.listdir(daemon.state / "jobs")),
        "state": sorted(os.listdir(daemon.state)),
        "run": sorted(os.listdir(daemon.run)),
    }


def one(api, i):
    kind = i % 4
    if kind == 0:       # to its end, output read
        job_id = api.run("/bin/echo", str(i))
        assert api.output(job_id).stdout == b"%d\n" % i
        assert api.wait(job_id).end.exit_code == 0
    elif kind == 1:     # stopped
        job_id = api.run("/bin/sleep", "100")
        api.stop(job_id, grace=0)
    elif kind == 2:     # with limits, so with every controller's group
        job_id = api.run(*shell("exit 3"), limits={"memory_bytes": 64 << 20, "pids": 50,
                                                   "cpu_cores": 1})
        assert api.wait(job_id).end.exit_code == 3
    else:               # could not start
        job_id = api.create("/bin/nope")
        try:
            api.start(job_id)
        except Exception:   # pylint: disable=broad-except
            pass
    api.delete(job_id)


@pytest.mark.limit(max(170, JOBS // 8))
def test_short_jobs_leave_nothing_behind(daemon):
    apis = [daemon.api("alice") for _ in range(WORKERS)]
    for i in range(40):         # every connection is there, every kind was run once
        one(apis[i % WORKERS], i)
    wait_for(lambda: not daemon.spawners(), 10)
    before, memory = snapshot(daemon), rss(daemon.pid)

    def worker(n):
        for i in range(n, JOBS, WORKERS):
            one(apis[n], i)

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(worker, range(WORKERS)))
    wait_for(lambda: not daemon.spawners() and snapshot(daemon) == before, 20,
             message="as before the jobs")
    assert not apis[0].list().jobs
    assert SANITIZED or rss(daemon.pid) - memory < 4096, "KiB of growth in the monitor"


def test_ended_jobs_hold_no_descriptors(daemon):
    """100 ended jobs that nobody deletes cost a record and files, nothing else."""
    api = daemon.api("alice")
    api.finished("/bin/echo", "x")
    wait_for(lambda: not daemon.spawners(), 10)
    before = len(open_fds(daemon.pid))
    ids = [api.finished("/bin/echo", "x")[0].id for _ in range(100)]
    wait_for(lambda: not daemon.spawners(), 10)
    assert len(open_fds(daemon.pid)) <= before
    for job_id in ids:
        api.delete(job_id)


def test_connections_leave_no_descriptors(daemon):
    daemon.close_clients()
    wait_for(lambda: len(daemon.netds()) <= 4, 10)
    before = len(open_fds(daemon.pid))
    for _ in range(60):
        api = daemon.api("alice")
        api.list(page_size=1)
        api.close()
    wait_for(lambda: len(open_fds(daemon.pid)) <= before, 10)
    wait_for(lambda: len(daemon.netds()) <= 4, 10)
