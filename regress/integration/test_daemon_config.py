# SPDX-License-Identifier: ISC
"""telepilotd's configuration and command line, like sshd's: every error with file and
line, all of them at once; -t, -T, -o; what is missing, and how to make it."""

import os
import re
import shutil
import signal
import subprocess

import pytest

import pki
import tls
from daemon import Daemon, cgroup_pids, v1_groups, wait_for
from paths import BUILD, TELEPILOTD
from protos import pb


@pytest.fixture
def stopped():
    """Certificates and a good configuration, but no daemon that runs."""
    d = Daemon(users=("alice",), start=False)
    d.cgroup.mkdir()
    yield d
    d.remove()


def run(*args, timeout=20, **kw):
    done = subprocess.run([TELEPILOTD, *map(str, args)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                          check=False, **kw)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_good_configuration_is_taken(stopped):
    code, out, err = run("-t", "-f", stopped.config)
    assert code == 0, err
    assert out == ""


WRONG_LINES = [
    "NoSuchKeyword x", "MaxStreams many", "MaxStreams -1", "ListenAddress 127.0.0.1:99999",
    "LogLevel loud", "LoginGraceTime 5 parsecs", "Identity dns", "WeakLimits cpu",
    "IdRange 5", "IdRange 0-65536", "NetUser 0:0", "CgroupParent relative/path",
    "LogFull explode", "MaxMessageSize 1TB", "User alice", 'StateDirectory "unclosed',
    "TrustDomain", "MaxJobs 5 6"]


@pytest.mark.parametrize("line", WRONG_LINES)
def test_wrong_line_is_named(stopped, tmp_path, line):
    conf = tmp_path / "one.conf"
    # First value wins: the wrong line stands before the good ones.
    conf.write_text(f"# a comment\n\n{line}\n" + stopped.config.read_text())
    code, _, err = run("-t", "-f", conf)
    assert code != 0 and f"{conf}:3:" in err, err


def test_all_errors_are_reported_at_once(stopped, tmp_path):
    conf = tmp_path / "many.conf"
    conf.write_text("".join(f"{x}\n" for x in WRONG_LINES) + stopped.config.read_text())
    code, _, err = run("-t", "-f", conf)
    assert code != 0
    for number in range(1, len(WRONG_LINES) + 1):
        assert f"{conf}:{number}:" in err, (number, WRONG_LINES[number - 1], err)


def test_daemon_with_a_wrong_configuration_does_not_start(stopped, tmp_path):
    conf = tmp_path / "bad.conf"
    conf.write_text(stopped.config.read_text() + "Nonsense yes\n")
    code, _, err = run("-f", conf)
    assert code != 0 and f"{conf}:" in err


def test_missing_configuration_file(tmp_path):
    code, _, err = run("-t", "-f", tmp_path / "none.conf")
    assert code != 0 and "none.conf" in err and "No such file" in err


def test_configuration_of_rubbish(stopped, tmp_path):
    conf = tmp_path / "rubbish.conf"
    conf.write_bytes(os.urandom(4000) + b"\n" + b"x" * 100000 + b"\n")
    code, _, err = run("-t", "-f", conf)
    assert code != 0 and f"{conf}:" in err
    # Nothing of it reaches a terminal as it is.
    assert all(c in "\n\t" or c.isprintable() for c in err)


def settings(out):
    return dict(line.split(None, 1) for line in out.lower().splitlines() if " " in line)


def test_effective_configuration(stopped):
    code, out, err = run("-T", "-f", stopped.config)
    assert code == 0, err
    found = settings(out)
    assert found["listenaddress"] == stopped.addr
    assert found["statedirectory"].strip('"') == str(stopped.state)
    for keyword in ("maxstreams", "maxmessagesize", "stopgrace", "trustdomain", "idrange",
                    "maxconnectionspersource", "logmax", "logfull", "defaultpids"):
        assert keyword in found, out


def test_effective_configuration_is_a_configuration(stopped, tmp_path):
    _, out, _ = run("-T", "-f", stopped.config)
    again = tmp_path / "again.conf"
    again.write_text("".join(f"{x}\n" for x in out.splitlines()
                             if x and x[0].isalpha() and not x.startswith("limit ")))
    code, second, err = run("-T", "-f", again)
    assert code == 0, err
    assert settings(second) == settings(out)


def test_option_on_the_command_line_wins(stopped):
    _, out, _ = run("-T", "-f", stopped.config, "-o", "MaxStreams=7", "-o", "LogLevel=error")
    assert settings(out)["maxstreams"] == "7" and settings(out)["loglevel"] == "error"


def test_first_value_wins(stopped, tmp_path):
    conf = tmp_path / "twice.conf"
    conf.write_text("MaxStreams 8\nmaxstreams 9\n" + stopped.config.read_text())
    _, out, _ = run("-T", "-f", conf)
    assert settings(out)["maxstreams"] == "8"


@pytest.mark.parametrize("option", ["Nonsense=1", "MaxStreams=x", "MaxStreams", "=1"])
def test_wrong_option_on_the_command_line(stopped, option):
    code, _, err = run("-t", "-f", stopped.config, "-o", option)
    assert code != 0 and err


@pytest.mark.parametrize("args", [["-x"], ["--nonsense"], ["extra"], ["-f"], ["-o"]])
def test_usage(args):
    code, _, err = run(*args)
    assert code != 0 and "usage" in err.lower()


# --- -T looks, and does nothing else --------------------------------------------

def limits(text):
    """What is said of this host: of -T's comments, or of the daemon's log."""
    return sorted(set(re.findall(r"(?m)(?:^# |telepilotd: )(limit \w+: .*)$", text)))


def groups(d):
    """All groups that are the daemon's, with the processes in them."""
    v2 = {root: sorted(cgroup_pids(root)) for root, _, _ in os.walk(d.cgroup)}
    return v2, sorted(g for g in v1_groups() if d.dir.name in g)


def test_print_beside_a_running_daemon():
    with Daemon(users=("alice",)) as d:
        api = d.api("alice")
        job_id = api.run("/bin/sleep", "100")
        before, state = groups(d), sorted(os.listdir(d.state))
        code, out, err = run("-T", "-f", d.config)
        assert code == 0 and err == ""
        assert len(limits(out)) >= 4 and limits(out) == limits(d.log()), out
        assert groups(d) == before and sorted(os.listdir(d.state)) == state
        assert api.status(job_id).state == pb.JOB_STATE_RUNNING
        assert api.sh("echo still") == b"still\n"
        api.stop(job_id, grace=0)


def test_print_after_a_crash_and_without_the_group(stopped):
    """Neither is what a killed daemon left touched, nor is a group made."""
    left = stopped.cgroup / "users" / "alice" / "01234567-89ab-4cde-8f01-23456789abcd"
    left.mkdir(parents=True)
    with subprocess.Popen(["/bin/sleep", "100"]) as job:
        (left / "cgroup.procs").write_text(str(job.pid))
        code, first, _ = run("-T", "-f", stopped.config)
        assert code == 0 and job.poll() is None and left.is_dir()
        job.kill()
    wait_for(lambda: not cgroup_pids(left), 5)
    stopped.remove_cgroup()
    code, second, _ = run("-T", "-f", stopped.config)
    assert code == 0 and not stopped.cgroup.exists()
    assert limits(first) == limits(second) != []


# --- what is missing -----------------------------------------------------------

@pytest.mark.parametrize("keyword", ["ServerCertificate", "ServerKey", "ClientCA"])
def test_missing_certificate_says_how_to_make_it(stopped, keyword):
    stopped.write_config(**{keyword: stopped.dir / "missing.pem"})
    code, _, err = run("-f", stopped.config)
    assert code != 0
    assert "missing.pem" in err and "telepilot ca init" in err, err


def test_bare_daemon_without_etc_telepilot():
    """In a mount namespace where /etc/telepilot, if there is one, is empty."""
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c",
         "[ ! -d /etc/telepilot ] || mount -t tmpfs none /etc/telepilot; exec \"$0\"",
         str(TELEPILOTD)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=20, check=False)
    err = done.stderr.decode()
    assert done.returncode != 0 and "telepilot ca init" in err, err


