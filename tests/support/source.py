"""What stands in the emulated PayPal."""

from __future__ import annotations

from typing import Any

from airflow_provider_aep.emulator.tables import growth
from tests.support.emulator import PAYPAL_SPEC


def source_rows(table: str, at: float = 0) -> list[dict[str, Any]]:
    """A table's rows, so many seconds after the emulator began."""
    found = growth.live(PAYPAL_SPEC, table, 0, at)
    assert found is not None
    return list(found.rows)
