"""A look into a running Airflow's database, which others write to."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from scripts.local_airflow import LocalAirflow


def select(airflow: LocalAirflow, query: str, *values: object) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    uri = f"file:{airflow.home / 'airflow.db'}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=30)) as database:
        return database.execute(query, values).fetchall()
