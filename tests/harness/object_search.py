"""The search in the objects that a test makes in this process: hooks, operators, triggers, errors.

Their classes are patched to note each new object, and the operators to note the result of each `execute`.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.harness.secret_search import EXCEPTIONS, RENDERED, REPRS, SEARCH, TRIGGERS, XCOMS, Texts, all_of


def _object(one: Any) -> Iterator[tuple[str, str]]:
    yield REPRS, repr(one)
    yield REPRS, repr(vars(one))


def _hook(hook: Any) -> Iterator[tuple[str, str]]:
    """Yield the hook with its session, transport and settings."""
    session = hook._aep_session
    for one in (hook, session, session._transport, session._transport and hook.get_conn()):
        if one:
            yield from _object(one)


def _operator(task: Any) -> Iterator[tuple[str, str]]:
    yield from _object(task)
    yield RENDERED, repr({name: getattr(task, name, None) for name in task.template_fields})


def _trigger(trigger: Any) -> Iterator[tuple[str, str]]:
    yield from _object(trigger)
    yield TRIGGERS, repr(trigger.serialize())


SHOWN: dict[str, Callable[[Any], Texts]] = {
    "airflow_provider_aep.flow_service.errors.AepError": lambda error: [(EXCEPTIONS, all_of(error))],
    "airflow_provider_aep.hooks.base.AepHook": _hook,
    "airflow_provider_aep.hooks.paypal.PayPalHook": _object,
    "airflow_provider_aep.hooks.aio.AsyncFlowService": _object,
    "airflow_provider_aep.operators.base.AepOperator": _operator,
    "airflow_provider_aep.triggers.assets.FlowRunAssetTrigger": _trigger,
    "airflow_provider_aep.triggers.flow_runs.FlowRunTrigger": _trigger,
    "airflow.triggers.base.TriggerEvent": lambda event: [(TRIGGERS, repr(event.payload))],
}
_made: list[tuple[Callable[[Any], Texts], Any]] = []


@functools.cache
def start() -> None:
    """Note objects from here on, once for all tests, and log at DEBUG.

    The loggers of hooks and operators follow Airflow's configuration, not the root logger's level. The
    variable is set only while it is read: else processes that tests start would print at DEBUG, too.
    """
    for name, show in SHOWN.items():
        module, _, kind = name.rpartition(".")
        _note_each(getattr(importlib.import_module(module), kind), show)
    _note_results(importlib.import_module("airflow_provider_aep.operators.base").AepOperator)
    SEARCH.add(_read)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AIRFLOW__LOGGING__LOGGING_LEVEL", "DEBUG")
        importlib.import_module("airflow.logging_config").configure_logging()


def _note_each(kind: Any, show: Callable[[Any], Texts]) -> None:
    init = kind.__init__

    @functools.wraps(init)
    def noting(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        if SEARCH.active:
            _made.append((show, self))

    kind.__init__ = noting


def _note_results(operator: Any) -> None:
    """Note what a task returns, pushes and keeps, and what it raises: that may be a deferral."""
    execute = operator.execute

    @functools.wraps(execute)
    def noting(self: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            result = execute(self, context, *args, **kwargs)
            SEARCH.add_text(XCOMS, repr(result))
            return result
        except Exception as error:
            SEARCH.add_text(EXCEPTIONS, all_of(error))
            if hasattr(error, "trigger"):
                SEARCH.add_text(TRIGGERS, repr((error.trigger.serialize(), error.method_name, error.kwargs)))
            raise
        finally:
            SEARCH.add_text(XCOMS, repr(getattr(context.get("ti"), "pushed", None)))
            SEARCH.add_text(XCOMS, repr(getattr(context.get("task_state_store"), "kept", None)))

    operator.execute = noting


def _read() -> Texts:
    from airflow_provider_aep.hooks.ims import TOKENS

    made = [*_made, (_object, TOKENS)]
    _made.clear()
    return [(channel, str(text)) for show, one in made for channel, text in show(one)]
