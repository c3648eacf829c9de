"""Read and apply JSON Patch: operations in any case, a list or a single one."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_aep.emulator.errors import flow_error

OPERATIONS = frozenset(("add", "replace", "remove"))


@dataclass(frozen=True)
class Operation:
    """One operation; `path` is split at its slashes."""

    op: str
    path: tuple[str, ...]
    value: object = None


def read_operations(body: object) -> list[Operation]:
    """Read all operations, or raise an error: a patch is applied whole or not at all."""
    return [_operation(entry) for entry in (body if isinstance(body, list) else [body])]


def _operation(entry: object) -> Operation:
    if not isinstance(entry, dict):
        raise flow_error("1455-400", reason="An instruction must be an object.")
    op, path = entry.get("op"), entry.get("path")
    if not isinstance(op, str):
        raise flow_error("1455-400", reason='Missing field "op".')
    if op.lower() not in OPERATIONS:
        raise flow_error("1434-400", op=op)
    if not isinstance(path, str) or not path.startswith("/") or path == "/":
        raise flow_error("1455-400", reason='Missing field "path".')
    if op.lower() != "remove" and "value" not in entry:
        raise flow_error("1455-400", reason='Missing field "value".')
    steps = (step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/"))
    return Operation(op.lower(), tuple(steps), entry.get("value"))


class MissingPathError(ValueError):
    """A path that does not exist; the text is the path."""


def patched(document: dict[str, Any], operations: Sequence[Operation]) -> dict[str, Any]:
    """Return a changed copy of the document."""
    result = copy.deepcopy(document)
    for operation in operations:
        _apply(result, operation)
    return result


def _apply(root: dict[str, Any], operation: Operation) -> None:
    node: Any = root
    for step in operation.path[:-1]:
        node = _child(node, step, operation)
    last = operation.path[-1]
    if isinstance(node, list):
        _in_list(node, last, operation)
    elif not isinstance(node, dict) or (operation.op == "remove" and last not in node):
        raise MissingPathError(".".join(operation.path))
    elif operation.op == "remove":
        del node[last]
    else:
        node[last] = operation.value


def _in_list(node: list[Any], last: str, operation: Operation) -> None:
    if last != "-" and not re.fullmatch(r"[0-9]{1,6}", last):
        raise MissingPathError(".".join(operation.path))
    index = len(node) if last == "-" else int(last)
    if index > len(node) or (operation.op != "add" and index == len(node)):
        raise MissingPathError(".".join(operation.path))
    if operation.op == "add":
        node.insert(index, operation.value)
    else:
        node[index : index + 1] = [] if operation.op == "remove" else [operation.value]


def _child(node: Any, step: str, operation: Operation) -> Any:
    if isinstance(node, dict) and step in node:
        return node[step]
    if isinstance(node, list) and re.fullmatch(r"[0-9]{1,6}", step) and int(step) < len(node):
        return node[int(step)]
    raise MissingPathError(".".join(operation.path))
