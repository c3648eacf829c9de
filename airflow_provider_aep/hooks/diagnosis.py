"""Diagnose an AEP connection for ``test_connection``: name the setting that is wrong.

The message is shown as it is in Airflow's UI, so it is made of our own words and of scrubbed ones only.
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
from airflow_provider_aep.hooks.connection import words_of_unknown

if TYPE_CHECKING:
    from airflow_provider_aep.hooks.base import AepHook


def diagnose(hook: AepHook) -> tuple[bool, str]:
    """Ask IMS for a new token, then Flow Service for one connection; name what is wrong on the way."""
    try:
        return _diagnose(hook)
    except Exception as error:  # noqa: BLE001 - a test that raises tells less than one that says what
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
        return False, f"IMS at `ims_host` refuses: {error}"
    try:
        found = hook.call(Call("GET", "/connections", [("limit", "1")]))
        replies.read_items(found, "GET /connections")
    except AepTransportError as error:
        return False, _unreachable(hook, error, "host", settings.base_url)
    except AepError as error:
        return False, _refused(error, sandbox)
    message = f"Connected to {settings.base_url}, organization {settings.org_id}, sandbox '{sandbox}'."
    return True, f"{message} {words_of_unknown(settings.unknown)}" if settings.unknown else message


def _host_problem(hook: AepHook) -> str | None:
    """Return whether `host` is out of reach too, so that it is not put down to IMS. Sends no credentials."""
    try:
        hook.ping()
    except AepTransportError as error:
        return _unreachable(hook, error, "host", hook.settings.base_url)
    return None


def _unreachable(hook: AepHook, error: AepTransportError, setting: str, address: str) -> str:
    if isinstance(error, AepConnectError):
        return str(error)  # it names both
    if hook.settings.base_url == hook.settings.ims_url:
        setting = "host` and `ims_host"
    if isinstance(error, AepReplyError):
        return f"{address} (`{setting}`) does not answer as Adobe does: {error}"
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
    return f"{'Flow Service refused' if isinstance(error, AepStatusError) else 'It failed'}: {error}"
