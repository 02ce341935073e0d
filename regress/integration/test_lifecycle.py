# SPDX-License-Identifier: ISC
"""The states of a job and what each verb does in each (design, section 4)."""

import concurrent.futures
import time

import grpc
import pytest

from daemon import cgroup_pids, wait_for
from protos import pb
from rpc import refused, shell

CREATED, RUNNING, EXITED, FAILED = (pb.JOB_STATE_CREATED, pb.JOB_STATE_RUNNING,
                                    pb.JOB_STATE_EXITED, pb.JOB_STATE_FAILED)


# --- create, start, end --------------------------------------------------------

def test_created_job_does_not_run(daemon, alice):
    job_id = alice.create("/bin/touch", str(daemon.pub / "too-early"))
    job = alice.status(job_id)
    assert job.state == CREATED and job.owner == "alice"
    assert list(job.args) == [str(daemon.pub / "too-early")] and job.command == "/bin/touch"
    assert not job.HasField("usage") and not job.HasField("end") and not job.HasField("start_time")
    assert not (daemon.pub / "too-early").exists()


def test_start_answers_when_the_program_runs(alice):
    job = alice.start(alice.create("/bin/sleep", "60"))
    assert job.state == RUNNING and job.HasField("start_time")
    assert not job.HasField("end")
    alice.stop(job.id, grace=0)


@pytest.mark.parametrize("script,code", [("exit 0", 0), ("exit 7", 7), ("exit 255", 255)])
def test_exit_code(alice, script, code):
    job, _ = alice.finished(*shell(script))
    assert job.state == EXITED and job.end.reason == pb.END_REASON_EXITED
    assert job.end.WhichOneof("status") == "exit_code" and job.end.exit_code == code
    assert job.end.stopped_by == ""


def test_signal(alice):
    """pid 1 cannot kill itself with a default handler; its fault the kernel forces."""
    job, _ = alice.finished("/usr/bin/python3", "-c", "import ctypes; ctypes.string_at(0)")
    assert job.state == EXITED and job.end.reason == pb.END_REASON_SIGNALED
    assert job.end.signal == 11


def test_times_are_in_order(alice):
    before = time.time_ns()
    job, _ = alice.finished("/bin/sleep", "0.2")
    times = [t.ToNanoseconds() for t in (job.create_time, job.start_time, job.end_time)]
    assert before - 10**7 <= times[0] <= times[1] < times[2] <= time.time_ns() + 10**7
    assert times[2] - times[1] >= 0.19 * 10**9


def test_usage_of_an_ended_job(alice):
    job, _ = alice.finished(*shell("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done"))
    assert job.usage.WhichOneof("cpu") and job.usage.cpu_usec > 20000
    assert job.usage.output_bytes == 5 and job.usage.output_dropped_bytes == 0


def test_usage_grows_while_running(alice):
    job_id = alice.run(*shell("echo abc; while :; do :; done"))
    first = wait_for(lambda: alice.status(job_id).usage.cpu_usec, 5)
    wait_for(lambda: alice.status(job_id).usage.cpu_usec > first, 5)
    assert wait_for(lambda: alice.status(job_id).usage.output_bytes, 5) == 4
    alice.stop(job_id, grace=0)


def test_background_process_keeps_the_job_until_pid_1_ends(alice):
    """pid 1's end is the job's: the kernel kills the rest of its namespace."""
    begun = time.monotonic()
    job, out = alice.finished(*shell("(sleep 30; echo late) & echo first"))
    assert time.monotonic() - begun < 10
    assert job.end.exit_code == 0 and out.stdout == b"first\n"


def test_start_twice(alice):
    job_id = alice.run("/bin/sleep", "30")
    with refused(grpc.StatusCode.FAILED_PRECONDITION):
        alice.start(job_id)
    alice.stop(job_id, grace=0)
    with refused(grpc.StatusCode.FAILED_PRECONDITION):
        alice.start(job_id)


def test_start_at_once_by_many_starts_once(daemon, alice):
    job_id = alice.create(*shell(f"echo x >> {daemon.pub}/starts; sleep 0.3"))
    calls = [alice.StartJob.future(pb.StartJobRequest(job_id=job_id), timeout=20)
             for _ in range(8)]
    codes = [c.code() for c in calls]
    assert codes.count(grpc.StatusCode.OK) == 1, codes
    assert codes.count(grpc.StatusCode.FAILED_PRECONDITION) == 7
    alice.wait(job_id)
    assert (daemon.pub / "starts").read_text() == "x\n"


# --- start failures ----------------------------------------------------------

