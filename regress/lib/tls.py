# SPDX-License-Identifier: ISC
"""TLS connections to the daemon below gRPC: through Python's ssl, and through
openssl s_client for what ssl cannot choose (suites, groups)."""

import contextlib
import os
import re
import select
import socket
import ssl
import subprocess
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
EMPTY_SETTINGS = b"\0\0\0\4\0\0\0\0\0"


def context(daemon, cert=None, key=None, alpn=("h2",), maximum=None):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.load_verify_locations(daemon.server_ca)
    if maximum is not None:
        ctx.maximum_version = maximum
    if cert is not None:
        ctx.load_cert_chain(cert, key)
    if alpn:
        ctx.set_alpn_protocols(list(alpn))
    return ctx


def tcp(daemon, timeout=10.0):
    sock = socket.create_connection(("127.0.0.1", daemon.port), timeout=timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def connect(daemon, user="alice", cert=None, key=None, timeout=10.0, **kw):
    """A TLS connection whose handshake is done on our side."""
    if cert is None and user is not None:
        cert, key = daemon.cert(user)
    ctx = context(daemon, cert, key, **kw)
    sock = tcp(daemon, timeout)
    try:
        return ctx.wrap_socket(sock, server_hostname="127.0.0.1")
    except BaseException:
        sock.close()
        raise


def attempt(daemon, cert=None, key=None, **kw):
    """(None, first bytes of HTTP/2) when the daemon takes the connection, or (why, b"").
    In TLS 1.3 the server's verdict on the client comes only after the client's side of
    the handshake is done, so this says something and reads the answer."""
    try:
        with connect(daemon, user=None, cert=cert, key=key, **kw) as conn:
            conn.sendall(PREFACE + EMPTY_SETTINGS)
            got = conn.recv(4096)
            return (None, got) if got else ("closed", b"")
    except ssl.SSLError as e:
        return (e.reason or str(e)).lower().replace("_", " "), b""
    except (ConnectionError, EOFError):
        return "closed", b""


def refused(daemon, cert=None, key=None, **kw):
    """Asserts that not one byte of HTTP/2 came back. Why, in OpenSSL's words."""
    why, got = attempt(daemon, cert, key, **kw)
    assert why is not None, f"the daemon took the connection: {got!r}"
    return why


def s_client(daemon, *options, user="alice", text=PREFACE + EMPTY_SETTINGS):
    """openssl s_client: (application bytes received, what it said)."""
    cert, key = daemon.cert(user)
    proc = subprocess.Popen(
        ["openssl", "s_client", "-connect", daemon.addr, "-cert", cert, "-key", key,
         "-CAfile", daemon.server_ca, "-verify_return_error", "-alpn", "h2", "-no_ign_eof",
         "-nocommands", *options],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        with contextlib.suppress(BrokenPipeError):
            proc.stdin.write(text)
            proc.stdin.flush()
        out = b""
        # SETTINGS of the server, or the end: s_client goes on until its stdin ends.
        end = time.monotonic() + 5
        while time.monotonic() < end and not http2_in(out):
            if select.select([proc.stdout], [], [], 0.1)[0]:
                piece = os.read(proc.stdout.fileno(), 65536)
                if not piece:
                    break
                out += piece
    finally:
        with contextlib.suppress(BrokenPipeError):
            proc.stdin.close()
        try:
            proc.wait(5)
        except subprocess.TimeoutExpired:
            proc.kill()
            proc.wait()
        proc.stdout.close()
    return http2_in(out), out.decode(errors="replace")


def http2_in(out):
    """The server's SETTINGS frame in s_client's output."""
    m = re.search(rb"\x00\x00.\x04\x00\x00\x00\x00\x00", out, re.S)
    return out[m.start():] if m else b""
