# SPDX-License-Identifier: ISC
"""A real telepilotd with its own certificates, state and cgroup, for one test
module, and the proof that it leaves nothing behind when it ends.

Only processes that this file started are ever signalled, and only cgroups
below a group of our own are touched."""

import contextlib
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from paths import BUILD, NET_UID, TELEPILOT, TELEPILOTD

USERS = ("alice", "bob", "dave")
SANITIZER = re.compile(r"(ERROR|WARNING): \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer")


class TestFailure(AssertionError):
    """The daemon did something that no test of it should have to expect."""
    __test__ = False


def wait_for(what, timeout=10.0, interval=0.02, message=None):
    """Calls what() until it gives something true; fails after timeout."""
    end = time.monotonic() + timeout
    while True:
        got = what()
        if got:
            return got
        if time.monotonic() > end:
            raise TestFailure(f"not within {timeout} s: {message or what}")
        time.sleep(interval)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# --- the host's cgroups ------------------------------------------------------

def cgroup2_mount():
    """Mount point of cgroup v2: the whole of it, or the hybrid host's part."""
    with open("/proc/self/mounts", encoding="utf-8") as f:
        for line in f:
            fields = line.split()
            if fields[2] == "cgroup2":
                return pathlib.Path(fields[1])
    raise TestFailure("this host has no cgroup v2 mount")


def own_cgroups():
    """{controllers: path below its mount} of this process; "" is v2."""
    own = {}
    with open("/proc/self/cgroup", encoding="utf-8") as f:
        for line in f:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            own[controllers] = path
    return own


def own_cgroup2():
    return cgroup2_mount() / own_cgroups()[""].lstrip("/")


def is_hybrid():
    """True if the controllers that limits need are not on cgroup v2."""
    have = (cgroup2_mount() / "cgroup.controllers").read_text().split()
    return "memory" not in have


def v1_groups():
    """Directories below our own groups of the v1 controllers."""
    found = set()
    for controllers, path in own_cgroups().items():
        if controllers in ("", "name=systemd"):
            continue
        base = pathlib.Path("/sys/fs/cgroup") / controllers / path.lstrip("/")
        if base.is_dir():
            for root, dirs, _ in os.walk(base):
                found.update(os.path.join(root, d) for d in dirs)
    return found


def cgroup_pids(path):
    pids = []
    for root, _, _ in os.walk(path):
        with contextlib.suppress(OSError):
            with open(os.path.join(root, "cgroup.procs"), encoding="ascii") as f:
                pids += [int(p) for p in f.read().split()]
    return pids


# --- processes ---------------------------------------------------------------

def proc_stat(pid):
    """(ppid, start time, state) or None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[1]), int(fields[19]), fields[0]


def descendants(pid):
    """{pid: start time} of all processes below pid, itself not included."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            st = proc_stat(int(name))
            if st is not None:
                parents[int(name)] = st
    found, todo = {}, [pid]
    while todo:
        parent = todo.pop()
        for child, st in parents.items():
            if st[0] == parent and child not in found:
                found[child] = st[1]
                todo.append(child)
    return found


def children(pid, comm=None):
    """Direct children, optionally only those with this program name."""
    found = []
    for child in descendants(pid):
        st = proc_stat(child)
        if st is None or st[0] != pid or st[2] == "Z":
            continue
        if comm is not None:
            try:
                name = pathlib.Path(f"/proc/{child}/comm").read_text().strip()
            except OSError:
                continue
            if name != comm[:15]:
                continue
        found.append(child)
    return found


def open_fds(pid):
    """What the process has open, as a sorted list of link targets."""
    links = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            links.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
    return sorted(links)


def mounts():
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        return set(f)


