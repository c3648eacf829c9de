"""Random sequences of what tasks, people and time do to dataflows, each step compared with a model."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.operators.dataflows import (
    CreateDataflowOperator,
    DeleteDataflowOperator,
    DisableDataflowOperator,
    EnableDataflowOperator,
    RetryFlowRunOperator,
    RunDataflowOperator,
)
from tests.harness.figures import KeepFigure
from tests.harness.models.connection_model import MARK, NEW, Task
from tests.harness.models.dataflow_disturbances import FAULTS, KILLS, RIVALS
from tests.harness.models.dataflow_model import LEAD, Flow, Model, Order, Run
from tests.harness.models.disturbances import Disturbance, Killed, draw, places
from tests.harness.models.stage import Stage, stage, tell
from tests.harness.operators import Store, context
from tests.harness.platform import CRM, Platform, spec

__all__ = ["stage"]

TASKS = [Task("first", "r1", -1), Task("second", "r1", -1)]
DISTURBANCES = [*FAULTS, *RIVALS, *KILLS]
FIRST_WINDOW, WINDOW = 1_700_000_000, 100_000_000
SWITCHES = {"enable": EnableDataflowOperator, "disable": DisableDataflowOperator}

orders = st.builds(
    Order,
    name=st.sampled_from(["Products", "Products", "Produkte, 'a'=1"]),
    ends=st.sampled_from([0, 0, 0, 1]),
    frequency=st.sampled_from(["once", "once", "day"]),
    if_exists=st.sampled_from(["reuse", "reuse", "fail"]),
)
tasks = st.sampled_from(TASKS)
picks = st.integers(0, 5)


class Dataflows(RuleBasedStateMachine):
    """Tasks of two DAGs, and somebody, at dataflows of two names; the clock goes when it is told to."""

    sequences = steps = 0

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        type(self).sequences += 1
        self.stage = stage
        stage.reset()
        self.path = Platform(stage.emulator)
        self.path.stop_clock()
        self.model = Model(float(self.path.now()))
        base, schema = self.path.base(), self.path.schema()
        self.target = self.path.target(schema, self.path.dataset(schema))
        self.sources = [self.path.source(base), self.path.source(base)]
        self.mapping = self.path.mapping(schema)
        self.known: set[str] = set()
        self.gone = "never-there"
        self.orders: dict[Task, Order] = {}
        self.starts: dict[Task, tuple[str, int] | str] = {}
        self.stores = {(task, kind): Store() for task in TASKS for kind in ("create", "start")}
        self.max_tries = dict.fromkeys(self.stores, 2)

    @initialize(order=orders)
    def begin(self, order: Order) -> None:
        """Somebody made one already."""
        self.appear(order)

    # What tasks do

    @rule(task=tasks, order=orders, data=st.data())
    def create(self, task: Task, order: Order, data: st.DataObject) -> None:
        self.orders[task] = order
        tries = self.max_tries[task, "create"]
        self.step(
            lambda: self.operator(task, order).execute(self.context(task, "create")),
            lambda model, disturbance: model.create(task, order, tries, disturbance),
            data,
            about=self.model.remembered(task, order, tries),
            rival=order,
        )

    @precondition(lambda self: self.orders)
    @rule(pick=picks, cleared=st.booleans(), data=st.data())
    def create_again(self, pick: int, cleared: bool, data: st.DataObject) -> None:
        task = list(self.orders)[pick % len(self.orders)]
        self.max_tries[task, "create"] += cleared
        self.create(task, self.orders[task], data)

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

    @rule(order=orders)
    def appear(self, order: Order) -> None:
        self.model.start_new(self.made_by_hand(order))

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
        self.stage.emulator.control("POST", f"runs/{run.id}", {"status": "failed"})
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
        rival: Order | None = None,
    ) -> None:
        """Do it, tell the model, and compare what both say."""
        type(self).steps += 1
        self.model.rival = None
        disturbance = draw(data, places(self.model, as_modelled), DISTURBANCES)

        def meanwhile(*_: str) -> None:
            assert rival is not None
            self.model.rival = self.made_by_hand(rival)

        got = self.stage.run(really, "prod", disturbance, about=about, meanwhile=meanwhile)
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
        """Compare what stands and what has run with the model, which learns the ids of what is new."""
        flows, runs = self.look()
        fresh = [one.id for one in flows if one.id not in self.known]
        fresh += self.model.name_the_new(fresh, {flow: [run.id for run in of] for flow, of in runs.items()})
        self.known.update(fresh)
        assert flows == self.model.flows
        for flow_id in {run.flow_id for run in self.model.runs} | set(runs):
            assert runs.get(flow_id, []) == self.model.runs_of(flow_id)
        return fresh

    def look(self) -> tuple[list[Flow], dict[str, list[Run]]]:
        """All flows and the runs of each, as somebody sees them who knows nothing of this project."""
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
        """A flow that stands, or one that does not."""
        known = [*(one.id for one in self.model.flows), self.gone]
        return known[number % len(known)]

    def operator(self, task: Task, order: Order) -> CreateDataflowOperator:
        from airflow.sdk import DAG

        with DAG(task.dag_id, schedule=None):
            return CreateDataflowOperator(
                task_id="create",
                name=order.name,
                source_connection_id=self.sources[order.ends],
                target_connection_id=self.target,
                mapping_set=self.mapping,
                schedule=self.schedule(order, "start"),
                delta_column=None if order.frequency == "once" else "Create_Time",
                if_exists=order.if_exists,
            )

    def context(self, task: Task, kind: str, *, first: bool = True) -> dict[str, Any]:
        one = context(self.stores[task, kind], run_id=task.run_id, map_index=task.map_index)
        tries = one["ti"].max_tries = self.max_tries[task, kind]
        one["ti"].try_number, one["ti"].task = tries + 2 - first, SimpleNamespace(retries=0)
        return one

    def schedule(self, order: Order, start: str) -> dict[str, Any]:
        recurs = {"interval": 1} if order.frequency == "day" else {}
        return {"frequency": order.frequency, start: int(self.model.now + LEAD), **recurs}

    def made_by_hand(self, order: Order) -> Flow:
        copies = [{"name": "Copy", "params": {"deltaColumn": {"name": "Create_Time"}}}]
        mapping = {"name": "Mapping", "params": {"mappingId": self.mapping, "mappingVersion": 0}}
        body = {
            "name": order.name,
            "flowSpec": spec(CRM),
            "sourceConnectionIds": [self.sources[order.ends]],
            "targetConnectionIds": [self.target],
            "transformations": [*(copies if order.frequency == "day" else []), mapping],
            "scheduleParams": self.schedule(order, "startTime"),
        }
        made = self.path.flow(body)
        self.known.add(made)
        return Flow(made, order.name, order.ends, order.frequency, None, start=self.model.now + LEAD)


def test_as_the_model_says(stage: Stage, figure: KeepFigure) -> None:
    """Whatever came before and whatever disturbs it: no dataflow twice, and no run for one that was asked."""
    bounds = settings(max_examples=settings.default.max_examples // 4, stateful_step_count=25)
    run_state_machine_as_test(lambda: Dataflows(stage), settings=bounds)
    tell(figure, "dataflow", Dataflows, stage)
