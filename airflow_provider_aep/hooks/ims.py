"""Access tokens of Adobe's IMS, OAuth server-to-server: fetched once a credential, shared by threads.

Follows Adobe's "OAuth Server-to-Server" guide: ``POST {ims}/ims/token/v3`` with everything in a form body,
never in the URL. Tokens last about a day and have no refresh token; a new one is simply asked for.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
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
    """An access token and the moment (monotonic seconds) from which a new one is fetched."""

    value: str = field(repr=False)
    renew_at: float


def form_of(settings: Settings) -> str:
    """The token request's form body."""
    return urlencode(
        {
            "grant_type": "client_credentials",
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
            "scope": settings.scopes,
        }
    )


def read_token(document: Mapping[str, Any], now: float) -> Token:
    """The token of IMS's reply; it is renewed 5 minutes, or a tenth of its life, before its end."""
    value = document.get("access_token")
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
        raise AepReplyError(
            "IMS answered without an access token: something else may answer there. "
            "Check `ims_host` of the AEP connection and the proxy settings."
        )
    seconds = _life(document.get("expires_in"))
    return Token(value, now + seconds - min(_EARLY, seconds / 10))


def _life(value: object) -> float:
    """``expires_in`` in seconds; an hour where it is nonsense."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1000 * _LONGEST_LIFE:
        return _DEFAULT_LIFE
    return float(value if value <= _LONGEST_LIFE else value / 1000)  # the older exchange: milliseconds


class _Cache:
    """Tokens by credential: several connections may hold the same one, and one connection may change.

    Airflow calls ``on_kill`` in a signal handler, so a thread may ask for a token in the middle of its own
    fetch. The locks are therefore re-entrant. Nothing else takes a lock: a dict's methods are atomic.
    """

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}
        self._locks: dict[str, threading.RLock] = {}

    def get(self, key: str, fetch: Callable[[], Token]) -> Token:
        """Return the token in hand, or a new one. Threads that want the same token wait for one fetch."""
        token = self.peek(key)
        if token is not None:
            return token
        with self._locks.setdefault(key, threading.RLock()):
            token = self.peek(key)
            if token is None:
                token = self._tokens[key] = fetch()
            return token

    def peek(self, key: str) -> Token | None:
        """The token in hand, or None where a new one is due. Never waits: the event loop asks."""
        token = self._tokens.get(key)
        return token if token is not None and time.monotonic() < token.renew_at else None

    def put(self, key: str, token: Token) -> None:
        self._tokens[key] = token

    def drop(self, key: str, value: str) -> None:
        """Forget a token that was refused, unless another thread has replaced it already."""
        token = self._tokens.get(key)
        if token is not None and token.value == value:
            self._tokens.pop(key, None)

    def clear(self) -> None:
        self._tokens.clear()


TOKENS = _Cache()


def cache_key(settings: Settings) -> str:
    """One key a credential, without the secret in it."""
    parts = (
        settings.ims_url,
        settings.client_id,
        settings.org_id,
        settings.scopes,
        hashlib.sha256(settings.client_secret.encode("utf-8", "surrogatepass")).hexdigest(),
    )
    return "\n".join(parts)
