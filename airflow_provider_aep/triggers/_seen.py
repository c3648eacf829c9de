"""What a round of looks brings, on its way from :mod:`._looks` to the poller."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.flow_service.runs import Dataflow, Glance, Run


@dataclass
class Seen:
    """By run id, and for waits that know only a dataflow by its id.

    ``errors``: the read of this run, or of this dataflow's runs, failed. ``answers``: how many reads did not
    fail. ``trouble``: the service as a whole refused or failed, and the rest was not asked.
    """

    runs: dict[str, Glance] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    of_flows: dict[str, list[Run]] = field(default_factory=dict)
    dataflows: dict[str, Dataflow] = field(default_factory=dict)
    errors: dict[str, AepError] = field(default_factory=dict)
    answers: int = 0
    trouble: AepError | None = None

    def settle(self, odd: Collection[str]) -> None:
        """If every read failed, that is trouble of the service. Reads that failed before prove nothing."""
        if self.trouble is None and not self.answers:
            self.trouble = next((error for one, error in self.errors.items() if one not in odd), None)
