"""The hook to Flow Service: connections, dataflows, their specs and runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_aep.flow_service import replies, requests
from airflow_provider_aep.flow_service.collections import (
    CONNECTION_SPECS,
    CONNECTIONS,
    FLOW_SPECS,
    FLOWS,
    LINKED,
    RUNS,
    SOURCE_CONNECTIONS,
    TARGET_CONNECTIONS,
    Pager,
)
from airflow_provider_aep.flow_service.connection_specs import ConnectionSpec, is_source, read_connection_spec
from airflow_provider_aep.flow_service.errors import (
    AepConfigError,
    AepError,
    AepNotFoundError,
    AepReplyError,
    AepRequestError,
)
from airflow_provider_aep.flow_service.secret_rules import secrets_of_params
from airflow_provider_aep.flow_service.validation import (
    check_header,
    check_id,
    check_name,
    check_object,
    check_text,
)
from airflow_provider_aep.hooks.collections import CollectionHook
from airflow_provider_aep.hooks.connection import form_behaviour, form_widgets
from airflow_provider_aep.hooks.scrub import Secrets

_ENDPOINT_KEYS = ("inletUrl", "inletId")


class FlowServiceHook(CollectionHook):
    """Flow Service of Adobe Experience Platform.

    :param aep_conn_id: an Airflow connection of type ``aep``
    :param sandbox: the sandbox's name; None or empty for the connection's own
    """

    service_path = requests.FLOW_SERVICE

    # Airflow 3.1 finds these two methods only in this class, not in its bases.

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's extra fields for Airflow 3.1. Later versions read the provider info."""
        return form_widgets(cls.conn_type)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the form's labels and placeholders for Airflow 3.1."""
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

        Existing connections are not listed before: two calls create two connections.
        ``CreateBaseConnectionOperator`` creates exactly one.

        :raises AepError: if ``may_have_happened`` is set on it, the connection can exist all the same
        """
        from airflow_provider_aep.flow_service import bodies  # most tasks create nothing

        self._mask_auth(check_object(auth_params, "auth_params"))
        body = bodies.base_connection(
            name=check_name(name),
            connection_spec_id=connection_spec_id,
            auth_spec_name=auth_spec_name,
            auth_params=auth_params,
            description=check_text(description, "description"),
            connection_spec_version=check_header(connection_spec_version, "connection_spec_version"),
        )
        return str(self.create_entity(CONNECTIONS, body))

    def get_connection_details(self, connection_id: str) -> dict[str, Any]:
        """Get a base connection: id, name, state, connectionSpec, etag and so on, without ``auth``."""
        return replies.without_secrets(self.get_base_connection(connection_id))

    def get_base_connection(self, connection_id: str) -> dict[str, Any]:
        """Get a base connection with what Adobe shows of its ``auth``: keep it out of logs and XComs."""
        item = self.get_entity(CONNECTIONS, connection_id)
        self._mask_auth(replies.auth_of(item)[1])
        return item

    def list_connections(
        self, *, name: str | None = None, connection_spec_id: str | None = None
    ) -> list[dict[str, Any]]:
        """List all base connections of that exact name and spec, from every page, without ``auth``."""
        found = self.list_base_connections(name=name, connection_spec_id=connection_spec_id)
        return [replies.without_secrets(item) for item in found]

    def list_base_connections(
        self, *, name: str | None = None, connection_spec_id: str | None = None
    ) -> list[dict[str, Any]]:
        """List base connections with what Adobe shows of their ``auth``: keep it out of logs and XComs."""
        filters = []
        if connection_spec_id is not None:
            filters.append(("connectionSpec.id", check_id(connection_spec_id, "connection_spec_id")))
        if check_text(name, "name") is not None and requests.can_filter_by(str(name)):
            filters.append(("name", str(name)))
        found = self.list_entities(CONNECTIONS, filters)
        for item in found:
            self._mask_auth(replies.auth_of(item)[1])
        return [
            item
            for item in found
            if (name is None or item.get("name") == name)
            and (connection_spec_id is None or _spec_id(item) == connection_spec_id)
        ]

    def patch_connection(self, connection_id: str, etag: str, operations: list[dict[str, Any]]) -> None:
        """Change a base connection as of ``etag``.

        :raises AepVersionError: somebody changed it meanwhile
        """
        for operation in operations:
            if "auth" in str(operation.get("path")):
                self._mask_auth(operation.get("value"))
        self.patch_entity(CONNECTIONS, connection_id, operations, etag)

    def delete_connection(self, connection_id: str) -> None:
        """Delete a base connection.

        :raises AepNotFoundError: it does not exist
        :raises AepRequestError: with code ``…1418-400`` while a source connection uses it
        """
        self.delete_entity(CONNECTIONS, connection_id)

    def test_base_connection(self, connection_id: str) -> bool:
        """Return whether the source accepts the connection's credentials. AEP tries them."""
        call = requests.test_connection(connection_id)
        try:
            result = replies.read_object(self.call(call), str(call)).get("result")
        except AepRequestError as error:
            if "1308-" not in (error.code or ""):
                raise
            return False  # no document says whether a failing test is a 200 or the source's refusal
        if not isinstance(result, bool):
            raise AepReplyError.with_advice(f"{call} was answered without a result.")
        return result

    def find_connection_spec(self, connection_spec_id: str) -> ConnectionSpec | None:
        """Return a source's spec, or None if the platform does not offer the source to this credential."""
        call = CONNECTION_SPECS.get_call(connection_spec_id)
        try:
            document = self.call(call)
        except (AepNotFoundError, AepRequestError) as error:
            if replies.is_missing_spec(error):
                return None
            raise
        if isinstance(document, dict) and document.get("items") == []:
            return None
        return read_connection_spec(replies.read_item(document, str(call)))

    def list_connection_specs(self) -> list[ConnectionSpec]:
        """List all sources that the platform offers, from every page. Specs of destinations are left out."""
        return [
            read_connection_spec(item) for item in self.list_entities(CONNECTION_SPECS) if is_source(item)
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
        """List the source's tables or files, or show the columns or rows of one of them.

        :param object_type: ``root`` or ``folder`` for a list of ``{"name", "path", "type", "canPreview",
            "canFetchSchema"}``; ``table``, ``file`` or ``rest`` for ``{"format", "schema"}``
        :param object: the path of the table, folder or file
        :param preview: adds ``data``, the first rows
        :param connection_spec_id: the source, if it has no base connection
        :param options: other query parameters by Adobe's names: ``fileType``, ``sourceParams`` and so on
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
            return replies.read_items(document, str(call))
        return document

    def test_connection(self) -> tuple[bool, str]:
        """Test this Airflow connection, and name the setting that is wrong. Raise nothing."""
        from airflow_provider_aep.hooks.diagnosis import diagnose

        return diagnose(self)

    @property
    def secrets(self) -> Secrets:
        """The secrets that this hook scrubs from its messages. ``register`` adds some."""
        return self._aep_session.secrets

    def _mask_auth(self, value: object) -> None:
        """Mask the secrets of ``auth.params`` that AEP gets or shows, or of one value of them.

        The secrets of an Airflow connection are masked when it is read. This adds composed values, such as a
        connection string, and values that a caller passes.
        """
        self.secrets.register(secrets_of_params(value) if isinstance(value, Mapping) else [value])

    def create_source_connection(self, body: Mapping[str, Any]) -> str:
        """Create a source connection with one POST; the bodies are in ``flow_service.bodies``."""
        return str(self.create_entity(SOURCE_CONNECTIONS, body))

    def list_source_connections(self, base_connection_id: str) -> list[dict[str, Any]]:
        """List the source connections of a base connection, from every page."""
        checked = check_id(base_connection_id, "connection_id")
        found = self.list_entities(SOURCE_CONNECTIONS, [("baseConnectionId", checked)])
        return [item for item in found if item.get("baseConnectionId", checked) == checked]

    def get_source_connection(self, source_connection_id: str) -> dict[str, Any]:
        """Get one source connection."""
        return self.get_entity(SOURCE_CONNECTIONS, source_connection_id)

    def delete_source_connection(self, source_connection_id: str) -> None:
        """Delete a source connection that no dataflow uses."""
        self.delete_entity(SOURCE_CONNECTIONS, source_connection_id)

    def create_target_connection(self, body: Mapping[str, Any]) -> str:
        """Create a target connection with one POST."""
        return str(self.create_entity(TARGET_CONNECTIONS, body))

    def get_target_connection(self, target_connection_id: str) -> dict[str, Any]:
        """Get one target connection."""
        return self.get_entity(TARGET_CONNECTIONS, target_connection_id)

    def delete_target_connection(self, target_connection_id: str) -> None:
        """Delete a target connection that no dataflow uses."""
        self.delete_entity(TARGET_CONNECTIONS, target_connection_id)

    def create_flow(self, body: Mapping[str, Any], *, draft: bool = False) -> str:
        """Create a dataflow with one POST. Unless it is a draft, it ingests from its start time on."""
        return str(self.create_entity(FLOWS, body, draft=draft))

    def get_flow(self, flow_id: str) -> dict[str, Any]:
        """Get one dataflow."""
        return self.get_entity(FLOWS, flow_id)

    def list_flows(self, *, name: str | None = None, flow_spec_id: str | None = None) -> list[dict[str, Any]]:
        """List all dataflows of that exact name and spec, from every page."""
        filters = [("flowSpec.id", flow_spec_id)] if flow_spec_id else []
        return self.list_entities(FLOWS, filters, name=name)

    def source_flow_pages(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the dataflows of sources page by page. Dataflows of destinations are left out."""
        return self.pages(FLOWS.list_call([("inheritedAttributes.properties.isSourceFlow", "true")]))

    def flows_using(self, *, source_connection_id: str = "", target_connection_id: str = "") -> list[str]:
        """Return the ids of the dataflows that use a source or a target connection."""
        users = self.list_flows_using(
            source_connection_id=source_connection_id, target_connection_id=target_connection_id
        )
        return [str(flow.get("id")) for flow in users]

    def list_flows_using(
        self, *, source_connection_id: str = "", target_connection_id: str = ""
    ) -> list[dict[str, Any]]:
        """List the dataflows that use a source or a target connection."""
        used = [("sourceConnectionIds", source_connection_id), ("targetConnectionIds", target_connection_id)]
        filters = [(f"{key}[]", value) for key, value in used if value]
        return [
            item
            for item in self.list_entities(FLOWS, filters)
            if all(value in (item.get(key) or []) for key, value in used if value)
        ]

    def find_dataset(self, flow: Mapping[str, Any]) -> str | None:
        """Return the id of a dataflow's dataset, None if it is unknown. It is used for links only."""
        try:
            for target_id in flow.get("targetConnectionIds") or []:
                params = self.get_target_connection(target_id).get("params") or {}
                return check_id(params.get("dataSetId"), "dataSetId")
        except AepError as error:
            self.log.debug("The dataset of dataflow %s is unknown: %s", flow.get("id"), error)
        return None

    def act_on_flow(self, flow_id: str, op: str) -> dict[str, Any]:
        """Act on a dataflow: ``enable``, ``disable`` or ``publish``."""
        return self.act_on(FLOWS, flow_id, op)

    def delete_flow(self, flow_id: str) -> None:
        """Delete a dataflow. The ingested data stays."""
        self.delete_entity(FLOWS, flow_id)

    def create_run(self, flow_id: str, params: Mapping[str, Any]) -> str:
        """Start a run on demand with one POST, for a dataflow with ``frequency`` ``once``."""
        body = {"flowId": check_id(flow_id, "flow_id"), "params": dict(params)}
        return str(self.create_entity(RUNS, body))

    def list_runs(self, flow_id: str) -> list[dict[str, Any]]:
        """List all runs of a dataflow, from every page."""
        checked = check_id(flow_id, "flow_id")
        found = self.list_entities(RUNS, [("flowId", checked)])
        return [item for item in found if item.get("flowId", checked) == checked]

    def run_pages(self, started_from: float) -> Iterator[list[dict[str, Any]]]:
        """Yield the runs of all dataflows that started at a time (epoch seconds) or later, page by page.

        Runs of destinations are among them.
        """
        return self.pages(requests.list_runs_from(started_from))

    def list_newest_runs(self, flow_ids: Sequence[str]) -> tuple[list[dict[str, Any]], bool]:
        """List the newest runs of up to 100 dataflows with one request, at most 100 runs.

        :return: the runs, and whether they are all runs of these dataflows
        """
        pager = Pager(requests.list_newest_runs_of(flow_ids), self.settings.base_url, LINKED)
        assert pager.call is not None
        found = pager.take(self.call(pager.call))
        return found, pager.call is None

    def get_run(self, run_id: str) -> dict[str, Any]:
        """Get one run."""
        return self.get_entity(RUNS, run_id)

    def retrigger_run(self, run_id: str) -> str:
        """Retry a failed run by the action ``re-trigger``. Return the new run's id; the failed run stays."""
        return replies.read_created_id(self.act_on(RUNS, run_id, "re-trigger"), "A re-trigger")

    def find_streaming_endpoint(self, flow_id: str) -> str | None:
        """Return a dataflow's streaming endpoint; None if the platform fetches the records itself.

        The dataflow shows it as ``inletUrl`` (LAVA's tutorial), or the base connection does (the HTTP API's).
        """
        flow = self.get_flow(flow_id)
        shown = [flow.get("options")]
        for source_id in flow.get("sourceConnectionIds") or []:
            if base_id := self.get_source_connection(source_id).get("baseConnectionId"):
                base = self.get_entity(CONNECTIONS, base_id)
                params = replies.auth_of(base)[1]
                # the endpoint is the result, and not a secret
                self._mask_auth({name: value for name, value in params.items() if name not in _ENDPOINT_KEYS})
                shown.append(params)
        urls = [one.get("inletUrl") for one in shown if isinstance(one, Mapping)]
        return next((url for url in urls if isinstance(url, str) and url), None)

    def find_flow_spec(self, connection_spec_id: str, *, mapped: bool = True) -> dict[str, Any]:
        """Return the flow spec that ingests this source into the data lake.

        :param mapped: whether the dataflow has a mapping set: some streams have two flow specs
        :raises AepConfigError: no flow spec does, for example because the source was withdrawn
        """
        spec = requests.choose_flow_spec(self.list_entities(FLOW_SPECS), connection_spec_id, mapped=mapped)
        if spec is not None:
            return dict(spec)
        raise AepConfigError(
            f"No flow spec of the platform takes the connection spec {connection_spec_id} as its source. "
            "Adobe may have withdrawn it (PayPal's was announced to end in June 2025): use another one.",
            parameter="source_connection_id",
        )


def _spec_id(item: Mapping[str, Any]) -> object:
    spec = item.get("connectionSpec")
    return spec.get("id") if isinstance(spec, Mapping) else None
