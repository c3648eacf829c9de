"""Looking up an Airflow connection, with an answer for each way it can go wrong."""

from __future__ import annotations

from typing import Any

from airflow_provider_aep._compat import AirflowNotFoundException, aget_connection, get_connection
from airflow_provider_aep.flow_service.errors import ConnectionMissingError


def find_connection(conn_id: str, parameter: str, title: str) -> Any:
    """The Airflow connection ``conn_id`` of the type called ``title``.

    What is stored may not be readable, and the error of the one who tried holds all of it, secrets too: it
    is left behind.

    :raises ConnectionMissingError: naming ``parameter``
    """
    try:
        return get_connection(conn_id)
    except AirflowNotFoundException:
        problem = _absent(conn_id)
    except (ValueError, TypeError):
        problem = _unreadable(conn_id)
    raise _complaint(problem, parameter, title)


async def afind_connection(conn_id: str, parameter: str, title: str) -> Any:
    """:func:`find_connection` on an event loop, which it does not block."""
    try:
        return await aget_connection(conn_id)
    except AirflowNotFoundException:
        problem = _absent(conn_id)
    except (ValueError, TypeError):
        problem = _unreadable(conn_id)
    raise _complaint(problem, parameter, title)


def _absent(conn_id: str) -> str:
    return f"There is no Airflow connection {conn_id!r}, or what is stored under it cannot be read"


def _unreadable(conn_id: str) -> str:
    return f"The Airflow connection {conn_id!r} cannot be read: it is neither good JSON nor a good URI"


def _complaint(problem: str, parameter: str, title: str) -> ConnectionMissingError:
    return ConnectionMissingError(
        f"{problem}. Add one of type *{title}* under this id, or pass another `{parameter}`.",
        parameter=parameter,
    )
