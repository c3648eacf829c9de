"""`/conversion/mappingSets`: mapping sets. Follows Adobe's Data Prep OpenAPI, which shows no error bodies."""

from __future__ import annotations

import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import payloads
from airflow_provider_aep.emulator.entities import ACCOUNT, shown
from airflow_provider_aep.emulator.errors import plain_not_found
from airflow_provider_aep.emulator.mapping import (
    BadExpressionError,
    at_version,
    parse_expression,
    read_mapping_set,
)
from airflow_provider_aep.emulator.payloads import InvalidInputError
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.xdm import XdmResources

KIND = "mappingSets"
SUMMARY = ("id", "version", "createdDate", "modifiedDate", "createdBy", "modifiedBy")
Item = dict[str, Any]


class DataPrep:
    """Serve the mapping sets of one emulator."""

    def __init__(self, platform: Platform, resources: XdmResources) -> None:
        self._platform = platform
        self._resources = resources

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/mappingSets", self.list_all, methods=["GET"]),
            Route("/mappingSets", self.create, methods=["POST"]),
            Route("/mappingSets/validate", self.validate, methods=["POST"]),
            Route("/mappingSets/{id}", self.get, methods=["GET"]),
            Route("/mappingSets/{id}", self.replace, methods=["PUT"]),
            Route("/mappingSets/{id}/mappings", self.get_mappings, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """Create a mapping set from either documented body: 200, not 201."""
        sandbox = request.scope["state"]["sandbox"]
        content = self._checked(sandbox, await request.body())
        now = self._platform.created_at(sandbox)
        item = {
            "createdAt": now,
            "id": uuid.uuid4().hex,
            "version": 0,
            "createdDate": now,
            "modifiedDate": now,
            "createdBy": ACCOUNT,
            "modifiedBy": ACCOUNT,
            **content,
        }
        self._platform.store.put(Entity(KIND, sandbox, item["id"], item))
        return payloads.reply({name: item[name] for name in SUMMARY})

    async def replace(self, request: Request) -> Response:
        """Replace a set: 200, its version one higher. Dataflows keep the version that they name."""
        entity = self._find(request)
        content = self._checked(entity.sandbox, await request.body())
        version = entity.item["version"]
        kept = {name: value for name, value in entity.item.items() if name != "name"}
        item = {**kept, **content, "version": version + 1, "modifiedDate": self._platform.clock.now_ms()}
        versions = {**entity.hidden.get("versions", {}), str(version): entity.item}
        self._platform.store.put(Entity(KIND, entity.sandbox, entity.id, item, {"versions": versions}))
        return payloads.reply(shown(item))

    async def get(self, request: Request) -> Response:
        """Return the set, the newest or `version`. No document shows the reply for an unknown version."""
        entity = self._find(request)
        params = request.query_params
        version = payloads.number_param(params, "version") if "version" in params else None
        item = at_version(entity, version)
        if item is None:
            raise plain_not_found(f"Mapping set {entity.id} has no version {version}")
        return payloads.reply(shown(item))

    async def get_mappings(self, request: Request) -> Response:
        """Return only the mappings."""
        return payloads.reply(self._find(request).item["mappings"])

    async def list_all(self, request: Request) -> Response:
        """Return a page; `limit` and `start` are both required."""
        limit, start = (payloads.number_param(request.query_params, name) for name in ("limit", "start"))
        if limit < 1:
            raise InvalidInputError("limit must be a whole number")
        entities = self._platform.listed(KIND, request.scope["state"]["sandbox"])
        name = request.query_params.get("name")
        found = [shown(e.item) for e in entities if name is None or e.item.get("name") == name]
        page = found[start : start + limit]
        links: Item = {}
        if len(found) > start + limit:
            links["next"] = {"href": f"/mappingSets?limit={limit}&start={start + limit}", "templated": False}
        return payloads.reply({"data": page, "_page": {"count": len(page), "limit": limit}, "_links": links})

    async def validate(self, request: Request) -> Response:
        """Validate each mapping; nothing is stored."""
        sandbox = request.scope["state"]["sandbox"]
        content = read_mapping_set(payloads.parse_object(await request.body()))
        reasons = self._problems(sandbox, content)
        return payloads.reply(
            {
                "validationResponse": [
                    {"status": "FAILED", "errors": [{**_ends_of(mapping), "exception": reason}]}
                    if reason
                    else {"status": "SUCCESS", "errors": []}
                    for mapping, reason in zip(content["mappings"], reasons, strict=True)
                ]
            }
        )

    def _checked(self, sandbox: str, raw: bytes) -> Item:
        content = read_mapping_set(payloads.parse_object(raw))
        for reason in self._problems(sandbox, content):
            if reason:
                raise InvalidInputError(reason)
        return content

    def _problems(self, sandbox: str, content: Item) -> list[str | None]:
        """Return for each mapping why it is invalid, or None."""
        schema = content["outputSchema"]["schemaRef"]["id"]
        fields = self._resources.schema_fields(sandbox, schema)
        if fields is None:
            return [f"The schema {schema} could not be found"] * len(content["mappings"])
        return [_problem(mapping, fields) for mapping in content["mappings"]]

    def _find(self, request: Request) -> Entity:
        set_id = request.path_params["id"]
        entity = self._platform.store.get(KIND, request.scope["state"]["sandbox"], set_id)
        if entity is None:
            raise plain_not_found(f"There is no mapping set {set_id}")
        return entity


def _problem(mapping: Item, fields: Item) -> str | None:
    if mapping["destination"] not in fields:
        return f"The destination {mapping['destination']} is not in the output schema"
    if mapping["sourceType"] == "EXPRESSION":
        try:
            parse_expression(mapping["source"])
        except BadExpressionError as error:
            return f"The expression for {mapping['destination']} is invalid: {error}"
    return None


def _ends_of(mapping: Item) -> Item:
    return {name: mapping[name] for name in ("source", "destination", "sourceType")}
