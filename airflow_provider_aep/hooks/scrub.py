"""Secrets that this process knows, kept out of everything it says.

Airflow's masker hides registered values in task logs, but ``dags test`` runs without it, it never touches
exceptions, and it finds a nested value only under key names it knows. So every secret is registered by
value, and what a server sends back is scrubbed here before it enters a message.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

_STARS = "***"
_DIGITS = 4  # a shorter number is no secret, and scrubbing it would eat error codes


class Secrets:
    """The values one hook must never repeat. ``repr`` does not either."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._seen: set[str] = set()

    def add(self, values: Iterable[object]) -> None:
        """Register secrets, here and with Airflow's masker, under no name: by value."""
        from airflow_provider_aep._compat import mask_secret

        for text in self.learn(values):
            mask_secret(text)

    def learn(self, values: Iterable[object]) -> list[str]:
        """Register secrets here alone; those that were not known yet, for whoever tells Airflow's masker."""
        new = []
        for text in _texts(values):
            if text not in self._seen:
                self._seen.add(text)
                self._forms.update(_forms(text))
                new.append(text)
        return new

    def scrub(self, text: str) -> str:
        """The text with every known secret in any of its usual spellings replaced by ``***``."""
        known = sorted(self._forms, key=len, reverse=True)
        if not known:
            return text
        return re.sub("|".join(map(re.escape, known)), _STARS, text, flags=re.IGNORECASE)

    def __repr__(self) -> str:
        return f"<{len(self._seen)} secrets>"


def _texts(values: Iterable[object]) -> Iterable[str]:
    """Every text inside, however nested; numbers too, since an API may echo them as text."""
    for value in values:
        if isinstance(value, str):
            if value:
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
    raw = text.encode("utf-8", "surrogatepass")
    plain, urlsafe = base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()
    return {
        text,
        repr(text)[1:-1],
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        html.escape(text),
        json.dumps(text)[1:-1].replace("/", "\\/"),
        _each_odd(text, "\\u{:04x}"),
        _each_odd(text, "&#x{:x};"),
        _each_odd(text, "&#{:d};"),
        quote(raw),
        quote(raw, safe=""),
        quote_plus(raw),
        plain,
        plain.rstrip("="),
        urlsafe,
        urlsafe.rstrip("="),
    }
