# SPDX-License-Identifier: ISC
"""telepilot(1) against servers that telepilotd never is: of another protocol, with a
wrong certificate, dying in the middle, answering what gRPC does not allow. Whatever
they do, it says so in words, exits 125, and never hangs. Needs no daemon."""

import base64
import contextlib
import ipaddress
import os
import select
import socket
import ssl
import subprocess
import threading
import time

import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography import x509

import pki
from paths import TELEPILOT
from protos import pb, rpc_pb

JOB = "01234567-89ab-4def-8123-456789abcdef"
HOST = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
OK_HEADERS = [(":status", "200"), ("content-type", "application/grpc")]


@pytest.fixture(scope="module")
def etc(tmp_path_factory):
    top = tmp_path_factory.mktemp("servers") / "etc"
    for args in (["init", "--host", "127.0.0.1"], ["issue", "alice"]):
        subprocess.run([TELEPILOT, "ca", *args, "--dir", top], check=True,
                       stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=60)
    return top


class Server:
    """Accepts connections one after the other and hands each to talk(socket)."""

    def __init__(self, talk):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addr = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.talk = talk
        self.error = None
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            conn.settimeout(20)
            # The client may go at any time; what it said is what is tested.
            with conn, contextlib.suppress(OSError, ssl.SSLError):
                self.talk(conn)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(25)


def env():
    keep = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")
    return {k: os.environ[k] for k in keep if k in os.environ}


