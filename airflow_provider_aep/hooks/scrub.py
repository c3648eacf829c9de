"""Mask secrets in Airflow's logs, and scrub them from our own messages.

Airflow's masker hides registered values in task logs. ``dags test`` runs without it, it never changes
exceptions, and it finds a nested value only under the key names that it knows. So :class:`Secrets` registers
every secret by value, and scrubs the replies of servers before they enter a message.

:mod:`airflow_provider_aep.flow_service.secret_rules` decides what a secret is.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from airflow_provider_aep.flow_service.secret_rules import secrets_inside_text, strings_in_secret

_STARS = "***"
_LONG = 8  # bytes; the middle of a shorter secret's base64 could be a part of any word
_LONGEST_QUOTE = 10_000  # characters; a message shows fewer


class Secrets:
    """The secrets that one hook must never repeat. ``repr`` shows only how many there are."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._spellings: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def register(self, values: Iterable[object]) -> None:
        """Register secrets and the secrets inside them, here and with Airflow's masker.

        :param values: secrets, or containers in which every text is a secret
        """
        from airflow_provider_aep._compat import mask_secret

        for text in self.register_locally(values):
            mask_secret(text)

    def register_locally(self, values: Iterable[object]) -> list[str]:
        """Register secrets and the secrets inside them, here only.

        :return: the secrets that are new, which the caller has to register with Airflow's masker
        """
        new = []
        for value in values:
            for whole in strings_in_secret(value):
                for text in () if whole in self._known else (whole, *secrets_inside_text(whole)):
                    if text not in self._known:
                        self._known.add(text)
                        self._spellings.update(_spellings(text))
                        self._pattern = None
                        new.append(text)
        return new

    def scrub(self, text: str) -> str:
        """Replace every known secret in a text by ``***``, in any of its usual spellings.

        A server can also quote a secret that this hook does not know, such as a source's connection string
        in the error of a run. So secrets inside the text are replaced, too.
        """
        if self._spellings:
            if self._pattern is None:
                longest_first = sorted(self._spellings, key=len, reverse=True)
                self._pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)
            text = self._pattern.sub(_STARS, text)
        return _scrub_parts(text)

    def __repr__(self) -> str:
        return f"<{len(self._known)} secrets>"


def _scrub_parts(text: str) -> str:
    """Replace the secrets inside a text, and inside each of its pieces that follow a colon."""
    folded = " ".join(text.split())[:_LONGEST_QUOTE]
    pieces = {folded, *folded.split(": ")}
    parts = {part for piece in pieces for part in secrets_inside_text(piece) if part.strip()}
    for part in sorted(parts, key=len, reverse=True):
        text = re.sub(r"\s+".join(map(re.escape, part.split())), _STARS, text)
    return text


def _spellings(text: str) -> set[str]:
    """Return how servers and libraries write a text, encoded once or twice."""
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
        _escape_special(text, "\\u{:04x}"),
        _escape_special(text, "&#x{:x};"),
        _escape_special(text, "&#{:d};"),
        quote(raw),
        quote(raw, safe=""),
        quote(quote(raw, safe=""), safe=""),
        quote_plus(raw),
        raw.hex(),
        *_base64(raw),
    }


def _escape_special(text: str, escape: str) -> str:
    """Escape all characters except ASCII letters and digits."""
    return "".join(c if c.isascii() and c.isalnum() else escape.format(ord(c)) for c in text)


def _base64(raw: bytes) -> Iterable[str]:
    """Yield the base64 of a secret, alone and as a part of a longer text at any offset."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(raw).decode()
        yield from (whole, whole.rstrip("="))
        if len(raw) >= _LONG:
            for offset in range(3):
                text = encode(bytes(offset) + raw).decode()
                sure = (offset + len(raw)) * 8 // 6  # the next character depends on the text that follows
                yield text[(0, 2, 3)[offset] : sure]
