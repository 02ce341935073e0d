# SPDX-License-Identifier: ISC
"""Strangers at the port: what costs them nothing must cost the daemon little, and never
lock the users out."""

import os
import random
import select
import socket
import ssl
import struct
import time

import grpc
import pytest

import h2raw as h2
import tls
from daemon import Daemon, wait_for
from paths import SANITIZED
from protos import pb
from rpc import refused

SEED = 20240607


def closed_within(sock, seconds):
    """How long it took the daemon to close, or None."""
    begun = time.monotonic()
    while (left := seconds - (time.monotonic() - begun)) > 0:
        if select.select([sock], [], [], left)[0]:
            try:
                if not sock.recv(65536):
                    return time.monotonic() - begun
            except OSError:
                return time.monotonic() - begun
    return None


def test_random_garbage(daemon, alice):
    rng = random.Random(SEED)
    for _ in range(60):
        with tls.tcp(daemon) as s:
            try:
                s.sendall(rng.randbytes(rng.choice([1, 5, 50, 500, 20000])))
                s.shutdown(socket.SHUT_WR)
                s.settimeout(5)
                while s.recv(65536):
                    pass
            except ConnectionError:
                pass
    assert alice.list() is not None
    assert daemon.proc.poll() is None
    assert all(c == "\t" or c.isprintable() for x in daemon.log().splitlines() for c in x)


def test_garbage_that_begins_like_tls(daemon, alice):
    rng = random.Random(SEED + 1)
    ctx = tls.context(daemon, *daemon.cert("alice"))
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    obj = ctx.wrap_bio(into, out, server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLWantReadError):
        obj.do_handshake()
    hello = out.read()
    for _ in range(60):
        bad = bytearray(hello)
        for _ in range(rng.choice([1, 3, 20])):
            bad[rng.randrange(5, len(bad))] = rng.randrange(256)
        with tls.tcp(daemon) as s:
            try:
                s.sendall(bad + rng.randbytes(rng.randrange(200)))
                s.shutdown(socket.SHUT_WR)
                s.settimeout(5)
                while s.recv(65536):
                    pass
            except (ConnectionError, socket.timeout):
                pass
    assert alice.list() is not None


def test_garbage_inside_tls(daemon, alice):
    rng = random.Random(SEED + 2)
    for i in range(30):
        with tls.connect(daemon) as s:
            try:
                s.sendall((tls.PREFACE if i % 2 else b"")
                          + rng.randbytes(rng.choice([9, 100, 5000])))
                s.settimeout(3)
                while s.recv(65536):
                    pass
            except (OSError, ssl.SSLError):
                pass
    assert alice.list() is not None


def test_mutated_requests(daemon, alice):
    """A good request with flipped bytes: some answer or an end, and the daemon lives."""
    rng = random.Random(SEED + 3)
    for _ in range(60):
        with h2.Connection(daemon) as c:
            c.answers[1] = h2.Answer()
            block = c.encode(h2.request(h2.SERVICE + "CreateJob"))
            good = h2.frame(h2.HEADERS, h2.END_HEADERS, 1, block) + h2.frame(
                h2.DATA, h2.END_STREAM, 1, h2.message(b"\x0a\x09/bin/true\x1a\x02\x40\x07"))
            bad = bytearray(good)
            for _ in range(rng.choice([1, 2, 5])):
                bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
            try:
                c.send(bytes(bad))
                c.until(lambda: any(a.done for a in c.answers.values()) or c.goaway, 0.3)
            except (h2.Closed, TimeoutError, AssertionError, KeyError):
                pass
    assert alice.list() is not None


def test_login_grace_time():
    """A connection that says nothing, or too little, is closed, and not one that is in."""
    with Daemon(users=("alice",), options={"LoginGraceTime": "1s"}) as d:
        with tls.tcp(d) as silent, tls.tcp(d) as drip, h2.Connection(d) as good:
            begun = time.monotonic()
            drip.sendall(b"\x16\x03\x01")
            assert closed_within(silent, 5)
            assert 0.8 <= time.monotonic() - begun < 4
            assert closed_within(drip, 2) is not None
            time.sleep(0.5)
            assert good.alive()


