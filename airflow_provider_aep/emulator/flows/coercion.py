"""The flow spec's JSON Schemas as validators: strict in meaning, lenient in type, as every sample is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft7Validator

from airflow_provider_aep.emulator.errors import flow_error


def checked(value: object, schema: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The value in the schema's types, or 1304 for what is missing and 1100 for what does not fit."""
    if not isinstance(value, dict):
        raise flow_error("1100-400", reason=f"{name} must be an object")
    coerced: dict[str, Any] = _coerced(value, schema)
    for error in Draft7Validator(schema).iter_errors(coerced):
        where = ".".join([name, *map(str, error.absolute_path)])
        if error.validator == "required":
            missing = next(x for x in error.validator_value if x not in error.instance)
            raise flow_error("1304-400", field=f"{where}.{missing}")
        raise flow_error("1100-400", reason=f"{where} does not match {error.validator}")
    return coerced


def _coerced(value: Any, schema: Mapping[str, Any]) -> Any:
    kind = schema.get("type")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        return {key: _coerced(part, properties.get(key, {})) for key, part in value.items()}
    if kind == "string" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return value
    if kind == "integer" and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    if kind == "number" and re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,9})?", value):
        return float(value) if "." in value else int(value)
    if kind == "boolean" and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value