def test_no_such_program(alice):
    job_id = alice.create("/bin/nope")
    with refused(grpc.StatusCode.FAILED_PRECONDITION,
                 "exec /bin/nope: No such file or directory"):
        alice.start(job_id)
    job = alice.status(job_id)
    assert job.state == FAILED and job.end.reason == pb.END_REASON_FAILED_TO_START
    assert job.end.WhichOneof("status") is None
    assert (job.end.failure.stage, job.end.failure.errno_number) == ("exec /bin/nope", 2)
    assert job.end.failure.message == "exec /bin/nope: No such file or directory"


@pytest.mark.parametrize("how,number,words", [
    ("not-executable", 13, "Permission denied"), ("directory", 13, "Permission denied"),
    ("rubbish", 8, "Exec format error"), ("no-interpreter", 2, "No such file or directory")])
def test_program_that_cannot_be_executed(daemon, alice, how, number, words):
    path = daemon.pub / how
    if how == "directory":
        path.mkdir()
    else:
        path.write_bytes({"not-executable": b"#!/bin/sh\n", "rubbish": b"\x7fELFrubbish",
                          "no-interpreter": b"#!/no/such/interpreter\n"}[how])
        path.chmod(0o644 if how == "not-executable" else 0o755)
    job_id = alice.create(str(path))
    with refused(grpc.StatusCode.FAILED_PRECONDITION, f"exec {path}: {words}"):
        alice.start(job_id)
    assert alice.status(job_id).end.failure.errno_number == number


def test_command_is_looked_up_in_the_jobs_path(daemon, alice):
    mine = daemon.pub / "mytool"
    mine.write_text("#!/bin/sh\necho from PATH\n")
    mine.chmod(0o755)
    _, out = alice.finished("mytool", env=[f"PATH={daemon.pub}:/bin"])
    assert out.stdout == b"from PATH\n"
    job_id = alice.create("mytool", env=["PATH=/bin:/usr/bin"])
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "exec mytool: No such file or directory"):
        alice.start(job_id)


def test_no_such_working_directory(alice):
    job_id = alice.create("/bin/true", workdir="/no/such/dir")
    with refused(grpc.StatusCode.FAILED_PRECONDITION,
                 "chdir /no/such/dir: No such file or directory"):
        alice.start(job_id)


def test_failed_job_is_over_for_everybody(alice):
    job_id = alice.create("/bin/nope")
    waiting = alice.WaitJob.future(pb.WaitJobRequest(job_id=job_id), timeout=20)
    reading = alice.logs(job_id)
    with refused(grpc.StatusCode.FAILED_PRECONDITION):
        alice.start(job_id)
    assert waiting.result().job.state == FAILED
    assert not [e for e in reading if e.stream != pb.STREAM_SYSTEM]
    assert alice.wait(job_id).state == FAILED
    assert alice.stop(job_id).state == FAILED
    alice.delete(job_id)


# --- waiting -----------------------------------------------------------------

def test_50_clients_wait_on_one_job(daemon, alice):
    """A connection each. One that gives up disturbs no other."""
    job_id = alice.create(*shell("sleep 1; exit 3"))
    apis = [daemon.api(user) for user in ["alice"] * 50]
    calls = [api.WaitJob.future(pb.WaitJobRequest(job_id=job_id), timeout=60) for api in apis]
    quitters = [api.WaitJob.future(pb.WaitJobRequest(job_id=job_id), timeout=60)
                for api in apis[:10]]
    time.sleep(0.5)
    for q in quitters[:5]:
        q.cancel()
    apis[49].close()
    alice.start(job_id)
    for call in calls[:49]:
        job = call.result().job
        assert job.state == EXITED and job.end.exit_code == 3
    for q in quitters[5:]:
        assert q.result().job.end.exit_code == 3
    for api in apis:
        api.close()


def test_wait_on_an_ended_job_answers_at_once(alice):
    job, _ = alice.finished("/bin/true")
    assert alice.wait(job.id, timeout=5).state == EXITED


def test_wait_on_created_waits_for_start_and_end(alice):
    job_id = alice.create(*shell("exit 9"))
    call = alice.WaitJob.future(pb.WaitJobRequest(job_id=job_id), timeout=20)
    time.sleep(0.3)
    assert not call.done()
    alice.start(job_id)
    assert call.result().job.end.exit_code == 9


# --- stop --------------------------------------------------------------------