def cli(etc, server, *args, timeout=15):
    done = subprocess.run(
        [TELEPILOT, "--profile", etc / "profiles/alice", "--server", server.addr, *args],
        env=env(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=timeout, check=False)
    done.said = done.stderr.decode()
    return done


def fails(etc, talk, *words, args=("status", JOB), timeout=15):
    with Server(talk) as server:
        done = cli(etc, server, *args, timeout=timeout)
    assert done.returncode == 125, (done.returncode, done.said)
    assert done.said.startswith("telepilot: ") and done.said.count("\n") == 1, done.said
    for word in words:
        assert word in done.said, done.said
    return done


def context(etc, cert=None, key=None, alpn=("h2",), maximum=None, ca="client-ca.pem"):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(cert or etc / "server.pem", key or etc / "server.key")
    ctx.verify_mode = ssl.CERT_REQUIRED
    ctx.load_verify_locations(etc / ca)
    ctx.num_tickets = 0
    if alpn:
        ctx.set_alpn_protocols(list(alpn))
    if maximum:
        ctx.maximum_version = maximum
    return ctx


def tls(ctx, talk):
    """A talk() behind a handshake."""
    def wrapped(conn):
        with ctx.wrap_socket(conn, server_side=True) as secure:
            talk(secure)
    return wrapped


# --- not HTTP/2 over TLS 1.3 ---------------------------------------------------

def test_server_without_tls(etc):
    def talk(conn):
        conn.recv(4096)
        conn.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    fails(etc, talk, "does not speak TLS")


def test_server_of_tls_1_2(etc):
    fails(etc, tls(context(etc, maximum=ssl.TLSVersion.TLSv1_2), lambda c: None),
          "does not speak TLS 1.3")


def test_server_without_alpn(etc):
    fails(etc, tls(context(etc, alpn=None), lambda c: c.recv(10)), "does not speak HTTP/2")


def test_server_that_closes_at_once(etc):
    fails(etc, lambda c: None, "lost")


def test_server_that_closes_after_the_handshake(etc):
    fails(etc, tls(context(etc), lambda c: None), "lost")


def test_server_that_says_nothing(etc):
    begun = time.monotonic()
    fails(etc, lambda c: c.recv(100000) and c.recv(1), "handshake",
          args=("--timeout", "1", "status", JOB))
    fails(etc, tls(context(etc), lambda c: c.recv(100000) and c.recv(1)), "says nothing",
          args=("--timeout", "1", "status", JOB))
    assert time.monotonic() - begun < 8


def test_server_that_speaks_no_http2(etc):
    fails(etc, tls(context(etc), lambda c: c.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" * 9) or c.recv(10)),
          "does not speak HTTP/2")


# --- certificates ----------------------------------------------------------------

def test_server_of_a_strangers_ca(etc):
    """The client's own CA signs no servers."""
    fails(etc, tls(context(etc, etc / "profiles/alice/cert.pem", etc / "profiles/alice/key.pem"),
                   lambda c: None), "is not trusted", "ca.pem")


def server_ca(etc, tmp_path):
    ca = etc / "ca"
    return pki.Authority(
        tmp_path / "made", x509.load_pem_x509_certificate((ca / "server-ca.pem").read_bytes()),
        serialization.load_pem_private_key((ca / "server-ca.key").read_bytes(), None))


def test_server_of_another_name(etc, tmp_path):
    files = server_ca(etc, tmp_path).issue(
        "x", sans=[x509.DNSName("a.example"), x509.DNSName("b.example")], eku=[pki.SERVER_AUTH])
    fails(etc, tls(context(etc, *files), lambda c: None),
          "is for a.example, b.example, not for 127.0.0.1", "--server-name")


def test_expired_server(etc, tmp_path):
    files = server_ca(etc, tmp_path).issue(
        "x", sans=[HOST], eku=[pki.SERVER_AUTH],
        start=pki.now() - 9 * pki.DAY, end=pki.now() - 3 * pki.DAY)
    fails(etc, tls(context(etc, *files), lambda c: None), "certificate of the server",
          "expired 3 d ago")


def test_server_with_a_clients_certificate(etc, tmp_path):
    files = server_ca(etc, tmp_path).issue("x", sans=[HOST], eku=[pki.CLIENT_AUTH])
    fails(etc, tls(context(etc, *files), lambda c: None), "not trusted", "purpose")


def test_server_that_refuses_our_certificate(etc):
    fails(etc, tls(context(etc, ca="ca/server-ca.pem"), lambda c: None),
          "refuses the certificate of alice", "no CA that the server trusts", "unknown CA")


# --- gRPC that is none ---------------------------------------------------------

class Talk:
    """HTTP/2 to the first request's end, then what the test wants: answer(h2, stream)
    queues frames; drop closes the connection after them."""

    def __init__(self, answer, drop=False):
        self.answer, self.drop = answer, drop
        self.requests = []
        self.resets = []

    def __call__(self, conn):
        h = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=False, validate_outbound_headers=False,
            normalize_outbound_headers=False, header_encoding="utf-8"))
        h.initiate_connection()
        conn.sendall(h.data_to_send())
        while True:
            data = conn.recv(65536)
            if not data:
                return
            for event in h.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    self.requests.append(dict(event.headers))
                if isinstance(event, h2.events.StreamReset):
                    self.resets.append(event.error_code)
                if isinstance(event, h2.events.StreamEnded):
                    more = self.answer(h, event.stream_id)
                    conn.sendall(h.data_to_send())
                    for late in more or ():
                        conn.sendall(late)
                    if self.drop:
                        return
            conn.sendall(h.data_to_send())


def message(m):
    raw = m.SerializeToString()
    return b"\0" + len(raw).to_bytes(4, "big") + raw


def trailers(*fields, data=b"", headers=None):
    """The usual answer: headers, data, trailers."""
    def answer(h, stream):
        h.send_headers(stream, headers or OK_HEADERS)
        if data:
            h.send_data(stream, data)
        h.send_headers(stream, list(fields), end_stream=True)
    return answer


def only(*fields, status="200", content="application/grpc"):
    """Trailers-Only."""
    def answer(h, stream):
        h.send_headers(stream, [(":status", status), ("content-type", content), *fields],
                       end_stream=True)
    return answer


STATUS = message(pb.JobStatusResponse(job=pb.Job(id=JOB, owner="alice", command="true",
                                                 state=pb.JOB_STATE_RUNNING)))


def grpc(etc, answer, drop=False):
    return tls(context(etc), Talk(answer, drop))


def test_the_usual_answer(etc):
    talk = Talk(trailers(("grpc-status", "0"), data=STATUS))
    with Server(tls(context(etc), talk)) as server:
        done = cli(etc, server, "--timeout", "90s", "status", JOB)
    assert done.returncode == 0 and JOB in done.stdout.decode() and "running" in done.stdout.decode()
    request = talk.requests[0]
    assert request[":path"] == "/telepilot.v1.TelePilot/GetJobStatus"
    assert request["te"] == "trailers" and request["content-type"] == "application/grpc"
    assert request[":authority"] == server.addr and request[":scheme"] == "https"
    assert request["user-agent"].startswith("telepilot/")
    assert request["grpc-timeout"][-1] in "numS" and len(request["grpc-timeout"]) <= 9


