# SPDX-License-Identifier: ISC
"""What becomes of output that is too much: past the job's log limit, and on a disk
that is full. What is gone is a gap with its size, never zeros."""

import concurrent.futures
import os
import struct
import subprocess
import tempfile
import time

import grpc
import pytest

import h2raw as h2
from daemon import Daemon, wait_for
from protos import pb
from rpc import refused, shell

PYTHON = "/usr/bin/python3"
MIB = 1 << 20
LIMIT, DISK = pb.Gap.REASON_LOG_LIMIT, pb.Gap.REASON_DISK_FULL

# Eight bytes a line, so that every byte's value follows from its offset.
COUNT = "import sys, time\n" \
        "w = sys.stdout.write\n" \
        "for i in range({lines}):\n" \
        "    w('%07d\\n' % i)\n" \
        "    if i % {pause} == {pause} - 1: sys.stdout.flush(); time.sleep({seconds})\n"


def count(lines, pause=1 << 40, seconds=0):
    return [PYTHON, "-c", COUNT.format(lines=lines, pause=pause, seconds=seconds)]


def expected(offset, n):
    first = offset // 8
    text = b"".join(b"%07d\n" % i for i in range(first, (offset + n + 7) // 8))
    return text[offset - first * 8:][:n]


def check(entries, total):
    """Data and gaps cover everything once, in order, with the right bytes.
    (bytes of data, {reason: bytes})."""
    at, data, gaps = 0, 0, {}
    for e in entries:
        assert e.offset == at, (e.offset, at)
        if e.WhichOneof("content") == "gap":
            gaps[e.gap.reason] = gaps.get(e.gap.reason, 0) + e.gap.bytes
            at += e.gap.bytes
            continue
        assert e.data == expected(at, len(e.data)), f"wrong bytes at {at}: {e.data[:40]!r}"
        at += len(e.data)
        data += len(e.data)
    assert at == total, (at, total)
    return data, gaps


# --- the log limit -----------------------------------------------------------

@pytest.fixture(scope="module")
def limited():
    with Daemon(users=("alice",), options={"LogMax": MIB}) as d:
        yield d


def test_late_reader_of_a_limited_log(limited):
    api = limited.api("alice")
    job_id = api.run(*count(MIB))       # 8 MiB
    api.wait(job_id)
    data, gaps = check(list(api.logs(job_id)), 8 * MIB)
    assert set(gaps) == {LIMIT}
    assert MIB // 2 <= data <= 2 * MIB
    output = limited.state / "jobs" / job_id / "output"
    assert os.stat(output).st_blocks * 512 <= 2 * MIB
    assert api.status(job_id).usage.output_bytes == 8 * MIB


def test_below_the_limit_nothing_is_lost(limited):
    api = limited.api("alice")
    job_id = api.run(*count(MIB // 8 - 1))
    assert check(list(api.logs(job_id)), MIB - 8) == (MIB - 8, {})


def test_reader_that_keeps_up_loses_nothing(limited):
    api = limited.api("alice")
    job_id = api.create(*count(MIB // 2, pause=8192, seconds=0.02))
    stream = api.logs(job_id)
    api.start(job_id)
    data, gaps = check(stream, 4 * MIB)
    assert data == 4 * MIB and not gaps


def test_floor_raised_in_the_middle_of_a_read(limited):
    """A reader is held by its window in the middle of the oldest bytes; they are punched
    out under it; when it goes on it gets a gap, and never the zeros of the hole."""
    api = limited.api("alice")
    job_id = api.create(*count(MIB, pause=16384, seconds=0.03))
    with h2.Connection(limited, send_settings=h2.settings((h2.INITIAL_WINDOW_SIZE, 20000)),
                       auto=False) as c:
        c.send(h2.frame(h2.SETTINGS, h2.ACK, 0))
        stream = c.open(h2.request(h2.SERVICE + "StreamLogs"))
        c.data(stream, h2.message(pb.LogRequest(job_id=job_id).SerializeToString()), end=True)
        api.start(job_id)
        answer = c.answers[stream]
        # A little at a time, slower than the job writes.
        while not answer.done and api.status(job_id).state == pb.JOB_STATE_RUNNING:
            c.drain(0.15)
            update = struct.pack(">I", 20000)
            c.send(h2.frame(h2.WINDOW_UPDATE, 0, stream, update)
                   + h2.frame(h2.WINDOW_UPDATE, 0, 0, update))
        c.auto = True
        big = struct.pack(">I", 1 << 30)
        if not answer.done:
            c.send(h2.frame(h2.WINDOW_UPDATE, 0, stream, big)
                   + h2.frame(h2.WINDOW_UPDATE, 0, 0, big))
        c.answer(stream, 30)
        entries = [pb.LogEntry.FromString(m) for m in answer.messages()]
        seen = [e.WhichOneof("content") for e in entries]
    data, gaps = check(entries, 8 * MIB)
    assert "gap" in seen and seen.index("gap") > 0, "the floor never passed the reader"
    assert gaps[LIMIT] + data == 8 * MIB and answer.status == 0


# The same bytes as COUNT's, one a write, until a file is there.
SINGLY = "import os, sys\n" \
         "n = 0\n" \
         "while n % 100 or not os.path.exists(sys.argv[1]):\n" \
         "    for byte in b'%07d\\n' % n: os.write(1, bytes((byte,)))\n" \
         "    n += 1\n"


def test_single_bytes_do_not_outgrow_the_limit():
    """40 bytes of index for each byte of output: they are cut, too, and followers that are
    there, come in between, or come late get what is left of both."""
    with Daemon(users=("alice",), options={"LogMax": 65536}) as d, \
            concurrent.futures.ThreadPoolExecutor() as pool:
        api = d.api("alice")
        job_id = api.create(PYTHON, "-c", SINGLY, str(d.pub / "enough"))
        streams = [api.logs(job_id)]
        api.start(job_id)
        followers = [pool.submit(list, streams[0])]
        files = [d.state / "jobs" / job_id / name for name in ("output", "index")]

        def written():
            """Of the index, as if it were whole."""
            output, index = (os.stat(f) for f in files)
            assert output.st_blocks * 512 <= 65536 + 8192
            assert index.st_blocks * 512 <= MIB + 32768
            return index.st_size

        for much in (3 * MIB // 2, 2 * MIB, 5 * MIB // 2):
            wait_for(lambda: written() > much, 60)
            streams.append(api.logs(job_id))
            followers.append(pool.submit(list, streams[-1]))
        (d.pub / "enough").touch()
        total = api.wait(job_id).usage.output_bytes
        written()
        _, gaps = check(followers[0].result(30), total)
        assert set(gaps) <= {LIMIT}
        for entries in [f.result(30) for f in followers[1:]] + [list(api.logs(job_id))]:
            data, gaps = check(entries, total)
            assert entries[0].gap.reason == LIMIT and set(gaps) == {LIMIT}
        # The last one: one gap, and all that is kept.
        assert [e.WhichOneof("content") for e in entries].count("gap") == 1
        assert 20000 <= data <= 65536
        for offset in (1, total - data - 1, total - data, total - data + 1, total - 100):
            tail = list(api.logs(job_id, offset))
            assert b"".join(e.data for e in tail) == \
                expected(max(offset, total - data), total - max(offset, total - data))
            assert (tail[0].WhichOneof("content") == "gap") == (offset < total - data)


def test_gap_is_told_by_the_cli(limited):
    api = limited.api("alice")
    job_id = api.run(*count(MIB))
    api.wait(job_id)
    done = limited.cli("alice", "logs", job_id)
    assert done.stdout == expected(8 * MIB - len(done.stdout), len(done.stdout))
    assert str(8 * MIB - len(done.stdout)).encode() in done.stderr or b"limit" in done.stderr


# --- a full disk -------------------------------------------------------------

@pytest.fixture
def small_disk():
    """A tmpfs of 4 MiB as a state directory."""
    where = tempfile.mkdtemp(prefix="telepilot-test-disk-", dir="/tmp")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "telepilot-test", where],
                   check=True)
    try:
        yield where
    finally:
        subprocess.run(["umount", where], check=True)
        os.rmdir(where)


def fill(path, leave=0):
    """Uses up the file system; its free bytes afterwards are about leave."""
    with open(path, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"\0" * 65536)
        except OSError:
            pass
        f.truncate(max(0, f.tell() - leave))


def test_full_disk_drops_and_says_so(small_disk):
    """The job is neither blocked nor killed; its output has one gap of what was lost,
    and goes on when there is room again."""
    with Daemon(users=("alice",), state_dir=small_disk) as d:
        api = d.api("alice")
        go = d.pub / "go"
        code = COUNT.format(lines=MIB, pause=1 << 40, seconds=0) + \
            f"sys.stdout.flush()\nimport os\nopen({str(d.pub / 'written')!r}, 'w')\n" \
            f"while not os.path.exists({str(go)!r}): time.sleep(0.05)\n" \
            f"for i in range({MIB}, {MIB} + 100): w('%07d\\n' % i)\n"
        job_id = api.run(PYTHON, "-c", code)
        wait_for((d.pub / "written").exists, 30)
        assert api.status(job_id).state == pb.JOB_STATE_RUNNING
        # Other verbs still answer.
        assert api.list().jobs
        subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
        go.touch()
        job = api.wait(job_id)
        assert job.end.reason == pb.END_REASON_EXITED and job.end.exit_code == 0
        total = 8 * MIB + 800
        data, gaps = check(list(api.logs(job_id)), total)
        assert set(gaps) == {DISK} and gaps[DISK] > 4 * MIB - 65536
        assert gaps[DISK] == job.usage.output_dropped_bytes and data + gaps[DISK] == total
        tail = list(api.logs(job_id, total - 100))
        assert b"".join(e.data for e in tail) == expected(total - 100, 100)


def test_job_on_a_disk_that_is_full_from_the_start(small_disk):
    """Refused with a reason, or run with all of its output lost: never a hang."""
    with Daemon(users=("alice",), state_dir=small_disk) as d:
        api = d.api("alice")
        api.sh("echo x")
        fill(os.path.join(small_disk, "filler"))
        try:
            job_id = api.run(*count(10000))
        except grpc.RpcError as e:
            assert e.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE,
                                grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INTERNAL)
            assert small_disk not in e.details()
        else:
            job = api.wait(job_id, timeout=20)
            assert job.end.exit_code == 0 and job.usage.output_bytes == 80000
        os.unlink(os.path.join(small_disk, "filler"))
        assert api.sh("echo room again") == b"room again\n"


def test_log_full_block(small_disk):
    """LogFull block: the job waits for room, and nothing is lost."""
    with Daemon(users=("alice",), state_dir=small_disk, options={"LogFull": "block"}) as d:
        api = d.api("alice")
        job_id = api.run(*count(MIB))
        wait_for(lambda: api.status(job_id).usage.output_bytes > 3 * MIB, 20)
        time.sleep(0.7)
        before = api.status(job_id)
        assert before.state == pb.JOB_STATE_RUNNING and before.usage.output_bytes < 5 * MIB
        subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
        assert api.wait(job_id, timeout=20).end.exit_code == 0
        assert check(list(api.logs(job_id)), 8 * MIB) == (8 * MIB, {})


def test_blocked_job_can_be_stopped(small_disk):
    with Daemon(users=("alice",), state_dir=small_disk, options={"LogFull": "block"}) as d:
        api = d.api("alice")
        job_id = api.run(*count(4 * MIB))
        wait_for(lambda: api.status(job_id).usage.output_bytes > 3 * MIB, 20)
        begun = time.monotonic()
        assert api.stop(job_id, grace=0).end.reason == pb.END_REASON_STOPPED
        assert time.monotonic() - begun < 10


def test_too_many_followers():
    """MaxFollowersPerJob is an answer with its name, not a hang."""
    with Daemon(users=("alice",), options={"MaxFollowersPerJob": 3}) as d:
        api = d.api("alice")
        job_id = api.run(*shell("echo x; sleep 30"))
        streams = [api.logs(job_id) for _ in range(3)]
        for s in streams:
            assert next(s).data == b"x\n"
        with refused(grpc.StatusCode.RESOURCE_EXHAUSTED):
            list(api.logs(job_id))
        streams[0].cancel()
        wait_for(lambda: reads(api, job_id), 5)
        api.stop(job_id, grace=0)


def reads(api, job_id):
    try:
        stream = api.logs(job_id)
        got = next(stream).data == b"x\n"
        stream.cancel()
        return got
    except grpc.RpcError:
        return False
