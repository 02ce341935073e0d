# SPDX-License-Identifier: ISC
"""Processes that die at the wrong time, and jobs that leave a part of themselves
outside: whatever dies takes only its own with it."""

import contextlib
import os
import signal
import socket
import threading
import time

import grpc
import pytest

import h2raw as h2
from daemon import Daemon, cgroup_pids, children, descendants, proc_stat, wait_for
from protos import pb
from rpc import refused, shell

PYTHON = "/usr/bin/python3"


# --- the supervisor ----------------------------------------------------------

def test_supervisor_killed(daemon, alice):
    """The job is killed, its end says why, its output ends with DATA_LOSS."""
    other = alice.run("/bin/sleep", "60")
    before = set(daemon.spawners())
    job_id = alice.run(*shell("trap '' TERM; (setsid sleep 1000) & echo partial; wait"))
    stream = alice.logs(job_id)
    assert next(stream).data == b"partial\n"
    waiting = alice.WaitJob.future(pb.WaitJobRequest(job_id=job_id), timeout=20)
    (supervisor,) = set(daemon.spawners()) - before
    inside = set(cgroup_pids(daemon.cgroup))
    os.kill(supervisor, signal.SIGKILL)
    with refused(grpc.StatusCode.DATA_LOSS, "supervisor was lost"):
        list(stream)
    job = waiting.result().job
    assert job.end.reason == pb.END_REASON_SUPERVISOR_LOST and job.state == pb.JOB_STATE_FAILED
    with refused(grpc.StatusCode.DATA_LOSS):
        alice.output(job_id)
    wait_for(lambda: len(set(cgroup_pids(daemon.cgroup)) & inside) <= 2, 5)
    assert alice.status(other).state == pb.JOB_STATE_RUNNING
    alice.delete(job_id)
    assert not list(daemon.cgroup.rglob(job_id))
    alice.stop(other, grace=0)


def test_supervisor_killed_while_stopping(daemon, alice):
    before = set(daemon.spawners())
    job_id = alice.run(*shell("trap '' TERM; echo x; while :; do sleep 0.1; done"))
    next(alice.logs(job_id))
    stopping = alice.StopJob.future(pb.StopJobRequest(job_id=job_id, grace_seconds=30), timeout=40)
    wait_for(lambda: alice.status(job_id).state == pb.JOB_STATE_STOPPING, 5)
    (supervisor,) = set(daemon.spawners()) - before
    os.kill(supervisor, signal.SIGKILL)
    begun = time.monotonic()
    assert stopping.result().job.state in (pb.JOB_STATE_FAILED, pb.JOB_STATE_EXITED)
    assert time.monotonic() - begun < 10


def test_supervisor_stopped_does_not_stop_the_daemon(daemon, alice):
    """A supervisor that answers nothing costs its own job only; the stop works on the
    cgroup, without it."""
    before = set(daemon.spawners())
    job_id = alice.run("/bin/sleep", "1000")
    (supervisor,) = set(daemon.spawners()) - before
    os.kill(supervisor, signal.SIGSTOP)
    try:
        assert alice.sh("echo others run on") == b"others run on\n"
        assert alice.status(job_id).state == pb.JOB_STATE_RUNNING
        call = alice.StopJob.future(pb.StopJobRequest(job_id=job_id, grace_seconds=0), timeout=30)
        wait_for(lambda: not [p for p in cgroup_pids(daemon.cgroup)
                              if p != supervisor and (proc_stat(p) or (0, 0, "Z"))[2] != "Z"], 5)
    finally:
        os.kill(supervisor, signal.SIGCONT)
    assert call.result().job.state == pb.JOB_STATE_EXITED


# --- netd --------------------------------------------------------------------

def netd_of(daemon, api):
    """The process that serves this connection: the one that gains from traffic."""
    before = {p: cpu(p) for p in daemon.netds()}
    for _ in range(300):
        api.list(page_size=1)
    gained = {p: cpu(p) - before.get(p, 0) for p in daemon.netds()}
    return max(gained, key=gained.get)


def cpu(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[0])


def test_netd_killed(daemon, alice, bob):
    api = daemon.api("alice")
    job_id = api.run(*shell("i=0; while [ $i -lt 30 ]; do echo $i; i=$((i+1)); sleep 0.05; done"))
    netd = netd_of(daemon, api)
    stream = api.logs(job_id)
    next(stream)
    os.kill(netd, signal.SIGKILL)
    with refused(grpc.StatusCode.UNAVAILABLE):
        list(stream)
    # The job knows nothing of it, and another connection reads from the first byte.
    lines = b"".join(b"%d\n" % i for i in range(30))
    assert alice.output(job_id).stdout == lines
    assert alice.wait(job_id).end.exit_code == 0
    assert bob.list() is not None
    wait_for(lambda: netd not in children(daemon.pid), 5)


def test_netd_that_hangs_hangs_nobody(daemon, alice, bob):
    """It takes no answer and no descriptor: root's process waits for none of them."""
    api = daemon.api("alice")
    job_id = api.run(*shell("while :; do echo x; sleep 0.01; done"))
    netd = netd_of(daemon, api)
    waiting = [api.WaitJob.future(pb.WaitJobRequest(job_id=job_id), timeout=30) for _ in range(20)]
    os.kill(netd, signal.SIGSTOP)
    try:
        streams = [api.logs(job_id) for _ in range(30)]
        begun = time.monotonic()
        assert bob.sh("echo served") == b"served\n"
        alice.stop(job_id, grace=0)
        assert alice.wait(job_id).end.reason == pb.END_REASON_STOPPED
        assert time.monotonic() - begun < 5
    finally:
        os.kill(netd, signal.SIGCONT)
    assert [w.result().job.id for w in waiting] == [job_id] * 20
    for s in streams:
        s.cancel()


