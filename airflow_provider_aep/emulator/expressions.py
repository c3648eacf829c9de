"""A few of Data Prep's expressions: columns, literals, and the functions that tutorials use most."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<number>-?\d{1,18}(?:\.\d{1,9})?)
        |(?P<name>[A-Za-z_$][\w$.]*)|(?P<mark>[(),]))""",
    re.VERBOSE,
)
MAX_TOKENS = 500


class BadExpressionError(ValueError):
    """The text is no expression that the emulator understands."""


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _concat(*parts: Any) -> str:
    return "".join(map(_text, parts))


def _coalesce(*parts: Any) -> Any:
    return next((part for part in parts if part is not None), None)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "concat": _concat,
    "coalesce": _coalesce,
    "lower": lambda value: _text(value).lower(),
    "upper": lambda value: _text(value).upper(),
    "trim": lambda value: _text(value).strip(),
}
ONE_ARGUMENT = frozenset(("lower", "upper", "trim"))


@dataclass(frozen=True)
class Node:
    """A column, a literal or a call."""

    kind: str
    value: Any
    parts: tuple[Node, ...] = ()


@functools.lru_cache(maxsize=1000)
def parse(text: str) -> Node:
    """The tree of an expression; BadExpressionError if it is none."""
    tokens = _tokens(text)
    node, rest = _read(tokens, 0)
    if rest != len(tokens):
        raise BadExpressionError(f"unexpected {tokens[rest][1]!r}")
    return node


def evaluate(text: str, row: Mapping[str, Any]) -> Any:
    """Its value for a row."""
    return _value(parse(text), row)


def column(row: Mapping[str, Any], path: str) -> Any:
    """A column, or with dots a field of a record in JSON; None where there is none."""
    if path in row:
        return row[path]
    node: Any = row
    for step in path.split("."):
        node = node.get(step) if isinstance(node, Mapping) else None
    return node


def _value(node: Node, row: Mapping[str, Any]) -> Any:
    if node.kind == "column":
        return column(row, node.value)
    if node.kind == "literal":
        return node.value
    return FUNCTIONS[node.value](*(_value(part, row) for part in node.parts))


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    text = text.strip()
    while position < len(text):
        found = TOKEN.match(text, position)
        if found is None or found.lastgroup is None or len(tokens) >= MAX_TOKENS:
            raise BadExpressionError(f"cannot read {text[position : position + 20]!r}")
        tokens.append((found.lastgroup, found[found.lastgroup]))
        position = found.end()
    return tokens


def _read(tokens: Sequence[tuple[str, str]], at: int, depth: int = 0) -> tuple[Node, int]:
    if at >= len(tokens) or depth > 20:
        raise BadExpressionError("the expression ends too early, or is nested too deeply")
    kind, text = tokens[at]
    if kind == "text":
        return Node("literal", re.sub(r"\\(.)", r"\1", text[1:-1])), at + 1
    if kind == "number":
        return Node("literal", float(text) if "." in text else int(text)), at + 1
    if kind == "mark":
        raise BadExpressionError(f"unexpected {text!r}")
    if at + 1 == len(tokens) or tokens[at + 1][1] != "(" or tokens[at + 1][0] != "mark":
        return Node("column", text), at + 1
    return _call(text.lower(), tokens, at + 2, depth)


def _call(name: str, tokens: Sequence[tuple[str, str]], at: int, depth: int) -> tuple[Node, int]:
    if name not in FUNCTIONS:
        raise BadExpressionError(f"the function {name} is not emulated")
    parts: list[Node] = []
    while at < len(tokens) and tokens[at] != ("mark", ")"):
        if parts:
            if tokens[at] != ("mark", ","):
                raise BadExpressionError(f"a comma is missing before {tokens[at][1]!r}")
            at += 1
        part, at = _read(tokens, at, depth + 1)
        parts.append(part)
    if at >= len(tokens):
        raise BadExpressionError("a parenthesis is not closed")
    if not parts or (name in ONE_ARGUMENT and len(parts) != 1):
        raise BadExpressionError(f"{name} has the wrong number of arguments")
    return Node("call", name, tuple(parts)), at + 1
