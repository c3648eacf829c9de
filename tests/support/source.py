"""What stands in the emulated PayPal."""

from __future__ import annotations

from typing import Any

from airflow_provider_aep.emulator.tables import paypal


def source_rows(table: str, at: float = 0) -> list[dict[str, Any]]:
    """A table's rows, so many seconds after the emulator began."""
    return list(table.table_at(paypal.tables()[table], 0, at).rows)
