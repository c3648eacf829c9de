"""The same server and hurry as for the triggers."""

from __future__ import annotations

from tests.unit.triggers.conftest import server

__all__ = ["server"]
