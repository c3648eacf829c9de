"""Replies that no decent server sends: each ends in a typed error, in bounded time."""

from __future__ import annotations

import gzip
import time
import zlib
from typing import Any

import pytest

from airflow_provider_aep.flow_service import errors
from tests.harness import raw_server as raw
from tests.harness.connections import MakeHook, chain
from tests.harness.raw_server import RawServer, reply

ID = "24151d58-ffa7-4960-951d-58ffa7396097"
ITEMS = b'{"items": []}'
BOUND = 20.0
"""Seconds that a call with `timeout` 1 may take on a slow machine: four requests, and time to spare."""


def head(status: int = 200, **headers: Any) -> bytes:
    """A reply's head without a length."""
    lines = [f"HTTP/1.1 {status} Said", *(f"{name.replace('_', '-')}: {v}" for name, v in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def closing(data: bytes) -> Any:
    """Send, and close."""

    def send(peer: raw.Peer) -> None:
        peer.send(data)
        peer.close()

    return send


CHUNKED = head(transfer_encoding="chunked")

REPLIES = {
    "HTML, 200": (reply(200, b"<html>Log in</html>", "text/html"), errors.AepReplyError, "HTML page"),
    "HTML, 404": (reply(404, b"<html>Not found</html>", "text/html"), errors.AepReplyError, "HTML page"),
    "HTML, 503": (reply(503, b"<html>Down</html>", "text/html"), errors.AepServerError, "HTML page"),
    "truncated JSON": (reply(200, b'{"items": [{"id": "1"'), errors.AepReplyError, "broken JSON"),
    "empty body": (reply(200, b""), errors.AepReplyError, "an empty body"),
    "no list": (reply(200, {"id": "1"}), errors.AepReplyError, "without a list"),
    "a list of no objects": (reply(200, {"items": [1]}), errors.AepReplyError, "without a list"),
    "no content": (reply(204), errors.AepReplyError, "without a list"),
    "a redirect": (reply(302, None, location="https://evil.example/"), errors.AepReplyError, "redirect"),
    "a redirect nowhere": (reply(307), errors.AepReplyError, "redirect"),
    "a broken redirect": (reply(301, None, location="http://[broken"), errors.AepReplyError, "redirect"),
    "not modified": (reply(304), errors.AepReplyError, "redirect"),
    "no HTTP": (closing(b"SSH-2.0-OpenSSH_9.6\r\n"), errors.AepTransportError, "broke"),
    "nonsense for a status": (closing(b"HTTP/1.1 abc Said\r\n\r\n"), errors.AepTransportError, "broke"),
    "headers without end": (raw.endless(head()[:-2], b"a: b\r\n"), errors.AepTransportError, "broke"),
    "a header line without end": (
        raw.endless(head()[:-2] + b"a: ", b"b" * 99), errors.AepTransportError, "."
    ),
    "short of its length": (
        closing(head(content_length=500, content_type="application/json") + ITEMS),
        errors.AepConnectionLostError, "broke"),
    "a broken chunk": (
        closing(CHUNKED + b"zz\r\n" + ITEMS), errors.AepConnectionLostError, "broke"),
    "chunks cut off": (
        closing(CHUNKED + b"ff\r\n" + ITEMS), errors.AepConnectionLostError, "broke"),
    "a negative length": (closing(head(content_length=-5) + ITEMS[:5]), errors.AepReplyError, "."),
    "no gzip": (reply(200, ITEMS, content_encoding="gzip"), errors.AepReplyError, "unzipped"),
    "half a gzip": (
        reply(200, gzip.compress(ITEMS)[:-12], content_encoding="gzip"), errors.AepReplyError, "broke off"),
    "an encoding not asked for": (reply(200, ITEMS, content_encoding="br"), errors.AepReplyError, "encoding"),
    "reset": (raw.reset, errors.AepConnectionLostError, "broke"),
    "closed": (raw.hang_up, errors.AepConnectionLostError, "broke"),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "kind", "words"), REPLIES.values(), ids=REPLIES.keys())
def test_each_is_a_typed_error(make_hook: MakeHook, waits: Any, bad: Any, kind: type, words: str) -> None:
    """Proxies, captive portals and dying gateways answer in Adobe's place; the task must say so."""
    with RawServer(bad) as server:
        hook = make_hook(server.url)
        with pytest.raises(kind, match=words) as caught:
            hook.list_connections()
    error = caught.value
    assert "GET /connections" in str(error)
    assert all(isinstance(one, errors.AepError) for one in chain(error))


GOOD = {
    "gzip": reply(200, gzip.compress(ITEMS), content_encoding="gzip"),
    "x-gzip": reply(200, gzip.compress(ITEMS), content_encoding="x-gzip"),
    "deflate": reply(200, zlib.compress(ITEMS), content_encoding="deflate"),
    "identity": reply(200, ITEMS, content_encoding="identity"),
    "until the end of the connection": closing(head(content_type="application/json") + ITEMS),
    "chunked": head(transfer_encoding="chunked")
    + b"5\r\n"
    + ITEMS[:5]
    + b"\r\n8\r\n"
    + ITEMS[5:]
    + b"\r\n0\r\n\r\n",
    "no content type": head(content_length=len(ITEMS)) + ITEMS,
    "text for a content type": reply(200, ITEMS, "text/plain"),
    "UTF-16": reply(200, ITEMS.decode().encode("utf-16")),
    "after an interim reply": b"HTTP/1.1 100 Continue\r\n\r\n" + reply(200, ITEMS),
    "a bare list": reply(200, []),
}


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD.keys())
def test_what_can_be_read_is_read(make_hook: MakeHook, good: Any) -> None:
    """Odd is not wrong."""
    with RawServer(good) as server:
        assert make_hook(server.url).list_connections() == []


