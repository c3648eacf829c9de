"""Which failure of the network an exception of ``requests`` is, told by what lies at its root."""

from __future__ import annotations

import zlib

import requests

from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.hooks import failures
from airflow_provider_aep.hooks.failures import Address


def typed(
    error: Exception, what: str, to: Address, limit: float, outer: BaseException | None = None
) -> AepError:
    """Our error for one of requests'. None of its text is kept: it may hold what was sent.

    :param to: where the request went
    :param outer: what the caller was dealing with before the call; it is no cause
    """
    roots = failures.causes(error, outer)
    cause = failures.cause_of(roots)
    kinds = {type(root).__name__ for root in roots}
    culprits = [root.never_left for root in roots if hasattr(root, "never_left")]
    if culprits and (isinstance(error, requests.exceptions.ProxyError) or "ProxyError" in kinds):
        return failures.no_proxy(what, to, cause)
    if "SSLCertVerificationError" in kinds:
        return failures.untrusted(what, to, cause)
    libraries = {getattr(root, "library", None) for root in roots} - {None, "SSL"}
    if libraries or (isinstance(error, OSError) and "CA certificate bundle" in str(error)):
        return failures.no_bundle()
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidHeader):
        return failures.no_address(what, to)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return failures.not_connected(what, to, f"no connection within {limit:g} s")
    if kinds & {"NewConnectionError", "NameResolutionError", "ConnectionRefusedError", "gaierror"}:
        return failures.not_connected(what, to, cause)
    if culprits:
        if "proxy" in culprits:
            return failures.no_proxy(what, to, cause, "did not let it through")
        told = f"the server does not speak TLS as it should ({cause})" if "SSLError" in kinds else cause
        return failures.not_connected(what, to, told)
    timeouts = {"TimeoutError", "ReadTimeoutError", "timeout"}
    if isinstance(error, requests.exceptions.Timeout) or kinds & timeouts:
        return failures.too_slow(what, limit)
    if isinstance(error, zlib.error) or "DecodeError" in kinds:
        return failures.not_zipped(what)
    return failures.broken_off(what)
