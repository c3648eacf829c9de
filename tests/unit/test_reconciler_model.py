"""The reconciler in every interleaving of two tasks, their deaths, lost replies and a later run.

A small exhaustive model: the real reconciler decides, and a service of a few entities answers. A search tries
every order in which the steps of two tasks can reach the service. A POST is two moves, its effect and its
reply, so that a task can die, or a reply can be lost, between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from airflow_provider_aep.exactly_once import DesiredEntity, Entity, create_once, make_mark
from airflow_provider_aep.exactly_once import steps as s
from airflow_provider_aep.flow_service.errors import (
    AepError,
    AepNotFoundError,
    AepRequestError,
    AepServerError,
    AepTimeoutError,
    AepVersionError,
    AmbiguousEntityError,
    EntityExistsError,
)

Choose = Callable[[int], int]
SETTLE = 20.0
"""Seconds of settling that no other pause of the reconciler has."""


@dataclass
class ModelService:
    """The service: entities in the order of their creation."""

    entities: dict[str, Entity] = field(default_factory=dict)
    clock: int = 0

    def create(self, description: str, state: str = "enabled") -> str:
        self.clock += 1
        entity = Entity(f"id{self.clock}", float(self.clock), state, f'"{self.clock}"', description)
        self.entities[entity.id] = entity
        return entity.id

    def perform(self, step: s.Step) -> Any:
        match step:
            case s.ListExisting():
                return list(self.entities.values())
            case s.Get(id):
                return self._entity(id)
            case s.Delete(id):
                del self.entities[self._entity(id).id]
            case s.Update(entity):
                current = self._entity(entity.id)
                if current.etag != entity.etag:
                    raise AepVersionError("stale", status=412)
                self.clock += 1
                self.entities[entity.id] = replace(current, etag=f'"{self.clock}"')
            case s.Publish(id):
                if not self._entity(id).is_draft:
                    raise AepRequestError("not a draft", status=400)
                self.entities[id] = replace(self._entity(id), state="enabled")
                assert self.at_work() == 1
            case s.Dependants():
                return []
        return None

    def at_work(self) -> int:
        """How many are published: each of them would move every row."""
        return sum(entity.state == "enabled" for entity in self.entities.values())

    def _entity(self, id: str) -> Entity:
        if id not in self.entities:
            raise AepNotFoundError("gone", status=404)
        return self.entities[id]


class Task:
    """One try of one task instance, driven step by step."""

    def __init__(self, desired: DesiredEntity, service: ModelService, memory: dict[str, str]) -> None:
        self.desired, self.service, self.memory = desired, service, memory
        self.reconciliation = create_once(desired)
        self.returned: str | None = None
        self.error: AepError | None = None
        self.in_flight = False
        self.posted: str | None = None
        self._go(None, None)

    @property
    def over(self) -> bool:
        return self.returned is not None or self.error is not None

    def move(self, *, lose: str | None = None) -> None:
        """Carry out the pending step, or half of it if it is a POST.

        ``lose``: ``before`` fails a POST without its effect, ``after`` loses the reply of one that had it.
        """
        if isinstance(self.step, s.Post):
            if lose == "before":
                self._go(None, AepServerError("unavailable", status=503))
            elif not self.in_flight:
                self.in_flight = True
                state = "draft" if self.desired.drafts else "enabled"
                self.posted = self.service.create(self.desired.mark or "by hand", state)
            else:
                self.in_flight = False
                self._go(self.posted, AepTimeoutError("lost") if lose == "after" else None)
            return
        try:
            reply = self.service.perform(self.step)
        except AepError as error:
            self._go(None, error)
        else:
            self._go(reply, None)

    def _is_passed(self, step: s.Step) -> bool:
        """Return whether a step touches only this task."""
        return isinstance(step, s.Sleep | s.Decided | s.Recall | s.Keep)

    def _go(self, reply: Any, error: AepError | None) -> None:
        """To the next step that touches the service; what only touches this task is done on the way."""
        try:
            self.step = self.reconciliation.throw(error) if error else self.reconciliation.send(reply)
            while self._is_passed(self.step):
                answer = self.memory.get("id") if isinstance(self.step, s.Recall) else None
                if isinstance(self.step, s.Keep):
                    self.memory["id"] = self.step.id
                self.step = self.reconciliation.send(answer)
        except StopIteration as done:
            self.returned = done.value.id
        except AepError as failure:
            self.error = failure


def every_path(run: Callable[[Choose], None]) -> int:
    """Run once for every sequence of choices; returns how many there were."""
    path: list[tuple[int, int]] = []
    count = 0
    while True:
        position = 0

        def choose(options: int) -> int:
            nonlocal position
            if position == len(path):
                path.append((0, options))
            taken = path[position][0]
            position += 1
            return taken

        run(choose)
        count += 1
        del path[position:]
        while path and path[-1][0] + 1 == path[-1][1]:
            path.pop()
        if not path:
            return count
        path[-1] = (path[-1][0] + 1, path[-1][1])


def desired(
    task: str, *, if_exists: str = "reuse", mark: bool = True, run: str = "r1", drafts: bool = False
) -> DesiredEntity:
    return DesiredEntity(
        kind="base connection",
        name="PayPal",
        identity={"name": "PayPal"},
        if_exists=if_exists,
        mark=make_mark("dag", task, run, -1) if mark else None,
        drafts=drafts,
        settle=0,
        first_try=True,
    )


def retry_of(task: Task) -> Task:
    """The next try, with what the task has stored."""
    return Task(replace(task.desired, first_try=False), task.service, task.memory)


def interleave(tasks: list[Task], choose: Choose, *, kills: int = 0, losses: int = 0) -> set[int]:
    """Move the tasks in every order. Returns who was killed; a dead task's POST may land late, or never."""
    dead: set[int] = set()
    late: list[Task] = []
    while alive := [i for i, task in enumerate(tasks) if not task.over and i not in dead]:
        options: list[tuple[str, int]] = [("move", i) for i in alive]
        posting = [i for i in alive if isinstance(tasks[i].step, s.Post)]
        if losses:
            options += [("after" if tasks[i].in_flight else "before", i) for i in posting]
        if kills:
            options += [("kill", i) for i in alive]
            options += [("kill with a late effect", i) for i in posting if not tasks[i].in_flight]
        options += [("land", k) for k in range(len(late))]
        what, who = options[choose(len(options))]
        if what.startswith("kill"):
            kills, dead = kills - 1, dead | {who}
            if "late" in what:
                late.append(tasks[who])
        elif what == "land":
            late.pop(who).move()
        elif what == "move":
            tasks[who].move()
        else:
            losses -= 1
            tasks[who].move(lose=what)
    for task in late:
        task.move()
    return dead


