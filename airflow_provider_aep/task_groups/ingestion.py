"""Ingest a source object into a dataset, and wait for the run.

A DAG can use a group several times, and can map it:
``paypal_ingestion.partial(connection_id=...).expand_kwargs([{"table": ..., "dataset": ...}, ...])``. Every
entity that a group creates has the dataset's name. So two groups conflict only if they fill the same dataset.
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
from airflow_provider_aep.operators.explore import CheckSourceSchemaOperator, InspectTableOperator
from airflow_provider_aep.sensors.flow_runs import FlowRunSensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aep.flow_service.schedules import Schedule
    from airflow_provider_aep.flow_service.source_objects import SourceObject


SETTLED = (
    "dataflow",
    "wait",
    "outlets",
    "aep_conn_id",
    "sandbox",
    "stream",
    "if_exists",
    "on_difference",
    "check_schema",
)
"""Parameters that the function reads when the DAG is parsed. They cannot be mapped."""


class MappableGroup(_TaskGroupFactory[..., Any]):
    """A ``@task_group`` whose ``expand_kwargs`` keeps the defaults of parameters that a mapping leaves out.

    Airflow's own ``expand_kwargs`` replaces every argument of the function, also one with a default. The
    tasks then fail with a KeyError.
    """

    def expand_kwargs(self, kwargs: Any) -> Any:
        """Map the group. Each dict may leave out parameters that have a default.

        :param kwargs: a list of dicts, or a task's output that is such a list
        :raises TypeError: a dict has an unknown parameter, or one of :data:`SETTLED`
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
                raise TypeError(f"Cannot map {', '.join(unknown)}: pass it to `partial`.")
            return {**defaults, **given}

        mappings = kwargs.map(filled) if isinstance(kwargs, XComArg) else [filled(given) for given in kwargs]
        group = self.partial(**settled)
        self._task_group_created = True  # `group` creates it; else Airflow warns that this one was not used
        return _TaskGroupFactory.expand_kwargs(group, mappings)


