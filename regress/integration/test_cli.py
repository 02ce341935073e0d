# SPDX-License-Identifier: ISC
"""telepilot(1) as people and scripts use it: the lines that must work as they stand,
exit codes, signals, and what it says when something is wrong."""

import json
import os
import signal
import subprocess
import time

import pytest

from daemon import descendants, wait_for
from paths import BUILD, TELEPILOT
from protos import pb
from rpc import UNKNOWN_ID

HELLO = """
job_id=$(telepilot create --cpu 0.5 --memory 512MB --io 10MB/s -- /bin/bash -c "echo Hello")
telepilot start "${job_id}"; telepilot status "${job_id}"; telepilot logs "${job_id}"; telepilot wait "${job_id}"
echo "exit $?"
"""


def bash(daemon, user, script, timeout=60):
    """Runs lines as a user would type them, with telepilot in the PATH."""
    env = daemon.cli_env(user)
    env["PATH"] = f"{BUILD}:{env['PATH']}"
    return subprocess.run(["bash", "-c", script], env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                          check=False)


# --- the main job, as it stands in the README ----------------------------------

def test_the_lines_of_the_main_job(daemon):
    done = bash(daemon, "alice", HELLO)
    assert done.stderr == b"", done.stderr
    lines = done.stdout.decode().splitlines()
    assert lines[-2:] == ["Hello", "exit 0"], lines
    assert any("alice" in x for x in lines)
    assert "512" in done.stdout.decode() or "488" in done.stdout.decode()


def test_run_hello(daemon):
    done = bash(daemon, "alice", 'telepilot run bash -c "echo Hello"')
    assert (done.returncode, done.stdout, done.stderr) == (0, b"Hello\n", b"")


def test_create_prints_the_id_alone(daemon, alice):
    done = daemon.cli("alice", "create", "--cpu", "0.5", "--memory", "512MB", "--io", "10MB/s",
                      "--pids", "20", "--", "/bin/true", check=True)
    job_id = done.stdout.decode().rstrip("\n")
    job = alice.status(job_id)
    assert done.stdout == job_id.encode() + b"\n" and done.stderr == b""
    assert job.state == pb.JOB_STATE_CREATED
    assert job.limits.cpu_cores == 0.5 and job.limits.memory_bytes == 512_000_000
    assert job.limits.io_read_bytes_per_second == job.limits.io_write_bytes_per_second == 10**7
    assert job.limits.pids == 20


# --- output ------------------------------------------------------------------

def test_stdout_to_stdout_and_stderr_to_stderr(daemon):
    done = daemon.cli("alice", "run", "sh", "-c", "echo out; echo err >&2")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"out\n", b"err\n")


def test_logs_keeps_them_apart_too(daemon, alice):
    job_id = alice.finished("/bin/sh", "-c", "printf out; printf err >&2")[0].id
    done = daemon.cli("alice", "logs", job_id)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"out", b"err")


def test_binary_output(daemon):
    done = daemon.cli("alice", "run", "/usr/bin/python3", "-c",
                      "import os; os.write(1, bytes(range(256)))")
    assert done.stdout == bytes(range(256))


def test_options_of_the_command_are_the_commands(daemon):
    done = daemon.cli("alice", "run", "echo", "--cpu", "-h", "--", "-x")
    assert done.stdout == b"--cpu -h -- -x\n"


def test_output_into_a_closed_pipe_ends_quietly(daemon):
    done = bash(daemon, "alice", "telepilot run sh -c 'while :; do echo y; done' | head -n 1")
    assert done.stdout == b"y\n"
    assert b"rror" not in done.stderr


def test_full_output_is_an_error(daemon):
    with open("/dev/full", "wb") as full:
        done = daemon.cli("alice", "run", "echo", "x", stdout=full)
    assert done.returncode == 125 and b"space" in done.stderr


# --- exit codes --------------------------------------------------------------

@pytest.mark.parametrize("script,code", [
    ("exit 0", 0), ("exit 1", 1), ("exit 42", 42), ("exit 125", 125), ("exit 255", 255)])
def test_run_exits_as_the_job_did(daemon, script, code):
    assert daemon.cli("alice", "run", "sh", "-c", script).returncode == code


def test_run_of_a_job_that_a_signal_ended(daemon):
    done = daemon.cli("alice", "run", "/usr/bin/python3", "-c",
                      "import ctypes; ctypes.string_at(0)")
    assert done.returncode == 128 + signal.SIGSEGV


def test_wait_exits_as_the_job_did(daemon, alice):
    job_id = alice.run("/bin/sh", "-c", "exit 17")
    for _ in range(2):
        assert daemon.cli("alice", "wait", job_id).returncode == 17


def test_wait_of_a_stopped_job(daemon, alice):
    job_id = alice.run("/bin/sleep", "100")
    waiting = daemon.cli_start("alice", "wait", job_id)
    daemon.cli("alice", "stop", job_id, check=True)
    assert waiting.wait(10) == 128 + signal.SIGKILL