ENDLESS = {
    "length unknown": (head(content_type="application/json"), b" " * 65536),
    "chunked": (head(transfer_encoding="chunked"), b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "an error's": (head(400, content_type="application/json"), b" " * 65536),
    "a redirect's": (head(302, location="/x"), b" " * 65536),
    "a length of 1 TB": (head(content_length=10**12), b" " * 65536),
}


@pytest.mark.parametrize(("start", "block"), ENDLESS.values(), ids=ENDLESS.keys())
def test_a_body_without_end_is_left_at_32_mib(make_hook: MakeHook, start: bytes, block: bytes) -> None:
    """A worker has better uses for its memory."""
    sent = 0

    def send(peer: raw.Peer) -> None:
        nonlocal sent
        peer.send(start)
        while not peer.stopped.is_set():
            peer.send(block)
            sent += len(block)

    with RawServer(send) as server:
        hook = make_hook(server.url, extra={"timeout": 120})
        with pytest.raises(errors.AepReplyError, match="larger than 32 MiB") as caught:
            hook.list_connections()
        assert not caught.value.retryable
        assert len(server.requests) == 1
    assert sent < 64 * 1024 * 1024  # what the sockets hold comes on top


@pytest.mark.parametrize("layers", [1, 2])
def test_a_zip_bomb_stays_small(make_hook: MakeHook, layers: int) -> None:
    """A gigabyte in a megabyte: unzipped no further than 32 MiB."""
    bomb = b" " * (64 * 1024 * 1024)
    for _ in range(layers):
        bomb = gzip.compress(bomb, 6)
    server = RawServer(reply(200, bomb, content_encoding="gzip"))
    with server, pytest.raises(errors.AepReplyError):
        make_hook(server.url).list_connections()


DRIPS = {
    "status line": raw.drip(head(content_length=len(ITEMS)) + ITEMS),
    "headers": raw.drip(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 80),
    "body": lambda peer: (peer.send(head(content_length=1000)), raw.drip(b" " * 1000)(peer)),
    "chunks": lambda peer: (
        peer.send(head(transfer_encoding="chunked")), raw.drip(b"1\r\n \r\n" * 1000)(peer)),
    "interim replies": raw.drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "nothing": raw.silence,
}  # fmt: skip


@pytest.mark.parametrize("slow", DRIPS.values(), ids=DRIPS.keys())
def test_timeout_bounds_the_whole_reply(make_hook: MakeHook, waits: Any, slow: Any) -> None:
    """A byte now and then is no silence: `requests` alone would wait for ever."""
    with RawServer(slow) as server:
        hook = make_hook(server.url, extra={"timeout": 0.5})
        begin = time.monotonic()
        with pytest.raises(errors.AepTimeoutError, match=r"0\.5 s") as caught:
            hook.create_connection(name="n", connection_spec_id=ID, auth_spec_name="a", auth_params={})
        assert time.monotonic() - begin < BOUND
        assert len(server.requests) == 1
    assert caught.value.may_have_happened
    assert all(isinstance(one, errors.AepError) for one in chain(caught.value))


def test_run_takes_a_timeout_of_its_own(make_hook: MakeHook, waits: Any) -> None:
    """A known slow call may have longer, another less, without another Airflow connection."""
    with RawServer(raw.silence) as server:
        begin = time.monotonic()
        with pytest.raises(errors.AepTimeoutError, match=r"0\.2 s"):
            make_hook(server.url).run("x", method="POST", extra_options={"timeout": 0.2})
        assert time.monotonic() - begin < BOUND


def test_a_slow_but_whole_reply_arrives(make_hook: MakeHook) -> None:
    """The bound is `timeout`, not less."""
    with RawServer(raw.drip(reply(200, ITEMS), 0.002)) as server:
        assert make_hook(server.url, extra={"timeout": 60}).list_connections() == []


@pytest.mark.parametrize(
    "bad", [reply(200, b"<html>"), reply(200, {}), reply(200, {"access_token": 5}), reply(200, []),
            reply(200, {"access_token": "a\r\nb"}), reply(302), raw.reset, reply(200, b"")],
    ids=["HTML", "none", "a number", "a list", "a line break", "redirect", "reset", "empty"],
)  # fmt: skip
def test_a_bad_token_reply_is_put_down_to_ims(make_hook: MakeHook, waits: Any, bad: Any) -> None:
    """Nothing is sent to Flow Service without a token."""
    with RawServer(reply(200, ITEMS), token=bad) as server:
        with pytest.raises(errors.AepTransportError, match="IMS"):
            make_hook(server.url).list_connections()
        assert server.requests == []


def test_a_reply_cut_short_does_not_spoil_the_next(make_hook: MakeHook) -> None:
    """Bytes left unread on a connection are not read as the next reply."""
    stale = head(content_length=10**9) + b" " * (40 * 1024 * 1024)
    with RawServer(lambda peer: peer.send(stale), reply(200, {"items": [{"id": "1"}]})) as server:
        hook = make_hook(server.url)
        with pytest.raises(errors.AepReplyError):
            hook.list_connections()
        assert hook.list_connections() == [{"id": "1"}]
        assert [one.connection for one in server.requests] == [1, 2]
