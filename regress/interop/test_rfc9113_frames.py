# SPDX-License-Identifier: ISC
"""RFC 9113, sections 3 to 6: connections, frames and streams, one rule a test, by
raw frames. The section stands in the test's name. After each the daemon must serve
a new connection: a peer that breaks the protocol harms only itself."""

import struct

import pytest

import h2raw as h2
import tls
from h2raw import frame, message, request, settings


@pytest.fixture
def conn(daemon):
    with h2.Connection(daemon) as c:
        yield c
    with h2.Connection(daemon) as c:
        assert c.alive()


def sends(conn, data):
    """Sends what may well make the server close at once."""
    try:
        conn.send(data)
    except h2.Closed:
        pass


# --- 3. starting -------------------------------------------------------------

def test_3_4_first_frame_of_the_server_is_settings(daemon):
    with h2.Connection(daemon) as c:
        assert c.frames[0][0] == h2.SETTINGS and c.frames[0][2] == 0


def test_3_4_invalid_preface_closes(daemon):
    with h2.Connection(daemon, greet=False) as c:
        sends(c, b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + settings())
        c.dies(h2.PROTOCOL_ERROR)


def test_3_4_preface_without_settings_closes(daemon):
    with h2.Connection(daemon, greet=False) as c:
        sends(c, tls.PREFACE + frame(h2.PING, 0, 0, b"12345678"))
        c.dies(h2.PROTOCOL_ERROR)


def test_3_4_http1_request_closes(daemon):
    with h2.Connection(daemon, greet=False) as c:
        sends(c, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        c.dies(h2.PROTOCOL_ERROR)


# --- 4. frames ---------------------------------------------------------------

def test_4_1_unknown_frame_type_is_ignored(conn):
    conn.send(frame(0x16, 0, 0, b"12345678") + frame(0xbe, 0xff, 0, b""))
    assert conn.alive()


def test_4_1_undefined_flags_are_ignored(conn):
    conn.send(frame(h2.PING, 0x16, 0, b"undefind"))
    conn.until(lambda: b"undefind" in conn.pongs)


def test_4_1_reserved_bit_is_ignored(conn):
    conn.send(frame(h2.PING, 0, 0x80000000, b"reserved"))
    conn.until(lambda: b"reserved" in conn.pongs)


def test_4_2_data_larger_than_max_frame_size(conn):
    stream = conn.open()
    sends(conn, frame(h2.DATA, 0, stream, b"\0" * 16385))
    conn.resets(stream, h2.FRAME_SIZE_ERROR)


def test_4_2_headers_larger_than_max_frame_size(conn):
    sends(conn, frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1,
                      conn.encode(request()) + b"\x00\x01a\x7f\xff\x7f" + b"a" * 16384))
    conn.dies(h2.FRAME_SIZE_ERROR, h2.COMPRESSION_ERROR)


def test_4_2_frame_of_16384_bytes_is_taken(conn):
    stream = conn.open()
    conn.data(stream, message(b"\0" * 16384)[:16384])
    conn.data(stream, message(b"\0" * 16384)[16384:], end=True)
    assert conn.answer(stream).ended


def test_4_3_invalid_header_block(conn):
    conn.answers[1] = h2.Answer()
    sends(conn, frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, b"\xff\xff\xff\xff\xff\xff"))
    conn.dies(h2.COMPRESSION_ERROR)


def test_4_3_index_zero(conn):
    sends(conn, frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, b"\x80"))
    conn.dies(h2.COMPRESSION_ERROR)


def test_4_3_table_size_update_above_the_limit(conn):
    sends(conn, frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1,
                      b"\x3f\xe1\xff\x03" + conn.encode(request())))
    conn.dies(h2.COMPRESSION_ERROR)


def test_4_3_priority_between_headers_and_continuation(conn):
    block = conn.encode(request())
    sends(conn, frame(h2.HEADERS, 0, 1, block[:5])
          + frame(h2.PRIORITY, 0, 1, b"\0\0\0\0\xff") + frame(h2.CONTINUATION, 4, 1, block[5:]))
    conn.dies(h2.PROTOCOL_ERROR)


def test_4_3_headers_of_another_stream_between(conn):
    block = conn.encode(request())
    sends(conn, frame(h2.HEADERS, 0, 1, block[:5])
          + frame(h2.HEADERS, h2.END_HEADERS, 3, block))
    conn.dies(h2.PROTOCOL_ERROR)


# --- 5. streams --------------------------------------------------------------