def test_key_that_others_may_read_is_refused_or_warned_of(stopped):
    (stopped.etc / "server.key").chmod(0o644)
    done = start_and_stop(stopped)
    assert "server.key" in done


def test_ed25519_server_key_is_refused_with_its_reason(stopped):
    """A scheme that is not randomised could repeat a signature (design, section 3)."""
    ca = pki.Authority.of_clients(stopped)
    cert, key = ca.issue("server", key=pki.ed25519_key(), eku=(pki.SERVER_AUTH,))
    stopped.write_config(ServerCertificate=cert, ServerKey=key)
    code, _, err = run("-f", stopped.config)
    assert code != 0 and "ed25519" in err.lower(), err


def test_key_of_another_certificate(stopped):
    ca = pki.Authority.of_clients(stopped)
    _, key = ca.issue("server")
    stopped.write_config(ServerKey=key)
    code, _, err = run("-f", stopped.config)
    assert code != 0 and ("key" in err.lower()), err


def start_and_stop(d):
    """What it says when it is started and at once ended; it may refuse to start."""
    with subprocess.Popen([TELEPILOTD, "-f", d.config], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as proc:
        try:
            wait_for(lambda: proc.poll() is not None or _accepts(d), 10)
        finally:
            proc.terminate()
        return proc.communicate(timeout=20)[1].decode()


def _accepts(d):
    try:
        tls.tcp(d, 1).close()
        return True
    except OSError:
        return False


def test_state_directory_open_to_others(stopped):
    stopped.state.chmod(0o777)
    said = start_and_stop(stopped)
    assert str(stopped.state) in said
    assert os.stat(stopped.state).st_mode & 0o077 == 0 or "777" in said or "mode" in said


def test_second_daemon_on_the_same_port(stopped):
    with Daemon(users=("alice",)) as other:
        stopped.write_config(ListenAddress=other.addr)
        code, _, err = run("-f", stopped.config)
        assert code != 0 and str(other.port) in err and "in use" in err, err


def test_second_daemon_on_the_same_state(stopped):
    with Daemon(users=("alice",)) as other:
        stopped.write_config(StateDirectory=other.state)
        code, _, err = run("-f", stopped.config)
        assert code != 0 and err
        assert other.api("alice").sh("echo still") == b"still\n"


def test_helpers_that_others_may_write_are_refused(stopped, tmp_path):
    for name in ("telepilotd", "telepilot-netd", "telepilot-spawner"):
        shutil.copy(BUILD / name, tmp_path / name)
    (tmp_path / "telepilot-netd").chmod(0o777)
    done = subprocess.run([tmp_path / "telepilotd", "-f", stopped.config], timeout=20,
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    assert done.returncode != 0 and b"telepilot-netd" in done.stderr


@pytest.mark.parametrize("name", ["telepilot-netd", "telepilot-spawner"])
def test_helper_started_by_hand_says_who_starts_it(name):
    done = subprocess.run([BUILD / name], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          timeout=20, check=False)
    assert done.returncode == 2 and b"telepilotd" in done.stderr


def test_sigint_ends_it_in_good_order(stopped):
    with subprocess.Popen([TELEPILOTD, "-f", stopped.config], stdin=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as proc:
        wait_for(lambda: _accepts(stopped), 10)
        proc.send_signal(signal.SIGINT)
        assert proc.wait(20) == 0


def test_debug_speaks_to_stderr(stopped):
    stopped.write_config(LogLevel="error")
    with subprocess.Popen([TELEPILOTD, "-d", "-f", stopped.config], stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE) as proc:
        wait_for(lambda: _accepts(stopped), 10)
        proc.terminate()
        assert len(proc.communicate(timeout=20)[1].splitlines()) > 3
