"""Judge what a failed request to AEP says about the connection: name the setting that is wrong.

``test_connection`` and the command ``doctor`` use the same judgement. Airflow's UI shows the message as it
is. So it consists of this provider's words and of scrubbed texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_aep.flow_service.collections import CONNECTIONS
from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepConfigError,
    AepConnectError,
    AepError,
    AepPermissionError,
    AepReplyError,
    AepServerError,
    AepStatusError,
    AepThrottledError,
    AepTransportError,
)
from airflow_provider_aep.hooks.connection import Settings, describe_unknown

if TYPE_CHECKING:
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook

CONNECTION, ADDRESS, CREDENTIAL = "connection", "address", "credential"
ORGANIZATION, SANDBOX, PERMISSIONS = "organization", "sandbox", "permissions"


@dataclass(frozen=True)
class Fault:
    """A failed request, and what is at fault.

    :param at: ``connection``, ``address``, ``credential``, ``organization``, ``sandbox`` or ``permissions``;
        None if the service itself failed
    :param problem: a clause that names the setting, or an empty text if the error names it
    """

    at: str | None
    problem: str
    error: AepError

    def __str__(self) -> str:
        return f"{self.problem}: {self.error}" if self.problem else str(self.error)

    @property
    def detail(self) -> str:
        """Return the problem and what happened, with the error's code."""
        happened = f"{self.error.happened} [{self.error.stable_code}]"
        return f"{self.problem}: {happened}" if self.problem else happened

    @property
    def fix(self) -> str:
        """Return what to do."""
        return self.error.advice or self.error.todo


def diagnose(hook: FlowServiceHook) -> tuple[bool, str]:
    """Fetch a new token from IMS, then list one connection of Flow Service.

    :return: whether both succeeded, and a message that names the setting that is wrong
    """
    try:
        return _diagnose(hook)
    except Exception as error:  # noqa: BLE001 - Airflow shows the text of an exception as it is
        return False, f"Unexpected {type(error).__name__} while testing the connection."


def _diagnose(hook: FlowServiceHook) -> tuple[bool, str]:
    try:
        settings, sandbox = hook.settings, hook.sandbox
    except AepError as error:
        return False, str(error)
    try:
        hook.renew_token()
    except AepError as error:
        fault = token_fault(settings, error)
        elsewhere = isinstance(error, AepTransportError) and settings.base_url != settings.ims_url
        other = _host_fault(hook) if elsewhere else None
        return False, f"{other} And {fault}" if other else str(fault)
    try:
        hook.read_one(CONNECTIONS)
    except AepError as error:
        return False, str(request_fault(settings, error, sandbox, "Flow Service"))
    message = f"Connected to {settings.base_url}, organization {settings.org_id}, sandbox '{sandbox}'."
    return True, f"{message} {describe_unknown(settings.unknown)}" if settings.unknown else message


def _host_fault(hook: FlowServiceHook) -> Fault | None:
    """Return the fault of `host` if it cannot be reached either, None if it can. Send no credentials."""
    try:
        hook.ping()
    except AepTransportError as error:
        return address_fault(hook.settings, error, "host")
    return None


def token_fault(settings: Settings, error: AepError) -> Fault:
    """Return the fault of a token request that failed."""
    if isinstance(error, AepTransportError | AepConfigError):
        return address_fault(settings, error, "ims_host")
    if isinstance(error, AepServerError | AepThrottledError):
        return Fault(CREDENTIAL, "IMS at `ims_host` gave no token, so the credential is unproven", error)
    return Fault(CREDENTIAL, "IMS at `ims_host` refused the credential", error)


def address_fault(settings: Settings, error: AepError, setting: str) -> Fault:
    """Return the fault of an address without a usable answer.

    :param setting: ``host`` or ``ims_host``
    """
    if isinstance(error, AepConnectError | AepConfigError):
        return Fault(ADDRESS, "", error)  # it names setting and address
    address = settings.base_url if setting == "host" else settings.ims_url
    if settings.base_url == settings.ims_url:
        setting = "host` and `ims_host"
    if isinstance(error, AepReplyError):
        return Fault(ADDRESS, f"{address} (`{setting}`) does not answer as Adobe's services do", error)
    return Fault(ADDRESS, f"{address} (`{setting}`) cannot be reached", error)


def request_fault(settings: Settings, error: AepError, sandbox: str, service: str) -> Fault:
    """Return the fault of a request to a service that failed.

    :param service: the service's name for messages
    """
    code = error.code or ""
    if isinstance(error, AepTransportError):
        return address_fault(settings, error, "host")
    if code in {"403003", "403000"}:
        return Fault(CREDENTIAL, "The client ID (`login`) is wrong", error)
    if code in {"403025", "403027", "400003"} or code.startswith(("FLOW-2000-", "FLOW-2001-", "FLOW-2002-")):
        return Fault(ORGANIZATION, "The organization (`org_id`) is wrong", error)
    if code.startswith(("FLOW-2100-", "FLOW-2101-", "FLOW-2103-", "FLOW-2105-", "FLOW-2119-")):
        return Fault(SANDBOX, f"The sandbox (`sandbox`) '{sandbox}' is wrong", error)
    if isinstance(error, AepPermissionError):
        return Fault(PERMISSIONS, f"The credential lacks a permission in sandbox '{sandbox}'", error)
    if isinstance(error, AepAuthError):
        problem = "The token was refused; client ID (`login`) or organization (`org_id`) is wrong"
        return Fault(CREDENTIAL, problem, error)
    if isinstance(error, AepStatusError):
        return Fault(None, f"{service} refused the request", error)
    return Fault(None, f"The request to {service} failed", error)
