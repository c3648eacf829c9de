"""The tasks of a DAG that finds one dataflow: which operators with which parameters.

Each method adds a task and returns its output, or the id of the entity if its name is not enough to find it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from airflow_provider_aep.flow_service import bodies, mappings, requests, xdm
from airflow_provider_aep.flow_service.datasets import schema_of
from airflow_provider_aep.flow_service.differences import flow_fields, used_mapping_set
from airflow_provider_aep.flow_service.errors import AepConfigError, AepError
from airflow_provider_aep.flow_service.marks import without_mark
from airflow_provider_aep.flow_service.replies import Readiness, auth_of, readiness
from airflow_provider_aep.flow_service.runs import iso_time
from airflow_provider_aep.flow_service.schedules import read_schedule
from airflow_provider_aep.flow_service.secret_rules import is_secret, secrets_in
from airflow_provider_aep.flow_service.source_objects import FILE_TYPES, read_source_object
from airflow_provider_aep.flow_service.sources import AuthSpec, source_of, sources_of_spec
from airflow_provider_aep.flow_service.validation import (
    check_description,
    check_name,
    check_schema_id,
    whole_number,
)
from airflow_provider_aep.hooks.connection_line import connection_line
from airflow_provider_aep.operations.dag_text import Code, Constant, Task, printable
from airflow_provider_aep.operations.inventory import Inventory, Item

_OF_EVERY_ENTITY = frozenset({
    "id", "name", "description", "state", "version", "etag", "createdAt", "updatedAt", "createdBy",
    "updatedBy", "createdClient", "updatedClient", "sandboxId", "sandboxName", "imsOrgId",
    "inheritedAttributes", "connectionSpec",
})  # fmt: skip
"""Fields that are expressed, or that AEP sets itself."""

_OF_FLOW = _OF_EVERY_ENTITY | {
    "flowSpec", "sourceConnectionIds", "targetConnectionIds", "transformations", "scheduleParams", "options",
    "runs", "lastOperation", "lastRunDetails",
}  # fmt: skip
_OF_END = _OF_EVERY_ENTITY | {"baseConnectionId", "data", "params"}
_OF_MAPPING = frozenset({
    "id", "version", "sourceType", "source", "destination", "sourceAttribute", "destinationXdmPath",
    "matchScore", "functionVersion", "createdDate", "modifiedDate", "createdBy", "modifiedBy",
})  # fmt: skip
_ENDPOINT = {"inletUrl", "inletId"}
_OPTIONS = {
    "errorDiagnosticsEnabled": "error_diagnostics",
    "partialIngestionPercent": "partial_ingestion_percent",
}
_FILE_PROPERTIES = {
    "columnDelimiter": "column_delimiter",
    "compressionType": "compression_type",
    "encoding": "encoding",
}
_VERSION_1 = re.compile(r"(.*version=)?\s*1(\.\d+)?\s*", re.DOTALL)
_IDENTITIES: dict[str, Callable[[Item], object]] = {
    "flows": lambda item: item.get("name"),
    "base_connections": lambda item: (_spec_id(item), item.get("name")),
    "source_connections": lambda item: (item.get("baseConnectionId") or _spec_id(item), item.get("name")),
    "target_connections": lambda item: (_mapping(item.get("params")).get("dataSetId"), item.get("name")),
    "datasets": lambda item: item.get("name"),
    "schemas": lambda item: item.get("title"),
}
"""By which the operators tell entities of one kind apart."""

_CLASS_WORDS = {xdm.EVENT: "time-series"}


class DataflowTasks:
    """The tasks for one dataflow.

    :param now: epoch seconds
    """

    def __init__(self, inventory: Inventory, flow: Item, now: float) -> None:
        self._inventory = inventory
        self._hook = inventory.hook
        self._flow = flow
        self._now = now
        self._above: list[str] = []
        self._schemas: dict[str, Any] = {}
        self.tasks: list[Task | Constant] = []
        self.last_comments: list[str] = []
        self.not_imported: list[str] = []
        self.connections: list[str] = []

    def add_all(self) -> None:
        """Add every task."""
        reason = self._why_by_id()
        if reason is None:
            flow_id = self._dataflow()
        else:
            self._not_imported("dataflow", f"its id replaces its tasks: {reason}")
            self.tasks.append(Constant("dataflow", str(self._flow["id"]), self._comments()))
            flow_id = Code("dataflow")
        self._wait(flow_id)
        self.last_comments += self._comments()

    # The dataflow

    def _why_by_id(self) -> str | None:
        """Return why the operator would not find the dataflow by its name, or would not accept its parts."""
        flow, inventory = self._flow, self._inventory
        if flow["id"] not in inventory.flows:
            return "AEP does not list it among the dataflows of sources"
        if reason := self._why_not_by_name(flow, "dataflow", "flows", any_state=True):
            return reason
        try:
            source, target = self._end("source"), self._end("target")
            if source is None or target is None:
                return "it must have one source and one target connection that this credential may see"
            spec = requests.choose_flow_spec(
                inventory.flow_specs, str(_spec_id(source)), mapped=self._mapping_item() is not None
            )
        except AepError as error:
            return f"its parts cannot be read ({error.brief})"
        if spec is None or spec.get("id") != _mapping(flow.get("flowSpec")).get("id"):
            return "this provider would choose another flow spec for its source"
        return None

    def _end(self, kind: str) -> Item | None:
        """Return the source or target connection. None if there are several, or it cannot be seen."""
        ids = self._flow.get(f"{kind}ConnectionIds")
        known = getattr(self._inventory, f"{kind}_connections")
        return known.get(str(ids[0])) if isinstance(ids, list) and len(ids) == 1 else None

    def _dataflow(self) -> Code:
        source, target = self._end("source"), self._end("target")
        assert source is not None
        assert target is not None
        source_id, (target_id, schema) = self._source_connection(source), self._target_connection(target)
        arguments: dict[str, Any] = {
            "name": self._flow["name"],
            "source_connection_id": source_id,
            "target_connection_id": target_id,
        }
        if mapping_set := self._mapping_set(schema):
            arguments["mapping_set"] = mapping_set
        arguments |= self._schedule(source) | self._options()
        arguments |= self._description(self._flow, "dataflow")
        if readiness(self._flow.get("state")) is Readiness.REFUSED:
            arguments["accept_disabled"] = True
        self._check_rest(self._flow, "dataflow", _OF_FLOW)
        self._check_transformations()
        return self._task("create_dataflow", "CreateDataflowOperator", arguments)

    def _check_transformations(self) -> None:
        left = {"Copy": {"deltaColumn"}, "Mapping": {"mappingId", "mappingVersion"}}
        for one in map(_mapping, _list(self._flow.get("transformations"))):
            name = str(one.get("name"))
            path = f"dataflow.transformations.{name}"
            if name not in left:  # the operators use the first one of a name
                self._not_imported(path, "the operator does not know it")
                continue
            self._check_rest(one, path, {"name", "params"})
            self._check_rest(_mapping(one.get("params")), path, left.pop(name))

    def _options(self) -> dict[str, Any]:
        """Return ``error_diagnostics`` and ``partial_ingestion_percent``."""
        options = _mapping(self._flow.get("options"))
        expressed = {} if self._streams else _OPTIONS
        self._check_rest(options, "dataflow.options", {*_ENDPOINT, *expressed})
        given: dict[str, Any] = {}
        for name, parameter in expressed.items():
            if (value := options.get(name)) is not None:
                flag = {"true": True, "false": False}.get(str(value).strip().lower())
                given[parameter] = value if flag is None else flag
        try:
            bodies.read_options(given.get("error_diagnostics"), given.get("partial_ingestion_percent"))
        except AepConfigError as error:
            self._not_imported("dataflow.options", f"the operator refuses them: {error.message}")
            return {}
        return given

    @property
    def _streams(self) -> bool:
        own = _mapping(self._flow.get("flowSpec")).get("id")
        try:
            spec = next((one for one in self._inventory.flow_specs if one.get("id") == own), None)
        except AepError:
            spec = None
        return requests.streams(spec) if spec else not self._flow.get("scheduleParams")

    def _schedule(self, source: Item) -> dict[str, Any]:
        """Return ``schedule`` and ``delta_column``."""
        params = _mapping(self._flow.get("scheduleParams"))
        self._check_rest(
            params, "dataflow.scheduleParams", {"startTime", "frequency", "interval", "backfill"}
        )
        if not params:
            return {}
        shown = flow_fields(self._flow)["schedule"]
        given = {
            "frequency": str(shown["frequency"] or "once").strip().lower(),
            "interval": whole_number(shown["interval"]),
            "start": iso_time(shown["start"]),
            "backfill": {"true": True, "false": False}.get(str(shown["backfill"]).strip().lower()),
        }
        given = {name: value for name, value in given.items() if value is not None}
        delta = self._delta_column()
        try:
            schedule = read_schedule(given, self._now)
            if delta is None or not schedule.once:
                column = bodies.read_delta_column(delta, schedule, tabular=bodies.is_tabular(source))
                if column is not None:
                    bodies.check_delta_column(column["name"], bodies.columns_of(source))
                return {"schedule": given, **({} if delta is None else {"delta_column": delta})}
        except AepConfigError as error:
            self._not_imported("dataflow.scheduleParams", f"the operator refuses it: {error.message}")
            return {}
        self._not_imported("dataflow.transformations.Copy", "AEP set it at the first run on demand")
        return {"schedule": given}

    def _delta_column(self) -> Any:
        delta = flow_fields(self._flow)["delta_column"]
        return delta["name"] if isinstance(delta, dict) and set(delta) == {"name"} else delta

    def _wait(self, flow_id: Any) -> None:
        """Add the task that waits for a run, if the dataflow has runs to wait for."""
        schedule = flow_fields(self._flow)["schedule"]
        once = str(schedule["frequency"] or "once").strip().lower() == "once"
        start = schedule["start"]
        if readiness(self._flow.get("state")) is Readiness.REFUSED:
            state = str(self._flow.get("state")).lower()
            self._above.append(
                f"No task waits for a run: the dataflow is {state}, and this DAG leaves it so."
            )
        elif self._streams:
            self._above.append("No task waits for a run: a dataflow that streams has no runs.")
        elif once and start is not None and start > self._now:
            self._above.append(
                f"No task waits for a run: the dataflow runs once, at {iso_time(start)}. To run it on "
                "demand, add a RunDataflowOperator."
            )
        else:
            match = {"match": "latest"} if once else {}
            self._task("wait_for_run", "FlowRunSensor", {"flow_id": flow_id, **match})

    # The source

    def _source_connection(self, item: Item) -> Any:
        base_id = item.get("baseConnectionId")
        spec_id = str(_spec_id(item))
        reason = self._why_not_by_name(item, "source connection", "source_connections")
        if base_id and self._is_deleted(str(base_id)):
            reason = reason or "AEP does not list its base connection"
            self._not_imported("base connection", f"AEP does not list {base_id}. It may be deleted")
        source_object = None if reason else self._source_object(item)
        if source_object is None:
            reason = reason or "its source object cannot be expressed"
            return self._by_id("source_connection_id", item, reason)
        arguments: dict[str, Any] = {"name": item["name"]}
        above, self._above = self._above, []
        if base_id:
            arguments["connection_id"] = self._base_connection(str(base_id))
        else:
            known = [one.key for one in sources_of_spec(spec_id) if not (one.uncertain or one.auth)]
            arguments["source"] = known[0] if known else spec_id
        self._above += above
        arguments |= source_object | self._description(item, "source connection")
        self._check_rest(item, "source connection", _OF_END)
        return self._task("create_source_connection", "CreateSourceConnectionOperator", arguments)

    def _source_object(self, item: Item) -> dict[str, Any] | None:
        """Return the parameters for the source object, None if the operator cannot express it."""
        params, data = dict(_mapping(item.get("params"))), _mapping(item.get("data"))
        form = str(data.get("format") or "").lower()
        if self._streams:
            found = self._stream(params, data)
        elif "tableName" in params and form in ("", "tabular"):
            found = self._table(params, data)
        elif "path" in params and form in FILE_TYPES:
            found = self._file(params, data)
        elif form == "json":
            found = {"resource": self._without_secrets(params, "resource")}
            self._check_rest(data, "source connection.data", {"format"})
        else:
            self._not_imported(
                "source connection.data", f"the operators know no source object of format {form}"
            )
            return None
        if any(secrets_in(found)) or not self._is_safe(str(found.get("table") or found.get("file"))):
            self._not_imported("source connection.params", "they may hold a secret")
            return None
        try:
            read_source_object({name: value for name, value in found.items() if name != "columns"})
        except AepConfigError as error:
            self._not_imported("source connection.params", f"the operator refuses them: {error.message}")
            return None
        return found

    def _stream(self, params: dict[str, Any], data: Item) -> dict[str, Any]:
        if data.get("format") not in (None, "json"):
            self._not_imported("source connection.data.format", "the operator writes json for a stream")
        self._check_rest(data, "source connection.data", {"format"})
        return {"stream": self._without_secrets(params, "stream") or True}

    def _table(self, params: dict[str, Any], data: Item) -> dict[str, Any]:
        self._check_rest(params, "source connection.params", {"tableName", "columns"})
        self._check_rest(data, "source connection.data", {"format"})
        columns = params.get("columns")
        if not columns:
            return {"table": params["tableName"]}
        kept = ("name", "type", "xdm")
        named = [one for one in _list(columns) if _mapping(one).get("name")]
        if not isinstance(columns, list) or len(named) < len(columns) or any(secrets_in(named)):
            self._not_imported("source connection.params.columns", "they are not a list of named columns")
            return {"table": params["tableName"]}
        others = sorted({key for one in named for key in one if key not in kept and one[key]})
        for key in others:
            self._not_imported(f"source connection.params.columns.{key}", "the operator does not write it")
        found = [{key: one[key] for key in kept if one.get(key)} for one in named]
        return {"table": params["tableName"], "columns": found}

    def _file(self, params: dict[str, Any], data: Item) -> dict[str, Any]:
        path, properties = params["path"], _mapping(data.get("properties"))
        found: dict[str, Any] = {"path": path, "file_type": str(data["format"]).lower()}
        several = isinstance(path, str) and (path.endswith("/") or "*" in path)
        if str(params.get("type")).lower() == "folder" and not several:
            found["type"] = "folder"
        recursive = str(params.get("recursive")).strip().lower()
        if recursive in ("true", "false"):
            found["recursive"] = recursive == "true"
        known = {key: properties[key] for key in _FILE_PROPERTIES if properties.get(key) is not None}
        found |= {_FILE_PROPERTIES[key]: str(value) for key, value in known.items()}
        self._check_rest(params, "source connection.params", {"path", "type", "recursive"})
        self._check_rest(data, "source connection.data", {"format", "properties"})
        self._check_rest(properties, "source connection.data.properties", _FILE_PROPERTIES)
        return {"file": found}

    def _without_secrets(self, params: Item, parameter: str) -> dict[str, Any]:
        """Return parameters of a source without those that may be secret."""
        kept = {}
        for name, value in params.items():
            if any(secrets_in({name: value})) or not self._is_safe(str(value)):
                self._not_imported(
                    f"source connection.params.{name}", f"it may be a secret: set it in `{parameter}`"
                )
            else:
                kept[name] = value
        return kept

    # The base connection

    def _is_deleted(self, base_id: str) -> bool:
        """Return whether AEP lists all base connections, and not this one."""
        try:
            return base_id not in self._inventory.base_connections
        except AepError:
            return False

    def _base_connection(self, base_id: str) -> Any:
        try:
            item = self._inventory.base_connections.get(base_id)
        except AepError as error:
            return self._unread("base connection", "connection_id", {"id": base_id}, error)
        assert item is not None  # `_is_deleted`
        spec_id = str(_spec_id(item))
        auth_name, params = auth_of(item)
        source = source_of(spec_id, auth_name)
        reason = self._why_not_by_name(item, "base connection", "base_connections")
        if source.key and not source.auth:
            reason = f"the operator creates no base connection to {source}"
        if reason:
            return self._by_id("connection_id", item, reason)
        conn_id = f"{_word(str(item['name']))}_{base_id.replace('-', '')[:8]}"
        named = {"source": source.key} if source.key else {"connection_spec_id": spec_id}
        arguments: dict[str, Any] = {**named, "name": item["name"], "source_conn_id": conn_id}
        arguments["require_credentials"] = False
        if auth_name and len(source.auth) != 1:
            arguments["auth_spec"] = auth_name
        arguments |= self._description(item, "base connection")
        auth = source.documented(auth_name) if auth_name else None
        if auth is None:
            self._not_imported("base connection.auth", f"this provider does not know the type {auth_name!r}")
            auth = AuthSpec(auth_name or "", {"required": [name for name in params if name not in _ENDPOINT]})
        plain = self._plain(params, auth)
        command = printable(connection_line(source, auth, conn_id, plain))
        self.connections.append(command)
        shown = {*auth.required, *_ENDPOINT, *(name for name in plain if str(plain[name]) in command)}
        if rest := sorted(set(params) - shown):
            self._above.append(self._shown(f"The command has no place for the parameters {', '.join(rest)}."))
        self._check_rest(item, "base connection", _OF_EVERY_ENTITY | {"auth"})
        return self._task("create_connection", "CreateBaseConnectionOperator", arguments)

    def _plain(self, params: Item, auth: AuthSpec) -> dict[str, Any]:
        """Return the parameters that are not secret and hold no secret."""
        return {
            name: value
            for name, value in params.items()
            if isinstance(value, str | int)
            and not is_secret(name, auth.properties.get(name))
            and not any(secrets_in({name: value}))
            and self._is_safe(str(value))
        }

    # The target

    def _target_connection(self, item: Item) -> tuple[Any, str | None]:
        """Return the target connection, and the ``$id`` of the dataset's schema."""
        dataset_id = _mapping(item.get("params")).get("dataSetId")
        try:
            dataset = self._inventory.datasets.get(str(dataset_id))
        except AepError as error:
            return self._unread("dataset", "target_connection_id", item, error), None
        schema = schema_of(dataset) if dataset else None
        reason = self._why_not_by_name(item, "target connection", "target_connections")
        if dataset is None or not _is_schema(schema):
            reason = "its dataset or the dataset's schema cannot be seen"
        elif _spec_id(item) != bodies.DATA_LAKE_SPEC:
            reason = "it is not a dataset of the data lake"
        if reason or dataset is None or schema is None:
            return self._by_id("target_connection_id", item, str(reason)), schema
        dataset_task = self._dataset(dataset, schema)
        arguments = {"name": item["name"], "dataset_id": dataset_task, "schema_id": self._schema(schema)}
        arguments |= self._description(item, "target connection")
        self._check_target(item)
        return self._task("create_target_connection", "CreateTargetConnectionOperator", arguments), schema

    def _check_target(self, item: Item) -> None:
        data = _mapping(item.get("data"))
        reference = _mapping(data.get("schema"))
        if data.get("format") not in (None, "parquet_xdm"):  # the format of the data lake
            self._not_imported("target connection.data.format", "the operator names a schema instead")
        if reference.get("version") and not _VERSION_1.fullmatch(str(reference["version"])):
            self._not_imported("target connection.data.schema.version", "the operator writes version=1")
        self._check_rest(data, "target connection.data", {"schema", "format"})
        self._check_rest(reference, "target connection.data.schema", {"id", "version"})
        self._check_rest(_mapping(item.get("params")), "target connection.params", {"dataSetId"})
        self._check_rest(item, "target connection", _OF_END)

    def _dataset(self, item: Item, schema: str) -> Any:
        if reason := self._why_not_by_name(item, "dataset", "datasets"):
            return self._by_id("dataset_id", item, reason)
        arguments = {"name": item["name"], "schema_id": self._schema(schema)}
        arguments |= self._description(item, "dataset")
        return self._task("create_dataset", "CreateDatasetOperator", arguments)

    def _schema(self, schema_id: str) -> Any:
        """Return the task of a schema, which is added once."""
        if schema_id not in self._schemas:
            above, self._above = self._above, []
            self._schemas[schema_id] = self._new_schema(schema_id)
            self._above += above
        return self._schemas[schema_id]

    def _new_schema(self, schema_id: str) -> Any:
        try:
            item = self._inventory.schemas.get(schema_id)
        except AepError as error:
            return self._unread("schema", "schema_id", {"id": schema_id}, error)
        if item is None:
            return self._by_id("schema_id", {"id": schema_id}, "AEP does not list it")
        references = xdm.references(item)
        class_id = item.get("meta:class") or next(iter(references), None)
        groups = [one for one in references if one != class_id]
        reason = self._why_not_by_name(item, "schema", "schemas", name_key="title")
        if not all(map(xdm.is_resource_id, (class_id, *groups))):
            reason = reason or "its class or a field group has no $id"
        if reason:
            return self._by_id("schema_id", {"id": schema_id}, reason)
        arguments: dict[str, Any] = {"name": item["title"]}
        if class_id != xdm.PROFILE:
            arguments["class_id"] = _CLASS_WORDS.get(str(class_id), class_id)
        if groups:
            arguments["field_groups"] = groups
        if item.get("meta:immutableTags"):
            self._not_imported(
                "schema.meta:immutableTags", "the operator does not enable a schema for Profile"
            )
        arguments |= self._description(item, "schema")
        return self._task("create_schema", "CreateSchemaOperator", arguments)

    # The mapping

    def _mapping_item(self) -> Item | None:
        """Return the dataflow's mapping set, None if it has no mapping set or it cannot be read."""
        used = used_mapping_set(self._flow)
        try:
            return None if used is None else self._inventory.mapping_set(used)
        except AepError:
            return None

    def _mapping_set(self, schema: str | None) -> Any:
        used = used_mapping_set(self._flow)
        if used is None:
            return None
        item = self._mapping_item()
        if item is None:
            self._not_imported("mapping", f"mapping set {used['id']} cannot be read")
            return None
        rows = self._rows(item, schema)
        if rows is None or schema is None:
            return used
        arguments = {"schema_id": self._schema(schema), **rows, "dataflow": self._flow["name"]}
        return self._task("create_mapping_set", "CreateMappingSetOperator", arguments)

    def _rows(self, item: Item, schema: str | None) -> dict[str, dict[str, str]] | None:
        """Return ``mapping`` and ``expressions``, None if the operator cannot express the mapping."""
        if schema is None or mappings.schema_of(item) != schema:
            self._not_imported("mapping", "the schema of the mapping set is not the dataset's")
            return None
        pairs: dict[str, str] = {}
        expressions: dict[str, str] = {}
        for one in map(_mapping, _list(item.get("mappings"))):
            source, field = mappings.source_of(one), mappings.target_of(one)
            kind = mappings.kind_of(one, str(source))
            if not isinstance(source, str) or not isinstance(field, str) or not self._is_safe(source):
                self._not_imported(f"mapping.{field}", "it has no source, or may hold a secret")
                return None
            if kind in mappings.EXPRESSION_TYPES:
                expressions[field] = source
            elif kind in mappings.COLUMN_TYPES and source not in pairs:
                pairs[source] = field
            else:
                kinds = "maps a column to one field only" if source in pairs else f"has no type {kind}"
                self._not_imported(f"mapping.{field}", f"the operator {kinds}")
                return None
            self._check_rest(one, f"mapping.{field}", _OF_MAPPING)
        return self._accepted({"mapping": pairs, "expressions": expressions}, schema)

    def _accepted(self, rows: dict[str, dict[str, str]], schema: str) -> dict[str, dict[str, str]] | None:
        """Return those rows that are not empty, None if the operator refuses them."""
        given = {name: some for name, some in rows.items() if some}
        try:
            fields = self._inventory.fields(schema)
            mappings.check_expressions(given.get("expressions"), fields, given.get("mapping"))
            if "mapping" in given or not given:
                mappings.check_mapping(given.get("mapping"), None, fields)
        except AepConfigError as error:
            self._not_imported("mapping", f"the operator refuses it: {error.message}")
            return None
        except AepError as error:
            self._not_imported("mapping", f"the fields of the schema cannot be read ({error.brief})")
            return None
        return given

    # Common to all entities

    def _why_not_by_name(
        self, item: Item, kind: str, listed: str, *, name_key: str = "name", any_state: bool = False
    ) -> str | None:
        """Return why an operator would not find an entity by its name.

        :param listed: the list of the inventory that has it
        """
        try:
            name = check_name(item.get(name_key))
        except AepConfigError as error:
            return f"an operator cannot use the name: {error.message}"
        if not self._is_safe(name):
            return "its name may hold a secret"
        namesakes = self._inventory.namesakes(listed, _IDENTITIES[listed], item)
        if namesakes > 1:
            return f"{namesakes} {kind}s have the name {name!r}"
        state = readiness(item.get("state"))
        if state is Readiness.LEAVING or (state is Readiness.REFUSED and not any_state):
            return f"the {kind} is {item.get('state')}"
        return None

    def _by_id(self, parameter: str, item: Item, reason: str) -> str:
        self._above.append(self._shown(f"{parameter} is an id: {reason}."))
        return str(item["id"])

    def _unread(self, kind: str, parameter: str, item: Item, error: AepError) -> str:
        self._not_imported(kind, f"it cannot be read ({error.brief})")
        return self._by_id(parameter, item, f"the {kind} cannot be read")

    def _task(self, task_id: str, operator: str, arguments: Mapping[str, Any]) -> Code:
        task = Task(task_id, operator, arguments, self._comments())
        self.tasks.append(task)
        return task.output

    def _comments(self) -> list[str]:
        above, self._above = self._above, []
        return above

    def _not_imported(self, field: str, reason: str) -> None:
        entry = self._shown(f"{field}: {reason}")
        self.not_imported.append(entry)
        self._above.append(f"not imported: {entry}")

    def _check_rest(self, item: Item, path: str, known: Iterable[str]) -> None:
        """Name the fields with a value that no parameter expresses."""
        for key in sorted(map(str, set(item) - set(known))):
            if item.get(key) not in (None, "", [], {}, False, 0):
                self._not_imported(f"{path}.{key}", "the operators have no parameter for it")

    def _description(self, item: Item, kind: str) -> dict[str, str]:
        """Return the description without an ownership mark, if there is one."""
        given = item.get("description")
        text = without_mark(given) if isinstance(given, str) else ""
        if not text.strip():
            return {}
        try:
            check_description(text)
        except AepConfigError as error:
            self._not_imported(f"{kind}.description", error.message)
            return {}
        if text.strip() == "None" or not self._is_safe(text):
            self._not_imported(f"{kind}.description", "it is 'None', or may hold a secret")
            return {}
        return {"description": text}

    def _is_safe(self, text: str) -> bool:
        return self._hook.scrub(text) == text

    def _shown(self, text: str) -> str:
        return printable(self._hook.scrub(text))


def _word(name: str) -> str:
    """Return a name as part of an id of an Airflow connection."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40].strip("_") or "source"


def _is_schema(schema_id: object) -> bool:
    try:
        check_schema_id(schema_id)
    except AepConfigError:
        return False
    return True


def _spec_id(item: Item) -> object:
    return _mapping(item.get("connectionSpec")).get("id")


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
