"""What a task remembers from one try to the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_aep._compat import task_store
from airflow_provider_aep.flow_service.errors import TaskStoreError

_NOTES = ("id", "version", "since", "ends")


class TaskMemory:
    """Airflow 3.3's task state store, as far as there is one.

    A record counts only for the same identity and the same ``max_tries``: that number grows when a task is
    cleared, and a cleared task starts fresh where a retried one goes on.

    :param decides: whether a store that fails is an error (:class:`TaskStoreError`). A create finds what
        exists without the store; a run does not
    :param for_good: whether a record counts after a clear, too
    """

    def __init__(
        self,
        context: Any,
        key: str,
        identity: Mapping[str, str],
        log: Any,
        *,
        decides: bool = False,
        for_good: bool = False,
    ) -> None:
        self._key = key
        self._store = task_store(context)
        tries = None if for_good else getattr(context.get("ti"), "max_tries", None)
        self._facts = {**identity, "max_tries": tries if isinstance(tries, int) else None}
        self._log = log
        self._decides = decides

    @property
    def lasts(self) -> bool:
        """Whether there is a memory at all."""
        return self._store is not None

    def recall(self) -> str | None:
        """The id that an earlier try kept."""
        known = self.read().get("id")
        return known if isinstance(known, str) else None

    def keep(self, id: str) -> None:
        """Keep the id for later tries."""
        self.write({"id": id})

    def read(self) -> dict[str, Any]:
        """What an earlier try wrote, if it was about the same; else nothing.

        :return: after a clear ``{"cleared": id}``, the id that a try before the clear kept
        """
        record = self._try("read", lambda store: store.get(self._key))
        if not isinstance(record, dict):
            return {}
        notes = {key: record[key] for key in _NOTES if key in record}
        if {**notes, **self._facts} == record:
            return notes
        same = {**notes, **self._facts, "max_tries": record.get("max_tries")} == record
        return {"cleared": notes["id"]} if same and "id" in notes else {}

    def write(self, notes: Mapping[str, Any]) -> None:
        """Write notes, in place of earlier ones. No tuples: the store takes JSON. No secrets."""
        self._try("write", lambda store: store.set(self._key, {**notes, **self._facts}))

    def forget(self) -> None:
        """Leave nothing for later tries. A store that fails is only warned of: the try's own error counts."""
        self._try("clear", lambda store: store.delete(self._key), decides=False)

    def _try(self, verb: str, action: Any, *, decides: bool | None = None) -> Any:
        if self._store is None:
            return None
        try:
            return action(self._store)
        except Exception as error:
            happened = f"Could not {verb} Airflow's task state store ({type(error).__name__})."
            if self._decides if decides is None else decides:
                raise TaskStoreError.with_advice(happened) from error
            self._log.warning("%s The task goes on without it.", happened)
            return None
