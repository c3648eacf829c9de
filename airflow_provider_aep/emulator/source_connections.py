"""`/sourceConnections`: which data of a base connection to read. Follows the collect tutorials."""

from __future__ import annotations

from typing import Any

from airflow_provider_aep.emulator import credentials, filters
from airflow_provider_aep.emulator.entities import Call, optional_object, optional_text, required_text
from airflow_provider_aep.emulator.errors import flow_error
from airflow_provider_aep.emulator.flows import coercion
from airflow_provider_aep.emulator.flows.sides import Side
from airflow_provider_aep.emulator.sources import Source
from airflow_provider_aep.emulator.specs import Specs
from airflow_provider_aep.emulator.store import Entity
from airflow_provider_aep.emulator.tables import files
from airflow_provider_aep.emulator.world import World

FORMATS = {
    "table": ("tabular",),
    "file": ("delimited", "json", "parquet", "parquet_xdm"),
    "rest": ("json",),
    "stream": ("json",),
}
Item = dict[str, Any]


class SourceConnections(Side):
    """The source connections of one emulator."""

    kind = "sourceConnections"
    filterable = filters.SOURCE_CONNECTION_FIELDS

    def __init__(self, world: World, specs: Specs) -> None:
        super().__init__(world)
        self._specs = specs

    def _fields(self, call: Call, body: Item, *, draft: bool) -> Item:
        source = self._specs.check_reference(body.get("connectionSpec"))
        fields: Item = {"name": required_text(body, "name"), **optional_text(body, "description")}
        data, params = optional_object(body, "data"), optional_object(body, "params")
        if data or not (draft or source.family == "stream"):  # the tutorials of streams leave it out
            _check_data(source, data.get("data", {}))
        if "filters" in params.get("params", {}):
            raise flow_error("1353-400", connector=source.name)
        reference = {"id": source.id, "version": source.spec["version"]}
        fields |= data | params | {"connectionSpec": reference}
        base = None if draft and "baseConnectionId" not in body else self._base(call, body, source)
        if base is not None:
            _check_base(base, source, draft=draft)
            fields["baseConnectionId"] = base.id
            fields["inheritedAttributes"] = {"baseConnection": {"id": base.id, "connectionSpec": reference}}
        # What is missing shows when a run reads: no document says that it is asked for here.
        schema = {**source.spec["sourceSpec"].get("spec", {}), "required": []}
        coercion.checked(params.get("params", {}), schema, "params")
        return fields

    def _base(self, call: Call, body: Item, source: Source) -> Entity | None:
        """Sources that authenticate need a base connection of the same spec, the others must have none."""
        if not source.spec["authSpec"]:
            if "baseConnectionId" in body:
                raise flow_error("1332-400", spec_id=source.id)
            return None
        base = self._world.store.get("connections", call.sandbox, required_text(body, "baseConnectionId"))
        if base is None:
            raise flow_error("1101-404")
        if base.item["connectionSpec"]["id"] != source.id:
            raise flow_error("1413-400")
        return base


def _check_data(source: Source, data: Item) -> None:
    form = required_text(data, "format")
    if form not in FORMATS[source.family]:
        raise flow_error("1327-400", format=form, allowed=str(list(FORMATS[source.family])))
    if source.family == "file":
        optional_object(data, "properties")
        files.form_of(data)


def _check_base(base: Entity, source: Source, *, draft: bool) -> None:
    """Self-serve sources are asked here whether the credentials are right, says the Generic REST tutorial."""
    if base.item["state"] == "draft" and not draft:
        raise flow_error("1100-400", reason=f"connection {base.id} is a draft: publish it first")
    if source.family == "rest" and not all(base.hidden["right"].values()):
        raise flow_error("1308-400", reason=credentials.refusal(source.id))
