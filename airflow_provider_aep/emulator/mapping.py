"""Read mapping sets, evaluate their expressions, and turn source rows into XDM records. Pure."""

from __future__ import annotations

import functools
import math
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from airflow_provider_aep.emulator import payloads
from airflow_provider_aep.emulator.payloads import InvalidInputError
from airflow_provider_aep.emulator.store import Entity

Fields = Mapping[str, Mapping[str, Any]]
Record = dict[str, Any]
# The OpenAPI's names, and those of the data prep guide's samples.
SOURCE_TYPES = {
    "attribute": "ATTRIBUTE",
    "expression": "EXPRESSION",
    "static": "STATIC",
    "text/x.schema-path": "ATTRIBUTE",
    "text/x.aep-xl": "EXPRESSION",
}
CONTENT_TYPE = "application/vnd.adobe.xed-full+json;version=1"
Item = dict[str, Any]
TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<number>-?\d{1,18}(?:\.\d{1,9})?)
        |(?P<name>[A-Za-z_$][\w$.]*)|(?P<sign>[(),]))""",
    re.VERBOSE,
)
MAX_TOKENS = 500


class BadValueError(ValueError):
    """A value cannot be converted to the type of its field."""


@dataclass(frozen=True)
class Rule:
    """One mapping: the source of a value and the dotted path of its destination."""

    kind: str
    source: str
    destination: str


def compiled(mappings: Sequence[Mapping[str, Any]]) -> list[Rule]:
    """Return the rules of a stored mapping set."""
    return [Rule(m["sourceType"], m["source"], m["destination"]) for m in mappings]


def apply(rules: Sequence[Rule], row: Mapping[str, Any], fields: Fields) -> Record:
    """Map a row to a record, without nulls. Raise BadValueError if a value does not fit its field."""
    record: Record = {}
    for rule in rules:
        value = _source(rule, row)
        if value is None:
            continue
        field = fields.get(rule.destination, {})
        try:
            fitted = fit(value, field)
        except BadValueError:
            kind = field.get("format", field.get("type"))
            raise BadValueError(
                f"The value of {rule.source} cannot be converted to {kind}, the type of {rule.destination}"
            ) from None
        *steps, last = rule.destination.split(".")
        node = record
        for step in steps:
            node = node.setdefault(step, {})
        node[last] = fitted
    return record


def _source(rule: Rule, row: Mapping[str, Any]) -> Any:
    if rule.kind == "STATIC":
        return rule.source
    if rule.kind == "EXPRESSION":
        return evaluate(rule.source, row)
    return column(row, rule.source)


def fit(value: Any, field: Mapping[str, Any]) -> Any:
    """Convert a value to the field's type, as Data Prep does, if possible."""
    kind = field.get("type")
    if kind == "string":
        return _text(value, str(field.get("format", "")))
    if kind == "integer":
        return _integer(value)
    if kind == "number":
        return _number(value)
    if kind == "boolean":
        return _boolean(value)
    if kind == "array" and not isinstance(value, list):
        return [fit(value, field.get("items", {}))]
    return value


def _text(value: Any, form: str) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if form in ("date-time", "date"):
        time = parse_time(text)
        if time is None:
            raise BadValueError(text)
        return time.strftime("%Y-%m-%d") if form == "date" else text
    return text


def _integer(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise BadValueError(value)
    return int(number)


def _number(value: Any) -> float | int:
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,30}(\.\d{1,30})?\s*", value, re.ASCII):
        return float(value) if "." in value else int(value)
    raise BadValueError(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise BadValueError(value)


def parse_time(value: object) -> datetime | None:
    """Parse a time: ISO 8601, or the epoch in seconds or milliseconds; None if it is invalid."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = value / 1000 if abs(value) > 1e11 else value
        if not math.isfinite(seconds) or abs(seconds) > 1e11:
            return None
        return datetime.fromtimestamp(seconds, timezone.utc)
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def read_mapping_set(body: Item) -> Item:
    """Read either documented body into the OpenAPI's `outputSchema` and `mappings`."""
    mappings = body.get("mappings")
    if not isinstance(mappings, list) or not mappings:
        raise InvalidInputError("'mappings' is required and must be an array")
    content: Item = {
        "outputSchema": {"schemaRef": _schema_ref(body)},
        "mappings": list(map(_read_mapping, mappings)),
    }
    if isinstance(body.get("name"), str):
        content["name"] = body["name"]
    destinations = [mapping["destination"] for mapping in content["mappings"]]
    twice = {path for path in destinations if destinations.count(path) > 1}
    if twice:
        raise InvalidInputError(f"{min(twice)} is mapped twice")
    return content


def _schema_ref(body: Item) -> Item:
    if isinstance(body.get("xdmSchema"), str):  # the collect tutorials' body
        return {"id": body["xdmSchema"], "contentType": CONTENT_TYPE}
    output = body.get("outputSchema")
    reference = output.get("schemaRef") if isinstance(output, dict) else None
    if not isinstance(reference, dict) or not isinstance(reference.get("id"), str):
        raise InvalidInputError("'xdmSchema' or 'outputSchema.schemaRef.id' is required")
    content_type = reference.get("contentType", CONTENT_TYPE)
    if not isinstance(content_type, str):
        raise InvalidInputError("'outputSchema.schemaRef.contentType' must be a string")
    return {"id": reference["id"], "contentType": content_type}


def _read_mapping(entry: object) -> Item:
    if not isinstance(entry, dict):
        raise InvalidInputError("a mapping must be an object")
    source = entry.get("source", entry.get("sourceAttribute"))
    destination = entry.get("destination", entry.get("destinationXdmPath"))
    for name, value in (("source", source), ("destination", destination)):
        if not isinstance(value, str) or not value.strip():
            raise InvalidInputError(f"a mapping needs a {name}")
    kind = entry.get("sourceType", "ATTRIBUTE")
    if not isinstance(kind, str) or kind.lower() not in SOURCE_TYPES:
        raise InvalidInputError("'sourceType' is ATTRIBUTE, EXPRESSION or STATIC")
    named = {name: entry[name] for name in ("name", "description") if isinstance(entry.get(name), str)}
    return {
        "id": uuid.uuid4().hex,
        "version": 0,
        "sourceType": SOURCE_TYPES[kind.lower()],
        "source": source,
        "destination": destination,
        **named,
    }


def at_version(entity: Entity, version: int | None) -> Item | None:
    """Return a mapping set at a version, the newest for None; None if that version does not exist."""
    if version is None or version == entity.item["version"]:
        return entity.item
    earlier: Item | None = entity.hidden.get("versions", {}).get(str(version))
    return earlier


class BadExpressionError(ValueError):
    """The expression is invalid, or the emulator does not support it."""


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)


