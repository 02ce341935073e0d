# SPDX-License-Identifier: ISC
"""The privilege separation as it stands: what each process runs as, sees, links and may
call. netd's are looked at while one waits and while one serves."""

import os
import re
import signal
import subprocess

import pytest

import h2raw as h2
import inject
from daemon import wait_for
from paths import BUILD, NET_UID

SYS_GETPID, SYS_SENDMSG, SYS_SENDMMSG, SYS_SETSOCKOPT = 39, 46, 307, 54
SOL_SOCKET, SO_LINGER = 1, 13


def status(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


@pytest.fixture
def serving(daemon):
    """The netd of a connection of its own."""
    before = set(daemon.netds())
    with h2.Connection(daemon) as c:
        assert c.alive()
        now = set(daemon.netds())
        # The one that serves was a waiting one; it is found by its TCP socket.
        yield next(p for p in now | before if p in daemon.netds() and has_tcp(p, c))


def has_tcp(pid, conn):
    port = conn.sock.getsockname()[1]
    with open("/proc/net/tcp", encoding="ascii") as f:
        inode = next(x.split()[9] for x in list(f)[1:]
                     if x.split()[2].endswith(f":{port:04X}") and x.split()[9] != "0")
    try:
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return False
    return f"socket:[{inode}]" in links


def waiting_netds(daemon):
    daemon.close_clients()
    return wait_for(lambda: [p for p in daemon.netds() if status(p)["Uid"].split()[0] != "0"], 10)


def check_privileges(pid):
    st = status(pid)
    assert set(st["Uid"].split()) == set(st["Gid"].split()) == {str(NET_UID)}
    assert st["Groups"].strip() == ""
    for caps in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(st[caps], 16) == 0, caps
    assert st["NoNewPrivs"] == "1" and st["Seccomp"] == "2"


def test_netd_privileges_when_serving(serving):
    check_privileges(serving)


def test_netd_privileges_when_waiting(daemon):
    for pid in waiting_netds(daemon):
        check_privileges(pid)


def test_netd_sees_an_empty_root(daemon, serving):
    assert os.listdir(f"/proc/{serving}/root") == []
    assert os.readlink(f"/proc/{serving}/root") == str(daemon.run / "empty")
    assert os.readlink(f"/proc/{serving}/cwd") == str(daemon.run / "empty")
    st = os.stat(daemon.run / "empty")
    assert st.st_uid == 0 and st.st_mode & 0o022 == 0


def test_netd_cannot_be_looked_into(serving):
    """Not dumpable: its /proc files are root's, so a second netd cannot read the first."""
    assert os.stat(f"/proc/{serving}/mem").st_uid == 0


def test_netd_holds_no_descriptor_too_many(daemon, serving):
    links = [os.readlink(f"/proc/{serving}/fd/{fd}") for fd in os.listdir(f"/proc/{serving}/fd")]
    for link in links:
        assert link.startswith(("socket:", "pipe:", "anon_inode:", "/dev/null",
                                str(daemon.stderr_path))), links
    assert sum(x.startswith("socket:") for x in links) == 2     # the monitor and the client


def test_netds_environment_is_empty(serving):
    with open(f"/proc/{serving}/environ", "rb") as f:
        names = {x.split(b"=")[0] for x in f.read().split(b"\0") if x}
    assert names <= {b"JOURNAL_STREAM", b"ASAN_OPTIONS", b"UBSAN_OPTIONS", b"LSAN_OPTIONS"}


def test_a_process_a_connection(daemon):
    with h2.Connection(daemon) as one, h2.Connection(daemon, "bob") as two:
        assert one.alive() and two.alive()
        first = [p for p in daemon.netds() if has_tcp(p, one)]
        second = [p for p in daemon.netds() if has_tcp(p, two)]
        assert len(first) == len(second) == 1 and first != second
    # And it ends with its connection, never to serve another.
    wait_for(lambda: not {*first, *second} & set(daemon.netds()), 10)


# --- what netd may call --------------------------------------------------------

def test_injection_works(serving):
    """The control: without it a kill below proves nothing."""
    assert inject.syscall(serving, SYS_GETPID) == ("returned", serving)


@pytest.mark.parametrize("number,args", [
    (SYS_SENDMSG, (3, 0, 0)), (SYS_SENDMMSG, (3, 0, 1, 0)),
    (SYS_SETSOCKOPT, (3, SOL_SOCKET, SO_LINGER, 0, 8)),
    # The kernel looks at 32 bits of level and name; so must the filter.
    (SYS_SETSOCKOPT, (3, SOL_SOCKET | 1 << 32, SO_LINGER | 1 << 32, 0, 8))],
    ids=["sendmsg", "sendmmsg", "so_linger", "so_linger_64_bits"])
def test_netd_that_passes_descriptors_is_killed(daemon, serving, number, args):
    assert inject.syscall(serving, number, *args) == ("killed", signal.SIGSYS)
    wait_for(lambda: serving not in daemon.netds(), 5)
    with h2.Connection(daemon) as c:
        assert c.alive()


# --- the monitor ---------------------------------------------------------------

def needs(path, program="ldd"):
    return subprocess.run([program, path], stdout=subprocess.PIPE, check=False).stdout.decode()


@pytest.mark.parametrize("word", ["ssl", "libcrypto", "nghttp2", "protobuf", "sqlite"])
def test_monitor_links_no_parser_of_strangers_bytes(word):
    libs = needs(BUILD / "telepilotd")
    assert "libsystemd" in libs     # it is the right program
    assert word not in libs


@pytest.mark.parametrize("word", ["systemd", "lzma", "sqlite"])
def test_netd_links_no_systemd(word):
    libs = needs(BUILD / "telepilot-netd")
    assert "libssl" in libs and "libnghttp2" in libs and word not in libs


def test_spawner_is_static():
    with open(BUILD / "telepilot-spawner", "rb") as f:
        assert f.read(4) == b"\x7fELF"
    listing = subprocess.run(["readelf", "-lW", BUILD / "telepilot-spawner"],
                             stdout=subprocess.PIPE, check=True).stdout.decode()
    if "__asan_init" not in needs(BUILD / "telepilot-spawner", "nm"):
        assert "INTERP" not in listing


def test_monitor_has_no_server_key(daemon):
    """It opens the files and never reads them: no line of the key is in its memory."""
    lines = (daemon.etc / "server.key").read_text().splitlines()
    secret = max(lines, key=len).encode()
    assert len(secret) > 40
    found = 0
    with open(f"/proc/{daemon.pid}/maps", encoding="ascii") as maps, \
            open(f"/proc/{daemon.pid}/mem", "rb") as mem:
        for line in maps:
            m = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            start, end = (int(m[1], 16), int(m[2], 16)) if m else (0, 0)
            # (What is larger is no memory but a sanitizer's address space.)
            if 0 < end - start < 1 << 30 and "[v" not in line:
                mem.seek(start)
                found += secret in mem.read(end - start)
    assert not found


def test_key_files_are_closed_again(daemon):
    for fd in os.listdir(f"/proc/{daemon.pid}/fd"):
        try:
            link = os.readlink(f"/proc/{daemon.pid}/fd/{fd}")
        except OSError:
            continue
        assert not link.endswith("server.key"), "the monitor keeps the key open"
