"""Schema Registry: its requests and replies (Adobe's OpenAPI and guide), and the bodies of XDM schemas.

The ``Accept`` header decides what a reply shows, and without one of the registry's own types there is no
reply: a list takes a type without version, a look-up a type with version.

A schema is one class and some field groups; a table's columns become a field group. Own fields are under the
tenant's namespace, ``_{TENANT}``. Titles are unique over all kinds of resources. Once data may exist, fields
are only ever added.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from airflow_provider_aep.flow_service.errors import AepConfigError, AepReplyError, EntityExistsError
from airflow_provider_aep.flow_service.requests import Call, Query, can_filter_by, equals
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
_IN_IDS = {SCHEMAS: ("schemas",), FIELD_GROUPS: ("mixins", "fieldgroups")}


def check_resource_id(value: object, parameter: str) -> str:
    """The ``$id`` of a resource, which is a URL such as ``https://ns.adobe.com/xdm/context/profile``."""
    if isinstance(value, str) and _RESOURCE_ID.fullmatch(value):
        return value
    raise AepConfigError(
        f"`{parameter}` is no $id of the Schema Registry. It looks like https://ns.adobe.com/xdm/context/profile.",
        parameter=parameter,
    )


def find_resource_id(text: str) -> str | None:
    """The first ``$id`` in an error's words."""
    match = _RESOURCE_ID.search(text)
    return match.group(0) if match else None


def is_of_kind(resource_id: str, kind: str) -> bool:
    """Return whether a ``$id`` is one of a schema, or of a field group (once called mixin)."""
    return any(f"/{segment}/" in resource_id for segment in _IN_IDS[kind])


def alt_id(resource_id: str) -> str:
    """``meta:altId`` of a ``$id``. It stands in paths, since proxies take offence at escaped slashes."""
    return "_" + resource_id.removeprefix("https://ns.adobe.com/").replace("/", ".")


def stats() -> Call:
    """``GET /stats``, which tells the tenant's id."""
    return Call("GET", "/stats")


def list_resources(kind: str, title: str | None, start: str | None) -> Call:
    """``GET /tenant/{kind}``, one page; narrowed by title where the grammar is known to take it."""
    query: Query = []
    if title is not None and can_filter_by(title):
        query.append(equals("title", title))
    query += [("orderby", "title"), ("limit", str(PAGE_SIZE))]
    if start is not None:
        query.append(("start", start))
    return Call("GET", f"/tenant/{kind}", query, headers={"Accept": LIST})


def get_resource(kind: str, resource_id: str, parameter: str, *, accept: str = LOOKUP) -> Call:
    """``GET /tenant/{kind}/{meta:altId}``."""
    return Call("GET", _path(kind, resource_id, parameter), headers={"Accept": accept})


def create_resource(kind: str, body: Mapping[str, Any]) -> Call:
    """``POST /tenant/{kind}``."""
    return Call("POST", f"/tenant/{kind}", body=dict(body))


def patch_resource(kind: str, resource_id: str, parameter: str, operations: list[dict[str, Any]]) -> Call:
    """``PATCH /tenant/{kind}/{meta:altId}``: no document shows an ``If-Match`` here."""
    return Call("PATCH", _path(kind, resource_id, parameter), body=operations)


def delete_resource(kind: str, resource_id: str, parameter: str) -> Call:
    """``DELETE /tenant/{kind}/{meta:altId}``."""
    return Call("DELETE", _path(kind, resource_id, parameter))


def read_results(document: Mapping[str, Any], what: str) -> list[dict[str, Any]]:
    """The resources of one page."""
    results = document.get("results")
    if isinstance(results, list) and all(isinstance(item, dict) for item in results):
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
    """The ``$id`` of what a POST made, or of what a list shows."""
    resource_id = document.get("$id") if isinstance(document, Mapping) else None
    if isinstance(resource_id, str) and _RESOURCE_ID.fullmatch(resource_id):
        return resource_id
    raise AepReplyError.with_advice(f"{what} was answered without a resource's $id.")


def created_at(item: Mapping[str, Any]) -> float:
    """When it was made, in milliseconds; never, as far as age goes, where that is not told."""
    metadata = item.get("meta:registryMetadata")
    created = metadata.get("repo:createdDate") if isinstance(metadata, Mapping) else None
    known = isinstance(created, int | float) and not isinstance(created, bool)
    return float(created) if known else math.inf  # type: ignore[arg-type]


def _path(kind: str, resource_id: str, parameter: str) -> str:
    return f"/tenant/{kind}/{alt_id(check_resource_id(resource_id, parameter))}"