def _concat(*parts: Any) -> str:
    return "".join(map(_as_text, parts))


def _coalesce(*parts: Any) -> Any:
    return next((part for part in parts if part is not None), None)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "concat": _concat,
    "coalesce": _coalesce,
    "lower": lambda value: _as_text(value).lower(),
    "upper": lambda value: _as_text(value).upper(),
    "trim": lambda value: _as_text(value).strip(),
}
ONE_ARGUMENT = frozenset(("lower", "upper", "trim"))


@dataclass(frozen=True)
class Node:
    """A column, a literal or a call."""

    kind: str
    value: Any
    parts: tuple[Node, ...] = ()


@functools.lru_cache(maxsize=1000)
def parse_expression(text: str) -> Node:
    """Return the tree of an expression; raise BadExpressionError if it is invalid."""
    tokens = _tokens(text)
    node, rest = _read_node(tokens, 0)
    if rest != len(tokens):
        raise BadExpressionError(f"unexpected {tokens[rest][1]!r}")
    return node


def evaluate(text: str, row: Mapping[str, Any]) -> Any:
    """Return the expression's value for a row."""
    return _node_value(parse_expression(text), row)


def column(row: Mapping[str, Any], path: str) -> Any:
    """Return a column, or with dots a field of a JSON record; None if it is missing."""
    if path in row:
        return row[path]
    return payloads.value_at(row, path)


def _node_value(node: Node, row: Mapping[str, Any]) -> Any:
    if node.kind == "column":
        return column(row, node.value)
    if node.kind == "literal":
        return node.value
    return FUNCTIONS[node.value](*(_node_value(part, row) for part in node.parts))


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


def _read_node(tokens: Sequence[tuple[str, str]], at: int, depth: int = 0) -> tuple[Node, int]:
    if at >= len(tokens) or depth > 20:
        raise BadExpressionError("the expression ends too early, or is nested too deeply")
    kind, text = tokens[at]
    if kind == "text":
        return Node("literal", re.sub(r"\\(.)", r"\1", text[1:-1])), at + 1
    if kind == "number":
        return Node("literal", float(text) if "." in text else int(text)), at + 1
    if kind == "sign":
        raise BadExpressionError(f"unexpected {text!r}")
    if at + 1 == len(tokens) or tokens[at + 1][1] != "(" or tokens[at + 1][0] != "sign":
        return Node("column", text), at + 1
    return _read_call(text.lower(), tokens, at + 2, depth)


def _read_call(name: str, tokens: Sequence[tuple[str, str]], at: int, depth: int) -> tuple[Node, int]:
    if name not in FUNCTIONS:
        raise BadExpressionError(f"the function {name} is not emulated")
    parts: list[Node] = []
    while at < len(tokens) and tokens[at] != ("sign", ")"):
        if parts:
            if tokens[at] != ("sign", ","):
                raise BadExpressionError(f"a comma is missing before {tokens[at][1]!r}")
            at += 1
        part, at = _read_node(tokens, at, depth + 1)
        parts.append(part)
    if at >= len(tokens):
        raise BadExpressionError("a parenthesis is not closed")
    if not parts or (name in ONE_ARGUMENT and len(parts) != 1):
        raise BadExpressionError(f"{name} has the wrong number of arguments")
    return Node("call", name, tuple(parts)), at + 1
