"""Access tokens of Adobe's IMS, OAuth server-to-server: one for each credential, shared by all threads.

The processes of one user on one machine share it too, in an encrypted file: see :class:`SharedToken`.

Follows Adobe's "OAuth Server-to-Server" guide: ``POST {ims}/ims/token/v3`` with all parameters in a form
body, none in the URL. A token lasts about a day. Adobe issues no refresh token: the same request fetches a
new access token.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import IO, Any, TypeGuard
from urllib.parse import urlencode

from airflow_provider_aep._compat import config_text
from airflow_provider_aep.flow_service.errors import AepReplyError
from airflow_provider_aep.hooks import shared_files
from airflow_provider_aep.hooks.connection import Settings

TOKEN_PATH = "/ims/token/v3"  # noqa: S105 - a path
_DEFAULT_LIFE = 3600.0
_LONGEST_LIFE = 31 * 86_400.0
_EARLY = 300.0

TRUST = 900.0
"""Seconds in which a token that AEP has accepted is kept although another service refuses it."""


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
    if not _is_token(value):
        raise AepReplyError(
            "IMS answered without an access token: something else may answer in its place. "
            "Check `ims_host` of the AEP connection and the proxy settings."
        )
    seconds = _life(document.get("expires_in"))
    return Token(value, now + seconds - min(_EARLY, seconds / 10))


def _is_token(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()


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
        self._accepted: dict[str, tuple[Token, float]] = {}

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

    def accept(self, key: str, value: str) -> None:
        """Note that AEP has accepted a token."""
        token = self._tokens.get(key)
        if token is not None and token.value == value:
            self._accepted[key] = token, time.monotonic()

    def is_accepted(self, key: str, value: str) -> bool:
        """Return whether AEP has accepted this token a short time ago."""
        if key not in self._accepted:
            return False
        token, at = self._accepted[key]
        return token.value == value and time.monotonic() - at < TRUST

    def clear(self) -> None:
        """Forget all tokens."""
        self._tokens.clear()
        self._accepted.clear()


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


@dataclass
class Turn:
    """The turn of this process to fetch a token. It ends when the process ends it, or ends itself."""

    lock: IO[bytes] | None = None

    def end(self) -> None:
        """Let the next process have its turn."""
        if self.lock is not None:
            shared_files.unlock(self.lock)


class SharedToken:
    """The token of one credential in a file, for all processes of this user on this machine.

    Airflow's Fernet key encrypts the file. The file's name is made with the key too: without the key, nobody
    can test whether a guess of the client secret is right. If there are several keys, the first one counts.
    Without a key, and with ``[aep] token_cache = False``, there is no file. A file that cannot be used counts
    as missing. No method raises an error, or logs a secret.
    """

    def __init__(self, settings: Settings) -> None:
        self._credential = cache_key(settings)

    def load_or_turn(self) -> Token | Turn | None:
        """Return the token; or the turn to fetch it; None while another process has the turn."""
        if self._file is None:
            return Turn()
        try:
            with shared_files.opened_directory() as at:
                if (token := self._load(at)) is not None:
                    return token
                lock = shared_files.try_lock(at, f"{self._file[0]}.lock")
                if lock is None:
                    return None
                if (token := self._load(at)) is None:
                    return Turn(lock)
                shared_files.unlock(lock)  # another process saved the token between the two reads
                return token
        except OSError:
            return Turn()

    def save(self, token: Token) -> None:
        """Replace the file."""
        if self._file is None:
            return
        name, fernet = self._file
        now = time.time()
        renew_at = now + token.renew_at - time.monotonic()
        facts = {"of": name, "token": token.value, "saved_at": now, "renew_at": renew_at}
        with suppress(OSError), shared_files.opened_directory() as at:
            shared_files.write(at, name, fernet.encrypt(json.dumps(facts).encode()))

    def drop(self, value: str) -> None:
        """Remove the file if it holds this token, which AEP refused."""
        if self._file is None:
            return
        with suppress(OSError), shared_files.opened_directory() as at:
            token = self._load(at)
            if token is not None and token.value == value:
                shared_files.remove(at, self._file[0])

    def _load(self, at: int) -> Token | None:
        """Return the token; None if it is missing, invalid, due for renewal, or saved in the future."""
        from cryptography.fernet import InvalidToken

        assert self._file is not None
        name, fernet = self._file
        try:
            facts = json.loads(fernet.decrypt(shared_files.read(at, name)))
            value, saved_at, renew_at = facts["token"], float(facts["saved_at"]), float(facts["renew_at"])
            is_own = facts["of"] == name
        except (OSError, InvalidToken, LookupError, TypeError, ValueError, OverflowError):
            return None
        now = time.time()
        is_fresh = saved_at <= now < renew_at <= saved_at + _LONGEST_LIFE
        if not is_own or not is_fresh or not _is_token(value):
            return None
        return Token(value, time.monotonic() + renew_at - now)

    def obstacle(self) -> str:
        """Return why processes of this machine share no token; empty if they do. Makes the directory."""
        if not _is_shared():
            return "`[aep] token_cache` is off"
        if self._file is None:
            return "`[core] fernet_key` is missing or invalid, or cannot be read"
        try:
            with shared_files.opened_directory():
                return ""
        except OSError as error:
            return f"the directory of `[aep] shared_dir` cannot be used: {error.strerror or error}"

    @cached_property
    def _file(self) -> tuple[str, Any] | None:
        """The file's name, and the Fernet that encrypts it; None if the token is not to be shared."""
        try:
            if not _is_shared():
                return None
            key = (config_text("fernet_key", "core") or "").split(",")[0].strip()
            from cryptography.fernet import Fernet  # Airflow has imported it already, as a rule

            fernet = Fernet(key)
        except Exception:  # noqa: BLE001 - no key, an invalid one, or its command or secrets backend failed
            return None
        text = f"airflow-provider-aep token\n{self._credential}".encode("utf-8", "surrogatepass")
        return f"token-{hmac.digest(key.encode(), text, 'sha256').hex()}", fernet


def _is_shared() -> bool:
    """Return whether ``[aep] token_cache`` is on. An unclear value means off."""
    return (config_text("token_cache") or "true").strip().lower() in {"true", "t", "1"}
