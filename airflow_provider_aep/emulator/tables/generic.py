"""Two tables for every source that has none of its own yet."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import cache

from airflow_provider_aep.emulator.tables.table import Row, Table

START = datetime(2025, 1, 1, 8, 0, tzinfo=timezone.utc)


@cache
def tables() -> dict[str, Table]:
    """Accounts and their orders."""
    accounts = Table(
        "Accounts",
        {"Id": "string", "Name": "string", "Email": "string", "LastModifiedDate": "date-time"},
        tuple(_account(n) for n in range(200)),
    )
    orders = Table(
        "Orders",
        {"Id": "string", "AccountId": "string", "Amount": "double", "OrderDate": "date-time"},
        tuple(_order(n) for n in range(300)),
    )
    return {table.name: table for table in (accounts, orders)}


def _time(hours: int) -> str:
    return (START + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _account(n: int) -> Row:
    email = f"contact{n}@example.com"
    return {"Id": f"A{n:05}", "Name": f"Account {n}", "Email": email, "LastModifiedDate": _time(37 * n)}


def _order(n: int) -> Row:
    amount = (n * 7919 % 50000) / 100 + 5
    return {"Id": f"O{n:05}", "AccountId": f"A{n % 200:05}", "Amount": amount, "OrderDate": _time(29 * n)}
