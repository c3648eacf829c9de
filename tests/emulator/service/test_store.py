"""Test what no process does on request: two effects in a millisecond, a commit that fails halfway."""

from __future__ import annotations

import pytest

from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.settings import Settings
from airflow_provider_aep.emulator.store import Entity, StateFileError, Store


def entity(name: str, created_at: int = 1) -> Entity:
    """Return an entity."""
    return Entity("connections", "prod", name, {"id": name, "createdAt": created_at})


def test_one_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    """`createdAt` increases although the clock does not; each sandbox has its own."""
    platform = Platform(Settings(), Store())
    monkeypatch.setattr(platform.clock, "now_ms", lambda: 1000)
    times = []
    for name in "abc":
        times.append(platform.created_at("prod"))
        platform.store.put(entity(name, times[-1]))
    assert times == [1000, 1001, 1002]
    assert platform.created_at("dev") == 1000


def test_a_failed_commit_has_no_effect() -> None:
    """A failed commit changes neither memory nor database, and the next one succeeds."""
    store = Store()
    store.put(entity("a"))
    good, bad = "DELETE FROM entities", "INSERT INTO nowhere VALUES (1)"
    with pytest.raises(StateFileError):
        store._commit([(good, ()), (bad, ())])
    store.put(entity("b"))
    kept = store._db.execute("SELECT id FROM entities ORDER BY seq").fetchall()
    assert kept == [("a",), ("b",)]
    assert [found.id for found in store.all("connections", "prod")] == ["a", "b"]


def test_all_or_none() -> None:
    """`put_all` stores all entities or none."""
    store = Store()
    store.put_all(entity("a"), entity("b"))
    assert [found.id for found in store.all("connections", "prod")] == ["a", "b"]
    bad = Entity("connections", "prod", "d", {"id": "d", "createdAt": 1}, {"x": float})
    with pytest.raises(TypeError):
        store.put_all(entity("c"), bad)
    store._db.execute("CREATE TRIGGER no BEFORE INSERT ON entities WHEN NEW.id = 'd' "
                      "BEGIN SELECT RAISE(ABORT, 'no'); END")  # fmt: skip
    with pytest.raises(StateFileError):
        store.put_all(entity("c"), entity("d"))
    assert [found.id for found in store.all("connections", "prod")] == ["a", "b"]
    assert store._db.execute("SELECT count(*) FROM entities").fetchone() == (2,)


def test_a_refused_write_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change is visible only after it is committed."""
    store = Store()

    def refuse(*_: object) -> None:
        raise StateFileError("full")

    monkeypatch.setattr(store, "_commit", refuse)
    for change in (lambda: store.put(entity("a")), lambda: store.note("clock", "5")):
        with pytest.raises(StateFileError):
            change()
    assert store.all("connections", "prod") == []
    assert store.noted("clock") is None


def test_other_errors_of_sqlite() -> None:
    """Any error of SQLite becomes one sentence for the user."""
    store = Store()
    store._db.close()
    with pytest.raises(StateFileError, match="cannot write the state file"):
        store.put(entity("a"))