def test_handshake_drip_does_not_prolong_the_grace():
    with Daemon(users=("alice",), options={"LoginGraceTime": "1s"}) as d:
        with tls.tcp(d) as s:
            begun = time.monotonic()
            try:
                for i in range(60):
                    s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[i % 11:i % 11 + 1])
                    time.sleep(0.1)
            except OSError:
                pass
            assert time.monotonic() - begun < 4


def test_idle_timeout():
    with Daemon(users=("alice",), options={"IdleTimeout": "1s"}) as d:
        with h2.Connection(d) as idle, h2.Connection(d) as busy:
            stream = busy.open(h2.request("/grpc.health.v1.Health/Watch"))
            busy.data(stream, h2.message(), end=True)
            idle.call()
            idle.dies(h2.NO_ERROR)
            busy.drain(1.0)
            assert busy.goaway is None and not busy.answers[stream].done


def test_max_connections_per_source():
    with Daemon(users=("alice",), options={"MaxConnectionsPerSource": 5}) as d:
        wait_for(lambda: accepts(d), 5)
        conns = [h2.Connection(d) for _ in range(5)]
        try:
            with tls.tcp(d) as sixth:
                took = closed_within(sixth, 3)
                assert took is not None and took < 1
            assert all(c.alive() for c in conns)
            # Another address has an allowance of its own.
            with socket.socket() as s:
                s.bind(("127.0.0.2", 0))
                s.settimeout(3)
                s.connect(("127.0.0.1", d.port))
                assert closed_within(s, 1) is None
            conns.pop().close()
            wait_for(lambda: accepts(d), 5)
        finally:
            for c in conns:
                c.close()


def accepts(d):
    try:
        with h2.Connection(d, timeout=2) as c:
            return c.alive()
    except (OSError, h2.Closed, TimeoutError):
        return False


def test_max_unauthenticated():
    """Silent strangers fill their own share, not the users'... until their grace is over."""
    options = {"MaxUnauthenticated": 4, "LoginGraceTime": "2s"}
    with Daemon(users=("alice",), options=options) as d:
        with h2.Connection(d) as before:
            silent = [tls.tcp(d) for _ in range(20)]
            try:
                time.sleep(0.3)
                assert before.alive()
                assert len(d.netds()) <= 4 + 1 + 3 + 1      # with those that wait ready
                wait_for(lambda: accepts(d), 8)
            finally:
                for s in silent:
                    s.close()


def test_max_connections():
    with Daemon(users=("alice",), options={"MaxConnections": 3}) as d:
        wait_for(lambda: accepts(d), 5)
        conns = [h2.Connection(d) for _ in range(3)]
        with tls.tcp(d) as s:
            assert closed_within(s, 3) is not None
        conns.pop().close()
        wait_for(lambda: accepts(d), 5)
        for c in conns:
            c.close()


def test_connections_that_reset_at_once(daemon, alice):
    for _ in range(200):
        s = tls.tcp(daemon)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    assert alice.list() is not None
    wait_for(lambda: len(daemon.netds()) < 10, 10)


def test_client_that_never_reads_its_answers(daemon, alice):
    """Requests without reading: the daemon's memory for it is bounded and others go on."""
    wait_for(lambda: accepts(daemon), 10)       # those of the test before are gone
    with h2.Connection(daemon) as c:
        c.sock.settimeout(0.5)
        try:
            for i in range(100000):
                c.send(h2.frame(h2.PING, 0, 0, struct.pack(">Q", i)))
        except (h2.Closed, OSError):
            pass
        assert alice.list() is not None
        for pid in daemon.netds():
            with open(f"/proc/{pid}/statm", encoding="ascii") as f:
                resident = int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")
                assert SANITIZED or resident < 64 << 20


def test_one_connection_cannot_act_for_another_user(daemon, bob):
    """No field, header or path chooses the user."""
    victim = daemon.api("alice").create("/bin/true")
    for extra in (("x-user", "alice"), ("authorization", "alice"), ("grpc-user", "alice"),
                  ("x-forwarded-client-cert", "URI=spiffe://telepilot/user/alice")):
        with refused(grpc.StatusCode.PERMISSION_DENIED):
            bob.GetJobStatus(pb.JobStatusRequest(job_id=victim), timeout=5, metadata=[extra])
