"""What a tenant makes: checked, named, kept."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from typing import Any

from airflow_provider_aep.emulator import settings
from airflow_provider_aep.emulator.entities import ACCOUNT
from airflow_provider_aep.emulator.registry import errors
from airflow_provider_aep.emulator.registry.fields import leaves, properties
from airflow_provider_aep.emulator.registry.library import LIBRARY_VERSION, library
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.world import World

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


class Resources:
    """The resources of all sandboxes, Adobe's own among them."""

    def __init__(self, world: World) -> None:
        self._world = world

    def find(self, sandbox: str, kind: str, text: str) -> Entity | None:
        """A tenant's resource by `$id` or `meta:altId`; the last part of both is the same."""
        tail = text.rsplit("/", 1)[-1].rsplit(".", 1)[-1]
        entity = self._world.store.get(kind, sandbox, tail)
        if entity is None or text not in (entity.item["$id"], entity.item["meta:altId"]):
            return None
        return entity

    def lookup(self, sandbox: str, resource_id: str) -> dict[str, Any] | None:
        """Any resource that a `$ref` may mean."""
        if resource_id in library():
            return library()[resource_id]
        for kind in KINDS:
            entity = self.find(sandbox, kind, resource_id)
            if entity is not None:
                return entity.item
        return None

    def schema_fields(self, sandbox: str, schema_id: str) -> dict[str, dict[str, Any]] | None:
        """Every field of a schema by its dotted path; None when there is no such schema."""
        entity = self.find(sandbox, "schemas", schema_id)
        if entity is None:
            return None
        return dict(leaves(properties(entity.item, lambda text: self.lookup(sandbox, text))))

    def create(self, sandbox: str, kind: str, body: dict[str, Any]) -> Entity:
        """A new resource, version 1.0. Titles are unique over all kinds, says the guide."""
        self._check(sandbox, kind, body)
        self._check_title(sandbox, str(body["title"]), None)
        now = self._world.created_at(sandbox)
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
        """A copy with new content and the next minor version."""
        self._check(entity.sandbox, entity.kind, body)
        self._check_title(entity.sandbox, body["title"], entity.id)
        major, minor = entity.item["version"].split(".")
        item = {**entity.item, **{name: body[name] for name in KEPT if name in body}}
        item["allOf"] = [_typed(part) for part in body.get("allOf", [])]
        item["version"] = f"{major}.{int(minor) + 1}"
        if entity.kind in ("schemas", "classes"):
            item |= self._lineage(entity.sandbox, item["allOf"], entity.kind)
        stamped = _stamped(item, self._world.clock.now_ms())
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
            for other in self._world.store.all(kind, sandbox):
                if other.item["title"] == title and other.id != own:
                    message = "Object titles must be unique. An object {} already exists with the same title"
                    raise errors.xdm_error(
                        "XDM-1521-400", message.format(other.item["$id"]), self._world.clock.now()
                    )

    def _check(self, sandbox: str, kind: str, body: dict[str, Any]) -> None:
        now = self._world.clock.now()
        if body.get("type") != "object":
            raise errors.bad_format("'type' must be 'object'.", now)
        if not isinstance(body.get("title"), str) or not body["title"].strip():
            raise errors.bad_format("'title' is required and must be a string.", now)
        if not isinstance(body.get("description", ""), str):
            raise errors.bad_format("'description' must be a string.", now)
        parts = body.get("allOf", [])
        if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
            raise errors.bad_format("'allOf' must be an array of objects.", now)
        for reference in filter(None, map(_reference, parts)):
            if not reference.startswith("#/") and self.lookup(sandbox, reference) is None:
                raise errors.not_found("referenced", reference, "1", now)
        if kind in ("schemas", "classes") and not parts:
            raise errors.bad_format("'allOf' is required.", now)
        if kind == "schemas" and sum(self._is_class(sandbox, _reference(part)) for part in parts) != 1:
            raise errors.bad_format("'allOf' must refer to exactly one class.", now)
        if kind == "fieldgroups" and not _texts(body.get("meta:intendedToExtend")):
            raise errors.bad_format("'meta:intendedToExtend' must be an array of class ids.", now)
        if kind != "datatypes":
            self._check_namespace(body)

    def _check_namespace(self, body: dict[str, Any]) -> None:
        for name in _own_fields(body):
            if name != NAMESPACE:
                message = (
                    "A custom field is defined under an invalid namespace. All custom fields must be "
                    f"defined under a top-level field named {NAMESPACE}."
                )
                raise errors.xdm_error("XDM-1021-400", message, self._world.clock.now())


def _own_fields(body: dict[str, Any]) -> Iterator[str]:
    """The names at the top of every place where a resource may define fields of its own."""
    definitions = body.get("definitions")
    places = [body, *(definitions.values() if isinstance(definitions, dict) else ()), *body.get("allOf", [])]
    for place in places:
        own = place.get("properties") if isinstance(place, dict) else None
        yield from own if isinstance(own, dict) else ()


def _reference(part: dict[str, Any]) -> str:
    reference = part.get("$ref", part.get("$ref "))  # the OpenAPI prints the name with a blank
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
        "meta:globalLibVersion": LIBRARY_VERSION,
    }
    return {**item, "meta:registryMetadata": metadata}
