"""Store entities in memory, and in SQLite before a reply is sent."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

APPLICATION_ID = 0x41455031  # "AEP1": distinguishes state files from other SQLite files
SCHEMA = """
CREATE TABLE IF NOT EXISTS entities (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, sandbox TEXT NOT NULL, id TEXT NOT NULL,
    item TEXT NOT NULL, hidden TEXT NOT NULL, UNIQUE (kind, sandbox, id));
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
UPSERT = """
INSERT INTO entities (kind, sandbox, id, item, hidden) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (kind, sandbox, id) DO UPDATE SET item = excluded.item, hidden = excluded.hidden
"""


OWNERS = {"runs": "flowId"}
"""The field by which `owned` finds the entities of a kind: there can be a million runs."""


class StateFileError(Exception):
    """The state file cannot be read or written; the text is shown to the user."""


@dataclass(frozen=True)
class Entity:
    """`item` is what Adobe shows; `hidden` is the emulator's own. Never changed in place."""

    kind: str
    sandbox: str
    id: str
    item: dict[str, Any]
    hidden: dict[str, Any] = field(default_factory=dict)


class Store:
    """Every change is one transaction: committed first, then visible, or neither."""

    def __init__(self, path: str | None = None) -> None:
        self._entities: dict[tuple[str, str], dict[str, Entity]] = {}
        self._owned: dict[tuple[str, str, str], dict[str, Entity]] = {}
        self._notes: dict[str, str] = {}
        self._latest: dict[str, int] = {}
        self._changes: dict[tuple[str, str], int] = {}
        self._path = path
        try:
            self._db = sqlite3.connect(path or ":memory:", isolation_level=None, timeout=2)
            self._open()
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise StateFileError(f"cannot use the state file {path}: {error}") from None

    def _open(self) -> None:
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")  # two emulators must not share a file
        owner = self._db.execute("PRAGMA application_id").fetchone()[0]
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and owner != APPLICATION_ID:
            raise StateFileError(f"cannot use the state file {self._path}: it belongs to another program")
        self._db.executescript(f"PRAGMA application_id = {APPLICATION_ID}; {SCHEMA}")
        self.note("opened", "1")  # a write, so that a read-only file is refused now and not at the first POST
        for kind, sandbox, entity_id, item, hidden in self._db.execute(
            "SELECT kind, sandbox, id, item, hidden FROM entities ORDER BY seq"
        ):
            self._index(Entity(kind, sandbox, entity_id, json.loads(item), json.loads(hidden)))
        self._notes = dict(self._db.execute("SELECT name, value FROM notes"))

    def _index(self, entity: Entity) -> None:
        self._collection(entity.kind, entity.sandbox)[entity.id] = entity
        if entity.kind in OWNERS:
            self._owned.setdefault(_owner(entity), {})[entity.id] = entity
        self._latest[entity.sandbox] = max(self.newest(entity.sandbox), entity.item.get("createdAt", 0))
        self._note_change(entity.kind, entity.sandbox)

    def _note_change(self, kind: str, sandbox: str) -> None:
        self._changes[kind, sandbox] = self.changes(kind, sandbox) + 1

    def changes(self, kind: str, sandbox: str) -> int:
        """Return a number that differs after every change of the entities of a kind."""
        return self._changes.get((kind, sandbox), 0)

    def _collection(self, kind: str, sandbox: str) -> dict[str, Entity]:
        return self._entities.setdefault((kind, sandbox), {})

    def _commit(self, statements: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for sql, values in statements:
                self._db.execute(sql, values)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise StateFileError(f"cannot write the state file {self._path}: {error}") from None

    def _roll_back(self) -> None:
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # SQLite rolls back by itself when the disk is full; the first error is reported

    def get(self, kind: str, sandbox: str, entity_id: str) -> Entity | None:
        """Return one entity of the sandbox, or None."""
        return self._collection(kind, sandbox).get(entity_id)

    def all(self, kind: str, sandbox: str) -> list[Entity]:
        """Return all entities of a kind, in order of creation."""
        return list(self._collection(kind, sandbox).values())

    def owned(self, kind: str, sandbox: str, owner_id: str) -> list[Entity]:
        """Return the entities of a kind that belong to another one, in order of creation."""
        return list(self._owned.get((kind, sandbox, owner_id), {}).values())

    def put(self, entity: Entity) -> None:
        """Create or replace an entity."""
        self.put_all(entity)

    def put_all(self, *entities: Entity) -> None:
        """Create or replace all entities, or none."""
        self._commit(
            (UPSERT, (one.kind, one.sandbox, one.id, json.dumps(one.item), json.dumps(one.hidden)))
            for one in entities
        )
        for one in entities:
            self._index(one)

    def delete(self, entity: Entity) -> None:
        """Delete an entity."""
        where = (entity.kind, entity.sandbox, entity.id)
        self._commit([("DELETE FROM entities WHERE kind = ? AND sandbox = ? AND id = ?", where)])
        self._collection(entity.kind, entity.sandbox).pop(entity.id, None)
        if entity.kind in OWNERS:
            self._owned[_owner(entity)].pop(entity.id, None)
        self._note_change(entity.kind, entity.sandbox)

    def times(self, sandbox: str) -> set[int]:
        """Return every `createdAt` of the sandbox."""
        return {
            entity.item.get("createdAt", 0)
            for (_, own), entities in self._entities.items()
            if own == sandbox
            for entity in entities.values()
        }

    def count(self, kind: str) -> int:
        """Count the entities of a kind over all sandboxes."""
        return sum(
            len(entities) for (entity_kind, _), entities in self._entities.items() if entity_kind == kind
        )

    def newest(self, sandbox: str) -> int:
        """Return the sandbox's latest `createdAt`, 0 without entities."""
        return self._latest.get(sandbox, 0)

    def note(self, name: str, value: str) -> None:
        """Store a small fact (the clock's offset, a token's fingerprint)."""
        self._commit([("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))])
        self._notes[name] = value

    def noted(self, name: str) -> str | None:
        """Return the fact stored under a name."""
        return self._notes.get(name)

    def clear(self) -> None:
        """Delete everything."""
        self._commit([("DELETE FROM entities", ()), ("DELETE FROM notes", ())])
        for kind, sandbox in self._entities:
            self._note_change(kind, sandbox)
        self._entities.clear()
        self._owned.clear()
        self._notes.clear()
        self._latest.clear()

    def close(self) -> None:
        """Close the state file."""
        self._db.close()


def _owner(entity: Entity) -> tuple[str, str, str]:
    return entity.kind, entity.sandbox, entity.item[OWNERS[entity.kind]]


class MemoryStore(Store):
    """Without a state file: a change is visible at once, and nothing is written."""

    def _commit(self, statements: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        """Write nothing: a fleet would need as much memory again."""
