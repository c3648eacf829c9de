"""Failures of the network in our words, for the blocking and the asynchronous side alike.

Which of them it was, each side tells from its own library's exceptions. ``what`` is the request in words; of
what was sent, or said by the library, nothing is kept.
"""

from __future__ import annotations

from airflow_provider_aep.flow_service.errors import (
    AepConfigError,
    AepConnectError,
    AepConnectionLostError,
    AepReplyError,
    AepTimeoutError,
)

_REACH = "Check `host` of the AEP connection, scheme and port included, DNS, proxy and firewall."
_PROXIES = "HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment of workers and triggerer"


def no_proxy(what: str) -> AepConnectError:
    """The proxy refused, or is not there."""
    return AepConnectError(
        f"{what} did not leave: the proxy refused or is not reachable. Check {_PROXIES}.", culprit="proxy"
    )


def proxy_address() -> AepConnectError:
    """What the environment calls a proxy is none."""
    return AepConnectError(
        f"The environment's proxy is not the address of an HTTP proxy. Check {_PROXIES}.",
        culprit="proxy",
        retryable=False,
    )


def untrusted(what: str) -> AepConnectError:
    """The server's certificate."""
    return AepConnectError(
        f"{what} did not leave: the server's certificate is not trusted. Where a company proxy opens TLS, "
        "set `verify` of the AEP connection to the path of its CA bundle.",
        culprit="certificate",
        retryable=False,
    )


def no_bundle() -> AepConfigError:
    """What says whom to trust cannot be read."""
    return AepConfigError(
        "The CA bundle in `verify` or REQUESTS_CA_BUNDLE cannot be read.", parameter="verify"
    )


def no_address(what: str) -> AepConfigError:
    """``host`` is no address."""
    return AepConfigError(f"{what} cannot be sent: check `host` of the AEP connection.", parameter="host")


def not_connected(
    what: str, problem: str = "the server is not reachable", culprit: str = "host"
) -> AepConnectError:
    """It never left."""
    return AepConnectError(f"{what} did not leave: {problem}. {_REACH}", culprit=culprit)


def too_slow(what: str, limit: float) -> AepTimeoutError:
    """The reply's deadline passed."""
    return AepTimeoutError(f"{what}: no whole reply within {limit:g} s (`timeout` of the AEP connection).")


def not_zipped(what: str) -> AepReplyError:
    """The body is not what its encoding says."""
    return AepReplyError(f"{what} was answered with a body that cannot be unzipped. Try again later.")


def not_http(what: str) -> AepReplyError:
    """Something else listens there."""
    return AepReplyError(f"{what} was answered with something that is not HTTP. {_REACH}")


def broken_off(what: str) -> AepConnectionLostError:
    """The connection ended before the reply."""
    return AepConnectionLostError(
        f"{what}: the connection broke before the whole reply was here. Try again later."
    )
