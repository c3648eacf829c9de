"""OpenLineage: the source object, the dataset and the column lineage of a wait for a flow run.

:func:`gather` reads them from AEP at the end of the wait, in the task. :func:`to_openlineage` makes
OpenLineage's objects of them. The OpenLineage provider calls it in a process of its own that has 10 seconds,
so it sends no request.

The modules of OpenLineage are imported inside the functions: the extra ``[openlineage]`` is optional.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_aep.assets import namespace_of_assets
from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.flow_service.lineage import (
    Origin,
    SourceName,
    has_rule,
    object_of,
    origins_of,
    source_columns,
    source_name,
)
from airflow_provider_aep.flow_service.mappings import target_of
from airflow_provider_aep.flow_service.runs import Phase

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset, OutputDataset

    from airflow_provider_aep.flow_service.runs import Run
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook

LONGEST_CALL, LONGEST = 10.0, 20.0
"""Seconds for one request with its repeats, and for all requests."""

QUERY_SOURCE = "aep"
"""The system of the ``externalQuery`` facet."""

T = TypeVar("T")


@dataclass(frozen=True)
class Lineage:
    """The lineage of one run as plain data, as far as it is known. Nothing in it is secret.

    :param namespace: of the dataset, and of a source object without a rule of OpenLineage
    :param landed: whether the run's records are in the dataset
    :param error: why the wait failed, in words
    :param source: the source object: a name by OpenLineage's rules, or a name in ``namespace``
    :param columns: the source's columns with their types
    :param dataset: the dataset's name in ``namespace``
    :param conn_id: the Airflow connection
    :param aliases: the names of the dataset as an asset of the Airflow connection
    :param fields: the dataset's fields with their types, by dotted path
    :param origins: how each mapping of a field fills it, by the field's dotted path
    """

    run_id: str
    namespace: str
    landed: bool
    records: int | None = None
    bytes: int | None = None
    files: int | None = None
    error: str = ""
    source: SourceName | str | None = None
    columns: Mapping[str, str | None] = field(default_factory=dict)
    dataset: str | None = None
    conn_id: str = ""
    aliases: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, tuple[Origin, ...]] = field(default_factory=dict)


def is_enabled(task: Any) -> bool:
    """Return whether the OpenLineage provider is installed, and emits events for this task."""
    if find_spec("airflow.providers.openlineage") is None:
        return False
    from airflow.providers.openlineage import conf

    if conf.is_disabled():
        return False
    from airflow.providers.openlineage.utils.utils import is_operator_disabled

    return not is_operator_disabled(task)


def gather(hook: FlowServiceHook, run: Run, error: AepError | None = None) -> Lineage:
    """Read the lineage of a run that has ended, with at most six requests.

    A part that cannot be read is left out, and one log line names all of them.

    :param error: the error with which the wait fails
    """
    with _in_a_hurry(hook):
        return _Reader(hook).read(run, error)


@contextmanager
def _in_a_hurry(hook: FlowServiceHook) -> Iterator[None]:
    """Limit the seconds of requests and of pauses between them. Later requests of the hook have their own."""
    left = hook.sleep_budget.left
    hook.sleep_at_most(min(left, LONGEST_CALL))
    hook.give_up_after(call=LONGEST_CALL, total=LONGEST)
    try:
        yield
    finally:
        hook.give_up_after(call=math.inf, total=math.inf)
        hook.sleep_at_most(left)


class _Reader:
    """Reads the parts of one lineage. After an error of AEP as a whole it reads no further part."""

    def __init__(self, hook: FlowServiceHook) -> None:
        self._hook = hook
        self._unread: list[str] = []
        self._stopped = False

    def read(self, run: Run, error: AepError | None) -> Lineage:
        from airflow_provider_aep.flow_service.differences import ends_of, used_mapping_set
        from airflow_provider_aep.hooks.data_prep import DataPrepHook

        hook = self._hook
        flow = self._part("dataflow", lambda: hook.get_flow(run.flow_id or "")) or {}
        source = self._one(ends_of(flow)["source_connection_id"])
        columns = source_columns(source) if source else {}
        used = used_mapping_set(flow)
        mapping_set = used and self._part(
            "mapping set",
            lambda: hook.to(DataPrepHook).get_mapping_set(used["id"], used["version"]),
        )
        dataset, aliases, fields = self._dataset(run.dataset_id)
        lineage = Lineage(
            run_id=run.id,
            namespace=f"aep://{hook.settings.org_id}",
            landed=run.phase is not Phase.BAD,
            records=run.records_written,
            bytes=run.bytes_written,
            files=run.files_written,
            error="" if error is None else hook.scrub(str(error)),
            source=self._source(source) if source else None,
            columns=self._safe(columns),
            dataset=dataset,
            conn_id=hook.aep_conn_id,
            aliases=aliases,
            fields=self._safe(fields),
            origins=self._origins(mapping_set, columns, fields) if mapping_set else {},
        )
        if self._unread:
            hook.log.warning("The OpenLineage event of run %s lacks: %s", run.id, "; ".join(self._unread))
        return lineage

    def _one(self, source_id: object) -> Mapping[str, Any] | None:
        """Return the source connection. A dataflow with several has no lineage by columns."""
        if not isinstance(source_id, str):
            return None
        return self._part("source connection", lambda: self._hook.get_source_connection(source_id))

    def _part(self, what: str, read: Callable[[], T]) -> T | None:
        """Return a part, None if it cannot be read."""
        from airflow_provider_aep.flow_runs.fetch import SERVICE_ERRORS

        if self._stopped:
            return None
        try:
            return read()
        except AepError as error:
            self._stopped = isinstance(error, SERVICE_ERRORS)
            self._unread.append(f"{what} ({error.brief})")
            return None

    def _source(self, item: Mapping[str, Any]) -> SourceName | str | None:
        """Return the name of the source object."""
        from airflow_provider_aep.flow_service.replies import auth_of
        from airflow_provider_aep.flow_service.sources import source_of

        hook, read = self._hook, object_of(item)
        base_id, spec = item.get("baseConnectionId"), item.get("connectionSpec")
        spec_id = str(spec.get("id")) if isinstance(spec, Mapping) else ""
        if read is None or hook.scrub(read) != read:
            return f"{hook.sandbox}.{item.get('id')}"
        if isinstance(base_id, str) and has_rule(source_of(spec_id).key):
            base = self._part("base connection", lambda: hook.get_base_connection(base_id))
            if base is None:
                return None  # the next run could give the same object another name
            auth_name, shown = auth_of(base)
            found = source_name(source_of(spec_id, auth_name).key, shown, read)
            if found and all(hook.scrub(part) == part for part in found.parts.values()):
                return found
        return f"{hook.sandbox}.{base_id or item.get('id')}.{read}"

    def _dataset(self, dataset_id: str | None) -> tuple[str | None, tuple[str, ...], dict[str, str]]:
        """Return the dataset's name in OpenLineage, its aliases, and its fields with their types."""
        from airflow_provider_aep.flow_service import xdm
        from airflow_provider_aep.flow_service.datasets import schema_of
        from airflow_provider_aep.hooks.catalog import CatalogHook
        from airflow_provider_aep.hooks.schema_registry import SchemaRegistryHook

        hook = self._hook
        if dataset_id is None:
            self._unread.append("dataset (its id is unknown)")
            return None, (), {}
        item = self._part("dataset", lambda: hook.to(CatalogHook).get_dataset(dataset_id)) or {}
        name, schema_id = item.get("name"), schema_of(item)
        aliases: tuple[str, ...] = ()
        if isinstance(name, str) and hook.scrub(name) == name:
            own = hook.sandbox == hook.settings.sandbox
            sandboxes = (hook.sandbox, "-") if own else (hook.sandbox,)
            aliases = tuple(f"{one}.{name}" for one in sandboxes)
        found = schema_id and self._part(
            "schema", lambda: hook.to(SchemaRegistryHook).schema_fields(schema_id)
        )
        return f"{hook.sandbox}.{dataset_id}", aliases, xdm.types_of(found or {})

    def _origins(
        self, mapping_set: Mapping[str, Any], columns: Collection[str], fields: Collection[str]
    ) -> dict[str, tuple[Origin, ...]]:
        """Return the origins of the fields, without known secrets in their expressions."""
        scrub = self._hook.scrub
        shown = [  # the name of a field can be a part of its target, and a part of a secret is not recognized
            one
            for one in mapping_set.get("mappings") or ()
            if scrub(str(target_of(one))) == str(target_of(one))
        ]
        return {
            path: tuple(replace(one, expression=scrub(one.expression)) for one in origins)
            for path, origins in self._safe(origins_of({"mappings": shown}, columns, fields)).items()
            if all(scrub(column) == column for one in origins for column in one.columns)
        }

    def _safe(self, named: Mapping[str, T]) -> dict[str, T]:
        """Return the entries whose names and texts hold no known secret."""
        return {
            name: one
            for name, one in named.items()
            if all(self._hook.scrub(text) == text for text in (name, one) if isinstance(text, str))
        }


