"""The window of source data that a run on demand brings in, as an operator is given it."""

from __future__ import annotations

import time

from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.schedules import epoch_seconds


def read_window(start: object, end: object) -> tuple[float, float]:
    """Start and end in epoch seconds; each a datetime, an ISO text or epoch seconds.

    Adobe's OpenAPI says milliseconds, its examples and tutorials are in seconds.

    :raises AepConfigError: naming ``window_start`` or ``window_end`` (1381-400: the end before the start)
    """
    first, last = _moment(start, "window_start"), _moment(end, "window_end")
    if last <= first:
        raise AepConfigError(
            "`window_end` is not after `window_start`, in whole seconds.", parameter="window_end"
        )
    return first, last


def shown(start: float, end: float) -> str:
    """A window in epoch seconds, as messages show it."""
    first, last = (time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at)) for at in (start, end))
    return f"{first} to {last} UTC"


def _moment(value: object, parameter: str) -> float:
    seconds = epoch_seconds(value)
    if seconds is None:
        raise AepConfigError(
            f"`{parameter}` is neither a datetime, an ISO text nor epoch seconds. In a DAG, the data "
            "interval is `{{ data_interval_start }}` and `{{ data_interval_end }}`.",
            parameter=parameter,
        )
    return float(int(seconds))
