"""What each step makes of the base connections, said once more and simply: no requests, only what stands.

A step of the model changes what stands and returns the id, or raises the error, that the operator must.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from hashlib import sha256

from airflow_provider_aep.flow_service import errors
from tests.harness.models.disturbances import (
    DENIED,
    HOUR,
    Disturbance,
    Fault,
    Kill,
    Meanwhile,
    at_place,
    die,
    healed,
    refused,
    stop,
)

NEW = "(new)"
"""The id of what the step under way makes."""
LOOK, POST, READ = "GET /connections", "POST /connections", "GET /connections/{id}"
PATCH, DELETE, DEPENDANTS = "PATCH ", "DELETE ", "GET /sourceConnections"
MARK = re.compile(r"\[airflow:[^\[\]\s]+ [0-9a-f]{8}\]$")

UNCHANGEABLE = {"type": "https://ns.adobe.com/aep/errors/FLOW-1300-400", "errorMessage": "not supported"}
FAULTS = [
    *healed(LOOK),
    refused(LOOK, 403, DENIED, "create"),
    refused(LOOK, 503, errors.AepServerError, "create", times=4),
    Fault(LOOK, {"status": 403, "body": {}}, {"second look": DENIED}, after=1),
    *healed(POST, {"status": 201, "body": {}, "when": "after"}, {**HOUR, "when": "after"}),
    refused(POST, 403, DENIED, "create"),
    refused(POST, 400, errors.AepRequestError, "create"),
    refused(POST, 404, errors.AepNotFoundError, "create"),
    refused(POST, 500, errors.AepServerError, "create", times=3),
    Fault(POST, HOUR, {"create": errors.AepThrottledError}),
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
KILLS = [Kill(at, after) for at in (LOOK, POST, PATCH, DELETE) for after in (False, True)]


@dataclass(frozen=True)
class Connection:
    """A base connection; `right` says whether its credentials are, `used` whether something hangs on it."""

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
class Task:
    """A task instance: what Airflow keeps of it from try to try."""

    dag_id: str
    run_id: str
    map_index: int

    @property
    def mark(self) -> str:
        digest = sha256(f"{self.run_id}\n{self.map_index}".encode()).hexdigest()
        return f"[airflow:{self.dag_id}.create {digest[:8]}]"


@dataclass(frozen=True)
class Order:
    """What a create is to make."""

    sandbox: str
    name: str
    if_exists: str
    marked: bool
    description: str
    right: bool


class Model:
    """Everything that stands, oldest first, and what each task remembers."""

    def __init__(self) -> None:
        self.standing: list[Connection] = []
        self.memory: dict[Task, tuple[Order, int, str]] = {}
        self.rival: Connection | None = None

    def find(self, id: str, sandbox: str) -> Connection | None:
        return next((one for one in self.standing if (one.id, one.sandbox) == (id, sandbox)), None)

    def change(self, one: Connection, **changes: object) -> Connection:
        changed = replace(one, **changes)  # type: ignore[arg-type]
        self.standing[self.standing.index(one)] = changed
        return changed

    def remembered(self, task: Task, order: Order, max_tries: int) -> str | None:
        """What an earlier try of the same returned, unless the task was cleared since."""
        about, tries, known = self.memory.get(task, (order, -1, ""))
        same = (about.sandbox, about.name, tries) == (order.sandbox, order.name, max_tries)
        return known if same else None

    def name_the_new(self, id: str) -> None:
        """Tell the id of what the last step made."""
        self.standing = [replace(one, id=id) if one.id == NEW else one for one in self.standing]
        for task, (order, tries, known) in self.memory.items():
            self.memory[task] = (order, tries, id if known == NEW else known)

    # The steps

    def create(self, task: Task, order: Order, max_tries: int, disturbance: Disturbance) -> str:
        if (remembered := self.remembered(task, order, max_tries)) is not None:
            stop(disturbance, READ, "remember")
            known = self.find(remembered, order.sandbox)
            read = at_place(disturbance, Fault, READ)
            hidden = read is not None and "rotate" in read.errors
            if known and known.enabled and not hidden:
                return known.id
        made = self._looked(task, order, disturbance)
        self.memory[task] = (order, max_tries, made)
        return made

    def _looked(self, task: Task, order: Order, disturbance: Disturbance) -> str:
        die(disturbance, LOOK, after=False)
        stop(disturbance, LOOK, "create")
        die(disturbance, LOOK, after=True)
        same = [one for one in self.standing if (one.sandbox, one.name) == (order.sandbox, order.name)]
        if not same:
            return self._posted(task, order, disturbance)
        return self._adopted(task, order, self._cleaned(same, disturbance), disturbance)

    def _posted(self, task: Task, order: Order, disturbance: Disturbance) -> str:
        die(disturbance, POST, after=False)
        stop(disturbance, POST, "create")
        meanwhile = at_place(disturbance, Meanwhile, POST)
        if meanwhile and not meanwhile.after:
            return self._adopted(task, order, self._enter_rival(), None)
        description = _joined(order.description, task.mark if order.marked else None)
        self.standing.append(Connection(NEW, order.sandbox, order.name, description, order.right))
        if meanwhile:
            self._enter_rival()
        die(disturbance, POST, after=True)
        fault = at_place(disturbance, Fault, POST)
        if fault and fault.has_effect and not order.marked and order.if_exists == "fail":
            raise errors.EntityExistsError("without a mark it could be anybody's")
        stop(disturbance, LOOK, "second look")
        return NEW

    def _enter_rival(self) -> Connection:
        assert self.rival is not None, "no POST was sent"
        self.standing.append(self.rival)
        return self.rival

    def _cleaned(self, same: list[Connection], disturbance: Disturbance) -> Connection:
        """The oldest, when the leftovers of ours are gone."""
        oldest, *younger = same
        if any(not one.enabled and (one is oldest or one.mark is None) for one in same):
            raise errors.EntityStateError("disabled")
        if younger:
            stop(disturbance, LOOK, "second look")
        dependants = at_place(disturbance, Fault, DEPENDANTS)
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
        if (fault := at_place(disturbance, Fault, DELETE)) and fault.errors:
            return "create" not in fault.errors
        if (meanwhile := at_place(disturbance, Meanwhile, DELETE)) and meanwhile.what == "uses":
            self.change(one, used=True)
            return False
        self.standing.remove(one)
        die(disturbance, DELETE, after=True)
        return True

    def _adopted(self, task: Task, order: Order, one: Connection, disturbance: Disturbance) -> str:
        if order.if_exists == "fail" and (not order.marked or one.mark != task.mark):
            raise errors.EntityExistsError("it exists already")
        if order.if_exists != "update":
            return one.id
        found = self._before_patch(one, disturbance, "create")
        if found is None:
            return self._looked(task, order, None)
        description = found.description
        if order.description:
            description = _joined(order.description, found.mark)
        self.change(found, right=order.right, description=description)
        die(disturbance, PATCH, after=True)
        return found.id

    def _before_patch(self, one: Connection, disturbance: Disturbance, step: str) -> Connection | None:
        """The connection as the PATCH finds it."""
        die(disturbance, PATCH, after=False)
        stop(disturbance, PATCH, step)
        meanwhile = at_place(disturbance, Meanwhile, PATCH)
        if meanwhile and meanwhile.what == "deletes" and not one.used:
            self.standing.remove(one)
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
            raise errors.AepNotFoundError("there is none")
        found = self._before_patch(one, disturbance, "rotate")
        if found is None:
            raise errors.AepNotFoundError("there is none any more")
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
            raise errors.EntityInUseError("something hangs on it")
        die(disturbance, DELETE, after=False)
        fault = at_place(disturbance, Fault, DELETE)
        hidden = fault is not None and fault.errors.get("delete") is errors.AepNotFoundError
        if not hidden:
            stop(fault, DELETE, "delete")
        meanwhile = at_place(disturbance, Meanwhile, DELETE)
        if one is not None and meanwhile and meanwhile.what == "uses":
            self.change(one, used=True)
            raise errors.EntityInUseError("something hangs on it now")
        if one is not None and not hidden:
            self.standing.remove(one)
        die(disturbance, DELETE, after=True)
        found = one is not None and not hidden and meanwhile is None
        lost = fault is not None and not hidden and fault.how.get("status") != 401
        if not (found or lost or missing_ok):
            raise errors.AepNotFoundError("there is none")

    def test(self, id: str, sandbox: str) -> bool:
        one = self.find(id, sandbox)
        if one is None:
            raise errors.AepNotFoundError("there is none")
        if not one.right:
            raise errors.CredentialsRefusedError("the source refuses them")
        return True


def theirs(description: str) -> str:
    """What somebody else makes of a description: always another one."""
    return "More words" if description == "Other words" else "Other words"


def _joined(description: str, mark: str | None) -> str:
    return " ".join(part for part in (description, mark) if part)
