"""What a patch may do to a base connection."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from airflow_provider_aep.emulator import credentials, patching
from airflow_provider_aep.emulator.errors import ApiError, flow_error
from airflow_provider_aep.emulator.patching import Operation, read
from airflow_provider_aep.emulator.settings import words
from airflow_provider_aep.emulator.store import Entity

STATES = ("enabled", "disabled", "initializing")
FIXED = words(
    """id createdAt updatedAt createdBy updatedBy createdClient updatedClient sandboxId sandboxName imsOrgId
    version etag"""
)
__all__ = ["apply", "read"]


def apply(entity: Entity, operations: list[Operation], spec: dict[str, Any]) -> Entity:
    """A changed copy, or an error and no change at all."""
    for operation in operations:
        if operation.path[0] == "auth":
            entity = _auth(entity, operation, spec)
        else:
            entity = replace(entity, item=_field(entity.item, operation))
    return entity


def _invalid(reason: str) -> ApiError:
    return flow_error("1455-400", reason=reason)


def _field(item: dict[str, Any], operation: patching.Operation) -> dict[str, Any]:
    name = operation.path[0]
    if name == "connectionSpec":
        raise flow_error("1414-400")
    if name in FIXED:
        raise _invalid(f'Field "{name}" cannot be changed.')
    if name not in ("name", "description", "state") or len(operation.path) > 1:
        raise _invalid(f'Missing field "{".".join(operation.path)}".')
    if operation.op == "remove":
        if name != "description" or name not in item:
            raise _invalid(f'Field "{name}" cannot be removed.')
        return {key: value for key, value in item.items() if key != name}
    if not isinstance(operation.value, str) or (name == "name" and not operation.value):
        raise _invalid(f'Field "{name}" must be a string.')
    if name == "state" and item["state"] == "draft":
        raise _invalid("A draft is published, not enabled.")
    if name == "state" and operation.value not in STATES:
        raise flow_error("1456-400", state=operation.value)
    return {**item, name: operation.value}


def _auth(entity: Entity, operation: Operation, spec: dict[str, Any]) -> Entity:
    """Credential rotation: all of `/auth/params`, or one parameter of it."""
    auth = entity.item.get("auth")
    if auth is None and entity.item["state"] == "draft" and operation.path == ("auth",):
        auth = operation.value  # a draft may get its credentials later, all at once
    if not isinstance(auth, dict) or not isinstance(auth.get("specName"), str):
        raise _invalid('Missing field "auth".')
    if "auth" not in entity.item:
        bare = {"specName": auth["specName"], "params": {}}
        entity = replace(entity, item={**entity.item, "auth": bare})
    schema = credentials.schema_of(spec, auth["specName"])
    match operation.path[1:], operation.value:
        case ("params",), value if operation.op != "remove":
            params = credentials.validate(value, schema)
            return _with(entity, credentials.plain(params), credentials.judge(spec["id"], params))
        case ("params", name), value:
            return _leaf(entity, operation.op, name, value, schema, spec["id"])
        case (), {"specName": spec_name, "params": value} if operation.op != "remove":
            if spec_name != auth["specName"]:
                raise _invalid("The authentication type of a connection cannot be changed.")
            params = credentials.validate(value, schema)
            return _with(entity, credentials.plain(params), credentials.judge(spec["id"], params))
    raise _invalid(f'Missing field "{".".join(operation.path)}".')


def _leaf(entity: Entity, op: str, name: str, value: object, schema: dict[str, Any], spec_id: str) -> Entity:
    params, right = dict(entity.item["auth"]["params"]), dict(entity.hidden["right"])
    if op == "remove":
        if name in schema["required"] or name not in right:
            raise _invalid(f'Field "auth.params.{name}" cannot be removed.')
        params.pop(name, None)
        del right[name]
        return _with(entity, params, right)
    credentials.validate_leaf(name, value, schema)
    return _with(
        entity,
        {**params, **credentials.plain({name: value})},
        {**right, **credentials.judge(spec_id, {name: value})},
    )


def _with(entity: Entity, params: dict[str, Any], right: dict[str, bool]) -> Entity:
    auth = {**entity.item["auth"], "params": params}
    return replace(entity, item={**entity.item, "auth": auth}, hidden={**entity.hidden, "right": right})
