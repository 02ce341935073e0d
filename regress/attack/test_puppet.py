# SPDX-License-Identifier: ISC
"""A netd that was taken over (puppet_netd.c): whatever it says to the monitor, nothing
is granted that the request table does not grant, it costs its own connection and one
line of the log, and the monitor serves the others on."""

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import time

import pytest

import daemon as daemon_mod
from daemon import Daemon, open_fds, wait_for
from paths import BUILD, SANITIZED, SRC

# common/ipc.h
CONN, AUTH_OK, REPLY = 2, 3, 4
READY, AUTH = 32, 33
CREATE, START, STOP, STATUS, WAIT, LIST, DELETE, LOGS, CANCEL = range(48, 57)
OK, PERMISSION_DENIED = 0, 7
STREAMS = 100       # MaxStreams
BODY_MAX = 65536
SERIAL, FINGERPRINT = "01ab", "cd" * 32
UNKNOWN = bytes(range(16))


def text(s):
    b = s if isinstance(s, bytes) else s.encode()
    return struct.pack(">I", len(b)) + b


def auth(user="alice", serial=SERIAL, fingerprint=FINGERPRINT):
    return text(user) + text(serial) + text(fingerprint)


def msg(kind, number, body=b""):
    return struct.pack(">HHI", kind, 0, number) + body


class Puppet:
    def __init__(self, daemon, user="alice"):
        self.sock = socket.create_connection(("127.0.0.1", daemon.port), timeout=20)
        if user is not None:
            self.say(AUTH, 0, auth(user))
            assert self.hear()[0] == AUTH_OK

    def command(self, what, data=b"", times=1):
        self.sock.sendall(what + struct.pack(">II", times, len(data)) + data)

    def say(self, kind, number, body=b"", times=1):
        self.command(b"m", msg(kind, number, body), times)

    def _take(self, n):
        data = b""
        while len(data) < n:
            got = self.sock.recv(n - len(data))
            if not got:
                raise EOFError
            data += got
        return data

    def hear(self):
        """(type, id, body, descriptors) of the monitor's next message."""
        nfds, length = struct.unpack(">II", self._take(8))
        data = self._take(length)
        kind, _, number = struct.unpack(">HHI", data[:8])
        return kind, number, data[8:], nfds

    def ask(self, kind, number, body=b""):
        """The status of the answer, the rest of it, and how many descriptors came."""
        self.say(kind, number, body)
        got, answered, data, nfds = self.hear()
        assert (got, answered) == (REPLY, number)
        return data[0], data, nfds

    def dead(self, timeout=20):
        """True when the monitor has ended it."""
        self.sock.settimeout(timeout)
        try:
            while self.sock.recv(65536):
                pass
        except ConnectionError:
            pass
        except socket.timeout:
            return False
        return True

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


@pytest.fixture(scope="module")
def puppets(tmp_path_factory):
    """A daemon whose netds are puppets."""
    libexec = tmp_path_factory.mktemp("libexec")
    libexec.chmod(0o755)
    subprocess.run(["cc", "-O1", "-Wall", "-o", libexec / "telepilot-netd",
                    SRC / "regress" / "attack" / "puppet_netd.c"], check=True, timeout=60)
    shutil.copy(BUILD / "telepilot-spawner", libexec / "telepilot-spawner")
    d = Daemon(options={"LibexecDirectory": libexec, "LoginGraceTime": "2s",
                        "SpareConnections": 2})
    yield d
    d.close()


def settled(d):
    """Its descriptors when only the spare netds are there."""
    with contextlib.suppress(daemon_mod.TestFailure):
        wait_for(lambda: len(d.netds()) == 2, 20)
    time.sleep(0.1)
    return len(open_fds(d.pid))


