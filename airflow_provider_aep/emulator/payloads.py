"""Read JSON strictly and multipart forms leniently; write JSON replies."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP

from starlette.responses import Response

MAX_DEPTH = 64


class BadJson(ValueError):  # noqa: N818 - the short name is clear
    """The body is not valid JSON. The text does not quote it: it may contain a secret."""


def _no_constant(_: str) -> object:
    raise BadJson("NaN and Infinity are not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BadJson("a number is out of range")
    return number


def parse_json(raw: bytes) -> object:
    """Read UTF-8 JSON; refuse values that cannot be written back (NaN, lone surrogates, deep nesting)."""
    try:
        value: object = json.loads(raw.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite)
    except BadJson:
        raise
    except UnicodeDecodeError:
        raise BadJson("the body is not UTF-8") from None
    except RecursionError:
        raise BadJson("the body is nested too deeply") from None
    except ValueError:
        raise BadJson("the body is not valid JSON") from None
    _check_json(value)
    return value


def _check_json(value: object) -> None:
    """Check without recursion: a hostile depth must not reach code that recurses."""
    stack: list[tuple[object, int]] = [(value, 0)]
    while stack:
        node, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise BadJson("the body is nested too deeply")
        if isinstance(node, dict):
            stack.extend((part, depth + 1) for pair in node.items() for part in pair)
        elif isinstance(node, list):
            stack.extend((part, depth + 1) for part in node)
        elif isinstance(node, str) and not node.isascii() and _has_surrogate(node):
            raise BadJson("the body holds half a surrogate pair")


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


def reply(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response."""
    content = json.dumps(value, allow_nan=False).encode()
    return Response(content, status, dict(headers or {}), media_type="application/json")


def read_multipart(content_type: str, raw: bytes) -> list[tuple[str, str]] | None:
    """Return the fields in order; None if the body is not a multipart form (no boundary, for example)."""
    try:
        head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1")
        message = BytesParser(policy=HTTP).parsebytes(head + raw)
        if not message.get_boundary() or not message.is_multipart():
            return None
        fields = []
        for part in message.iter_parts():
            name = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True)
            if isinstance(name, str) and isinstance(content, bytes):
                fields.append((name, content.decode("utf-8", "replace")))
    except (ValueError, LookupError, AttributeError, TypeError, IndexError):
        return None  # the mail parser fails in many ways on hostile headers
    return fields
