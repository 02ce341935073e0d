# SPDX-License-Identifier: ISC
"""A daemon with few descriptors: a start fails and says why, and nothing else does."""

import os
import socket
import time

import grpc
import pytest

from daemon import Daemon, open_fds, wait_for
from protos import pb
from rpc import refused

LIMIT = 256


@pytest.fixture
def few():
    with Daemon(users=("alice",), prefix=["prlimit", f"--nofile={LIMIT}:{LIMIT}"]) as d:
        yield d


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fill(api):
    """Starts jobs until one is refused: those that run."""
    running = []
    for _ in range(LIMIT):
        job_id = api.create("/bin/sleep", "1000")
        try:
            api.start(job_id)
        except grpc.RpcError as e:
            assert e.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, e
            assert "file descriptor" in e.details()
            return running, job_id
        running.append(job_id)
    raise AssertionError("no start was refused")


def test_start_says_it(few):
    assert "RLIMIT_NOFILE" in few.log() and "LimitNOFILE=" in few.log()


def test_no_descriptor_left(few):
    """What runs can be stopped at once though there is no room for one job more, and
    though strangers wait for to be accepted; then there is room again."""
    api = few.api("alice")
    running, failed = fill(api)
    assert len(running) >= 10
    assert api.status(failed).state == pb.JOB_STATE_FAILED
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "file descriptor"):
        api.start(api.create("/bin/true"))
    waiting = [socket.create_connection(("127.0.0.1", few.port)) for _ in range(60)]
    wait_for(lambda: "cannot accept connections" in few.log(), 5)
    begun, at = cpu_seconds(few.pid), time.monotonic()
    assert len(open_fds(few.pid)) < LIMIT - 32
    time.sleep(2)
    assert cpu_seconds(few.pid) - begun < (time.monotonic() - at) / 4
    for job_id in running:
        assert api.status(job_id).state == pb.JOB_STATE_RUNNING
    at = time.monotonic()
    api.stop(running[0], grace=0)
    assert time.monotonic() - at < 5
    for job_id in running[1:]:
        api.stop(job_id, grace=0)
    for s in waiting:
        s.close()
    assert api.sh("echo again") == b"again\n"
    wait_for(lambda: few.api("alice").sh("echo new") == b"new\n", 10)
