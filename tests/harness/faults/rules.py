"""What must be true afterwards, by the kind of operation and the nature of the fault.

Written from the design: a POST is never sent twice without a look in between, a DELETE and a GET are sent
again, a PATCH where it had no effect; a create ends with exactly one; a run is rather not started than
started twice; what cannot be helped fails at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.harness.faults.faults import Means


@dataclass(frozen=True)
class Outcome:
    """What must come of one try, and of a clean one after it.

    :param sent: how many of the requests at stake arrive
    :param done: how often the effect is to be seen
    :param ends_well: no error; else the fault's own, or `instead`
    :param after: how often the effect is to be seen after a clean retry, None for what `Operation.twice` says
    :param again: the error of a clean retry, where `after` is given
    """

    sent: int
    done: int
    ends_well: bool
    instead: Means | None = None
    after: int | None = None
    again: str | None = None


def well(sent: int, done: int = 1, after: int | None = None) -> Outcome:
    """The try ends well."""
    return Outcome(sent, done, True, None, after)


def fails(sent: int, done: int = 0, instead: Means | None = None) -> Outcome:
    """The try fails with the fault's error, or another one."""
    return Outcome(sent, done, False, instead)


NOT_TOLD = Outcome(1, 0, False, Means("AmbiguousRunError", False, False), 0, "AmbiguousRunError")
"""A run may have been started: no retry starts another one; a human looks, and clears the task."""
DELETED_TWICE = Means("EntityStateError", True, False)
FAILS_ONCE = dict.fromkeys(("refused", "missing", "outdated", "throttled long", "redirected"), fails(1))
NEVER_LEFT = dict.fromkeys(("unreachable", "no token"), fails(0))

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

RULES: dict[str, dict[str, Outcome]] = {
    "hook POST": {
        **NEVER_LEFT,
        **FAILS_ONCE,
        "lost before": fails(1),
        "lost after": fails(1, done=1),
        "spoiled": fails(1, done=1),
        "endless": fails(1, done=1),
        "odd": well(1),
        "down": fails(1),
        "expired": fails(1),
        "unauthorized": fails(1),
        "throttled": fails(1),
        "throttled after": fails(1, done=1),
    },
    "hook PATCH": {
        **NEVER_LEFT,
        **FAILS_ONCE,
        "lost before": fails(1),
        "lost after": fails(1, done=1),
        "spoiled": fails(1, done=1),
        "endless": fails(1, done=1),
        "odd": well(1),
        "down": fails(1),
        "expired": well(2),
        "unauthorized": fails(2),
        "throttled": well(2),
        "throttled after": well(2),
    },
    "hook DELETE": {
        **NEVER_LEFT,
        **FAILS_ONCE,
        "lost before": well(2),
        "lost after": well(2),
        "spoiled": well(1),
        "endless": fails(1, done=1),
        "odd": well(1),
        "down": fails(4),
        "expired": well(2),
        "unauthorized": fails(2),
        "throttled": well(2),
        "throttled after": well(2),
    },
    "create": {
        **NEVER_LEFT,
        **FAILS_ONCE,
        "lost before": well(2),
        "lost after": well(1),
        "spoiled": well(1),
        "endless": well(1),
        "odd": well(1),
        "down": fails(3),
        "expired": well(2),
        "unauthorized": fails(2),
        "throttled": well(2),
        "throttled after": well(1),
    },
    "update": {
        **NEVER_LEFT,
        **FAILS_ONCE,
        "lost before": well(2),
        "lost after": well(2),
        "spoiled": well(2),
        "endless": fails(1, done=1),
        "odd": well(1),
        "down": fails(10),
        "missing": fails(2, instead=DELETED_TWICE),
        "outdated": fails(10),
        "expired": well(2),
        "unauthorized": fails(2),
        "throttled": well(2),
        "throttled after": well(3),
    },
    "switch": {
        **NEVER_LEFT,
        **FAILS_ONCE,
        "lost before": fails(1),
        "lost after": well(1),
        "spoiled": well(1),
        "endless": well(1),
        "odd": well(1),
        "down": fails(1),
        "expired": well(2),
        "unauthorized": fails(2),
        "throttled": fails(1),
        "throttled after": well(1),
    },
    "delete": {
        **NEVER_LEFT,
        **FAILS_ONCE,
        "lost before": well(2),
        "lost after": well(2),
        "spoiled": well(1),
        "endless": fails(1, done=1),
        "odd": well(1),
        "down": fails(4),
        "missing": well(1, done=0),
        "expired": well(2),
        "unauthorized": fails(2),
        "throttled": well(2),
        "throttled after": well(2),
    },
    "run": {
        **NEVER_LEFT,
        **FAILS_ONCE,
        "lost before": NOT_TOLD,
        "lost after": well(1),
        "spoiled": well(1),
        "endless": well(1),
        "odd": well(1),
        "down": NOT_TOLD,
        "expired": well(2),
        "unauthorized": fails(2),
        "throttled": well(2),
        "throttled after": well(1),
        "redirected": NOT_TOLD,
    },
}

OWN_CHANGE = Means("AepVersionError", False, True)
BY_ETAG = ("FlowServiceHook.patch_connection", "CollectionHook.patch_entity")
SHOWN = (
    "CreateDatasetOperator, update",
    "CreateSourceConnectionOperator, update",
    "CreateTargetConnectionOperator, update",
    "CreateMappingSetOperator, update",
    "CreateDataflowOperator, update",
    "CreateSchemaOperator, update",
    "CreateSchemaOperator, update of its field group",
)
ENDS = ("DeleteDataflowOperator, its source connection", "DeleteDataflowOperator, its target connection")
RUN = ("FlowServiceHook.run, a POST",)
ROTATE = ("RotateCredentialsOperator",)
SEEN = "A change that the entity already has is not sent again."


@dataclass(frozen=True)
class Deviation:
    """Where some operations of a kind differ from their rule, and why."""

    operations: tuple[str, ...]
    nature: str
    outcome: Outcome
    why: str


DEVIATIONS = (
    Deviation(RUN, "spoiled", well(1), "It returns the reply unchanged."),
    Deviation(
        BY_ETAG,
        "throttled after",
        fails(2, done=1, instead=OWN_CHANGE),
        "The first request changed the etag. The error says that the change may be the caller's own.",
    ),
    Deviation(SHOWN, "lost after", well(1), SEEN),
    Deviation(SHOWN, "spoiled", well(1), SEEN),
    Deviation(SHOWN, "throttled after", well(2), f"Sent again at once, with an etag that is too old. {SEEN}"),
    Deviation(ROTATE, "missing", fails(1), "Nothing is created instead."),
    Deviation(
        ROTATE,
        "outdated",
        fails(2),
        "Sent again once. Credentials that somebody else set meanwhile are not overwritten.",
    ),
    Deviation(
        ENDS,
        "missing",
        well(1, done=0, after=0),
        "The dataflow that named the connection is deleted, and the service says that the connection is too.",
    ),
)