def test_stop_of_a_job_that_ignores_sigterm(alice):
    job_id = alice.run(*shell("trap '' TERM; echo ready; while :; do sleep 0.1; done"))
    next(alice.logs(job_id))
    begun = time.monotonic()
    job = alice.stop(job_id, grace=1)
    assert 0.9 <= time.monotonic() - begun < 6
    assert job.state == EXITED and job.end.reason == pb.END_REASON_STOPPED
    assert job.end.stopped_by == "alice" and job.end.signal == 9


def test_stop_lets_a_handler_finish(alice):
    job_id = alice.run(*shell("trap 'echo bye; exit 3' TERM; echo ready;"
                              " while :; do sleep 0.05; done"))
    next(alice.logs(job_id))
    begun = time.monotonic()
    job = alice.stop(job_id, grace=20)
    assert time.monotonic() - begun < 5
    assert job.end.reason == pb.END_REASON_STOPPED and job.end.exit_code == 3
    assert alice.output(job_id).stdout == b"ready\nbye\n"


def test_stop_of_pid_1_without_a_handler_is_quick(alice):
    """The kernel drops such a signal to pid 1: nobody should wait out the grace time."""
    job_id = alice.run("/bin/sleep", "1000")
    begun = time.monotonic()
    job = alice.stop(job_id, grace=30)
    assert time.monotonic() - begun < 5
    assert job.end.reason == pb.END_REASON_STOPPED and job.end.signal == 9


def test_stop_with_grace_0_kills_at_once(alice):
    job_id = alice.run(*shell("trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done"))
    next(alice.logs(job_id))
    assert alice.stop(job_id, grace=0).end.signal == 9


def test_stop_ends_the_whole_tree(daemon, alice):
    job_id = alice.run(*shell("trap '' TERM; for i in 1 2 3 4; do"
                              " (trap '' TERM; setsid sleep 1000) & done; echo ready; wait"))
    next(alice.logs(job_id))
    assert len(cgroup_pids(daemon.cgroup)) >= 5
    alice.stop(job_id, grace=0)
    wait_for(lambda: not cgroup_pids(daemon.cgroup), 5)


def test_stop_of_created_ends_it(alice):
    job_id = alice.create("/bin/true")
    waiting = alice.WaitJob.future(pb.WaitJobRequest(job_id=job_id), timeout=20)
    job = alice.stop(job_id)
    assert job.state == EXITED and job.end.reason == pb.END_REASON_STOPPED
    assert job.end.stopped_by == "alice" and job.end.WhichOneof("status") is None
    assert waiting.result().job.state == EXITED
    with refused(grpc.StatusCode.FAILED_PRECONDITION):
        alice.start(job_id)
    assert alice.output(job_id).all == b""


def test_stop_of_ended_changes_nothing(alice):
    job, _ = alice.finished(*shell("exit 4"))
    again = alice.stop(job.id)
    assert again.end == job.end and again.end_time == job.end_time
    assert again.end.reason == pb.END_REASON_EXITED


def test_cancelled_stop_goes_on(alice):
    job_id = alice.run(*shell("trap '' TERM; echo ready; while :; do sleep 0.1; done"))
    next(alice.logs(job_id))
    call = alice.StopJob.future(pb.StopJobRequest(job_id=job_id, grace_seconds=1))
    time.sleep(0.2)
    call.cancel()
    job = alice.wait(job_id, timeout=10)
    assert job.end.reason == pb.END_REASON_STOPPED


def test_second_stop_may_shorten_the_grace(alice):
    job_id = alice.run(*shell("trap '' TERM; echo ready; while :; do sleep 0.1; done"))
    next(alice.logs(job_id))
    first = alice.StopJob.future(pb.StopJobRequest(job_id=job_id, grace_seconds=60), timeout=70)
    time.sleep(0.3)
    assert alice.status(job_id).state == pb.JOB_STATE_STOPPING
    begun = time.monotonic()
    alice.stop(job_id, grace=0)
    assert time.monotonic() - begun < 5
    assert first.result().job.state == EXITED


# --- delete ------------------------------------------------------------------

def test_delete_running_is_refused(alice):
    job_id = alice.run("/bin/sleep", "30")
    with refused(grpc.StatusCode.FAILED_PRECONDITION):
        alice.delete(job_id)
    assert alice.status(job_id).state == RUNNING
    alice.stop(job_id, grace=0)


@pytest.mark.parametrize("ended", [False, True], ids=["created", "ended"])
def test_delete_removes_job_and_files(daemon, alice, ended):
    job_id = alice.finished("/bin/echo", "x")[0].id if ended else alice.create("/bin/true")
    assert not ended or (daemon.state / "jobs" / job_id).is_dir()
    alice.delete(job_id)
    assert not (daemon.state / "jobs" / job_id).exists()
    with refused(grpc.StatusCode.PERMISSION_DENIED):
        alice.status(job_id)
    with refused(grpc.StatusCode.PERMISSION_DENIED):
        alice.delete(job_id)
    assert job_id not in [j.id for j in alice.list_all()]


