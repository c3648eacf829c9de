"""Read JSON strictly and multipart forms leniently; write JSON replies; read the emulator's data files."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from importlib import resources
from typing import Any

from starlette.responses import Response

MAX_DEPTH = 64


class InvalidInputError(ValueError):
    """A body or a parameter is invalid; the text says why. `app.py` answers 400 with that text."""


class InvalidJsonError(InvalidInputError):
    """The body is not valid JSON. The text does not quote it: it may contain a secret."""


def _no_constant(_: str) -> object:
    raise InvalidJsonError("NaN and Infinity are not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InvalidJsonError("a number is out of range")
    return number


def parse_json(raw: bytes) -> object:
    """Read UTF-8 JSON; refuse values that cannot be written back (NaN, lone surrogates, deep nesting)."""
    try:
        value: object = json.loads(raw.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite)
    except InvalidJsonError:
        raise
    except UnicodeDecodeError:
        raise InvalidJsonError("the body is not UTF-8") from None
    except RecursionError:
        raise InvalidJsonError("the body is nested too deeply") from None
    except ValueError:
        raise InvalidJsonError("the body is not valid JSON") from None
    _check_json(value)
    return value


def parse_object(raw: bytes) -> dict[str, Any]:
    """Read UTF-8 JSON that must be an object."""
    value = parse_json(raw)
    if not isinstance(value, dict):
        raise InvalidInputError("the body must be a JSON object")
    return value


def value_at(item: object, path: str) -> Any:
    """Return the value at a dotted path; None if it is missing."""
    for step in path.split("."):
        item = item.get(step) if isinstance(item, Mapping) else None
    return item


def sort_key(item: object, path: str) -> list[Any]:
    """Return a key by which values of any type can be sorted: missing ones, numbers, strings."""
    value = value_at(item, path)
    if isinstance(value, (bool, int, float)):
        return [1, value]
    return [2, value] if isinstance(value, str) else [0, 0]


def number_param(params: Mapping[str, str], name: str, default: str = "") -> int:
    """Return a query parameter that is a whole number; it is required without a default."""
    text = params.get(name, default)
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise InvalidInputError(f"{name} must be a whole number")
    return int(text)


def data_file(name: str) -> Any:
    """Return the content of a JSON file in `data/`."""
    return json.loads((resources.files(__package__) / "data" / name).read_text("utf-8"))


def _check_json(value: object) -> None:
    """Check without recursion: a hostile depth must not reach code that recurses."""
    stack: list[tuple[object, int]] = [(value, 0)]
    while stack:
        node, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise InvalidJsonError("the body is nested too deeply")
        if isinstance(node, dict):
            stack.extend((part, depth + 1) for pair in node.items() for part in pair)
        elif isinstance(node, list):
            stack.extend((part, depth + 1) for part in node)
        elif isinstance(node, str) and not node.isascii() and _has_surrogate(node):
            raise InvalidJsonError("the body holds half a surrogate pair")


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
