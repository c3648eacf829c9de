"""What each step makes of dataflows and their runs, said once more and simply; see `connection_model`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from airflow_provider_aep.flow_service import errors
from tests.harness.models.connection_model import NEW, Task
from tests.harness.models.dataflow_disturbances import ACTION, DELETE, LOOK, POST, READ, RUN, RUNS
from tests.harness.models.disturbances import Disturbance, Fault, Meanwhile, at_place, die, stop

DAY, LEAD = 86_400.0, 3600.0
"""`LEAD`: from a create to its schedule's start. The clock advances by twice as much."""


@dataclass(frozen=True)
class Flow:
    """A dataflow; `ends` says between which connections. `due` is when it runs next, if it does."""

    id: str
    name: str
    ends: int
    frequency: str
    mark: str | None
    state: str = "enabled"
    start: float = field(default=0.0, compare=False)
    due: float | None = field(default=None, compare=False)
    begun: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Run:
    """A run of a flow that may be gone; `window` is what it was asked for, if it was."""

    id: str
    flow_id: str
    state: str
    window: int | str | None = field(default=None, compare=False)

    @property
    def shown(self) -> int | str | None:
        """What identifies its window, once it shows one: a run by schedule has a window of its own."""
        if self.state == "scheduled":
            return None
        return self.id if self.window is None else self.window


@dataclass(frozen=True)
class Order:
    """What a create is to make."""

    name: str
    ends: int
    frequency: str
    if_exists: str


@dataclass(frozen=True)
class Start:
    """What a task is to start: a run of a flow for a window, by one request, younger than one."""

    about: tuple[object, ...]
    flow_id: str
    window: int | str | None
    legal: bool
    at: str
    first: bool
    after: str | None = None


@dataclass
class Note:
    """What a task that starts a run remembers: its order, and the run, or how many stood before."""

    about: tuple[object, ...]
    seen: int
    run_id: str | None = None