@pytest.mark.parametrize("command,code,words", [
    ("/bin/nope", 127, b"No such file or directory"),
    ("no-such-program-anywhere", 127, b"No such file or directory"),
    ("/etc/passwd", 126, b"Permission denied"), ("/etc", 126, b"Permission denied")])
def test_run_of_what_cannot_be_executed(daemon, command, code, words):
    """126 and 127 as the shell's, by errno (podman 367 had them from words)."""
    done = daemon.cli("alice", "run", command)
    assert done.returncode == code and words in done.stderr and done.stdout == b""


def test_run_in_a_directory_that_is_not_there(daemon):
    """That is no matter of the command: 125, whatever the errno."""
    done = daemon.cli("alice", "run", "--workdir", "/nope", "true")
    assert done.returncode == 125 and b"chdir /nope" in done.stderr


@pytest.mark.parametrize("args", [
    [], ["nonsense"], ["run"], ["create"], ["status"], ["logs"], ["wait"], ["--nonsense"],
    ["run", "--nonsense", "true"], ["create", "--memory"], ["ps", "extra"]])
def test_usage_errors_are_125(daemon, args):
    done = daemon.cli("alice", *args)
    assert done.returncode == 125 and done.stdout == b"" and done.stderr


@pytest.mark.parametrize("verb", ["start", "stop", "status", "logs", "wait", "rm"])
def test_what_is_no_id_is_125(daemon, verb):
    for bad in (UNKNOWN_ID, "no-uuid"):
        done = daemon.cli("alice", verb, bad)
        assert done.returncode == 125 and done.stdout == b"" and done.stderr


def test_help_goes_to_stdout_and_is_0(daemon):
    for args in (["--help"], ["help"], ["run", "--help"], ["help", "run"]):
        done = daemon.cli(None, *args)
        assert done.returncode == 0 and b"usage" in done.stdout.lower(), args
    for verb in (b"create", b"start", b"stop", b"status", b"logs", b"wait", b"run", b"ps", b"rm"):
        assert verb in daemon.cli(None, "--help").stdout


# --- values ------------------------------------------------------------------

@pytest.mark.parametrize("text,value", [
    ("512MB", 512 * 10**6), ("512MiB", 512 << 20), ("1.5G", 3 << 29), ("512m", 512 << 20),
    ("1048576", 1 << 20), ("1024kB", 1024000), ("1024k", 1 << 20), ("0.5GiB", 1 << 29),
    ("1gb", 10**9)])
def test_sizes(daemon, alice, text, value):
    job_id = daemon.cli("alice", "create", "--memory", text, "--", "true",
                        check=True).stdout.decode().strip()
    assert alice.status(job_id).limits.memory_bytes == value


@pytest.mark.parametrize("option,value,right", [
    ("--memory", "12XB", "512MB"), ("--memory", "-5MB", "512MB"), ("--memory", "", "512MB"),
    ("--memory", "lots", "512MB"), ("--io", "10 MB/s", "10MB/s"), ("--io", "10MB/m", "10MB/s"),
    ("--cpu", "half", "0.5"), ("--cpu", "0", "0.5"), ("--cpu", "-1", "0.5"),
    ("--cpu", "1e3", "0.5"), ("--pids", "many", ""), ("--pids", "0", ""),
    ("--memory", "99999999999999999999G", "")])
def test_wrong_value_is_named_and_the_right_form_shown(daemon, option, value, right):
    done = daemon.cli("alice", "create", f"{option}={value}", "--", "true")
    said = done.stderr.decode()
    assert done.returncode == 125 and done.stdout == b""
    assert option in said and right in said, said
    assert not value or value in said


def test_limit_that_the_server_refuses_names_the_field(daemon):
    done = daemon.cli("alice", "create", "--cpu", "1000", "--", "true")
    assert done.returncode == 125 and b"cpu" in done.stderr


# --- tables and JSON ---------------------------------------------------------

def test_status_for_people(daemon, alice):
    job_id = alice.run("/bin/sh", "-c", "exit 3")
    alice.wait(job_id)
    said = daemon.cli("alice", "status", job_id, check=True).stdout.decode()
    for word in (job_id, "alice", "exited", "3", "/bin/sh"):
        assert word in said, said


def test_status_json(daemon, alice):
    job_id = alice.run("/bin/sh", "-c", "echo x; exit 3", limits={"pids": 33})
    alice.wait(job_id)
    job = json.loads(daemon.cli("alice", "status", "--format", "json", job_id, check=True).stdout)
    assert job["id"] == job_id and job["owner"] == "alice" and job["state"] == "exited"
    assert job["command"] == "/bin/sh" and job["args"] == ["-c", "echo x; exit 3"]
    assert job["end"]["reason"] == "exited" and job["end"]["exit_code"] == 3
    assert job["limits"]["pids"] == 33 and job["usage"]["output_bytes"] == 2
    assert job["create_time"] <= job["start_time"] <= job["end_time"]


def test_status_json_of_a_failure(daemon, alice):
    job_id = alice.create("/bin/nope")
    daemon.cli("alice", "start", job_id)
    job = json.loads(daemon.cli("alice", "status", "--format", "json", job_id).stdout)
    assert job["state"] == "failed" and job["end"]["reason"] == "failed_to_start"
    assert job["end"]["failure"] == {
        "stage": "exec /bin/nope", "errno": 2,
        "message": "exec /bin/nope: No such file or directory"}


