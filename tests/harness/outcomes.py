"""What must come of each operation with each fault, and the part of `docs/fault-matrix.md` made of it.

Written from the design: a POST is never sent twice unless the client lists in between, a DELETE and a GET are
sent again, a PATCH where it had no effect; a create ends with exactly one; rather no run is started than two;
a permanent error fails at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.markdown import table
from tests.harness.faults import FAULTS, NATURES, InjectedFault, Meaning
from tests.harness.operations import ANOTHER, ONE, OPERATIONS, SAME, Operation

CELLS = [(operation, fault) for operation in OPERATIONS for fault in FAULTS]

KINDS = {
    "hook POST": "One POST in every case. The caller must list the entities before another POST.",
    "hook PATCH": "PATCH or PUT. Sent again only if it had no effect. Else the caller reads the etag again.",
    "hook DELETE": "Sent again. An entity that is missing after a lost reply was deleted by the request.",
    "create": "Exactly one entity: a list before each POST, polls after a lost reply, at most three POSTs.",
    "update": "The same change with the etag read again, at most ten times.",
    "switch": "One POST. After a failure, a GET: the task succeeds if the entity has the desired state.",
    "delete": "As the hook's. The task succeeds if the entity does not exist.",
    "run": "At most one run. Only a run of the same window is this task's. If none shows, none is started.",
}
SIGNS = {
    "unreachable":     "✗ 0   | ✗ 0   | ✗ 0   | ✗ 0 | ✗ 0  | ✗ 0 | ✗ 0   | ✗ 0",
    "no token":        "✗ 0   | ✗ 0   | ✗ 0   | ✗ 0 | ✗ 0  | ✗ 0 | ✗ 0   | ✗ 0",
    "lost before":     "✗ 1   | ✗ 1   | ✓ 2   | ✓ 2 | ✓ 2  | ✗ 1 | ✓ 2   | ✗ 1 ! *AmbiguousRunError*",
    "lost after":      "✗ 1 ● | ✗ 1 ● | ✓ 2   | ✓ 1 | ✓ 2  | ✓ 1 | ✓ 2   | ✓ 1",
    "spoiled":         "✗ 1 ● | ✗ 1 ● | ✓ 1   | ✓ 1 | ✓ 2  | ✓ 1 | ✓ 1   | ✓ 1",
    "endless":         "✗ 1 ● | ✗ 1 ● | ✗ 1 ● | ✓ 1 | ✗ 1 ● | ✓ 1 | ✗ 1 ● | ✓ 1",
    "odd":             "✓ 1   | ✓ 1   | ✓ 1   | ✓ 1 | ✓ 1  | ✓ 1 | ✓ 1   | ✓ 1",
    "down":            "✗ 1   | ✗ 1   | ✗ 4   | ✗ 3 | ✗ 10 | ✗ 1 | ✗ 4   | ✗ 1 ! *AmbiguousRunError*",
    "redirected":      "✗ 1   | ✗ 1   | ✗ 1   | ✗ 1 | ✗ 1  | ✗ 1 | ✗ 1   | ✗ 1 ! *AmbiguousRunError*",
    "refused":         "✗ 1   | ✗ 1   | ✗ 1   | ✗ 1 | ✗ 1  | ✗ 1 | ✗ 1   | ✗ 1",
    "missing":         "✗ 1   | ✗ 1   | ✗ 1   | ✗ 1 | ✗ 2 *EntityStateError* | ✗ 1 | ✓ 1 (0) | ✗ 1",
    "outdated":        "✗ 1   | ✗ 1   | ✗ 1   | ✗ 1 | ✗ 10 | ✗ 1 | ✗ 1   | ✗ 1",
    "expired":         "✗ 1   | ✓ 2   | ✓ 2   | ✓ 2 | ✓ 2  | ✓ 2 | ✓ 2   | ✓ 2",
    "unauthorized":    "✗ 1   | ✗ 2   | ✗ 2   | ✗ 2 | ✗ 2  | ✗ 2 | ✗ 2   | ✗ 2",
    "throttled":       "✗ 1   | ✓ 2   | ✓ 2   | ✓ 2 | ✓ 2  | ✗ 1 | ✓ 2   | ✓ 2",
    "throttled after": "✗ 1 ● | ✓ 2   | ✓ 2   | ✓ 1 | ✓ 3  | ✓ 1 | ✓ 2   | ✓ 1",
    "throttled long":  "✗ 1   | ✗ 1   | ✗ 1   | ✗ 1 | ✗ 1  | ✗ 1 | ✗ 1   | ✗ 1",
}  # fmt: skip
"""A nature's outcome for each of :data:`KINDS`, in their order; `docs/fault-matrix.md` explains the signs."""
SIGN = re.compile(r"(?P<end>[✓✗]) (?P<sent>\d+)(?: \((?P<effects>\d)(?:, (?P<after>\d))?\))?"
                  r"(?P<effect> ●)?(?P<again> !)?(?: \*(?P<error>\w+)\*)?")  # fmt: skip
INSTEAD = {
    # A run may have been started: no retry starts another one. A person decides, and clears the task.
    "AmbiguousRunError": Meaning("AmbiguousRunError", False, False),
    # The entity was deleted while it was updated, twice.
    "EntityStateError": Meaning("EntityStateError", True, False),
    # The etag may have moved by this client's own change.
    "AepVersionError": Meaning("AepVersionError", False, True),
}


