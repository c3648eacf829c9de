"""Random sequences of what tasks and people do to base connections, each step compared with a model."""

from __future__ import annotations

from collections.abc import Callable
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
from airflow_provider_aep.operators.connections import (
    CreateBaseConnectionOperator,
    DeleteConnectionOperator,
    RotateCredentialsOperator,
    TestConnectionOperator,
)
from tests.harness.connections import SetConnection
from tests.harness.emulator import PAYPAL_ID, PAYPAL_SECRET
from tests.harness.figures import KeepFigure
from tests.harness.models.connection_model import (
    FAULTS,
    KILLS,
    NEW,
    RIVALS,
    Connection,
    Model,
    Order,
    Task,
    theirs,
)
from tests.harness.models.disturbances import Disturbance, Killed, draw, places
from tests.harness.models.stage import SANDBOXES, Stage, stage, tell
from tests.harness.operators import Store, context

__all__ = ["stage"]

CREDENTIALS = {True: PAYPAL_SECRET, False: "expired"}
TASKS = [Task("first", "r1", -1), Task("first", "r1", 0), Task("first", "r2", -1), Task("second", "r1", -1)]
A_LEFTOVER = "[airflow:third.create 0123abcd]"
BY_HAND = ["", "Made by hand", f"As {A_LEFTOVER}, by hand", "[airflow:third.create]"]
"""Descriptions of what no task made, however they look."""
DESCRIPTIONS = [*BY_HAND, A_LEFTOVER, f"For finance {A_LEFTOVER}", *(task.mark for task in TASKS)]

names = st.sampled_from(["Payments", "Payments", "Zahlungen, 'a'=1"])
sandboxes = st.sampled_from(["prod", "prod", "dev"])
DISTURBANCES = [*FAULTS, *RIVALS, *KILLS]
astray = st.sampled_from([False] * 5 + [True])
picks = st.integers(0, 5)


