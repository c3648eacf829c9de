"""Datasets and batches of Catalog: collections, bodies, replies (Adobe's Catalog OpenAPI and guide)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_aep.flow_service.collections import Collection, Paging, next_offset, parameter
from airflow_provider_aep.flow_service.differences import Difference
from airflow_provider_aep.flow_service.errors import AepReplyError, EntityExistsError
from airflow_provider_aep.flow_service.requests import Call
from airflow_provider_aep.flow_service.validation import check_id

CATALOG = "/data/foundation/catalog"
PAGE_SIZE = 100
"""The most that Catalog returns at a time."""

SCHEMA_TYPE = "application/vnd.adobe.xed+json;version=1"
_SHOWN = "created,description,name,schemaRef"
_REFERENCE = re.compile(r"@/datasets/([A-Za-z0-9]{1,128})", re.IGNORECASE)


def dataset_body(name: str, description: str | None, schema_id: str) -> dict[str, Any]:
    """Return the body of a dataset of one schema."""
    body: dict[str, Any] = {"name": name}
    if description:
        body["description"] = description
    return {**body, "schemaRef": {"id": schema_id, "contentType": SCHEMA_TYPE}}


def read_by_id(document: object, what: str) -> list[dict[str, Any]]:
    """Return the entities of an object by id, as Catalog answers, each with its ``id``."""
    if isinstance(document, Mapping) and all(isinstance(item, Mapping) for item in document.values()):
        return [{**item, "id": own} for own, item in document.items()]
    raise AepReplyError.with_advice(f"{what} was answered without entities by their ids.")


def read_dataset(document: object, what: str) -> dict[str, Any]:
    """Return the one dataset of a GET by id."""
    items = read_by_id(document, what)
    if len(items) != 1:
        raise AepReplyError.with_advice(f"{what} was answered with {len(items)} datasets.")
    return items[0]


def read_created(document: object, what: str) -> str:
    """Return the id in ``["@/dataSets/ID"]``; Adobe's prose writes ``@/datasets/``."""
    reference = document[0] if isinstance(document, list) and len(document) == 1 else None
    match = _REFERENCE.fullmatch(reference) if isinstance(reference, str) else None
    if match:
        return match.group(1)
    raise AepReplyError.with_advice(f"{what} was answered without a dataset's id.")


def schema_of(item: Mapping[str, Any]) -> str | None:
    """Return the ``$id`` of a dataset's schema, or None if it is not shown."""
    reference = item.get("schemaRef")
    schema_id = reference.get("id") if isinstance(reference, Mapping) else None
    return schema_id if isinstance(schema_id, str) else None


def check_same_schema(item: Mapping[str, Any], name: str, schema_id: str) -> None:
    """Check that an existing dataset has the schema of the desired one.

    :raises EntityExistsError: it has another schema, which cannot be changed
    """
    existing = schema_of(item)
    if existing != schema_id:
        raise EntityExistsError(
            f"The dataset {name!r} exists already, with schema {existing} instead of {schema_id}: "
            f"{item.get('id')}. A dataset's schema cannot be changed: choose another `name`, or give that "
            "schema as `schema_id`.",
            differences=[Difference("schema_id", existing, schema_id)],
            entity_id=str(item.get("id")),
        )


def names_call(dataset_ids: Iterable[str]) -> Call:
    """``GET /dataSets/ID,ID,…``: names of up to 100 datasets (Catalog's guide, on several objects)."""
    ids = ",".join(check_id(one, "dataset_id") for one in dataset_ids)
    return Call("GET", f"/dataSets/{ids}", [("properties", "name")])


def names_of(items: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the names of datasets by id. A dataset without a name is left out."""
    return {str(item.get("id")): item["name"] for item in items if isinstance(item.get("name"), str)}


_BY_ID = Paging(read_by_id, next_offset)
_PAGE = (("limit", str(PAGE_SIZE)), ("start", "0"))

# The oldest first: a dataset that is created while the list is read is on the last page.
DATASETS = Collection(
    "dataset",
    "/dataSets",
    "dataset_id",
    paging=_BY_ID,
    created_key=("created",),
    state_key="",
    has_etags=False,
    filter_by=parameter,
    list_query=(("orderBy", "asc:created"), ("properties", _SHOWN), *_PAGE),
    get_query=(("properties", _SHOWN),),
    create_query=(("requestDataSource", "true"),),  # as the collect tutorials send it
    read_item=read_dataset,
    read_created=read_created,
    json_patch=False,  # the guide's "Update using fields"
)
BATCHES = Collection(
    "batch", "/batches", "batch_id", paging=_BY_ID, filter_by=parameter, list_query=(("limit", "1"),)
)
"""Lists one batch at most: it is enough to know that there is one."""
