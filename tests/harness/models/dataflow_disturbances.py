"""What can happen to the steps of the dataflows' model, and where."""

from __future__ import annotations

from airflow_provider_aep.flow_service import errors
from tests.harness.models.disturbances import (
    AFTER,
    DENIED,
    EXPIRED,
    HOUR,
    SOON,
    Fault,
    Kill,
    Meanwhile,
    healed,
    refused,
)

LOOK, POST, ACTION = "GET /flows", "POST /flows", "POST /action"
READ, DELETE, RUN, RUNS = "GET /flows/{id}", "DELETE ", "POST /runs", "GET /runs"

LOST, UNAVAILABLE = {"drop": True}, {"status": 503}
SWITCHES = ("enable", "disable")
FAULTS = [
    *healed(LOOK),
    refused(LOOK, 403, DENIED, "create"),
    *healed(POST, {"status": 201, "body": {}, **AFTER}),
    refused(POST, 403, DENIED, "create"),
    Fault(POST, HOUR, {"create": errors.AepThrottledError}),
    *healed(READ),
    refused(READ, 403, DENIED, "remember", "delete", "switch", "run"),
    # A POST is not sent again by itself: what came of a publish or a switch is looked at.
    *[
        Fault(ACTION, {**how, **when}, {**dict.fromkeys([*SWITCHES, *more], error), **doubt})
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
    *[Fault(RUN, how, {"start": errors.AmbiguousRunError}) for how in (LOST, UNAVAILABLE)],
    # A run that has just been asked for shows no window yet, so a retry has to tell.
    *[
        Fault(RUN, {**how, **AFTER}, {"start": errors.AmbiguousRunError})
        for how in (LOST, UNAVAILABLE, SOON, EXPIRED)
    ],
    *[Fault(RUN, how) for how in (SOON, EXPIRED)],
    refused(RUN, 400, errors.AepRequestError, "start"),
    refused(RUN, 403, DENIED, "start"),
]
RIVALS = [Meanwhile(POST, "creates"), Meanwhile(POST, "creates", after=True)]
KILLS = [Kill(at, after) for at in (POST, ACTION, DELETE, RUN) for after in (False, True)]
