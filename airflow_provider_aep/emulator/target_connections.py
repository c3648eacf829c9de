"""`/targetConnections`: the dataset that rows go to. Follows the collect tutorials."""

from __future__ import annotations

from typing import Any

from airflow_provider_aep.emulator import filters
from airflow_provider_aep.emulator.entities import Call, optional_object, optional_text, required_text
from airflow_provider_aep.emulator.errors import flow_error
from airflow_provider_aep.emulator.flow_spec_parts import TARGET_SPEC
from airflow_provider_aep.emulator.flows.sides import Side


class TargetConnections(Side):
    """The target connections of one emulator."""

    kind = "targetConnections"
    filterable = filters.COMMON | {"data", "params", "inheritedAttributes"}

    def _fields(self, call: Call, body: dict[str, Any], *, draft: bool) -> dict[str, Any]:
        reference = body.get("connectionSpec")
        if not isinstance(reference, dict) or not isinstance(reference.get("id"), str):
            raise flow_error("1413-400")
        if reference["id"] != TARGET_SPEC or reference.get("version", "1.0") != "1.0":
            raise flow_error("1307-400", id=reference["id"])
        fields: dict[str, Any] = {"name": required_text(body, "name"), **optional_text(body, "description")}
        data, params = optional_object(body, "data"), optional_object(body, "params")
        if not draft or data:
            _check_schema(data.get("data", {}))
        if not draft or params:
            self._check_dataset(call, params.get("params", {}))
        return fields | data | params | {"connectionSpec": {"id": TARGET_SPEC, "version": "1.0"}}

    def _check_dataset(self, call: Call, params: dict[str, Any]) -> None:
        dataset = params.get("dataSetId")
        if dataset is None or dataset == "":
            raise flow_error("1325-400")
        if not isinstance(dataset, str):
            raise flow_error("1100-400", reason="params.dataSetId must be a string")
        if self._world.store.get("datasets", call.sandbox, dataset) is None:
            raise flow_error("1101-404")


def _check_schema(data: dict[str, Any]) -> None:
    """Whether it is the dataset's is asked when a dataflow is made: 1425.

    The tutorial on streaming data sends a format and no schema.
    """
    schema = data.get("schema")
    if schema is None and "format" in data:
        return
    if schema is None:
        raise flow_error("1304-400", field="data.schema")
    if not isinstance(schema, dict):
        raise flow_error("1100-400", reason="data.schema must be an object")
    required_text(schema, "id")
