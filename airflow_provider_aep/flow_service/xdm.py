"""Schema Registry: its requests and replies (Adobe's OpenAPI and guide), and the bodies of XDM schemas.

The ``Accept`` header decides what a reply shows. It must be one of the registry's own types: without a
version for a list, with a version for a GET by id.

A schema is one class and some field groups. A table's columns become a field group. The tenant's own fields
are in its namespace, ``_{TENANT}``. Titles are unique over all kinds of resources. Once data may exist,
fields can only be added.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from airflow_provider_aep.flow_service.collections import Collection, Paging, started_at
from airflow_provider_aep.flow_service.differences import Difference
from airflow_provider_aep.flow_service.errors import AepConfigError, AepReplyError, EntityExistsError
from airflow_provider_aep.flow_service.replies import read_object
from airflow_provider_aep.flow_service.requests import Call, Query
from airflow_provider_aep.flow_service.source_objects import check_columns

SCHEMA_REGISTRY = "/data/foundation/schemaregistry"
SCHEMAS = "schemas"
FIELD_GROUPS = "fieldgroups"
PAGE_SIZE = 300
"""The largest page, by the guide."""

LIST = "application/vnd.adobe.xed+json"
LOOKUP = "application/vnd.adobe.xed+json; version=1"
FULL = "application/vnd.adobe.xed-full+json; version=1"

_RESOURCE_ID = re.compile(r"https://ns\.adobe\.com(/[A-Za-z0-9_-]+){2,6}")
_IN_IDS = {"schema": ("schemas",), "field group": ("mixins", "fieldgroups")}


def check_resource_id(value: object, parameter: str) -> str:
    """Check the ``$id`` of a resource, a URL such as ``https://ns.adobe.com/xdm/context/profile``."""
    if isinstance(value, str) and is_resource_id(value):
        return value
    raise AepConfigError(
        f"`{parameter}` is not a $id of the Schema Registry, such as https://ns.adobe.com/xdm/context/profile.",
        parameter=parameter,
    )


def find_resource_id(text: str) -> str | None:
    """Return the first ``$id`` in the text of an error."""
    match = _RESOURCE_ID.search(text)
    return match.group(0) if match else None


def is_of_kind(resource_id: str, kind: str) -> bool:
    """Return whether a ``$id`` is that of a ``schema`` or of a ``field group``, once called mixin."""
    return any(f"/{segment}/" in resource_id for segment in _IN_IDS[kind])


def alt_id(resource_id: str) -> str:
    """Return ``meta:altId`` of a ``$id``. It is used in paths, since proxies can refuse escaped slashes."""
    return "_" + resource_id.removeprefix("https://ns.adobe.com/").replace("/", ".")


def stats() -> Call:
    """``GET /stats``, which shows the tenant's id."""
    return Call("GET", "/stats")


def read_results(document: object, what: str) -> list[dict[str, Any]]:
    """Return the resources of one page."""
    results = read_object(document, what).get("results")
    if isinstance(results, list) and all(isinstance(item, dict) for item in results):
        for item in results:
            read_resource_id(item, what)
        return results
    raise AepReplyError.with_advice(f"{what} was answered without a list of results.")


def next_start(document: Mapping[str, Any]) -> str | None:
    """Return the start of the next page, a value of the sorted field; None on the last page."""
    page = document.get("_page")
    start = page.get("next") if isinstance(page, Mapping) else None
    links = document.get("_links")
    link = links.get("next") if isinstance(links, Mapping) else None
    href = link.get("href") if isinstance(link, Mapping) else link
    if not start and isinstance(href, str):
        start = next(iter(parse_qs(urlsplit(href).query).get("start", [])), None)
    return start if isinstance(start, str) and start else None


def read_resource_id(document: object, what: str) -> str:
    """Return the ``$id`` of a new resource or of a list's item."""
    resource_id = document.get("$id") if isinstance(document, Mapping) else None
    if is_resource_id(resource_id):
        return str(resource_id)
    raise AepReplyError.with_advice(f"{what} was answered without a resource's $id.")


def is_resource_id(value: object) -> bool:
    """Return whether a value is the ``$id`` of a resource."""
    return isinstance(value, str) and _RESOURCE_ID.fullmatch(value) is not None


def _next_page(call: Call, document: Any, _items: list[dict[str, Any]], _origin: str) -> Query | None:
    start = next_start(document)
    return None if start is None else started_at(call, start)


@cache
def resources(kind: str) -> Collection:
    """Return the collection of the tenant's own resources of a kind, ``schemas`` or ``fieldgroups``."""
    return Collection(
        "schema" if kind == SCHEMAS else "field group",
        f"/tenant/{kind}",
        "resource_id",
        paging=Paging(read_results, _next_page, id_key="$id"),
        name_key="title",
        created_key=("meta:registryMetadata", "repo:createdDate"),
        state_key="",
        has_etags=False,  # no document shows an If-Match here
        list_query=(("orderby", "title"), ("limit", str(PAGE_SIZE))),
        list_headers={"Accept": LIST},
        get_headers={"Accept": LOOKUP},
        read_item=read_object,
        read_created=read_resource_id,
        path_id=lambda value, parameter: alt_id(check_resource_id(value, parameter)),
        valid_id=is_resource_id,
        description_required=True,
    )


