"""How large a reply may be and where it may lead, for the blocking and the asynchronous side alike."""

from __future__ import annotations

import zlib

from airflow_provider_aep.flow_service.errors import AepReplyError

MAX_REPLY = 32 * 1024 * 1024
"""Bytes of a reply, after unzipping."""


def unpacked(content: bytes, encoding: str, what: str) -> bytes:
    """A body by its ``Content-Encoding``: gzip or zlib, at most :data:`MAX_REPLY` bytes; a bomb stays small.

    :raises AepReplyError: another encoding, too large, or broken off
    :raises zlib.error: it is no gzip or zlib
    """
    encoding = encoding.strip().lower()
    if not content or encoding in ("", "identity"):
        return content
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise AepReplyError.with_advice(f"{what} was answered in an encoding that was not asked for.")
    unzip = zlib.decompressobj(zlib.MAX_WBITS | 32)
    plain = unzip.decompress(content, MAX_REPLY + 1)
    if len(plain) > MAX_REPLY:
        raise too_large(what)
    if not unzip.eof:
        raise AepReplyError.with_advice(f"{what}: the zipped reply broke off.")
    return plain


def too_large(what: str) -> AepReplyError:
    """The error of a body without end."""
    return AepReplyError(
        f"{what}: the reply is larger than {MAX_REPLY // 1024 // 1024} MiB and was not read further. "
        "Something else than Adobe may answer: check `host` of the AEP connection.",
        retryable=False,
    )


def endless(what: str) -> AepReplyError:
    """The error of a list whose pages repeat themselves."""
    return AepReplyError(
        f"{what}: the pages of the list do not come to an end. Something in front of the service may repeat "
        "one reply: check `host` of the AEP connection and the proxy settings.",
        retryable=False,
    )


def redirected(what: str, status: int) -> AepReplyError:
    """The error of a redirect."""
    return AepReplyError(
        f"{what} was answered with a redirect ({status}), which is not followed, so that the access token "
        "stays home. Set `host` of the AEP connection to the API's own address.",
        status=status,
        retryable=False,
    )
