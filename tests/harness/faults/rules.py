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
    "hook POST": "One POST, whatever happens: the caller looks before there is another.",
    "hook PATCH": "PUT as well. Sent again only where it had no effect; else the caller reads the etag anew.",
    "hook DELETE": "Sent again; what is gone after a lost reply was deleted by it. No reply is read.",
    "create": "Exactly one: a look before each POST, patience after a lost reply, three POSTs at most.",
    "update": "The same change as of the etag read anew, ten times at most.",
    "switch": "One POST; after a failure a look, and what is so already is fine.",
    "delete": "As the hook's; what is not there (any more) is fine.",
    "run": "At most one: only a run of the same window is this task's. If none shows, none is started again.",
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
BY_ETAG = ("FlowServiceHook.patch_connection", "FlowServiceHook.patch_entity")
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
SEEN = "What is so already, as the look shows, is not sent again."


@dataclass(frozen=True)
class Deviation:
    """Where some operations of a kind differ from their rule, and why."""

    operations: tuple[str, ...]
    nature: str
    outcome: Outcome
    why: str


DEVIATIONS = (
    Deviation(RUN, "spoiled", well(1), "It hands the reply on as it came."),
    Deviation(
        BY_ETAG,
        "throttled after",
        fails(2, done=1, instead=OWN_CHANGE),
        "The etag has moved by the first attempt; the error says that the change may be one's own.",
    ),
    Deviation(SHOWN, "lost after", well(1), SEEN),
    Deviation(SHOWN, "spoiled", well(1), SEEN),
    Deviation(SHOWN, "throttled after", well(2), f"Sent again at once, by an etag that has moved. {SEEN}"),
    Deviation(ROTATE, "missing", fails(1), "Nothing is made in its place."),
    Deviation(
        ROTATE,
        "outdated",
        fails(2),
        "Sent again once: credentials that somebody else has set meanwhile are not overwritten.",
    ),
    Deviation(
        ENDS,
        "missing",
        well(1, done=0, after=0),
        "The dataflow that named it is gone, and so is the connection, as the service says.",
    ),
)