def run_alone(task: Task) -> str:
    while not task.over:
        task.move()
    assert task.error is None, task.error
    assert task.returned is not None
    return task.returned


def finished(tasks: list[Task], dead: set[int]) -> Iterator[Task]:
    yield from (task for i, task in enumerate(tasks) if i not in dead)


@pytest.mark.parametrize("foreign", [0, 1], ids=["nothing exists", "one made in the UI exists"])
@pytest.mark.parametrize("if_exists", ["reuse", "update"])
@pytest.mark.parametrize(
    ("kills", "losses"),
    [
        pytest.param(0, 0, id="no fault"),
        pytest.param(1, 0, id="one kill"),
        pytest.param(0, 1, id="one lost reply"),
        pytest.param(2, 0, id="two kills", marks=pytest.mark.nightly),
        pytest.param(1, 1, id="a kill and a lost reply", marks=pytest.mark.nightly),
    ],
)
def test_two_tasks_end_with_one(kills: int, losses: int, if_exists: str, foreign: int) -> None:
    """In every order: one exists in the end, both tasks return it, and no returned id is deleted later."""

    def run(choose: Choose) -> None:
        service = ModelService()
        for _ in range(foreign):
            service.create("made in the UI")
        tasks = [Task(desired(name, if_exists=if_exists), service, {}) for name in ("a", "b")]
        dead = interleave(tasks, choose, kills=kills, losses=losses)
        if not dead:
            assert len(service.entities) == 1
        returned = set()
        for task in finished(tasks, dead):
            assert task.error is None, task.error
            returned |= {task.returned, run_alone(retry_of(task))}
        returned.add(run_alone(Task(desired("c", if_exists=if_exists, run="r2"), service, {})))
        assert returned == set(service.entities)

    assert every_path(run) > 1