def test_ps_and_list_are_one(daemon):
    ids = [daemon.cli("dave", "create", "--", "echo", str(i), check=True).stdout.decode().strip()
           for i in range(3)]
    for verb in ("ps", "list"):
        said = daemon.cli("dave", verb, check=True).stdout.decode()
        lines = said.splitlines()
        assert len(lines) == 4 and "ID" in lines[0].upper(), said
        assert [line.split()[0] for line in lines[1:]] == ids[::-1]
    jobs = json.loads(daemon.cli("dave", "ps", "--format", "json", check=True).stdout)
    assert [j["id"] for j in jobs] == ids[::-1]


def test_ps_of_nobodys_jobs(daemon):
    assert json.loads(daemon.cli("bob", "ps", "--format", "json", check=True).stdout) == []
    assert len(daemon.cli("bob", "ps", check=True).stdout.splitlines()) == 1


def test_table_shows_no_control_characters(daemon):
    daemon.cli("dave", "create", "--", "/bin/\x1b[31mred\nline", check=True)
    said = daemon.cli("dave", "ps", check=True).stdout.decode()
    assert "\x1b" not in said and "red" in said


def test_wrong_format(daemon):
    done = daemon.cli("alice", "ps", "--format", "yaml")
    assert done.returncode == 125 and b"json" in done.stderr


# --- rm ----------------------------------------------------------------------

def test_rm(daemon, alice):
    ended = alice.finished("/bin/true")[0].id
    running = alice.run("/bin/sleep", "100")
    assert daemon.cli("alice", "rm", ended).returncode == 0
    assert daemon.cli("alice", "status", ended).returncode == 125
    assert daemon.cli("alice", "rm", running).returncode == 125
    assert alice.status(running).state == pb.JOB_STATE_RUNNING
    alice.stop(running, grace=0)


# --- signals -----------------------------------------------------------------

def running_job(alice):
    """The one running job of alice's."""
    def look():
        return [j.id for j in alice.list_all() if j.state == pb.JOB_STATE_RUNNING]
    return wait_for(look, 10)[0]


def test_ctrl_c_on_run_stops_the_job(daemon, alice):
    proc = daemon.cli_start("alice", "run", "sh", "-c",
                            "trap 'echo stopping; exit 9' TERM INT; echo ready;"
                            " while :; do sleep 0.05; done", stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)
    assert proc.stdout.readline() == b"ready\n"
    job_id = running_job(alice)
    proc.send_signal(signal.SIGINT)
    out, _ = proc.communicate(timeout=15)
    assert out == b"stopping\n" and proc.returncode == 9
    job = alice.status(job_id)
    assert job.end.reason == pb.END_REASON_STOPPED and job.end.stopped_by == "alice"


def test_second_ctrl_c_leaves(daemon, alice):
    proc = daemon.cli_start("alice", "run", "sh", "-c",
                            "trap '' TERM INT; echo ready; while :; do sleep 0.05; done",
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert proc.stdout.readline() == b"ready\n"
    job_id = running_job(alice)
    proc.send_signal(signal.SIGINT)
    wait_for(lambda: alice.status(job_id).state == pb.JOB_STATE_STOPPING, 5)
    begun = time.monotonic()
    proc.send_signal(signal.SIGINT)
    proc.communicate(timeout=15)
    assert time.monotonic() - begun < 4 and proc.returncode in (125, 130)
    alice.stop(job_id, grace=0)


def test_ctrl_c_on_logs_leaves_the_job_alone(daemon, alice):
    job_id = alice.run("/bin/sh", "-c", "echo x; sleep 100")
    proc = daemon.cli_start("alice", "logs", job_id, stdout=subprocess.PIPE)
    assert proc.stdout.readline() == b"x\n"
    proc.send_signal(signal.SIGINT)
    assert proc.wait(5) != 0
    assert alice.status(job_id).state == pb.JOB_STATE_RUNNING
    proc.stdout.close()
    alice.stop(job_id, grace=0)


def test_run_while_the_daemon_loses_the_connection(daemon):
    """125 and words, not a hang and not the job's code."""
    proc = daemon.cli_start("bob", "run", "sh", "-c", "echo ready; sleep 100",
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert proc.stdout.readline() == b"ready\n"
    killed = set(daemon.netds())
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    _, err = proc.communicate(timeout=15)
    assert proc.returncode == 125 and err
    # The waiting ones went, too: until that was noticed, one may be handed a connection.
    wait_for(lambda: daemon.netds() and not killed & set(descendants(daemon.pid)), 5)
    bob = daemon.api("bob")
    bob.stop(running_job(bob), grace=0)


def test_nothing_is_read_from_stdin(daemon):
    """A loop over lines must not lose its lines to run (the ssh -n trap)."""
    done = bash(daemon, "alice",
                f"printf '1\\n2\\n3\\n' | while read x; do {TELEPILOT} run echo $x; done")
    assert done.stdout == b"1\n2\n3\n"