@dataclass(frozen=True)
class Outcome:
    """What must come of one try, and of a clean one after it.

    :param sent: how many of the matching requests arrive
    :param done: how often the effect is seen
    :param ends_well: no error; else the fault's own, or `instead`
    :param after: how often the effect is seen after a clean retry, None for what `Operation.twice` says
    :param again: the error of a clean retry, where `after` is given
    """

    sent: int
    done: int
    ends_well: bool
    instead: Meaning | None = None
    after: int | None = None
    again: str | None = None


def read(sign: str) -> Outcome:
    """Return the outcome that a sign of the table means."""
    found = SIGN.fullmatch(sign)
    assert found, sign
    ends_well = found["end"] == "✓"
    done = int(found["effects"] or 1) if ends_well else int(bool(found["effect"]))
    error, after = found["error"], found["after"]
    return Outcome(
        int(found["sent"]),
        done,
        ends_well,
        INSTEAD[error] if error else None,
        0 if found["again"] else int(after) if after else None,
        error if found["again"] else None,
    )


@dataclass(frozen=True)
class Deviation:
    """Some operations of a kind whose outcome differs, and why."""

    operations: tuple[str, ...]
    nature: str
    sign: str
    why: str


DESCRIBED = (
    "CreateDatasetOperator, update",
    "CreateSourceConnectionOperator, update",
    "CreateTargetConnectionOperator, update",
    "CreateMappingSetOperator, update",
    "CreateDataflowOperator, update",
    "CreateSchemaOperator, update",
    "CreateSchemaOperator, update of its field group",
)
NOT_AGAIN = "A change that the entity already has is not sent again."
DEVIATIONS = (
    Deviation(("FlowServiceHook.run, a POST",), "spoiled", "✓ 1", "It returns the reply unchanged."),
    Deviation(
        ("FlowServiceHook.patch_connection", "CollectionHook.patch_entity"),
        "throttled after",
        "✗ 2 ● *AepVersionError*",
        "The first request changed the etag. The error says that the change may be the caller's own.",
    ),
    Deviation(DESCRIBED, "lost after", "✓ 1", NOT_AGAIN),
    Deviation(DESCRIBED, "spoiled", "✓ 1", NOT_AGAIN),
    Deviation(
        DESCRIBED, "throttled after", "✓ 2", f"Sent again at once, with an etag that is too old. {NOT_AGAIN}"
    ),
    Deviation(("RotateCredentialsOperator",), "missing", "✗ 1", "Nothing is created instead."),
    Deviation(
        ("RotateCredentialsOperator",),
        "outdated",
        "✗ 2",
        "Sent again once. Credentials that somebody else set meanwhile are not overwritten.",
    ),
    Deviation(
        ("DeleteDataflowOperator, its source connection", "DeleteDataflowOperator, its target connection"),
        "missing",
        "✓ 1 (0, 0)",
        "The dataflow that named the connection is deleted, and the service says that the connection is too.",
    ),
)


def rule(kind: str, nature: str) -> str:
    """Return the sign for a kind of operation and a nature of fault."""
    return SIGNS[nature].split("|")[list(KINDS).index(kind)].strip()


def expected(operation: Operation, fault: InjectedFault) -> Outcome:
    """Return what must come of a fault at an operation."""
    own = [one.sign for one in DEVIATIONS if operation.name in one.operations and fault.nature == one.nature]
    return read(own[0] if own else rule(operation.kind, fault.nature))


def after_retry(operation: Operation, outcome: Outcome) -> tuple[int, str | None]:
    """Return how often the effect is seen after a clean retry, and that one's error if it fails."""
    if outcome.after is not None:
        return outcome.after, outcome.again
    if not outcome.done:
        return 1, None
    if operation.twice == ANOTHER:
        return outcome.done + 1, None
    return outcome.done, None if operation.twice == SAME else operation.twice


# The page


def _code(name: str) -> str:
    """Return `` `CreateDatasetOperator`, update ``."""
    head, comma, rest = name.partition(",")
    return f"`{head}`{comma}{rest}"


def _fault_rows() -> Iterator[list[str]]:
    yes = {True: "yes", False: "no"}
    for fault in sorted(FAULTS, key=lambda one: list(NATURES).index(one.nature)):
        own = fault.meaning
        facts = [f"`{own.error}`", yes[own.retry], yes[own.maybe]] if own else ["none", "", ""]
        yield [fault.name, fault.nature, *facts]


def _operation_rows() -> Iterator[list[str]]:
    for one in sorted(OPERATIONS, key=lambda one: list(KINDS).index(one.kind)):
        twice = one.twice if one.twice in (SAME, ANOTHER) else f"`{one.twice}`"
        yield [_code(one.name), one.kind, f"`{one.request.replace(ONE, '/{id}')}`", twice]


def page() -> str:
    """Return the tables of `docs/fault-matrix.md`."""
    outcomes = ([f"**{key}**: {NATURES[key]}", *(rule(kind, key) for kind in KINDS)] for key in NATURES)
    deviations = (
        ["<br>".join(map(_code, one.operations)), one.nature, one.sign, one.why] for one in DEVIATIONS
    )
    kinds = ([f"**{kind}**", words] for kind, words in KINDS.items())
    counts = f"{len(OPERATIONS)} operations with {len(FAULTS)} faults each: {len(CELLS)} cells."
    return "\n\n".join(
        [
            counts,
            "## Faults",
            table(["Fault", "Nature", "Error", "Retryable", "May exist"], _fault_rows()),
            "## Results",
            table(["Nature", *KINDS], outcomes),
            "## Kinds of operations",
            table(["Kind", "Rule"], kinds),
            "## Exceptions",
            table(["Operations", "Nature", "Result", "Why"], deviations),
            "## Operations",
            table(["Operation", "Kind", "Request", "Retry"], _operation_rows()),
        ]
    )
