"""The documented sources as the emulator's data has them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from airflow_provider_aep.emulator.tables import paypal
from airflow_provider_aep.emulator.tables.table import table_at
from tests.harness import canary
from tests.harness.emulator import PAYPAL_ID, PAYPAL_SECRET
from tests.harness.platform import Platform, made

DATA = files("airflow_provider_aep") / "emulator" / "data" / "sources.json"
NUMBERS = {"port": "22", "maxConcurrentConnections": "4"}
SECRET = ("secret", "pass", "token", "connectionstring", "sas", "key", "credentials")
NO_SECRET = ("accessTokenUrl", "tokenEndpoint", "accessKeyId", "sasKeyName")
FLAGS = ("disableChunking", "enableSsl", "authenticationRequired", "includeDeletedObjects")

DAILY = {"frequency": "day", "interval": 1}
LANDING_ZONE, LAVA = "26f526f2-58f4-4712-961d-e41bf1ccc0e8", "232dfabe-27aa-41c0-a7cf-9961661dc68b"
COLUMNS = [{"name": "name", "type": "string"}, {"name": "age", "type": "integer"}]


@dataclass(frozen=True)
class Row:
    """One source and one authentication type."""

    source: dict[str, Any]
    auth: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.source['name']}, {self.auth['name']}"

    @property
    def required(self) -> list[str]:
        """Return the parameters that have no default."""
        return [name for name in self.auth["required"] if name not in self.auth.get("defaults", {})]

    def params(self, *, optional: bool = False) -> dict[str, Any]:
        """Return a valid value for each parameter."""
        names = self.auth["required"] + (self.auth["optional"] if optional else [])
        return {name: _value(self.source["name"], name) for name in names}

    def body(self, **params: Any) -> dict[str, Any]:
        """Return the tutorials' body: `password="wrong"` replaces a parameter, `password=None` removes it."""
        merged = {**self.params(), **params}
        auth = {"specName": self.auth["name"], "params": {k: v for k, v in merged.items() if v is not None}}
        return {
            "name": str(self),
            "auth": auth,
            "connectionSpec": {"id": self.source["id"], "version": "1.0"},
        }


def is_secret(name: str) -> bool:
    """Return whether a parameter is a secret by its name: the tutorials have no other mark."""
    return any(word in name.lower() for word in SECRET) and name not in NO_SECRET


def sources() -> list[dict[str, Any]]:
    """Return every documented source."""
    entries: list[dict[str, Any]] = json.loads(DATA.read_text("utf-8"))
    return entries


def rows() -> list[Row]:
    """Return every authentication type of every source."""
    return [Row(source, auth) for source in sources() for auth in source["auth"]]


def table() -> list[dict[str, Any]] | None:
    """Return the table that the data is made from: not in this repository, AEP_SOURCE_SPECS names it."""
    path = os.environ.get("AEP_SOURCE_SPECS")
    return json.loads(Path(path).read_text("utf-8")) if path else None


def source_rows(table: str, at: float = 0) -> list[dict[str, Any]]:
    """Return the rows of a PayPal table, `at` seconds after the emulator's start."""
    return list(table_at(paypal.tables()[table], 0, at).rows)


def row_of(name: str) -> Row:
    """Return the first authentication type of the source of that name."""
    return next(row for row in rows() if row.source["name"] == name)


def base_of(platform: Platform, name: str, **params: str) -> str:
    """Create a base connection to a source as its tutorial does, and return its id."""
    return str(made(platform.api("POST", "/connections", json=row_of(name).body(**params)))["id"])


def _value(source: str, name: str) -> Any:
    if source == "PayPal" and name in ("clientId", "clientSecret"):
        return {"clientId": PAYPAL_ID, "clientSecret": PAYPAL_SECRET}[name]
    if name in FLAGS:
        return True
    if is_secret(name):
        return canary.made_for(name)
    return NUMBERS.get(name, f"{name} of {source}")
