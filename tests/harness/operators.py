"""A task's context, as far as the operators read it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from tests.harness.task_process import checked


@dataclass
class Store:
    """Airflow 3.3's task state store."""

    kept: dict[str, Any] = field(default_factory=dict)
    fail: bool = False
    refuses: tuple[str, ...] = ()
    """`get`, `set`, or a key of what may not be set."""
    tries: int = 0
    asked: list[str] = field(default_factory=list)

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.append("get")
        if self.fail or "get" in self.refuses:
            raise RuntimeError("no state backend")
        return self.kept.get(key, self.kept.get("*", default))

    def set(self, key: str, value: Any) -> None:
        self.asked.append("set")
        if self.fail or not {"set", *value}.isdisjoint(self.refuses):
            raise RuntimeError("no state backend")
        self.kept[key] = checked(value)

    def delete(self, key: str) -> None:
        self.asked.append("delete")
        self.kept.pop(key, None)


class TaskInstance(SimpleNamespace):
    """Keeps what is pushed."""

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


def context(store: Store | None = None, *, run_id: str = "run", map_index: int = -1) -> dict[str, Any]:
    """A new try: with a store, the next try of the task that has this store."""
    number = 1
    if store is not None:
        store.tries = number = store.tries + 1
    ti = TaskInstance(pushed={}, run_id=run_id, map_index=map_index, max_tries=2, try_number=number)
    return {"ti": ti, "run_id": run_id, **({"task_state_store": store} if store else {})}


def link_of(task: Any) -> str:
    """Return the URL of an operator's only link, as Airflow asks for it at the end of a try."""
    (link,) = task.operator_extra_links
    return str(link.get_link(task, ti_key=None))


Logged = Callable[[], str]


@contextlib.contextmanager
def unwrapped(kind: type[BaseException], match: str | None = None) -> Iterator[Any]:
    """`pytest.raises` for a typed error: on Airflow below 3.3 it is the cause of an AirflowFailException."""
    from airflow_provider_aep._compat import HAS_RETRY_POLICY, AirflowFailException

    found = SimpleNamespace(value=None)
    outer = kind if HAS_RETRY_POLICY else (kind, AirflowFailException)
    with pytest.raises(outer, match=match) as caught:
        yield found
    error = caught.value
    found.value = error.__cause__ if isinstance(error, AirflowFailException) else error
    assert isinstance(found.value, kind)
