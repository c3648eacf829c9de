"""The typed errors of the network, for the blocking and the asynchronous transport.

Each transport finds out from the exceptions of its library which of these errors it met. A message holds the
words of the request and the system's own cause, nothing that was sent and no text of a library.
"""

from __future__ import annotations

import os
import socket
import ssl
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from airflow_provider_aep.flow_service.errors import (
    AepCertificateError,
    AepConnectError,
    AepConnectionLostError,
    AepProxyError,
    AepReplyError,
    AepTimeoutError,
    ConnectionSettingError,
)
from airflow_provider_aep.flow_service.replies import unpacked

if TYPE_CHECKING:
    from airflow_provider_aep.hooks.request_flow import Request

_PROXIES = "HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment of workers and triggerer"


def proxy_error(
    request: Request, cause: str, problem: str = "refused it or is not reachable"
) -> AepProxyError:
    """Return the error of a proxy that refuses the request or cannot be reached."""
    return AepProxyError.with_advice(
        f"{request.words} was not sent: the proxy on the way to {request.to} {problem}{_because(cause)}.",
        f"Check {_PROXIES}.",
    )


def invalid_proxy() -> AepProxyError:
    """Return the error of an invalid proxy URL in the environment."""
    return AepProxyError.with_advice(
        "The proxy in the environment is not the URL of an HTTP proxy, so nothing was sent.",
        f"Check {_PROXIES}.",
        retryable=False,
    )


def certificate_error(request: Request, cause: str) -> AepCertificateError:
    """Return the error of a server certificate that is not trusted."""
    return AepCertificateError.with_advice(
        f"{request.words} was not sent: the certificate of {request.to} is not trusted{_because(cause)}.",
        "If a company proxy intercepts TLS, set `verify` of the AEP connection to the path of its CA bundle.",
    )


def no_bundle() -> ConnectionSettingError:
    """Return the error of a CA bundle that cannot be read."""
    return ConnectionSettingError.with_advice(
        "The CA bundle in `verify` or REQUESTS_CA_BUNDLE cannot be read, so no server can be trusted.",
        "Set `verify` of the AEP connection to the path of a readable file of certificates.",
        parameter="verify",
    )


def invalid_address(request: Request) -> ConnectionSettingError:
    """Return the error of a setting that is not the URL of a server."""
    return ConnectionSettingError.with_advice(
        f"{request.words} was not sent: {request.to} is not a valid URL.",
        f"Correct `{request.to.setting}`.",
        parameter=request.to.setting,
    )


def connect_error(request: Request, cause: str) -> AepConnectError:
    """Return the error of a server that cannot be reached. Nothing was sent."""
    return AepConnectError.with_advice(
        f"{request.words} was not sent: could not connect to {request.to}{_because(cause)}.",
        f"Check `{request.to.setting}`, scheme and port included, then DNS, proxy and firewall of the "
        "worker.",
    )


def timeout_error(request: Request) -> AepTimeoutError:
    """Return the error of a reply that did not arrive before its deadline."""
    limit, advice = " (`timeout` of the AEP connection)", "Try again later, or raise `timeout`."
    if request.hurried:
        limit, advice = "", "Try again later."
    return AepTimeoutError.with_advice(
        f"{request.words}: no whole reply within {request.timeout:g} s{limit}: the service or the network is "
        "slow.",
        advice,
    )


def not_http(request: Request) -> AepReplyError:
    """Return the error of a reply that is not HTTP."""
    return AepReplyError.with_advice(f"{request.words} was answered with something that is not HTTP.")


def connection_lost_error(request: Request) -> AepConnectionLostError:
    """Return the error of a connection that ended before the reply was complete."""
    return AepConnectionLostError.with_advice(
        f"{request.words}: the connection broke before the whole reply arrived: the server or something on "
        "the way closed it.",
        "Try again later.",
    )


def unpack(content: bytes, encoding: str, request: Request) -> bytes:
    """Unzip the body of a reply.

    :param encoding: its ``Content-Encoding``
    :raises AepReplyError: it is too large, incomplete or cannot be unzipped
    """
    try:
        return unpacked(content, encoding, request.words)
    except zlib.error:
        pass
    raise AepReplyError.with_advice(f"{request.words} was answered with a body that cannot be unzipped.")


def _because(cause: str) -> str:
    return f": {cause}" if cause else ""


def cause_of(errors: Iterable[BaseException]) -> str:
    """Return the words of the system or of OpenSSL from the first error that has some, else an empty text.

    These are fixed texts. A text that a library composes may hold what was sent.
    """
    for error in errors:
        text: str | None = None
        if isinstance(error, ssl.SSLError):  # aiohttp's own errors of this class lack the facts
            text = getattr(error, "verify_message", None) or getattr(error, "reason", None)
            text = text and text.replace("_", " ")
        elif isinstance(error, socket.gaierror):
            text = error.strerror
        elif (
            isinstance(error, OSError) and error.errno and error.errno > 0
        ):  # negative numbers are those of name resolution
            text = os.strerror(error.errno)
        if text:
            return text.rstrip(".")
    return ""


def causes(error: BaseException, outer: BaseException | None = None) -> list[BaseException]:
    """Return an error and all that it wraps or came from.

    :param outer: the exception that the caller was handling already; it and its causes are left out
    """
    found: list[BaseException] = []
    queue: list[Any] = [error]
    while queue and len(found) < 20:
        one = queue.pop()
        if isinstance(one, BaseException) and one is not outer and one not in found:
            found.append(one)
            queue += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return found
