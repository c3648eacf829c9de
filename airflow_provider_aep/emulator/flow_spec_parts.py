"""What a flow spec says, as the collect tutorials and the self-serve guides print it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_aep.emulator.spec_bodies import DRAFT_07, PROVIDER, STREAM_PROVIDER, permissions

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


def _schedule() -> dict[str, Any]:
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


def _options() -> dict[str, Any]:
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


def _transformations(*, with_delta_column: bool) -> list[dict[str, Any]]:
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


def _run(*, with_delta_column: bool) -> dict[str, Any]:
    times = ("startTime", "windowStartTime", "windowEndTime")
    properties: dict[str, Any] = {name: {"type": "integer", "description": "epoch time"} for name in times}
    if with_delta_column:
        properties["deltaColumn"] = DELTA_COLUMN
    return {"$schema": DRAFT_07, "type": "object", "properties": properties, "required": list(properties)}


def flow_spec(entry: Mapping[str, Any], source_ids: Sequence[str], *, drafts: bool) -> dict[str, Any]:
    """`entry` is one of `data/flow_specs.json`; the sources are those that are offered."""
    stream = entry["family"] == "stream"
    return {
        "id": entry["id"],
        "name": entry["name"],
        "providerId": STREAM_PROVIDER if stream else PROVIDER,
        "version": "1.0",
        "sourceConnectionSpecIds": list(source_ids),
        "targetConnectionSpecIds": [TARGET_SPEC],
        **(_streaming(entry) if stream else _batch(with_delta_column=entry["family"] == "table")),
        "attributes": {
            "isSourceFlow": True,
            "flacValidationSupported": True,
            "isDraftModeSupported": drafts,
            "frequency": "streaming" if stream else "batch",
            "notification": {"category": "sources", "flowRun": {"enabled": True}},
        },
        "permissionsInfo": permissions("StreamingSource" if stream else "EnterpriseSource"),
    }


def _batch(*, with_delta_column: bool) -> dict[str, Any]:
    return {
        "optionSpec": {"name": "OptionSpec", "spec": _options()},
        "transformationSpecs": _transformations(with_delta_column=with_delta_column),
        "scheduleSpec": {"name": "PeriodicSchedule", "type": "Periodic", "spec": _schedule()},
        "runSpec": {"name": "ProviderParams", "spec": _run(with_delta_column=with_delta_column)},
    }


def _streaming(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Neither schedule nor runs on demand: rows come when they come."""
    options = _options()
    if entry.get("inlet"):
        text = {"title": "Inlet Url.", "description": "Inlet Url which defines the streaming endpoint."}
        options["properties"]["inletUrl"] = {**text, "type": "string"}
    mapped = entry.get("mapping", True)
    return {
        "optionSpec": {"name": "OptionSpec", "spec": options},
        "transformationSpecs": _transformations(with_delta_column=False) if mapped else [],
    }
