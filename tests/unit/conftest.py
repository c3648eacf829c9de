"""A unit test needs no socket: it fails if it opens one."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_socket(socket_disabled: None) -> None:
    """Refuse all sockets but those of an event loop, which `--allow-unix-socket` allows."""
