# SPDX-License-Identifier: ISC
"""RFC 9113, section 8: what makes a request malformed. One rule a test, by raw
frames; a malformed request is a stream error of type PROTOCOL_ERROR (8.1.1)."""

import pytest

import h2raw as h2
from h2raw import frame, message, request


@pytest.fixture
def conn(daemon):
    with h2.Connection(daemon) as c:
        yield c
    with h2.Connection(daemon) as c:
        assert c.alive()


MALFORMED = {
    "8_2_1_upper_case_name": request(h2.CHECK, ("X-Upper", "a")),
    "8_2_1_name_with_a_space": request(h2.CHECK, ("x y", "a")),
    "8_2_1_name_with_a_control_character": request(h2.CHECK, ("x\x01y", "a")),
    "8_2_1_name_with_a_colon": request(h2.CHECK, ("x:y", "a")),
    "8_2_1_value_with_nul": request(h2.CHECK, ("x", "a\0b")),
    "8_2_1_value_with_newline": request(h2.CHECK, ("x", "a\r\nb: c")),
    "8_2_2_connection_header": request(h2.CHECK, ("connection", "keep-alive")),
    "8_2_2_keep_alive_header": request(h2.CHECK, ("keep-alive", "1")),
    "8_2_2_transfer_encoding_header": request(h2.CHECK, ("transfer-encoding", "chunked")),
    "8_2_2_upgrade_header": request(h2.CHECK, ("upgrade", "h2c")),
    "8_2_2_te_other_than_trailers": request(h2.CHECK, te="trailers, deflate"),
    "8_3_unknown_pseudo_header": [(":test", "ok")] + request(),
    "8_3_response_pseudo_header": [(":status", "200")] + request(),
    "8_3_pseudo_header_after_a_regular_one": request(drop=(":path",)) + [(":path", h2.CHECK)],
    "8_3_1_empty_path": request(""),
    "8_3_1_no_method": request(drop=(":method",)),
    "8_3_1_no_scheme": request(drop=(":scheme",)),
    "8_3_1_no_path": request(drop=(":path",)),
    "8_3_1_two_methods": [(":method", "POST")] + request(),
    "8_3_1_two_schemes": [(":scheme", "https")] + request(),
    "8_3_1_two_paths": [(":path", h2.CHECK)] + request(),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_request(conn, name):
    stream = conn.open(MALFORMED[name])
    try:
        conn.data(stream, message(), end=True)
    except h2.Closed:
        pass
    conn.resets(stream, h2.PROTOCOL_ERROR)


@pytest.mark.parametrize("length", [4, 6], ids=["too_short", "too_long"])
def test_8_1_1_content_length_differs_from_data(conn, length):
    stream = conn.open(request(h2.CHECK, ("content-length", str(length))))
    conn.data(stream, message(), end=True)
    conn.resets(stream, h2.PROTOCOL_ERROR)


def test_8_1_1_right_content_length_is_taken(conn):
    stream = conn.open(request(h2.CHECK, ("content-length", "5")))
    conn.data(stream, message(), end=True)
    assert conn.answer(stream).status == 0


def test_8_1_request_trailers_without_end_stream(conn):
    stream = conn.open()
    conn.data(stream, message())
    conn.send(frame(h2.HEADERS, h2.END_HEADERS, stream, conn.encode([("x-trailer", "1")])))
    conn.resets(stream, h2.PROTOCOL_ERROR)


def test_8_1_pseudo_header_in_trailers(conn):
    stream = conn.open()
    conn.data(stream, message())
    conn.send(frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream,
                    conn.encode([(":method", "POST")])))
    conn.resets(stream, h2.PROTOCOL_ERROR)


def test_8_1_request_trailers_are_taken(conn):
    stream = conn.open()
    conn.data(stream, message())
    conn.send(frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream,
                    conn.encode([("x-trailer", "1")])))
    assert conn.answer(stream).status == 0


def test_8_4_push_promise_from_a_client(conn):
    stream = conn.open(request("/grpc.health.v1.Health/Watch"))
    try:
        conn.send(frame(h2.PUSH_PROMISE, h2.END_HEADERS, stream,
                        b"\0\0\0\2" + conn.encode(request())))
    except h2.Closed:
        pass
    conn.dies(h2.PROTOCOL_ERROR)


def test_8_6_no_answer_pushes(conn):
    conn.call()
    assert not [f for f in conn.frames if f[0] == h2.PUSH_PROMISE]


def test_8_1_trailers_only_error_ends_the_stream_at_once(conn):
    """Early answer before the client's END_STREAM: the whole answer, then perhaps
    RST_STREAM(NO_ERROR), never another error."""
    stream = conn.open(request(h2.SERVICE + "Nonsense"))
    answer = conn.answer(stream)
    assert answer.status == 12 and answer.trailers_only
    conn.drain(0.2)
    assert answer.reset in (None, h2.NO_ERROR)
    assert conn.alive()
