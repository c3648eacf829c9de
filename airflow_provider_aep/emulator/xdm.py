"""XDM resources: those of a tenant, Adobe's global ones, their fields, and the registry's errors."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import cache
from typing import Any

from airflow_provider_aep.emulator import payloads, settings
from airflow_provider_aep.emulator.entities import ACCOUNT
from airflow_provider_aep.emulator.errors import ApiError
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.store import Entity

NAMESPACE = f"_{settings.TENANT_ID}"
# The container's name in a path, the name in an id, and the singular of the troubleshooting guide.
KINDS = {"schemas": "schema", "fieldgroups": "field group", "classes": "class", "datatypes": "data type"}
IN_IDS = {"fieldgroups": "mixins"}
KEPT = (
    "title",
    "description",
    "type",
    "allOf",
    "definitions",
    "properties",
    "required",
    "meta:immutableTags",
    "meta:intendedToExtend",
)
Resource = dict[str, Any]
Lookup = Callable[[str], Resource | None]
GLOBAL_VERSION = "1.49.2"
# The guide's own words. If the guide allows several codes for one error, this is the first.
TITLES = {
    "XDM-1006-400": "Accept header invalid",
    "XDM-1007-400": "Accept header invalid",
    "XDM-1010-404": "Resource not found",
    "XDM-1021-400": "Namespace validation error",
    "XDM-1521-400": "Title not unique",
}


class XdmResources:
    """Find, create and change the resources of all sandboxes; find Adobe's global ones."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def find(self, sandbox: str, kind: str, text: str) -> Entity | None:
        """Return a tenant's resource by `$id` or `meta:altId`; the last part of both is the same."""
        tail = text.rsplit("/", 1)[-1].rsplit(".", 1)[-1]
        entity = self._platform.store.get(kind, sandbox, tail)
        if entity is None or text not in (entity.item["$id"], entity.item["meta:altId"]):
            return None
        return entity

    def lookup(self, sandbox: str, resource_id: str) -> dict[str, Any] | None:
        """Return the resource of a `$ref`, global or of the tenant."""
        if resource_id in global_resources():
            return global_resources()[resource_id]
        for kind in KINDS:
            entity = self.find(sandbox, kind, resource_id)
            if entity is not None:
                return entity.item
        return None

    def schema_fields(self, sandbox: str, schema_id: str) -> dict[str, dict[str, Any]] | None:
        """Return the fields of a schema by their dotted paths; None if the schema does not exist."""
        entity = self.find(sandbox, "schemas", schema_id)
        if entity is None:
            return None
        return dict(leaves(properties(entity.item, lambda text: self.lookup(sandbox, text))))

    def create(self, sandbox: str, kind: str, body: dict[str, Any]) -> Entity:
        """Create a resource, version 1.0. Titles are unique over all kinds, as the guide says."""
        self._check(sandbox, kind, body)
        self._check_title(sandbox, str(body["title"]), None)
        now = self._platform.created_at(sandbox)
        tail = uuid.uuid4().hex + uuid.uuid4().hex[:16]
        path = IN_IDS.get(kind, kind)
        item = {
            "$id": f"https://ns.adobe.com/{settings.TENANT_ID}/{path}/{tail}",
            "meta:altId": f"{NAMESPACE}.{path}.{tail}",
            "meta:resourceType": path,
            "version": "1.0",
            **{name: body[name] for name in KEPT if name in body},
            "allOf": [_typed(part) for part in body.get("allOf", [])],
            "imsOrg": settings.ORG_ID,
            "meta:extensible": kind != "schemas",
            "meta:abstract": kind != "schemas",
            "meta:xdmType": "object",
            "meta:containerId": "tenant",
            "meta:sandboxId": settings.SANDBOXES[sandbox],
            "meta:sandboxType": "production" if sandbox == "prod" else "development",
            "meta:tenantNamespace": NAMESPACE,
            "createdAt": now,
        }
        item["description"] = body.get("description", "")
        if kind in ("schemas", "classes"):
            item |= self._lineage(sandbox, item["allOf"], kind)
        return Entity(kind, sandbox, tail, _stamped(item, now))

    def changed(self, entity: Entity, body: dict[str, Any]) -> Entity:
        """Return a copy with new content and the next minor version."""
        self._check(entity.sandbox, entity.kind, body)
        self._check_title(entity.sandbox, body["title"], entity.id)
        major, minor = entity.item["version"].split(".")
        item = {**entity.item, **{name: body[name] for name in KEPT if name in body}}
        item["allOf"] = [_typed(part) for part in body.get("allOf", [])]
        item["version"] = f"{major}.{int(minor) + 1}"
        if entity.kind in ("schemas", "classes"):
            item |= self._lineage(entity.sandbox, item["allOf"], entity.kind)
        stamped = _stamped(item, self._platform.clock.now_ms())
        return Entity(entity.kind, entity.sandbox, entity.id, stamped, entity.hidden)

    def _lineage(self, sandbox: str, parts: list[dict[str, Any]], kind: str) -> dict[str, Any]:
        references = [_reference(part) for part in parts if _reference(part)]
        extends: dict[str, None] = {}
        for reference in references:
            resource = self.lookup(sandbox, reference) or {}
            extends |= dict.fromkeys([*resource.get("meta:extends", ()), reference])
        lineage: dict[str, Any] = {"meta:extends": list(extends)}
        if kind == "schemas":
            classes = (x for x in references if self._is_class(sandbox, x))
            lineage |= {"refs": references, "meta:class": next(classes)}
        return lineage

    def _is_class(self, sandbox: str, resource_id: str) -> bool:
        resource = self.lookup(sandbox, resource_id)
        return resource is not None and resource["meta:resourceType"] == "classes"

    def _check_title(self, sandbox: str, title: str, own: str | None) -> None:
        for kind in KINDS:
            for other in self._platform.store.all(kind, sandbox):
                if other.item["title"] == title and other.id != own:
                    message = "Object titles must be unique. An object {} already exists with the same title"
                    raise xdm_error(
                        "XDM-1521-400", message.format(other.item["$id"]), self._platform.clock.now()
                    )

    def _check(self, sandbox: str, kind: str, body: dict[str, Any]) -> None:
        now = self._platform.clock.now()
        if body.get("type") != "object":
            raise bad_format("'type' must be 'object'.", now)
        if not isinstance(body.get("title"), str) or not body["title"].strip():
            raise bad_format("'title' is required and must be a string.", now)
        if not isinstance(body.get("description", ""), str):
            raise bad_format("'description' must be a string.", now)
        parts = body.get("allOf", [])
        if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
            raise bad_format("'allOf' must be an array of objects.", now)
        for reference in filter(None, map(_reference, parts)):
            if not reference.startswith("#/") and self.lookup(sandbox, reference) is None:
                raise not_found("referenced", reference, "1", now)
        if kind in ("schemas", "classes") and not parts:
            raise bad_format("'allOf' is required.", now)
        if kind == "schemas" and sum(self._is_class(sandbox, _reference(part)) for part in parts) != 1:
            raise bad_format("'allOf' must refer to exactly one class.", now)
        if kind == "fieldgroups" and not _texts(body.get("meta:intendedToExtend")):
            raise bad_format("'meta:intendedToExtend' must be an array of class ids.", now)
        if kind != "datatypes":
            self._check_namespace(body)

    def _check_namespace(self, body: dict[str, Any]) -> None:
        for name in _own_fields(body):
            if name != NAMESPACE:
                message = (
                    "A custom field is defined under an invalid namespace. All custom fields must be "
                    f"defined under a top-level field named {NAMESPACE}."
                )
                raise xdm_error("XDM-1021-400", message, self._platform.clock.now())


