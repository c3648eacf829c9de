"""Failures of the network in our words, for the blocking and the asynchronous side alike.

Which of them it was, each side tells from its own library's exceptions. ``what`` is the request in words; of
what was sent, or said by the library, nothing is kept.
"""

from __future__ import annotations

from airflow_provider_aep.flow_service.errors import (
    AepCertificateError,
    AepConnectError,
    AepConnectionLostError,
    AepProxyError,
    AepReplyError,
    AepTimeoutError,
    ConnectionSettingError,
)

_REACH = "Check `host` of the AEP connection, scheme and port included, DNS, proxy and firewall."
_PROXIES = "HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment of workers and triggerer"


def no_proxy(what: str, problem: str = "the proxy refused or is not reachable") -> AepProxyError:
    """The proxy refused, or is not there."""
    return AepProxyError(f"{what} did not leave: {problem}. Check {_PROXIES}.")


def proxy_address() -> AepProxyError:
    """What the environment calls a proxy is none."""
    return AepProxyError(
        f"The environment's proxy is not the address of an HTTP proxy, so nothing was sent. "
        f"Check {_PROXIES}.",
        retryable=False,
    )


def untrusted(what: str) -> AepCertificateError:
    """The server's certificate."""
    return AepCertificateError(
        f"{what} did not leave: the server's certificate is not trusted. Where a company proxy opens TLS, "
        "set `verify` of the AEP connection to the path of its CA bundle."
    )


def no_bundle() -> ConnectionSettingError:
    """What says whom to trust cannot be read."""
    return ConnectionSettingError(
        "The CA bundle in `verify` or REQUESTS_CA_BUNDLE cannot be read, so no server can be trusted.",
        parameter="verify",
    )


def no_address(what: str) -> ConnectionSettingError:
    """``host`` is no address."""
    return ConnectionSettingError(
        f"{what} cannot be sent: `host` of the AEP connection gives no address.", parameter="host"
    )


def not_connected(what: str, problem: str = "the server is not reachable") -> AepConnectError:
    """It never left."""
    return AepConnectError(f"{what} did not leave: {problem}. {_REACH}")


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
