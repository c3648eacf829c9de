"""Marks: what this provider writes at the end of a description, so that a leftover is known for its own.

``[airflow:{dag_id}.{task_id} {h}]``, ``h`` the first 8 hex digits of sha256 over run id and map index.
"""

from __future__ import annotations

import hashlib
import re

_MARK = re.compile(r"\[airflow:(?P<task>[^\[\]\s]+) [0-9a-f]{8}\]\Z")


def make_mark(dag_id: str, task_id: str, run_id: str, map_index: int) -> str:
    """The mark of one task instance: an AEP admin reads where an entity comes from."""
    digest = hashlib.sha256(f"{run_id}\n{map_index}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"[airflow:{dag_id}.{task_id} {digest[:8]}]"


def find_mark(description: str | None) -> str | None:
    """The mark at the end of a description, whoever's task wrote it."""
    match = _MARK.search(description or "")
    return match.group(0) if match else None


def with_mark(description: str | None, mark: str | None) -> str | None:
    """A description that ends with the mark."""
    return " ".join(part for part in (description, mark) if part) or None


def without_mark(description: str | None) -> str:
    """A description without the mark at its end, whoever's task wrote it."""
    return _MARK.sub("", description or "").rstrip()


def maker(description: str | None) -> str:
    """Who made an entity, in words."""
    match = _MARK.search(description or "")
    return f"made by Airflow's {match.group('task')}" if match else "not made by Airflow"
