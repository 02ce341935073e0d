# SPDX-License-Identifier: ISC
"""telepilotd while it runs: what it says at start, SIGHUP, SIGTERM and the drain, its
allowances for connections."""

import os
import signal
import ssl
import time

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

import h2raw as h2
import pki
import tls
from daemon import Daemon, is_hybrid, open_fds, wait_for
from protos import health_pb, pb
from rpc import refused, shell

SERVING, NOT_SERVING = 1, 2


# --- start -------------------------------------------------------------------

def test_ready_is_said_when_it_accepts(daemon):
    assert "READY=1" in daemon.notifications(2)


def test_start_says_what_jobs_see_and_what_limits_hold(daemon):
    said = daemon.log().lower()
    assert "host's files" in said or "files of the host" in said or "host files" in said
    for controller in ("cpu", "memory", "io", "pids"):
        assert f"limit {controller}:" in said, said[:3000]


def test_log_lines_are_text_without_control_characters(daemon, alice):
    alice.create("/bin/\x1b[31m\r\n")
    lines = daemon.log().splitlines()
    assert len(lines) > 5
    assert all(c == "\t" or c.isprintable() for line in lines for c in line)


def test_monitor_listens_only_where_told(daemon):
    inodes = {x[8:-1] for x in open_fds(daemon.pid) if x.startswith("socket:[")}
    listening = []
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}", encoding="ascii") as f:
            for line in list(f)[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[9] in inodes:
                    listening.append(fields[1])
    assert listening == [f"0100007F:{daemon.port:04X}"]


# --- SIGHUP ------------------------------------------------------------------

def test_reload_good():
    with Daemon(users=("alice", "bob"), options={"MaxJobsPerUser": 2}) as d:
        api = d.api("alice")
        running = api.run(*shell("sleep 1; echo through the reload"))
        api.create("/bin/true")
        with refused(grpc.StatusCode.RESOURCE_EXHAUSTED):
            api.create("/bin/true")
        d.write_config(MaxJobsPerUser=3)
        d.reload()
        api.create("/bin/true")     # the connection of before goes on
        assert api.output(running).stdout == b"through the reload\n"
        with refused(grpc.StatusCode.RESOURCE_EXHAUSTED):
            d.api("alice").create("/bin/true")
        assert d.api("bob").create("/bin/true")


def test_reload_bad_keeps_the_old_and_says_why():
    with Daemon(users=("alice",), options={"MaxJobsPerUser": 2}) as d:
        good = d.config.read_text()
        d.config.write_text("MaxJobsPerUser 1\nNonsense 1\nMaxStreams x\n" + good)
        said = d.reload()
        assert f"{d.config}:2:" in said and f"{d.config}:3:" in said, said
        api = d.api("alice")
        api.create("/bin/true")
        api.create("/bin/true")     # of the old two, not of the new one
        d.config.write_text(good)
        d.reload()
        assert d.api("alice").list().jobs


def test_reload_with_certificates_that_do_not_load():
    """The swap is whole or not at all: the old certificate goes on serving."""
    with Daemon(users=("alice",)) as d:
        key = d.etc / "server.key"
        good = key.read_bytes()
        key.write_bytes(b"-----BEGIN PRIVATE KEY-----\nrubbish\n-----END PRIVATE KEY-----\n")
        d.reload()
        for _ in range(8):          # more than wait ready
            assert tls.attempt(d, *d.cert("alice"))[0] is None
        key.write_bytes(good)
        d.reload()
        assert d.api("alice").create("/bin/true")


def test_reload_takes_a_new_server_certificate():
    with Daemon(users=("alice",)) as d:
        def serial():
            with tls.connect(d) as conn:
                return conn.getpeercert()["serialNumber"]

        before = serial()
        os.rename(d.etc / "server.pem", d.etc / "old.pem")
        renew(d)
        d.reload()
        assert serial() != before
        assert d.api("alice").create("/bin/true")


def renew(d):
    """A server certificate of the same CA and key, made as an administrator could."""
    old = x509.load_pem_x509_certificate((d.etc / "old.pem").read_bytes())
    key = serialization.load_pem_private_key(
        (d.etc / "ca" / "server-ca.key").read_bytes(), None)
    build = (x509.CertificateBuilder().subject_name(old.subject).issuer_name(old.issuer)
             .public_key(old.public_key()).serial_number(x509.random_serial_number())
             .not_valid_before(pki.now() - pki.DAY).not_valid_after(pki.now() + pki.DAY))
    for ext in old.extensions:
        build = build.add_extension(ext.value, ext.critical)
    (d.etc / "server.pem").write_bytes(
        build.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


# --- SIGTERM -----------------------------------------------------------------

def terminate(d):
    d.ended_by_test = True
    d.proc.send_signal(signal.SIGTERM)


def test_drain():
    """Jobs are stopped by their signal, readers and waiters get all of it, health says
    NOT_SERVING first, new work is UNAVAILABLE, and the exit is 0."""
    d = Daemon(users=("alice",), options={"ShutdownGrace": "20s", "StopGrace": "10s"})
    try:
        api = d.api("alice")
        job_id = api.run(*shell("trap 'sleep 1; echo last words; exit 5' TERM; echo ready;"
                                " while :; do sleep 0.05; done"))
        created = api.create("/bin/true")
        stream = api.logs(job_id)
        assert next(stream).data == b"ready\n"
        waiting = api.WaitJob.future(pb.WaitJobRequest(job_id=job_id), timeout=30)
        watch = api.Watch(health_pb.HealthCheckRequest(), timeout=30)
        assert next(watch).status == SERVING
        terminate(d)
        assert next(watch).status == NOT_SERVING
        with refused(grpc.StatusCode.UNAVAILABLE):
            api.create("/bin/true")
        with refused(grpc.StatusCode.UNAVAILABLE):
            api.start(created)
        assert b"".join(e.data for e in stream) == b"last words\n"
        job = waiting.result().job
        assert job.end.reason == pb.END_REASON_STOPPED and job.end.stopped_by == "telepilotd"
        assert job.end.exit_code == 5
        assert d.proc.wait(10) == 0
        assert "STOPPING=1" in d.notifications()
    finally:
        d.close()


def test_drain_has_a_deadline():
    d = Daemon(users=("alice",), options={"ShutdownGrace": "1s", "StopGrace": "60s"})
    try:
        api = d.api("alice")
        job_id = api.run(*shell("trap '' TERM; echo ready; while :; do sleep 0.05; done"))
        next(api.logs(job_id))
        begun = time.monotonic()
        terminate(d)
        assert d.proc.wait(15) == 0
        assert 0.8 <= time.monotonic() - begun < 12
    finally:
        d.close()


def test_a_client_that_does_not_read_cannot_hold_up_the_end():
    d = Daemon(users=("alice",), options={"ShutdownGrace": "2s"})
    try:
        api = d.api("alice")
        job_id = api.run(*shell("head -c 30000000 /dev/zero; sleep 100"))
        with h2.Connection(d, auto=False) as c:
            stream = c.open(h2.request(h2.SERVICE + "StreamLogs"))
            c.data(stream, h2.message(pb.LogRequest(job_id=job_id).SerializeToString()), end=True)
            time.sleep(0.5)
            terminate(d)
            assert d.proc.wait(15) == 0
    finally:
        d.close()


def test_stop_when_idle_is_quick():
    with Daemon(users=("alice",)) as d:
        begun = time.monotonic()
        terminate(d)
        assert d.proc.wait(10) == 0
        assert time.monotonic() - begun < 3


# --- quotas ------------------------------------------------------------------

def test_quotas_name_themselves():
    options = {"MaxJobs": 4, "MaxJobsPerUser": 3, "MaxRunningPerUser": 1}
    with Daemon(users=("alice", "bob"), options=options) as d:
        alice, bob = d.api("alice"), d.api("bob")
        running = alice.run("/bin/sleep", "30")
        second = alice.create("/bin/true")
        with refused(grpc.StatusCode.RESOURCE_EXHAUSTED):
            alice.start(second)
        assert alice.status(second).state == pb.JOB_STATE_CREATED
        alice.create("/bin/true")
        with refused(grpc.StatusCode.RESOURCE_EXHAUSTED):
            alice.create("/bin/true")
        bob.create("/bin/true")
        with refused(grpc.StatusCode.RESOURCE_EXHAUSTED):
            bob.create("/bin/true")
        alice.stop(running, grace=0)
        alice.start(second)
        alice.wait(second)
        alice.delete(second)
        assert bob.create("/bin/true")


# --- limits that the host cannot hold ------------------------------------------

@pytest.mark.skipif(not is_hybrid(), reason="on a unified host io.max holds every write")
def test_io_limit_without_weak_limits_is_refused_with_the_remedy():
    with Daemon(users=("alice",), options={"WeakLimits": []}) as d:
        with refused(grpc.StatusCode.FAILED_PRECONDITION, "WeakLimits io", "io"):
            d.api("alice").create("/bin/true", limits={"io_write_bytes_per_second": 10**7})
        assert d.api("alice").create("/bin/true", limits={"cpu_cores": 0.5})


def test_tls_error_is_said_in_the_log(daemon):
    before = len(daemon.log())
    with pytest.raises((ssl.SSLError, OSError)):
        with tls.connect(daemon, user=None) as conn:
            conn.sendall(tls.PREFACE)
            if not conn.recv(1):
                raise OSError("closed")
    wait_for(lambda: "127.0.0.1" in daemon.log()[before:], 5)
