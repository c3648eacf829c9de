"""Build connection specs and flow specs in the shape that Adobe documents. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_aep.emulator.settings import ENDPOINT, words

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
# The parameters of source connections that the collect tutorials name; required ones are needed by a run.
SOURCE_PARAMS: dict[str, Item] = {
    "table": {"properties": {"tableName": TEXT, "columns": COLUMNS}, "required": ["tableName"]},
    "file": {"properties": {"path": TEXT, "recursive": {"type": "boolean"}}, "required": ["path"]},
    "rest": {"properties": {"resourcePath": TEXT}, "required": []},
    "stream": {"properties": {"dataType": TEXT, "reset": TEXT}, "required": []},
}
KINDS = {"table": "Table", "file": "CloudStorage", "rest": "Rest", "stream": "Streaming"}
EXPLORED = {**KINDS, "file": "FileSystem"}
TARGET_SPEC = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"  # the data lake
DELTA_COLUMN = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "dateFormat": {"type": "string"},
        "timezone": {"type": "string"},
    },
    "required": ["name"],
}


def auth_spec(auth: Mapping[str, Any]) -> Item:
    """Return one authentication type, with a JSON Schema of its parameters."""
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
    """Return the connection spec of a source with id, name, category and family."""
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
    """Return the permissions that a user needs, as in the specs' samples."""
    return {
        "manage": {"@type": "lowLevel", "name": resource, "permissions": ["write"]},
        "view": {"@type": "lowLevel", "name": resource, "permissions": ["read"]},
    }


def _schedule_schema() -> dict[str, Any]:
    return {
        "$schema": DRAFT_07,
        "type": "object",
        "properties": {
            "startTime": {"description": "epoch time", "type": "integer"},
            "frequency": {"type": "string", "enum": ["once", "minute", "hour", "day", "week"]},
            "interval": {"type": "integer"},
            "backfill": {"type": "boolean", "default": True},
        },
        "required": ["startTime", "frequency"],
        "if": {"properties": {"frequency": {"const": "once"}}},
        "then": {"allOf": [{"not": {"required": ["interval"]}}, {"not": {"required": ["backfill"]}}]},
        "else": {
            "required": ["interval"],
            "if": {"properties": {"frequency": {"const": "minute"}}},
            "then": {"properties": {"interval": {"minimum": 15}}},
            "else": {"properties": {"interval": {"minimum": 1}}},
        },
    }


def _options_schema() -> dict[str, Any]:
    return {
        "$schema": DRAFT_07,
        "type": "object",
        "properties": {
            "errorDiagnosticsEnabled": {
                "title": "Error diagnostics.",
                "description": "Flag to enable detailed and sample error diagnostics summary.",
                "type": "boolean",
                "default": False,
            },
            "partialIngestionPercent": {
                "title": "Partial ingestion threshold.",
                "description": "Percentage which defines the threshold of errors allowed "
                "before the run is marked as failed.",
                "type": "number",
                "exclusiveMinimum": 0,
            },
        },
    }


def _transformation_specs(*, with_delta_column: bool) -> list[dict[str, Any]]:
    copy = {"$schema": DRAFT_07, "type": "object", "properties": {"deltaColumn": DELTA_COLUMN}}
    mapping = {
        "$schema": DRAFT_07,
        "type": "object",
        "description": "defines various params required for different mapping from source to target",
        "properties": {"mappingId": {"type": "string"}, "mappingVersion": {"type": "string"}},
    }
    specs: list[dict[str, Any]] = [{"name": "Mapping", "spec": mapping}]
    if with_delta_column:
        specs.insert(0, {"name": "Copy", "spec": {**copy, "required": ["deltaColumn"]}})
    return specs


def _run_schema(*, with_delta_column: bool) -> dict[str, Any]:
    times = ("startTime", "windowStartTime", "windowEndTime")
    properties: dict[str, Any] = {name: {"type": "integer", "description": "epoch time"} for name in times}
    if with_delta_column:
        properties["deltaColumn"] = DELTA_COLUMN
    return {"$schema": DRAFT_07, "type": "object", "properties": properties, "required": list(properties)}


def flow_spec(entry: Mapping[str, Any], source_ids: Sequence[str], *, drafts: bool) -> dict[str, Any]:
    """Return the flow spec of an entry in `data/flow_specs.json`, for the sources that are offered."""
    stream = entry["family"] == "stream"
    return {
        "id": entry["id"],
        "name": entry["name"],
        "providerId": STREAM_PROVIDER if stream else PROVIDER,
        "version": "1.0",
        "sourceConnectionSpecIds": list(source_ids),
        "targetConnectionSpecIds": [TARGET_SPEC],
        **(_streaming_parts(entry) if stream else _batch_parts(with_delta_column=entry["family"] == "table")),
        "attributes": {
            "isSourceFlow": True,
            "flacValidationSupported": True,
            "isDraftModeSupported": drafts,
            "frequency": "streaming" if stream else "batch",
            "notification": {"category": "sources", "flowRun": {"enabled": True}},
        },
        "permissionsInfo": permissions("StreamingSource" if stream else "EnterpriseSource"),
    }


def _batch_parts(*, with_delta_column: bool) -> dict[str, Any]:
    return {
        "optionSpec": {"name": "OptionSpec", "spec": _options_schema()},
        "transformationSpecs": _transformation_specs(with_delta_column=with_delta_column),
        "scheduleSpec": {"name": "PeriodicSchedule", "type": "Periodic", "spec": _schedule_schema()},
        "runSpec": {"name": "ProviderParams", "spec": _run_schema(with_delta_column=with_delta_column)},
    }


def _streaming_parts(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a streaming spec: no schedule, and no runs on demand."""
    options = _options_schema()
    if entry.get(ENDPOINT):
        text = {"title": "Inlet Url.", "description": "Inlet Url which defines the streaming endpoint."}
        options["properties"]["inletUrl"] = {**text, "type": "string"}
    mapped = entry.get("mapping", True)
    return {
        "optionSpec": {"name": "OptionSpec", "spec": options},
        "transformationSpecs": _transformation_specs(with_delta_column=False) if mapped else [],
    }
