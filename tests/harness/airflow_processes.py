"""The processes of a real Airflow, to be killed and started anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import psutil

from scripts.local_airflow import LocalAirflow
from scripts.processes import Service, stop


def tasks_talking_to(airflow: LocalAirflow, url: str) -> Iterator[psutil.Process]:
    """The task processes that hold a connection to a server of this machine."""
    port = int(url.rsplit(":", 1)[1])
    for service in airflow.services:
        for process in service.members() if service.name == "scheduler" else ():
            if _talks_to(process, port):
                yield process


def _talks_to(process: psutil.Process, port: int) -> bool:
    with suppress(psutil.NoSuchProcess):  # it ends by itself
        return port in [one.raddr.port for one in process.net_connections("tcp") if one.raddr]
    return False


def start_triggerer(airflow: LocalAirflow, name: str = "triggerer") -> Service:
    """One more."""
    return airflow.start_component("triggerer", name)


def kill_triggerer(airflow: LocalAirflow) -> None:
    """SIGKILL for the triggerer and all that it started."""
    (triggerer,) = [service for service in airflow.services if service.name == "triggerer"]
    for process in triggerer.members():
        process.kill()
    airflow.services.remove(triggerer)


def revive(airflow: LocalAirflow) -> list[str]:
    """What systemd does: a component that has ended is started again, once the rest of it is gone."""
    ended = [service for service in airflow.services if service.exit_code is not None]
    stop(ended)
    for service in ended:
        airflow.services.remove(service)
        airflow.start_component(service.name)
    return [service.name for service in ended]
