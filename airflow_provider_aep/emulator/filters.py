"""`property=<field><operator><value>`, by Adobe's sorting-and-filtering guide and error catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_aep.emulator.errors import flow_error
from airflow_provider_aep.emulator.settings import words

SHAPE = re.compile(r"(?P<field>[A-Za-z_@][\w.\-:@\[\]]*?)\s*(?P<op>==|!=|[=!<>~]+)(?P<value>.*)", re.DOTALL)
RANGES = ("<", ">", "<=", ">=")
NUMERIC = frozenset(("createdAt", "updatedAt"))
QUOTED = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*(,|$)', re.DOTALL)

COMMON = words(
    """id createdAt updatedAt createdBy updatedBy createdClient updatedClient sandboxId sandboxName imsOrgId
    name description state version etag connectionSpec"""
)
CONNECTION_FIELDS = COMMON | {"auth"}
SOURCE_CONNECTION_FIELDS = COMMON | {"baseConnectionId", "data", "params", "inheritedAttributes"}
SPEC_FIELDS = words(
    """id name providerId version authSpec sourceSpec exploreSpec attributes permissionsInfo
    sourceConnectionSpecIds targetConnectionSpecIds optionSpec transformationSpecs scheduleSpec
    runSpec"""
)


@dataclass(frozen=True)
class Condition:
    """One `property` parameter; several are all to hold."""

    path: tuple[str, ...]
    operator: str
    values: tuple[str, ...]

    def holds(self, item: dict[str, Any]) -> bool:
        """Whether the item passes. A field that is absent equals nothing."""
        found = list(_values(item, self.path))
        if self.path[-1] in ("state", "status"):  # a guide filters by `Failed`, the service says `failed`
            wanted = {text.lower() for text in self.values}
            hit = any(str(value).lower() in wanted for value in found)
            return hit == (self.operator == "==")
        if self.operator == "==":
            return any(_same(value, text) for value in found for text in self.values)
        if self.operator == "!=":
            return not any(_same(value, self.values[0]) for value in found)
        return any(_in_range(value, self.operator, float(self.values[0])) for value in found)


def matches(item: dict[str, Any], conditions: Iterable[Condition]) -> bool:
    """Several `property` parameters mean AND."""
    return all(condition.holds(item) for condition in conditions)


def parse(text: str, fields: frozenset[str]) -> Condition:
    """Read one parameter; the catalogue has an error for each way to get it wrong."""
    shape = SHAPE.fullmatch(text)
    if shape is None:
        raise flow_error("1453-400", value=text)
    field, operator, raw = shape["field"], shape["op"], shape["value"]
    path = tuple(field.split("."))
    if operator == "~":
        raise flow_error("1440-400", op=operator)
    if operator not in ("==", "!=", *RANGES):
        raise flow_error("1450-400", op=operator)
    if path[0].removesuffix("[]") not in fields:
        raise flow_error("1449-400", field=field)
    if not raw.strip():
        raise flow_error("1453-400", value=field + operator)
    values = tuple(_split(raw))
    _check_values(field, operator, values, raw)
    return Condition(path, operator, values)


def _check_values(field: str, operator: str, values: tuple[str, ...], raw: str) -> None:
    if operator in RANGES and field not in NUMERIC and "." not in field:
        raise flow_error("1448-400", op=operator, field=field)
    if operator != "==" and len(values) > 1:
        raise flow_error("1443-400", op=operator)
    if (field in NUMERIC or operator in RANGES) and not all(_is_number(value) for value in values):
        raise flow_error("1452-400", value=raw, field=field)


def _split(raw: str) -> Iterator[str]:
    """At commas, which mean OR; inside double quotes a comma is only a comma, `\\"` a quote."""
    rest = raw
    while True:
        quoted = QUOTED.match(rest)
        if quoted:
            yield re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL)
            if not quoted[2]:
                return
            rest = rest[quoted.end() :]
            continue
        value, comma, rest = rest.partition(",")
        yield value
        if not comma:
            return


def _values(node: object, path: tuple[str, ...]) -> Iterator[object]:
    """All values at a path; a list is looked through, written with `[]` or not."""
    if isinstance(node, list):
        for part in node:
            yield from _values(part, path)
    elif not path:
        yield node
    elif isinstance(node, dict):
        name = path[0].removesuffix("[]")
        if name in node:
            yield from _values(node[name], path[1:])


def _same(value: object, text: str) -> bool:
    if isinstance(value, bool):
        return text.lower() == str(value).lower()
    if isinstance(value, (int, float)):
        return _is_number(text) and float(text) == value
    return value == text


def _in_range(value: object, operator: str, limit: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if operator == "<":
        return value < limit
    if operator == ">":
        return value > limit
    return value <= limit if operator == "<=" else value >= limit


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\s*-?\d{1,18}(\.\d{1,9})?\s*", text, re.ASCII) is not None
