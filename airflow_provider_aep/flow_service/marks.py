"""Ownership marks at the end of a description, by which this provider recognizes its own entities.

``[airflow:{dag_id}.{task_id} {h}]``, ``h`` the first 8 hex digits of sha256 over run id and map index.
It does not name the Airflow deployment: two deployments that run the same DAG with the same run id share it.
"""

from __future__ import annotations

import hashlib
import re

_MARK = re.compile(r"\[airflow:(?P<task>[^\[\]\s]+) [0-9a-f]{8}\]\Z")


def make_mark(dag_id: str, task_id: str, run_id: str, map_index: int) -> str:
    """Return the ownership mark of a task instance. It shows an AEP admin where an entity comes from."""
    digest = hashlib.sha256(f"{run_id}\n{map_index}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"[airflow:{dag_id}.{task_id} {digest[:8]}]"


def find_mark(description: str | None) -> str | None:
    """Return the ownership mark at the end of a description, of any task."""
    match = _MARK.search(description or "")
    return match.group(0) if match else None


def with_mark(description: str | None, mark: str | None) -> str | None:
    """Return a description that ends with the ownership mark."""
    return " ".join(part for part in (description, mark) if part) or None


def without_mark(description: str | None) -> str:
    """Return a description without the ownership mark at its end, of any task."""
    return _MARK.sub("", description or "").rstrip()


def task_of(description: str | None) -> str | None:
    """Return the task ``dag.task`` that the ownership mark at the end of a description names."""
    match = _MARK.search(description or "")
    return match.group("task") if match else None


def created_by(description: str | None) -> str:
    """Return in words who created an entity."""
    task = task_of(description)
    return f"made by Airflow's {task}" if task else "not made by Airflow"
