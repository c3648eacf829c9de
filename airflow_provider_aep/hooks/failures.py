"""Failures of the network in our words, for the blocking and the asynchronous side alike.

Which of them it was, each side tells from its own library's exceptions. ``what`` is the request in words; of
what was sent, or said by the library, nothing is kept, but for the system's own cause.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from airflow_provider_aep.flow_service.errors import (
    AepCertificateError,
    AepConnectError,
    AepConnectionLostError,
    AepProxyError,
    AepReplyError,
    AepTimeoutError,
    ConnectionSettingError,
)

_PROXIES = "HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment of workers and triggerer"


@dataclass(frozen=True)
class Address:
    """The origin that a request goes to, and the setting of the Airflow connection that names it."""

    origin: str
    setting: str
    conn_id: str

    def __str__(self) -> str:
        return f"{self.origin} (`{self.setting}` of the Airflow connection {self.conn_id!r})"


def no_proxy(
    what: str, to: Address, cause: str, problem: str = "refused it or is not reachable"
) -> AepProxyError:
    """The proxy refused, or is not there."""
    return AepProxyError(
        f"{what} was not sent: the proxy on the way to {to} {problem}{_because(cause)}. Check {_PROXIES}."
    )


def proxy_address() -> AepProxyError:
    """The proxy URL in the environment is invalid."""
    return AepProxyError(
        f"The environment's proxy is not the address of an HTTP proxy, so nothing was sent. "
        f"Check {_PROXIES}.",
        retryable=False,
    )


def untrusted(what: str, to: Address, cause: str) -> AepCertificateError:
    """The server's certificate."""
    return AepCertificateError(
        f"{what} was not sent: the certificate of {to} is not trusted{_because(cause)}. If a company proxy "
        "intercepts TLS, set `verify` of the AEP connection to the path of its CA bundle."
    )


def no_bundle() -> ConnectionSettingError:
    """The CA bundle cannot be read."""
    return ConnectionSettingError(
        "The CA bundle in `verify` or REQUESTS_CA_BUNDLE cannot be read, so no server can be trusted.",
        parameter="verify",
    )


def no_address(what: str, to: Address) -> ConnectionSettingError:
    """The setting is no address."""
    return ConnectionSettingError(f"{what} cannot be sent: {to} is no address.", parameter=to.setting)


def not_connected(what: str, to: Address, cause: str) -> AepConnectError:
    """It never left."""
    return AepConnectError(
        f"{what} was not sent: could not connect to {to}{_because(cause)}. Check `{to.setting}`, scheme and "
        "port included, then DNS, proxy and firewall of the worker."
    )


def _because(cause: str) -> str:
    return f": {cause}" if cause else ""


def cause_of(errors: Iterable[BaseException]) -> str:
    """Return the words of the system or of OpenSSL from the first error that has any; else empty.

    Only their own fixed texts are taken: what a library composes may hold what was sent.
    """
    for error in errors:
        text: str | None = None
        if isinstance(error, ssl.SSLError):  # aiohttp's own are of this class, without its facts
            text = getattr(error, "verify_message", None) or getattr(error, "reason", None)
            text = text and text.replace("_", " ")
        elif isinstance(error, socket.gaierror):
            text = error.strerror
        elif isinstance(error, OSError) and error.errno and error.errno > 0:  # those below are of names
            text = os.strerror(error.errno)
        if text:
            return text.rstrip(".")
    return ""


def causes(error: BaseException, outer: BaseException | None = None) -> list[BaseException]:
    """The error, what it wraps and what it came from, up to ``outer``, what was there before the call."""
    found: list[BaseException] = []
    queue: list[Any] = [error]
    while queue and len(found) < 20:
        one = queue.pop()
        if isinstance(one, BaseException) and one is not outer and one not in found:
            found.append(one)
            queue += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return found


def too_slow(what: str, limit: float) -> AepTimeoutError:
    """The reply's deadline passed."""
    return AepTimeoutError(
        f"{what}: no whole reply within {limit:g} s (`timeout` of the AEP connection): the service or the "
        "network is slow. Try again later, or raise `timeout`."
    )


def not_zipped(what: str) -> AepReplyError:
    """The body is not what its encoding says."""
    return AepReplyError.with_advice(f"{what} was answered with a body that cannot be unzipped.")


def not_http(what: str) -> AepReplyError:
    """Something else listens there."""
    return AepReplyError.with_advice(f"{what} was answered with something that is not HTTP.")


def broken_off(what: str) -> AepConnectionLostError:
    """The connection ended before the reply."""
    return AepConnectionLostError(
        f"{what}: the connection broke before the whole reply was here: the server or "
        "something on the way closed it. Try again later."
    )
