"""Requests of strangers: whatever arrives is answered, malformed requests with 400, and nothing is raised."""

import base64

import numpy as np
import pytest
from innerface.server.web.page_request import parse_request
from websockets.datastructures import Headers
from websockets.exceptions import InvalidMessage
from websockets.http11 import Request
from websockets.server import ServerProtocol

COUNT = 250_000
_HOST = ("Host", "127.0.0.1:7646")


def request(path="/", *headers):
    return parse_request(Request(path, Headers([_HOST, *headers])))


@pytest.mark.parametrize(
    "path", ["//[", "//evil.example/", "/[\n", "*", "", "http://127.0.0.1:7646/", "page.js", "/\0", "/a b", "/é", "?"]
)
def test_a_target_that_is_no_path_is_malformed(path):
    assert request(path) is None


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [_HOST, ("Host", "elsewhere")],
        [("Host", "")],
        [("Host", "[::1")],
        [("Host", "127.0.0.1:99999")],
        [("Host", "127.0.0.1:port")],
        [("Host", "user@127.0.0.1:7646")],
        [("Host", "127.0.0.1:7646/path")],
        [_HOST, ("Origin", "http://[")],
        [_HOST, ("Origin", "http://a"), ("Origin", "http://127.0.0.1:7646")],
        [_HOST, ("Upgrade", "websocket"), ("Upgrade", "websocket")],
        [_HOST, ("Authorization", "Bearer a"), ("Authorization", "Bearer b")],
    ],
)
def test_headers_that_contradict_or_cannot_be_read_are_malformed(headers):
    assert parse_request(Request("/", Headers(headers))) is None


@pytest.mark.parametrize("token", ["plain-token-16-chars", "with space & = %", "Zürich ☃", "a/b+c="])
def test_a_token_is_read_from_a_header_a_subprotocol_or_the_query(token):
    encoded = base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
    assert request("/", ("Authorization", "bearer " + token.encode().decode("latin-1"))).token == token
    assert request("/", ("Sec-WebSocket-Protocol", f"innerface, innerface.token.{encoded}")).token == token
    quoted = "".join(f"%{byte:02x}" for byte in token.encode())
    assert request(f"/?x=1&token={quoted}").token == token and request("/").token == ""


def test_a_token_that_cannot_be_decoded_is_none():
    for text in ("innerface.token.é", "innerface.token.a", "innerface.token."):
        assert isinstance(request("/", ("Sec-WebSocket-Protocol", text)).token, str)
    assert request("/", ("Authorization", "Basic dXNlcjpwYXNz")).token == ""


def _seeds():
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    upgrade = f"Upgrade: websocket\r\nConnection: Upgrade\r\n{key}"
    lines = [
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:7646\r\n",
        "GET /?token=a%20b&token=c HTTP/1.1\r\nHost: [::1]:7646\r\nAuthorization: Bearer abc\r\n",
        f"GET / HTTP/1.1\r\nHost: localhost\r\n{upgrade}Origin: http://localhost\r\n",
        f"GET / HTTP/1.1\r\nHost: localhost\r\n{upgrade}Sec-WebSocket-Protocol: innerface, innerface.token.YWJj\r\n",
        f"GET / HTTP/1.1\r\nHost: localhost\r\n{upgrade}Sec-WebSocket-Extensions: permessage-deflate; x=1\r\n",
        "GET //[ HTTP/1.1\r\nHost: 127.0.0.1:7646\r\nHost: elsewhere\r\n",
        "POST /page.js HTTP/1.0\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n",
    ]
    return [f"{text}\r\n".encode() for text in lines]


def _mutations(count, seed):
    """Requests with bytes changed, cut, doubled and exchanged between them; the odd characters of URLs are frequent."""
    rng, seeds = np.random.default_rng(seed), _seeds()
    odd = np.frombuffer(b"[]@:/?#%&=;, \t\r\n\0\x7f\x80\xff\"'<>\\", dtype=np.uint8)
    for _ in range(count):
        raw = bytearray(seeds[rng.integers(len(seeds))])
        for _ in range(rng.integers(1, 6)):
            place = int(rng.integers(len(raw)))
            match rng.integers(5):
                case 0:
                    raw[place] = rng.integers(256)
                case 1:
                    raw[place:place] = bytes(rng.choice(odd, rng.integers(1, 4)))
                case 2:
                    del raw[place : place + int(rng.integers(1, 9))]
                    raw = raw or bytearray(b"\r\n")
                case 3:
                    other = seeds[rng.integers(len(seeds))]
                    raw[place:place] = other[rng.integers(len(other)) :][:40]
                case 4:
                    raw[place:place] = raw[place : place + 20]
        yield bytes(raw)


def _answer(data):
    """The status with which a request would be answered, 0 while it is incomplete."""
    protocol = ServerProtocol(select_subprotocol=lambda _, offered: None)
    protocol.receive_data(data)
    events = protocol.events_received()
    if not events:
        assert isinstance(protocol.handshake_exc, InvalidMessage | None) or b"HTTP" in b"".join(protocol.data_to_send())
        return 400 if protocol.handshake_exc is not None else 0
    return 400 if parse_request(events[0]) is None else protocol.accept(events[0]).status_code


def test_mutated_requests_raise_nothing(count=3000):
    statuses = {_answer(data) for data in _mutations(count, seed=1)}
    assert {0, 101, 400, 426} <= statuses and 500 not in statuses


@pytest.mark.slow
def test_250_000_mutated_requests_raise_nothing():
    test_mutated_requests_raise_nothing(COUNT)
