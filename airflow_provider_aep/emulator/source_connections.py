"""`/sourceConnections`: which data of a base connection to read. Follows the collect tutorials."""

from __future__ import annotations

from typing import Any

from airflow_provider_aep.emulator import filters
from airflow_provider_aep.emulator.entities import Call, optional_object, optional_text, required_text
from airflow_provider_aep.emulator.errors import flow_error
from airflow_provider_aep.emulator.flows.sides import Side
from airflow_provider_aep.emulator.specs import Specs
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.world import World

FORMATS = frozenset(("delimited", "json", "parquet", "parquet_xdm", "tabular"))


class SourceConnections(Side):
    """The source connections of one emulator."""

    kind = "sourceConnections"
    filterable = filters.SOURCE_CONNECTION_FIELDS

    def __init__(self, world: World, specs: Specs) -> None:
        super().__init__(world)
        self._specs = specs

    def _fields(self, call: Call, body: dict[str, Any], *, draft: bool) -> dict[str, Any]:
        spec = self._specs.check_reference(body.get("connectionSpec")).spec
        fields: dict[str, Any] = {"name": required_text(body, "name"), **optional_text(body, "description")}
        data, params = optional_object(body, "data"), optional_object(body, "params")
        if not draft or data:
            form = required_text(data.get("data", {}), "format")
            if form not in FORMATS:
                raise flow_error("1327-400", format=form)
        if "filters" in params.get("params", {}):
            raise flow_error("1353-400", connector=spec["name"])
        reference = {"id": spec["id"], "version": spec["version"]}
        fields |= data | params | {"connectionSpec": reference}
        base = None if draft and "baseConnectionId" not in body else self._base(call, body, spec)
        if base is not None and base.item["state"] == "draft" and not draft:
            raise flow_error("1100-400", reason=f"connection {base.id} is a draft: publish it first")
        if base is not None:
            fields["baseConnectionId"] = base.id
            fields["inheritedAttributes"] = {"baseConnection": {"id": base.id, "connectionSpec": reference}}
        return fields

    def _base(self, call: Call, body: dict[str, Any], spec: dict[str, Any]) -> Entity | None:
        """Sources that authenticate need a base connection of the same spec."""
        if not spec["authSpec"] and "baseConnectionId" not in body:
            return None
        base = self._world.store.get("connections", call.sandbox, required_text(body, "baseConnectionId"))
        if base is None:
            raise flow_error("1101-404")
        if base.item["connectionSpec"]["id"] != spec["id"]:
            raise flow_error("1413-400")
        return base
