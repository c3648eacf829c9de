"""The hook to Flow Service: connections, dataflows, their specs and runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_aep.flow_service import replies, requests
from airflow_provider_aep.flow_service.connection_specs import (
    LIST_CONNECTION_SPECS,
    ConnectionSpec,
    get_connection_spec,
    is_source,
    read_connection_spec,
)
from airflow_provider_aep.flow_service.errors import (
    AepConfigError,
    AepError,
    AepNotFoundError,
    AepReplyError,
    AepRequestError,
)
from airflow_provider_aep.flow_service.replies import endless
from airflow_provider_aep.flow_service.requests import (
    FLOW_SERVICE,
    FLOWS,
    MAX_PAGES,
    SOURCE_CONNECTIONS,
    TARGET_CONNECTIONS,
    Call,
    list_flow_specs,
    maps,
    next_page,
)
from airflow_provider_aep.flow_service.secret_rules import secrets_of_params
from airflow_provider_aep.flow_service.validation import (
    check_header,
    check_id,
    check_name,
    check_object,
    check_text,
)
from airflow_provider_aep.hooks.base import AepHook
from airflow_provider_aep.hooks.connection import form_behaviour, form_widgets
from airflow_provider_aep.hooks.diagnosis import diagnose
from airflow_provider_aep.hooks.scrub import Secrets


class FlowServiceHook(AepHook):
    """Flow Service of Adobe Experience Platform.

    :param aep_conn_id: an Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None or empty for the connection's own
    """

    service_path = FLOW_SERVICE

    # Airflow 3.1 looks for these two in this very class, not in a base of it.

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The form's extra fields, for Airflow 3.1; later versions read the provider info themselves."""
        return form_widgets(cls.conn_type)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """The form's labels and placeholders, for Airflow 3.1."""
        return form_behaviour(cls.conn_type)

    def create_connection(
        self,
        *,
        name: str,
        connection_spec_id: str,
        auth_spec_name: str,
        auth_params: Mapping[str, Any],
        description: str | None = None,
        connection_spec_version: str = "1.0",
    ) -> str:
        """Create a base connection with one POST and return its id.

        Nothing is looked up and nothing repeated: called twice, it makes two.
        ``CreateBaseConnectionOperator`` makes one.

        :raises AepError: where ``may_have_happened`` is set on it, the connection can stand all the same
        """
        self._mask_auth(check_object(auth_params, "auth_params"))
        call = requests.create_connection(
            name=check_name(name),
            connection_spec_id=connection_spec_id,
            auth_spec_name=auth_spec_name,
            auth_params=auth_params,
            description=check_text(description, "description"),
            connection_spec_version=check_header(connection_spec_version, "connection_spec_version"),
        )
        return replies.read_created_id(self.call(call), "POST /connections")

    def get_connection_details(self, connection_id: str) -> dict[str, Any]:
        """The base connection: id, name, state, connectionSpec, etag and so on, without ``auth``."""
        return replies.without_secrets(self.read_connection(connection_id))

    def read_connection(self, connection_id: str) -> dict[str, Any]:
        """The base connection with what Adobe shows of its ``auth``: for no log and no XCom."""
        call = requests.get_connection(connection_id)
        item = replies.read_item(self.call(call), f"{call.method} {call.path}")
        self._mask_auth(replies.auth_of(item)[1])
        return item

    def list_connections(
        self, *, name: str | None = None, connection_spec_id: str | None = None
    ) -> list[dict[str, Any]]:
        """All base connections of that exact name and spec, from every page, without ``auth``."""
        found = self.read_connections(name=name, connection_spec_id=connection_spec_id)
        return [replies.without_secrets(item) for item in found]

    def read_connections(
        self, *, name: str | None = None, connection_spec_id: str | None = None
    ) -> list[dict[str, Any]]:
        """The same with what Adobe shows of their ``auth``: for no log and no XCom."""
        found = self.every_page(requests.list_connections(check_text(name, "name"), connection_spec_id))
        for item in found:
            self._mask_auth(replies.auth_of(item)[1])
        return [
            item
            for item in found
            if (name is None or item.get("name", name) == name)
            and (connection_spec_id is None or _spec_id(item) in (None, connection_spec_id))
        ]

    def patch_connection(self, connection_id: str, etag: str, operations: list[dict[str, Any]]) -> None:
        """Change a base connection as of ``etag``.

        :raises AepVersionError: somebody changed it meanwhile
        """
        for operation in operations:
            if "auth" in str(operation.get("path")):
                self._mask_auth(operation.get("value"))
        self.call(requests.patch_connection(connection_id, etag, operations))

    def delete_connection(self, connection_id: str) -> None:
        """Delete a base connection.

        :raises AepNotFoundError: there is none of this id
        :raises AepRequestError: with code ``…1418-400`` while something hangs on it
        """
        self.call(requests.delete_connection(connection_id))

    def test_base_connection(self, connection_id: str) -> bool:
        """Return whether the source accepts the connection's credentials, as AEP finds out by trying them."""
        call = requests.test_connection(connection_id)
        what = f"{call.method} {call.path}"
        try:
            result = replies.read_object(self.call(call), what).get("result")
        except AepRequestError as error:
            if "1308-" not in (error.code or ""):
                raise
            return False  # no document says whether a failing test is a 200 or the source's refusal
        if not isinstance(result, bool):
            raise AepReplyError.with_advice(f"{what} was answered without a result.")
        return result

    def find_connection_spec(self, connection_spec_id: str) -> ConnectionSpec | None:
        """A source as the platform has it now, None where it does not offer it, or not to this credential."""
        call = get_connection_spec(connection_spec_id)
        try:
            document = self.call(call)
        except (AepNotFoundError, AepRequestError) as error:
            if replies.is_missing_spec(error):
                return None
            raise
        if isinstance(document, dict) and document.get("items") == []:
            return None
        return read_connection_spec(replies.read_item(document, f"{call.method} {call.path}"))

    def list_connection_specs(self) -> list[ConnectionSpec]:
        """All sources that the platform offers, from every page; destinations have specs, too."""
        return [
            read_connection_spec(item) for item in self.every_page(LIST_CONNECTION_SPECS) if is_source(item)
        ]

    def explore(
        self,
        connection_id: str | None = None,
        *,
        object_type: str = "root",
        object: str | None = None,
        preview: bool = False,
        connection_spec_id: str | None = None,
        options: Mapping[str, str] | None = None,
    ) -> Any:
        """List the source's tables or files, or show one's columns or rows.

        :param object_type: ``root`` or ``folder`` for a list of ``{"name", "path", "type", "canPreview",
            "canFetchSchema"}``; ``table``, ``file`` or ``rest`` for ``{"format", "schema"}`` of one
        :param object: the path of the table, folder or file
        :param preview: adds ``data``, the first rows
        :param connection_spec_id: the source itself, if it has no base connection
        :param options: what else the query says, as Adobe names it: ``fileType``, ``sourceParams`` and so on
        """
        call = requests.explore(
            connection_id,
            object_type,
            object,
            preview,
            connection_spec_id=connection_spec_id,
            options=options,
        )
        document = self.call(call)
        if str(object_type).lower() in ("root", "folder"):
            return replies.read_items(document, f"{call.method} {call.path}")
        return document

    def test_connection(self) -> tuple[bool, str]:
        """Test this Airflow connection; say which of its settings is wrong. Raises nothing."""
        return diagnose(self)

    @property
    def secrets(self) -> Secrets:
        """The secrets that this hook knows. What is added is masked in Airflow's logs, too."""
        return self._aep_session.secrets

    def _mask_auth(self, value: object) -> None:
        """Mask ``auth.params`` that AEP gets or shows, or one value of them."""
        self.secrets.add(secrets_of_params(value) if isinstance(value, Mapping) else [value])

    def create_source_connection(self, body: Mapping[str, Any]) -> str:
        """``POST /sourceConnections`` with one request; the bodies are in ``flow_service.bodies``."""
        return self.create_entity(SOURCE_CONNECTIONS, body)

    def list_source_connections(self, base_connection_id: str) -> list[dict[str, Any]]:
        """The source connections that hang on a base connection, from every page."""
        checked = check_id(base_connection_id, "connection_id")
        found = self.list_entities(SOURCE_CONNECTIONS, [("baseConnectionId", checked)])
        return [item for item in found if item.get("baseConnectionId", checked) == checked]

    def get_source_connection(self, source_connection_id: str) -> dict[str, Any]:
        """One source connection."""
        return self.get_entity(SOURCE_CONNECTIONS, source_connection_id, "source_connection_id")

    def delete_source_connection(self, source_connection_id: str) -> None:
        """Delete a source connection that no dataflow uses."""
        self.delete_entity(SOURCE_CONNECTIONS, source_connection_id, "source_connection_id")

    def create_target_connection(self, body: Mapping[str, Any]) -> str:
        """``POST /targetConnections`` with one request."""
        return self.create_entity(TARGET_CONNECTIONS, body)

    def get_target_connection(self, target_connection_id: str) -> dict[str, Any]:
        """One target connection."""
        return self.get_entity(TARGET_CONNECTIONS, target_connection_id, "target_connection_id")

    def delete_target_connection(self, target_connection_id: str) -> None:
        """Delete a target connection that no dataflow uses."""
        self.delete_entity(TARGET_CONNECTIONS, target_connection_id, "target_connection_id")

    def create_flow(self, body: Mapping[str, Any], *, draft: bool = False) -> str:
        """``POST /flows`` with one request. A flow that is no draft begins to ingest when its start comes."""
        return self.create_entity(FLOWS, body, draft=draft)

    def get_flow(self, flow_id: str) -> dict[str, Any]:
        """One dataflow."""
        return self.get_entity(FLOWS, flow_id, "flow_id")

    def list_flows(self, *, name: str | None = None, flow_spec_id: str | None = None) -> list[dict[str, Any]]:
        """All dataflows of that exact name and spec, from every page."""
        filters = [("flowSpec.id", flow_spec_id)] if flow_spec_id else []
        return self.list_entities(FLOWS, filters, name=name)

    def flows_using(self, *, source_connection_id: str = "", target_connection_id: str = "") -> list[str]:
        """The ids of the dataflows that use a source or a target connection."""
        users = self.list_flows_using(
            source_connection_id=source_connection_id, target_connection_id=target_connection_id
        )
        return [str(flow.get("id")) for flow in users]

    def list_flows_using(
        self, *, source_connection_id: str = "", target_connection_id: str = ""
    ) -> list[dict[str, Any]]:
        """The dataflows that use a source or a target connection."""
        used = [("sourceConnectionIds", source_connection_id), ("targetConnectionIds", target_connection_id)]
        filters = [(f"{key}[]", value) for key, value in used if value]
        return [
            item
            for item in self.list_entities(FLOWS, filters)
            if all(value in (item.get(key) or []) for key, value in used if value)
        ]

    def find_dataset(self, flow: Mapping[str, Any]) -> str | None:
        """The id of the dataset that a dataflow fills, where Flow Service tells it; for a link, no more."""
        try:
            for target_id in flow.get("targetConnectionIds") or []:
                params = self.get_target_connection(target_id).get("params") or {}
                return check_id(params.get("dataSetId"), "dataSetId")
        except AepError as error:
            self.log.debug("The dataset of dataflow %s is not known: %s", flow.get("id"), error)
        return None

    def act_on_flow(self, flow_id: str, op: str) -> dict[str, Any]:
        """``POST /flows/{id}/action``: ``enable``, ``disable`` or ``publish``."""
        return self.act_on(FLOWS, flow_id, "flow_id", op)

    def delete_flow(self, flow_id: str) -> None:
        """Delete a dataflow; what it has ingested stays."""
        self.delete_entity(FLOWS, flow_id, "flow_id")

    def create_run(self, flow_id: str, params: Mapping[str, Any]) -> str:
        """``POST /runs`` with one request: a run on demand, for a dataflow with ``frequency`` ``once``."""
        return self.create_entity("runs", {"flowId": check_id(flow_id, "flow_id"), "params": dict(params)})

    def list_runs(self, flow_id: str) -> list[dict[str, Any]]:
        """All runs of a dataflow, from every page."""
        checked = check_id(flow_id, "flow_id")
        found = self.list_entities("runs", [("flowId", checked)])
        return [item for item in found if item.get("flowId", checked) == checked]

    def get_run(self, run_id: str) -> dict[str, Any]:
        """One run."""
        return self.get_entity("runs", run_id, "run_id")

    def retrigger_run(self, run_id: str) -> str:
        """``POST /runs/{id}/action?op=re-trigger``: the id of the new run; the failed one stays."""
        return replies.read_created_id(self.act_on("runs", run_id, "run_id", "re-trigger"), "A re-trigger")

    def find_inlet(self, flow_id: str) -> str | None:
        """The URL that takes a stream's rows; None where the platform fetches them.

        The dataflow shows it (LAVA's tutorial), or the base connection (the HTTP API's).
        """
        flow = self.get_flow(flow_id)
        shown = [flow.get("options")]
        for source_id in flow.get("sourceConnectionIds") or []:
            if base_id := self.get_source_connection(source_id).get("baseConnectionId"):
                base = self.get_entity("connections", base_id, "connection_id")
                shown.append(replies.auth_of(base)[1])
        urls = [one.get("inletUrl") for one in shown if isinstance(one, Mapping)]
        return next((url for url in urls if isinstance(url, str) and url), None)

    def find_flow_spec(self, connection_spec_id: str, *, mapped: bool = True) -> dict[str, Any]:
        """The flow spec that brings this source into the data lake.

        :param mapped: whether by a mapping: some streams have a flow spec with one and a flow spec without
        :raises AepConfigError: none does, as after a source was withdrawn
        """
        specs = [
            spec
            for spec in self.every_page(list_flow_specs())
            if connection_spec_id in (spec.get("sourceConnectionSpecIds") or [])
        ]
        if specs:
            return next((spec for spec in specs if maps(spec) == mapped), specs[0])
        raise AepConfigError(
            f"No flow spec of the platform takes the connection spec {connection_spec_id} as its source. "
            "Adobe may have withdrawn it (PayPal's was announced to end in June 2025): use another one.",
            parameter="source_connection_id",
        )

    def list_entities(
        self, collection: str, filters: Iterable[tuple[str, str]] = (), *, name: str | None = None
    ) -> list[dict[str, Any]]:
        """All entities that the filters let through and that have exactly this name, from every page."""
        found = self.every_page(requests.list_some(collection, filters, name=name))
        return [item for item in found if name is None or item.get("name") == name]

    def get_entity(self, collection: str, entity_id: str, parameter: str) -> dict[str, Any]:
        """One entity without its envelope. :raises AepNotFoundError: gone, or not yours to see"""
        call = requests.get_one(collection, entity_id, parameter)
        return replies.read_item(self.call(call), f"{call.method} {call.path}")

    def create_entity(self, collection: str, body: Mapping[str, Any], *, draft: bool = False) -> str:
        """Create with one POST and return the id. Nothing is looked up and nothing repeated."""
        call = requests.create_one(collection, body, draft=draft)
        return replies.read_created_id(self.call(call), f"POST /{collection}")

    def patch_entity(
        self, collection: str, entity_id: str, parameter: str, etag: str, operations: list[dict[str, Any]]
    ) -> None:
        """Change an entity as of ``etag``. :raises AepVersionError: somebody changed it meanwhile"""
        self.call(requests.patch_one(collection, entity_id, parameter, etag, operations))

    def delete_entity(self, collection: str, entity_id: str, parameter: str) -> None:
        """Delete an entity. :raises AepNotFoundError: there is none of this id"""
        self.call(requests.delete_one(collection, entity_id, parameter))

    def act_on(self, collection: str, entity_id: str, parameter: str, op: str) -> dict[str, Any]:
        """Carry out an action such as ``enable``; returns ``{"id", "etag"}``."""
        call = requests.act_on(collection, entity_id, parameter, op)
        document = replies.read_object(self.call(call), f"{call.method} {call.path}")
        items = document.get("items")
        return items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else document

    def every_page(self, call: Call) -> list[dict[str, Any]]:
        """The items of a list, whatever the number of its pages."""
        found: list[dict[str, Any]] = []
        seen: set[str] = set()
        what = f"{call.method} {call.path}"
        for _ in range(MAX_PAGES):
            document = self.call(call)
            found += replies.read_items(document, what)
            query = next_page(document, self.settings.base_url) if isinstance(document, dict) else None
            if query is None:
                return found
            if repr(query) in seen:
                break
            seen.add(repr(query))
            call = Call(call.method, call.path, query)
        raise endless(what)


def _spec_id(item: Mapping[str, Any]) -> object:
    spec = item.get("connectionSpec")
    return spec.get("id") if isinstance(spec, Mapping) else None
