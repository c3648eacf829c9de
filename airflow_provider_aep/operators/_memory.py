"""What a task remembers from one try to the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_aep._compat import task_store


class TaskMemory:
    """Airflow 3.3's task state store, as far as there is one.

    A record counts only for the same identity and the same ``max_tries``: that number grows when a task is
    cleared, and a cleared task starts fresh where a retried one goes on.
    """

    def __init__(self, context: Any, key: str, identity: Mapping[str, str], log: Any) -> None:
        self._key = key
        self._store = task_store(context)
        tries = getattr(context.get("ti"), "max_tries", None)
        self._facts = {**identity, "max_tries": tries if isinstance(tries, int) else None}
        self._log = log

    def recall(self) -> str | None:
        record = self._try("read", lambda store: store.get(self._key))
        if not isinstance(record, dict):
            return None
        known = record.pop("id", None)
        return known if isinstance(known, str) and record == self._facts else None

    def keep(self, id: str) -> None:
        self._try("write", lambda store: store.set(self._key, {"id": id, **self._facts}))

    def _try(self, verb: str, action: Any) -> Any:
        """The memory is a help, not a condition: without it the look finds what stands."""
        if self._store is None:
            return None
        try:
            return action(self._store)
        except Exception as error:  # noqa: BLE001 - whatever a state backend raises
            self._log.warning("Could not %s the task's state store: %s", verb, type(error).__name__)
            return None