def _own_fields(body: dict[str, Any]) -> Iterator[str]:
    """Yield the top-level names of all fields that a resource defines."""
    definitions = body.get("definitions")
    locations = [
        body,
        *(definitions.values() if isinstance(definitions, dict) else ()),
        *body.get("allOf", []),
    ]
    for location in locations:
        own = location.get("properties") if isinstance(location, dict) else None
        yield from own if isinstance(own, dict) else ()


def _reference(part: dict[str, Any]) -> str:
    reference = part.get("$ref", part.get("$ref "))  # the OpenAPI prints the name with a blank at its end
    return reference if isinstance(reference, str) else ""


def _typed(part: dict[str, Any]) -> dict[str, Any]:
    return {**part, "type": "object", "meta:xdmType": "object"} if _reference(part) else part


def _texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(x, str) for x in value)


def _stamped(item: dict[str, Any], now: int) -> dict[str, Any]:
    content = {name: item[name] for name in item if name != "meta:registryMetadata"}
    etag = hashlib.sha256(json.dumps([content, now], sort_keys=True).encode()).hexdigest()
    metadata = {
        "repo:createdDate": item["createdAt"],
        "repo:lastModifiedDate": now,
        "xdm:createdClientId": settings.CLIENT_ID,
        "xdm:lastModifiedClientId": settings.CLIENT_ID,
        "xdm:createdUserId": ACCOUNT,
        "xdm:lastModifiedUserId": ACCOUNT,
        "eTag": etag,
        "meta:globalLibVersion": GLOBAL_VERSION,
    }
    return {**item, "meta:registryMetadata": metadata}


