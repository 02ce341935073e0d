# SPDX-License-Identifier: ISC
"""What a job is and sees: its ids, processes, network, mounts, environment and
descriptors, looked at from inside and from the host."""

import ast
import os
import socket
import stat
import subprocess

import pytest

from daemon import mounts
from protos import pb
from rpc import shell

BLOCK = 65536
FIRST_ID, LAST_ID = 1879048192, 2147352575
PYTHON = "/usr/bin/python3"


def in_python(api, code, **fields):
    """Runs Python code in a job; its stdout."""
    job, out = api.finished(PYTHON, "-c", code, **fields)
    assert job.end.exit_code == 0, out.stderr.decode()
    return out.stdout.decode()


# --- processes ---------------------------------------------------------------

def test_job_is_pid_1(alice):
    assert alice.sh("echo $$") == b"1\n"


def test_job_leads_a_session_of_its_own(alice):
    assert in_python(alice, "import os; print(os.getsid(0), os.getpgid(0))") == "1 1\n"


def test_proc_shows_only_the_jobs_processes(alice):
    got = alice.sh("sleep 5 & cd /proc; echo [0-9]*; readlink self; kill $!")
    pids = [int(p) for p in got.split()]
    assert pids and max(pids) < 20, got


def test_host_processes_cannot_be_signalled(daemon, alice):
    job, _ = alice.finished(*shell(f"kill -0 {daemon.pid} || kill -0 {os.getpid()}"))
    assert job.end.exit_code != 0


def test_every_namespace_is_its_own(alice):
    kinds = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
    got = alice.sh(" && ".join(f"readlink /proc/self/ns/{k}" for k in kinds)).decode().split()
    assert len(got) == len(kinds)
    for kind, one in zip(kinds, got):
        assert one.startswith(f"{kind}:[") and one != os.readlink(f"/proc/self/ns/{kind}")


def test_cgroup_view_begins_at_the_job(alice):
    assert b"0::/\n" in alice.sh("cat /proc/self/cgroup")


def test_hostname_change_stays_inside(alice):
    before = socket.gethostname()
    alice.finished(*shell("hostname changed-by-job || echo changed-by-job"
                          " > /proc/sys/kernel/hostname"))
    assert socket.gethostname() == before


def test_sysv_ipc_is_not_shared(alice):
    """A segment in one job is in no list of another's or the host's."""
    code = ("import ctypes, sys; c = ctypes.CDLL(None); "
            "print(c.shmget(0x7e1e9107, 4096, 0o1600)); sys.stdout.flush(); "
            "import time; time.sleep(60)")
    job_id = alice.run(PYTHON, "-c", code)
    assert int(next(alice.logs(job_id)).data) >= 0
    assert b"2116981511" not in alice.sh("cat /proc/sysvipc/shm")
    with open("/proc/sysvipc/shm", encoding="ascii") as f:
        assert "2116981511" not in f.read()
    alice.stop(job_id, grace=0)


# --- ids ---------------------------------------------------------------------

def host_ids(daemon, api, name):
    api.sh(f"test $(id -u) = 0 && echo made by root > {daemon.pub}/{name}")
    st = os.stat(daemon.pub / name)
    return st.st_uid, st.st_gid


def test_file_created_as_root_is_the_owners_on_disk(daemon, alice, bob):
    first = host_ids(daemon, alice, "a")
    assert FIRST_ID <= first[0] <= LAST_ID and first[0] == first[1]
    assert (first[0] - FIRST_ID) % BLOCK == 0
    assert host_ids(daemon, alice, "a2") == first
    other = host_ids(daemon, bob, "b")
    assert abs(other[0] - first[0]) >= BLOCK


def test_one_owners_file_is_shut_for_another(daemon, alice, bob):
    alice.sh(f"umask 077; echo private > {daemon.pub}/private")
    job, out = bob.finished(*shell(f"cat {daemon.pub}/private; echo x >> {daemon.pub}/private"))
    assert job.end.exit_code != 0 and out.stdout == b""
    assert alice.sh(f"cat {daemon.pub}/private") == b"private\n"


def test_map_has_no_id_of_anybody_else(alice):
    for which in ("uid_map", "gid_map"):
        rows = [[int(n) for n in line.split()]
                for line in alice.sh(f"cat /proc/self/{which}").decode().splitlines()]
        assert rows
        low = min(r[1] for r in rows)
        for _, outside, count in rows:
            assert outside >= FIRST_ID and outside + count - 1 <= LAST_ID
            # The block's last id is the supervisors'.
            assert outside + count - 1 < low + BLOCK - 1


def test_supplementary_groups_are_empty(alice):
    assert alice.sh("id -G") == b"0\n"
    assert alice.sh("grep ^Groups: /proc/self/status").split() == [b"Groups:"]


