"""What Python shows of the objects a test makes, in this process: hooks, operators, triggers, errors.

Their classes are told to note each new object, and the operators what came of each `execute`.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.harness.canary_watch import EXCEPTIONS, RENDERED, REPRS, TRIGGERS, WATCH, XCOMS
from tests.harness.connections import all_of

Shown = Iterator[tuple[str, object]]


def _object(one: Any) -> Shown:
    yield REPRS, repr(one)
    yield REPRS, repr(vars(one))


def _hook(hook: Any) -> Shown:
    """With its way out: settings, session, what it knows to be secret."""
    yield from _object(hook)
    yield from _object(hook._aep_session)
    if transport := hook._aep_session._transport:
        yield from _object(transport)
        yield from _object(hook.get_conn())


def _operator(task: Any) -> Shown:
    yield from _object(task)
    yield RENDERED, repr({name: getattr(task, name, None) for name in task.template_fields})


def _trigger(trigger: Any) -> Shown:
    yield from _object(trigger)
    yield TRIGGERS, repr(trigger.serialize())


def _event(event: Any) -> Shown:
    yield TRIGGERS, repr(event.payload)


def _error(error: Any) -> Shown:
    yield EXCEPTIONS, all_of(error)


SHOWN: dict[tuple[str, str], Callable[[Any], Shown]] = {
    ("airflow_provider_aep.flow_service.errors", "AepError"): _error,
    ("airflow_provider_aep.hooks.base", "AepHook"): _hook,
    ("airflow_provider_aep.hooks.paypal", "PayPalHook"): _object,
    ("airflow_provider_aep.hooks.aio", "AsyncFlowService"): _object,
    ("airflow_provider_aep.operators.base", "AepOperator"): _operator,
    ("airflow_provider_aep.triggers.flow_runs", "FlowRunTrigger"): _trigger,
    ("airflow.triggers.base", "TriggerEvent"): _event,
}
_made: list[tuple[Callable[[Any], Shown], Any]] = []


@functools.cache
def watch() -> None:
    """From here on, once for all tests."""
    for (module, name), show in SHOWN.items():
        _note_each(getattr(importlib.import_module(module), name), show)
    _note_results(importlib.import_module("airflow_provider_aep.operators.base").AepOperator)
    WATCH.place(_read)
    _log_everything()


def _log_everything() -> None:
    """The loggers of hooks and operators follow Airflow's configuration, not the root logger's level.

    The variable stands no longer than it is read: processes that tests start would print at DEBUG, too.
    """
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AIRFLOW__LOGGING__LOGGING_LEVEL", "DEBUG")
        importlib.import_module("airflow.logging_config").configure_logging()


def _note_each(kind: Any, show: Callable[[Any], Shown]) -> None:
    made = kind.__init__

    @functools.wraps(made)
    def noting(self: Any, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **kwargs)
        if WATCH.active:
            _made.append((show, self))

    kind.__init__ = noting


def _note_results(operator: Any) -> None:
    """What a task returns and pushes are its XComs; what it raises may be a deferral."""
    execute = operator.execute

    @functools.wraps(execute)
    def noting(self: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            result = execute(self, context, *args, **kwargs)
            WATCH.text(XCOMS, repr(result))
            return result
        except Exception as error:
            WATCH.text(EXCEPTIONS, all_of(error))
            if hasattr(error, "trigger"):
                WATCH.text(TRIGGERS, repr((error.trigger.serialize(), error.method_name, error.kwargs)))
            raise
        finally:
            WATCH.text(XCOMS, repr(getattr(context.get("ti"), "pushed", None)))
            WATCH.text(XCOMS, repr(getattr(context.get("task_state_store"), "kept", None)))

    operator.execute = noting


def _read() -> list[tuple[str, str]]:
    from airflow_provider_aep.hooks.ims import TOKENS

    made = [*_made, (_object, TOKENS)]
    _made.clear()
    return [(channel, str(text)) for show, one in made for channel, text in show(one)]
