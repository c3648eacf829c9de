"""JSON Patch on a whole document: for entities that are checked again once it is done."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any

from airflow_provider_aep.emulator.patching import Operation


class NothingThereError(ValueError):
    """A path that leads nowhere; the text is the path."""


def patched(document: dict[str, Any], operations: Sequence[Operation]) -> dict[str, Any]:
    """A changed copy."""
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
        raise NothingThereError(".".join(operation.path))
    elif operation.op == "remove":
        del node[last]
    else:
        node[last] = operation.value


def _in_list(node: list[Any], last: str, operation: Operation) -> None:
    if last != "-" and not re.fullmatch(r"[0-9]{1,6}", last):
        raise NothingThereError(".".join(operation.path))
    index = len(node) if last == "-" else int(last)
    if index > len(node) or (operation.op != "add" and index == len(node)):
        raise NothingThereError(".".join(operation.path))
    if operation.op == "add":
        node.insert(index, operation.value)
    else:
        node[index : index + 1] = [] if operation.op == "remove" else [operation.value]


def _child(node: Any, step: str, operation: Operation) -> Any:
    if isinstance(node, dict) and step in node:
        return node[step]
    if isinstance(node, list) and re.fullmatch(r"[0-9]{1,6}", step) and int(step) < len(node):
        return node[int(step)]
    raise NothingThereError(".".join(operation.path))
