"""What no process does on demand: two effects in a millisecond, a commit that fails half way."""

from __future__ import annotations

import pytest

from airflow_provider_aep.emulator.platform import Platform
from airflow_provider_aep.emulator.settings import Settings
from airflow_provider_aep.emulator.store import Entity, StateFileError, Store


def entity(name: str, created_at: int = 1) -> Entity:
    """Something to keep."""
    return Entity("connections", "prod", name, {"id": name, "createdAt": created_at})


def test_one_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands, `createdAt` does not; each sandbox has its own."""
    world = Platform(Settings(), Store())
    monkeypatch.setattr(world.clock, "now_ms", lambda: 1000)
    times = []
    for name in "abc":
        times.append(world.created_at("prod"))
        world.store.put(entity(name, times[-1]))
    assert times == [1000, 1001, 1002]
    assert world.created_at("dev") == 1000


def test_a_failed_commit_has_no_effect() -> None:
    """Neither in memory nor in the database, and the next one succeeds."""
    store = Store()
    store.put(entity("a"))
    good, bad = "DELETE FROM entities", "INSERT INTO nowhere VALUES (1)"
    with pytest.raises(StateFileError):
        store._commit((good, ()), (bad, ()))
    store.put(entity("b"))
    kept = store._db.execute("SELECT id FROM entities ORDER BY seq").fetchall()
    assert kept == [("a",), ("b",)]
    assert [found.id for found in store.all("connections", "prod")] == ["a", "b"]


def test_all_or_none() -> None:
    """What belongs together is kept together."""
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
    """First on disk, then visible."""
    store = Store()

    def refuse(*_: object) -> None:
        raise StateFileError("full")

    monkeypatch.setattr(store, "_commit", refuse)
    for change in (lambda: store.put(entity("a")), lambda: store.note("clock", "5")):
        with pytest.raises(StateFileError):
            change()
    assert store.all("connections", "prod") == []
    assert store.noted("clock") is None


def test_other_errors_of_sqlite_are_told() -> None:
    """As one sentence for the user, whatever SQLite calls it."""
    store = Store()
    store._db.close()
    with pytest.raises(StateFileError, match="cannot write the state file"):
        store.put(entity("a"))