def test_message_in_pieces_of_one_byte(etc):
    def answer(h, stream):
        h.send_headers(stream, OK_HEADERS)
        for i in range(len(STATUS)):
            h.send_data(stream, STATUS[i:i + 1])
        h.send_headers(stream, [("grpc-status", "0")], end_stream=True)
    with Server(grpc(etc, answer)) as server:
        assert cli(etc, server, "status", JOB).returncode == 0


@pytest.mark.parametrize("answer,words", [
    (only(("grpc-status", "7"), ("grpc-message", "no%20such job%e2%98%ba%")), ["no such job☺%"]),
    (only(("grpc-status", "5")), ["NOT_FOUND"]),
    (only(("grpc-status", "4294967297")), ["UNKNOWN"]),
    (only(("grpc-status", "16"), ("grpc-message", "%1b[31mred")), ["\\x1b[31mred"]),
    (only(status="503", content="text/html"), ["HTTP status 503"]),
    (only(status="404", content="text/plain"), ["HTTP status 404"]),
    (only(status="200", content="text/plain"), ["without a status"]),
    (only(), ["without a status"]),
    (trailers(("grpc-status", "0")), ["is empty"]),
    (trailers(("grpc-status", "0"), data=STATUS + STATUS), ["more than one message"]),
    (trailers(("grpc-status", "0"), data=STATUS[:-1]), ["middle of a message"]),
    (trailers(("grpc-status", "0"), data=b"\1" + STATUS[1:]), ["compressed"]),
    (trailers(("grpc-status", "0"), data=b"\2" + STATUS[1:]), ["damaged"]),
    (trailers(("grpc-status", "0"), data=b"\0\0\0\0\1\xff"), ["damaged"]),
    (trailers(("grpc-status", "0"), data=b"\0\xff\xff\xff\xff"), ["longer than 4194304"]),
    (trailers(("grpc-status", "0"), data=b"\0\0\0\0\0"), ["has no job"]),
    (lambda h, s: h.reset_stream(s, 7), ["reset the call: REFUSED_STREAM"]),
    (lambda h, s: h.reset_stream(s, 11), ["reset the call: ENHANCE_YOUR_CALM"]),
    (lambda h, s: [b"\0\0\5\0\0\0\0\0\1hello"], ["does not speak HTTP/2"]),  # no HEADERS
], ids=lambda x: x[0] if isinstance(x, list) else "")
def test_wrong_answers(etc, answer, words):
    fails(etc, grpc(etc, answer), *words)


def test_created_id_that_is_none(etc):
    bad = message(pb.CreateJobResponse(job_id="$(reboot)"))
    done = fails(etc, grpc(etc, trailers(("grpc-status", "0"), data=bad)), "no job id",
                 args=("create", "true"))
    assert done.stdout == b""


def test_field_of_the_details_is_named(etc):
    status = rpc_pb.Status(code=3, message="is too small")
    violation = rpc_pb.BadRequest()
    violation.field_violations.add(field="limits.pids", description="d")
    any_detail = status.details.add()
    any_detail.type_url = "type.googleapis.com/google.rpc.BadRequest"
    any_detail.value = violation.SerializeToString()
    coded = base64.b64encode(status.SerializeToString()).decode()
    for text in (coded, coded.rstrip("=")):
        fails(etc, grpc(etc, only(("grpc-status", "3"), ("grpc-message", "is too small"),
                                  ("grpc-status-details-bin", text))),
              "create: limits.pids: is too small", args=("create", "true"))


def test_informational_headers_are_passed_over(etc):
    def answer(h, stream):
        h.send_headers(stream, [(":status", "103")])
        trailers(("grpc-status", "0"), data=STATUS)(h, stream)
    with Server(grpc(etc, answer)) as server:
        assert cli(etc, server, "status", JOB).returncode == 0


# --- ends in the middle ----------------------------------------------------------

