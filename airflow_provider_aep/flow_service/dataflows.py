"""The little that a wait for a run knows of the run's dataflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_aep.flow_service.entities import is_off


@dataclass(frozen=True)
class Dataflow:
    """A dataflow as of one reply. ``stopped`` says why no run will start, in a word; None while one can.

    ``name`` and ``dataset_id`` are None where they are unknown.
    """

    id: str
    name: str | None = None
    stopped: str | None = None
    dataset_id: str | None = None

    def __str__(self) -> str:
        return f"dataflow {self.name!r} ({self.id})" if self.name else f"dataflow {self.id}"

    def after(self, known: Dataflow | None) -> Dataflow:
        """With what an earlier reply told and this one does not."""
        if known is None:
            return self
        return replace(self, name=self.name or known.name, dataset_id=self.dataset_id or known.dataset_id)

    @property
    def no_run(self) -> str:
        """That the wait for its next run is in vain."""
        return f"The {self} is {self.stopped}: it starts no flow run."

    @property
    def run_goes_on(self) -> str | None:
        """That it starts no run after the one that is waited for; None while it can."""
        return (
            self.stopped
            and f"The {self} is {self.stopped}. The flow run that began goes on, and so does the wait."
        )


def read_dataflow(item: Mapping[str, Any], flow_id: str, scrub: Callable[[str], str]) -> Dataflow:
    """A dataflow out of an item of ``GET /flows`` or ``GET /flows/{id}``.

    :param scrub: takes known secrets out of its name, which goes into logs and results
    """
    name = item.get("name")
    name = scrub(name) if isinstance(name, str) and name.strip() else None
    return Dataflow(flow_id, name, "disabled" if is_off(item) else None)


def deleted(flow_id: str) -> Dataflow:
    """A dataflow that Flow Service does not find."""
    return Dataflow(flow_id, stopped="deleted, or not visible to the credential")