@pytest.mark.parametrize("kind,payload", [
    (h2.DATA, b"data"), (h2.RST_STREAM, b"\0\0\0\x08"), (h2.WINDOW_UPDATE, b"\0\0\0\x64"),
    (h2.CONTINUATION, b"\x82")], ids=["data", "rst_stream", "window_update", "continuation"])
def test_5_1_idle_stream(conn, kind, payload):
    sends(conn, frame(kind, h2.END_HEADERS if kind == h2.CONTINUATION else 0, 1, payload))
    conn.dies(h2.PROTOCOL_ERROR, h2.STREAM_CLOSED)


def test_5_1_data_on_half_closed_stream(conn):
    stream = conn.open(request("/grpc.health.v1.Health/Watch"))
    conn.data(stream, message(), end=True)
    sends(conn, frame(h2.DATA, 0, stream, b"more"))
    conn.resets(stream, h2.STREAM_CLOSED)


def test_5_1_headers_on_half_closed_stream(conn):
    stream = conn.open(request("/grpc.health.v1.Health/Watch"))
    conn.data(stream, message(), end=True)
    sends(conn, frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream, conn.encode(request())))
    conn.resets(stream, h2.STREAM_CLOSED, h2.PROTOCOL_ERROR)


def test_5_1_data_after_rst_stream(conn):
    stream = conn.open(request("/grpc.health.v1.Health/Watch"))
    conn.send(frame(h2.RST_STREAM, 0, stream, b"\0\0\0\x08"))
    sends(conn, frame(h2.DATA, 0, stream, b"more"))
    # Ignored, reset, or the end of the connection; never a crash.
    conn.drain(0.3)
    assert conn.goaway is not None or conn.alive()


def test_5_1_1_even_stream_number(conn):
    sends(conn, frame(h2.HEADERS, h2.END_HEADERS, 2, conn.encode(request())))
    conn.dies(h2.PROTOCOL_ERROR)


def test_5_1_1_stream_number_that_goes_back_is_never_served(conn):
    """An error, or ignored as a frame of a stream closed long ago (5.1 allows both; a
    client's trailers may cross with the server's RST_STREAM)."""
    conn.open(stream=5, headers=request("/grpc.health.v1.Health/Watch"))
    conn.answers[3] = h2.Answer()
    sends(conn, frame(h2.HEADERS, h2.END_HEADERS, 3, conn.encode(request()))
          + frame(h2.DATA, h2.END_STREAM, 3, message()))
    conn.drain(0.5)
    assert not conn.answers[3].blocks and not conn.answers[3].data


def test_5_1_2_max_concurrent_streams_is_announced(conn):
    assert 1 <= conn.server_settings[h2.MAX_CONCURRENT_STREAMS] <= 1000


def test_5_5_unknown_frame_in_a_header_block(conn):
    block = conn.encode(request())
    sends(conn, frame(h2.HEADERS, 0, 1, block[:5]) + frame(0xfe, 0, 0, b"")
          + frame(h2.CONTINUATION, h2.END_HEADERS, 1, block[5:]))
    conn.dies(h2.PROTOCOL_ERROR)


# --- 6. frame definitions ----------------------------------------------------

STREAM_0 = {
    "6_1_data": (h2.DATA, 0, b"data"),
    "6_2_headers": (h2.HEADERS, h2.END_HEADERS, b"\x82"),
    "6_3_priority": (h2.PRIORITY, 0, b"\0\0\0\0\xff"),
    "6_4_rst_stream": (h2.RST_STREAM, 0, b"\0\0\0\x08"),
    "6_6_push_promise": (h2.PUSH_PROMISE, h2.END_HEADERS, b"\0\0\0\2\x82"),
    "6_10_continuation": (h2.CONTINUATION, h2.END_HEADERS, b"\x82"),
}


@pytest.mark.parametrize("name", STREAM_0)
def test_6_frame_on_stream_0(conn, name):
    kind, flags, payload = STREAM_0[name]
    sends(conn, frame(kind, flags, 0, payload))
    conn.dies(h2.PROTOCOL_ERROR)


ON_A_STREAM = {
    "6_5_settings": (h2.SETTINGS, b""),
    "6_7_ping": (h2.PING, b"12345678"),
    "6_8_goaway": (h2.GOAWAY, b"\0" * 8),
}


