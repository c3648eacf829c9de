"""Random sequences of what tasks, people and time do to dataflows, each step compared with a model.

The model says once more, and simply, what each step does to dataflows and their runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from airflow_provider_aep.flow_service import errors
from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.operators.dataflows import (
    CreateDataflowOperator,
    DeleteDataflowOperator,
    DisableDataflowOperator,
    EnableDataflowOperator,
    RetryFlowRunOperator,
    RunDataflowOperator,
)
from tests.harness.faults import AFTER, LOST, NO_ID, RETRY_LATE, RETRY_SOON, TOKEN_REFUSED, UNAVAILABLE
from tests.harness.figures import KeepFigure
from tests.harness.model_harness import (
    DENIED,
    FORMS,
    MARK,
    NEW,
    Disturbance,
    FailedRequest,
    Kill,
    Killed,
    Meanwhile,
    ModelHarness,
    Task,
    at_place,
    compare_with_model,
    die,
    draw,
    harness,
    healed,
    places,
    refused,
    stop,
)
from tests.harness.operators import Store, context
from tests.harness.platform import CRM, Platform, spec

__all__ = ["harness"]

LIST, POST, ACTION = "GET /flows", "POST /flows", "POST /action"
READ, DELETE, RUN, RUNS = "GET /flows/{id}", "DELETE ", "POST /runs", "GET /runs"

SWITCHES = ("enable", "disable")
FAULTS = [
    *healed(LIST),
    refused(LIST, 403, DENIED, "create"),
    *healed(POST, NO_ID),
    refused(POST, 403, DENIED, "create"),
    FailedRequest(POST, RETRY_LATE, {"create": errors.AepThrottledError}),
    *healed(READ),
    refused(READ, 403, DENIED, "remember", "delete", "switch", "run"),
    # A POST is not sent again by itself: the state after a publish or a switch is read.
    *[
        FailedRequest(ACTION, {**how, **when}, {**dict.fromkeys([*SWITCHES, *more], error), **doubt})
        for how, error in ((LOST, errors.AepConnectionLostError), (UNAVAILABLE, errors.AepServerError))
        for when, more, doubt in (
            ({}, ["publish"], {"start": errors.AmbiguousRunError}),
            (AFTER, [], {"start": errors.AmbiguousRunError}),
        )
    ],
    refused(ACTION, 403, DENIED, *SWITCHES, "publish", "start"),
    *healed(DELETE),
    refused(DELETE, 403, DENIED, "create", "delete"),
    *healed(RUNS),
    *[FailedRequest(RUN, how, {"start": errors.AmbiguousRunError}) for how in (LOST, UNAVAILABLE)],
    # A run that has just been asked for shows no window yet, so a retry has to tell.
    *[
        FailedRequest(RUN, {**how, **AFTER}, {"start": errors.AmbiguousRunError})
        for how in (LOST, UNAVAILABLE, RETRY_SOON, TOKEN_REFUSED)
    ],
    *[FailedRequest(RUN, how) for how in (RETRY_SOON, TOKEN_REFUSED)],
    refused(RUN, 400, errors.AepRequestError, "start"),
    refused(RUN, 403, DENIED, "start"),
]
RIVALS = [Meanwhile(POST, "creates"), Meanwhile(POST, "creates", after=True)]
KILLS = [Kill(at, after) for at in (POST, ACTION, DELETE, RUN) for after in (False, True)]

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
class Desired:
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
    """What a task that starts a run remembers: what it starts, and the run, or how many there were."""

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

    def create(self, task: Task, desired: Desired, tries: int, disturbance: Disturbance) -> str:
        if (remembered := self.remembered(task, desired, tries)) is not None:
            stop(disturbance, READ, "remember")
            known = self.find(remembered)
            if known and known.ends != desired.ends:
                raise errors.EntityExistsError("between other connections")
            if known and known.state == "enabled":
                return known.id
        made = self._listed(task, desired, disturbance)
        if made == NEW:
            self.memory[task] = (desired.name, tries, made)
        return made

    def remembered(self, task: Task, desired: Desired, tries: int) -> str | None:
        *about, known = self.memory.get(task, ("", 0, ""))
        return known if about == [desired.name, tries] else None

    def _listed(self, task: Task, desired: Desired, disturbance: Disturbance) -> str:
        stop(disturbance, LIST, "create")
        same = [one for one in self.flows if one.name == desired.name]
        if any(one.ends != desired.ends for one in same):
            raise errors.EntityExistsError("between other connections")
        if not same:
            return self._posted(task, desired, disturbance)
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
        return self._adopted(task, desired, oldest, disturbance)

    def _removed(self, one: Flow, disturbance: Disturbance) -> bool:
        die(disturbance, DELETE, after=False)
        if (fault := at_place(disturbance, FailedRequest, DELETE)) and fault.errors:
            return False
        self.flows.remove(one)
        die(disturbance, DELETE, after=True)
        return True

    def _posted(self, task: Task, desired: Desired, disturbance: Disturbance) -> str:
        die(disturbance, POST, after=False)
        stop(disturbance, POST, "create")
        meanwhile = at_place(disturbance, Meanwhile, POST)
        if meanwhile and not meanwhile.after:
            return self._adopted(task, desired, self._enter_rival(), None)
        start = self.now + LEAD
        draft = Flow(NEW, desired.name, desired.ends, desired.frequency, task.mark, "draft", start)
        self.flows.append(draft)
        if meanwhile:
            self._enter_rival()
        die(disturbance, POST, after=True)
        return self._published(draft, disturbance)

    def _enter_rival(self) -> Flow:
        assert self.rival is not None, "no POST was sent"
        return self.start_new(self.rival)

    def _adopted(self, task: Task, desired: Desired, one: Flow, disturbance: Disturbance) -> str:
        if desired.if_exists == "fail" and one.mark != task.mark:
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
            raise errors.AepNotFoundError("it is missing")
        if one.state == f"{op}d":
            return id
        die(disturbance, ACTION, after=False)
        fault = at_place(disturbance, FailedRequest, ACTION)
        if fault and not fault.has_effect:
            stop(fault, ACTION, op)
        if one.state == "draft":
            stop(fault, ACTION, op)
            die(disturbance, ACTION, after=True)
            raise errors.AepRequestError("a draft is published")
        # Whatever the answer was, the flow is read again, and is as it should be.
        self.start(one) if op == "enable" else self.change(one, state="disabled", due=None)
        die(disturbance, ACTION, after=True)
        return id

    def delete(self, id: str, missing_ok: bool, disturbance: Disturbance) -> None:
        stop(disturbance, READ, "delete")
        one = self.find(id)
        if one is None:
            if not missing_ok:
                raise errors.AepNotFoundError("it is missing")
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
            raise errors.AepNotFoundError("it is missing")
        legal = one.state == "enabled" and one.frequency == "once"
        start = Start((flow_id, window, tries), flow_id, window, legal, RUN, first)
        return self._started(task, start, disturbance)

    def retrigger(self, task: Task, run_id: str, tries: int, first: bool, disturbance: Disturbance) -> str:
        old = next((run for run in self.runs if run.id == run_id), None)
        if old is None:
            raise errors.AepNotFoundError("it is missing")
        flow = self.find(old.flow_id)
        legal = flow is not None and flow.state == "enabled" and old.state == "failed"
        start = Start(("again", run_id, tries), old.flow_id, old.shown, legal, ACTION, first, run_id)
        return self._started(task, start, disturbance)

    def _started(self, task: Task, start: Start, disturbance: Disturbance) -> str:
        """At most once for each thing that a task is about, however often it is tried."""
        note = self.notes.get(task)
        if note is None or note.about != start.about:
            at_place(disturbance, FailedRequest, RUNS)
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
        fault = at_place(disturbance, FailedRequest, start.at)
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


# The sequences

TASKS = [Task("first", "r1", -1), Task("second", "r1", -1)]
DISTURBANCES = [*FAULTS, *RIVALS, *KILLS]
FIRST_WINDOW, WINDOW = 1_700_000_000, 100_000_000
SWITCHES = {"enable": EnableDataflowOperator, "disable": DisableDataflowOperator}

desires = st.builds(
    Desired,
    name=st.sampled_from(["Products", "Products", "Produkte, 'a'=1"]),
    ends=st.sampled_from([0, 0, 0, 1]),
    frequency=st.sampled_from(["once", "once", "day"]),
    if_exists=st.sampled_from(["reuse", "reuse", "fail"]),
)
tasks = st.sampled_from(TASKS)
picks = st.integers(0, 5)


class Dataflows(RuleBasedStateMachine):
    """Tasks of two DAGs, and somebody, at dataflows of two names; the clock goes when it is told to."""

    def __init__(self, harness: ModelHarness) -> None:
        super().__init__()
        self.steps = 0
        self.harness = harness
        harness.reset()
        self.path = Platform(harness.emulator)
        self.path.stop_clock()
        self.model = Model(float(self.path.now()))
        base, schema = self.path.base(), self.path.schema()
        self.target = self.path.target(schema, self.path.dataset(schema))
        self.sources = [self.path.source(base), self.path.source(base)]
        self.mapping = self.path.mapping(schema)
        self.known: set[str] = set()
        self.gone = "never-there"
        self.desires: dict[Task, Desired] = {}
        self.starts: dict[Task, tuple[str, int] | str] = {}
        self.stores = {(task, kind): Store() for task in TASKS for kind in ("create", "start")}
        self.max_tries = dict.fromkeys(self.stores, 2)

    @initialize(desired=desires)
    def begin(self, desired: Desired) -> None:
        """Somebody made one already."""
        self.appear(desired)

    # What tasks do

    @rule(task=tasks, desired=desires, data=st.data())
    def create(self, task: Task, desired: Desired, data: st.DataObject) -> None:
        self.desires[task] = desired
        tries = self.max_tries[task, "create"]
        self.step(
            lambda: self.operator(task, desired).execute(self.context(task, "create")),
            lambda model, disturbance: model.create(task, desired, tries, disturbance),
            data,
            about=self.model.remembered(task, desired, tries),
            rival=desired,
        )

    @precondition(lambda self: self.desires)
    @rule(pick=picks, cleared=st.booleans(), data=st.data())
    def create_again(self, pick: int, cleared: bool, data: st.DataObject) -> None:
        task = list(self.desires)[pick % len(self.desires)]
        self.max_tries[task, "create"] += cleared
        self.create(task, self.desires[task], data)

    @rule(task=tasks, pick=picks, window=st.integers(0, 1), data=st.data())
    def run(self, task: Task, pick: int, window: int, data: st.DataObject) -> None:
        self.start(task, (self.pick(pick), window), data)

    @rule(task=tasks, pick=picks, data=st.data())
    def retrigger(self, task: Task, pick: int, data: st.DataObject) -> None:
        runs = [run.id for run in self.model.runs if run.state == "failed" or pick == 0]
        self.start(task, [*runs, "never-there"][pick % (len(runs) + 1)], data)

    @precondition(lambda self: self.starts)
    @rule(pick=picks, cleared=st.sampled_from([False, False, True]), data=st.data())
    def start_again(self, pick: int, cleared: bool, data: st.DataObject) -> None:
        task = list(self.starts)[pick % len(self.starts)]
        self.max_tries[task, "start"] += cleared
        self.start(task, self.starts[task], data, first=cleared)

    @rule(pick=picks, op=st.sampled_from(list(SWITCHES)), data=st.data())
    def switch(self, pick: int, op: str, data: st.DataObject) -> None:
        one = self.pick(pick)
        operator = SWITCHES[op](task_id="switch", flow_id=one)
        self.step(
            lambda: operator.execute(context()),
            lambda model, disturbance: model.switch(one, op, disturbance),
            data,
            about=one,
        )

    @rule(pick=picks, missing_ok=st.booleans(), data=st.data())
    def delete(self, pick: int, missing_ok: bool, data: st.DataObject) -> None:
        one = self.pick(pick)
        operator = DeleteDataflowOperator(task_id="delete", flow_id=one, missing_ok=missing_ok)
        self.step(
            lambda: operator.execute(context()),
            lambda model, disturbance: model.delete(one, missing_ok, disturbance),
            data,
            about=one,
        )
        if self.model.find(one) is None:
            self.gone = one

    # What people and time do

    @rule(desired=desires)
    def appear(self, desired: Desired) -> None:
        self.model.start_new(self.made_by_hand(desired))

    @rule()
    def time_goes(self) -> None:
        """Every run comes to its end, and the schedules of dataflows become due."""
        self.path.advance(2 * LEAD)
        self.model.advance()
        self.compare()

    @precondition(lambda self: self.model.runs)
    @rule(pick=picks)
    def fails(self, pick: int) -> None:
        """The source fails a run."""
        run = self.model.runs[-1 - pick % len(self.model.runs)]
        self.harness.emulator.control("POST", f"runs/{run.id}", {"status": "failed"})
        self.model.fail(run)

    # How

    def start(
        self, task: Task, what: tuple[str, int] | str, data: st.DataObject, *, first: bool = True
    ) -> None:
        """Start a run, of a flow for a window or in place of a failed one."""
        self.starts[task] = what
        tries = self.max_tries[task, "start"]
        if isinstance(what, str):
            operator: Any = RetryFlowRunOperator(task_id="start", run_id=what, wait=False)
        else:
            begin = FIRST_WINDOW + what[1]
            operator = RunDataflowOperator(
                task_id="start",
                flow_id=what[0],
                window_start=begin,
                window_end=begin + WINDOW,
                delta_column="Create_Time",
                wait=False,
            )

        def as_modelled(model: Model, disturbance: Disturbance) -> str:
            if isinstance(what, str):
                return model.retrigger(task, what, tries, first, disturbance)
            return model.run(task, *what, tries, first, disturbance)

        about = what[0] if isinstance(what, tuple) else None
        context = self.context(task, "start", first=first)
        self.step(lambda: operator.execute(context), as_modelled, data, about=about)

    def step(
        self,
        really: Callable[[], Any],
        as_modelled: Callable[[Model, Disturbance], Any],
        data: st.DataObject,
        *,
        about: str | None = None,
        rival: Desired | None = None,
    ) -> None:
        """Do it, tell the model, and compare what both say."""
        self.steps += 1
        self.model.rival = None
        disturbance = draw(data, places(self.model, as_modelled), DISTURBANCES)

        def meanwhile(*_: str) -> None:
            assert rival is not None
            self.model.rival = self.made_by_hand(rival)

        got = self.harness.run(really, "prod", disturbance, about=about, meanwhile=meanwhile)
        try:
            expected = as_modelled(self.model, disturbance)
        except (AepError, Killed) as error:
            expected = error
        made = self.compare()
        if isinstance(expected, BaseException):
            assert type(got) is type(expected), f"{got!r} instead of {expected!r}"
        else:
            assert [got] == (made if expected == NEW else [expected])

    def compare(self) -> list[str]:
        """Compare the flows and runs with the model, which learns the ids of what is new."""
        flows, runs = self.existing_now()
        fresh = [one.id for one in flows if one.id not in self.known]
        fresh += self.model.name_the_new(fresh, {flow: [run.id for run in of] for flow, of in runs.items()})
        self.known.update(fresh)
        assert flows == self.model.flows
        for flow_id in {run.flow_id for run in self.model.runs} | set(runs):
            assert runs.get(flow_id, []) == self.model.runs_of(flow_id)
        return fresh

    def existing_now(self) -> tuple[list[Flow], dict[str, list[Run]]]:
        """Return all flows and the runs of each, as a client that knows nothing of this project."""
        flows, runs = [], {}
        for item in self.oldest_first("/flows"):
            mark = MARK.search(item.get("description", ""))
            ends = self.sources.index(item["sourceConnectionIds"][0])
            frequency = item["scheduleParams"]["frequency"]
            found = mark.group() if mark else None
            flows.append(Flow(item["id"], item["name"], ends, frequency, found, item["state"]))
        for item in self.oldest_first("/runs"):
            runs.setdefault(item["flowId"], []).append(Run(item["id"], item["flowId"], item["state"]))
        return flows, runs

    def oldest_first(self, collection: str) -> list[dict[str, Any]]:
        items = self.path.api("GET", collection, params={"limit": 100}).json()["items"]
        return sorted(items, key=lambda item: item["createdAt"])

    def pick(self, number: int) -> str:
        """Return the id of a flow that exists, or of none."""
        known = [*(one.id for one in self.model.flows), self.gone]
        return known[number % len(known)]

    def operator(self, task: Task, desired: Desired) -> CreateDataflowOperator:
        from airflow.sdk import DAG

        with DAG(task.dag_id, schedule=None):
            return CreateDataflowOperator(
                task_id="create",
                name=desired.name,
                source_connection_id=self.sources[desired.ends],
                target_connection_id=self.target,
                mapping_set=self.mapping,
                schedule=self.schedule(desired, "start"),
                delta_column=None if desired.frequency == "once" else "Create_Time",
                if_exists=desired.if_exists,
            )

    def context(self, task: Task, kind: str, *, first: bool = True) -> dict[str, Any]:
        one = context(self.stores[task, kind], run_id=task.run_id, map_index=task.map_index)
        tries = one["ti"].max_tries = self.max_tries[task, kind]
        one["ti"].try_number, one["ti"].task = tries + 1 - first, SimpleNamespace(retries=1)
        return one

    def schedule(self, desired: Desired, start: str) -> dict[str, Any]:
        recurs = {"interval": 1} if desired.frequency == "day" else {}
        return {"frequency": desired.frequency, start: int(self.model.now + LEAD), **recurs}

    def made_by_hand(self, desired: Desired) -> Flow:
        copies = [{"name": "Copy", "params": {"deltaColumn": {"name": "Create_Time"}}}]
        mapping = {"name": "Mapping", "params": {"mappingId": self.mapping, "mappingVersion": 0}}
        body = {
            "name": desired.name,
            "flowSpec": spec(CRM),
            "sourceConnectionIds": [self.sources[desired.ends]],
            "targetConnectionIds": [self.target],
            "transformations": [*(copies if desired.frequency == "day" else []), mapping],
            "scheduleParams": self.schedule(desired, "startTime"),
        }
        made = self.path.flow(body)
        self.known.add(made)
        return Flow(made, desired.name, desired.ends, desired.frequency, None, start=self.model.now + LEAD)


@FORMS
def test_as_the_model_says(harness: ModelHarness, figure: KeepFigure, share: int) -> None:
    """Whatever came before and whatever disturbs it: no dataflow twice, and no run for one that was asked."""
    compare_with_model(lambda: Dataflows(harness), share, harness, figure, "dataflow")