class Daemon:
    """options: {"Keyword": value or [values]} for the configuration file.
    state_dir: a directory made by the caller (e.g. on a small tmpfs). prefix: a
    command that execs the daemon, e.g. in a mount namespace with another /etc/passwd."""

    def __init__(self, users=USERS, options=None, state_dir=None, start=True,
                 server_key_type=None, prefix=()):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="telepilot-test-", dir="/tmp"))
        self.dir.chmod(0o755)
        self.etc = self.dir / "etc"
        self.state = pathlib.Path(state_dir) if state_dir else self.dir / "state"
        self.run = self.dir / "run"
        self.pub = self.dir / "pub"     # where jobs of all users may write
        self.pub.mkdir()
        self.pub.chmod(0o1777)
        self.run.mkdir(mode=0o755)
        self.state.mkdir(mode=0o700, exist_ok=True)
        self.port = free_port()
        self.addr = f"127.0.0.1:{self.port}"
        self.options = dict(options or {})
        self.users = users
        self.config = self.dir / "telepilotd.conf"
        self.stderr_path = self.dir / "stderr"
        self.cgroup = own_cgroup2() / f"telepilot-{self.dir.name}"
        self.proc = None
        self.notified = []
        self._notify = None
        self._mounts = None
        self._v1 = None
        self._channels = []
        self.ended_by_test = False
        self.prefix = list(prefix)
        self._make_certificates(server_key_type)
        self.write_config()
        if start:
            self.start()

    # -- setting up --

    def _ca(self, *args):
        subprocess.run([TELEPILOT, "ca", *args, "--dir", self.etc], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=60)

    def _make_certificates(self, server_key_type):
        extra = ["--key-type", server_key_type] if server_key_type else []
        self._ca("init", "--host", "127.0.0.1", "--host", "localhost", *extra)
        for user in self.users:
            self._ca("issue", user, "--server", self.addr)

    def profile(self, user):
        return self.etc / "profiles" / user

    def cert(self, user):
        """(certificate, key) files of a user."""
        return self.profile(user) / "cert.pem", self.profile(user) / "key.pem"

    @property
    def server_ca(self):
        return self.etc / "ca" / "server-ca.pem"

    def default_options(self):
        opts = {
            "ListenAddress": self.addr,
            "ServerCertificate": self.etc / "server.pem",
            "ServerKey": self.etc / "server.key",
            "ClientCA": self.etc / "client-ca.pem",
            "StateDirectory": self.state,
            "RuntimeDirectory": self.run,
            "NetUser": f"{NET_UID}:{NET_UID}",
            "CgroupParent": self.cgroup,
            "LogLevel": "debug",
        }
        if is_hybrid():
            opts["WeakLimits"] = "io"
        return opts

    def write_config(self, **changes):
        """Writes the configuration; changes stay for later writes too."""
        self.options.update(changes)
        opts = self.default_options()
        opts.update(self.options)
        lines = []
        for key, value in opts.items():
            for one in value if isinstance(value, list) else [value]:
                lines.append(f"{key} {one}\n")
        self.config.write_text("".join(lines))

    # -- running --

    def start(self):
        self._mounts = mounts()
        self._v1 = v1_groups()
        self.cgroup.mkdir(exist_ok=True)
        notify_path = self.dir / "notify"
        with contextlib.suppress(FileNotFoundError):
            notify_path.unlink()
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(notify_path))
        self.notified = []
        env = {k: v for k, v in os.environ.items() if not k.startswith("TELEPILOT")}
        # Must not reach a job; test_namespaces looks for it there.
        env["TELEPILOT_TEST_SECRET"] = "of the daemon's environment"
        env["NOTIFY_SOCKET"] = str(notify_path)
        with open(self.stderr_path, "ab") as err:
            self.proc = subprocess.Popen(
                [*self.prefix, TELEPILOTD, "-f", self.config], stdin=subprocess.DEVNULL,
                stdout=err, stderr=err, env=env, start_new_session=True,
                extra_groups=[0, 42])   # must not reach a job or netd
        try:
            wait_for(self._accepts, 20, message="telepilotd accepts connections")
        except TestFailure:
            self.kill()
            raise TestFailure("telepilotd did not start:\n" + self.log()) from None

    def _accepts(self):
        if self.proc.poll() is not None:
            raise TestFailure(f"telepilotd ended with {self.proc.returncode}:\n{self.log()}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False

    @property
    def pid(self):
        return self.proc.pid

    def log(self):
        return self.stderr_path.read_text(errors="replace") if self.stderr_path.exists() else ""

    def notifications(self, timeout=0.0):
        """Everything the daemon said by sd_notify so far, as lines."""
        while select.select([self._notify], [], [], timeout)[0]:
            self.notified += self._notify.recv(4096).decode().splitlines()
            timeout = 0.0
        return self.notified

    def reload(self):
        """SIGHUP; returns what was logged because of it."""
        before = len(self.log())
        os.kill(self.pid, signal.SIGHUP)
        wait_for(lambda: len(self.log()) > before, 10, message="a log line after SIGHUP")
        time.sleep(0.3)
        return self.log()[before:]

    def netds(self):
        return children(self.pid, "telepilot-netd")

    def spawners(self):
        return children(self.pid, "telepilot-spawner")

    # -- clients --

    def cli_env(self, user):
        env = {"PATH": os.environ["PATH"], "HOME": str(self.dir), "LANG": "C.UTF-8"}
        if user is not None:
            env["TELEPILOT_PROFILE"] = f"{self.profile(user)}/"
        for key in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if key in os.environ:
                env[key] = os.environ[key]
        return env

    def cli(self, user, *args, check=False, timeout=60, **kw):
        """Runs telepilot(1) as user; stdout and stderr are bytes."""
        kw.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run([str(TELEPILOT), *map(str, args)], env=self.cli_env(user),
                              stdout=kw.pop("stdout", subprocess.PIPE),
                              stderr=kw.pop("stderr", subprocess.PIPE), timeout=timeout, **kw)
        if done.stderr and SANITIZER.search(done.stderr.decode(errors="replace")):
            raise TestFailure("telepilot:\n" + done.stderr.decode(errors="replace"))
        if check and done.returncode != 0:
            raise TestFailure(f"telepilot {args} exits {done.returncode}: {done.stderr!r}")
        return done

    def cli_start(self, user, *args, **kw):
        """The same without waiting: a Popen, to be ended by the caller."""
        kw.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen([str(TELEPILOT), *map(str, args)], env=self.cli_env(user), **kw)

    def api(self, user, **kw):
        """An rpc.Api over a new python3-grpcio channel, closed with the daemon."""
        import rpc  # pylint: disable=import-outside-toplevel
        api = rpc.Api.connect(self, user, **kw)
        self._channels.append(api)
        return api

    def close_clients(self):
        for api in self._channels:
            api.close()
        self._channels = []

    # -- ending --

    def kill(self):
        """The hard way: the daemon's own process group, and its jobs' cgroup."""
        self.close_clients()
        if self.proc is not None and self.proc.poll() is None:
            below = descendants(self.pid)
            os.killpg(self.pid, signal.SIGKILL)
            self.proc.wait()
            for pid, started in below.items():
                st = proc_stat(pid)
                if st is not None and st[1] == started:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            (self.cgroup / "cgroup.kill").write_text("1")

    def stop(self, timeout=45):
        """SIGTERM; it exits 0 and leaves nothing. Fails with all that it finds. A test
        that ends the daemon itself says so by ended_by_test."""
        problems = []
        self.close_clients()
        if self.proc is None:
            return
        below = descendants(self.pid)
        if self.ended_by_test:
            self.proc.wait(timeout)
        elif self.proc.poll() is not None:
            problems.append(f"telepilotd had ended before: {self.proc.returncode}")
        else:
            self.proc.send_signal(signal.SIGTERM)
            try:
                self.proc.wait(timeout)
            except subprocess.TimeoutExpired:
                problems.append(f"telepilotd runs on {timeout} s after SIGTERM")
                self.kill()
        if self.proc.returncode != 0:
            problems.append(f"telepilotd exits {self.proc.returncode}")
        problems += self._leftovers(below)
        found = SANITIZER.search(self.log())
        if found:
            problems.append("sanitizer report")
        self.proc = None
        self._notify.close()
        if problems:
            with contextlib.suppress(OSError):
                (self.cgroup / "cgroup.kill").write_text("1")
            tail = self.log()[max(0, found.start() - 500):] if found else self.log()[-3000:]
            raise TestFailure("; ".join(problems) + "\n" + tail)

    def _leftovers(self, below):
        def alive():
            now = {p: proc_stat(p) for p in below}
            return [p for p, st in now.items()
                    if st is not None and st[1] == below[p] and st[2] != "Z"]

        problems = []
        for what, look in (
                ("processes", alive),
                ("processes in its cgroup", lambda: cgroup_pids(self.cgroup)),
                ("cgroups", lambda: [d for d in self.cgroup.glob("*") if d.is_dir()]
                 if self.cgroup.exists() else []),
                ("v1 cgroups", self._v1_left),
                ("mounts", self._mounts_left)):
            try:
                wait_for(lambda look=look: not look(), 5)
            except TestFailure:
                problems.append(f"left {what}: {look()}")
        return problems

    def _v1_left(self):
        # Others may run daemons of their own at the same time: only groups that
        # carry our parent's name or one of our jobs' ids are ours.
        return [d for d in v1_groups() - self._v1
                if self.dir.name in d or f"-{self.proc.pid}" in d]

    def _mounts_left(self):
        return [m for m in mounts() - self._mounts
                if str(self.dir) in m or " - nsfs " in m or " - cgroup2 " in m]

    def remove_cgroup(self):
        """What is empty of it."""
        for root, dirs, _ in os.walk(self.cgroup, topdown=False):
            for d in dirs:
                with contextlib.suppress(OSError):
                    os.rmdir(os.path.join(root, d))
        with contextlib.suppress(OSError):
            self.cgroup.rmdir()

    def remove(self):
        """The scratch directory and the cgroup; call after stop()."""
        self.remove_cgroup()
        shutil.rmtree(self.dir, ignore_errors=True)

    def close(self):
        try:
            self.stop()
        except TestFailure:
            self.kill()
            raise
        finally:
            if os.environ.get("KEEP") is None:
                self.remove()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def built():
    """Why the daemon cannot be tested, or None."""
    missing = [p.name for p in (TELEPILOTD, TELEPILOT, BUILD / "telepilot-netd",
                                BUILD / "telepilot-spawner") if not p.exists()]
    return f"not built: {', '.join(missing)}" if missing else None
