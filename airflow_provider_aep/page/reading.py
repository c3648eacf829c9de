"""Read the data of the page: from AEP in the thread of the board, and from Airflow's own database."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails, DagDetails
from airflow.models.connection import Connection
from airflow.models.dag import DagModel
from airflow.utils.session import create_session
from sqlalchemy import select

from airflow_provider_aep._compat import aep_command
from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.hooks.access import AccessHook
from airflow_provider_aep.hooks.connection import find_connection
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.operations.fleet import collect
from airflow_provider_aep.operations.recent_runs import recent_runs

CALL, QUICK, LONG = 10.0, 20.0, 120.0
"""Seconds for one call of AEP with its repeats, for the runs of a dataflow, and for all dataflows."""


def read_fleet(connection_id: str, sandbox: str, between: Callable[[], None]) -> str:
    """Return the JSON of all dataflows of a sandbox.

    :param between: called between the requests
    :raises AepError: AEP cannot be read
    """
    hook = hook_of(connection_id, sandbox, LONG)
    fleet = collect(hook, progress=lambda _: between())
    return _json(
        {
            "since": fleet.since,
            "collected_at": fleet.collected_at,
            "counts": fleet.counts(),
            "notes": fleet.notes,
            "dataset_url": hook.link("dataset", "{id}"),
            "failures_command": aep_command("failures", "ID", conn_id=connection_id, sandbox=sandbox),
            "rows": [row.as_dict() for row in fleet.rows],
        }
    )


def read_runs(connection_id: str, sandbox: str, flow_id: str) -> str:
    """Return the JSON of the last runs of a dataflow. :raises AepError: AEP cannot be read"""
    runs = recent_runs(hook_of(connection_id, sandbox, QUICK), flow_id)
    return _json({"runs": [run.as_dict() for run in runs]})


def read_sandboxes(connection_id: str, sandbox: str) -> str:
    """Return the JSON of the sandboxes that the credential sees. :raises AepError: AEP cannot be read"""
    hook = hook_of(connection_id, sandbox, QUICK).to(AccessHook)
    return _json(sorted(hook.list_sandboxes()))


def own_sandbox(connection_id: str) -> str:
    """Return the sandbox that a connection names. :raises AepError: it cannot be read"""
    return hook_of(connection_id, "", QUICK).sandbox


def hook_of(connection_id: str, sandbox: str, seconds: float) -> FlowServiceHook:
    """Return a hook that soon gives up.

    A connection of another type is refused: its password must not be sent to AEP.

    :raises AepConfigError: the connection is missing, invalid or of another type
    """
    connection = find_connection(connection_id, "aep_conn_id", FlowServiceHook.hook_name)
    if connection.conn_type != FlowServiceHook.conn_type:
        raise AepConfigError(
            f"The Airflow connection {connection_id!r} is not of type `{FlowServiceHook.conn_type}`.",
            parameter="connection",
        )
    hook = FlowServiceHook(connection_id, sandbox)
    hook.give_up_after(call=CALL, total=seconds)
    return hook


def aep_connections(user: Any) -> list[str]:
    """Return the ids of the connections of type ``aep`` that a user may read, of Airflow's database."""
    with create_session() as session:
        query = select(Connection.conn_id).where(Connection.conn_type == FlowServiceHook.conn_type)
        stored = session.scalars(query.order_by(Connection.conn_id)).all()
    manager = get_auth_manager()
    return [
        own
        for own in stored
        if manager.is_authorized_connection(
            method="GET",
            details=ConnectionDetails(conn_id=own, team_name=Connection.get_team_name(own)),
            user=user,
        )
    ]


def find_task(made_by: str, user: Any) -> dict[str, str] | None:
    """Return DAG and task of ``dag.task``, None if this Airflow has no such DAG that the user may read.

    Ids of both can have dots, so the DAGs of Airflow's database decide where the DAG's id ends.
    """
    parts = made_by.split(".")
    tasks = {".".join(parts[:n]): ".".join(parts[n:]) for n in range(1, len(parts))}
    with create_session() as session:
        known = session.scalars(select(DagModel.dag_id).where(DagModel.dag_id.in_(tasks))).all()
    for dag_id in sorted(known, key=len, reverse=True):
        details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
        if get_auth_manager().is_authorized_dag(method="GET", details=details, user=user):
            return {"dag_id": dag_id, "task_id": tasks[dag_id]}
    return None


def _json(document: Any) -> str:
    return json.dumps(document, allow_nan=False, separators=(",", ":"))