def get_whole_schema(schema_id: str) -> Call:
    """``GET /tenant/schemas/{meta:altId}`` with the fields of the class and all field groups."""
    check_resource_id(schema_id, "schema_id")
    return replace(resources(SCHEMAS).get_call(schema_id), headers={"Accept": FULL})


def check_same_class(item: Mapping[str, Any], collection: Collection, title: str, class_id: str) -> None:
    """Check that an existing resource is for the class of the desired one.

    :raises EntityExistsError: it is for another class, which cannot be changed
    """
    named = item.get("meta:class") or item.get("meta:intendedToExtend") or class_id
    classes = [named] if isinstance(named, str) else list(named)
    if class_id not in classes:
        raise EntityExistsError(
            f"The {collection.kind} {title!r} exists already, for class {', '.join(map(str, classes))} "
            f"instead of {class_id}: {item.get('$id')}. A class cannot be changed: choose another `name`, or "
            "give that class as `class_id`.",
            differences=[Difference("class_id", ", ".join(map(str, classes)), class_id)],
            entity_id=str(item.get("$id")),
        )


PROFILE = "https://ns.adobe.com/xdm/context/profile"
EVENT = "https://ns.adobe.com/xdm/context/experienceevent"
CLASSES = {"record": PROFILE, "profile": PROFILE, "time-series": EVENT, "experienceevent": EVENT}
"""Words for the two standard classes. Any other class is named by its ``$id``."""

Field = dict[str, Any]

_DEFINITION = "customFields"
_KEPT = ("type", "format", "minimum", "maximum", "items", "properties")
_TEXT = {"type": "string"}
_BY_TYPE: dict[str, Field] = {
    "boolean": {"type": "boolean"},
    **{
        key: {"type": "integer"}
        for key in ("byte", "short", "int", "int16", "int32", "int64", "integer", "long")
    },
    **{key: {"type": "number"} for key in ("decimal", "double", "float", "number", "single")},
    "date": {"type": "string", "format": "date"},
    **{key: {"type": "string", "format": "date-time"} for key in ("datetime", "date-time", "timestamp")},
}


def check_class(value: object) -> str:
    """Check a class: a ``$id``, or one of the words of :data:`CLASSES`."""
    word = value.strip().lower() if isinstance(value, str) else ""
    return CLASSES.get(word) or check_resource_id(value, "class_id")


def check_groups(value: object) -> list[str]:
    """Check a list of the ``$id`` of existing field groups."""
    if isinstance(value, list | tuple):
        return [check_resource_id(one, "field_groups") for one in value]
    raise AepConfigError("`field_groups` must be a list of field groups' $ids.", parameter="field_groups")


def merge_columns(columns: object) -> list[Field]:
    """Return the columns of one table or of several: a result of ``InspectTableOperator``, or a list of them.

    :raises AepConfigError: two tables have a column of the same name and of different types
    """
    tables = list(columns) if isinstance(columns, Sequence) and not isinstance(columns, str) else columns
    if isinstance(tables, list) and tables and all(isinstance(one, list | tuple) for one in tables):
        found = [column for table in tables for column in check_columns(table)]
    else:
        found = check_columns(tables)
    by_name: dict[str, Field] = {}
    for column in found:
        name = column["name"]
        if not isinstance(name, str):
            raise _wrong_columns(f"has a name that is not a text: {name!r}")
        known = by_name.setdefault(name, column)
        if field_of(known) != field_of(column):
            raise _wrong_columns(
                f"{name!r} has two types: {_words(field_of(known))}, {_words(field_of(column))}"
            )
    return list(by_name.values())


def field_name(column: str) -> str:
    """Name the field of a column: dots, blanks and the like become ``_``, but not at the beginning."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", column).lstrip("_-").rstrip("_") or "field"


def field_of(column: Mapping[str, Any]) -> Field:
    """Return a column's XDM type: the one that the source shows, else that of its own type, else a text."""
    xdm = column.get("xdm")
    if isinstance(xdm, Mapping) and isinstance(xdm.get("type"), str):
        field = {key: xdm[key] for key in _KEPT if key in xdm}
        return {**field, "items": dict(_TEXT)} if field == {"type": "array"} else field
    return dict(_BY_TYPE.get(str(column.get("type")).lower(), _TEXT))


def fields_of(columns: Sequence[Mapping[str, Any]]) -> dict[str, Field]:
    """Return the fields that hold the columns, by name.

    :raises AepConfigError: two columns would become the same field
    """
    fields: dict[str, Field] = {}
    for column in columns:
        name = field_name(column["name"])
        if name in fields:
            raise _wrong_columns(
                f"{fields[name]['title']!r} and {column['name']!r} would both be field {name!r}"
            )
        fields[name] = {"title": column["name"], **field_of(column)}
    return fields


