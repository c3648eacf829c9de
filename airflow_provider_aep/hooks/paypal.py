"""Read PayPal's credentials as AEP's PayPal source needs them. This hook sends no request."""

from __future__ import annotations

import re
from typing import Any

from airflow.sdk import BaseHook

from airflow_provider_aep.flow_service.errors import AepConfigError, SourceCredentialsError
from airflow_provider_aep.hooks.connection import find_connection, form_behaviour, form_widgets
from airflow_provider_aep.hooks.scrub import Secrets

DEFAULT_HOST = "api.sandbox.paypal.com"

PAYPAL_FIELDS = {"host": "host", "clientId": "login", "clientSecret": "password"}
"""The connection's field for each parameter of AEP's PayPal source."""

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))+")


class PayPalHook(BaseHook):
    """The credentials of a PayPal application, from an Airflow connection of type ``paypal``.

    :param paypal_conn_id: ``login`` = client ID, ``password`` = client secret, ``host`` = PayPal's API host
        (default: PayPal's sandbox)
    """

    conn_name_attr = "paypal_conn_id"
    default_conn_name = "paypal_default"
    conn_type = "paypal"
    hook_name = "PayPal"

    def __init__(self, paypal_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.paypal_conn_id = paypal_conn_id

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's extra fields, for Airflow 3.1. Later versions read the provider info."""
        return form_widgets(cls.conn_type)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the form's labels, for Airflow 3.1. Later versions read the provider info."""
        return form_behaviour(cls.conn_type)

    def auth_params(self) -> dict[str, str]:
        """Return the parameters ``host``, ``clientId`` and ``clientSecret``, and mask the last two.

        :raises SourceCredentialsError: a field is missing or invalid. The error does not show its value
        """
        connection = find_connection(self.paypal_conn_id, "paypal_conn_id", "PayPal")
        Secrets().register([connection.login, connection.password])
        return read_paypal(connection)

    def test_connection(self) -> tuple[bool, str]:
        """Check client ID, client secret and host. Send no request.

        The test of the base connection in AEP shows whether PayPal accepts them.
        """
        try:
            params = self.auth_params()
        except AepConfigError as error:
            return False, str(error)
        return True, (
            f"Client ID, client secret and host {params['host']} are complete. Nothing was sent. AEP's test "
            "of the base connection shows whether PayPal accepts them."
        )


def read_paypal(connection: Any) -> dict[str, str]:
    """Return ``{"host", "clientId", "clientSecret"}``, as Adobe's PayPal tutorial names them.

    The caller masks them.

    :raises SourceCredentialsError: a field is missing or invalid. The error does not show its value
    """
    conn_id = connection.conn_id
    return {
        "host": _host(connection.host, conn_id),
        "clientId": _word(connection.login, "login", "client ID", conn_id),
        "clientSecret": _word(connection.password, "password", "client secret", conn_id),
    }


def _word(value: str | None, parameter: str, label: str, conn_id: str) -> str:
    text = (value or "").strip()
    if not text:
        raise _error(f"the {label} (`{parameter}`) is missing", parameter, conn_id)
    if not text.isascii() or not text.isprintable() or " " in text:
        raise _error(
            f"the {label} (`{parameter}`) must hold only visible ASCII characters, and no blanks",
            parameter,
            conn_id,
        )
    return text


def _host(value: str | None, conn_id: str) -> str:
    host = (value or "").strip().removeprefix("https://").rstrip("/") or DEFAULT_HOST
    if not _HOST.fullmatch(host):
        raise _error(f"`host` must be a host name such as {DEFAULT_HOST}", "host", conn_id)
    return host


def _error(problem: str, parameter: str, conn_id: str) -> SourceCredentialsError:
    return SourceCredentialsError(
        f"Connection {conn_id!r}: {problem}. Copy it from the application's page in PayPal's developer "
        "dashboard.",
        parameter=parameter,
    )