def to_openlineage(found: Lineage | None, run_id: str | None = None) -> OperatorLineage[Any, Any]:
    """Return the lineage of a wait in the form of the OpenLineage provider.

    :param found: None if nothing was gathered
    :param run_id: the run's id if only that is known
    """
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.facet_v2 import error_message_run, external_query_run

    facets: dict[str, Any] = {}
    if run_id := found.run_id if found else run_id:
        facets["externalQuery"] = external_query_run.ExternalQueryRunFacet(run_id, QUERY_SOURCE)
    if found is None:
        return OperatorLineage(run_facets=facets)
    if found.error:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(found.error, "python")
    source = _input(found)
    outputs = [_output(found, source)] if found.dataset and found.landed else []
    return OperatorLineage(inputs=[source] if source else [], outputs=outputs, run_facets=facets)


def _input(found: Lineage) -> InputDataset | None:
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.naming import dataset as naming

    if found.source is None:
        return None
    if isinstance(found.source, str):
        namespace, name = found.namespace, found.source
    else:
        rule = getattr(naming, found.source.rule)(**found.source.parts)
        namespace, name = rule.get_namespace(), rule.get_name()
    return InputDataset(namespace, name, facets=_schema(found.columns))


def _output(found: Lineage, source: InputDataset | None) -> OutputDataset:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import (
        column_lineage_dataset,
        output_statistics_output_dataset,
        symlinks_dataset,
    )

    facets = _schema(found.fields)
    if source and found.origins:
        fields = {path: _lineage_of(origins, source) for path, origins in found.origins.items()}
        facets["columnLineage"] = column_lineage_dataset.ColumnLineageDatasetFacet(fields)
    if found.aliases:
        namespace = namespace_of_assets(found.conn_id)
        names = [symlinks_dataset.Identifier(namespace, alias, "TABLE") for alias in found.aliases]
        facets["symlinks"] = symlinks_dataset.SymlinksDatasetFacet(names)
    statistics: dict[str, Any] = {}
    if found.records is not None:  # older versions of the facet require it
        kind = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
        statistics["outputStatistics"] = kind(found.records, found.bytes, fileCount=found.files)
    return OutputDataset(found.namespace, found.dataset or "", outputFacets=statistics, facets=facets)


