"""From an Airflow connection to the auth parameters of a source, one way a source."""

from __future__ import annotations

from airflow_provider_aep.flow_service.sources import Source
from airflow_provider_aep.hooks.paypal import PayPalHook

_READERS = {"paypal": PayPalHook}


def auth_params(source: Source, source_conn_id: str) -> dict[str, str]:
    """The parameters that the source's auth spec wants.

    :raises AepConfigError: the connection is missing or incomplete
    """
    return _READERS[source.key](source_conn_id).auth_params()
