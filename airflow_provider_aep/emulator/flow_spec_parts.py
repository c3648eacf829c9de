"""The JSON Schemas inside a flow spec, as the collect tutorials print them."""

from __future__ import annotations

from typing import Any

DRAFT_07 = "http://json-schema.org/draft-07/schema#"
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


def parts(*, with_delta_column: bool, drafts: bool) -> dict[str, Any]:
    """Everything of a flow spec below its ids."""
    return {
        "optionSpec": {"name": "OptionSpec", "spec": _options()},
        "transformationSpecs": _transformations(with_delta_column=with_delta_column),
        "scheduleSpec": {"name": "PeriodicSchedule", "type": "Periodic", "spec": _schedule()},
        "runSpec": {"name": "ProviderParams", "spec": _run(with_delta_column=with_delta_column)},
        "attributes": {
            "isSourceFlow": True,
            "flacValidationSupported": True,
            "isDraftModeSupported": drafts,
            "frequency": "batch",
            "notification": {"category": "sources", "flowRun": {"enabled": True}},
        },
    }