@pytest.mark.parametrize("name", ON_A_STREAM)
def test_6_connection_frame_on_a_stream(conn, name):
    kind, payload = ON_A_STREAM[name]
    stream = conn.open()
    sends(conn, frame(kind, 0, stream, payload))
    conn.dies(h2.PROTOCOL_ERROR)


WRONG_LENGTH = {
    "6_4_rst_stream": (h2.RST_STREAM, 1, b"\0\0\0"),
    "6_5_settings": (h2.SETTINGS, 0, b"\0\1\0\0\0"),
    "6_7_ping": (h2.PING, 0, b"1234567"),
    "6_8_goaway": (h2.GOAWAY, 0, b"\0" * 7),
    "6_9_window_update": (h2.WINDOW_UPDATE, 0, b"\0\0\1"),
}


@pytest.mark.parametrize("name", WRONG_LENGTH)
def test_6_frame_of_wrong_length(conn, name):
    kind, stream, payload = WRONG_LENGTH[name]
    conn.open(request("/grpc.health.v1.Health/Watch"))
    sends(conn, frame(kind, 0, stream, payload))
    conn.dies(h2.FRAME_SIZE_ERROR)


def test_6_1_padded_data_is_taken(conn):
    stream = conn.open()
    conn.send(frame(h2.DATA, h2.PADDED | h2.END_STREAM, stream, b"\7" + message() + b"\0" * 7))
    assert conn.answer(stream).status == 0


def test_6_1_padding_as_long_as_the_frame(conn):
    stream = conn.open()
    sends(conn, frame(h2.DATA, h2.PADDED, stream, b"\x06\0\0\0\0\0"))
    conn.dies(h2.PROTOCOL_ERROR)


def test_6_2_padded_headers_with_priority_are_taken(conn):
    conn.answers[1] = h2.Answer()
    block = b"\x03" + b"\0\0\0\0\x0f" + conn.encode(request()) + b"\0\0\0"
    conn.send(frame(h2.HEADERS, h2.END_HEADERS | h2.PADDED | h2.PRIORITY_FLAG, 1, block))
    conn.next_stream = 3
    conn.data(1, message(), end=True)
    assert conn.answer(1).status == 0


def test_6_2_headers_padding_too_long(conn):
    block = conn.encode(request())
    sends(conn, frame(h2.HEADERS, h2.END_HEADERS | h2.PADDED, 1,
                      struct.pack("B", 255) + block[:60]))
    conn.dies(h2.PROTOCOL_ERROR)


def test_6_3_priority_of_wrong_length(conn):
    stream = conn.open(request("/grpc.health.v1.Health/Watch"))
    sends(conn, frame(h2.PRIORITY, 0, stream, b"\0\0\0\0"))
    conn.resets(stream, h2.FRAME_SIZE_ERROR)


def test_6_5_settings_ack_with_payload(conn):
    sends(conn, frame(h2.SETTINGS, h2.ACK, 0, b"\0\1\0\0\0\0"))
    conn.dies(h2.FRAME_SIZE_ERROR)


BAD_SETTINGS = {
    "enable_push_2": ((h2.ENABLE_PUSH, 2), h2.PROTOCOL_ERROR),
    "initial_window_2_31": ((h2.INITIAL_WINDOW_SIZE, 1 << 31), h2.FLOW_CONTROL_ERROR),
    "max_frame_16383": ((h2.MAX_FRAME_SIZE, 16383), h2.PROTOCOL_ERROR),
    "max_frame_2_24": ((h2.MAX_FRAME_SIZE, 1 << 24), h2.PROTOCOL_ERROR),
}


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_6_5_2_invalid_setting(conn, name):
    pair, code = BAD_SETTINGS[name]
    sends(conn, settings(pair))
    conn.dies(code)


def test_6_5_2_unknown_setting_is_ignored(conn):
    conn.send(settings((0xff, 1), (0xfe03, 1)))
    assert conn.alive()


def test_6_5_3_settings_are_acknowledged(conn):
    before = conn.settings_acked
    conn.send(settings((h2.MAX_CONCURRENT_STREAMS, 100)))
    conn.until(lambda: conn.settings_acked > before)


def test_6_7_ping_is_answered_with_its_bytes(conn):
    conn.send(frame(h2.PING, 0, 0, b"\0\1\2\3\xfc\xfd\xfe\xff"))
    conn.until(lambda: b"\0\1\2\3\xfc\xfd\xfe\xff" in conn.pongs)


def test_6_7_ping_ack_is_not_answered(conn):
    conn.send(frame(h2.PING, h2.ACK, 0, b"unasked!") + frame(h2.PING, 0, 0, b"question"))
    conn.until(lambda: conn.pongs)
    assert conn.pongs == [b"question"]


