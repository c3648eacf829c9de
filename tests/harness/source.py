"""The rows of the emulated PayPal."""

from __future__ import annotations

from typing import Any

from airflow_provider_aep.emulator.tables import paypal
from airflow_provider_aep.emulator.tables.table import table_at


def source_rows(table: str, at: float = 0) -> list[dict[str, Any]]:
    """A table's rows, so many seconds after the emulator began."""
    return list(table_at(paypal.tables()[table], 0, at).rows)
