"""The groups' first task: what is wrong with an order is said before anything is made for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider_aep.operators.base import none_if_blank
from airflow_provider_aep.operators.explore import InspectTableOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aep.flow_service.schedules import Schedule


class InspectOrderOperator(InspectTableOperator):
    """Read the table's columns, and check the whole order by them.

    Each task that follows checks its own part; by then what the tasks before it made would be left behind.
    """

    template_fields: Sequence[str] = (
        *InspectTableOperator.template_fields,
        "dataset",
        "dataflow",
        "schedule",
        "delta_column",
        "mapping",
    )

    def __init__(
        self, *, dataset: Any, dataflow: Any, schedule: Any, delta_column: Any, mapping: Any, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.dataflow = dataflow
        self.schedule = schedule
        self.delta_column = delta_column
        self.mapping = mapping

    def act(self, context: Any) -> list[dict[str, Any]]:
        """What is wrong in itself first, then what does not suit the table."""
        from airflow_provider_aep.flow_service.agreement import check_delta_column
        from airflow_provider_aep.flow_service.bodies import read_delta_column
        from airflow_provider_aep.flow_service.checks import check_name
        from airflow_provider_aep.flow_service.mappings import check_mapping
        from airflow_provider_aep.flow_service.schedules import read_schedule

        check_name(self.dataset, "dataset")
        check_name(self.dataflow, "dataflow")
        schedule = read_schedule(none_if_blank(self.schedule) or {}, time.time())
        delta = read_delta_column(none_if_blank(self.delta_column), schedule)
        columns = super().act(context)
        if delta is not None:
            check_delta_column(delta["name"], columns)
        if (mapping := none_if_blank(self.mapping)) is not None:
            fields = mapping.values() if isinstance(mapping, dict) else ()  # known once there is a schema
            check_mapping(mapping, [column["name"] for column in columns], fields)
        self._check_start(schedule)
        return columns

    def _check_start(self, schedule: Schedule) -> None:
        """A start that has passed is fine where the dataflow stands already."""
        now = time.time()
        if schedule.start < now and not self.hook.list_flows(name=self.dataflow):
            schedule.check_start(now)