def _lineage_of(origins: Iterable[Origin], source: InputDataset) -> Any:
    """Return the lineage of one field: each input once, with its transformation in each mapping."""
    from openlineage.client.facet_v2 import column_lineage_dataset as facet

    inputs: dict[str, list[Any]] = {}
    without = []
    for origin in origins:
        for column in origin.columns:
            inputs.setdefault(column, []).append(facet.Transformation(*_transformation(origin, column)))
        if not origin.columns:  # OpenLineage has no other place for it
            without.append(f"{'No column' if origin.known else 'Unknown columns'}: {origin.expression}")
    return facet.Fields(
        [facet.InputField(source.namespace, source.name, *one) for one in inputs.items()],
        transformationDescription="; ".join(without) or None,
    )


def _transformation(origin: Origin, column: str) -> tuple[str, str, str | None, bool | None]:
    """Return type, subtype, description and masking."""
    if column in origin.deciding:
        return "INDIRECT", "CONDITIONAL", origin.expression, None
    if origin.expression:
        return "DIRECT", "TRANSFORMATION", origin.expression, origin.masks or None
    return "DIRECT", "IDENTITY", None, None


def _schema(fields: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the facet with the fields and their types; empty if none is known."""
    from openlineage.client.facet_v2 import schema_dataset as facet

    if not fields:
        return {}
    listed = [facet.SchemaDatasetFacetFields(*one) for one in fields.items()]
    return {"schema": facet.SchemaDatasetFacet(listed)}
