"""Check source credentials when they arrive. Only whether each one was right is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from airflow_provider_aep.emulator import settings
from airflow_provider_aep.emulator.errors import ApiError, flow_error
from airflow_provider_aep.emulator.settings import PAYPAL_SPEC, words

MASK = "******"
# Parameters that GET may show: the address of a source, not a credential or an account.
PLAIN_PARAMS = words(
    """apiVersion authenticationRequired bucketName catalog dataType database domain eventHubName
    folderPath host httpPath name namespace port project projectId region role schema server serviceUri
    serviceUrl sourceId subdomain tenant topicName warehouse"""
)
PAYPAL_ACCOUNT = {"clientId": settings.PAYPAL_ID, "clientSecret": settings.PAYPAL_SECRET}


def validate(params: object, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the params with defaults filled in. An error names the field, not its value."""
    if not isinstance(params, dict):
        raise flow_error("1100-400", reason="auth.params must be an object")
    defaults = {
        k: p["default"] for k, p in schema["properties"].items() if "default" in p and k not in params
    }
    filled = {**defaults, **params}
    for error in Draft7Validator(schema).iter_errors(filled):
        raise _schema_error(error)
    return filled


def validate_leaf(name: str, value: object, schema: Mapping[str, Any]) -> None:
    """Check one parameter, as a patch of `/auth/params/{name}` contains it."""
    if name not in schema["properties"]:
        raise flow_error("1455-400", reason=f'Missing field "{name}".')
    for _ in Draft7Validator(schema["properties"][name]).iter_errors(value):
        raise flow_error("1100-400", reason=f"auth.params.{name} has the wrong type or is empty")


def _schema_error(error: ValidationError) -> ApiError:
    """Name the mandatory field, as the error catalogue does; a field within a parameter by its path."""
    where = ".".join(map(str, error.absolute_path))
    if error.validator == "required":
        required: Any = error.validator_value
        given: Any = error.instance
        missing = next(name for name in required if name not in given)
        return flow_error("1304-400", field=f"{where}.{missing}".lstrip("."))
    field = f"auth.params.{where}".rstrip(".")
    if error.validator in ("type", "minLength"):
        return flow_error("1100-400", reason=f"{field} has the wrong type or is empty")
    return flow_error("1100-400", reason=f"{field} does not match {error.validator}")


def judge(spec_id: str, params: Mapping[str, Any]) -> dict[str, bool]:
    """Say for each parameter whether it is right; only PayPal refuses values without `wrong`."""
    if spec_id == PAYPAL_SPEC:
        return {name: PAYPAL_ACCOUNT.get(name, value) == value for name, value in params.items()}
    return {name: "wrong" not in str(value).lower() for name, value in params.items()}


def plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that may be stored and shown: the address of the source."""
    return {name: value for name, value in params.items() if name in PLAIN_PARAMS}


def refusal(spec_id: str) -> str:
    """Return the source's message for wrong credentials; PayPal's is that of its token endpoint."""
    if spec_id == PAYPAL_SPEC:
        return "PayPal: invalid_client, Client Authentication failed"
    return "the source refused the credentials"


def schema_of(spec: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the JSON Schema of an authentication type; the name must match exactly."""
    for auth_spec in spec["authSpec"]:
        if auth_spec["name"] == name:
            schema: dict[str, Any] = auth_spec["spec"]
            return schema
    raise flow_error("1415-400", name=name, spec_id=spec["id"])