def test_group_root_file_0040_stays_shut(daemon, alice):
    secret = daemon.pub / "of-group-root"
    secret.write_text("secret")
    os.chown(secret, 0, 0)
    secret.chmod(0o040)
    job, out = alice.finished("/bin/cat", str(secret))
    assert job.end.exit_code != 0 and b"Permission denied" in out.stderr


def test_roots_files_stay_shut(daemon, alice):
    for path in ("/etc/shadow", str(daemon.etc / "server.key"), str(daemon.state / "jobs")):
        job, out = alice.finished(*shell(f"ls {path}/ || cat {path}"))
        assert job.end.exit_code != 0 and out.stdout == b"", path


def test_kernel_settings_are_not_writable(alice):
    with open("/proc/sys/kernel/core_pattern", encoding="ascii") as f:
        before = f.read()
    for path in ("/proc/sys/kernel/core_pattern", "/dev/kmsg", "/proc/sysrq-trigger",
                 "/proc/sys/vm/drop_caches", "/proc/sys/kernel/modprobe"):
        job, _ = alice.finished(*shell(f"echo h > {path}"))
        assert job.end.exit_code != 0, path
    with open("/proc/sys/kernel/core_pattern", encoding="ascii") as f:
        assert f.read() == before


def test_no_new_privs_is_set(alice):
    assert alice.sh("grep ^NoNewPrivs: /proc/self/status").split()[1] == b"1"


def test_setuid_program_gives_nothing(daemon, alice):
    """The host's setuid root programs run with the job's own rights."""
    own = host_ids(daemon, alice, "before-setuid")[0]
    tool = daemon.pub / "setuid-id"
    tool.write_bytes(open("/usr/bin/touch", "rb").read())
    os.chown(tool, 0, 0)
    tool.chmod(0o4755)
    alice.sh(f"{tool} {daemon.pub}/by-setuid")
    assert os.stat(daemon.pub / "by-setuid").st_uid == own


# --- network -----------------------------------------------------------------

def test_loopback_is_the_only_interface_and_is_up(alice):
    names = alice.sh("sed 1,2d /proc/net/dev | cut -d: -f1").split()
    assert names == [b"lo"]
    got = in_python(alice, """
import socket, threading
s = socket.create_server(("127.0.0.1", 0))
c = socket.create_connection(s.getsockname(), 5)
s.accept()[0].sendall(b"through lo")
print(c.recv(100).decode())
""")
    assert got == "through lo\n"


def test_no_address_is_reachable(daemon, alice):
    got = in_python(alice, f"""
import socket
for address in ("127.0.0.1", {daemon.port}), ("192.0.2.1", 80), ("10.0.0.1", 22):
    s = socket.socket()
    s.settimeout(3)
    try:
        s.connect(address)
        print("REACHED", address)
    except OSError as e:
        print(e.errno)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try:
    u.sendto(b"x", ("192.0.2.1", 53))
    print("SENT")
except OSError as e:
    print(e.errno)
""").split()
    assert got == ["111", "101", "101", "101"]      # ECONNREFUSED, ENETUNREACH


def test_abstract_sockets_of_the_host_are_not_there(daemon, alice):
    name = f"telepilot-test-{daemon.port}"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind("\0" + name)
        s.listen()
        got = in_python(alice, f"""
import socket
try:
    socket.socket(socket.AF_UNIX).connect("\\0{name}")
    print("REACHED")
except OSError as e:
    print(e.errno)
""")
    assert got == "111\n"


# --- mounts ------------------------------------------------------------------

def test_mount_in_a_job_is_unseen_elsewhere(daemon, alice, bob):
    mark = daemon.pub / "mnt"
    mark.mkdir()
    os.chmod(mark, 0o777)
    before = mounts()
    job_id = alice.run(*shell(
        f"mount -t tmpfs inside {mark} && echo x > {mark}/inside && echo mounted; sleep 60"))
    first = next(alice.logs(job_id))
    assert first.data == b"mounted\n", first
    assert not list(mark.iterdir())
    assert mounts() == before
    for other in (alice, bob):
        assert other.sh(f"ls {mark}") == b""
        assert b" inside " not in other.sh("cat /proc/self/mountinfo")
    alice.stop(job_id, grace=0)


def test_mount_of_the_hosts_is_unseen_in_a_job_that_runs(daemon, alice):
    """Private both ways: what is mounted later does not come in."""
    where = daemon.pub / "shared"
    where.mkdir()
    # Under a mount that propagates, whatever the host's root does.
    host = ["mount", "-t", "tmpfs", "-o", "mode=0777"]
    subprocess.run([*host, "telepilot-test", where], check=True)
    try:
        subprocess.run(["mount", "--make-shared", where], check=True)
        (where / "sub").mkdir()
        job_id = alice.run(*shell(f"echo ready; while ! test -e {where}/go; do sleep 0.05; done;"
                                  " ls " + str(where / "sub")))
        stream = alice.logs(job_id)
        assert next(stream).data == b"ready\n"
        subprocess.run([*host, "telepilot-test", where / "sub"], check=True)
        (where / "sub" / "late").touch()
        (where / "go").touch()
        assert not list(stream)
        assert alice.wait(job_id).end.exit_code == 0
    finally:
        subprocess.run(["umount", "-R", where], check=True)


