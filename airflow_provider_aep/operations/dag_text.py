"""Write the text of a DAG file from plain values, formatted as ``ruff format`` does.

Every value from AEP becomes a Python literal or one line of a comment, so no name can become code. Texts for
template fields are escaped, so Jinja renders them to themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

WIDTH = 88
"""The longest line of ruff's default style, in characters."""

INDENT = "    "
_JINJA = ("{{", "{%", "{#", "\r")
_MODULES = {
    "CreateBaseConnectionOperator": "operators.connections",
    "FlowRunSensor": "sensors.flow_runs",
}
_DATAFLOWS = "operators.dataflows"


class Code(str):
    """A text that is Python code already, such as ``create_schema.output``."""

    __slots__ = ()


@dataclass(frozen=True)
class Task:
    """An operator of the DAG.

    :param arguments: its keyword arguments; texts are escaped for Jinja
    :param comments: lines above it
    """

    task_id: str
    operator: str
    arguments: Mapping[str, Any]
    comments: Sequence[str] = field(default_factory=tuple)

    @property
    def output(self) -> Code:
        """Return the code of its result."""
        return Code(f"{self.task_id}.output")


@dataclass(frozen=True)
class Constant:
    """A task that returns a text, and the variable of this name that holds its result.

    :param comments: lines above it
    """

    name: str
    value: str
    comments: Sequence[str] = field(default_factory=tuple)


def dag_file(
    header: Iterable[str],
    dag: Mapping[str, Any],
    tasks: Sequence[Task | Constant],
    last_comments: Iterable[str],
) -> str:
    """Return the text of a DAG file.

    :param header: the comment at its begin, line by line
    :param dag: the keyword arguments of the DAG
    :param last_comments: the comment after the last task, line by line
    """
    lines = [*map(comment, header), "", "from __future__ import annotations", ""]
    lines += [*_imports(tasks), "", "with DAG(", *_arguments(dag, INDENT), "):"]
    for task in tasks:
        lines += [INDENT + comment(text) for text in task.comments]
        lines += _constant(task) if isinstance(task, Constant) else _operator(task)
    lines += [INDENT + comment(text) for text in last_comments]
    return "\n".join(lines) + "\n"


def _operator(task: Task) -> list[str]:
    given = {"task_id": task.task_id, **{name: rendered(value) for name, value in task.arguments.items()}}
    return [f"{INDENT}{task.task_id} = {task.operator}(", *_arguments(given, INDENT * 2), f"{INDENT})"]


def _constant(task: Constant) -> list[str]:
    return [
        f"{INDENT}@task",
        f"{INDENT}def get_{task.name}() -> str:",
        f"{INDENT * 2}return {literal(task.value)}",
        "",
        f"{INDENT}{task.name} = get_{task.name}()",
    ]


def _imports(tasks: Iterable[Task | Constant]) -> list[str]:
    modules: dict[str, list[str]] = {}
    for name in sorted({task.operator for task in tasks if isinstance(task, Task)}):
        modules.setdefault(_MODULES.get(name, _DATAFLOWS), []).append(name)
    sdk = "DAG, task" if any(isinstance(task, Constant) for task in tasks) else "DAG"
    lines = [f"from airflow.sdk import {sdk}"]  # to the owner of the file, both packages are third-party
    for module, names in sorted(modules.items()):
        begin = f"from airflow_provider_aep.{module} import "
        line = begin + ", ".join(names)
        exploded = [f"{begin}(", *(f"{INDENT}{name}," for name in names), ")"]
        lines += [line] if len(line) <= WIDTH else exploded
    return lines


def comment(text: str) -> str:
    """Return a text as one line of a comment. Characters that could end or hide the line are replaced."""
    return f"# {printable(text)}".rstrip()


def printable(text: str) -> str:
    """Return a text without control characters."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def rendered(value: Any) -> Any:
    """Return a value that Airflow renders to the given one. Airflow does not render the keys of dicts.

    Jinja reads braces as its own syntax, drops a newline at the end, and changes other line ends.
    """
    if isinstance(value, Mapping):
        return {key: rendered(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [rendered(one) for one in value]
    if isinstance(value, Code) or not isinstance(value, str):
        return value
    if not value.endswith("\n") and not any(one in value for one in _JINJA):
        return value
    escaped = value.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'{{{{ "{escaped}" }}}}'


def _arguments(arguments: Mapping[str, Any], indent: str) -> list[str]:
    return [line for name, value in arguments.items() for line in _lines(f"{name}=", value, indent)]


def _lines(begin: str, value: Any, indent: str) -> list[str]:
    """Return a value with its trailing comma: on one line if it fits, else each element on its own line."""
    whole = f"{indent}{begin}{literal(value)},"
    if not isinstance(value, dict | list) or not value or (len(whole) <= WIDTH and whole.isascii()):
        return [whole]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    if isinstance(value, dict):
        inner = [(f"{literal(key)}: ", one) for key, one in value.items()]
    else:
        inner = [("", one) for one in value]
    body = [line for start, one in inner for line in _lines(start, one, indent + INDENT)]
    return [f"{indent}{begin}{opening}", *body, f"{indent}{closing},"]


def literal(value: Any) -> str:
    """Return a value of JSON as Python code on one line. :raises TypeError: it has another type"""
    if isinstance(value, Code):
        return str(value)
    if isinstance(value, str):
        quote = '"' if value.count('"') <= value.count("'") else "'"
        inner = ("\\" + one if one == quote else repr(one)[1:-1] for one in value)
        return f"{quote}{''.join(inner)}{quote}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(key)}: {literal(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, float) and value - value != 0:
        return f'float("{value}")'
    if value is None or isinstance(value, bool | int | float):
        return repr(value).replace("e+", "e")  # as ruff writes a float
    raise TypeError(f"{type(value).__name__} cannot be written into a DAG")
