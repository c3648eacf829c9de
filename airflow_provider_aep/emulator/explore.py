"""`/connections/{id}/explore`. Follows the tutorial on exploring payment applications."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from airflow_provider_aep.emulator.errors import flow_error
from airflow_provider_aep.emulator.settings import PAYPAL_SPEC
from airflow_provider_aep.emulator.tables import generic, paypal
from airflow_provider_aep.emulator.tables.table import Table

OBJECT_TYPES = frozenset(("root", "table", "file", "folder", "rest"))
PREVIEW_ROWS = 100  # no document says how many rows a preview has


@dataclass(frozen=True)
class ExploreQuery:
    """The parameters as far as tables need them."""

    object_type: str
    object: str
    preview: bool


def read_query(params: QueryParams) -> ExploreQuery:
    """Names and values in any case: the OpenAPI writes ROOT and FileType, the tutorials root and fileType."""
    given = {name.lower(): value for name, value in params.items()}
    if "objecttype" not in given:
        raise flow_error("1359-400", param="objectType")
    object_type = given["objecttype"].lower()
    if object_type not in OBJECT_TYPES:
        raise flow_error("1358-400", object_type=given["objecttype"])
    if object_type != "root" and not given.get("object"):
        raise flow_error("1337-400", param="object", object_type=object_type)
    preview = given.get("preview", "false").lower()
    if preview not in ("true", "false"):
        raise flow_error("1100-400", reason="preview must be true or false")
    if "filters" in given:
        raise flow_error("1353-400", connector="this")
    return ExploreQuery(object_type, given.get("object", ""), preview == "true")


def answer(spec_id: str, query: ExploreQuery) -> object:
    """A bare array for the root, an object for a table."""
    tables = paypal.tables() if spec_id == PAYPAL_SPEC else generic.tables()
    if query.object_type == "root":
        return [_entry(table) for table in tables.values()]
    if query.object_type != "table":
        raise flow_error("1358-400", object_type=query.object_type)
    table = tables.get(query.object)
    if table is None:
        raise flow_error("1330-400", table=query.object)
    reply: dict[str, Any] = {"format": "flat", "schema": {"columns": table.columns()}}
    if query.preview:
        reply["data"] = list(table.rows[:PREVIEW_ROWS])
    return reply


def _entry(table: Table) -> dict[str, Any]:
    return {
        "type": "table",
        "name": table.name,
        "path": table.name,
        "canPreview": True,
        "canFetchSchema": True,
    }
