"""``auth.params`` against the JSON Schema of an authentication. A complaint never holds a value."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_aep.flow_service.sources import AuthSpec


def fitted(value: Any, schema: object) -> Any:
    """The value in a type that the schema takes: Airflow keeps ports as numbers, and JSON in texts."""
    types = _types(schema)
    if not types:
        return value
    if isinstance(value, str):
        return value if "string" in types else _read(value, types)
    if "string" not in types or _is_one_of(value, types):
        return value
    return json.dumps(value, separators=(",", ":"))  # true, 22, or an object such as a key file's


def problems(auth: AuthSpec, params: Mapping[str, Any]) -> list[str]:
    """Every parameter that is missing or wrong, in words."""
    from jsonschema import Draft7Validator
    from jsonschema.exceptions import SchemaError
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    missing = [f"`{name}` is missing" for name in auth.required if name not in params]
    try:
        Draft7Validator.check_schema(auth.schema)
        validator = Draft7Validator(auth.schema, registry=Registry())  # nothing is fetched for a $ref
        errors = [error for error in validator.iter_errors(dict(params)) if error.validator != "required"]
        wrong = [_words(error.absolute_path, error.validator, error.validator_value) for error in errors]
    except (SchemaError, Unresolvable, re.error, RecursionError):
        return missing  # a schema that cannot be read refuses nobody: the platform still checks
    return list(dict.fromkeys((*missing, *wrong)))


def _words(path: Any, rule: object, limit: object) -> str:
    """One broken rule; the limit is the schema's own and may be shown."""
    where = f"`{path[0]}`" if path else "what is given"
    if rule == "minLength":
        return f"{where} is empty or too short"
    return f"{where} breaks the rule {rule}" + (f" {limit!r:.100}" if isinstance(limit, str | list) else "")


def _types(schema: object) -> list[str]:
    types = schema.get("type") if isinstance(schema, Mapping) else None
    return [types] if isinstance(types, str) else list(types) if isinstance(types, list) else []


def _is_one_of(value: object, types: list[str]) -> bool:
    kinds = {
        "boolean": isinstance(value, bool),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "object": isinstance(value, dict),
        "array": isinstance(value, list),
    }
    return any(kinds.get(kind, False) for kind in types)


def _read(text: str, types: list[str]) -> Any:
    """The number, flag or object that a text holds, or the text."""
    try:
        value = json.loads(text.lower() if text.lower() in {"true", "false"} else text)
    except (ValueError, RecursionError):
        return text
    return value if _is_one_of(value, types) else text
