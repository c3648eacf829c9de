"""Which failure of the network an exception of ``requests`` is, told by what lies at its root."""

from __future__ import annotations

import zlib
from typing import Any

import requests

from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.hooks import failures


def typed(error: Exception, what: str, limit: float, outer: BaseException | None = None) -> AepError:
    """Our error for one of requests'. None of its text is kept: it may hold what was sent.

    :param outer: what the caller was dealing with before the call; it is no cause
    """
    roots = _chain(error, outer)
    kinds = {type(root).__name__ for root in roots}
    culprits = [root.never_left for root in roots if hasattr(root, "never_left")]
    if culprits and (isinstance(error, requests.exceptions.ProxyError) or "ProxyError" in kinds):
        return failures.no_proxy(what)
    if "SSLCertVerificationError" in kinds:
        return failures.untrusted(what)
    libraries = {getattr(root, "library", None) for root in roots} - {None, "SSL"}
    if libraries or (isinstance(error, OSError) and "CA certificate bundle" in str(error)):
        return failures.no_bundle()
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidHeader):
        return failures.no_address(what)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return failures.not_connected(what, f"no connection within {limit:g} s")
    if kinds & {"NewConnectionError", "NameResolutionError", "ConnectionRefusedError", "gaierror"}:
        return failures.not_connected(what)
    if culprits:
        if "proxy" in culprits:
            return failures.no_proxy(what, "the proxy did not let it through")
        told = "the server does not speak TLS as it should" if "SSLError" in kinds else "no connection"
        return failures.not_connected(what, told)
    timeouts = {"TimeoutError", "ReadTimeoutError", "timeout"}
    if isinstance(error, requests.exceptions.Timeout) or kinds & timeouts:
        return failures.too_slow(what, limit)
    if isinstance(error, zlib.error) or "DecodeError" in kinds:
        return failures.not_zipped(what)
    return failures.broken_off(what)


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
