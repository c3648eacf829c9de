"""The AEP connection: find it, read its settings, make request headers from them, describe its form.

An error names the setting by its key, and does not show a value that may be secret.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_aep import __version__
from airflow_provider_aep._compat import (
    AirflowException,
    AirflowNotFoundException,
    aget_connection,
    get_connection,
)
from airflow_provider_aep.flow_service.errors import (
    AepConfigError,
    ConnectionMissingError,
    ConnectionSettingError,
)
from airflow_provider_aep.flow_service.validation import check_header, check_sandbox, check_text
from airflow_provider_aep.get_provider_info import CONNECTION_TYPES

DEFAULT_HOST = "https://platform.adobe.io"
DEFAULT_IMS = "https://ims-na1.adobelogin.com"
DEFAULT_SANDBOX = "prod"
DEFAULT_SCOPES = "openid,session,AdobeID,read_organizations,additional_info.projectedProductContext"
DEFAULT_TIMEOUT = 30.0
LONGEST_TIMEOUT = 86_400.0

log = logging.getLogger(__name__)

_EXTRAS = ("org_id", "sandbox", "scopes", "ims_host", "timeout", "verify", "tenant")
_FIELDS = ("login", "password", "host", "port")
_MIN_SIMILARITY = 0.7
"""An unknown key this similar to a setting is a typo: `sandox` is, `owner` is not."""

_HOSTNAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?"
)


@dataclass(frozen=True)
class Settings:
    """The checked settings of an AEP connection.

    :param timeout: seconds for a whole reply
    :param verify: the path of a CA bundle, or None
    :param unknown: unknown keys of the extra
    """

    client_id: str
    client_secret: str = field(repr=False)
    org_id: str
    sandbox: str
    scopes: str
    base_url: str
    ims_url: str
    timeout: float
    verify: str | None
    tenant: str | None
    unknown: tuple[str, ...] = ()


def read_settings(connection: Any) -> Settings:
    """Read and check the settings of an Airflow connection. Log a warning that names unknown keys.

    :param connection: an object with ``login``, ``password``, ``host``, ``port`` and ``extra``
    :raises ConnectionSettingError: a setting is missing or invalid. The error names connection and setting
    """
    conn_id = getattr(connection, "conn_id", None)
    try:
        settings = _read(connection)
    except AepConfigError as error:
        problem = ConnectionSettingError(
            f"Connection {conn_id!r}: {error.message}", parameter=error.parameter
        )
    else:
        if settings.unknown:
            log.warning("Connection %r: %s", conn_id, describe_unknown(settings.unknown))
        return settings
    raise problem


def describe_unknown(keys: Sequence[str]) -> str:
    """Return a sentence that names the unknown keys of an extra."""
    named = ", ".join(f"`{key:.60}`" for key in keys)
    return f"The extra's {named} {'is' if len(keys) == 1 else 'are'} unknown and not used."


def _read(connection: Any) -> Settings:
    extra = _extra(connection)
    unknown = _unknown(extra)
    login = check_header(_required(connection.login, "login", "client ID"), "login")
    secret = check_text(_required(connection.password, "password", "client secret"), "password") or ""
    org_id = check_header(_required(_text(extra, "org_id"), "org_id", "organization ID"), "org_id")
    if not re.fullmatch(r"[^@]+@[^@]+", org_id):
        raise AepConfigError(
            "`org_id` is not an organization ID such as 0123456789ABCDEF01234567@AdobeOrg.",
            parameter="org_id",
        )
    return Settings(
        client_id=login,
        client_secret=secret,
        org_id=org_id,
        sandbox=check_sandbox(_text(extra, "sandbox") or DEFAULT_SANDBOX),
        scopes=_scopes(extra),
        base_url=read_origin(_host(connection.host) or DEFAULT_HOST, "host", port=connection.port),
        ims_url=read_origin(_text(extra, "ims_host") or DEFAULT_IMS, "ims_host"),
        timeout=_timeout(extra),
        verify=_verify(extra),
        tenant=_tenant(extra),
        unknown=unknown,
    )


def _unknown(extra: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the keys that are no settings. :raises AepConfigError: one is a typo, or belongs into a field"""
    unknown = tuple(key for key in extra if key not in _EXTRAS)
    for key in unknown:
        if _letters(key) in _FIELDS:
            raise AepConfigError(
                f"`{key:.60}` in the extra is not used. Use the connection's own field `{_letters(key)}`.",
                parameter=key,
            )
        if near := difflib.get_close_matches(
            _letters(key), map(_letters, _EXTRAS), n=1, cutoff=_MIN_SIMILARITY
        ):
            meant = next(name for name in _EXTRAS if _letters(name) == near[0])
            raise AepConfigError(
                f"`{key:.60}` in the extra is unknown. Did you mean `{meant}`? Rename the key.", parameter=key
            )
    return unknown


