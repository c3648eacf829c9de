"""From a table, files, a resource or a stream of a source to a dataset, and the wait for the run.

A group can stand in a DAG several times, and can be mapped over tables:
``paypal_ingestion.partial(connection_id=...).expand_kwargs([{"table": ..., "dataset": ...}, ...])``. All that
it makes carries the dataset's name, so two groups clash only where they fill the same dataset.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from inspect import Parameter
from typing import TYPE_CHECKING, Any

from airflow.sdk import XComArg
from airflow.sdk.definitions.decorators.task_group import _TaskGroupFactory

from airflow_provider_aep.operators.base import none_if_blank
from airflow_provider_aep.operators.dataflows import (
    CreateDataflowOperator,
    CreateDatasetOperator,
    CreateMappingSetOperator,
    CreateSchemaOperator,
    CreateSourceConnectionOperator,
    CreateTargetConnectionOperator,
    GetInletOperator,
)
from airflow_provider_aep.operators.explore import InspectTableOperator
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aep.flow_service.schedules import Schedule
    from airflow_provider_aep.flow_service.source_objects import SourceObject


SETTLED = ("dataflow", "wait", "aep_conn_id", "sandbox", "stream", "if_exists", "on_difference")
"""What the function looks at when the DAG is parsed: it cannot differ from table to table."""


class MappableGroup(_TaskGroupFactory[..., Any]):
    """``@task_group``, but ``expand_kwargs`` leaves alone what the mappings do not name.

    Airflow's own replaces every argument of the function, those with a default too; the tasks then fail with
    a KeyError.
    """

    def expand_kwargs(self, kwargs: Any) -> Any:
        """Map over dicts, each of which may leave out what has a default.

        :param kwargs: a list of dicts, or a task's output that is one
        """
        signature = self.function_signature.parameters
        defaults = {
            name: parameter.default
            for name, parameter in signature.items()
            if parameter.default is not Parameter.empty and name not in self.partial_kwargs
        }
        settled = {name: defaults.pop(name) for name in SETTLED if name in defaults}
        known = set(signature) - set(settled) - set(self.partial_kwargs)

        def filled(given: Mapping[str, Any]) -> dict[str, Any]:
            if unknown := sorted(set(given) - known):
                raise TypeError(f"Cannot map over {', '.join(unknown)}: give that to `partial`.")
            return {**defaults, **given}

        mappings = kwargs.map(filled) if isinstance(kwargs, XComArg) else [filled(given) for given in kwargs]
        group = self.partial(**settled)
        self._task_group_created = True  # by the other; else this one warns that it never was
        return _TaskGroupFactory.expand_kwargs(group, mappings)


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
        source_object = self.source_object(stream=self.stream)
        schedule = self._schedule(source_object)
        delta = read_delta_column(
            none_if_blank(self.delta_column), schedule, tabular=source_object.kind == "table"
        )
        columns = self._columns(context, source_object)
        if delta is not None:
            check_delta_column(delta["name"], columns)
        if (mapping := none_if_blank(self.mapping)) is not None:
            fields = mapping.values() if isinstance(mapping, dict) else ()  # known once there is a schema
            check_mapping(mapping, [column["name"] for column in columns], fields)
        if schedule is not None:
            self._check_start(schedule)
        return columns

    def _columns(self, context: Any, source_object: SourceObject) -> list[dict[str, Any]]:
        """A stream shows nothing before its first row: what it will bring is the author's to say."""
        from airflow_provider_aep.flow_service.errors import AepConfigError
        from airflow_provider_aep.flow_service.source_objects import check_columns

        given = none_if_blank(self.columns)
        if source_object.kind == "stream":
            self.origin()
            return check_columns(given)
        if given is not None:
            raise AepConfigError(
                "`columns` are for streams; those of anything else are read from the source.",
                parameter="columns",
            )
        return super().act(context)

    def _schedule(self, source_object: SourceObject) -> Schedule | None:
        from airflow_provider_aep.flow_service.bodies import check_no_schedule
        from airflow_provider_aep.flow_service.schedules import read_schedule

        given = none_if_blank(self.schedule)
        if source_object.kind == "stream":
            check_no_schedule(given)
            return None
        return read_schedule(given or {}, time.time())

    def _check_start(self, schedule: Schedule) -> None:
        """A start that has passed is fine where the dataflow exists already."""
        now = time.time()
        if schedule.start < now and not self.hook.list_flows(name=self.dataflow):
            schedule.check_start(now)


