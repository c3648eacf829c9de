"""Diagnose an AEP connection for ``test_connection``: name the setting that is wrong.

Airflow's UI shows the message as it is. So it consists of this provider's words and of scrubbed texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_aep.flow_service import replies
from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepConnectError,
    AepError,
    AepPermissionError,
    AepReplyError,
    AepStatusError,
    AepTransportError,
)
from airflow_provider_aep.flow_service.requests import Call
from airflow_provider_aep.hooks.connection import describe_unknown

if TYPE_CHECKING:
    from airflow_provider_aep.hooks.base import AepHook


def diagnose(hook: AepHook) -> tuple[bool, str]:
    """Fetch a new token from IMS, then list one connection of Flow Service.

    :return: whether both succeeded, and a message that names the setting that is wrong
    """
    try:
        return _diagnose(hook)
    except Exception as error:  # noqa: BLE001 - Airflow shows the text of an exception as it is
        return False, f"Unexpected {type(error).__name__} while testing the connection."


def _diagnose(hook: AepHook) -> tuple[bool, str]:
    try:
        settings, sandbox = hook.settings, hook.sandbox
    except AepError as error:
        return False, str(error)
    try:
        hook.renew_token()
    except AepTransportError as error:
        problem = _unreachable(hook, error, "ims_host", settings.ims_url)
        if settings.base_url != settings.ims_url and (other := _host_problem(hook)):
            problem = f"{other} And {problem}"
        return False, problem
    except AepError as error:
        return False, f"IMS at `ims_host` refused the credential: {error}"
    try:
        found = hook.call(Call("GET", "/connections", [("limit", "1")]))
        replies.read_items(found, "GET /connections")
    except AepTransportError as error:
        return False, _unreachable(hook, error, "host", settings.base_url)
    except AepError as error:
        return False, _refused(error, sandbox)
    message = f"Connected to {settings.base_url}, organization {settings.org_id}, sandbox '{sandbox}'."
    return True, f"{message} {describe_unknown(settings.unknown)}" if settings.unknown else message


def _host_problem(hook: AepHook) -> str | None:
    """Return the problem of `host` if it cannot be reached either, None if it can. Send no credentials."""
    try:
        hook.ping()
    except AepTransportError as error:
        return _unreachable(hook, error, "host", hook.settings.base_url)
    return None


def _unreachable(hook: AepHook, error: AepTransportError, setting: str, address: str) -> str:
    if isinstance(error, AepConnectError):
        return str(error)  # it names setting and address
    if hook.settings.base_url == hook.settings.ims_url:
        setting = "host` and `ims_host"
    if isinstance(error, AepReplyError):
        return f"{address} (`{setting}`) does not answer as Adobe's services do: {error}"
    return f"{address} (`{setting}`) cannot be reached: {error}"


def _refused(error: AepError, sandbox: str) -> str:
    code = error.code or ""
    if code == "403003" or code == "403000":
        return f"The client ID (`login`) is wrong: {error}"
    if code in {"403025", "403027", "400003"} or code.startswith(("FLOW-2000-", "FLOW-2001-", "FLOW-2002-")):
        return f"The organization (`org_id`) is wrong: {error}"
    if code.startswith(("FLOW-2100-", "FLOW-2101-", "FLOW-2103-", "FLOW-2105-", "FLOW-2119-")):
        return f"The sandbox (`sandbox`) '{sandbox}' is wrong: {error}"
    if isinstance(error, AepPermissionError):
        return f"The credential lacks a permission in sandbox '{sandbox}': {error}"
    if isinstance(error, AepAuthError):
        return f"The token was refused; client ID (`login`) or organization (`org_id`) is wrong: {error}"
    if isinstance(error, AepStatusError):
        return f"Flow Service refused the request: {error}"
    return f"The request to Flow Service failed: {error}"
