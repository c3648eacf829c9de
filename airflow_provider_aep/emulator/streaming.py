"""`/collection/{id}`: streaming endpoints. Follows the tutorials on HTTP API and streaming."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import payloads, settings
from airflow_provider_aep.emulator.errors import ApiError
from airflow_provider_aep.emulator.flows import ingest
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.xdm import XdmResources

FLOW_ID = "x-adobe-flow-id"
Item = dict[str, Any]


def with_endpoint(entity: Entity, request: Request) -> Entity:
    """Return a connection or a flow with a streaming endpoint, at the address that this client uses."""
    endpoint_id = secrets.token_hex(32)
    url = f"{request.url.scheme}://{request.url.netloc}/collection/{endpoint_id}"
    return replace(
        entity, hidden={**entity.hidden, settings.ENDPOINT: {"inletUrl": url, "inletId": endpoint_id}}
    )


class StreamingEndpoints:
    """Serve the streaming endpoints. They need no API key, organisation or sandbox."""

    def __init__(self, platform: Platform, resources: XdmResources) -> None:
        self._platform = platform
        self._resources = resources
        self._sequence = itertools.count(1)

    def routes(self) -> list[Route]:
        """Return the routes, below `/collection`."""
        return [Route("/{id}", self.collect, methods=["POST"])]

    async def collect(self, request: Request) -> Response:
        """Accept a message: 200, also if its record does not fit; that shows in its batch."""
        endpoint_id = request.path_params["id"]
        owner = self._owner(endpoint_id)
        if owner is None:
            raise _refusal(404, "Not Found", endpoint_id, "Inlet does not exist")
        self._check_token(owner, request)
        try:
            message = payloads.parse_json(await request.body())
        except payloads.InvalidJsonError:
            message = None
        if not isinstance(message, dict):
            raise _refusal(400, "Invalid Message Format", endpoint_id, "Message is not a JSON object")
        self._ingest(owner, endpoint_id, request, message)
        now, number = self._platform.clock.now_ms(), next(self._sequence)
        reply = {"inletId": endpoint_id, "xactionId": f"{now}:{number}:{number}", "receivedTimeMs": now}
        return payloads.reply(reply)

    def _owner(self, endpoint_id: str) -> Entity | None:
        for sandbox in settings.SANDBOXES:
            for kind in ("connections", "flows"):
                for entity in self._platform.store.all(kind, sandbox):
                    if entity.hidden.get(settings.ENDPOINT, {}).get("inletId") == endpoint_id:
                        return entity
        return None

    def _check_token(self, owner: Entity, request: Request) -> None:
        params = owner.item.get("auth", {}).get("params", {})
        if str(params.get("authenticationRequired", False)).lower() != "true":
            return
        _, _, token = request.headers.get("authorization", "").partition(" ")
        if not self._platform.token_is_valid(token.strip()):
            raise ApiError(
                401,
                {
                    "type": "https://ns.adobe.com/adobecloud/problem/data-collection-service-authorization",
                    "status": "401",
                    "title": "Authorization",
                    "report": {"message": "[id] Ims service token is empty"},
                },
            )

    def _ingest(self, owner: Entity, endpoint_id: str, request: Request, message: Item) -> None:
        header, row = _unpacked(message)
        if header is None and owner.item.get("auth", {}).get("params", {}).get("dataType") == "xdm":
            raise _refusal(400, "Invalid XDM Message Format", endpoint_id, "Message has unknown xdm format")
        sent = request.headers.get(FLOW_ID) or request.query_params.get(FLOW_ID)
        flow = self._flow(owner, sent or (header or {}).get("flowId"))
        plan = self._plan(owner, flow, header)
        if self._platform.store.get("datasets", owner.sandbox, plan["dataset"]) is None:
            raise _refusal(
                400, "Invalid Message Format", endpoint_id, "Message belongs to no enabled dataflow"
            )
        outcome = ingest.fitted(self._platform, self._resources, owner.sandbox, plan, [row])
        now, batch_id = self._platform.clock.now_ms(), ingest.new_batch_id()
        batch = ingest.new_batch(self._platform, owner.sandbox, batch_id, plan, outcome, (now, now))
        self._platform.store.put(replace(batch, hidden={**batch.hidden, "streamed": True}))

    def _plan(self, owner: Entity, flow: Entity | None, header: Item | None) -> Item:
        """Plan the ingestion: XDM goes to the dataset that it names, other messages through the mapping."""
        plan = ingest.plan(self._platform, flow) if flow else {"partial": 0, "dataset": ""}
        if header is None:
            return plan
        return {**plan, "mapping": None, "dataset": str(header.get("datasetId", plan["dataset"]))}

    def _flow(self, owner: Entity, named: object) -> Entity | None:
        """Return the dataflow that a message names, or the only one."""
        flows = [owner] if owner.kind == "flows" else self._flows(owner)
        enabled = [flow for flow in flows if flow.item["state"] == "enabled" and named in (None, flow.id)]
        return enabled[0] if len(enabled) == 1 else None

    def _flows(self, connection: Entity) -> list[Entity]:
        sources = self._platform.store.all("sourceConnections", connection.sandbox)
        ids = {source.id for source in sources if source.item.get("baseConnectionId") == connection.id}
        flows = self._platform.store.all("flows", connection.sandbox)
        return [flow for flow in flows if ids.intersection(flow.item["sourceConnectionIds"])]


def _unpacked(message: Item) -> tuple[Item | None, Item]:
    """Return header and entity of an XDM message; None and the message for any other."""
    header, body = message.get("header"), message.get("body")
    entity = body.get("xdmEntity") if isinstance(body, dict) else None
    if isinstance(header, dict) and isinstance(entity, dict):
        return header, entity
    return None, message


def _refusal(status: int, title: str, endpoint_id: str, reason: str) -> ApiError:
    """Build an error as in the guide on streaming ingestion."""
    kind = "http://ns.adobe.com/adobecloud/problem/data-collection-service/inlet"
    message = f"inletId: [{endpoint_id}] imsOrgId: [{settings.ORG_ID}] {reason}"
    return ApiError(status, {"type": kind, "status": status, "title": title, "report": {"message": message}})