@MappableGroup
def source_ingestion(
    connection_id: Any = None,
    table: Any = None,
    dataset: Any = None,
    schedule: Any = None,
    delta_column: Any = None,
    mapping: Any = None,
    dataflow: Any = None,
    wait: Any = True,
    aep_conn_id: Any = None,
    sandbox: Any = None,
    *,
    file: Any = None,
    resource: Any = None,
    stream: Any = None,
    columns: Any = None,
    source: Any = None,
    if_exists: Any = "reuse",
    on_difference: Any = "warn",
) -> Any:
    """Bring a table, files, a resource or a stream into a dataset, by a dataflow that is made once.

    Exactly one of ``table``, ``file``, ``resource`` and ``stream`` says what; the group waits for the
    dataflow's run, but for a stream, which has none.

    :param connection_id: the base connection's id
    :param table: the table's path, or one of the dicts that ``ListTablesOperator`` returns
    :param dataset: the dataset's name, which everything that is made carries
    :param schedule: ``{"frequency", "interval", "start"}``; once and now if not given
    :param delta_column: what tells new rows of a table from old ones; needed by a schedule that recurs
    :param mapping: ``{source column: target path}``; by name if not given
    :param dataflow: the dataflow's name, if not the dataset's: where a second one fills the same dataset
    :param wait: a dict gives options to the :class:`FlowRunSensor` at the end, such as ``{"timeout": 3600,
        "max_failed_ratio": 0.005}``; False leaves it out
    :param aep_conn_id: an Airflow connection of type ``aep``; the DAG's ``default_args`` count if not given
    :param sandbox: the sandbox's name; likewise
    :param file: a file's path, a folder's (``/orders/``), a pattern (``/orders/*.csv``), or a dict that says
        more, as ``InspectTableOperator`` takes it
    :param resource: of a self-serve REST source: the resource's path, or the parameters that choose it
    :param stream: True, or the streaming source's own parameters; with ``columns``
    :param columns: a stream's, ``[{"name": "page", "type": "string"}]``: nothing shows them before rows come
    :param source: instead of ``connection_id``, a source that needs no base connection: its name, or its
        connection spec's id
    :param if_exists: for each entity that exists already: ``reuse`` it, ``update`` it, or ``fail``
    :param on_difference: under ``reuse``, for one that differs from what is given here: ``warn`` or ``fail``
    :return: the wait's result; without ``wait`` the dataflow's id; of a stream the URL that takes its rows
    """
    given = {"aep_conn_id": aep_conn_id, "sandbox": sandbox}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    creates = {**options, "if_exists": if_exists, "on_difference": on_difference}
    source_object = {"connection_id": connection_id, "source": source}
    source_object |= {"table": table, "file": file, "resource": resource, "stream": stream}
    name = dataset if dataflow is None else dataflow
    inspect: Any = InspectOrderOperator(
        task_id="inspect_table",
        **source_object,
        columns=columns,
        dataset=dataset,
        dataflow=name,
        schedule=schedule,
        delta_column=delta_column,
        mapping=mapping,
        **options,
    )
    schema: Any = CreateSchemaOperator(
        task_id="create_schema", name=dataset, columns=inspect.output, **creates
    )
    target_dataset: Any = CreateDatasetOperator(
        task_id="create_dataset", name=dataset, schema_id=schema.output, **creates
    )
    source_connection: Any = CreateSourceConnectionOperator(
        task_id="create_source_connection",
        name=dataset,
        **source_object,
        columns=inspect.output,
        **creates,
    )
    target: Any = CreateTargetConnectionOperator(
        task_id="create_target_connection",
        name=dataset,
        dataset_id=target_dataset.output,
        schema_id=schema.output,
        **creates,
    )
    mapping_set: Any = CreateMappingSetOperator(
        task_id="create_mapping_set",
        schema_id=schema.output,
        columns=inspect.output,
        mapping=mapping,
        dataflow=name,
        **creates,
    )
    flow: Any = CreateDataflowOperator(
        task_id="create_dataflow",
        name=name,
        source_connection_id=source_connection.output,
        target_connection_id=target.output,
        mapping_set=mapping_set.output,
        schedule=schedule,
        delta_column=delta_column,
        **creates,
    )
    if stream not in (None, False):
        inlet: Any = GetInletOperator(task_id="get_inlet", flow_id=flow.output, **options)
        return inlet.output
    if wait is False:
        return flow.output
    if wait is not True:
        options |= wait
    sensor: Any = FlowRunSensor(task_id="wait_for_run", flow_id=flow.output, **options)
    return sensor.output


@MappableGroup
def paypal_ingestion(
    connection_id: Any,
    table: Any = "PayPal.Catalog_Products",
    dataset: Any = "PayPal products",
    schedule: Any = None,
    delta_column: Any = None,
    mapping: Any = None,
    dataflow: Any = None,
    wait: Any = True,
    aep_conn_id: Any = None,
    sandbox: Any = None,
    *,
    if_exists: Any = "reuse",
    on_difference: Any = "warn",
) -> Any:
    """:func:`source_ingestion`, with PayPal's product catalogue as its default."""
    return source_ingestion.function(**locals())