def _letters(key: str) -> str:
    """Reduce a key to small letters and digits, without the prefix that Airflow 2 gave to keys."""
    return re.sub(r"[^a-z0-9]+", "", key.lower().removeprefix("extra__aep__"))


def choose_sandbox(own: object, settings: Settings) -> str:
    """Return the caller's sandbox. If it is None, blank or Jinja's text ``None``, return the connection's.

    :raises AepConfigError: the name of the sandbox is invalid
    """
    if own is None or (isinstance(own, str) and own.strip() in {"", "None"}):
        return settings.sandbox
    return check_sandbox(own)


def read_origin(value: str, parameter: str, *, port: object = None) -> str:
    """Read ``scheme://host[:port]`` from a setting. Without a scheme it is https.

    :param port: the connection's port
    :raises AepConfigError: the setting holds more than an origin, or ``http://`` for another host than
        localhost. The error does not show its text
    """
    text = value.strip()
    parts = _split(text if "://" in text else f"https://{text}", parameter)
    scheme, host = parts.scheme.lower(), parts.hostname
    if scheme not in {"https", "http"}:
        raise _bad_origin(parameter, "has a scheme other than https")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise _bad_origin(parameter, "holds user information")
    if parts.path not in {"", "/"} or parts.query or parts.fragment or "?" in text or "#" in text:
        raise _bad_origin(parameter, "holds a path")
    if not host or not (_is_address(host) or _HOSTNAME.fullmatch(host)):
        raise _bad_origin(parameter, "names no host")
    if scheme == "http" and not _is_loopback(host):
        raise _bad_origin(
            parameter,
            "uses `http://` for another host than localhost, which would send the token unencrypted",
        )
    number = _port(parts, port, parameter)
    shown = f"[{host}]" if ":" in host else host
    default = {"https": 443, "http": 80}[scheme]
    return f"{scheme}://{shown}" + ("" if number in (None, default) else f":{number}")


def journal_origin(url: str) -> str:
    """Return ``scheme://host[:port]`` of a journal's URL.

    :raises AepConfigError: it is not a URL, holds user information, or is ``http://`` on another host than
        localhost
    """
    parts = _split(url, "journal")
    if not parts.scheme or not parts.netloc:
        raise _bad_origin("journal", "is not a URL")
    return read_origin(f"{parts.scheme}://{parts.netloc}", "journal")


def is_journal_host(origin: str) -> bool:
    """Return whether the token may be sent to the host of a journal: Adobe's, or this machine."""
    host = urlsplit(origin).hostname or ""
    return host.rstrip(".").endswith(".adobe.io") or _is_loopback(host)


def _split(url: str, parameter: str) -> Any:
    try:
        parts = urlsplit(url)
        _ = parts.port, parts.hostname
    except ValueError:
        parts = None
    if parts is None or not url.isascii() or any(c.isspace() or c == "\\" for c in url):
        raise _bad_origin(parameter, "is not a URL")
    return parts


