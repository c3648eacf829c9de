"""Flow Service after the base connection: source and target connections, dataflows, their specs and runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_aep.flow_service import replies
from airflow_provider_aep.flow_service.errors import AepConfigError, AepError
from airflow_provider_aep.flow_service.requests import (
    FLOWS,
    SOURCE_CONNECTIONS,
    TARGET_CONNECTIONS,
    list_flow_specs,
    maps,
)
from airflow_provider_aep.flow_service.validation import check_id
from airflow_provider_aep.hooks._collections import Collections


class Dataflows(Collections):
    """The part of :class:`~airflow_provider_aep.hooks.flow_service.FlowServiceHook` that moves data."""

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
