"""What a mapping set does to a row. Pure: rows in, XDM records out."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from airflow_provider_aep.emulator import expressions

Fields = Mapping[str, Mapping[str, Any]]
Record = dict[str, Any]


class BadValueError(ValueError):
    """A value does not fit the field it is mapped to."""


@dataclass(frozen=True)
class Rule:
    """One mapping: where a value comes from, and the dotted path it goes to."""

    kind: str
    source: str
    destination: str


def compiled(mappings: Sequence[Mapping[str, Any]]) -> list[Rule]:
    """The rules of a stored mapping set."""
    return [Rule(m["sourceType"], m["source"], m["destination"]) for m in mappings]


def apply(rules: Sequence[Rule], row: Mapping[str, Any], fields: Fields) -> Record:
    """The record a row becomes; a null leaves no trace. BadValueError when a value does not fit."""
    record: Record = {}
    for rule in rules:
        value = _source(rule, row)
        if value is None:
            continue
        fitted = fit(value, fields.get(rule.destination, {}))
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
        return expressions.evaluate(rule.source, row)
    return expressions.column(row, rule.source)


def fit(value: Any, field: Mapping[str, Any]) -> Any:
    """Data Prep converts between types where it can."""
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
        moment = parse_time(text)
        if moment is None:
            raise BadValueError(text)
        return moment.strftime("%Y-%m-%d") if form == "date" else text
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
    """A moment, if it is one: ISO 8601, or the epoch in seconds or milliseconds."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = value / 1000 if abs(value) > 1e11 else value
        if not math.isfinite(seconds) or abs(seconds) > 1e11:
            return None
        return datetime.fromtimestamp(seconds, timezone.utc)
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
