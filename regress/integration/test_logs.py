# SPDX-License-Identifier: ISC
"""The output: every byte, in order, to every reader, whenever it comes."""

import hashlib
import os
import struct
import subprocess
import threading
import time

import grpc
import pytest

import h2raw as h2
from daemon import wait_for
from paths import SANITIZED, TELEPILOT
from protos import pb
from rpc import STDERR, STDOUT, refused, shell

PYTHON = "/usr/bin/python3"
MIB = 1 << 20


def test_bytes_of_every_value(alice):
    _, out = alice.finished(PYTHON, "-c",
                            "import os; os.write(1, bytes(range(256)) * 50)")
    assert out.stdout == bytes(range(256)) * 50


def test_last_line_without_newline(alice):
    for _ in range(20):
        _, out = alice.finished("/usr/bin/printf", "x")
        assert out.all == b"x"


def test_no_output_at_all(alice):
    _, out = alice.finished("/bin/true")
    assert out.entries == 0


def test_stdout_and_stderr_are_kept_apart(alice):
    _, out = alice.finished(*shell("echo out1; echo err1 >&2; echo out2; echo err2 >&2"))
    assert out.stdout == b"out1\nout2\n" and out.stderr == b"err1\nerr2\n"


def test_order_between_streams_when_the_program_waits(alice):
    job_id = alice.run(*shell("for i in 1 2 3; do echo o$i; sleep 0.1; echo e$i >&2; sleep 0.1;"
                              " done"))
    got = [(e.stream, e.data) for e in alice.logs(job_id)]
    assert got == [(s, b"%c%d\n" % (c, i)) for i in (1, 2, 3)
                   for s, c in ((STDOUT, ord("o")), (STDERR, ord("e")))]


def test_merged_output_has_the_programs_order(alice):
    script = "i=0; while [ $i -lt 500 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done"
    _, out = alice.finished(*shell(script), merge_output=True)
    assert out.stdout == b"".join(b"o%d\ne%d\n" % (i, i) for i in range(500))
    assert out.stderr == b""


def test_output_is_live(daemon, alice):
    """Each line is read while the job waits for the reader: it goes on only when its
    last line has arrived, on both streams."""
    step = daemon.pub / "step"
    job_id = alice.run(*shell(f"i=0; while [ $i -lt 10 ]; do echo out$i; echo err$i >&2;"
                              f" while ! test -e {step}$i; do sleep 0.02; done; i=$((i+1)); done"))
    seen, entries = b"", 0
    for entry in alice.logs(job_id, timeout=30):
        seen += entry.data
        entries += 1
        i = seen.count(b"\n") // 2 - 1
        if b"out%d\n" % i in seen and b"err%d\n" % i in seen:
            (daemon.pub / f"step{i}").touch()
    assert seen.count(b"\n") == 20 and entries >= 10


def test_stream_of_a_created_job_waits_for_its_start(alice):
    job_id = alice.create("/bin/echo", "hello")
    got = []
    reader = threading.Thread(target=lambda: got.append(alice.output(job_id).stdout))
    reader.start()
    time.sleep(0.3)
    assert not got
    alice.start(job_id)
    reader.join(10)
    assert got == [b"hello\n"]


def test_times_lie_within_the_job(alice):
    job, out = alice.finished(*shell("echo a; sleep 0.2; echo b"))
    start, end = job.start_time.ToNanoseconds(), job.end_time.ToNanoseconds()
    slack = 50 * 10**6
    assert len(out.times) == 2 and out.times[1] - out.times[0] >= 150 * 10**6
    assert start - slack <= out.times[0] <= out.times[1] <= end + slack


@pytest.fixture(scope="module")
def numbers(alice):
    """A job that printed 10,000 lines of 10 bytes."""
    return alice.finished(PYTHON, "-c", "import sys; sys.stdout.write("
                          "'%09d\\n' * 10000 % tuple(range(10000)))")[0].id


@pytest.mark.parametrize("offset", [0, 1, 4095, 4096, 65536, 99999, 100000])
def test_offset(alice, numbers, offset):
    whole = b"".join(b"%09d\n" % i for i in range(10000))
    entries = list(alice.logs(numbers, offset))
    assert b"".join(e.data for e in entries) == whole[offset:]
    if entries:
        assert entries[0].offset == offset