def test_mount_on_the_host_is_not_taken_away(daemon, alice):
    """umount in a job is the job's own affair."""
    before = mounts()
    alice.finished(*shell("umount -l /proc; umount -l /sys; umount -l /dev; true"))
    assert mounts() == before and os.path.exists("/proc/self")
    assert daemon.proc.poll() is None


# --- what it was started with --------------------------------------------------

def test_environment_is_clean(alice):
    job, out = alice.finished("/usr/bin/env")
    env = dict(line.split("=", 1) for line in out.stdout.decode().splitlines())
    assert job.end.exit_code == 0
    assert set(env) == {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TELEPILOT_JOB_ID"}
    assert env["TELEPILOT_JOB_ID"] == job.id and env["USER"] == "alice"


def test_the_daemons_environment_does_not_leak(daemon, alice):
    with open(f"/proc/{daemon.pid}/environ", "rb") as f:
        assert b"TELEPILOT_TEST_SECRET" in f.read()     # else this proves nothing
    got = alice.sh("cat /proc/[0-9]*/environ")
    assert b"SECRET" not in got and b"NOTIFY_SOCKET" not in got


def test_environment_of_the_request(alice):
    got = alice.sh('echo "$A|$EMPTY|$PATH"', env=["A=1", "A=2 words", "EMPTY=", "PATH=/bin"])
    assert got == b"2 words||/bin\n"


def test_only_three_descriptors(alice):
    """ls itself opens the fourth, to read the directory."""
    assert alice.sh("exec ls /proc/self/fd").split() == [b"0", b"1", b"2", b"3"]
    where = in_python(alice, "import os\n"
                      "for i in range(3): print(os.readlink(f'/proc/self/fd/{i}'))")
    links = where.split()
    assert links[0] == "/dev/null"
    assert links[1].startswith("pipe:") and links[2].startswith("pipe:") and links[1] != links[2]


def test_stdin_is_at_its_end(alice):
    assert alice.sh("cat; echo ended") == b"ended\n"


def test_working_directory(daemon, alice):
    assert alice.sh("pwd; readlink /proc/self/cwd") == b"/\n/\n"
    assert alice.sh("pwd", workdir=str(daemon.pub)) == f"{daemon.pub}\n".encode()


def test_signals_umask_and_limits_are_the_defaults(alice):
    got = alice.sh("grep -E '^Sig(Blk|Ign|Cgt):' /proc/self/status; umask; ulimit -c")
    fields = got.split()
    assert fields[1] == b"0" * 16 and fields[3] == b"0" * 16
    assert fields[-2:] == [b"0022", b"0"]


def test_arguments_arrive_exactly(alice):
    args = ["", " ", "a b", "*", "$HOME", "'\"", "\u263a", "-n", "--", "new\nline", "\x7f\x01"]
    job, out = alice.finished(PYTHON, "-c", "import sys; print(ascii(sys.argv[1:]))", *args)
    assert job.end.exit_code == 0
    assert ast.literal_eval(out.stdout.decode()) == args


def test_supervisor_has_no_privileges(daemon, alice):
    job_id = alice.run("/bin/sleep", "60")
    pids = daemon.spawners()
    assert len(pids) == 1
    with open(f"/proc/{pids[0]}/status", encoding="ascii") as f:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    uids = {int(u) for u in status["Uid"].split()}
    assert len(uids) == 1 and (uids.pop() - FIRST_ID) % BLOCK == BLOCK - 1
    assert status["Groups"].strip() == ""
    for caps in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[caps], 16) == 0, caps
    assert status["NoNewPrivs"] == "1"
    assert alice.stop(job_id, grace=0).end.reason == pb.END_REASON_STOPPED


def test_jobs_of_one_owner_cannot_see_each_other(alice):
    job_id = alice.run(*shell("echo here; exec sleep 61.5"))
    next(alice.logs(job_id))
    got = alice.sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    assert b"61.5" not in got
    alice.stop(job_id, grace=0)


@pytest.mark.parametrize("path", ["/proc/1/root", "/proc/self/root"])
def test_own_root_is_not_the_host_by_another_name(alice, daemon, path):
    """Until jobs have a root of their own the host's files are seen with the owner's
    rights: through /proc/1/root too, no more than that."""
    job, out = alice.finished(*shell(f"cat {path}{daemon.etc}/server.key"))
    assert job.end.exit_code != 0 and out.stdout == b""


def test_mode_of_what_a_job_makes(daemon, alice):
    alice.sh(f"echo x > {daemon.pub}/mode; mkdir {daemon.pub}/mode-dir")
    assert stat.S_IMODE(os.stat(daemon.pub / "mode").st_mode) == 0o644
    assert stat.S_IMODE(os.stat(daemon.pub / "mode-dir").st_mode) == 0o755
