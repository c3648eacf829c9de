"""Secrets that this process knows, kept out of everything it says.

Airflow's masker hides registered values in task logs, but ``dags test`` runs without it, it never touches
exceptions, and it finds a nested value only under key names it knows. So every secret is registered by
value, and what a server sends back is scrubbed here before it enters a message.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from airflow_provider_aep.flow_service.auth_parameters import (
    is_everyday,
    is_flag,
    is_user_name,
    may_be_secret,
)

_SHORTEST, _SHORTEST_LINE = 4, 8
_DEEPEST = 5
_FRAME = re.compile(r"-----[^-]+-----")
_BREAK = re.compile(r"\s+|\\r|\\n")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_PAIR = re.compile(
    r"""(?:^|[;?&])\s*(?P<name>[\w .-]{1,40}?)\s*=\s*
        (?P<value>\{[^}]*\}|"[^"]*"|'[^']*'|\[.*\]|[^;&#]*)""",
    re.VERBOSE,
)
_STRING_PAIR = re.compile(_PAIR.pattern.replace("[^;&#]*", "[^;]*"), re.VERBOSE)
"""In a connection string, `&` ends no value."""
_LOGIN = re.compile(r"://(?P<user>[^/:@\s]*)(?::(?P<password>[^/@\s]*))?@")


def parts_of(text: str, depth: int = 0) -> Iterator[str]:
    """The secrets inside a text, none of them the text itself."""
    if depth < _DEEPEST:
        for part in (*_lines(text), *_members(text), *_pairs(text), *_logins(text), *_decoded(text)):
            if part != text and len(part) >= _SHORTEST:
                yield part
                yield from parts_of(part, depth + 1)


def _lines(text: str) -> Iterator[str]:
    """A PEM's lines, whatever its line ends, and its body in one."""
    if "-----BEGIN" not in text:
        return
    words = _BREAK.split(_FRAME.sub("\n", text))
    lines = [word for word in words if re.fullmatch(r"[A-Za-z0-9+/=]+", word)]
    yield from (line for line in lines if len(line) >= _SHORTEST_LINE)
    yield "".join(lines)
    yield text.strip()


def _members(text: str) -> Iterator[str]:
    """Yield the values of a JSON object under the names of secrets."""
    if text.lstrip()[:1] in {"{", "["}:
        yield from secrets_in(_json(text))


def secrets_in(value: Any, name: str = "") -> Iterator[str]:
    """Texts under names that sound like secrets, however deep, and secrets inside the other texts."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from secrets_in(inner, str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from secrets_in(inner, name)
    elif isinstance(value, str):
        if may_be_secret(name, value):
            yield value
        else:
            yield from parts_of(value)


def _pairs(text: str) -> Iterator[str]:
    """The secrets of a connection string or of a query, as they stand there and unquoted."""
    if "=" not in text or not any(mark in text for mark in ";?&"):
        return
    string = ";" in text
    for match in (_STRING_PAIR if string else _PAIR).finditer(text):
        name, value = match["name"].replace(" ", ""), match["value"].strip()
        if value[:1] == "[":
            yield from _members(value)
        elif may_be_secret(name, value) or (is_user_name(name) and not is_everyday(name, value)):
            yield value
            yield value.strip("{}\"'")
            yield unquote(value)


def _logins(text: str) -> Iterator[str]:
    """User name and password in a URI, as they stand there and unquoted."""
    for match in _LOGIN.finditer(text):
        for value in (one for one in match.groups("") if not is_everyday("user", one)):
            yield value
            yield unquote(value)


def _decoded(text: str) -> Iterator[str]:
    """The key or object that a text in base64 holds."""
    packed = _BREAK.sub("", text)
    if not _BASE64.fullmatch(packed):
        return
    try:
        raw = base64.b64decode(packed.replace("-", "+").replace("_", "/") + "=" * (-len(packed) % 4))
        held = raw.decode()
    except (ValueError, binascii.Error):
        return
    if held.lstrip().startswith(("-----BEGIN", "{", "[")):
        yield held


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


_STARS = "***"
_DIGITS = 4  # a shorter number is no secret, and scrubbing it would eat error codes
_LONG = 8  # of a shorter secret, the middle of its base64 could be a part of any word


class Secrets:
    """The values one hook must never repeat. ``repr`` does not either."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._seen: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, values: Iterable[object]) -> None:
        """Register secrets, here and with Airflow's masker, under no name: by value."""
        from airflow_provider_aep._compat import mask_secret

        for text in self.learn(values):
            mask_secret(text)

    def learn(self, values: Iterable[object]) -> list[str]:
        """Register secrets and the secrets inside them, here alone.

        :return: those that were not known yet, for whoever tells Airflow's masker
        """
        new = []
        for whole in _texts(values):
            for text in () if whole in self._seen else (whole, *parts_of(whole)):
                if text not in self._seen:
                    self._seen.add(text)
                    self._forms.update(_forms(text))
                    self._pattern = None
                    new.append(text)
        return new

    def scrub(self, text: str) -> str:
        """The text with every known secret in any of its usual spellings replaced by ``***``."""
        if not self._forms:
            return text
        if self._pattern is None:
            known = sorted(self._forms, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, known)), re.IGNORECASE)
        return self._pattern.sub(_STARS, text)

    def __repr__(self) -> str:
        return f"<{len(self._seen)} secrets>"


def _texts(values: Iterable[object]) -> Iterable[str]:
    """Every text inside, however nested; numbers too, since an API may echo them as text."""
    for value in values:
        if isinstance(value, str):
            if value and not is_flag(value):
                yield value
        elif isinstance(value, dict):
            yield from _texts(value.values())
        elif isinstance(value, list | tuple | set):
            yield from _texts(value)
        elif isinstance(value, int | float) and not isinstance(value, bool) and len(str(value)) >= _DIGITS:
            yield str(value)


def _each_odd(text: str, spelling: str) -> str:
    """The text with all but letters and digits spelled as some servers spell them."""
    return "".join(c if c.isascii() and c.isalnum() else spelling.format(ord(c)) for c in text)


def _forms(text: str) -> set[str]:
    """How servers and libraries spell it, once or twice over."""
    raw = text.encode("utf-8", "surrogatepass")
    in_json = json.dumps(text)[1:-1]
    return {
        text,
        repr(text)[1:-1],
        in_json,
        json.dumps(text, ensure_ascii=False)[1:-1],
        json.dumps(in_json)[1:-1],
        html.escape(text),
        in_json.replace("/", "\\/"),
        _each_odd(text, "\\u{:04x}"),
        _each_odd(text, "&#x{:x};"),
        _each_odd(text, "&#{:d};"),
        quote(raw),
        quote(raw, safe=""),
        quote(quote(raw, safe=""), safe=""),
        quote_plus(raw),
        raw.hex(),
        *_base64(raw),
    }


def _base64(raw: bytes) -> Iterable[str]:
    """In base64: by itself, and as what stands of it wherever it lies in a longer text."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(raw).decode()
        yield from (whole, whole.rstrip("="))
        if len(raw) >= _LONG:
            for offset in range(3):
                text = encode(bytes(offset) + raw).decode()
                sure = (offset + len(raw)) * 8 // 6  # the next character holds bits of what follows
                yield text[(0, 2, 3)[offset] : sure]
