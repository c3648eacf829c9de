"""The emulator's list of sources, made from the table of documented ones."""

from __future__ import annotations

import pytest

from scripts import emulator_sources
from tests.harness import documented_sources as documented

TABLE = documented.table()


@pytest.mark.skipif(TABLE is None, reason="AEP_SOURCE_SPECS does not name the table of documented sources")
def test_the_list_is_current() -> None:
    """What is checked in is what the script makes of the table."""
    assert TABLE is not None
    assert emulator_sources.rendered(TABLE) == documented.DATA.read_text("utf-8")


def test_a_shared_id() -> None:
    """A confirmed source owns the id that others are printed with; without one the first does."""

    def row(source: str, spec_id: str, confidence: str) -> dict[str, object]:
        auth = {"auth_spec_name": f"{source} auth", "params": ["a"], "optional_params": []}
        facts = {"source": source, "connection_spec_id": spec_id, "confidence": confidence}
        return {**facts, **auth, "category": "crm", "in_flowspec": "other/unknown"}

    table = [
        row("Copied", "1", "uncertain"),
        row("Owner", "1", "confirmed"),
        row("First", "2", "uncertain"),
        row("Second", "2", "uncertain"),
    ]
    entries = emulator_sources.entries(table)
    assert [(entry["id"], entry["name"]) for entry in entries] == [("1", "Owner"), ("2", "First")]
    assert [auth["name"] for entry in entries for auth in entry["auth"]] == ["Owner auth", "First auth"]
