"""Secrets inside a larger text: a key file, a connection string, a signed URI, a PEM.

A server repeats what it was sent in parts as well: one line of a key, the password of a connection string.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from airflow_provider_aep.flow_service.auth_parameters import is_everyday, is_user_name, may_be_secret

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
    """What an object in JSON holds under the names of secrets."""
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
