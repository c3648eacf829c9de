"""The format of an imported DAG, by ruff itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_aep.operations.dag_text import Constant, Task, dag_file

pytest.importorskip("ruff")  # only the development environment has it

VALUES = [
    "short", "ä" * 30, "数据" * 40, "it's", 'a "b"', "it's \"both\" 'x'", "x" * 200, "\x1b[0m",
    ["a", "b"], [], {},
    {"name": "Product_Id", "type": "string", "xdm": {"type": "string"}}, [{"name": "數據", "type": "string"}],
    [{"name": f"column_{n}", "type": "string", "xdm": {"format": "date-time"}} for n in range(3)],
    {"a" * 90: {"b": [1, 2.5, 1e30, True, None]}}, "tab\t", "\u202e", "\U0001f600", "x" * 70, ["y" * 66],
]  # fmt: skip


def test_dag_file_is_formatted_as_ruff_does(tmp_path: Path) -> None:
    """`ruff format` with its default settings changes nothing, for short, long and wide values."""
    tasks: list[Any] = [Constant("dataflow", "abc", ["why"])]
    tasks += [Task(f"t{n}", "CreateDatasetOperator", {"value": one}, ["a"]) for n, one in enumerate(VALUES)]
    path = tmp_path / "made.py"
    path.write_text(dag_file(["about"], {"dag_id": "a", "schedule": None}, tasks, ["end"]), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