def test_connection_lost_in_a_call(etc):
    fails(etc, grpc(etc, lambda h, s: None, drop=True), "lost", "closed")


def test_server_that_goes_away(etc):
    def answer(h, _stream):
        h.close_connection(0, b"max_age\x1b", 0)
    fails(etc, grpc(etc, answer), "shutting down")


def test_deadline_is_kept_here_too(etc):
    talk = Talk(lambda h, s: None)
    with Server(tls(context(etc), talk)) as server:
        begun = time.monotonic()
        done = cli(etc, server, "--timeout", "1", "wait", JOB)
        took = time.monotonic() - begun
    assert done.returncode == 125 and "no answer within 1 s" in done.said and 0.9 < took < 4
    assert talk.resets == [8], "CANCEL, so that the server stops working for it"


def entry(offset, data, stream=pb.STREAM_STDOUT):
    return message(pb.LogEntry(offset=offset, stream=stream, data=data))


def test_output_up_to_the_loss_is_written(etc):
    def answer(h, stream):
        h.send_headers(stream, OK_HEADERS)
        h.send_data(stream, entry(0, b"all of it ") + entry(10, b"\0\xff") + entry(12, b"cut")[:9])
    done = fails(etc, grpc(etc, answer, drop=True), "lost", args=("logs", JOB))
    assert done.stdout == b"all of it \0\xff"


def test_streams_gaps_and_notices(etc):
    gap = message(pb.LogEntry(offset=6, stream=pb.STREAM_STDOUT, gap=pb.Gap(
        bytes=1000, reason=pb.Gap.REASON_LOG_LIMIT)))
    data = (entry(0, b"out") + entry(3, b"err", pb.STREAM_STDERR) + gap
            + entry(1006, b"a\x1b\nb", pb.STREAM_SYSTEM) + entry(1006, b"end"))
    answer = trailers(("grpc-status", "0"), data=data)
    with Server(grpc(etc, answer)) as server:
        done = cli(etc, server, "logs", JOB)
        only_err = cli(etc, server, "logs", "--stream", "stderr", JOB)
    assert done.returncode == 0 and done.stdout == b"outend"
    assert done.said == ("errtelepilot: logs: 1000 bytes of the output are missing: they are older "
                         "than the job's log limit allows\ntelepilot: logs: a\\x1b\n"
                         "telepilot: logs: b\n")
    assert only_err.stdout == b"" and only_err.said.startswith("err")


def test_data_loss_at_the_end(etc):
    """The bytes that there are, then the reason, then 125."""
    answer = trailers(("grpc-status", "15"), ("grpc-message", "the job's supervisor was lost"),
                      data=entry(0, b"rest"))
    with Server(grpc(etc, answer)) as server:
        done = cli(etc, server, "logs", JOB)
    assert done.returncode == 125 and done.stdout == b"rest" and "supervisor was lost" in done.said


def test_output_that_nobody_reads_blocks_only_itself(etc):
    """It is the server that has to wait: nothing is hoarded here."""
    sent = []

    def talk(conn):
        h = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        h.initiate_connection()
        conn.sendall(h.data_to_send())
        stream, offset = None, 0
        piece = bytes(16000)
        while True:
            ready = select.select([conn], [], [], 0 if stream else 20)[0]
            if ready or conn.pending():
                data = conn.recv(65536)
                if not data:
                    return
                for event in h.receive_data(data):
                    if isinstance(event, h2.events.StreamEnded):
                        stream = event.stream_id
                        h.send_headers(stream, OK_HEADERS)
            while stream and h.local_flow_control_window(stream) > 16100:
                h.send_data(stream, entry(offset, piece))
                offset += len(piece)
                sent.append(offset)
                conn.sendall(h.data_to_send())
            conn.sendall(h.data_to_send())
            time.sleep(0.01)

    with Server(tls(context(etc), talk)) as server:
        with subprocess.Popen(
                [TELEPILOT, "--profile", etc / "profiles/alice", "--server", server.addr,
                 "logs", JOB], env=env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as proc:
            time.sleep(2)
            reached = sent[-1]
            got = proc.stdout.read(8 << 20)
            proc.kill()
    assert 65536 < reached < 8 << 20, reached
    assert len(got) == 8 << 20