@pytest.mark.parametrize("again", ["without memory", "with the state store", "under the same number"])
@pytest.mark.parametrize("if_exists", ["reuse", "update", "fail"])
def test_a_killed_try_and_its_retry(if_exists: str, again: str) -> None:
    """A try dies anywhere, its POST may land late, the retry runs: one exists, and the retry returns it.

    If Airflow repeated a first try under the same number, the second process would not read the store.
    """

    def run(choose: Choose) -> None:
        service, memory = ModelService(), {}
        first = Task(desired("a", if_exists=if_exists), service, memory)
        late = False
        while not first.over:
            options = ["move", "kill"]
            if isinstance(first.step, s.Post) and not first.in_flight:
                options.append("late")
            what = options[choose(len(options))]
            if what != "move":
                late = what == "late"
                break
            first.move()
        if again == "without memory":
            memory.clear()
        retry = Task(first.desired, service, memory) if "number" in again else retry_of(first)
        while not retry.over:
            if late and choose(2):
                first.move()
                late = False
            retry.move()
        if late:
            first.move()
        assert retry.error is None, retry.error
        if not late:
            later = run_alone(Task(desired("a", if_exists=if_exists), service, {}))
            assert {retry.returned, later} == set(service.entities)

    assert every_path(run) > 1


class LaggingService(ModelService):
    """A service that lists entities of the task ``late`` only when a task has settled after their create.

    That is the longest lag within the bound: ``settle`` seconds after the creation.
    """

    def __init__(self, late: str) -> None:
        super().__init__()
        self.late = late
        self.unlisted: set[str] = set()

    def create(self, description: str, state: str = "enabled") -> str:
        created = super().create(description, state)
        if f".{self.late} " in description:
            self.unlisted.add(created)
        return created

    def perform(self, step: s.Step) -> Any:
        if isinstance(step, s.ListExisting):
            return [entity for entity in self.entities.values() if entity.id not in self.unlisted]
        return super().perform(step)


class SettlingTask(Task):
    """A task whose settling takes time: others can act, and it can die, before the end of it."""

    service: LaggingService

    def move(self, *, lose: str | None = None) -> None:
        if isinstance(self.step, s.Sleep):
            self.service.unlisted -= self.unlisted_before
            self._go(None, None)
        else:
            super().move(lose=lose)

    def _is_passed(self, step: s.Step) -> bool:
        if isinstance(step, s.Sleep) and step.seconds == SETTLE:
            self.unlisted_before = set(self.service.unlisted)
            return False
        return super()._is_passed(step)


@pytest.mark.parametrize(
    "drafts", [False, pytest.param(True, marks=pytest.mark.nightly)], ids=["published", "drafts"]
)
def test_a_try_killed_while_it_settles_and_its_retry(drafts: bool) -> None:
    """A task dies anywhere, also while it settles, and its retry runs: both tasks end with one entity.

    The rival's entities are listed only after ``settle`` seconds, those of the killed task at once. If the
    killed task's own entity was listed late, its retry could use a younger one that the rival then deletes.
    The bound excludes this: it requires lists in the order of creation.
    """

    def run(choose: Choose) -> None:
        service = LaggingService("rival")
        orders = [replace(desired(name, drafts=drafts), settle=SETTLE) for name in ("rival", "killed")]
        tasks: list[Task] = [SettlingTask(order, service, {}) for order in orders]
        for _ in range(3):
            tasks[0].move()  # the rival's entity is the older one, and not listed yet
        killed = False
        while alive := [i for i, task in enumerate(tasks) if not task.over]:
            who = choose(len(alive) + (1 in alive and not killed))
            if who == len(alive):
                killed, tasks[1] = True, SettlingTask(replace(orders[1], first_try=False), service, {})
            else:
                tasks[alive[who]].move()
        assert all(task.error is None for task in tasks)
        assert len({task.returned for task in tasks}) == 1
        assert {task.returned for task in tasks} == set(service.entities)

    assert every_path(run) > 1


