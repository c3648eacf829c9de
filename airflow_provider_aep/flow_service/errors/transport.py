"""No usable reply came."""

from __future__ import annotations

from typing import ClassVar

from airflow_provider_aep.flow_service.errors.base import AepError


class AepTransportError(AepError):
    """No usable reply."""

    stable_code = "AEP-E200"
    what = "A request was not answered in a way that can be used."
    why = "The network, a proxy or Adobe's service failed."
    todo = "Let Airflow retry; if it stays, look at the way from the worker to `host` and `ims_host`."

    default_retryable = True
    may_have_happened = True


class AepConnectError(AepTransportError):
    """The request never left. ``culprit`` is ``host``, or what the kinds below name."""

    stable_code = "AEP-E201"
    what = "Could not connect to the server. Nothing was sent."
    why = "The server's name is unknown, nothing listens at its port, or a firewall is in between."
    todo = (
        "Check the setting that the message names, `host` or `ims_host` of the AEP connection, scheme and "
        "port included. Then check DNS, proxy and firewall of the worker."
    )

    may_have_happened = False
    culprit: ClassVar[str] = "host"


class AepProxyError(AepConnectError):
    """The request never left: the proxy refused it, is not there, or its address is none."""

    stable_code = "AEP-E202"
    what = "The environment's proxy did not let a request through. Nothing was sent."
    why = "The proxy refused it, is not reachable, or its address is invalid."
    todo = (
        "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment of workers and triggerer, and that "
        "the proxy lets `host` and `ims_host` pass."
    )
    culprit = "proxy"


class AepCertificateError(AepConnectError):
    """The request never left: the server's certificate is not trusted."""

    stable_code = "AEP-E203"
    what = "The server's certificate is not trusted. Nothing was sent."
    why = "A company proxy intercepts TLS, the CA bundle is old, or the server is not the one it should be."
    todo = (
        "If a company proxy intercepts TLS, set `verify` of the AEP connection to the path of its CA bundle. "
        "Else check `host` and `ims_host`. The check cannot be switched off."
    )
    culprit = "certificate"
    default_retryable = False


class AepTimeoutError(AepTransportError):
    """The request left, and no whole reply came within ``timeout``."""

    stable_code = "AEP-E204"
    what = "A request left, and no whole reply came within `timeout`."
    why = "The service is overloaded, or the network is slow; whether the effect stands is not known."
    todo = (
        "Let Airflow retry: a create finds what an earlier try made. If it stays, raise `timeout` of the AEP "
        "connection."
    )


class AepConnectionLostError(AepTransportError):
    """The request left, and the connection broke before the reply was whole."""

    stable_code = "AEP-E205"
    what = "A request left, and the connection broke before the whole reply was here."
    why = "The server, a proxy or a load balancer closed it; whether the effect stands is not known."
    todo = "Let Airflow retry: a create finds what an earlier try made."


class AepReplyError(AepTransportError):
    """The reply is not what Flow Service speaks: HTML, broken JSON, a redirect, or without end."""

    stable_code = "AEP-E206"
    what = "A reply came that is not what Adobe documents."
    why = "A proxy or gateway may have answered in Adobe's place, or the reply broke off."
    todo = "Check `host` of the AEP connection and the proxy settings, or try again later."
