"""Sources other than tables, with what stands in them, for tests from explore to rows."""

from __future__ import annotations

from tests.harness.documented import Row, rows, sources
from tests.harness.emulator_path import Path, made

DAILY = {"frequency": "day", "interval": 1}
LANDING_ZONE = "26f526f2-58f4-4712-961d-e41bf1ccc0e8"
LAVA = next(one["id"] for one in sources() if one["name"] == "LAVA")
COLUMNS = [{"name": "name", "type": "string"}, {"name": "age", "type": "integer"}]


def row_of(name: str) -> Row:
    """The first way to authenticate to the source of that name."""
    return next(row for row in rows() if row.source["name"] == name)


def base_of(client: Path, name: str, **params: str) -> str:
    """The id of a base connection to that source, made as its tutorial makes it."""
    return str(made(client.api("POST", "/connections", json=row_of(name).body(**params)))["id"])
