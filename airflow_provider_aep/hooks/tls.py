"""Whom to trust: one TLS context a process for each CA bundle, for the blocking and the asynchronous side.

Reading a bundle takes as long as a dozen calls, so it is read once, and again when its file changes.
"""

from __future__ import annotations

import os
import ssl
import sys
from pathlib import Path

import certifi

from airflow_provider_aep.hooks import failures


class _Context(ssl.SSLContext):
    """Checks every certificate and name, and stays as it is made.

    urllib3 tells a context at each connection what it is to negotiate. OpenSSL does not bear such a change
    while another thread begins a connection with the same context.
    """

    def set_alpn_protocols(self, alpn_protocols: object) -> None:
        """HTTP/1.1 is what a server takes where nothing is negotiated."""


_CONTEXTS: dict[str, tuple[object, _Context]] = {}


def bundle(verify: str | None) -> str:
    """The path of whom ``requests`` would trust: ``verify``, the environment's bundle, or certifi's."""
    return (
        verify or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or certifi.where()
    )


def context_for(path: str) -> ssl.SSLContext:
    """The process's context that trusts this file or directory of certificates, and nothing else.

    Reads up to a quarter of a megabyte: not on an event loop. :raises AepConfigError: it cannot be read
    """
    try:
        status = Path(path).stat()
        stamp = status.st_mtime_ns, status.st_size, status.st_ino
        known = _CONTEXTS.get(path)
        if known is None or known[0] != stamp:  # no lock: it could be held where the process forks
            known = _CONTEXTS[path] = stamp, _read(path)
    except (OSError, ValueError):
        pass
    else:
        return known[1]
    raise failures.no_bundle()


def _read(path: str) -> _Context:
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    if sys.version_info >= (3, 13):  # as contexts of Python's own making
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    if Path(path).is_dir():
        context.load_verify_locations(capath=path)
    else:
        context.load_verify_locations(cafile=path)
    return context
