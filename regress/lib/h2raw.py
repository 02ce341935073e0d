# SPDX-License-Identifier: ISC
"""HTTP/2 frame by frame over TLS: what no well-behaved client library sends. hpack
codes the headers; frames are put together here, so that any of them can be wrong."""

import base64
import contextlib
import socket
import ssl
import struct
import time

import hpack

import tls

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
END_STREAM, END_HEADERS, PADDED, PRIORITY_FLAG, ACK = 0x1, 0x4, 0x8, 0x20, 0x1

(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED,
 FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM,
 INADEQUATE_SECURITY, HTTP_1_1_REQUIRED) = range(14)

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, \
    MAX_HEADER_LIST_SIZE = range(1, 7)

SERVICE = "/telepilot.v1.TelePilot/"
CHECK = "/grpc.health.v1.Health/Check"


def frame(kind, flags, stream, payload=b"", length=None):
    length = len(payload) if length is None else length
    return struct.pack(">I", length)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", k, v) for k, v in pairs))


def message(data=b"", flag=0, length=None):
    """One gRPC message with its prefix."""
    return struct.pack(">BI", flag, len(data) if length is None else length) + data


def request(path=CHECK, *extra, method="POST", drop=(), **replace):
    """The headers of a gRPC request; drop and replace (te="...") change single ones."""
    fields = [(":method", method), (":scheme", "https"), (":path", path),
              (":authority", "127.0.0.1"), ("te", "trailers"),
              ("content-type", "application/grpc")]
    replace = {k.replace("_", "-"): v for k, v in replace.items()}
    return [(k, replace.get(k, v)) for k, v in fields if k not in drop] + list(extra)


class Closed(Exception):
    """The server ended the connection."""


class Answer:
    """All that came for one stream."""

    def __init__(self):
        self.blocks = []        # one dict for each header block
        self.data = b""
        self.ended = False      # END_STREAM
        self.reset = None       # error code of RST_STREAM

    @property
    def done(self):
        return self.ended or self.reset is not None

    @property
    def headers(self):
        return self.blocks[0] if self.blocks else {}

    @property
    def trailers(self):
        return self.blocks[-1] if self.blocks else {}

    @property
    def status(self):
        """grpc-status, or None."""
        value = self.trailers.get("grpc-status")
        return None if value is None else int(value)

    @property
    def text(self):
        return self.trailers.get("grpc-message", "")

    @property
    def trailers_only(self):
        return len(self.blocks) == 1 and not self.data and self.ended

    def messages(self):
        found, rest = [], self.data
        while rest:
            flag, length = struct.unpack(">BI", rest[:5])
            assert flag == 0 and len(rest) >= 5 + length, "a message that is cut or compressed"
            found.append(rest[5:5 + length])
            rest = rest[5 + length:]
        return found

    def __repr__(self):
        return (f"Answer(blocks={self.blocks} data={self.data[:80]!r} "
                f"ended={self.ended} reset={self.reset})")


