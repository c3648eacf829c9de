"""Failures of the network as our errors, told by what lies at their root."""

from __future__ import annotations

import zlib
from typing import Any

import requests

from airflow_provider_aep.flow_service.errors import (
    AepConfigError,
    AepConnectError,
    AepConnectionLostError,
    AepError,
    AepReplyError,
    AepTimeoutError,
)


def typed(error: Exception, what: str, limit: float, outer: BaseException | None = None) -> AepError:
    """Our error for one of requests', told by what lies at its root. None of its text is kept."""
    roots = _chain(error, outer)
    kinds = {type(root).__name__ for root in roots}
    culprits = [root.never_left for root in roots if hasattr(root, "never_left")]
    if culprits and (isinstance(error, requests.exceptions.ProxyError) or "ProxyError" in kinds):
        return AepConnectError(
            f"{what} did not leave: the proxy refused or is not reachable. Check HTTPS_PROXY, HTTP_PROXY and "
            "NO_PROXY in the worker's environment.",
            culprit="proxy",
        )
    if "SSLCertVerificationError" in kinds:
        return AepConnectError(
            f"{what} did not leave: the server's certificate is not trusted. Where a company proxy opens "
            "TLS, set `verify` of the AEP connection to the path of its CA bundle.",
            culprit="certificate",
            retryable=False,
        )
    libraries = {getattr(root, "library", None) for root in roots} - {None, "SSL"}
    if libraries or (isinstance(error, OSError) and "CA certificate bundle" in str(error)):
        return AepConfigError(
            f"{what} did not leave: the CA bundle in `verify` or REQUESTS_CA_BUNDLE cannot be read.",
            parameter="verify",
        )
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidHeader):
        return AepConfigError(f"{what} cannot be sent: check `host` of the AEP connection.", parameter="host")
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return AepConnectError(f"{what} did not leave: no connection within {limit:g} s. {_REACH}")
    if kinds & {"NewConnectionError", "NameResolutionError", "ConnectionRefusedError", "gaierror"}:
        return AepConnectError(f"{what} did not leave: the server is not reachable. {_REACH}")
    if culprits:
        if "proxy" in culprits:
            return AepConnectError(
                f"{what} did not leave: the proxy did not let it through.", culprit="proxy"
            )
        problem = "the server does not speak TLS as it should" if "SSLError" in kinds else "no connection"
        return AepConnectError(f"{what} did not leave: {problem}. {_REACH}")
    if isinstance(error, requests.exceptions.Timeout) or kinds & {
        "TimeoutError",
        "ReadTimeoutError",
        "timeout",
    }:
        return AepTimeoutError(
            f"{what}: no whole reply within {limit:g} s (`timeout` of the AEP connection)."
        )
    if isinstance(error, zlib.error) or "DecodeError" in kinds:
        return AepReplyError(f"{what} was answered with a body that cannot be unzipped. Try again later.")
    return AepConnectionLostError(
        f"{what}: the connection broke before the whole reply was here. Try again later."
    )


_REACH = "Check `host` of the AEP connection, scheme and port included, DNS, proxy and firewall."


def _chain(error: BaseException, outer: BaseException | None = None) -> list[BaseException]:
    """The error, what it wraps and what it came from, up to what was there before the call."""
    found: list[BaseException] = []
    queue: list[Any] = [error]
    while queue and len(found) < 20:
        one = queue.pop()
        if isinstance(one, BaseException) and one is not outer and one not in found:
            found.append(one)
            queue += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return found
