"""Random sequences of what tasks and people do to base connections, each step compared with a model.

The model says once more, and simply, what each step does: no requests, only what exists. A step of the model
changes that and returns the id, or raises the error, that the operator must.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from airflow_provider_aep.flow_service import errors
from airflow_provider_aep.flow_service.errors import AepError
from airflow_provider_aep.operators.connections import (
    CreateBaseConnectionOperator,
    DeleteConnectionOperator,
    RotateCredentialsOperator,
    TestConnectionOperator,
)
from tests.harness.connections import SetConnection
from tests.harness.emulator import PAYPAL_ID, PAYPAL_SECRET
from tests.harness.faults import AFTER, NO_ID, RETRY_LATE
from tests.harness.figures import KeepFigure
from tests.harness.model_harness import (
    DENIED,
    FORMS,
    MARK,
    NEW,
    SANDBOXES,
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

__all__ = ["harness"]

LIST, POST, READ = "GET /connections", "POST /connections", "GET /connections/{id}"
PATCH, DELETE, DEPENDANTS = "PATCH ", "DELETE ", "GET /sourceConnections"
UNCHANGEABLE = {"type": "https://ns.adobe.com/aep/errors/FLOW-1300-400", "errorMessage": "not supported"}
FAULTS = [
    *healed(LIST),
    refused(LIST, 403, DENIED, "create"),
    refused(LIST, 503, errors.AepServerError, "create", times=4),
    FailedRequest(LIST, {"status": 403, "body": {}}, {"second list": DENIED}, spared=1),
    *healed(POST, NO_ID, {**RETRY_LATE, **AFTER}),
    refused(POST, 403, DENIED, "create"),
    refused(POST, 400, errors.AepRequestError, "create"),
    refused(POST, 404, errors.AepNotFoundError, "create"),
    refused(POST, 500, errors.AepServerError, "create", times=3),
    FailedRequest(POST, RETRY_LATE, {"create": errors.AepThrottledError}),
    *healed(READ),
    refused(READ, 404, errors.AepNotFoundError, "rotate"),
    refused(READ, 403, DENIED, "remember", "rotate"),
    *healed(PATCH),
    refused(PATCH, 412, errors.AepVersionError),
    refused(PATCH, 412, errors.AepVersionError, "rotate", times=2),
    refused(PATCH, 404, errors.AepNotFoundError, "rotate"),
    refused(PATCH, 403, DENIED, "create", "rotate"),
    refused(PATCH, 400, errors.ChangeUnsupportedError, "create", "rotate", body=UNCHANGEABLE),
    *healed(DELETE),
    refused(DELETE, 403, DENIED, "create", "delete"),
    refused(DELETE, 404, errors.AepNotFoundError, "delete"),
    *healed(DEPENDANTS),
    refused(DEPENDANTS, 403, DENIED, "create", "delete"),
]
RIVALS = [
    Meanwhile(POST, "creates"),
    Meanwhile(POST, "leaves one of ours"),
    Meanwhile(POST, "creates", after=True),
    *[Meanwhile(PATCH, what) for what in ("deletes", "describes", "rotates")],
    *[Meanwhile(DELETE, what) for what in ("deletes", "uses")],
]
KILLS = [Kill(at, after) for at in (LIST, POST, PATCH, DELETE) for after in (False, True)]


@dataclass(frozen=True)
class Connection:
    """A base connection; `right` says whether its credentials are, `used` whether something depends on it."""

    id: str
    sandbox: str
    name: str
    description: str
    right: bool
    used: bool = False
    enabled: bool = True

    @property
    def mark(self) -> str | None:
        found = MARK.search(self.description)
        return found.group() if found else None


@dataclass(frozen=True)
class Desired:
    """What a create is to make."""

    sandbox: str
    name: str
    if_exists: str
    marked: bool
    description: str
    right: bool


class Model:
    """All connections, oldest first, and what each task remembers."""

    def __init__(self) -> None:
        self.existing: list[Connection] = []
        self.memory: dict[Task, tuple[Desired, int, str]] = {}
        self.rival: Connection | None = None

    def find(self, id: str, sandbox: str) -> Connection | None:
        return next((one for one in self.existing if (one.id, one.sandbox) == (id, sandbox)), None)

    def change(self, one: Connection, **changes: object) -> Connection:
        changed = replace(one, **changes)  # type: ignore[arg-type]
        self.existing[self.existing.index(one)] = changed
        return changed

    def remembered(self, task: Task, desired: Desired, max_tries: int) -> str | None:
        """What an earlier try of the same created, unless the task was cleared since."""
        about, tries, known = self.memory.get(task, (desired, -1, ""))
        same = (about.sandbox, about.name, tries) == (desired.sandbox, desired.name, max_tries)
        return known if same else None

    def name_the_new(self, id: str) -> None:
        """Tell the id of what the last step made."""
        self.existing = [replace(one, id=id) if one.id == NEW else one for one in self.existing]
        for task, (desired, tries, known) in self.memory.items():
            self.memory[task] = (desired, tries, id if known == NEW else known)

    # The steps

    def create(self, task: Task, desired: Desired, max_tries: int, disturbance: Disturbance) -> str:
        if (remembered := self.remembered(task, desired, max_tries)) is not None:
            stop(disturbance, READ, "remember")
            known = self.find(remembered, desired.sandbox)
            read = at_place(disturbance, FailedRequest, READ)
            hidden = read is not None and "rotate" in read.errors
            if known and known.enabled and not hidden:
                return known.id
        made = self._listed(task, desired, disturbance)
        fault = at_place(disturbance, FailedRequest, POST)
        anybodys = fault is not None and fault.has_effect and not desired.marked
        if made == NEW and not anybodys:
            self.memory[task] = (desired, max_tries, made)
        return made

    def _listed(self, task: Task, desired: Desired, disturbance: Disturbance) -> str:
        die(disturbance, LIST, after=False)
        stop(disturbance, LIST, "create")
        die(disturbance, LIST, after=True)
        same = [one for one in self.existing if (one.sandbox, one.name) == (desired.sandbox, desired.name)]
        if not same:
            return self._posted(task, desired, disturbance)
        return self._adopted(task, desired, self._cleaned(same, disturbance), disturbance)

    def _posted(self, task: Task, desired: Desired, disturbance: Disturbance) -> str:
        die(disturbance, POST, after=False)
        stop(disturbance, POST, "create")
        meanwhile = at_place(disturbance, Meanwhile, POST)
        if meanwhile and not meanwhile.after:
            return self._adopted(task, desired, self._enter_rival(), None)
        description = _joined(desired.description, task.mark if desired.marked else None)
        self.existing.append(Connection(NEW, desired.sandbox, desired.name, description, desired.right))
        if meanwhile:
            self._enter_rival()
        die(disturbance, POST, after=True)
        fault = at_place(disturbance, FailedRequest, POST)
        if fault and fault.has_effect and not desired.marked and desired.if_exists == "fail":
            raise errors.EntityExistsError("without a mark it could be anybody's")
        stop(disturbance, LIST, "second list")
        return NEW

    def _enter_rival(self) -> Connection:
        assert self.rival is not None, "no POST was sent"
        self.existing.append(self.rival)
        return self.rival

    def _cleaned(self, same: list[Connection], disturbance: Disturbance) -> Connection:
        """The oldest, when the leftovers of ours are gone."""
        oldest, *younger = same
        if any(not one.enabled and (one is oldest or one.mark is None) for one in same):
            raise errors.EntityStateError("disabled")
        if younger:
            stop(disturbance, LIST, "second list")
        dependants = at_place(disturbance, FailedRequest, DEPENDANTS)
        blind = dependants is not None and bool(dependants.errors)
        removable = [one for one in younger if one.mark is not None and not one.used and not blind]
        left = [one for one in younger if one not in removable]
        for number, one in enumerate(removable):
            if not self._delete(one, None if number else disturbance):
                left.append(one)
        if left and oldest.mark is None:
            raise errors.AmbiguousEntityError("which is meant?")
        return oldest

    def _delete(self, one: Connection, disturbance: Disturbance) -> bool:
        """Whether it counts as gone; one that is not to be seen does, too."""
        die(disturbance, DELETE, after=False)
        if (fault := at_place(disturbance, FailedRequest, DELETE)) and fault.errors:
            return "create" not in fault.errors
        if (meanwhile := at_place(disturbance, Meanwhile, DELETE)) and meanwhile.what == "uses":
            self.change(one, used=True)
            return False
        self.existing.remove(one)
        die(disturbance, DELETE, after=True)
        return True

    def _adopted(self, task: Task, desired: Desired, one: Connection, disturbance: Disturbance) -> str:
        if desired.if_exists == "fail" and (not desired.marked or one.mark != task.mark):
            raise errors.EntityExistsError("it exists already")
        if desired.if_exists != "update":
            return one.id
        found = self._before_patch(one, disturbance, "create")
        if found is None:
            return self._listed(task, desired, None)
        description = found.description
        if desired.description:
            description = _joined(desired.description, found.mark)
        self.change(found, right=desired.right, description=description)
        die(disturbance, PATCH, after=True)
        return found.id

    def _before_patch(self, one: Connection, disturbance: Disturbance, step: str) -> Connection | None:
        """The connection as the PATCH finds it."""
        die(disturbance, PATCH, after=False)
        stop(disturbance, PATCH, step)
        meanwhile = at_place(disturbance, Meanwhile, PATCH)
        if meanwhile and meanwhile.what == "deletes" and not one.used:
            self.existing.remove(one)
            return None
        if meanwhile and meanwhile.what == "describes":
            return self.change(one, description=theirs(one.description))
        if meanwhile and meanwhile.what == "rotates":
            return self.change(one, right=not one.right)
        return one

    def rotate(self, id: str, sandbox: str, right: bool, disturbance: Disturbance) -> str:
        stop(disturbance, READ, "rotate")
        one = self.find(id, sandbox)
        if one is None:
            raise errors.AepNotFoundError("it is missing")
        found = self._before_patch(one, disturbance, "rotate")
        if found is None:
            raise errors.AepNotFoundError("it is gone")
        if (meanwhile := at_place(disturbance, Meanwhile, PATCH)) and meanwhile.what == "rotates":
            raise errors.EntityChangedError("somebody else did")
        self.change(found, right=right)
        die(disturbance, PATCH, after=True)
        if not right:
            raise errors.CredentialsRefusedError("the source refuses them")
        return id

    def delete(self, id: str, sandbox: str, missing_ok: bool, disturbance: Disturbance) -> None:
        stop(disturbance, DEPENDANTS, "delete")
        one = self.find(id, sandbox)
        if one is not None and one.used:
            raise errors.EntityInUseError("something depends on it")
        die(disturbance, DELETE, after=False)
        fault = at_place(disturbance, FailedRequest, DELETE)
        hidden = fault is not None and fault.errors.get("delete") is errors.AepNotFoundError
        if not hidden:
            stop(fault, DELETE, "delete")
        meanwhile = at_place(disturbance, Meanwhile, DELETE)
        if one is not None and meanwhile and meanwhile.what == "uses":
            self.change(one, used=True)
            raise errors.EntityInUseError("something depends on it now")
        if one is not None and not hidden:
            self.existing.remove(one)
        die(disturbance, DELETE, after=True)
        found = one is not None and not hidden and meanwhile is None
        lost = fault is not None and not hidden and fault.how.get("status") != 401
        if not (found or lost or missing_ok):
            raise errors.AepNotFoundError("it is missing")

    def test(self, id: str, sandbox: str) -> bool:
        one = self.find(id, sandbox)
        if one is None:
            raise errors.AepNotFoundError("it is missing")
        if not one.right:
            raise errors.CredentialsRefusedError("the source refuses them")
        return True


def theirs(description: str) -> str:
    """What somebody else makes of a description: always another one."""
    return "More words" if description == "Other words" else "Other words"


def _joined(description: str, mark: str | None) -> str:
    return " ".join(part for part in (description, mark) if part)


# The sequences

CREDENTIALS = {True: PAYPAL_SECRET, False: "expired"}
TASKS = [Task("first", "r1", -1), Task("first", "r1", 0), Task("first", "r2", -1), Task("second", "r1", -1)]
A_LEFTOVER = "[airflow:third.create 0123abcd]"
BY_HAND = ["", "Made by hand", f"As {A_LEFTOVER}, by hand", "[airflow:third.create]"]
"""Descriptions of what no task made, even if they seem to bear a mark."""
DESCRIPTIONS = [*BY_HAND, A_LEFTOVER, f"For finance {A_LEFTOVER}", *(task.mark for task in TASKS)]

names = st.sampled_from(["Payments", "Payments", "Zahlungen, 'a'=1"])
sandboxes = st.sampled_from(["prod", "prod", "dev"])
DISTURBANCES = [*FAULTS, *RIVALS, *KILLS]
astray = st.sampled_from([False] * 5 + [True])
picks = st.integers(0, 5)


class BaseConnections(RuleBasedStateMachine):
    """Tasks of two DAGs and a few people, at a few names in two sandboxes."""

    def __init__(self, harness: ModelHarness) -> None:
        super().__init__()
        self.steps = 0
        self.harness = harness
        self.model = Model()
        self.known: set[str] = set()
        self.gone = "never-there"
        self.disturbance: Disturbance = None
        self.desires: dict[Task, Desired] = {}
        self.stores = {task: Store() for task in TASKS}
        self.max_tries = dict.fromkeys(TASKS, 2)
        harness.reset()

    @initialize(found=st.lists(st.tuples(st.sampled_from(DESCRIPTIONS), st.booleans()), max_size=3))
    def begin(self, found: list[tuple[str, bool]]) -> None:
        """Nobody begins on an empty platform."""
        for description, right in found:
            self.appear("prod", "Payments", description, right)

    # What tasks do

    @rule(
        task=st.sampled_from(TASKS),
        desired=st.builds(
            Desired,
            sandbox=sandboxes,
            name=names,
            if_exists=st.sampled_from(["reuse", "update", "fail"]),
            marked=st.sampled_from([True, True, True, False]),
            description=st.sampled_from(["", "For finance"]),
            right=st.booleans(),
        ),
        data=st.data(),
    )
    def create(self, task: Task, desired: Desired, data: st.DataObject) -> None:
        self.desires[task] = desired
        tries, memory = self.max_tries[task], self.model.remembered(task, desired, self.max_tries[task])
        got = self.step(
            lambda: self.operator(task, desired).execute(self.context(task)),
            lambda model, disturbance: model.create(task, desired, tries, disturbance),
            desired.sandbox,
            data,
            about=memory,
            name=desired.name,
        )
        if self.disturbance is None and memory is None and isinstance(got, str):
            same = [c for c in self.model.existing if (c.sandbox, c.name) == (desired.sandbox, desired.name)]
            assert not [c for c in same if c.mark and not c.used and c.id != got], "a leftover stayed"

    @precondition(lambda self: self.desires)
    @rule(pick=picks, cleared=st.booleans(), data=st.data())
    def again(self, pick: int, cleared: bool, data: st.DataObject) -> None:
        """Airflow runs a task once more: a retry, or because somebody cleared it."""
        task = list(self.desires)[pick % len(self.desires)]
        self.max_tries[task] += cleared
        self.create(task, self.desires[task], data)

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
        self.model.existing.append(self.made_by_hand(sandbox, name, description, right))

    @rule(pick=picks, what=st.sampled_from(["deletes", "uses", "describes", "rotates", "switches"]))
    def somebody(self, pick: int, what: str) -> None:
        picked, sandbox = self.pick(pick)
        self.by_hand(sandbox, picked, what)
        one = self.model.find(picked, sandbox)
        if one is None:
            return
        if what == "deletes" and not one.used:
            self.model.existing.remove(one)
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
        self.steps += 1
        self.model.rival = None
        self.disturbance = None if data is None else draw(data, places(self.model, as_modelled), DISTURBANCES)

        def meanwhile(what: str, id: str) -> None:
            if what in ("creates", "leaves one of ours"):
                description = "By hand" if what == "creates" else A_LEFTOVER
                self.model.rival = self.made_by_hand(sandbox, name, description, right=False)
            else:
                self.by_hand(sandbox, id, what)

        got = self.harness.run(really, sandbox, self.disturbance, about=about, meanwhile=meanwhile)
        try:
            expected = as_modelled(self.model, self.disturbance)
        except (AepError, Killed) as error:
            expected = error
        existing = self.existing_now()
        for one in existing:
            if one.id not in self.known:
                self.known.add(one.id)
                expected = one.id if expected == NEW else expected
                self.model.name_the_new(one.id)
        assert existing == sorted(self.model.existing, key=lambda one: SANDBOXES.index(one.sandbox))
        if isinstance(expected, BaseException):
            assert type(got) is type(expected), f"{got!r} instead of {expected!r}"
        else:
            assert got == expected
        return got

    def pick(self, number: int, astray: bool = False) -> tuple[str, str]:
        """Return the id of one that exists, or of none, and its sandbox or the other sandbox."""
        known = [(one.id, one.sandbox) for one in self.model.existing] + [(self.gone, "prod")]
        picked, sandbox = known[number % len(known)]
        return picked, sandbox if not astray else SANDBOXES[1 - SANDBOXES.index(sandbox)]

    def operator(self, task: Task, desired: Desired) -> CreateBaseConnectionOperator:
        from airflow.sdk import DAG

        with DAG(task.dag_id, schedule=None):
            return CreateBaseConnectionOperator(
                task_id="create",
                name=desired.name,
                source_conn_id=f"paypal_{desired.right}",
                description=desired.description,
                if_exists=desired.if_exists,
                mark=desired.marked,
                sandbox=desired.sandbox,
            )

    def context(self, task: Task) -> dict[str, Any]:
        one = context(self.stores[task], run_id=task.run_id, map_index=task.map_index)
        most = one["ti"].max_tries = self.max_tries[task]
        one["ti"].try_number = min(one["ti"].try_number, most)  # Airflow can retry each of them
        return one

    def made_by_hand(self, sandbox: str, name: str, description: str, right: bool) -> Connection:
        body = {"description": description} if description else {}
        reply = self.harness.apis[sandbox].create(name, secret=CREDENTIALS[right], **body)
        made = reply.json()["id"]
        self.known.add(made)
        return Connection(made, sandbox, name, description, right)

    def by_hand(self, sandbox: str, id: str, what: str) -> None:
        api = self.harness.apis[sandbox]
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

    def existing_now(self) -> list[Connection]:
        """Return all connections, as a client lists them that knows nothing of this project."""
        found = []
        for sandbox, api in self.harness.apis.items():
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


@FORMS
def test_as_the_model_says(
    harness: ModelHarness, set_connection: SetConnection, figure: KeepFigure, share: int
) -> None:
    """Whatever came before and whatever disturbs it: each step leaves, returns and raises what it must."""
    for right, secret in CREDENTIALS.items():
        set_connection(f"paypal_{right}", conn_type="paypal", login=PAYPAL_ID, password=secret)
    compare_with_model(lambda: BaseConnections(harness), share, harness, figure, "base-connection")
