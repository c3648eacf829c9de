"""`/connectionSpecs` and `/flowSpecs`: what the platform offers. From Adobe's source tutorials."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_aep.emulator import filters, flow_spec_parts, jsonio
from airflow_provider_aep.emulator.errors import flow_error, not_found
from airflow_provider_aep.emulator.settings import Settings, words

PAYPAL_SPEC = "221c7626-58f6-4eec-8ee2-042b0226f03b"
PROVIDER = "0ed90a81-07f4-4586-8190-b40eccef1c5a"  # the Azure Data Factory provider of Adobe's samples
TARGET_SPEC = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"  # the data lake
DRAFT_07 = "http://json-schema.org/draft-07/schema#"

SECRET_PARAMS = words(
    """accessKey accessToken clientSecret connectionString credentials developerToken jwtToken passPhrase
    password privateKeyContent refreshToken s3AccessKey s3SecretKey s3SessionToken sasKey sasUri
    secretAccessKey secretKey securityToken servicePrincipalKey"""
)
# What GET may show: a place, never a credential. Identifiers of accounts are left out as well.
PLAIN_PARAMS = words(
    """apiVersion bucketName catalog database domain eventHubName folderPath host httpPath namespace port
    project projectId region role schema server serviceUri serviceUrl subdomain tenant topicName
    warehouse"""
)
NUMBERS = frozenset(("port", "maxConcurrentConnections"))
FLAGS = frozenset(("disableChunking", "enableSsl", "authenticationRequired", "includeDeletedObjects"))
PERMISSIONS = {
    "manage": {"@type": "lowLevel", "name": "EnterpriseSource", "permissions": ["write"]},
    "view": {"@type": "lowLevel", "name": "EnterpriseSource", "permissions": ["read"]},
}


def _data(name: str) -> Any:
    return json.loads((resources.files(__package__) / "data" / name).read_text("utf-8"))


@cache
def sources() -> tuple[dict[str, Any], ...]:
    """The documented sources: id, name, category, flow spec, and each authentication's parameters."""
    return tuple(_data("sources.json"))


def _param(name: str, default: str | None) -> dict[str, Any]:
    kind: object = "string"
    if name in NUMBERS or name in FLAGS:  # the tutorials send them as strings, the schemas type them
        kind = ["string", "integer" if name in NUMBERS else "boolean"]
    schema: dict[str, Any] = {"type": kind, "description": f"The {name} of the account"}
    if kind == "string":
        schema["minLength"] = 1
    if name in SECRET_PARAMS:
        schema["format"] = "password"
    if default is not None:
        schema["default"] = default
    return schema


def _auth_spec(auth: dict[str, Any]) -> dict[str, Any]:
    defaults = auth.get("defaults", {})
    basic = "basic" in auth["name"].lower()
    return {
        "name": auth["name"],
        "type": "BasicAuthentication" if basic else "KeyBased",
        "spec": {
            "$schema": DRAFT_07,
            "type": "object",
            "description": f"Defines auth params required for {auth['name']}",
            "properties": {p: _param(p, defaults.get(p)) for p in (*auth["required"], *auth["optional"])},
            "required": [p for p in auth["required"] if p not in defaults],
        },
    }


def _connection_spec(source: dict[str, Any], *, drafts: bool) -> dict[str, Any]:
    files = source["flowSpec"] == "CloudStorageToAEP"
    kind = "FileSystem" if files else "Table"
    needed = {"path": {"type": "string"}} if files else {"tableName": {"type": "string"}}
    return {
        "id": source["id"],
        "name": source["name"],
        "providerId": PROVIDER,
        "version": "1.0",
        "authSpec": [_auth_spec(auth) for auth in source["auth"]],
        "sourceSpec": {
            "name": "CloudStorage" if files else "Table",
            "type": "CloudStorage" if files else "Table",
            "spec": {"$schema": DRAFT_07, "type": "object", "properties": needed, "required": list(needed)},
            "attributes": {"uiAttributes": {"isSource": True, "label": {"key": source["name"]}}},
        },
        "exploreSpec": {"name": kind, "type": kind},
        "attributes": {
            "category": source["category"],
            "connectorName": source["name"],
            "isSource": True,
            "isDraftModeSupported": drafts,
            "uiAttributes": {"apiFeatures": {"explorePaginationSupported": False}},
        },
        "permissionsInfo": PERMISSIONS,
    }


