"""What stands in the emulated PayPal."""

from __future__ import annotations

from typing import Any

from airflow_provider_aep.emulator.tables import growth, paypal


def source_rows(table: str, at: float = 0) -> list[dict[str, Any]]:
    """A table's rows, so many seconds after the emulator began."""
    return list(growth.live(paypal.tables()[table], 0, at).rows)