PROFILE = "https://ns.adobe.com/xdm/context/profile"
EVENT = "https://ns.adobe.com/xdm/context/experienceevent"
CLASSES = {"record": PROFILE, "profile": PROFILE, "time-series": EVENT, "experienceevent": EVENT}
"""Words for the two standard classes; a class of one's own is named by its ``$id``."""

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
    """A class by its ``$id``, or by one of the words of :data:`CLASSES`."""
    word = value.strip().lower() if isinstance(value, str) else ""
    return CLASSES.get(word) or check_resource_id(value, "class_id")


def check_groups(value: object) -> list[str]:
    """The ``$id`` of field groups that stand."""
    if isinstance(value, list | tuple):
        return [check_resource_id(one, "field_groups") for one in value]
    raise AepConfigError("`field_groups` must be a list of field groups' $ids.", parameter="field_groups")


def merge_columns(columns: object) -> list[Field]:
    """The columns of one table or of several: what ``InspectTableOperator`` returns, or a list of that.

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
            raise _wrong_columns(f"has a name that is no text: {name!r}")
        known = by_name.setdefault(name, column)
        if field_of(known) != field_of(column):
            raise _wrong_columns(
                f"{name!r} has two types: {_words(field_of(known))}, {_words(field_of(column))}"
            )
    return list(by_name.values())


def field_name(column: str) -> str:
    """Name the field of a column: dots, blanks and the like become ``_``, none at the beginning."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", column).lstrip("_-").rstrip("_") or "field"


def field_of(column: Mapping[str, Any]) -> Field:
    """A column's XDM type: what the source says, else told by its own type, else a text."""
    xdm = column.get("xdm")
    if isinstance(xdm, Mapping) and isinstance(xdm.get("type"), str):
        field = {key: xdm[key] for key in _KEPT if key in xdm}
        return {**field, "items": dict(_TEXT)} if field == {"type": "array"} else field
    return dict(_BY_TYPE.get(str(column.get("type")).lower(), _TEXT))


def fields_of(columns: Sequence[Mapping[str, Any]]) -> dict[str, Field]:
    """The fields that hold the columns, by name.

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
    """The field under which all fields of a tenant stand."""
    return f"_{tenant}"


def namespace_of(schema_id: str) -> str:
    """The namespace of the tenant whose schema it is: the first step of its ``$id``."""
    return namespace(schema_id.removeprefix("https://ns.adobe.com/").partition("/")[0])


def group_body(*, title: str, class_id: str, tenant: str, fields: Mapping[str, Field]) -> Field:
    """A field group for a class, with fields of the tenant's."""
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
    """A schema of a class and field groups. The description is required, so it may be empty."""
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


def added_references(item: Mapping[str, Any], wanted: Sequence[str]) -> list[Field]:
    """The patch that adds what a schema lacks; what it has besides stays."""
    missing = [reference for reference in wanted if reference not in references(item)]
    return [{"op": "add", "path": "/allOf/-", "value": {"$ref": reference}} for reference in missing]


def added_fields(item: Mapping[str, Any], tenant: str, wanted: Mapping[str, Field]) -> list[Field]:
    """The patch that adds the fields a field group lacks.

    :raises EntityExistsError: a field stands with another type, which the registry does not let change
    """
    path, own = _tenant_fields(item, tenant)
    for name, field in wanted.items():
        if name in own and own[name].get("type") != field["type"]:
            raise EntityExistsError(
                f"The field group {item.get('title')!r} ({item.get('$id')}) has field {name!r} as "
                f"{_words(own[name])}, the column is {_words(field)}. A field's type cannot be changed: "
                "choose another `name`."
            )
    missing = {name: field for name, field in wanted.items() if name not in own}
    return [{"op": "add", "path": f"{path}/{name}", "value": field} for name, field in missing.items()]


def own_fields(item: Mapping[str, Any], tenant: str) -> dict[str, Field]:
    """The tenant's own fields of a field group. :raises EntityExistsError: it was not made for columns"""
    return _tenant_fields(item, tenant)[1]


def types_of(fields: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The type of each field, in words."""
    return {name: _words(field) for name, field in fields.items()}


def leaves(properties: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Field]]:
    """Every field that holds a value, by its dotted path; an array counts as one."""
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
        "it was not made for columns. Choose another `name`."
    )


def _words(field: Mapping[str, Any]) -> str:
    return f"{field.get('type')} ({field['format']})" if field.get("format") else str(field.get("type"))


def _wrong_columns(problem: str) -> AepConfigError:
    return AepConfigError(f"`columns`: {problem}.", parameter="columns")