class BaseConnections(RuleBasedStateMachine):
    """Tasks of two DAGs and a few people, at a few names in two sandboxes."""

    sequences = steps = 0

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.model = Model()
        self.known: set[str] = set()
        self.gone = "never-there"
        self.disturbance: Disturbance = None
        self.orders: dict[Task, Order] = {}
        self.stores = {task: Store() for task in TASKS}
        self.max_tries = dict.fromkeys(TASKS, 2)
        stage.reset()
        type(self).sequences += 1

    @initialize(found=st.lists(st.tuples(st.sampled_from(DESCRIPTIONS), st.booleans()), max_size=3))
    def begin(self, found: list[tuple[str, bool]]) -> None:
        """Nobody begins on an empty platform."""
        for description, right in found:
            self.appear("prod", "Payments", description, right)

    # What tasks do

    @rule(
        task=st.sampled_from(TASKS),
        order=st.builds(
            Order,
            sandbox=sandboxes,
            name=names,
            if_exists=st.sampled_from(["reuse", "update", "fail"]),
            marked=st.sampled_from([True, True, True, False]),
            description=st.sampled_from(["", "For finance"]),
            right=st.booleans(),
        ),
        data=st.data(),
    )
    def create(self, task: Task, order: Order, data: st.DataObject) -> None:
        self.orders[task] = order
        tries, memory = self.max_tries[task], self.model.remembered(task, order, self.max_tries[task])
        got = self.step(
            lambda: self.operator(task, order).execute(self.context(task)),
            lambda model, disturbance: model.create(task, order, tries, disturbance),
            order.sandbox,
            data,
            about=memory,
            name=order.name,
        )
        if self.disturbance is None and memory is None and isinstance(got, str):
            same = [c for c in self.model.standing if (c.sandbox, c.name) == (order.sandbox, order.name)]
            assert not [c for c in same if c.mark and not c.used and c.id != got], "a leftover stayed"

    @precondition(lambda self: self.orders)
    @rule(pick=picks, cleared=st.booleans(), data=st.data())
    def again(self, pick: int, cleared: bool, data: st.DataObject) -> None:
        """Airflow runs a task once more: a retry, or because somebody cleared it."""
        task = list(self.orders)[pick % len(self.orders)]
        self.max_tries[task] += cleared
        self.create(task, self.orders[task], data)

    @rule(pick=picks, astray=astray, right=st.booleans(), data=st.data())
    def rotate(self, pick: int, astray: bool, right: bool, data: st.DataObject) -> None:
        one, sandbox = self.pick(pick, astray)
        operator = RotateCredentialsOperator(
            task_id="rotate", connection_id=one, source_conn_id=f"paypal_{right}", sandbox=sandbox
        )
        self.step(
            lambda: operator.execute(context()),
            lambda model, disturbance: model.rotate(one, sandbox, right, disturbance),
            sandbox,
            data,
            about=one,
        )

    @rule(pick=picks, astray=astray, missing_ok=st.booleans(), data=st.data())
    def delete(self, pick: int, astray: bool, missing_ok: bool, data: st.DataObject) -> None:
        one, sandbox = self.pick(pick, astray)
        operator = DeleteConnectionOperator(
            task_id="delete", connection_id=one, missing_ok=missing_ok, sandbox=sandbox
        )
        self.step(
            lambda: operator.execute(context()),
            lambda model, disturbance: model.delete(one, sandbox, missing_ok, disturbance),
            sandbox,
            data,
            about=one,
        )

    @rule(pick=picks)
    def try_it(self, pick: int) -> None:
        one, sandbox = self.pick(pick)
        operator = TestConnectionOperator(task_id="test", connection_id=one, sandbox=sandbox)
        self.step(lambda: operator.execute(context()), lambda model, _: model.test(one, sandbox), sandbox)

    # What people do, and what tasks that died have left

    @rule(
        sandbox=sandboxes,
        name=names,
        description=st.sampled_from(DESCRIPTIONS),
        right=st.booleans(),
    )
    def appear(self, sandbox: str, name: str, description: str, right: bool) -> None:
        self.model.standing.append(self.made_by_hand(sandbox, name, description, right))

    @rule(pick=picks, what=st.sampled_from(["deletes", "uses", "describes", "rotates", "switches"]))
    def somebody(self, pick: int, what: str) -> None:
        picked, sandbox = self.pick(pick)
        self.by_hand(sandbox, picked, what)
        one = self.model.find(picked, sandbox)
        if one is None:
            return
        if what == "deletes" and not one.used:
            self.model.standing.remove(one)
        changes: dict[str, dict[str, Any]] = {
            "uses": {"used": True},
            "describes": {"description": theirs(one.description)},
            "rotates": {"right": not one.right},
            "switches": {"enabled": not one.enabled},
        }
        if what in changes:
            self.model.change(one, **changes[what])

    # How

    def step(
        self,
        really: Callable[[], Any],
        as_modelled: Callable[[Model, Disturbance], Any],
        sandbox: str,
        data: st.DataObject | None = None,
        *,
        about: str | None = None,
        name: str = "",
    ) -> Any:
        """Do it, tell the model, and compare what both say."""
        type(self).steps += 1
        self.model.rival = None
        self.disturbance = None if data is None else draw(data, places(self.model, as_modelled), DISTURBANCES)

        def meanwhile(what: str, id: str) -> None:
            if what in ("creates", "leaves one of ours"):
                description = "By hand" if what == "creates" else A_LEFTOVER
                self.model.rival = self.made_by_hand(sandbox, name, description, right=False)
            else:
                self.by_hand(sandbox, id, what)

        got = self.stage.run(really, sandbox, self.disturbance, about=about, meanwhile=meanwhile)
        try:
            expected = as_modelled(self.model, self.disturbance)
        except (AepError, Killed) as error:
            expected = error
        standing = self.look()
        for one in standing:
            if one.id not in self.known:
                self.known.add(one.id)
                expected = one.id if expected == NEW else expected
                self.model.name_the_new(one.id)
        assert standing == sorted(self.model.standing, key=lambda one: SANDBOXES.index(one.sandbox))
        if isinstance(expected, BaseException):
            assert type(got) is type(expected), f"{got!r} instead of {expected!r}"
        else:
            assert got == expected
        return got

    def pick(self, number: int, astray: bool = False) -> tuple[str, str]:
        """An id that stands, or one that does not, and its sandbox or the other one."""
        known = [(one.id, one.sandbox) for one in self.model.standing] + [(self.gone, "prod")]
        picked, sandbox = known[number % len(known)]
        return picked, sandbox if not astray else SANDBOXES[1 - SANDBOXES.index(sandbox)]

    def operator(self, task: Task, order: Order) -> CreateBaseConnectionOperator:
        from airflow.sdk import DAG

        with DAG(task.dag_id, schedule=None):
            return CreateBaseConnectionOperator(
                task_id="create",
                name=order.name,
                source_conn_id=f"paypal_{order.right}",
                description=order.description,
                if_exists=order.if_exists,
                mark=order.marked,
                sandbox=order.sandbox,
            )

    def context(self, task: Task) -> dict[str, Any]:
        one = context(self.stores[task], run_id=task.run_id, map_index=task.map_index)
        one["ti"].max_tries = self.max_tries[task]
        return one

    def made_by_hand(self, sandbox: str, name: str, description: str, right: bool) -> Connection:
        body = {"description": description} if description else {}
        reply = self.stage.hands[sandbox].create(name, secret=CREDENTIALS[right], **body)
        made = reply.json()["id"]
        self.known.add(made)
        return Connection(made, sandbox, name, description, right)

    def by_hand(self, sandbox: str, id: str, what: str) -> None:
        api = self.stage.hands[sandbox]
        found = api("GET", f"/connections/{id}")
        if not found.ok:
            return
        (item,) = found.json()["items"]
        if what == "uses":
            api.create_source(id).raise_for_status()
        elif what == "deletes":
            if api("DELETE", f"/connections/{id}").ok:
                self.gone = id
        else:
            works = api("GET", f"/connections/{id}/test").json()["result"]
            path, value = {
                "describes": ("/description", theirs(item.get("description", ""))),
                "rotates": ("/auth/params/clientSecret", CREDENTIALS[not works]),
                "switches": ("/state", "disabled" if item["state"] == "enabled" else "enabled"),
            }[what]
            change = [{"op": "add", "path": path, "value": value}]
            api(
                "PATCH", f"/connections/{id}", json=change, headers={"If-Match": item["etag"]}
            ).raise_for_status()

    def look(self) -> list[Connection]:
        """What stands, as somebody sees it who knows nothing of this project."""
        found = []
        for sandbox, api in self.stage.hands.items():
            items = api("GET", "/connections", params={"limit": 100}).json()["items"]
            sources = api("GET", "/sourceConnections", params={"limit": 100}).json()["items"]
            used = {source["baseConnectionId"] for source in sources}
            for item in sorted(items, key=lambda item: item["createdAt"]):
                works = api("GET", f"/connections/{item['id']}/test").json()["result"]
                found.append(
                    Connection(
                        item["id"],
                        sandbox,
                        item["name"],
                        item.get("description", ""),
                        works,
                        item["id"] in used,
                        item["state"] == "enabled",
                    )
                )
        return found


def test_as_the_model_says(stage: Stage, set_connection: SetConnection, figure: KeepFigure) -> None:
    """Whatever came before and whatever disturbs it: each step leaves, returns and raises what it must."""
    for right, secret in CREDENTIALS.items():
        set_connection(f"paypal_{right}", conn_type="paypal", login=PAYPAL_ID, password=secret)
    bounds = settings(max_examples=settings.default.max_examples // 3, stateful_step_count=25)
    run_state_machine_as_test(lambda: BaseConnections(stage), settings=bounds)
    tell(figure, "base-connection", BaseConnections, stage)
