"""``auth.params``: which of them may be shown, and whether they fit an authentication's JSON Schema.

A parameter that is not listed here counts as a secret. No complaint holds a value.
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
    given: object, conn_id: str, known: Collection[str] = (), source: str = "the source"
) -> dict[str, Any]:
    """``auth_params`` of a DAG, without secrets. Templates render None and empty texts for nothing.

    :param known: the source's parameters, as far as the catalogue has them
    :raises AepConfigError: naming those that are unknown, or are or may be secret, without their values
    """
    params = check_object({} if given is None else given, "auth_params")
    if known and (unknown := [name for name in params if is_secret(name) and name not in known]):
        raise AepConfigError(
            f"`auth_params` holds {_unknown(unknown, known)} {source} has no such parameter that this "
            "provider knows. If the platform asks for it all the same, put it into the extra of the Airflow "
            f"connection {conn_id!r}.",
            parameter="auth_params",
        )
    if secret := [name for name in params if is_secret(name)]:
        named = ", ".join(f"`{name}`" for name in secret)
        raise AepConfigError(
            f"`auth_params` holds {named}, which is or may be a secret: a DAG's code and rendered fields are "
            f"read by many. Put it into the extra of the Airflow connection {conn_id!r}, under this name.",
            parameter="auth_params",
        )
    return {name: value for name, value in params.items() if value not in (None, "", "None")}


def _unknown(names: Collection[str], known: Collection[str]) -> str:
    """Unknown names, and what was perhaps meant."""
    spelt = {name.lower(): name for name in known}
    words = ", ".join(f"`{name}`" for name in names)
    near = {name: difflib.get_close_matches(name.replace("_", "").lower(), spelt, n=1) for name in names}
    meant = [f"`{spelt[found[0]]}`" for found in near.values() if found]
    return f"{words}." + (f" Did you mean {', '.join(meant)}?" if meant else "")


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