@pytest.mark.parametrize("offset", [100001, 1 << 40, (1 << 63) + 5, (1 << 64) - 1])
def test_offset_past_the_end_of_an_ended_job(alice, numbers, offset):
    with refused(grpc.StatusCode.OUT_OF_RANGE, "100000", field="offset"):
        list(alice.logs(numbers, offset))


def test_offset_on_a_running_job_that_is_not_there_yet(alice):
    job_id = alice.run(*shell("echo 12345; sleep 0.5; echo 67890"))
    assert b"".join(e.data for e in alice.logs(job_id, 8)) == b"890\n"


def test_entries_are_of_sensible_size(alice):
    """A message a line would be slow, one of a megabyte would not fit."""
    job_id = alice.run(*shell(f"head -c {8 * MIB} /dev/zero"))
    alice.wait(job_id)
    entries = [len(e.data) for e in alice.logs(job_id)]
    assert sum(entries) == 8 * MIB
    assert max(entries) <= MIB and len(entries) <= 8 * MIB // 8192


# --- many readers --------------------------------------------------------------

@pytest.fixture(scope="module")
def blob(daemon):
    """16 MiB that no two places of are alike."""
    path = daemon.pub / "blob"
    path.write_bytes(os.urandom(16 * MIB))
    path.chmod(0o644)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_20_followers_early_and_late_are_byte_equal(daemon, alice, blob):
    """Ten wait before the start, five come in the middle, five after the end."""
    path, want = blob
    # In two halves with a pause, on both streams' records in between.
    job_id = alice.create(*shell(f"head -c 8000001 {path}; sleep 1; tail -c +8000002 {path}"))
    results = {}

    def follow(name):
        api = daemon.api("alice")
        try:
            results[name] = api.digest(job_id, timeout=120)
        finally:
            api.close()

    def begin(names):
        threads = [threading.Thread(target=follow, args=(n,)) for n in names]
        for t in threads:
            t.start()
        return threads

    threads = begin([f"early-{i}" for i in range(10)])
    time.sleep(0.5)
    alice.start(job_id)
    time.sleep(0.5)
    threads += begin([f"middle-{i}" for i in range(5)])
    alice.wait(job_id, timeout=60)
    threads += begin([f"late-{i}" for i in range(5)])
    for t in threads:
        t.join(120)
    assert len(results) == 20
    assert {r for r in results.values()} == {(want, 16 * MIB)}, results


WRITER = """
import os, sys
block = open({path!r}, "rb").read()
for i in range({count}):
    data = i.to_bytes(8, "big") + block
    while data:
        data = data[os.write(1, data):]
"""


@pytest.mark.limit(170)
def test_1_gib_of_binary_output_is_byte_equal(daemon, alice, blob):
    """Through telepilot logs, following live."""
    path, _ = blob
    block = path.read_bytes()
    count = -(-(1 << 30) // (len(block) + 8))
    job_id = alice.create(PYTHON, "-c", WRITER.format(path=str(path), count=count))
    follower = daemon.cli_start("alice", "logs", job_id, stdout=subprocess.PIPE)
    alice.start(job_id)
    got, total = hashlib.sha256(), 0
    while piece := os.read(follower.stdout.fileno(), MIB):
        got.update(piece)
        total += len(piece)
    assert follower.wait(30) == 0
    follower.stdout.close()
    want = hashlib.sha256()
    for i in range(count):
        want.update(i.to_bytes(8, "big"))
        want.update(block)
    assert total == count * (len(block) + 8) >= 1 << 30
    assert got.hexdigest() == want.hexdigest()
    assert alice.status(job_id).usage.output_bytes == total
    alice.delete(job_id)


def test_follower_that_never_reads_blocks_nobody(daemon, alice, blob):
    """It opens no window and reads nothing: the job ends, others read all, and the
    stalled one finds everything later."""
    path, want = blob
    job_id = alice.create("/bin/cat", str(path))
    stalled = []
    for window in (0, 1, 65535):
        c = h2.Connection(daemon, send_settings=h2.settings((h2.INITIAL_WINDOW_SIZE, window)),
                          auto=False)
        c.send(h2.frame(h2.SETTINGS, h2.ACK, 0))
        stream = c.open(h2.request(h2.SERVICE + "StreamLogs"))
        c.data(stream, h2.message(pb.LogRequest(job_id=job_id).SerializeToString()), end=True)
        stalled.append((c, stream))
    begun = time.monotonic()
    alice.start(job_id)
    assert alice.digest(job_id) == (want, 16 * MIB)
    assert alice.wait(job_id).end.exit_code == 0
    assert time.monotonic() - begun < 20
    c, stream = stalled[1]
    c.auto = True
    c.send(h2.frame(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 30))
           + h2.frame(h2.WINDOW_UPDATE, 0, stream, struct.pack(">I", 1 << 30)))
    answer = c.answer(stream, 60)
    data = b"".join(pb.LogEntry.FromString(m).data for m in answer.messages())
    assert hashlib.sha256(data).hexdigest() == want and answer.status == 0
    for c, _ in stalled:
        c.close()


