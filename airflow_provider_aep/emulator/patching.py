"""JSON Patch as Flow Service takes it: operations in any case, a list or a single one."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_aep.emulator.errors import flow_error

OPERATIONS = frozenset(("add", "replace", "remove"))


@dataclass(frozen=True)
class Operation:
    """One instruction; `path` is split at its slashes."""

    op: str
    path: tuple[str, ...]
    value: object = None


def read(body: object) -> list[Operation]:
    """All instructions, or an error: a patch is applied whole or not at all."""
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