def _port(parts: Any, port: object, parameter: str) -> int | None:
    """Return the port of the URL or of the connection. Airflow's form sends 0 for an empty port."""
    if port in (None, 0, ""):
        return parts.port  # type: ignore[no-any-return]
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
        raise AepConfigError("`port` must be a number from 1 to 65535.", parameter="port")
    if parts.port not in (None, port):
        raise AepConfigError(
            f"`{parameter}` and `port` name different ports. Remove one of them.", parameter="port"
        )
    return port


def _bad_origin(parameter: str, problem: str) -> AepConfigError:
    if parameter == "journal":
        advice = "Copy the URL of the journal from the Developer Console."
        return AepConfigError(f"`journal` {problem}. {advice}", parameter=parameter)
    example = DEFAULT_HOST if parameter == "host" else DEFAULT_IMS
    return AepConfigError(
        f"`{parameter}` {problem}. Use only a scheme, a host and a port, such as {example}.",
        parameter=parameter,
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    if host.rstrip(".").lower() == "localhost":
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def _extra(connection: Any) -> Mapping[str, Any]:
    """Return the extra as an object. Parse it here: for broken JSON, Airflow returns an empty object."""
    raw = connection.extra
    if raw is None or raw == "":
        return {}
    try:
        extra = json.loads(raw) if isinstance(raw, str) else raw
    except (ValueError, RecursionError):
        extra = None
    if not isinstance(extra, dict):
        raise AepConfigError(
            '`extra` is not a JSON object. An example: {"org_id": "…@AdobeOrg", "sandbox": "prod"}.',
            parameter="extra",
        )
    return extra


def _text(extra: Mapping[str, Any], key: str) -> str:
    """Return a text of the extra. An empty field of the form is None or an empty text."""
    value = extra.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise AepConfigError(f"`{key}` must be a text, not a {type(value).__name__}.", parameter=key)
    return value.strip()


def _host(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise AepConfigError(f"`host` must be a text, not a {type(value).__name__}.", parameter="host")
    return (value or "").strip()


def _required(value: object, parameter: str, label: str) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if text:
        return text
    raise AepConfigError(
        f"the {label} (`{parameter}`) is missing. Copy it from the project's OAuth Server-to-Server "
        "credential in the Developer Console.",
        parameter=parameter,
    )


def _scopes(extra: Mapping[str, Any]) -> str:
    words = [word for word in re.split(r"[\s,]+", _text(extra, "scopes")) if word]
    return check_header(",".join(words), "scopes") if words else DEFAULT_SCOPES


def _timeout(extra: Mapping[str, Any]) -> float:
    value = extra.get("timeout")
    if value is None or value == "":
        return DEFAULT_TIMEOUT
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 < seconds <= LONGEST_TIMEOUT:
        raise AepConfigError(
            "`timeout` must be a positive number of seconds, at most 86400.", parameter="timeout"
        )
    return seconds


def _verify(extra: Mapping[str, Any]) -> str | None:
    value = extra.get("verify")
    if value is None or value is True or (isinstance(value, str) and value.strip().lower() in {"", "true"}):
        return None
    if not isinstance(value, str) or value.strip().lower() in {"false", "0", "no", "off"}:
        raise AepConfigError(
            "`verify` cannot disable the check of certificates. Set it to the path of a CA bundle.",
            parameter="verify",
        )
    if not _exists(value.strip()):
        raise AepConfigError(
            f"The CA bundle in `verify` does not exist on this machine: {value.strip()[:200]!r}.",
            parameter="verify",
        )
    return value.strip()


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def _tenant(extra: Mapping[str, Any]) -> str | None:
    tenant = _text(extra, "tenant").lstrip("@")
    if tenant and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", tenant):
        raise AepConfigError(
            "`tenant` is not a tenant name. Copy the name after '@' in the URL of AEP's UI.",
            parameter="tenant",
        )
    return tenant or None


def find_connection(conn_id: str, parameter: str, title: str) -> Any:
    """Get an Airflow connection.

    If it cannot be parsed, Airflow's error holds its whole text with the secrets. That error is not chained.

    :param parameter: the operator's parameter that holds ``conn_id``, for errors
    :param title: the name of the connection type, for errors
    :raises ConnectionMissingError: there is no such connection, or it cannot be parsed
    """
    try:
        return get_connection(conn_id)
    except (ValueError, TypeError, AirflowException) as error:
        problem = _problem(error, conn_id, parameter, title)
    raise problem


async def afind_connection(conn_id: str, parameter: str, title: str) -> Any:
    """Do as :func:`find_connection`, without blocking the event loop.

    A missing connection is a permanent error here: the poller itself reads it again before it ends a wait.
    """
    try:
        return await aget_connection(conn_id)
    except (ValueError, TypeError, AirflowException) as error:
        problem = _problem(error, conn_id, parameter, title)
        if isinstance(problem, ConnectionMissingError):
            problem.retryable = False
    raise problem


def _problem(error: Exception, conn_id: str, parameter: str, title: str) -> Exception:
    """Return our error for a connection that is missing or cannot be parsed; any other error unchanged.

    For a URI that it cannot parse, Airflow raises the base of all its errors.
    """
    if isinstance(error, AirflowNotFoundException):
        return _missing(conn_id, parameter, title)
    if isinstance(error, ValueError | TypeError) or "Invalid connection string" in str(error):
        return _unreadable(conn_id, parameter)
    return error


def _missing(conn_id: str, parameter: str, title: str) -> ConnectionMissingError:
    return ConnectionMissingError.with_advice(
        f"There is no Airflow connection {conn_id!r}, or it cannot be read.",
        f"Add a connection of type *{title}* with this id, or set another `{parameter}`.",
        parameter=parameter,
    )


def _unreadable(conn_id: str, parameter: str) -> ConnectionMissingError:
    return ConnectionMissingError(
        f"The Airflow connection {conn_id!r} cannot be parsed: it is neither valid JSON nor a valid URI.",
        parameter=parameter,
        correct=f"the connection, or set another `{parameter}`,",
        retryable=False,
    )


FIXED_HEADERS = {
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "user-agent": f"airflow-provider-aep/{__version__}",
}

_SANDBOX_BY_ID = "x-sandbox-id"
"""This header also selects a sandbox. Callers cannot set it."""


def request_headers(given: Mapping[str, str], settings: Settings, sandbox: str, token: str) -> dict[str, str]:
    """Return the headers of a request. Callers can add headers. Only ``Accept`` can be overridden."""
    ours = {
        **FIXED_HEADERS,
        "x-api-key": settings.client_id,
        "x-gw-ims-org-id": settings.org_id,
        "x-sandbox-name": sandbox,
        "authorization": f"Bearer {token}",
    }
    theirs = {name.lower(): value for name, value in given.items()}
    accept = theirs.get("accept") or ours["accept"]  # Schema Registry needs its own
    theirs.pop(_SANDBOX_BY_ID, None)
    return {**theirs, **ours, "accept": accept}


def _declared(connection_type: str) -> dict[str, Any]:
    return next(one for one in CONNECTION_TYPES if one["connection-type"] == connection_type)


def form_behaviour(connection_type: str) -> dict[str, Any]:
    """Return hidden fields, labels and placeholders, under the keys that Airflow 3.1 reads."""
    declared = _declared(connection_type)["ui-field-behaviour"]
    return {
        "hidden_fields": list(declared["hidden-fields"]),
        "relabeling": dict(declared["relabeling"]),
        "placeholders": dict(declared["placeholders"]),
    }


def form_widgets(connection_type: str) -> dict[str, Any]:
    """Return the extra's fields as WTForms fields. Airflow's server mocks WTForms if it is not installed."""
    from wtforms import IntegerField, StringField  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from wtforms.validators import Optional  # type: ignore[import-not-found,import-untyped,unused-ignore]

    widgets = {}
    for name, shown in _declared(connection_type).get("conn-fields", {}).items():
        types = shown["schema"]["type"]
        kind = IntegerField if "number" in types else StringField
        widgets[name] = kind(
            shown["label"],
            description=shown["description"],
            default=shown["schema"].get("default"),
            validators=[Optional()] if "null" in types else [],
        )
    return widgets
