"""Read the body of a dataflow, and check it against spec, schedule, both ends and the mapping."""

from __future__ import annotations

from typing import Any

from airflow_provider_aep.emulator import sources
from airflow_provider_aep.emulator.entities import optional_text, required_text
from airflow_provider_aep.emulator.errors import flow_error
from airflow_provider_aep.emulator.flows import schedule
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.specs import Specs, checked_params
from airflow_provider_aep.emulator.store import Entity

ENDS = {"sourceConnectionIds": "sourceConnections", "targetConnectionIds": "targetConnections"}
Item = dict[str, Any]


class FlowBodies:
    """Read the body of a POST, or of a flow after a PATCH."""

    def __init__(self, platform: Platform, specs: Specs) -> None:
        self._platform = platform
        self._specs = specs

    def read(self, sandbox: str, body: Item, *, draft: bool, before: Item | None = None) -> Item:
        """Return the fields of a flow to store; a draft may leave fields out.

        `before` is the flow before a PATCH: it keeps the delta column of its first run on demand.
        """
        if "state" in body:
            raise flow_error("1410-400")
        spec = self._spec(body.get("flowSpec"))
        fields: Item = {"name": required_text(body, "name"), **optional_text(body, "description")}
        fields["flowSpec"] = {"id": spec["id"], "version": spec["version"]}
        source = self._end(sandbox, body, "sourceConnectionIds", draft=draft)
        target = self._end(sandbox, body, "targetConnectionIds", draft=draft)
        if source and source.item["connectionSpec"]["id"] not in spec["sourceConnectionSpecIds"]:
            raise flow_error("1100-400", reason=f"the source is not one of flow spec {spec['name']}")
        fields["sourceConnectionIds"] = [source.id] if source else []
        fields["targetConnectionIds"] = [target.id] if target else []
        fields["inheritedAttributes"] = _inherited(source, target)
        fields["transformations"] = _transformations(body.get("transformations"), spec)
        if "scheduleSpec" not in spec:  # a stream has no schedule
            if "scheduleParams" in body:
                raise flow_error("1100-400", reason=f"flow spec {spec['name']} has no schedule")
        elif "scheduleParams" in body or not draft:
            fields["scheduleParams"] = schedule.read(body.get("scheduleParams"), self._platform.clock.now())
        if "options" in body:
            fields["options"] = checked_params(body["options"], spec["optionSpec"]["spec"], "options")
        if "labels" in body:
            fields["labels"] = _labels(body["labels"])
        if not draft:
            _check_delta_column(fields, spec, before)
            self._check_mapping(sandbox, fields, target)
        return fields

    def endpoint_kind(self, sandbox: str, item: Item) -> str | None:
        """Return the kind of the entity that shows the source's streaming endpoint; None without one."""
        ids = item["sourceConnectionIds"]
        entity = self._platform.store.get("sourceConnections", sandbox, ids[0]) if ids else None
        source = sources.find(self._platform, entity.item["connectionSpec"]["id"]) if entity else None
        return source.endpoint_kind if source else None

    def _spec(self, reference: object) -> Item:
        if not isinstance(reference, dict) or not isinstance(reference.get("id"), str):
            raise flow_error("1413-400")
        spec = self._specs.flow_spec(reference["id"])
        if spec is None or reference.get("version", spec["version"]) != spec["version"]:
            raise flow_error("1413-400")
        return spec

    def _end(self, sandbox: str, body: Item, name: str, *, draft: bool) -> Entity | None:
        """Return the one connection at an end of the flow."""
        ids = body.get(name, [])
        if not isinstance(ids, list) or not all(isinstance(x, str) for x in ids):
            raise flow_error("1100-400", reason=f"{name} must be an array of strings")
        if not ids and draft:
            return None
        if len(ids) != 1:
            raise flow_error("1321-400", id_type=name)
        entity = self._platform.store.get(ENDS[name], sandbox, ids[0])
        if entity is None:
            raise flow_error("1101-404")
        if entity.item["state"] == "draft" and not draft:
            raise flow_error("1100-400", reason=f"{ENDS[name]} {entity.id} is a draft: publish it first")
        return entity

    def _check_mapping(self, sandbox: str, fields: Item, target: Entity | None) -> None:
        """Check that dataset, target connection and mapping set use one schema."""
        assert target is not None
        dataset_id = target.item["params"]["dataSetId"]
        dataset = self._platform.store.get("datasets", sandbox, dataset_id)
        if dataset is None:
            raise flow_error("1101-404")
        params = transformation(fields, "Mapping")
        mapping_id = str(params.get("mappingId", ""))
        schemas = {dataset.item["schemaRef"]["id"]}
        if "schema" in target.item["data"]:
            schemas.add(target.item["data"]["schema"]["id"])
        if params:
            version = str(params.get("mappingVersion", "0"))
            mapping = self._platform.store.get("mappingSets", sandbox, mapping_id)
            if mapping is None:
                raise flow_error("1419-400", id=mapping_id, version=version)
            if not version.isdecimal() or int(version) > mapping.item["version"]:
                raise flow_error("1412-400")
            schemas.add(mapping.item["outputSchema"]["schemaRef"]["id"])
        if len(schemas) > 1:
            raise flow_error("1425-400", dataset=dataset_id, mapping=mapping_id)


def transformation(item: Item, name: str) -> Item:
    """Return the params of a flow's transformation; empty if the flow does not have it."""
    found = (t["params"] for t in item["transformations"] if t["name"].lower() == name.lower())
    params: Item = next(found, {})
    return params


def _transformations(value: object, spec: Item) -> list[Item]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise flow_error("1100-400", reason="transformations must be an array of objects")
    known = {entry["name"]: entry["spec"] for entry in spec["transformationSpecs"]}
    result: list[Item] = []
    for entry in value:
        name = required_text(entry, "name")
        if name not in known or name in [done["name"] for done in result]:
            raise flow_error("1100-400", reason=f"the transformation {name} is unknown or given twice")
        params = checked_params(entry.get("params"), known[name], f"transformations.{name}.params")
        result.append({"name": name, "params": params})
    return result


def _check_delta_column(fields: Item, spec: Item, before: Item | None) -> None:
    """Require a delta column for a recurring flow of a table source; a one-time flow gets it from a run."""
    delta = transformation(fields, "Copy")
    needs_column = any(entry["name"] == "Copy" for entry in spec["transformationSpecs"])
    if _is_once(fields):
        given = before is not None and _is_once(before) and delta == transformation(before, "Copy")
        if delta and not given:
            raise flow_error("1369-400")
    elif needs_column and not delta:
        raise flow_error("1367-400")


def _is_once(fields: Item) -> bool:
    return bool(fields.get("scheduleParams", {}).get("frequency", "once") == "once")


def _labels(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(x, str) for x in value):
        raise flow_error("1100-400", reason="labels must be an array of strings")
    return value


def _inherited(source: Entity | None, target: Entity | None) -> Item:
    """Return the part of a flow that shows its ends, as in the collect tutorials."""
    inherited: Item = {"properties": {"isSourceFlow": True}}
    if source:
        end = {"id": source.id, "connectionSpec": source.item["connectionSpec"]}
        inherited["sourceConnections"] = [{**end, **source.item.get("inheritedAttributes", {})}]
    if target:
        end = {"id": target.id, "connectionSpec": target.item["connectionSpec"]}
        inherited["targetConnections"] = [end]
    return inherited