class Connection:
    """greet: send the preface and SETTINGS, and take the server's."""

    def __init__(self, daemon, user="alice", greet=True, send_settings=b"", auto=True,
                 timeout=10.0):
        self.sock = tls.connect(daemon, user, timeout=timeout)
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.decoder.max_header_list_size = 1 << 20
        self.buffer = b""
        self.auto = auto            # acknowledge SETTINGS and PING, open windows
        self.next_stream = 1
        self.answers = {}
        self.server_settings = {}
        self.goaway = None          # (last stream, error, debug data)
        self.settings_acked = 0
        self.pongs = []
        self.window_updates = []
        self.frames = []            # (kind, flags, stream, length) of all that came
        if greet:
            self.send(tls.PREFACE + (send_settings or settings()))
            self.until(lambda: self.server_settings)

    # -- sending --

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (ConnectionError, ssl.SSLError) as e:
            # What it said before it closed is still to be read.
            self.drain()
            raise Closed(str(e)) from None

    def encode(self, headers):
        return self.encoder.encode(headers, huffman=False)

    def open(self, headers=None, end=False, stream=None, flags=END_HEADERS):
        """HEADERS of a new stream; its number."""
        if stream is None:
            stream = self.next_stream
            self.next_stream += 2
        self.answers.setdefault(stream, Answer())
        self.send(frame(HEADERS, flags | (END_STREAM if end else 0), stream,
                        self.encode(request() if headers is None else headers)))
        return stream

    def data(self, stream, payload, end=False):
        self.send(frame(DATA, END_STREAM if end else 0, stream, payload))

    def call(self, path=CHECK, body=b"", headers=None, timeout=10.0):
        """A whole unary call; body is the protobuf message. Its Answer."""
        stream = self.open(request(path) if headers is None else headers)
        self.data(stream, message(body), end=True)
        return self.answer(stream, timeout)

    # -- receiving --

    def _fill(self, n):
        while len(self.buffer) < n:
            try:
                got = self.sock.recv(65536)
            except socket.timeout:
                raise TimeoutError("the server says nothing") from None
            except (ConnectionError, ssl.SSLError) as e:
                raise Closed(str(e)) from None
            if not got:
                raise Closed("end of file")
            self.buffer += got

    def read(self):
        """Takes one frame in."""
        self._fill(9)
        length = int.from_bytes(self.buffer[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", self.buffer[3:9])
        self._fill(9 + length)
        payload, self.buffer = self.buffer[9:9 + length], self.buffer[9 + length:]
        self.frames.append((kind, flags, stream, length))
        handler = {DATA: self._data, HEADERS: self._headers, RST_STREAM: self._reset,
                   SETTINGS: self._settings, PING: self._ping, GOAWAY: self._goaway,
                   WINDOW_UPDATE: self._window}.get(kind)
        assert handler, f"the server sends a frame of type {kind}"
        handler(flags, stream, payload)
        return kind, flags, stream, payload

    def _data(self, flags, stream, payload):
        answer = self.answers[stream]
        answer.data += payload
        answer.ended |= bool(flags & END_STREAM)
        if self.auto and payload:
            update = struct.pack(">I", len(payload))
            with contextlib.suppress(Closed):
                self.send(frame(WINDOW_UPDATE, 0, 0, update)
                          + (b"" if answer.ended else frame(WINDOW_UPDATE, 0, stream, update)))

    def _headers(self, flags, stream, payload):
        while not flags & END_HEADERS:
            self._fill(9)
            length = int.from_bytes(self.buffer[:3], "big")
            kind, more = self.buffer[3:5]
            assert kind == CONTINUATION
            self._fill(9 + length)
            payload += self.buffer[9:9 + length]
            self.buffer = self.buffer[9 + length:]
            flags |= more & END_HEADERS
        answer = self.answers[stream]
        answer.blocks.append(dict(self.decoder.decode(payload)))
        answer.ended |= bool(flags & END_STREAM)

    def _reset(self, _flags, stream, payload):
        self.answers.setdefault(stream, Answer()).reset = struct.unpack(">I", payload)[0]

    def _settings(self, flags, _stream, payload):
        if flags & ACK:
            self.settings_acked += 1
            return
        for i in range(0, len(payload), 6):
            key, value = struct.unpack(">HI", payload[i:i + 6])
            self.server_settings[key] = value
        self.server_settings["seen"] = True
        if self.auto:
            self.send(frame(SETTINGS, ACK, 0))

    def _ping(self, flags, _stream, payload):
        if flags & ACK:
            self.pongs.append(payload)
        elif self.auto:
            self.send(frame(PING, ACK, 0, payload))

    def _goaway(self, _flags, _stream, payload):
        last, error = struct.unpack(">II", payload[:8])
        self.goaway = (last, error, payload[8:])

    def _window(self, _flags, stream, payload):
        self.window_updates.append((stream, struct.unpack(">I", payload)[0]))

    def until(self, condition, timeout=10.0):
        end = time.monotonic() + timeout
        while not condition():
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("the server did not say it")
            self.sock.settimeout(left)
            self.read()

    def answer(self, stream, timeout=10.0):
        """The stream's Answer, when it has ended."""
        self.until(lambda: self.answers[stream].done, timeout)
        return self.answers[stream]

    def drain(self, timeout=1.0):
        """Reads on until the server closes or is silent. True if it closed."""
        end = time.monotonic() + timeout
        try:
            while (left := end - time.monotonic()) > 0:
                self.sock.settimeout(left)
                self.read()
        except TimeoutError:
            return False
        except Closed:
            return True
        return False

    # -- verdicts --

    def alive(self):
        """The connection still serves: a whole call succeeds."""
        answer = self.call()
        return answer.status == 0

    def dies(self, *codes):
        """The connection ends, and a GOAWAY, if one came, had one of these codes."""
        end = time.monotonic() + 5
        closed = False
        while not closed and time.monotonic() < end:
            closed = self.drain(0.5)
        assert closed, f"the connection goes on; goaway={self.goaway} {self.frames[-5:]}"
        if self.goaway is not None and codes:
            assert self.goaway[1] in codes, f"GOAWAY {self.goaway}, not {codes}"

    def resets(self, stream, *codes):
        """The stream ends with one of these errors, or the connection does (RFC 9113,
        5.4.2: an endpoint may treat a stream error as a connection error)."""
        try:
            self.until(lambda: self.answers[stream].reset is not None or self.goaway, 5)
        except Closed:
            return
        answer = self.answers[stream]
        code = answer.reset if answer.reset is not None else self.goaway[1]
        assert code in codes, f"error {code}, not {codes}: {answer} {self.goaway}"
        assert answer.status != 0, f"the request succeeded: {answer}"

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def b64(data, padded=True):
    text = base64.b64encode(data).decode()
    return text if padded else text.rstrip("=")


def unb64(text):
    return base64.b64decode(text + "=" * (-len(text) % 4))
