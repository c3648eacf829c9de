"""The way to a server, for both transports: the certificates to trust, and the environment's proxy.

Reading a CA bundle takes as long as a dozen calls. So a process has one TLS context for each bundle, and
reads the bundle again only if its file changes.
"""

from __future__ import annotations

import os
import ssl
import sys
from pathlib import Path

import certifi
from requests.utils import get_environ_proxies, select_proxy

from airflow_provider_aep.hooks import failures


class _Context(ssl.SSLContext):
    """A context that checks every certificate and name, and that nobody changes later.

    urllib3 sets the protocols to negotiate at each connection. That is not safe in OpenSSL while
    another thread begins a connection with the same context.
    """

    def set_alpn_protocols(self, alpn_protocols: object) -> None:
        """Do nothing: a server speaks HTTP/1.1 if no protocol is negotiated."""


_CONTEXTS: dict[str, tuple[object, _Context]] = {}


def bundle(verify: str | None) -> str:
    """Return the path of the bundle to trust: ``verify``, or the environment's, or certifi's."""
    return (
        verify or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or certifi.where()
    )


def context_for(path: str) -> ssl.SSLContext:
    """Return the process's context that trusts the certificates in this file or directory, and no others.

    Do not call it on an event loop: it may read a quarter of a megabyte.

    :raises AepConfigError: the bundle cannot be read
    """
    try:
        status = Path(path).stat()
        stamp = status.st_mtime_ns, status.st_size, status.st_ino
        known = _CONTEXTS.get(path)
        if known is None or known[0] != stamp:  # no lock: a fork could copy it while it is held
            known = _CONTEXTS[path] = stamp, _read(path)
    except (OSError, ValueError):
        pass
    else:
        return known[1]
    raise failures.no_bundle()


def _read(path: str) -> _Context:
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    if sys.version_info >= (3, 13):  # the defaults of `ssl.create_default_context`
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    if Path(path).is_dir():
        context.load_verify_locations(capath=path)
    else:
        context.load_verify_locations(cafile=path)
    return context


def proxy_for(origin: str) -> str | None:
    """Return the proxy for an origin by HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, as in ``requests``.

    The proxy's URL may hold a password.
    """
    return select_proxy(origin, get_environ_proxies(origin)) or None
