"""The files of Data Access: broken transfers, parts of files, and replies that are no file."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import (
    AepConnectionLostError,
    AepError,
    AepReplyError,
    AepServerError,
    AepTimeoutError,
)
from airflow_provider_aep.flow_service.requests import Call
from airflow_provider_aep.hooks.data_access import DataAccessHook
from tests.harness.connections import MakeHook
from tests.harness.raw_server import Peer, RawServer, Reply, drip, endless, reply

FILE = Call("GET", "/batches/B1/meta", [("path", "row_errors/parsing_errors_0.json")])
LINES = [b'{"id": %d, "name": "%s"}' % (n, b"x" * 40) for n in range(5000)]
CONTENT = b"\n".join(LINES)
OCTETS = "application/octet-stream"

Lines = Callable[..., list[bytes | None]]


@pytest.fixture
def lines(make_hook: MakeHook, waits: list[float]) -> Lines:
    """`lines(server)`: read a file from a bare server."""

    def read(server: RawServer, **extra: Any) -> list[bytes | None]:
        return list(make_hook(server.url, extra=extra).to(DataAccessHook).lines(FILE))

    return read


def whole(content: bytes = CONTENT) -> bytes:
    """Return a reply with the whole file."""
    return reply(200, content, OCTETS)


def part(first: int, last: int = len(CONTENT), said: str | None = None) -> bytes:
    """Return a reply with a part of the file."""
    said = said or f"bytes {first}-{last - 1}/{len(CONTENT)}"
    return reply(206, CONTENT[first:last], OCTETS, content_range=said)


def broken(data: bytes, after: int) -> Callable[[Peer], None]:
    """Send the head and this many bytes of a reply's body, and then close the connection."""

    def send(peer: Peer) -> None:
        peer.send(data[: data.index(b"\r\n\r\n") + 4 + after])
        peer.close()

    return send


def test_a_file_is_read_line_by_line(lines: Lines) -> None:
    """Unzipped, so that a broken transfer can continue at a byte."""
    with RawServer(whole()) as server:
        assert lines(server) == LINES
        [request] = server.requests
    assert request.path.endswith("/batches/B1/meta?path=row_errors%2Fparsing_errors_0.json")
    assert (request.headers["accept-encoding"], request.headers["accept"]) == ("identity", "*/*")
    assert "range" not in request.headers


@pytest.mark.parametrize(
    "then",
    [
        part(150_000),
        part(100_000),
        part(0),
        whole(),
        part(150_000, said=f"bytes 150000-{len(CONTENT) - 1}/*"),
    ],
    ids=["the rest", "an earlier part", "a part with all of it", "all of it", "the rest of unknown size"],
)
def test_a_broken_transfer_continues(lines: Lines, waits: list[float], then: bytes) -> None:
    """Each line is read once, whatever part of the file the server sends."""
    with RawServer(broken(whole(), 150_000), then) as server:
        assert lines(server) == LINES
        assert len(waits) == 1
        first = int(server.requests[1].headers["range"].removeprefix("bytes=").removesuffix("-"))
    assert 0 < first <= 150_000


def test_a_server_that_sends_parts(lines: Lines, waits: list[float]) -> None:
    """A part may be shorter than requested. The next part is requested without a wait."""
    with RawServer(broken(whole(), 150_000), part(120_000, 200_000), part(200_000)) as server:
        assert lines(server) == LINES
        assert server.requests[2].headers["range"] == "bytes=200000-"
    assert len(waits) == 1


@pytest.mark.parametrize(
    ("then", "error"),
    [
        (part(150_001), "another part"),
        (reply(206, b"x", OCTETS), "another part"),
        (part(100, said="bytes 1-2"), "another part"),
        (part(0, 100), "empty part"),
        (reply(204), "answered with 204"),
    ],
)
def test_a_part_that_does_not_fit(lines: Lines, then: bytes, error: str) -> None:
    """A gap would make wrong records."""
    with RawServer(broken(whole(), 150_000), then) as server, pytest.raises(AepReplyError, match=error):
        lines(server)


@pytest.mark.parametrize(
    ("replies", "kind"),
    [
        ([broken(whole(), 10_000)], AepConnectionLostError),
        ([broken(whole(), 10_000), reply(503)], AepServerError),
        ([reply(500)], AepServerError),
    ],
)
def test_a_transfer_that_stays_broken(lines: Lines, replies: list[Reply], kind: type[AepError]) -> None:
    """It fails after as many requests as the table of retries allows."""
    with RawServer(*replies) as server:
        with pytest.raises(kind) as caught:
            lines(server)
        assert len(server.requests) == 4
    assert "xxxx" not in str(caught.value)
    assert caught.value.retryable


def test_a_zipped_file_is_refused(lines: Lines) -> None:
    """It was not asked for, and a broken transfer could not continue."""
    zipped = reply(200, gzip.compress(CONTENT), OCTETS, content_encoding="gzip")
    with RawServer(zipped) as server, pytest.raises(AepReplyError, match="encoding"):
        lines(server)


def test_a_redirect_is_not_followed(lines: Lines) -> None:
    """It could lead to another host."""
    with RawServer(whole()) as other, RawServer(reply(302, location=other.url)) as server:
        with pytest.raises(AepReplyError, match="redirect"):
            lines(server)
        assert not other.requests


def test_a_slow_file_ends(lines: Lines) -> None:
    """Each part must arrive within `timeout`: a byte now and then does not hold a worker for ever."""
    with RawServer(drip(whole(), 0.2)) as server, pytest.raises(AepTimeoutError):
        lines(server, timeout=0.5)


def test_a_large_file_may_take_longer_than_the_timeout(lines: Lines) -> None:
    """`timeout` is for each part. A file has no time limit while it arrives."""
    content = CONTENT * 3

    def send(peer: Peer) -> None:
        data, size = whole(content), 64 * 1024
        for first in range(0, len(data), size):
            peer.send(data[first : first + size])
            peer.pause(0.2)

    assert len(content) > 10 * 64 * 1024
    with RawServer(send) as server:
        assert b"\n".join(filter(None, lines(server, timeout=1.5))) == content


def test_a_file_without_an_end_is_not_read_further(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lines can be valid for ever."""
    monkeypatch.setattr("airflow_provider_aep.hooks.data_access.LARGEST_FILE", 1_000_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"
    with RawServer(endless(head, LINES[0] + b"\n")) as server:
        with pytest.raises(AepReplyError, match="not read further"):
            lines(server)
        assert len(server.requests) == 1


def test_a_reader_may_stop(make_hook: MakeHook) -> None:
    """The connection is closed, and the next request is answered with its own reply."""
    with RawServer(whole(), whole(LINES[1])) as server:
        hook = make_hook(server.url).to(DataAccessHook)
        read = hook.lines(FILE)
        assert next(read) == LINES[0]
        read.close()
        assert list(hook.lines(FILE)) == [LINES[1]]


def test_a_list_that_ignores_start_ends(make_hook: MakeHook) -> None:
    """A server that sends the first page again and again adds no file."""
    page = {"data": [{"name": f"parsing_errors_{n}.json"} for n in range(100)]}
    with RawServer(reply(200, page)) as server:
        assert len(list(make_hook(server.url).to(DataAccessHook).row_error_files("B1"))) == 100
        assert len(server.requests) == 2