def namespace(tenant: str) -> str:
    """Return the field that holds all fields of a tenant."""
    return f"_{tenant}"


def namespace_of(schema_id: str) -> str:
    """Return the namespace of a schema's tenant: the first step of its ``$id``."""
    return namespace(schema_id.removeprefix("https://ns.adobe.com/").partition("/")[0])


def group_body(*, title: str, class_id: str, tenant: str, fields: Mapping[str, Field]) -> Field:
    """Return the body of a field group for a class, with fields of the tenant."""
    own = {namespace(tenant): {"type": "object", "properties": dict(fields)}}
    return {
        "type": "object",
        "title": title,
        "description": "",
        "meta:intendedToExtend": [class_id],
        "definitions": {_DEFINITION: {"type": "object", "properties": own}},
        "allOf": [{"$ref": f"#/definitions/{_DEFINITION}"}],
    }


def schema_body(*, title: str, description: str | None, class_id: str, groups: Sequence[str]) -> Field:
    """Return the body of a schema of a class and field groups. The description is required."""
    return {
        "type": "object",
        "title": title,
        "description": description or "",
        "allOf": [{"$ref": reference} for reference in (class_id, *groups)],
    }


def references(item: Mapping[str, Any]) -> list[str]:
    """List a schema's parts: the ``$ref`` of its ``allOf``, which one document prints with a blank."""
    parts = [part for part in item.get("allOf") or [] if isinstance(part, Mapping)]
    return [str(ref) for part in parts if (ref := part.get("$ref", part.get("$ref ")))]


def added_references(item: Mapping[str, Any], desired: Sequence[str]) -> list[Field]:
    """Return the patch that adds missing references to a schema. Nothing is removed."""
    missing = [reference for reference in desired if reference not in references(item)]
    return [{"op": "add", "path": "/allOf/-", "value": {"$ref": reference}} for reference in missing]


def added_fields(item: Mapping[str, Any], tenant: str, desired: Mapping[str, Field]) -> list[Field]:
    """Return the patch that adds missing fields to a field group.

    :raises EntityExistsError: a field exists with another type, which the registry does not change
    """
    path, own = _tenant_fields(item, tenant)
    for name, field in desired.items():
        if name in own and own[name].get("type") != field["type"]:
            raise EntityExistsError(
                f"The field group {item.get('title')!r} ({item.get('$id')}) has field {name!r} as "
                f"{_words(own[name])}, the column is {_words(field)}. A field's type cannot be changed: "
                "choose another `name`."
            )
    missing = {name: field for name, field in desired.items() if name not in own}
    return [{"op": "add", "path": f"{path}/{name}", "value": field} for name, field in missing.items()]


def own_fields(item: Mapping[str, Any], tenant: str) -> dict[str, Field]:
    """Return the tenant's own fields of a field group.

    :raises EntityExistsError: the field group was not created for columns
    """
    return _tenant_fields(item, tenant)[1]


def types_of(fields: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the type of each field, in words."""
    return {name: _words(field) for name, field in fields.items()}


def why_fixed(_item: Mapping[str, Any], field: str, existing: Any) -> str:
    """Return why a field of a schema or a field group cannot be changed, and the way round; else nothing."""
    if field.startswith("columns.") and existing:
        return (
            "The type of a field cannot be changed. Choose another `name`, or give the column its existing "
            "type."
        )
    return ""


def leaves(properties: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Field]]:
    """Yield every field that holds a value, by its dotted path. An array counts as one field."""
    for name, node in properties.items():
        here = f"{above}.{name}" if above else str(name)
        if isinstance(node, Mapping) and isinstance(node.get("properties"), Mapping):
            yield from leaves(node["properties"], here)
        else:
            yield here, dict(node) if isinstance(node, Mapping) else {}


def _tenant_fields(item: Mapping[str, Any], tenant: str) -> tuple[str, dict[str, Field]]:
    """Return the path of a field group's own fields, and the fields."""
    definitions = item.get("definitions")
    for key, definition in definitions.items() if isinstance(definitions, Mapping) else ():
        own = (
            definition.get("properties", {}).get(namespace(tenant))
            if isinstance(definition, Mapping)
            else None
        )
        if isinstance(own, Mapping):
            place = f"/definitions/{key}/properties/{namespace(tenant)}/properties"
            return place, dict(own.get("properties") or {})
    raise EntityExistsError(
        f"The field group {item.get('title')!r} ({item.get('$id')}) has no fields under {namespace(tenant)}: "
        "it was not created for columns. Choose another `name`."
    )


def _words(field: Mapping[str, Any]) -> str:
    return f"{field.get('type')} ({field['format']})" if field.get("format") else str(field.get("type"))


def _wrong_columns(problem: str) -> AepConfigError:
    return AepConfigError(f"`columns`: {problem}.", parameter="columns")