def test_6_8_streams_end_after_the_clients_goaway(conn):
    stream = conn.open()
    conn.send(frame(h2.GOAWAY, 0, 0, b"\0" * 8))
    conn.data(stream, message(), end=True)
    assert conn.answer(stream).status == 0


def test_6_9_window_update_of_0_on_the_connection(conn):
    sends(conn, frame(h2.WINDOW_UPDATE, 0, 0, b"\0\0\0\0"))
    conn.dies(h2.PROTOCOL_ERROR)


def test_6_9_window_update_of_0_on_a_stream(conn):
    stream = conn.open(request("/grpc.health.v1.Health/Watch"))
    sends(conn, frame(h2.WINDOW_UPDATE, 0, stream, b"\0\0\0\0"))
    conn.resets(stream, h2.PROTOCOL_ERROR)


def test_6_9_1_connection_window_above_the_maximum(conn):
    sends(conn, frame(h2.WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"))
    conn.dies(h2.FLOW_CONTROL_ERROR)


def test_6_9_1_stream_window_above_the_maximum(conn):
    stream = conn.open(request("/grpc.health.v1.Health/Watch"))
    sends(conn, frame(h2.WINDOW_UPDATE, 0, stream, b"\x7f\xff\xff\xff"))
    conn.resets(stream, h2.FLOW_CONTROL_ERROR)


def test_6_9_1_server_never_sends_more_than_the_window(daemon):
    with h2.Connection(daemon, send_settings=settings((h2.INITIAL_WINDOW_SIZE, 1)),
                       auto=True) as c:
        stream = c.open()
        c.data(stream, message(), end=True)
        c.answer(stream)
        sizes = [length for kind, _, _, length in c.frames if kind == h2.DATA and length]
        assert sizes and max(sizes) == 1, sizes
        assert c.answers[stream].status == 0


def test_6_9_2_window_opened_by_later_settings(daemon):
    with h2.Connection(daemon, send_settings=settings((h2.INITIAL_WINDOW_SIZE, 0)),
                       auto=True) as c:
        stream = c.open()
        c.data(stream, message(), end=True)
        c.drain(0.3)
        assert c.answers[stream].data == b""
        c.send(settings((h2.INITIAL_WINDOW_SIZE, 65535)))
        assert c.answer(stream).status == 0


def test_6_9_2_window_made_negative(daemon):
    with h2.Connection(daemon, send_settings=settings((h2.INITIAL_WINDOW_SIZE, 3)),
                       auto=False) as c:
        c.send(frame(h2.SETTINGS, h2.ACK, 0))
        stream = c.open()
        c.data(stream, message(), end=True)
        c.until(lambda: len(c.answers[stream].data) == 3)
        c.send(settings((h2.INITIAL_WINDOW_SIZE, 2)))
        c.until(lambda: c.settings_acked >= 2)
        c.send(frame(h2.WINDOW_UPDATE, 0, stream, b"\0\0\0\2"))     # now 1
        c.until(lambda: len(c.answers[stream].data) == 4)
        c.drain(0.2)
        assert len(c.answers[stream].data) == 4
        c.send(frame(h2.WINDOW_UPDATE, 0, stream, b"\0\0\4\0"))
        assert c.answer(stream).status == 0


def test_6_10_continuations_are_joined(conn):
    block = conn.encode(request())
    conn.answers[1] = h2.Answer()
    conn.send(frame(h2.HEADERS, 0, 1, block[:7]) + frame(h2.CONTINUATION, 0, 1, block[7:20])
              + frame(h2.CONTINUATION, h2.END_HEADERS, 1, block[20:]))
    conn.data(1, message(), end=True)
    assert conn.answer(1).status == 0


def test_6_10_continuation_after_end_headers(conn):
    block = conn.encode(request())
    sends(conn, frame(h2.HEADERS, h2.END_HEADERS, 1, block)
          + frame(h2.CONTINUATION, h2.END_HEADERS, 1, conn.encode([("a", "b")])))
    conn.dies(h2.PROTOCOL_ERROR)


def test_6_10_continuation_of_another_stream(conn):
    block = conn.encode(request())
    sends(conn, frame(h2.HEADERS, 0, 1, block[:5])
          + frame(h2.CONTINUATION, h2.END_HEADERS, 3, block[5:]))
    conn.dies(h2.PROTOCOL_ERROR)
