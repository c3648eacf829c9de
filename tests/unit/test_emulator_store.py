"""The emulator's store finds the runs of a dataflow without reading the others: there can be a million."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from airflow_provider_aep.emulator.flows.runs import FIELDS, Runs
from airflow_provider_aep.emulator.lists import parse_condition
from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.settings import Settings
from airflow_provider_aep.emulator.store import Entity, MemoryStore, Store


def run(number: int, flow: str, state: str = "success") -> Entity:
    item = {"id": f"run-{number}", "flowId": flow, "createdAt": number, "state": state}
    return Entity("runs", "prod", item["id"], item)


def owned(store: Store, flow: str) -> list[str]:
    return [one.id for one in store.owned("runs", "prod", flow)]


def test_the_runs_of_a_dataflow_are_those_of_the_store(tmp_path: Path) -> None:
    """After a change, a deletion, a restart and a reset."""
    store = Store(str(tmp_path / "state"))
    store.put_all(run(1, "a"), run(2, "b"), run(3, "a"))
    store.put(run(1, "a", "failed"))
    assert (owned(store, "a"), owned(store, "b")) == (["run-1", "run-3"], ["run-2"])
    assert store.owned("runs", "prod", "a")[0].item["state"] == "failed"
    store.delete(run(3, "a"))
    assert owned(store, "a") == ["run-1"]
    assert store.owned("runs", "dev", "a") == []
    store.close()
    store = Store(str(tmp_path / "state"))
    assert (owned(store, "a"), owned(store, "b")) == (["run-1"], ["run-2"])
    store.clear()
    assert owned(store, "a") == []
    store.close()


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        (["id==run-1,run-9"], ["run-1"]),
        (["flowId==a,b", "state==success"], ["run-1", "run-3", "run-2"]),
        (["flowId==b", "id==run-1"], ["run-1"]),
    ],
)
def test_a_list_by_id_or_dataflow_reads_no_other_run(
    monkeypatch: pytest.MonkeyPatch, conditions: list[str], found: list[str]
) -> None:
    """What it returns still has to match all conditions."""
    store = MemoryStore()
    store.put_all(run(1, "a"), run(2, "b"), run(3, "a"))
    runs = Runs(Platform(Settings(), store), Mock(), Mock())

    def refuse(*_words: Any) -> None:
        raise AssertionError("all runs were read")

    monkeypatch.setattr(store, "all", refuse)
    parsed = [parse_condition(one, FIELDS) for one in conditions]
    assert [one["id"] for one in runs._candidates("prod", parsed)] == found
    with pytest.raises(AssertionError, match="all runs"):
        runs._candidates("prod", [parse_condition("state==success", FIELDS)])
