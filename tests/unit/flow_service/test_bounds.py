"""How large a reply may be, packed or not, and where it may lead."""

from __future__ import annotations

import gzip
import zlib

import pytest

from airflow_provider_aep.flow_service import replies
from airflow_provider_aep.flow_service.errors import AepReplyError

BODY = b'{"items": []}'


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (BODY, ""),
        (BODY, " Identity "),
        (gzip.compress(BODY, mtime=0), "GZIP"),
        (gzip.compress(BODY, mtime=0), "x-gzip"),
        (zlib.compress(BODY), "deflate"),
        (gzip.compress(BODY, mtime=0), " X-GZIP "),
    ],
)
def test_a_body_is_unpacked(content: bytes, encoding: str) -> None:
    """By what its header says of it, in whatever spelling."""
    assert replies.unpacked(content, encoding, "GET /flows") == BODY


def test_an_empty_body_stays_empty() -> None:
    """A 204 can carry the header all the same."""
    assert replies.unpacked(b"", "br", "GET /flows") == b""


def test_an_encoding_that_was_not_asked_for() -> None:
    """It cannot be bounded, so it is not read."""
    with pytest.raises(AepReplyError, match=r"^GET /flows .*encoding that was not asked for"):
        replies.unpacked(BODY, "br", "GET /flows")


def test_a_packed_body_that_breaks_off() -> None:
    """Half a list is no list; a later try may bring the whole."""
    with pytest.raises(AepReplyError, match=r"^GET /flows: .*broke off") as caught:
        replies.unpacked(gzip.compress(BODY, mtime=0)[:-4], "gzip", "GET /flows")
    assert caught.value.retryable


def test_a_bomb_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """As large as allowed is allowed, and one byte more is refused before the rest is unpacked."""
    monkeypatch.setattr(replies, "MAX_REPLY", 2 * 1024 * 1024)
    most = b"\0" * replies.MAX_REPLY
    assert replies.unpacked(gzip.compress(most, mtime=0), "gzip", "GET /flows") == most
    with pytest.raises(AepReplyError, match=r"^GET /flows: .*larger than 2 MiB") as caught:
        replies.unpacked(gzip.compress(most + b"\0", mtime=0), "gzip", "GET /flows")
    assert not caught.value.retryable
    assert "`host`" in str(caught.value)


def test_a_redirect_is_not_followed() -> None:
    """The token is not sent elsewhere, and the error names the setting to check."""
    error = replies.redirected("GET /flows", 302)
    assert (error.status, error.retryable) == (302, False)
    assert str(error).startswith("GET /flows was answered with a redirect (302)")
    assert error.message.endswith(
        "is not sent elsewhere. Set `host` of the AEP connection to the API's own address."
    )
