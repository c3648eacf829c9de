"""Source credentials: checked when they come, never kept. Only whether they were right is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from airflow_provider_aep.emulator import settings
from airflow_provider_aep.emulator.errors import ApiError, flow_error
from airflow_provider_aep.emulator.settings import PAYPAL_SPEC, words

MASK = "******"
# What GET may show: a place, never a credential. Identifiers of accounts are left out as well.
PLAIN_PARAMS = words(
    """apiVersion authenticationRequired bucketName catalog dataType database domain eventHubName
    folderPath host httpPath name namespace port project projectId region role schema server serviceUri
    serviceUrl sourceId subdomain tenant topicName warehouse"""
)
PAYPAL_ACCOUNT = {"clientId": settings.PAYPAL_ID, "clientSecret": settings.PAYPAL_SECRET}


def validate(params: object, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The params with defaults filled in. An error names the field, never its value."""
    if not isinstance(params, dict):
        raise flow_error("1100-400", reason="auth.params must be an object")
    defaults = {
        k: p["default"] for k, p in schema["properties"].items() if "default" in p and k not in params
    }
    filled = {**defaults, **params}
    for error in Draft7Validator(schema).iter_errors(filled):
        raise _complaint(error)
    return filled


def validate_leaf(name: str, value: object, schema: Mapping[str, Any]) -> None:
    """One parameter alone, as a patch of `/auth/params/{name}` brings it."""
    if name not in schema["properties"]:
        raise flow_error("1455-400", reason=f'Missing field "{name}".')
    for _ in Draft7Validator(schema["properties"][name]).iter_errors(value):
        raise flow_error("1100-400", reason=f"auth.params.{name} has the wrong type or is empty")


def _complaint(error: ValidationError) -> ApiError:
    """The mandatory field by its name, as the catalogue has it; below the parameters by its path."""
    where = ".".join(map(str, error.absolute_path))
    if error.validator == "required":
        required: Any = error.validator_value
        given: Any = error.instance
        missing = next(name for name in required if name not in given)
        return flow_error("1304-400", field=f"{where}.{missing}".lstrip("."))
    place = f"auth.params.{where}".rstrip(".")
    if error.validator in ("type", "minLength"):
        return flow_error("1100-400", reason=f"{place} has the wrong type or is empty")
    return flow_error("1100-400", reason=f"{place} does not match {error.validator}")


def judge(spec_id: str, params: Mapping[str, Any]) -> dict[str, bool]:
    """For each parameter whether it was right. Sources other than PayPal take any value without `wrong`."""
    if spec_id == PAYPAL_SPEC:
        return {name: PAYPAL_ACCOUNT.get(name, value) == value for name, value in params.items()}
    return {name: "wrong" not in str(value).lower() for name, value in params.items()}


def plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """What may be kept and shown: where the source is, not who we are to it."""
    return {name: value for name, value in params.items() if name in PLAIN_PARAMS}


def refusal(spec_id: str) -> str:
    """What the source says of wrong credentials; for PayPal its own token endpoint's words."""
    if spec_id == PAYPAL_SPEC:
        return "PayPal: invalid_client, Client Authentication failed"
    return "the source refused the credentials"


def schema_of(spec: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The JSON Schema of one of a source's ways to authenticate; the name must match exactly."""
    for auth_spec in spec["authSpec"]:
        if auth_spec["name"] == name:
            schema: dict[str, Any] = auth_spec["spec"]
            return schema
    raise flow_error("1415-400", name=name, spec_id=spec["id"])