@pytest.fixture
def quiet(puppets):
    """What every attack must leave: the same descriptors, one line, a living daemon."""
    before, log = settled(puppets), len(puppets.log())
    yield puppets
    wait_for(lambda: settled(puppets) == before, 20, message=f"{before} descriptors again, not "
             f"{len(open_fds(puppets.pid))}")
    assert puppets.proc.poll() is None
    with Puppet(puppets, "bob") as p:
        assert p.ask(STATUS, 1, UNKNOWN)[0] == PERMISSION_DENIED
    told = [x for x in puppets.log()[log:].splitlines()
            if "broke the protocol" in x or "does not exit" in x or "nobody logged in" in x]
    assert len(told) == 1, told


# limits: nothing asked for
LIMITS = struct.pack(">IQQQQQQQ", 0, 0, 2 ** 64 - 1, 0, 0, 0, 0, 0)


def job(*argv, request_id=""):
    return (text(request_id) + struct.pack(">I", len(argv)) + b"".join(map(text, argv))
            + struct.pack(">I", 0) + text("") + LIMITS + b"\0")


def new_job(p, *argv):
    code, data, _ = p.ask(CREATE, 900, job(*(argv or ["/bin/true"])))
    assert code == OK, data
    return data[-16:]


# --- what breaks the table -------------------------------------------------------------

BEFORE_LOGIN = {
    "a request": msg(LIST, 1, struct.pack(">IQ", 0, 0)),
    "a cancel": msg(CANCEL, 1),
    "ready again": msg(READY, 0, struct.pack(">I", 1)),
    "auth with an id": msg(AUTH, 7, auth()),
    "no user": msg(AUTH, 0, auth(user="")),
    "root": msg(AUTH, 0, auth(user="Root")),
    "a line break": msg(AUTH, 0, auth(user="alice\naudit: user=bob")),
    "a NUL": msg(AUTH, 0, auth(user=b"alice\0x")),
    "a serial that is no number": msg(AUTH, 0, auth(serial="1 op=Login")),
    "a fingerprint that is none": msg(AUTH, 0, auth(fingerprint="cd\x1b[2J")),
    "no fingerprint": msg(AUTH, 0, auth(fingerprint="")),
    "more behind it": msg(AUTH, 0, auth() + b"x"),
    "cut": msg(AUTH, 0, auth()[:-1]),
    "the monitor's own": msg(AUTH_OK, 0),
    "a reply": msg(REPLY, 1, b"\0" * 12),
    "a connection": msg(CONN, 0, text("127.0.0.1:1")),
    "unknown": msg(65535, 1),
    "no header": b"\0",
    "reserved bits": struct.pack(">HHI", AUTH, 1, 0) + auth(),
    "too long": msg(AUTH, 0, auth() + b"x" * 1000),
    "longer than a message": msg(AUTH, 0, b"x" * 100000),
}

AFTER_LOGIN = {
    "auth again": msg(AUTH, 0, auth("bob")),
    "ready": msg(READY, 0, struct.pack(">I", 1)),
    "id 0": msg(LIST, 0, struct.pack(">IQ", 0, 0)),
    "half an id": msg(STATUS, 1, UNKNOWN[:15]),
    "a longer id": msg(STATUS, 1, UNKNOWN + b"\0"),
    "cancel with a body": msg(CANCEL, 1, b"\0"),
    "cancel of 0": msg(CANCEL, 0),
    "a list that is cut": msg(CREATE, 1, text("") + struct.pack(">I", 0xffffffff)),
    "a string that is cut": msg(CREATE, 1, struct.pack(">I", 0xffffffff) + b"x"),
    "no bool": msg(CREATE, 1, job("/bin/true")[:-1] + b"\2"),
}


@pytest.mark.parametrize("what", BEFORE_LOGIN)
def test_before_login(quiet, what):
    with Puppet(quiet, None) as p:
        p.command(b"m", BEFORE_LOGIN[what])
        assert p.dead()


@pytest.mark.parametrize("what", AFTER_LOGIN)
def test_after_login(quiet, what):
    with Puppet(quiet) as p:
        p.command(b"m", AFTER_LOGIN[what])
        assert p.dead()


