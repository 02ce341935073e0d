# SPDX-License-Identifier: ISC
"""HTTP/2 floods (research on nghttp2 1.52: most of them are not limited by the library).
Each must end with the connection's end or be served at a bounded cost, and another
user's connection must be served meanwhile."""

import struct
import threading
import time

import pytest

import h2raw as h2
from h2raw import frame, request, settings
from paths import SANITIZED
from protos import pb

COUNT = 20000


def flood(daemon, make, count=COUNT, batch=200, seconds=5.0):
    """Sends make(i) over and over while reading; True if the daemon ended it."""
    with h2.Connection(daemon, auto=False) as c:
        c.send(frame(h2.SETTINGS, h2.ACK, 0))
        end = time.monotonic() + seconds
        stop = threading.Event()

        def sender():
            try:
                for i in range(0, count, batch):
                    if stop.is_set() or time.monotonic() > end:
                        return
                    c.sock.sendall(b"".join(make(c, j) for j in range(i, i + batch)))
            except OSError:
                pass

        c.sock.settimeout(seconds)
        thread = threading.Thread(target=sender)
        thread.start()
        ended = False
        try:
            while time.monotonic() < end and thread.is_alive():
                c.sock.settimeout(0.2)
                try:
                    c.read()
                except TimeoutError:
                    pass
        except h2.Closed:
            ended = True
        stop.set()
        if not ended:
            ended = c.drain(1.0)
        thread.join(seconds + 5)
        return ended, c.goaway


def rapid_reset(c, i):
    stream = 2 * i + 1
    c.answers[stream] = h2.Answer()
    return (frame(h2.HEADERS, h2.END_HEADERS, stream, c.encode(request(h2.SERVICE + "WaitJob")))
            + frame(h2.RST_STREAM, 0, stream, b"\0\0\0\x08"))


def made_you_reset(c, i):
    """The server is made to send the RST_STREAM: a stream's window over the maximum."""
    stream = 2 * i + 1
    c.answers[stream] = h2.Answer()
    return (frame(h2.HEADERS, h2.END_HEADERS, stream, c.encode(request(h2.SERVICE + "WaitJob")))
            + frame(h2.WINDOW_UPDATE, 0, stream, b"\x7f\xff\xff\xff"))


def malformed(c, i):
    stream = 2 * i + 1
    c.answers[stream] = h2.Answer()
    return frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream,
                 c.encode(request(h2.CHECK, ("X-Upper", "1"))))


FLOODS = {
    "rapid_reset": rapid_reset,
    "made_you_reset": made_you_reset,
    "malformed_headers": malformed,
    "ping": lambda c, i: frame(h2.PING, 0, 0, struct.pack(">Q", i)),
    "settings": lambda c, i: settings((h2.INITIAL_WINDOW_SIZE, 65535 + i % 2)),
    "empty_settings": lambda c, i: settings(),
    "priority": lambda c, i: frame(h2.PRIORITY, 0, 1, b"\0\0\0\0\x0f"),
    "unknown_frames": lambda c, i: frame(0x77, 0, 0, b""),
    "window_update": lambda c, i: frame(h2.WINDOW_UPDATE, 0, 0, b"\0\0\0\1"),
}


@pytest.mark.parametrize("name", FLOODS)
def test_flood_is_ended(daemon, name):
    with h2.Connection(daemon, "bob") as other:
        ended, goaway = flood(daemon, FLOODS[name])
        assert other.alive()
    assert ended, f"{COUNT} frames and the connection goes on"
    if goaway is not None:
        assert goaway[1] in (h2.ENHANCE_YOUR_CALM, h2.INTERNAL_ERROR, h2.PROTOCOL_ERROR)


def test_empty_data_flood_on_a_stream(daemon):
    def make(c, i):
        if i == 0:
            c.answers[1] = h2.Answer()
            return frame(h2.HEADERS, h2.END_HEADERS, 1, c.encode(request(h2.SERVICE + "WaitJob")))
        return frame(h2.DATA, 0, 1, b"")
    assert flood(daemon, make)[0]


def test_continuation_flood(daemon):
    """CVE-2024-27316's kind: a header block that never ends."""
    with h2.Connection(daemon) as c:
        c.answers[1] = h2.Answer()
        try:
            c.send(frame(h2.HEADERS, 0, 1, c.encode(request())))
            for _ in range(1000):
                c.send(frame(h2.CONTINUATION, 0, 1, c.encode([("a", "b" * 1000)])))
        except h2.Closed:
            pass
        c.dies()


def test_headers_that_never_end(daemon):
    """HEADERS without END_HEADERS and then silence: a stream limit does not count it."""
    with h2.Connection(daemon) as c, h2.Connection(daemon, "bob") as other:
        c.send(frame(h2.HEADERS, 0, 1, c.encode(request())))
        assert other.alive()


def test_reset_of_a_running_call_frees_it(daemon, alice):
    """Cancelled waits leave nothing behind in the monitor: 3,000 of them, slowly enough
    not to count as a flood, cost no memory to speak of."""
    job_id = alice.create("/bin/true")

    def rss():
        with open(f"/proc/{daemon.pid}/status", encoding="ascii") as f:
            return next(int(x.split()[1]) for x in f if x.startswith("VmRSS"))

    calls = [alice.WaitJob.future(pb.WaitJobRequest(job_id=job_id)) for _ in range(50)]
    for c in calls:
        c.cancel()
    before = rss()
    for _ in range(60):
        calls = [alice.WaitJob.future(pb.WaitJobRequest(job_id=job_id), timeout=0.03)
                 for _ in range(50)]
        for c in calls:
            c.code()
    assert SANITIZED or rss() - before < 2048


def test_normal_use_is_no_flood(daemon, alice):
    """The other side of the limits above: 2,000 quick calls on one connection, with the
    client library's own pings, are served."""
    for _ in range(500):
        alice.list(page_size=1)
    with h2.Connection(daemon) as c:
        for _ in range(1500):
            assert c.call().status == 0