def test_netds_memory_is_bounded_by_a_stalled_follower(daemon, alice, blob):
    """What cannot be sent is not read: 16 MiB wait on disk, not in memory."""
    path, _ = blob
    job_id = alice.run("/bin/cat", str(path))
    alice.wait(job_id)
    before = set(daemon.netds())
    with h2.Connection(daemon, send_settings=h2.settings((h2.INITIAL_WINDOW_SIZE, 1 << 30)),
                       auto=False) as c:
        c.send(h2.frame(h2.SETTINGS, h2.ACK, 0)
               + h2.frame(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 30)))
        for _ in range(8):
            stream = c.open(h2.request(h2.SERVICE + "StreamLogs"))
            c.data(stream, h2.message(pb.LogRequest(job_id=job_id).SerializeToString()), end=True)
        time.sleep(1.5)

        def private(pid):
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                return next(int(x.split()[1]) for x in f if x.startswith("Private_Dirty"))

        most = max(private(p) for p in before | set(daemon.netds()))
        assert SANITIZED or most < 8 * 1024     # KiB


def test_slow_reader_of_run_gets_every_byte(daemon, blob):
    """64 KiB at a time into a pipe that is read slowly: moby 43860, docker/cli 5957."""
    path, want = blob
    proc = daemon.cli_start("alice", "run", "--", "/bin/cat", str(path), stdout=subprocess.PIPE)
    sha, n = hashlib.sha256(), 0
    while piece := os.read(proc.stdout.fileno(), 256 * 1024):
        sha.update(piece)
        n += len(piece)
        time.sleep(0.005)
    proc.stdout.close()
    assert proc.wait(10) == 0
    assert (sha.hexdigest(), n) == (want, 16 * MIB)


def test_100_short_runs_lose_no_tail(daemon):
    script = f'i=0; while [ $i -lt 100 ]; do {TELEPILOT} run printf x || exit 1; i=$((i+1)); done'
    done = subprocess.run(["sh", "-c", script], env=daemon.cli_env("alice"),
                          stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=120,
                          check=False)
    assert done.returncode == 0 and done.stdout == b"x" * 100


def test_fast_chatter_on_both_streams(alice):
    """Many small records; every one of both streams arrives, in order."""
    code = ("import os\nfor i in range(20000):\n"
            " os.write(1 + (i & 1), b'%06d\\n' % i)")
    job, out = alice.finished(PYTHON, "-c", code)
    assert job.end.exit_code == 0
    assert out.stdout == b"".join(b"%06d\n" % i for i in range(0, 20000, 2))
    assert out.stderr == b"".join(b"%06d\n" % i for i in range(1, 20000, 2))


def test_files_on_disk_are_roots(daemon, alice):
    job, _ = alice.finished("/bin/echo", "x")
    where = daemon.state / "jobs" / job.id
    wait_for(lambda: (where / "end").exists(), 5)
    for name in ("output", "index", "end"):
        st = os.stat(where / name)
        assert st.st_uid == 0 and st.st_mode & 0o077 == 0, name
    assert (where / "output").read_bytes() == b"x\n"
    assert os.stat(daemon.state).st_mode & 0o077 == 0
