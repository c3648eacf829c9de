"""The processes of a real Airflow, to be killed and started again, and its database, to be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

import psutil
from sqlalchemy import Engine, NullPool, create_engine, text

from scripts.local_airflow import LocalAirflow
from scripts.processes import Service, stop


def tasks_talking_to(airflow: LocalAirflow, url: str) -> Iterator[psutil.Process]:
    """Yield the task processes that hold a connection to a server on localhost."""
    for service in airflow.services:
        if service.name == "scheduler":
            yield from talking_to(service, url)


def talking_to(service: Service, url: str) -> Iterator[psutil.Process]:
    """Yield the processes of a service that hold a connection to a server on localhost."""
    port = int(url.rsplit(":", 1)[1])
    for process in service.members():
        if _talks_to(process, port):
            yield process


def _talks_to(process: psutil.Process, port: int) -> bool:
    with suppress(psutil.NoSuchProcess):  # it ends by itself
        return port in [one.raddr.port for one in process.net_connections("tcp") if one.raddr]
    return False


def start_triggerer(airflow: LocalAirflow, name: str = "triggerer") -> Service:
    """Start another triggerer."""
    return airflow.start_component("triggerer", name)


def kill_triggerer(airflow: LocalAirflow) -> None:
    """Kill the triggerer and all that it started."""
    (triggerer,) = [service for service in airflow.services if service.name == "triggerer"]
    for process in triggerer.members():
        process.kill()
    airflow.services.remove(triggerer)


def revive(airflow: LocalAirflow) -> list[str]:
    """Start each component again that has ended, once the rest of it is gone, as systemd does."""
    ended = [service for service in airflow.services if service.exit_code is not None]
    stop(ended)
    for service in ended:
        airflow.services.remove(service)
        airflow.start_component(service.name)
    return [service.name for service in ended]


def select(airflow: LocalAirflow, query: str, **values: object) -> list[tuple[Any, ...]]:
    """Return the rows of a query, in which ``:name`` is the value of that name."""
    own = f"sqlite:///file:{airflow.home / 'airflow.db'}?mode=ro&uri=true&timeout=30"
    place = airflow.environment.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", own)
    with _engine(place).connect() as database:
        return [tuple(row) for row in database.execute(text(query), values)]


@lru_cache
def _engine(place: str) -> Engine:
    return create_engine(place, poolclass=NullPool)  # no connection stays open that would hinder Airflow