class InspectSourceOperator(InspectTableOperator):
    """Read the columns of the source object, and check the parameters of the whole group.

    Each later task checks its own parameters. But if such a check fails, the entities of the tasks before it
    are left in AEP.
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
        "error_diagnostics",
        "partial_ingestion_percent",
    )
    reads: Sequence[str] = (*InspectTableOperator.reads, "stream", "columns")

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
        error_diagnostics: Any = None,
        partial_ingestion_percent: Any = None,
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
        self.error_diagnostics = error_diagnostics
        self.partial_ingestion_percent = partial_ingestion_percent

    def act(self, context: Any) -> list[dict[str, Any]]:
        """Check each parameter first, then whether the parameters fit the source."""
        from airflow_provider_aep.flow_service.bodies import (
            check_delta_column,
            check_no_options,
            read_delta_column,
            read_options,
        )
        from airflow_provider_aep.flow_service.mappings import check_mapping
        from airflow_provider_aep.flow_service.validation import check_name

        check_name(self.dataset, "dataset")
        check_name(self.dataflow, "dataflow")
        source_object = self.source_object(stream=self.stream)
        schedule = self._schedule(source_object)
        options = read_options(
            none_if_blank(self.error_diagnostics), none_if_blank(self.partial_ingestion_percent)
        )
        if source_object.kind == "stream":
            check_no_options(options)
        delta = read_delta_column(
            none_if_blank(self.delta_column), schedule, tabular=source_object.kind == "table"
        )
        columns = self._columns(context, source_object)
        if delta is not None:
            check_delta_column(delta["name"], columns)
        if (mapping := none_if_blank(self.mapping)) is not None:
            fields = mapping.values() if isinstance(mapping, dict) else ()  # the schema does not exist yet
            check_mapping(mapping, [column["name"] for column in columns], fields)
        if schedule is not None:
            self._check_start(schedule)
        return columns

    def read(self, context: Any) -> list[dict[str, Any]]:
        """Return the columns, without the checks."""
        return self._columns(context, self.source_object(stream=self.stream))

    def _columns(self, context: Any, source_object: SourceObject) -> list[dict[str, Any]]:
        """Return the columns, from the source or from ``columns``.

        A stream shows no columns before its first record, so the DAG must give them.

        :raises AepConfigError: ``columns`` is missing for a stream, or given for another source object
        """
        from airflow_provider_aep.flow_service.errors import AepConfigError
        from airflow_provider_aep.flow_service.source_objects import check_columns

        given = none_if_blank(self.columns)
        if source_object.kind == "stream":
            self.origin()
            return check_columns(given)
        if given is not None:
            raise AepConfigError(
                "`columns` is only for streams. Leave it out: the columns are read from the source.",
                parameter="columns",
            )
        return super().act(context)

    def _schedule(self, source_object: SourceObject) -> Schedule | None:
        """Return the schedule; None for a stream, which has none."""
        from airflow_provider_aep.flow_service.bodies import check_no_schedule
        from airflow_provider_aep.flow_service.schedules import read_schedule

        given = none_if_blank(self.schedule)
        if source_object.kind == "stream":
            check_no_schedule(given)
            return None
        return read_schedule(given or {}, time.time())

    def _check_start(self, schedule: Schedule) -> None:
        """Check the start, unless the dataflow exists already: then its start may have passed."""
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
    error_diagnostics: Any = None,
    partial_ingestion_percent: Any = None,
    if_exists: Any = "reuse",
    on_difference: Any = "warn",
    check_schema: Any = None,
    outlets: Any = None,
) -> Any:
    """Ingest a table, files, a resource or a stream into a dataset, with a dataflow that is created once.

    Exactly one of ``table``, ``file``, ``resource`` and ``stream`` names the source object. The group then
    waits for the dataflow's run. A stream has no runs, so for a stream the group does not wait.

    :param connection_id: the base connection's id
    :param table: the table's path, or one of the dicts that ``ListTablesOperator`` returns
    :param dataset: the dataset's name; every entity of the group gets this name
    :param schedule: ``{"frequency", "interval", "start"}``; by default once and now
    :param delta_column: the column that distinguishes new rows of a table from old; a recurring schedule
        requires it
    :param mapping: ``{source column: target path}``; by default columns are mapped by name
    :param dataflow: the dataflow's name; by default the dataset's name. A second dataflow into the same
        dataset needs another name
    :param wait: True; False to leave the sensor out; or a dict of options of :class:`FlowRunSensor`, such as
        ``{"timeout": 3600, "max_failed_ratio": 0.005}``
    :param aep_conn_id: the Airflow connection of type ``aep``; by default the DAG's ``default_args`` decide
    :param sandbox: the sandbox's name; by default the DAG's ``default_args`` decide
    :param file: the path of a file, of a folder (``/orders/``), a pattern (``/orders/*.csv``), or a dict, see
        :class:`~airflow_provider_aep.operators.explore.SourceObjectOperator`
    :param resource: for a self-serve REST source: the resource's path, or the parameters that select it
    :param stream: for a streaming source: True, or the source's own parameters; requires ``columns``
    :param columns: the columns of a stream, ``[{"name": "page", "type": "string"}]``
    :param source: instead of ``connection_id``: a source that needs no base connection, by its name or by the
        id of its connection spec
    :param error_diagnostics: whether AEP keeps the records that a run rejects; by default AEP decides
    :param partial_ingestion_percent: how many per cent of a run's records may fail before the whole run
        fails; by default AEP decides. See :class:`CreateDataflowOperator`
    :param if_exists: for each entity that exists already: ``reuse`` it, ``update`` it, or ``fail``
    :param on_difference: with ``if_exists="reuse"``, for an entity that differs from the parameters:
        ``warn`` or ``fail``
    :param check_schema: ``warn`` or ``fail``: compare the source's columns with those of the dataflow before
        anything is created or changed, see :class:`CheckSourceSchemaOperator`. Not for a stream
    :param outlets: the assets that a run of the group fills, for the task that waits, such as
        ``aep_dataset("Orders")``. A mapped group needs an ``AssetAlias``: each of its tasks fills another
        dataset
    :raises ValueError: ``outlets`` is given to a group that does not wait, or ``check_schema`` for a stream
    :return: the wait's result; the dataflow's id if ``wait`` is False; for a stream its streaming endpoint
    """
    if outlets and (wait is False or stream not in (None, False)):
        raise ValueError(
            "`outlets` needs a task that waits for the run. A stream has none, and a group with `wait=False`."
        )
    given = {"aep_conn_id": aep_conn_id, "sandbox": sandbox}
    options = {name: value for name, value in given.items() if value is not None}
    source_object = {"connection_id": connection_id, "source": source}
    source_object |= {"table": table, "file": file, "resource": resource, "stream": stream}
    diagnostics = {
        "error_diagnostics": error_diagnostics,
        "partial_ingestion_percent": partial_ingestion_percent,
    }
    name = dataset if dataflow is None else dataflow
    inspect: Any = InspectSourceOperator(
        task_id="inspect_table",
        **source_object,
        columns=columns,
        dataset=dataset,
        dataflow=name,
        schedule=schedule,
        delta_column=delta_column,
        mapping=mapping,
        **diagnostics,
        **options,
    )
    check: Any = None
    if check_schema is not None:
        if stream not in (None, False):
            raise ValueError("`check_schema` is not for a stream: a stream shows no columns. Leave it out.")
        check = CheckSourceSchemaOperator(
            task_id="check_schema",
            **{key: value for key, value in source_object.items() if key != "stream"},
            dataflow=name,
            columns=inspect.output,
            on_drift=check_schema,
            **options,
        )
    first_tasks, flow_id = _create_dataflow(
        name,
        dataset,
        source_object=source_object,
        columns=inspect.output,
        mapping=mapping,
        schedule=schedule,
        delta_column=delta_column,
        diagnostics=diagnostics,
        options={**options, "if_exists": if_exists, "on_difference": on_difference},
    )
    if check is not None:
        check >> first_tasks
    if stream not in (None, False):
        endpoint: Any = GetInletOperator(task_id="get_inlet", flow_id=flow_id, **options)
        return endpoint.output
    if wait is False:
        return flow_id
    sensor: Any = FlowRunSensor(
        task_id="wait_for_run",
        flow_id=flow_id,
        **{"outlets": outlets, **options, **({} if wait is True else wait)},
    )
    return sensor.output


def _create_dataflow(
    name: Any,
    dataset: Any,
    *,
    source_object: dict[str, Any],
    columns: Any,
    mapping: Any,
    schedule: Any,
    delta_column: Any,
    diagnostics: dict[str, Any],
    options: dict[str, Any],
) -> tuple[list[Any], Any]:
    """Add the tasks that create the dataflow and the entities that it needs.

    :return: the tasks that come first, and the dataflow's id as an XComArg
    """
    schema: Any = CreateSchemaOperator(task_id="create_schema", name=dataset, columns=columns, **options)
    target_dataset: Any = CreateDatasetOperator(
        task_id="create_dataset", name=dataset, schema_id=schema.output, **options
    )
    source: Any = CreateSourceConnectionOperator(
        task_id="create_source_connection", name=dataset, **source_object, columns=columns, **options
    )
    target: Any = CreateTargetConnectionOperator(
        task_id="create_target_connection",
        name=dataset,
        dataset_id=target_dataset.output,
        schema_id=schema.output,
        **options,
    )
    mapping_set: Any = CreateMappingSetOperator(
        task_id="create_mapping_set",
        schema_id=schema.output,
        columns=columns,
        mapping=mapping,
        dataflow=name,
        **options,
    )
    flow: Any = CreateDataflowOperator(
        task_id="create_dataflow",
        name=name,
        source_connection_id=source.output,
        target_connection_id=target.output,
        mapping_set=mapping_set.output,
        schedule=schedule,
        delta_column=delta_column,
        **diagnostics,
        **options,
    )
    return [schema, source], flow.output


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
    error_diagnostics: Any = None,
    partial_ingestion_percent: Any = None,
    if_exists: Any = "reuse",
    on_difference: Any = "warn",
    check_schema: Any = None,
    outlets: Any = None,
) -> Any:
    """Ingest a table of PayPal, by default its product catalogue. See :func:`source_ingestion`."""
    return source_ingestion.function(**locals())
