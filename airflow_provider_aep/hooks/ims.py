"""Access tokens of Adobe's IMS, OAuth server-to-server: one for each credential, shared by all threads.

Follows Adobe's "OAuth Server-to-Server" guide: ``POST {ims}/ims/token/v3`` with all parameters in a form
body, none in the URL. A token lasts about a day. Adobe issues no refresh token: the same request fetches a
new access token.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from airflow_provider_aep.flow_service.errors import AepReplyError
from airflow_provider_aep.hooks.connection import Settings

TOKEN_PATH = "/ims/token/v3"  # noqa: S105 - a path
_DEFAULT_LIFE = 3600.0
_LONGEST_LIFE = 31 * 86_400.0
_EARLY = 300.0


@dataclass(frozen=True)
class Token:
    """An access token, and the time (monotonic seconds) from which a new one is fetched."""

    value: str = field(repr=False)
    renew_at: float


def form_of(settings: Settings) -> str:
    """Return the form body of the token request."""
    return urlencode(
        {
            "grant_type": "client_credentials",
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
            "scope": settings.scopes,
        }
    )


def read_token(document: Mapping[str, Any], now: float) -> Token:
    """Read IMS's reply. The token is renewed 5 minutes, or a tenth of its life, before it expires.

    :param now: monotonic seconds
    :raises AepReplyError: the reply holds no token
    """
    value = document.get("access_token")
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
        raise AepReplyError(
            "IMS answered without an access token: something else may answer in its place. "
            "Check `ims_host` of the AEP connection and the proxy settings."
        )
    seconds = _life(document.get("expires_in"))
    return Token(value, now + seconds - min(_EARLY, seconds / 10))


def _life(value: object) -> float:
    """Return ``expires_in`` in seconds, an hour if it is invalid."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1000 * _LONGEST_LIFE:
        return _DEFAULT_LIFE
    return float(value if value <= _LONGEST_LIFE else value / 1000)  # the older exchange: milliseconds


class _Cache:
    """Tokens by credential: several connections may hold the same credential, and a connection may change.

    Airflow calls ``on_kill`` in a signal handler, so a thread may ask for a token in the middle of its own
    fetch. The locks are therefore re-entrant. Nothing else takes a lock: a dict's methods are atomic.
    """

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}
        self._locks: dict[str, threading.RLock] = {}

    def lock(self, key: str) -> threading.RLock:
        """Return the lock of a key, for a blocking driver that fetches its token."""
        return self._locks.setdefault(key, threading.RLock())

    def peek(self, key: str) -> Token | None:
        """Return the token, None if it is missing or due for renewal. Does not wait for a fetch."""
        token = self._tokens.get(key)
        return token if token is not None and time.monotonic() < token.renew_at else None

    def put(self, key: str, token: Token) -> None:
        """Keep a token in the place of any other."""
        self._tokens[key] = token

    def drop(self, key: str, value: str) -> None:
        """Forget a token that was refused, unless another thread has replaced it already."""
        token = self._tokens.get(key)
        if token is not None and token.value == value:
            self._tokens.pop(key, None)

    def clear(self) -> None:
        """Forget all tokens."""
        self._tokens.clear()


TOKENS = _Cache()


def cache_key(settings: Settings) -> str:
    """Return the key of a credential. It holds no secret."""
    parts = (
        settings.ims_url,
        settings.client_id,
        settings.org_id,
        settings.scopes,
        hashlib.sha256(settings.client_secret.encode("utf-8", "surrogatepass")).hexdigest(),
    )
    return "\n".join(parts)
