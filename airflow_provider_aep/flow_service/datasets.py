"""Calls to Catalog about datasets, and its replies (Adobe's Catalog OpenAPI and guide)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_aep.flow_service.errors import AepReplyError
from airflow_provider_aep.flow_service.requests import Call, Query, can_filter_by
from airflow_provider_aep.flow_service.validation import check_id

CATALOG = "/data/foundation/catalog"
PAGE_SIZE = 100
"""The most that Catalog returns at a time."""

SCHEMA_TYPE = "application/vnd.adobe.xed+json;version=1"
_SHOWN = "created,description,name,schemaRef"
_REFERENCE = re.compile(r"@/datasets/([A-Za-z0-9]{1,128})", re.IGNORECASE)


def list_datasets(name: str | None, start: int) -> Call:
    """``GET /dataSets``, one page, oldest first, so that what comes meanwhile comes at the end."""
    query: Query = []
    if name is not None and can_filter_by(name):
        query.append(("name", name))
    query += [("orderBy", "asc:created"), ("properties", _SHOWN)]
    return Call("GET", "/dataSets", [*query, ("limit", str(PAGE_SIZE)), ("start", str(start))])


def get_dataset(dataset_id: object) -> Call:
    """``GET /dataSets/{id}``."""
    return Call("GET", f"/dataSets/{check_id(dataset_id, 'dataset_id')}", [("properties", _SHOWN)])


def create_dataset(body: Mapping[str, Any]) -> Call:
    """``POST /dataSets?requestDataSource=true``, as the collect tutorials send it."""
    return Call("POST", "/dataSets", [("requestDataSource", "true")], dict(body))


def patch_dataset(dataset_id: object, fields: Mapping[str, Any]) -> Call:
    """``PATCH /dataSets/{id}`` with the fields that change (the guide's "Update using fields")."""
    return Call("PATCH", f"/dataSets/{check_id(dataset_id, 'dataset_id')}", body=dict(fields))


def delete_dataset(dataset_id: object) -> Call:
    """``DELETE /dataSets/{id}``. The rows go, too."""
    return Call("DELETE", f"/dataSets/{check_id(dataset_id, 'dataset_id')}")


def list_batches(dataset_id: object) -> Call:
    """``GET /batches`` of one dataset; one is enough to know that there are some."""
    return Call("GET", "/batches", [("dataSet", check_id(dataset_id, "dataset_id")), ("limit", "1")])


def dataset_body(name: str, description: str | None, schema_id: str) -> dict[str, Any]:
    """A dataset of one schema."""
    body: dict[str, Any] = {"name": name}
    if description:
        body["description"] = description
    return {**body, "schemaRef": {"id": schema_id, "contentType": SCHEMA_TYPE}}


def read_by_id(document: object, what: str) -> list[dict[str, Any]]:
    """Catalog answers with an object by id: its entities, each with its ``id``."""
    if isinstance(document, Mapping) and all(isinstance(item, Mapping) for item in document.values()):
        return [{**item, "id": own} for own, item in document.items()]
    raise AepReplyError.with_advice(f"{what} was answered without entities by their ids.")


def read_created(document: object, what: str) -> str:
    """The id out of ``["@/dataSets/ID"]``; Adobe's prose writes ``@/datasets/``."""
    reference = document[0] if isinstance(document, list) and len(document) == 1 else None
    match = _REFERENCE.fullmatch(reference) if isinstance(reference, str) else None
    if match:
        return match.group(1)
    raise AepReplyError.with_advice(f"{what} was answered without a dataset's id.")


def schema_of(item: Mapping[str, Any]) -> str | None:
    """The ``$id`` of a dataset's schema."""
    reference = item.get("schemaRef")
    schema_id = reference.get("id") if isinstance(reference, Mapping) else None
    return schema_id if isinstance(schema_id, str) else None
