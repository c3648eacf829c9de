"""Check ``auth.params``: no secrets in a DAG, and parameters that fit an authentication type's JSON Schema.

No message shows a value.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.secret_rules import is_secret
from airflow_provider_aep.flow_service.validation import check_object

if TYPE_CHECKING:
    from airflow_provider_aep.flow_service.sources import AuthSpec


def check_plain(
    given: object, conn_id: str, documented: Collection[str] = (), source: str = "the source"
) -> dict[str, Any]:
    """Return the ``auth_params`` of a DAG without empty values: templates render None and empty texts.

    :param documented: the source's parameters, if the catalogue has them
    :raises AepConfigError: a parameter is unknown, or is or may be secret
    """
    params = check_object({} if given is None else given, "auth_params")
    secret = [name for name in params if is_secret(name)]
    if documented and (unknown := [name for name in secret if name not in documented]):
        raise AepConfigError(
            f"`auth_params` holds {_listed(unknown)}. {_suggestion(unknown, documented)}This provider does "
            f"not know such a parameter of {source}. If the platform requires it, put it into the extra of "
            f"the Airflow connection {conn_id!r}.",
            parameter="auth_params",
        )
    if secret:
        raise secret_in_dag(secret, conn_id)
    return {name: value for name, value in params.items() if value not in (None, "", "None")}


def secret_in_dag(names: Collection[str], conn_id: str) -> AepConfigError:
    """Return the error of ``auth_params`` that hold secrets."""
    return AepConfigError(
        f"`auth_params` holds {_listed(names)}, which is or may be a secret. Many people can read a "
        "DAG's code and rendered fields. Put it into the extra of the Airflow connection "
        f"{conn_id!r}, under this name.",
        parameter="auth_params",
    )


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _suggestion(unknown: Collection[str], documented: Collection[str]) -> str:
    """Return a question with the documented names that are similar, and a blank; or an empty text."""
    by_lower_case = {name.lower(): name for name in documented}
    similar = [
        by_lower_case[near]
        for name in unknown
        for near in difflib.get_close_matches(name.replace("_", "").lower(), by_lower_case, n=1)
    ]
    return f"Did you mean {_listed(similar)}? " if similar else ""


def convert(value: Any, schema: object) -> Any:
    """Convert a value to a type that the schema allows, if it can be converted.

    Airflow keeps ports as numbers and objects as JSON texts.
    """
    types = _types(schema)
    if not types:
        return value
    if isinstance(value, str):
        return value if "string" in types else _parse(value, types)
    if "string" not in types or _has_type(value, types):
        return value
    return json.dumps(value, separators=(",", ":"))  # a number, a flag, or an object such as a key file


def problems(auth: AuthSpec, params: Mapping[str, Any]) -> list[str]:
    """Describe every parameter that is missing or invalid."""
    from jsonschema import Draft7Validator
    from jsonschema.exceptions import SchemaError
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    missing = [f"`{name}` is missing" for name in auth.required if name not in params]
    try:
        Draft7Validator.check_schema(auth.schema)
        validator = Draft7Validator(auth.schema, registry=Registry())  # fetches nothing for a $ref
        invalid = [
            _describe(error.absolute_path, error.validator, error.validator_value)
            for error in validator.iter_errors(dict(params))
            if error.validator != "required"
        ]
    except (SchemaError, Unresolvable, re.error, RecursionError):
        return missing  # the schema is invalid, so only the platform can check
    return list(dict.fromkeys((*missing, *invalid)))


def _describe(path: Any, rule: object, limit: object) -> str:
    """Describe a broken rule. Its limit is from the schema, so it can be shown."""
    where = f"`{path[0]}`" if path else "the set of parameters"
    if rule == "minLength":
        return f"{where} is empty or too short"
    return f"{where} breaks the rule {rule}" + (f" {limit!r:.100}" if isinstance(limit, str | list) else "")


def _types(schema: object) -> list[str]:
    types = schema.get("type") if isinstance(schema, Mapping) else None
    return [types] if isinstance(types, str) else list(types) if isinstance(types, list) else []


def _has_type(value: object, types: list[str]) -> bool:
    kinds = {
        "boolean": isinstance(value, bool),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "object": isinstance(value, dict),
        "array": isinstance(value, list),
    }
    return any(kinds.get(kind, False) for kind in types)


def _parse(text: str, types: list[str]) -> Any:
    """Return the number, flag or object that a text encodes if its type is allowed. Else return the text."""
    try:
        value = json.loads(text.lower() if text.lower() in {"true", "false"} else text)
    except (ValueError, RecursionError):
        return text
    return value if _has_type(value, types) else text