@pytest.mark.parametrize(
    ("kills", "losses"),
    [
        pytest.param(0, 0, id="no fault"),
        pytest.param(1, 0, id="one kill"),
        pytest.param(0, 1, id="one lost reply", marks=pytest.mark.nightly),
        pytest.param(2, 0, id="two kills", marks=pytest.mark.nightly),
    ],
)
def test_of_drafts_only_the_survivor_is_published(kills: int, losses: int) -> None:
    """A dataflow ingests as soon as it is published: in no order are two published."""

    def run(choose: Choose) -> None:
        service = ModelService()
        tasks = [Task(desired(name, drafts=True), service, {}) for name in ("a", "b")]
        dead = interleave(tasks, choose, kills=kills, losses=losses)
        for task in finished(tasks, dead):
            assert task.error is None, task.error
        returned = {task.returned for task in finished(tasks, dead)}
        returned.add(run_alone(Task(desired("c", drafts=True, run="r2"), service, {})))
        assert returned == set(service.entities)
        assert service.at_work() == 1

    assert every_path(run) > 1


@pytest.mark.parametrize("kills", [0, 1], ids=["no fault", "one kill"])
def test_under_fail_one_wins(kills: int) -> None:
    """Of two tasks with ``if_exists="fail"`` one returns the connection and the other says that it exists."""

    def run(choose: Choose) -> None:
        service = ModelService()
        tasks = [Task(desired(name, if_exists="fail"), service, {}) for name in ("a", "b")]
        dead = interleave(tasks, choose, kills=kills)
        alive = list(finished(tasks, dead))
        winners = [task.returned for task in alive if task.returned]
        assert len(winners) <= 1
        assert set(winners) <= set(service.entities)
        assert all(isinstance(task.error, EntityExistsError) for task in alive if task.error)
        if not dead:
            assert winners == list(service.entities)

    assert every_path(run) > 1


def test_without_marks_a_race_still_ends_with_one() -> None:
    """Who made another knows its id, so a race needs no mark; only a dead task's leftover does."""

    def run(choose: Choose) -> None:
        service = ModelService()
        tasks = [Task(desired(name, mark=False), service, {}) for name in ("a", "b")]
        interleave(tasks, choose)
        assert {task.returned for task in tasks} == set(service.entities)
        assert len(service.entities) == 1

    assert every_path(run) > 1


def test_what_others_made_is_never_deleted() -> None:
    """Two made in the UI: the task names both and touches neither."""
    service = ModelService()
    ids = [service.create("made in the UI"), service.create("made in the UI")]
    task = Task(desired("a"), service, {})
    while not task.over:
        task.move()
    assert isinstance(task.error, AmbiguousEntityError)
    assert all(made in str(task.error) for made in ids)
    assert ids == list(service.entities)


@pytest.mark.nightly
def test_three_tasks_race() -> None:
    """A third task changes nothing: everybody agrees on the oldest."""

    def run(choose: Choose) -> None:
        service = ModelService()
        tasks = [Task(desired(name), service, {}) for name in ("a", "b", "c")]
        for task in tasks:
            task.move()  # both have listed, and nothing exists
        interleave(tasks, choose)
        assert {task.returned for task in tasks} == set(service.entities)

    assert every_path(run) > 100
