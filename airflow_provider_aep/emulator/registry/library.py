"""What Adobe ships: the global classes, behaviours and field groups a payments schema is made of."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

LIBRARY_VERSION = "1.49.2"


@cache
def library() -> dict[str, dict[str, Any]]:
    """By `$id`. Titles and ids are Adobe's; of their fields those that most data needs."""
    text = (resources.files("airflow_provider_aep.emulator") / "data" / "xdm_global.json").read_text("utf-8")
    return {entry["$id"]: _resource(entry) for entry in json.loads(text)}


def _resource(entry: dict[str, Any]) -> dict[str, Any]:
    kind = entry["container"]
    fields = {"type": "object", "properties": entry["properties"], "meta:xdmType": "object"}
    resource: dict[str, Any] = {
        "$id": entry["$id"],
        "meta:altId": alt_id(entry["$id"]),
        "meta:resourceType": "mixins" if kind == "fieldgroups" else kind,
        "version": "1",
        "title": entry["title"],
        "type": "object",
        "description": entry["description"],
        "definitions": {"fields": fields},
        "allOf": [{"$ref": "#/definitions/fields", "type": "object", "meta:xdmType": "object"}],
        "meta:extensible": True,
        "meta:abstract": True,
        "meta:xdmType": "object",
        "meta:status": "stable",
        "$schema": "http://json-schema.org/draft-06/schema#",
        "meta:containerId": "global",
    }
    if kind == "classes":
        inherited = [x for x in entry["extends"] if "/data/" in x]
        resource["allOf"] = [*({"$ref": x} for x in inherited), *resource["allOf"]]
        resource["meta:extends"] = entry["extends"]
    if kind == "fieldgroups":
        resource["meta:intendedToExtend"] = entry["intendedToExtend"]
    return resource


def alt_id(resource_id: str) -> str:
    """`https://ns.adobe.com/xdm/context/profile` is `_xdm.context.profile`."""
    return "_" + resource_id.removeprefix("https://ns.adobe.com/").replace("/", ".")
