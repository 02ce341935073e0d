# SPDX-License-Identifier: ISC
"""gRPC over HTTP/2 as grpc/doc/PROTOCOL-HTTP2.md, compression.md and statuscodes.md
have it, by raw frames: framing, cuts, metadata, timeouts, compression, content types."""

import time

import pytest

import h2raw as h2
import tls
from h2raw import frame, message, request, settings
from protos import health_pb, pb, rpc_pb
from rpc import UNKNOWN_ID

INVALID, DEADLINE, DENIED, EXHAUSTED, UNIMPLEMENTED, INTERNAL = 3, 4, 7, 8, 12, 13
SERVING = health_pb.HealthCheckResponse(status=1).SerializeToString()
STATUS = h2.SERVICE + "GetJobStatus"


@pytest.fixture(scope="module")
def shared(daemon):
    """One connection for the tests that leave it in order."""
    with h2.Connection(daemon) as c:
        yield c
        assert c.alive()


@pytest.fixture
def conn(daemon):
    with h2.Connection(daemon) as c:
        yield c


def status_of(job_id=UNKNOWN_ID):
    return pb.JobStatusRequest(job_id=job_id).SerializeToString()


# --- the answer's form -------------------------------------------------------

def test_success_is_headers_data_trailers(shared):
    answer = shared.call()
    assert answer.headers[":status"] == "200"
    assert answer.headers["content-type"].startswith("application/grpc")
    assert "grpc-status" not in answer.headers
    assert answer.messages() == [SERVING]
    assert len(answer.blocks) == 2 and answer.trailers["grpc-status"] == "0" and answer.ended


def test_error_is_trailers_only(shared):
    answer = shared.call(STATUS, status_of())
    assert answer.trailers_only
    assert answer.headers[":status"] == "200"
    assert answer.headers["content-type"].startswith("application/grpc")
    assert answer.status == DENIED and answer.text


def test_unknown_service_is_200_with_status_12(shared):
    answer = shared.call("/no.such.Service/Method")
    assert answer.headers[":status"] == "200" and answer.status == UNIMPLEMENTED
    assert answer.trailers_only


@pytest.mark.parametrize("path", [
    "/telepilot.v1.TelePilot/getjobstatus", "/telepilot.v1.TelePilot/", "/telepilot.v1.TelePilot",
    "/", "//telepilot.v1.TelePilot/GetJobStatus", "/telepilot.v1.TelePilot/GetJobStatus/",
    "/telepilot.v1.TelePilot/GetJobStatus?x=1", "/grpc.health.v1.Health/Nothing", "*"])
def test_paths_are_exact(shared, path):
    answer = shared.call(path, status_of())
    assert answer.status == UNIMPLEMENTED or answer.reset == h2.PROTOCOL_ERROR \
        or answer.headers.get(":status") == "404"


# --- content types and methods -----------------------------------------------

@pytest.mark.parametrize("kind", ["application/grpc", "application/grpc+proto",
                                  "application/grpc;charset=utf-8"])
def test_content_type_taken(shared, kind):
    assert shared.call(headers=request(content_type=kind)).status == 0


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/grpc-web",
                                  "application/grpc-web+proto", "application/grpcx", "", None])
def test_content_type_refused_with_415(shared, kind):
    headers = request(content_type=kind) if kind is not None else request(drop=("content-type",))
    answer = shared.call(headers=headers)
    assert answer.headers[":status"] == "415"


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "HEAD"])
def test_only_post(shared, method):
    stream = shared.open(request(method=method), end=True)
    answer = shared.answer(stream)
    assert answer.reset is not None or answer.headers[":status"] != "200" or answer.status != 0


# --- messages and their cuts -------------------------------------------------

def whole_call(c):
    """The bytes of one Check call, HEADERS and DATA."""
    stream = c.next_stream
    c.next_stream += 2
    c.answers[stream] = h2.Answer()
    body = message(health_pb.HealthCheckRequest(service="").SerializeToString())
    return stream, (frame(h2.HEADERS, h2.END_HEADERS, stream, c.encode(request()))
                    + frame(h2.DATA, h2.END_STREAM, stream, body))


