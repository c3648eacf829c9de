"""What a connection spec says, in the shape of Adobe's Flow Service OpenAPI. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_aep.emulator.settings import words

PROVIDER = "0ed90a81-07f4-4586-8190-b40eccef1c5a"  # the Azure Data Factory provider of Adobe's samples
STREAM_PROVIDER = "521eee4d-8cbe-4906-bb48-fb6bd4450033"
DRAFT_07 = "http://json-schema.org/draft-07/schema#"
Item = dict[str, Any]

SECRET_PARAMS = words(
    """accessKey accessToken clientSecret connectionString credentials developerToken jwtToken passPhrase
    password privateKeyContent refreshToken s3AccessKey s3SecretKey s3SessionToken sasKey sasUri
    secretAccessKey secretKey securityToken servicePrincipalKey"""
)
NUMBERS = frozenset(("port", "maxConcurrentConnections"))
FLAGS = frozenset(("disableChunking", "enableSsl", "authenticationRequired", "includeDeletedObjects"))

TEXT: Item = {"type": "string"}
COLUMNS: Item = {"type": "array", "items": {"type": "object"}}
# The parameters of source connections: those the collect tutorials name. Required is what a run cannot do
# without here.
SOURCE_PARAMS: dict[str, Item] = {
    "table": {"properties": {"tableName": TEXT, "columns": COLUMNS}, "required": ["tableName"]},
    "file": {"properties": {"path": TEXT, "recursive": {"type": "boolean"}}, "required": ["path"]},
    "rest": {"properties": {"resourcePath": TEXT}, "required": []},
    "stream": {"properties": {"dataType": TEXT, "reset": TEXT}, "required": []},
}
KINDS = {"table": "Table", "file": "CloudStorage", "rest": "Rest", "stream": "Streaming"}
EXPLORED = {**KINDS, "file": "FileSystem"}


def auth_spec(auth: Mapping[str, Any]) -> Item:
    """One way to authenticate, with a JSON Schema of its parameters."""
    defaults = auth.get("defaults", {})
    return {
        "name": auth["name"],
        "type": "BasicAuthentication" if "basic" in auth["name"].lower() else "KeyBased",
        "spec": {
            "$schema": DRAFT_07,
            "type": "object",
            "description": f"Defines auth params required for {auth['name']}",
            "properties": {
                name: _param(name, defaults.get(name)) for name in (*auth["required"], *auth["optional"])
            },
            "required": [name for name in auth["required"] if name not in defaults],
        },
    }


def _param(name: str, default: object) -> Item:
    kind: object = "string"
    if name in NUMBERS or name in FLAGS:  # the tutorials send them as strings, the schemas type them
        kind = ["string", "integer" if name in NUMBERS else "boolean"]
    schema: Item = {"type": kind, "description": f"The {name} of the account"}
    if kind == "string":
        schema["minLength"] = 1
    if name in SECRET_PARAMS:
        schema["format"] = "password"
    if default is not None:
        schema["default"] = default
    return schema


def connection_spec(source: Mapping[str, Any], auth_specs: Sequence[Item], *, drafts: bool) -> Item:
    """`source` has an id, a name, a category and a family."""
    family = source["family"]
    spec = {"$schema": DRAFT_07, "type": "object", **SOURCE_PARAMS[family]}
    return {
        "id": source["id"],
        "name": source["name"],
        "providerId": STREAM_PROVIDER if family == "stream" else PROVIDER,
        "version": "1.0",
        "authSpec": list(auth_specs),
        "sourceSpec": {
            "name": KINDS[family],
            "type": KINDS[family],
            "spec": spec,
            "attributes": {"uiAttributes": {"isSource": True, "label": {"key": source["name"]}}},
        },
        "exploreSpec": {"name": EXPLORED[family], "type": EXPLORED[family]},
        "attributes": {
            "category": source["category"],
            "connectorName": source["name"],
            "isSource": True,
            "isDraftModeSupported": drafts,
            "uiAttributes": {"apiFeatures": {"explorePaginationSupported": False}},
        },
        "permissionsInfo": permissions("StreamingSource" if family == "stream" else "EnterpriseSource"),
    }


def permissions(resource: str) -> Item:
    """What a user needs, in the words of the specs' samples."""
    return {
        "manage": {"@type": "lowLevel", "name": resource, "permissions": ["write"]},
        "view": {"@type": "lowLevel", "name": resource, "permissions": ["read"]},
    }