def properties(resource: Resource, lookup: Lookup) -> dict[str, Any]:
    """Return all properties of a resource and those that it inherits, merged by path."""
    found: dict[str, Any] = _expand(resource, resource, lookup, ()).get("properties", {})
    return found


def _expand(node: Any, root: Resource, lookup: Lookup, path: tuple[str, ...]) -> dict[str, Any]:
    """Resolve `$ref` and `allOf`. `path` holds the references so far: a data type can refer to itself."""
    if not isinstance(node, dict):
        return {}
    result = {k: v for k, v in node.items() if k not in ("$ref", "$ref ", "allOf", "properties", "items")}
    own = node.get("properties")
    if isinstance(own, dict):
        result["properties"] = {name: _expand(part, root, lookup, path) for name, part in own.items()}
    if isinstance(node.get("items"), dict):
        result["items"] = _expand(node["items"], root, lookup, path)
    reference = node.get("$ref", node.get("$ref "))
    if isinstance(reference, str):
        result = _merge(_referenced(reference, root, lookup, path), result)
    parts = node.get("allOf")
    for part in parts if isinstance(parts, list) else ():
        result = _merge(_expand(part, root, lookup, path), result)
    return result


def _referenced(reference: str, root: Resource, lookup: Lookup, path: tuple[str, ...]) -> dict[str, Any]:
    location = f"{root.get('$id', '')}{reference}" if reference.startswith("#/") else reference
    if location in path:
        return {}
    path = (*path, location)
    if reference.startswith("#/"):
        node: Any = root
        for step in reference[2:].split("/"):
            node = node.get(step) if isinstance(node, dict) else None
        return _expand(node, root, lookup, path)
    found = lookup(reference)
    if found is None:
        return {}
    whole = _expand(found, found, lookup, path)
    return {key: whole[key] for key in ("type", "properties", "items", "format") if key in whole}


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = {**below, **above}
    left, right = below.get("properties"), above.get("properties")
    if isinstance(left, dict) and isinstance(right, dict):
        merged["properties"] = {
            name: _merge(left[name], right[name])
            if name in left and name in right
            else (right[name] if name in right else left[name])
            for name in (*left, *(name for name in right if name not in left))
        }
    return merged


def leaves(tree: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every field that holds a value, by its dotted path; an array is a leaf."""
    for name, node in tree.items():
        here = f"{path}.{name}" if path else name
        if isinstance(node.get("properties"), dict):
            yield from leaves(node["properties"], here)
        else:
            yield here, node


@cache
def global_resources() -> dict[str, dict[str, Any]]:
    """Return Adobe's global resources by `$id`, with the fields that most data needs."""
    return {entry["$id"]: _global_resource(entry) for entry in payloads.data_file("xdm_global.json")}


def _global_resource(entry: dict[str, Any]) -> dict[str, Any]:
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
    """Return the `meta:altId`: `_xdm.context.profile` for `https://ns.adobe.com/xdm/context/profile`."""
    return "_" + resource_id.removeprefix("https://ns.adobe.com/").replace("/", ".")


def xdm_error(code: str, message: str, now: float) -> ApiError:
    """Build the registry's error."""
    status = int(code[-3:])
    return _envelope(f"http://ns.adobe.com/aep/errors/{code}", TITLES[code], status, message, now)


def not_found(kind: str, resource_id: str, version: str, now: float) -> ApiError:
    """Build 404; `kind` is in the singular, as in the guide's sample."""
    message = f"The requested {kind} resource {resource_id} with version {version} is not found."
    return xdm_error("XDM-1010-404", message, now)


def bad_format(message: str, now: float) -> ApiError:
    """Build the error for a body that the OpenAPI calls badly formatted; no document prints its code."""
    return _envelope("/placeholder/type/uri", "Bad formatting", 400, message, now)


def not_acceptable(message: str, now: float) -> ApiError:
    """Build 406 for an unknown version; the OpenAPI shows no body."""
    return _envelope("/placeholder/type/uri", "Not acceptable", 406, message, now)


def _envelope(kind: str, title: str, status: int, message: str, now: float) -> ApiError:
    report = {
        "registryRequestId": str(uuid.uuid4()),
        "timestamp": datetime.fromtimestamp(now, timezone.utc).strftime("%m-%d-%Y %H:%M:%S"),
        "detailed-message": message,
        "sub-errors": [],
    }
    body = {"type": kind, "title": title, "status": status, "report": report, "detail": message}
    return ApiError(status, body)
