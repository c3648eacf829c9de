"""What a round of looks brings, on its way from :mod:`._looks` to the poller."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.flow_service.runs import Glance, Run


@dataclass
class Seen:
    """By run id, and for waits that know only a dataflow by its id.

    ``trouble``: the service as a whole refused or failed, and the rest was not asked.
    """

    runs: dict[str, Glance] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    refused: dict[str, AepError] = field(default_factory=dict)
    of_flows: dict[str, list[Run]] = field(default_factory=dict)
    trouble: AepError | None = None