def test_frames_cut_at_every_byte(shared):
    stream, data = whole_call(shared)
    shared.send(data)
    assert shared.answer(stream).status == 0
    for cut in range(1, len(data)):
        stream, data = whole_call(shared)
        if cut >= len(data):    # hpack's table has made it shorter
            shared.send(data)
        else:
            shared.send(data[:cut])
            time.sleep(0.002)
            shared.send(data[cut:])
        assert shared.answer(stream).messages() == [SERVING], f"cut at {cut}"


def test_preface_cut_at_every_byte(daemon):
    whole = tls.PREFACE + settings((h2.INITIAL_WINDOW_SIZE, 70000))
    for cut in range(1, len(whole), 2):
        with h2.Connection(daemon, greet=False) as c:
            c.send(whole[:cut])
            time.sleep(0.002)
            c.send(whole[cut:])
            assert c.alive(), f"cut at {cut}"


def test_frames_of_one_byte_each(shared):
    stream, data = whole_call(shared)
    for i in range(len(data)):
        shared.send(data[i:i + 1])
    assert shared.answer(stream).messages() == [SERVING]


def test_message_in_data_frames_of_one_byte(shared):
    stream = shared.open(request(STATUS))
    body = message(status_of())
    for i in range(len(body)):
        shared.data(stream, body[i:i + 1], end=i == len(body) - 1)
    assert shared.answer(stream).status == DENIED


def test_end_stream_in_an_empty_data_frame(shared):
    stream = shared.open()
    shared.data(stream, message())
    shared.data(stream, b"", end=True)
    assert shared.answer(stream).status == 0


def test_many_calls_in_one_record(shared):
    calls = [whole_call(shared) for _ in range(20)]
    shared.send(b"".join(data for _, data in calls))
    for stream, _ in calls:
        assert shared.answer(stream).messages() == [SERVING]


def test_end_in_the_middle_of_a_message(shared):
    for body in (b"\0", b"\0\0\0\0", b"\0\0\0\0\5abcd"):
        stream = shared.open(request(STATUS))
        shared.data(stream, body, end=True)
        assert shared.answer(stream).status == INTERNAL


def test_unary_without_a_message(shared):
    stream = shared.open(request(STATUS), end=True)
    assert shared.answer(stream).status in (UNIMPLEMENTED, INTERNAL)


def test_unary_with_two_messages(shared):
    stream = shared.open(request(STATUS))
    shared.data(stream, message(status_of()) * 2, end=True)
    assert shared.answer(stream).status in (UNIMPLEMENTED, INTERNAL)


def test_message_that_is_no_protobuf(shared):
    answer = shared.call(STATUS, b"\xff\xff\xff\xff\xff")
    assert answer.status in (INTERNAL, INVALID)


def test_message_cut_in_a_field(shared):
    answer = shared.call(STATUS, status_of()[:-1])
    assert answer.status in (INTERNAL, INVALID)


def test_unknown_fields_are_ignored(shared):
    answer = shared.call(STATUS, status_of() + b"\xfa\x7f\x03abc" + b"\xf0\x7f\x01")
    assert answer.status == DENIED


@pytest.mark.parametrize("value", [b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"a\0b"],
                         ids=["not_utf8", "overlong", "surrogate", "nul"])
def test_string_that_is_no_text_is_refused(shared, value):
    """protobuf-c takes them, and cuts a C string at its NUL: "ls\\0rubbish" is not "ls"."""
    body = b"\x0a" + bytes([len(value)]) + value
    answer = shared.call(h2.SERVICE + "CreateJob", body)
    assert answer.status in (INVALID, INTERNAL)


# --- compression -------------------------------------------------------------

def test_compressed_flag_without_encoding_is_internal(shared):
    stream = shared.open(request(STATUS))
    shared.data(stream, message(status_of(), flag=1), end=True)
    assert shared.answer(stream).status == INTERNAL


def test_compressed_flag_with_identity_is_internal(shared):
    stream = shared.open(request(STATUS, ("grpc-encoding", "identity")))
    shared.data(stream, message(status_of(), flag=1), end=True)
    assert shared.answer(stream).status == INTERNAL