class Specs:
    """The catalogue of one emulator, and the endpoints that show it."""

    def __init__(self, settings: Settings) -> None:
        gone = {PAYPAL_SPEC} if settings.paypal == "removed" else set()
        offered = [source for source in sources() if source["id"] not in gone]
        self.sources = {source["id"]: source for source in offered}
        drafts = settings.drafts == "on"
        self.connection_specs = {s["id"]: _connection_spec(s, drafts=drafts) for s in offered}
        self.flow_specs = {
            entry["id"]: _flow_spec(entry, offered, drafts=drafts) for entry in _data("flow_specs.json")
        }

    def routes(self) -> list[Route]:
        """Their paths."""
        return [
            Route("/connectionSpecs", self.list_connection_specs),
            Route("/connectionSpecs/{id}", self.get_connection_spec),
            Route("/flowSpecs", self.list_flow_specs),
            Route("/flowSpecs/{id}", self.get_flow_spec),
        ]

    def check_reference(self, reference: object) -> dict[str, Any]:
        """The spec that `{"id", "version"}` in a body means; 1413 when there is none."""
        if not isinstance(reference, dict) or not isinstance(reference.get("id"), str):
            raise flow_error("1413-400")
        spec = self.connection_specs.get(reference["id"])
        # "Omitting this value will default to the most recent version", says Adobe's OpenAPI.
        if spec is None or reference.get("version", spec["version"]) != spec["version"]:
            raise flow_error("1413-400")
        return spec

    async def list_connection_specs(self, request: Request) -> Response:
        """All, or those `property` lets through."""
        return _listed(request, self.connection_specs)

    async def get_connection_spec(self, request: Request) -> Response:
        """One, in an array all the same."""
        return _single(request, self.connection_specs, "connectionSpecs")

    async def list_flow_specs(self, request: Request) -> Response:
        """All, or those `property` lets through."""
        return _listed(request, self.flow_specs)

    async def get_flow_spec(self, request: Request) -> Response:
        """One, in an array all the same."""
        return _single(request, self.flow_specs, "flowSpecs")


def _flow_spec(entry: dict[str, Any], offered: list[dict[str, Any]], *, drafts: bool) -> dict[str, Any]:
    return {
        "id": entry["id"],
        "name": entry["name"],
        "providerId": PROVIDER,
        "version": "1.0",
        "sourceConnectionSpecIds": [s["id"] for s in offered if s["flowSpec"] == entry["name"]],
        "targetConnectionSpecIds": [TARGET_SPEC],
        **flow_spec_parts.parts(with_delta_column=entry["deltaColumn"], drafts=drafts),
        "permissionsInfo": PERMISSIONS,
    }


def _listed(request: Request, specs: dict[str, dict[str, Any]]) -> Response:
    unknown = [name for name in request.query_params if name != "property"]
    if unknown:
        raise flow_error("1451-400", param=unknown[0])
    texts = request.query_params.getlist("property")
    conditions = [filters.parse(text, filters.SPEC_FIELDS) for text in texts]
    return jsonio.reply({"items": [s for s in specs.values() if filters.matches(s, conditions)]})


def _single(request: Request, specs: dict[str, dict[str, Any]], kind: str) -> Response:
    spec = specs.get(request.path_params["id"])
    if spec is None:
        raise not_found(kind, request.path_params["id"])
    return jsonio.reply({"items": [spec]})