class Model:
    """All flows and runs, oldest first, and what each task remembers."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.flows: list[Flow] = []
        self.runs: list[Run] = []
        self.memory: dict[Task, tuple[str, int, str]] = {}
        self.notes: dict[Task, Note] = {}
        self.rival: Flow | None = None

    def find(self, id: str) -> Flow | None:
        return next((one for one in self.flows if one.id == id), None)

    def change(self, one: Flow, **changes: object) -> Flow:
        changed = replace(one, **changes)  # type: ignore[arg-type]
        self.flows[self.flows.index(one)] = changed
        return changed

    def runs_of(self, flow_id: str) -> list[Run]:
        return [run for run in self.runs if run.flow_id == flow_id]

    # Time

    def advance(self) -> None:
        """Everything that has begun comes to its end."""
        self.now += 2 * LEAD
        self.come_due()
        self.runs = [replace(run, state="success") if run.state == "scheduled" else run for run in self.runs]

    def come_due(self) -> None:
        for one in self.flows:
            while one.due is not None and one.due <= self.now:
                self.runs.append(Run(NEW, one.id, "scheduled"))
                due = None if one.frequency == "once" else one.due + DAY
                one = self.change(one, due=due, begun=True)

    def start(self, one: Flow) -> Flow:
        """It runs from now on; what it missed of its first run at once."""
        due: float | None = max(one.start, self.now)
        if one.begun:
            due = None if one.frequency == "once" else one.start + DAY * ((self.now - one.start) // DAY + 1)
        one = self.change(one, state="enabled", due=due)
        self.come_due()
        return one

    def start_new(self, one: Flow) -> Flow:
        """Somebody makes one, and no draft."""
        self.flows.append(one)
        return self.start(one)

    def fail(self, run: Run) -> None:
        self.runs[self.runs.index(run)] = replace(run, state="failed")

    def name_the_new(self, flows: list[str], runs: dict[str, list[str]]) -> list[str]:
        """Tell the ids of new flows, and those of each flow's runs. Returns which of these are new."""
        for made in flows:
            self.flows = [replace(one, id=made) if one.id == NEW else one for one in self.flows]
            self.runs = [replace(one, flow_id=made) if one.flow_id == NEW else one for one in self.runs]
            for task, (name, tries, known) in self.memory.items():
                self.memory[task] = (name, tries, made if known == NEW else known)
        fresh: list[str] = []
        for number, one in enumerate(self.runs):
            ids = runs.get(one.flow_id, [])
            place = self.runs_of(one.flow_id).index(one)
            if one.id == NEW and place < len(ids):
                self.runs[number] = replace(one, id=ids[place])
                fresh.append(ids[place])
        for note in self.notes.values():
            note.run_id = fresh[0] if note.run_id == NEW and fresh else note.run_id
        return fresh

    # The steps

    def create(self, task: Task, order: Order, tries: int, disturbance: Disturbance) -> str:
        if (remembered := self.remembered(task, order, tries)) is not None:
            stop(disturbance, READ, "remember")
            known = self.find(remembered)
            if known and known.ends != order.ends:
                raise errors.EntityExistsError("between other connections")
            if known and known.state == "enabled":
                return known.id
        made = self._looked(task, order, disturbance)
        self.memory[task] = (order.name, tries, made)
        return made

    def remembered(self, task: Task, order: Order, tries: int) -> str | None:
        *about, known = self.memory.get(task, ("", 0, ""))
        return known if about == [order.name, tries] else None

    def _looked(self, task: Task, order: Order, disturbance: Disturbance) -> str:
        stop(disturbance, LOOK, "create")
        same = [one for one in self.flows if one.name == order.name]
        if any(one.ends != order.ends for one in same):
            raise errors.EntityExistsError("between other connections")
        if not same:
            return self._posted(task, order, disturbance)
        oldest, *younger = same
        for one in same:
            ours = one.mark is not None and (one is not oldest or one.state == "draft")
            if one.state != "enabled" and not ours:
                raise errors.EntityStateError(one.state)
        left = [one for one in younger if one.mark is None]
        for number, one in enumerate(one for one in younger if one.mark is not None):
            if not self._removed(one, None if number else disturbance):
                left.append(one)
        if left and oldest.mark is None:
            raise errors.AmbiguousEntityError("which is meant?")
        return self._adopted(task, order, oldest, disturbance)

    def _removed(self, one: Flow, disturbance: Disturbance) -> bool:
        die(disturbance, DELETE, after=False)
        if (fault := at_place(disturbance, Fault, DELETE)) and fault.errors:
            return False
        self.flows.remove(one)
        die(disturbance, DELETE, after=True)
        return True

    def _posted(self, task: Task, order: Order, disturbance: Disturbance) -> str:
        die(disturbance, POST, after=False)
        stop(disturbance, POST, "create")
        meanwhile = at_place(disturbance, Meanwhile, POST)
        if meanwhile and not meanwhile.after:
            return self._adopted(task, order, self._enter_rival(), None)
        start = self.now + LEAD
        draft = Flow(NEW, order.name, order.ends, order.frequency, task.mark, "draft", start)
        self.flows.append(draft)
        if meanwhile:
            self._enter_rival()
        die(disturbance, POST, after=True)
        return self._published(draft, disturbance)

    def _enter_rival(self) -> Flow:
        assert self.rival is not None, "no POST was sent"
        return self.start_new(self.rival)

    def _adopted(self, task: Task, order: Order, one: Flow, disturbance: Disturbance) -> str:
        if order.if_exists == "fail" and one.mark != task.mark:
            raise errors.EntityExistsError("it exists already")
        return one.id if one.state == "enabled" else self._published(one, disturbance)

    def _published(self, draft: Flow, disturbance: Disturbance) -> str:
        die(disturbance, ACTION, after=False)
        stop(disturbance, ACTION, "publish")
        self.start(draft)
        die(disturbance, ACTION, after=True)
        return draft.id

    def switch(self, id: str, op: str, disturbance: Disturbance) -> str:
        stop(disturbance, READ, "switch")
        one = self.find(id)
        if one is None:
            raise errors.AepNotFoundError("there is none")
        if one.state == f"{op}d":
            return id
        die(disturbance, ACTION, after=False)
        fault = at_place(disturbance, Fault, ACTION)
        if fault and not fault.has_effect:
            stop(fault, ACTION, op)
        if one.state == "draft":
            stop(fault, ACTION, op)
            die(disturbance, ACTION, after=True)
            raise errors.AepRequestError("a draft is published")
        # Whatever the answer was, the flow is looked at again, and is as it should be.
        self.start(one) if op == "enable" else self.change(one, state="disabled", due=None)
        die(disturbance, ACTION, after=True)
        return id

    def delete(self, id: str, missing_ok: bool, disturbance: Disturbance) -> None:
        stop(disturbance, READ, "delete")
        one = self.find(id)
        if one is None:
            if not missing_ok:
                raise errors.AepNotFoundError("there is none")
            return
        die(disturbance, DELETE, after=False)
        stop(disturbance, DELETE, "delete")
        self.flows.remove(one)
        die(disturbance, DELETE, after=True)

    def run(
        self, task: Task, flow_id: str, window: int, tries: int, first: bool, disturbance: Disturbance
    ) -> str:
        stop(disturbance, READ, "run")
        one = self.find(flow_id)
        if one is None:
            raise errors.AepNotFoundError("there is none")
        legal = one.state == "enabled" and one.frequency == "once"
        start = Start((flow_id, window, tries), flow_id, window, legal, RUN, first)
        return self._started(task, start, disturbance)

    def retrigger(self, task: Task, run_id: str, tries: int, first: bool, disturbance: Disturbance) -> str:
        old = next((run for run in self.runs if run.id == run_id), None)
        if old is None:
            raise errors.AepNotFoundError("there is none")
        flow = self.find(old.flow_id)
        legal = flow is not None and flow.state == "enabled" and old.state == "failed"
        start = Start(("again", run_id, tries), old.flow_id, old.shown, legal, ACTION, first, run_id)
        return self._started(task, start, disturbance)

    def _started(self, task: Task, start: Start, disturbance: Disturbance) -> str:
        """At most once for each thing that a task is about, however often it is tried."""
        note = self.notes.get(task)
        if note is None or note.about != start.about:
            at_place(disturbance, Fault, RUNS)
            cleared = note.run_id if note and note.about[:-1] == start.about[:-1] else None
            if not start.first and (own := self._own(start, cleared or start.after)):
                self.notes[task] = Note(start.about, 0, own[-1].id)
                return own[-1].id
            note = self.notes[task] = Note(start.about, len(self.runs_of(start.flow_id)))
            self._post_run(task, start, note, disturbance)
        if note.run_id is None:
            own = self._own(start, None, note.seen)
            if len(own) != 1:
                raise errors.AmbiguousRunError("none, or which?")
            note.run_id = own[0].id
        return note.run_id

    def _post_run(self, task: Task, start: Start, note: Note, disturbance: Disturbance) -> None:
        die(disturbance, start.at, after=False)
        fault = at_place(disturbance, Fault, start.at)
        refusal = fault is not None and fault.how.get("status") in (401, 429)
        if not start.legal and not (fault and "start" in fault.errors and not refusal):
            die(disturbance, start.at, after=True)
            del self.notes[task]
            raise errors.AepRequestError("refused")
        if start.legal and (fault is None or fault.has_effect or "start" not in fault.errors):
            self.runs.append(Run(NEW, start.flow_id, "scheduled", start.window))
            die(disturbance, start.at, after=True)
        if fault and "start" in fault.errors and fault.errors["start"] is not errors.AmbiguousRunError:
            del self.notes[task]
        stop(fault, start.at, "start")
        note.run_id = NEW

    def _own(self, start: Start, after: str | None, seen: int = 0) -> list[Run]:
        """The runs of exactly the window, younger than one, oldest first."""
        runs = self.runs_of(start.flow_id)[seen:]
        ids = [run.id for run in runs]
        younger = runs[ids.index(after) + 1 :] if after in ids else runs
        return [run for run in younger if start.window is not None and run.shown == start.window]