def test_compression_we_lack_is_unimplemented_and_names_what_we_have(shared):
    stream = shared.open(request(STATUS, ("grpc-encoding", "gzip")))
    shared.data(stream, message(b"\x1f\x8b\x08", flag=1), end=True)
    answer = shared.answer(stream)
    assert answer.status == UNIMPLEMENTED
    offered = [b.get("grpc-accept-encoding") for b in answer.blocks]
    assert "identity" in offered


def test_flag_other_than_0_and_1_is_internal(shared):
    for flag in (2, 3, 128, 255):
        stream = shared.open(request(STATUS))
        shared.data(stream, message(status_of(), flag=flag), end=True)
        assert shared.answer(stream).status == INTERNAL


def test_answers_are_never_compressed(shared):
    stream = shared.open(request(h2.CHECK, ("grpc-accept-encoding", "gzip, deflate, identity")))
    shared.data(stream, message(), end=True)
    answer = shared.answer(stream)
    assert answer.headers.get("grpc-encoding", "identity") == "identity"
    assert answer.messages() == [SERVING]


# --- grpc-timeout ------------------------------------------------------------

@pytest.mark.parametrize("value", ["1S", "0100m", "1000000u", "99999999n", "1M", "1H",
                                   "99999999H"])
def test_timeout_forms(shared, value):
    assert shared.call(headers=request(h2.CHECK, ("grpc-timeout", value))).status == 0


@pytest.mark.parametrize("value", ["", "1", "S", "-1S", "+1S", "1.5S", "1s", "1 S", "0x1S",
                                   "100000000S", "1SS", "\u0661S"])
def test_timeout_of_wrong_form_is_an_error(shared, value):
    answer = shared.call(headers=request(h2.CHECK, ("grpc-timeout", value)))
    assert answer.status in (INVALID, INTERNAL) or answer.reset is not None


@pytest.mark.parametrize("value,seconds", [("50m", 0.05), ("80000u", 0.08), ("1S", 1.0)])
def test_deadline_ends_a_wait(daemon, alice, shared, value, seconds):
    job_id = alice.create("/bin/true")      # never started: WaitJob waits
    begun = time.monotonic()
    answer = shared.call(headers=request(h2.SERVICE + "WaitJob", ("grpc-timeout", value)),
                         body=pb.WaitJobRequest(job_id=job_id).SerializeToString())
    took = time.monotonic() - begun
    assert answer.status == DEADLINE or answer.reset == h2.CANCEL
    assert seconds * 0.9 <= took < seconds + 2, took


def test_deadline_of_a_call_that_never_sends_its_message(shared):
    stream = shared.open(request(STATUS, ("grpc-timeout", "100m")))
    answer = shared.answer(stream, 5)
    assert answer.status == DEADLINE or answer.reset == h2.CANCEL


# --- metadata ----------------------------------------------------------------

@pytest.mark.parametrize("value", [
    h2.b64(b"\xab\xab\xab\xab"), h2.b64(b"\xab\xab\xab\xab", padded=False),
    h2.b64(b"\xab") + "," + h2.b64(b"\xcd", padded=False), "", "!!not base64!!", "A"],
    ids=["padded", "unpadded", "joined", "empty", "not_base64", "one_character"])
def test_binary_metadata_is_taken(shared, value):
    answer = shared.call(headers=request(h2.CHECK, ("x-grpc-test-echo-trailing-bin", value)))
    assert answer.status == 0


def test_metadata_that_is_not_ascii_does_no_harm(shared):
    answer = shared.call(headers=request(h2.CHECK, ("x-test", "caf\u00e9")))
    assert answer.status == 0 or answer.reset == h2.PROTOCOL_ERROR


def test_error_details_are_unpadded_base64(shared):
    answer = shared.call(STATUS, status_of("no uuid"))
    raw = answer.trailers["grpc-status-details-bin"]
    assert "=" not in raw
    status = rpc_pb.Status.FromString(h2.unb64(raw))
    assert status.code == answer.status == INVALID
    assert "%" not in answer.text and status.message == answer.text


def test_reserved_headers_are_not_echoed(shared):
    answer = shared.call(headers=request(h2.CHECK, ("grpc-status", "7"), ("grpc-tags-bin", "AA")))
    assert answer.status == 0


