"""A look into a running Airflow's database, which others write to."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import Engine, NullPool, create_engine, text

from scripts.local_airflow import LocalAirflow


def select(airflow: LocalAirflow, query: str, **values: object) -> list[tuple[Any, ...]]:
    """The rows of a query, whose ``:name`` stands for the value of that name."""
    own = f"sqlite:///file:{airflow.home / 'airflow.db'}?mode=ro&uri=true&timeout=30"
    place = airflow.environment.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", own)
    with _engine(place).connect() as database:
        return [tuple(row) for row in database.execute(text(query), values)]


@lru_cache
def _engine(place: str) -> Engine:
    return create_engine(place, poolclass=NullPool)  # nothing stays open that would hinder Airflow
