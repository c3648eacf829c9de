"""The groups' first task: what is wrong with an order is said before anything is made for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider_aep.operators.base import none_if_blank
from airflow_provider_aep.operators.explore import InspectTableOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aep.flow_service.schedules import Schedule
    from airflow_provider_aep.flow_service.source_objects import Place


class InspectOrderOperator(InspectTableOperator):
    """Read the columns of what is to be brought in, and check the whole order by them.

    Each task that follows checks its own part; by then what the tasks before it made would be left behind.
    """

    template_fields: Sequence[str] = (
        *InspectTableOperator.template_fields,
        "stream",
        "columns",
        "dataset",
        "dataflow",
        "schedule",
        "delta_column",
        "mapping",
    )

    def __init__(
        self,
        *,
        stream: Any,
        columns: Any,
        dataset: Any,
        dataflow: Any,
        schedule: Any,
        delta_column: Any,
        mapping: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stream = stream
        self.columns = columns
        self.dataset = dataset
        self.dataflow = dataflow
        self.schedule = schedule
        self.delta_column = delta_column
        self.mapping = mapping

    def act(self, context: Any) -> list[dict[str, Any]]:
        """What is wrong in itself first, then what does not suit the source."""
        from airflow_provider_aep.flow_service.bodies import check_delta_column, read_delta_column
        from airflow_provider_aep.flow_service.mappings import check_mapping
        from airflow_provider_aep.flow_service.validation import check_name

        check_name(self.dataset, "dataset")
        check_name(self.dataflow, "dataflow")
        place = self.place(stream=self.stream)
        schedule = self._schedule(place)
        delta = read_delta_column(none_if_blank(self.delta_column), schedule, tabular=place.kind == "table")
        columns = self._columns(context, place)
        if delta is not None:
            check_delta_column(delta["name"], columns)
        if (mapping := none_if_blank(self.mapping)) is not None:
            fields = mapping.values() if isinstance(mapping, dict) else ()  # known once there is a schema
            check_mapping(mapping, [column["name"] for column in columns], fields)
        if schedule is not None:
            self._check_start(schedule)
        return columns

    def _columns(self, context: Any, place: Place) -> list[dict[str, Any]]:
        """A stream shows nothing before its first row: what it will bring is the author's to say."""
        from airflow_provider_aep.flow_service.errors import AepConfigError
        from airflow_provider_aep.flow_service.source_objects import check_columns

        given = none_if_blank(self.columns)
        if place.kind == "stream":
            self.origin()
            return check_columns(given)
        if given is not None:
            raise AepConfigError(
                "`columns` are for streams; those of anything else are read from the source.",
                parameter="columns",
            )
        return super().act(context)

    def _schedule(self, place: Place) -> Schedule | None:
        from airflow_provider_aep.flow_service.bodies import check_no_schedule
        from airflow_provider_aep.flow_service.schedules import read_schedule

        given = none_if_blank(self.schedule)
        if place.kind == "stream":
            check_no_schedule(given)
            return None
        return read_schedule(given or {}, time.time())

    def _check_start(self, schedule: Schedule) -> None:
        """A start that has passed is fine where the dataflow stands already."""
        now = time.time()
        if schedule.start < now and not self.hook.list_flows(name=self.dataflow):
            schedule.check_start(now)
