"""Looking up an Airflow connection, with an answer for each way it can go wrong."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook

from airflow_provider_aep._compat import AirflowNotFoundException
from airflow_provider_aep.flow_service.errors import AepConfigError


def find_connection(conn_id: str, parameter: str, title: str) -> Any:
    """The Airflow connection ``conn_id`` of the type called ``title``.

    What is stored may not be readable, and the error of the one who tried holds all of it, secrets too: it
    is left behind.

    :raises AepConfigError: naming ``parameter``
    """
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        problem = f"There is no Airflow connection {conn_id!r}"
    except (ValueError, TypeError):
        problem = f"The Airflow connection {conn_id!r} cannot be read: it is neither good JSON nor a good URI"
    raise AepConfigError(
        f"{problem}. Add one of type *{title}* under this id, or pass another `{parameter}`.",
        parameter=parameter,
    )