def test_te_may_be_missing(shared):
    """The header is there to find bad proxies; no reason to refuse a client."""
    assert shared.call(headers=request(drop=("te",))).status == 0


# --- limits: exactly at, and one above ---------------------------------------

def padded_status(size):
    """A GetJobStatus request of exactly that many bytes (an unknown field is ignored)."""
    body = status_of()
    room = size - len(body) - 2
    for width in (1, 2, 3):     # bytes of the length varint
        length = room - width
        varint = b""
        n = length
        while True:
            varint += bytes([n & 0x7f | (0x80 if n > 0x7f else 0)])
            n >>= 7
            if not n:
                break
        if len(varint) == width:
            body += b"\xfa\x7f" + varint + b"x" * length
            assert len(body) == size
            return body
    raise AssertionError("no such size")


def send_large(c, path, body, length=None):
    stream = c.open(request(path))
    data = message(body, length=length)
    for i in range(0, len(data), 16384):
        # The server's stream window is at least the protocol's 65,535 bytes.
        if i == 3 * 16384:
            c.drain(0.1)
        if c.answers[stream].done:
            return c.answers[stream]
        c.data(stream, data[i:i + 16384], end=i + 16384 >= len(data))
    return c.answer(stream)


def test_message_of_the_limit_is_taken(shared):
    assert send_large(shared, STATUS, padded_status(65536)).status == DENIED


def test_message_of_the_limit_and_one_is_refused(shared):
    answer = send_large(shared, STATUS, padded_status(65537))
    assert answer.status == EXHAUSTED
    assert "65536" in answer.text or "64 KiB" in answer.text or "64KiB" in answer.text


def test_length_of_4_gib_is_refused_before_its_bytes_come(shared):
    stream = shared.open(request(STATUS))
    shared.data(stream, message(b"abc", length=0xffffffff))
    assert shared.answer(stream).status == EXHAUSTED


def header_bytes(headers):
    return sum(len(k) + len(v) + 32 for k, v in headers)


def headers_of(size):
    headers = request(h2.CHECK, ("x-pad", ""))
    headers[-1] = ("x-pad", "p" * (size - header_bytes(headers)))
    assert header_bytes(headers) == size
    return headers


def test_headers_of_the_limit_are_taken(conn):
    assert conn.call(headers=headers_of(8192)).status == 0


def test_headers_of_the_limit_and_one_are_refused(conn):
    answer = conn.call(headers=headers_of(8193))
    assert answer.status != 0
    assert answer.reset is not None or answer.status is not None \
        or answer.headers[":status"] == "431"
    assert conn.alive()


def test_header_limit_is_announced(conn):
    assert conn.server_settings[h2.MAX_HEADER_LIST_SIZE] == 8192


def test_headers_that_hpack_blows_up_are_refused(conn):
    """A table entry of 4 KiB, then one byte for each use: 2 KiB on the wire, megabytes
    in memory (CVE-2016-6581's kind)."""
    block = conn.encode(request()) + b"\x40\x01a\x7f\x81\x1e" + b"b" * 4000
    block += b"\xbe" * 2000
    conn.answers[1] = h2.Answer()
    conn.next_stream = 3
    conn.send(frame(h2.HEADERS, h2.END_HEADERS, 1, block))
    try:
        conn.until(lambda: conn.answers[1].done or conn.goaway, 5)
    except h2.Closed:
        return
    assert conn.answers[1].status != 0


def test_streams_of_the_limit_are_taken_and_one_more_is_refused(daemon):
    with h2.Connection(daemon) as c:
        limit = c.server_settings[h2.MAX_CONCURRENT_STREAMS]
        assert limit == 100
        watch = request("/grpc.health.v1.Health/Watch")
        streams = []
        for _ in range(limit):
            streams.append(c.open(watch))
            c.data(streams[-1], message(), end=True)
        c.until(lambda: all(c.answers[s].data for s in streams))
        one_more = c.open(watch)
        try:
            c.data(one_more, message(), end=True)
        except h2.Closed:
            pass
        c.resets(one_more, h2.REFUSED_STREAM, h2.PROTOCOL_ERROR)


def test_a_stream_that_ended_makes_room(daemon):
    with h2.Connection(daemon) as c:
        for _ in range(250):
            assert c.call().status == 0