def test_silence_instead_of_a_login(quiet):
    with Puppet(quiet, None) as p:
        assert p.dead()


def test_descriptor_upwards(quiet):
    """A kernel that can refuses it (SO_PASSRIGHTS); else it ends the netd."""
    with Puppet(quiet) as p:
        p.command(b"f", msg(LIST, 1, struct.pack(">IQ", 0, 0)))
        # What breaks the rules on every kernel:
        p.command(b"m", msg(65535, 1))
        assert p.dead()


def test_channel_closed_without_exit(quiet):
    with Puppet(quiet) as p:
        p.command(b"c")
        assert p.dead()


def test_what_the_table_allows(puppets):
    """The control: the puppet is served like any netd, and an id is free again once its
    request was answered or cancelled."""
    with Puppet(puppets) as p, Puppet(puppets, "bob") as other:
        job_id = new_job(p)
        for _ in range(3):
            p.say(WAIT, 1, job_id)
            p.say(CANCEL, 1)
            assert p.ask(STATUS, 1, job_id)[0] == OK
        p.say(CANCEL, 77)
        foreign = other.ask(STATUS, 5, job_id)
        assert foreign[0] == PERMISSION_DENIED
        assert foreign == other.ask(STATUS, 5, UNKNOWN)
        assert p.ask(DELETE, 2, job_id)[0] == OK


# --- too much ----------------------------------------------------------------------------

def test_too_many_requests(quiet):
    with Puppet(quiet) as p:
        job_id = new_job(p)
        p.say(WAIT, 1, job_id, times=STREAMS)
        p.say(WAIT, 1000, job_id)
        assert p.dead()


def test_an_id_in_use(quiet):
    with Puppet(quiet) as p:
        job_id = new_job(p)
        p.say(WAIT, 1, job_id)
        p.say(WAIT, 1, job_id)
        assert p.dead()


def test_answers_that_are_not_read(quiet):
    """Pages of a list, as large as they come."""
    with Puppet(quiet) as p:
        for _ in range(60):
            new_job(p, "/bin/true", "x" * 900)
        p.command(b"s")
        p.say(LIST, 1, struct.pack(">IQ", 1000, 0), times=STREAMS)
        with Puppet(quiet, "bob") as other:
            assert other.ask(STATUS, 1, UNKNOWN)[0] == PERMISSION_DENIED
        assert p.dead()


def test_descriptors_that_are_not_read(quiet):
    """A hundred followers of a running job, whose descriptors wait for one who never
    takes them."""
    with Puppet(quiet) as p:
        job_id = new_job(p, "/bin/sleep", "15")
        assert p.ask(START, 1, job_id)[0] == OK
        p.command(b"s")
        p.say(LOGS, 10, job_id, times=STREAMS)
        with Puppet(quiet, "bob") as other:
            assert other.ask(STATUS, 1, UNKNOWN)[0] == PERMISSION_DENIED
        assert p.dead()
    with Puppet(quiet) as p:
        code, _, nfds = p.ask(LOGS, 1, job_id)
        assert (code, nfds) == (OK, 3)
        assert p.ask(STOP, 2, job_id + struct.pack(">I", 0))[0] == OK


def test_flood_of_cancels(puppets):
    """As many messages as fit: others are served meanwhile, and nothing grows."""
    def rss():
        with open(f"/proc/{puppets.pid}/status", encoding="ascii") as f:
            return next(int(x.split()[1]) for x in f if x.startswith("VmRSS"))

    with Puppet(puppets) as p, Puppet(puppets, "bob") as other:
        before, slowest = rss(), 0.0
        p.say(CANCEL, 1, times=1000000)
        for _ in range(100):
            begun = time.monotonic()
            assert other.ask(STATUS, 1, UNKNOWN)[0] == PERMISSION_DENIED
            slowest = max(slowest, time.monotonic() - begun)
        assert slowest < 1.0
        assert SANITIZED or rss() - before < 1024