def test_all_netds_killed(daemon):
    """The waiting ones too: new ones take their place."""
    killed = set(daemon.netds())
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: daemon.netds() and not killed & set(descendants(daemon.pid)), 5)
    fresh = daemon.api("alice")
    assert fresh.sh("echo again") == b"again\n"
    fresh.close()


def test_netd_goes_on_at_a_signal_for_all(daemon):
    """What a terminal or a service manager sends to the whole group is telepilotd's matter:
    the streams go on to their end, and those that wait serve the next clients."""
    api = daemon.api("alice")
    job_id = api.run(*shell("i=0; while [ $i -lt 30 ]; do echo $i; i=$((i+1)); sleep 0.05; done"))
    stream = api.logs(job_id)
    got = next(stream).data
    netds = set(daemon.netds())
    for signo in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        for pid in netds:
            os.kill(pid, signo)
    assert got + b"".join(e.data for e in stream) == b"".join(b"%d\n" % i for i in range(30))
    assert netds <= set(daemon.netds())
    others = [daemon.api("alice") for _ in netds]
    for other in others:
        assert other.status(job_id).end.exit_code == 0
    for other in others:
        other.close()


def test_client_that_vanishes_leaves_nothing(daemon, alice):
    """Connections cut without a word, in the middle of streams."""
    job_id = alice.run("/bin/sleep", "60")
    wait_for(lambda: len(daemon.netds()) < 12, 10)
    before = len(daemon.netds())
    for _ in range(10):
        c = h2.Connection(daemon)
        for path in ("StreamLogs", "WaitJob"):
            stream = c.open(h2.request(h2.SERVICE + path))
            c.data(stream, h2.message(pb.LogRequest(job_id=job_id).SerializeToString()), end=True)
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        c.close()
    wait_for(lambda: len(daemon.netds()) <= before, 10)
    alice.stop(job_id, grace=0)


# --- descriptors that outlive the job ------------------------------------------

LEAK = """
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect({path!r})
fds = array.array("i", [1, 2])
s.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
s.recv(1)
print("last words", flush=True)
"""


def test_stdout_leaked_to_a_process_outside(daemon, alice):
    """A process of the host's holds the job's stdout, and goes on writing: the job has
    ended when its cgroup is empty, whoever holds the pipe."""
    path = str(daemon.pub / "taker")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o777)
    listener.listen()
    job_id = alice.run(PYTHON, "-c", LEAK.format(path=path))
    taken = []
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: [os.close(fd) for fd in taken])
        conn, _ = listener.accept()
        _, fds, _, _ = socket.recv_fds(conn, 1, 2)
        taken += fds
        os.write(fds[0], b"from outside\n")
        conn.sendall(b"x")
        job = alice.wait(job_id, timeout=15)
        assert job.end.exit_code == 0
        out = alice.output(job_id, timeout=15)
        assert out.stdout == b"from outside\nlast words\n"
        # After the end nobody reads: an error for the writer, no change for readers.
        wait_for(lambda: not daemon.spawners(), 5)
        with pytest.raises(BrokenPipeError):
            os.write(fds[0], b"too late\n")
        assert alice.output(job_id).stdout == b"from outside\nlast words\n"
    listener.close()


def test_writer_outside_that_never_rests(daemon, alice):
    """It fills the pipe for ever: the end of the output must still come."""
    path = str(daemon.pub / "taker2")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o777)
    listener.listen()
    job_id = alice.run(PYTHON, "-c", LEAK.format(path=path))
    conn, _ = listener.accept()
    _, fds, _, _ = socket.recv_fds(conn, 1, 2)
    stop = threading.Event()

    def write():
        with contextlib.suppress(BrokenPipeError):
            while not stop.is_set():
                os.write(fds[0], b"x" * 4096)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        conn.sendall(b"x")
        assert alice.wait(job_id, timeout=20).end.exit_code == 0
    finally:
        stop.set()
        os.close(fds[1])
        writer.join(10)
        os.close(fds[0])
        listener.close()


# --- the daemon --------------------------------------------------------------

def test_daemon_killed_and_started_again():
    """Its records are gone (the durable issue changes that), but nothing of its jobs
    runs on, files and groups of theirs are removed, and ids are never given again."""
    d = Daemon(users=("alice", "bob"))
    try:
        api = d.api("alice")
        api.sh(f"echo x > {d.pub}/first")
        job_id = api.run("/bin/sleep", "1000")
        inside = cgroup_pids(d.cgroup)
        assert inside
        d.close_clients()
        os.kill(d.pid, signal.SIGKILL)
        d.proc.wait()
        d.start()
        wait_for(lambda: not [p for p in inside if (proc_stat(p) or (0, 0, "Z"))[2] != "Z"], 15)
        assert not (d.state / "jobs" / job_id).exists()
        wait_for(lambda: not [p for p in d.cgroup.rglob(job_id)], 10)
        d.api("bob").sh(f"echo x > {d.pub}/second")
        d.api("alice").sh(f"echo x > {d.pub}/third")
        uid = {n: os.stat(d.pub / n).st_uid for n in ("first", "second", "third")}
        assert uid["first"] == uid["third"] != uid["second"]
        with refused(grpc.StatusCode.PERMISSION_DENIED):
            d.api("alice").status(job_id)
    finally:
        d.close()