def test_follower_of_a_deleted_job_reads_to_the_end(alice):
    size = 3 << 20
    job, _ = alice.finished(*shell(f"head -c {size} /dev/zero"))
    stream = alice.logs(job.id)
    got = len(next(stream).data)
    alice.delete(job.id)
    assert got + sum(len(e.data) for e in stream) == size


# --- request ids -------------------------------------------------------------

def test_same_request_id_gives_the_same_job(alice):
    first = alice.create("/bin/echo", "1", request_id="retry-1")
    assert alice.create("/bin/echo", "1", request_id="retry-1") == first
    alice.start(first)
    alice.wait(first)
    assert alice.create("/bin/echo", "1", request_id="retry-1") == first


@pytest.mark.parametrize("change", [
    {"args": ["2"]}, {"limits": {"pids": 99}}, {"env": ["A=1"]}, {"workdir": "/tmp"},
    {"merge_output": True}], ids=lambda c: next(iter(c)))
def test_same_request_id_for_another_request(alice, change):
    alice.create("/bin/echo", "1", request_id="retry-2")
    args = change.get("args", ["1"])
    with refused(grpc.StatusCode.ALREADY_EXISTS):
        alice.create("/bin/echo", *args, request_id="retry-2",
                     **{k: v for k, v in change.items() if k != "args"})


def test_request_id_is_free_after_delete(alice):
    first = alice.create("/bin/true", request_id="retry-3")
    alice.delete(first)
    assert alice.create("/bin/false", request_id="retry-3") != first


def test_retries_at_once_make_one_job(alice):
    request = pb.CreateJobRequest(command="/bin/true", request_id="retry-4")
    calls = [alice.CreateJob.future(request, timeout=20) for _ in range(16)]
    assert len({c.result().job_id for c in calls}) == 1


# --- lists -------------------------------------------------------------------

def test_list_is_newest_first_and_paged(daemon):
    api = daemon.api("dave")
    ids = [api.create("/bin/echo", str(i)) for i in range(25)]
    assert [j.id for j in api.list_all()] == ids[::-1]
    assert [j.id for j in api.list_all(page_size=7)] == ids[::-1]
    page = api.list(page_size=7)
    assert len(page.jobs) <= 7 and page.next_page_token
    # A page goes on where it was, whatever is created meanwhile.
    api.create("/bin/true")
    after = api.list(page_size=3, page_token=page.next_page_token)
    assert after.jobs[0].id == ids[::-1][len(page.jobs)]


def test_list_of_jobs_with_long_arguments(daemon):
    """Each may have 48 KiB of them: the list cuts, status does not, and it all fits."""
    api = daemon.api("dave")
    big = ["x" * 40000]
    ids = [api.create("/bin/echo", *big) for _ in range(60)]
    jobs = {j.id: j for j in api.list_all()}
    for job_id in ids:
        assert jobs[job_id].args_truncated and len(jobs[job_id].args[0]) < 4096
    assert list(api.status(ids[0]).args) == big and not api.status(ids[0]).args_truncated


@pytest.mark.parametrize("token", ["x", "-1", "99999999999999999999999", "\u263a"])
def test_list_with_a_token_that_is_none(alice, token):
    with refused(grpc.StatusCode.INVALID_ARGUMENT, field="page_token"):
        alice.list(page_token=token)


# --- concurrency -------------------------------------------------------------

def test_many_verbs_at_once(daemon, alice):
    """Start, stop, wait, logs and delete of 40 jobs against each other: every answer
    is one of the allowed, and every job ends."""
    def one(i):
        job_id = alice.create(*shell(f"echo {i}; sleep 0.0{i % 10}"))
        calls = [alice.StartJob.future(pb.StartJobRequest(job_id=job_id), timeout=30),
                 alice.StopJob.future(pb.StopJobRequest(job_id=job_id), timeout=30),
                 alice.WaitJob.future(pb.WaitJobRequest(job_id=job_id), timeout=30)]
        codes = [c.code() for c in calls]
        assert codes[1] == codes[2] == grpc.StatusCode.OK, codes
        assert codes[0] in (grpc.StatusCode.OK, grpc.StatusCode.FAILED_PRECONDITION)
        alice.delete(job_id)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(40)))
    wait_for(lambda: not daemon.spawners(), 5)
