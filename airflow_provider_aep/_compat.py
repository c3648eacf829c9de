"""The names that differ between Airflow 3.1, 3.2 and 3.3. No other module depends on Airflow's version."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import shlex
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk import BaseHook, BaseOperator
from airflow.sdk._shared.secrets_masker import redact  # airflow.sdk.log has it from 3.1.1 on
from airflow.sdk.log import mask_secret

try:  # from 3.2 on; before, they are in airflow.exceptions
    from airflow.sdk.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowNotFoundException,
        AirflowSensorTimeout,
        AirflowSkipException,
    )

    _COMMANDS = "airflow aep"
except ImportError:
    from airflow.exceptions import (  # type: ignore[attr-defined,no-redef]
        AirflowException,
        AirflowFailException,
        AirflowNotFoundException,
        AirflowSensorTimeout,
        AirflowSkipException,
    )

    _COMMANDS = "python -m airflow_provider_aep"  # Airflow 3.1 has no commands of providers

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy

    HAS_RETRY_POLICY = True
else:
    try:  # 3.3
        from airflow.sdk import RetryPolicy
        from airflow.sdk.definitions.retry_policy import RetryDecision

        HAS_RETRY_POLICY = True
    except (ImportError, AttributeError):
        RetryDecision, HAS_RETRY_POLICY = None, False

        class RetryPolicy:
            """Replace Airflow's class, where Airflow has no retry policies and never calls one."""


T = TypeVar("T")

SUPPORTED_AIRFLOW = ">=3.1,<3.4"
"""The versions of Airflow that this provider is tested with."""

CANCELLED_BY_A_USER = "__airflow_user_action__"
"""The message with which a triggerer cancels a trigger whose task a user has ended (3.3)."""


def config_text(key: str, section: str = "aep") -> str | None:
    """Return a setting of Airflow's configuration, None if it is not set. Read at the call, not at import."""
    try:
        from airflow.sdk.configuration import conf
    except ImportError:  # 3.1
        from airflow.configuration import conf
    value = conf.get(section, key, fallback=None)
    return None if value is None else str(value)


def config_number(key: str, default: float, section: str = "aep") -> float:
    """Return a number of Airflow's configuration, NaN if it is invalid."""
    value = config_text(key, section)
    try:
        return default if value is None else float(value)
    except ValueError:
        return float("nan")  # the caller names the setting


def aep_command(name: str, *words: str, conn_id: str = "aep_default", sandbox: str | None = None) -> str:
    """Return a command of this provider as a user of this Airflow types it, such as ``airflow aep status``.

    :param words: arguments; they are quoted for the shell
    :param conn_id: the Airflow connection, named if it is not the default one
    :param sandbox: None or empty for the connection's own
    """
    options = ["--conn-id", conn_id] if conn_id != "aep_default" else []
    options += ["--sandbox", sandbox] if sandbox else []
    return f"{_COMMANDS} {shlex.join([name, *words, *options])}"


def load_dag(dag_id: str) -> tuple[Any | None, list[str]]:
    """Return a DAG from the DAG files of this Airflow, and the files that could not be imported.

    ``airflow dags test`` loads a DAG in the same way, and writes the DAGs into Airflow's database as well.
    """
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager

    bag_of, has_name = _bag_of_bundle()
    broken: list[str] = []
    for bundle in DagBundlesManager().get_all_dag_bundles():  # type: ignore[no-untyped-call]
        bundle.initialize()
        named = {"bundle_name": bundle.name} if has_name else {}
        with _airflow_parsing_context_manager(dag_id=dag_id):
            bag = bag_of(dag_folder=bundle.path, bundle_path=bundle.path, **named)
        if (dag := bag.dags.get(dag_id)) is not None:
            return dag, []
        broken += bag.import_errors
    return None, sorted(broken)


def _bag_of_bundle() -> tuple[Any, bool]:
    """Return the class that loads the DAG files of a bundle, and whether it takes the bundle's name."""
    try:
        from airflow.dag_processing.dagbag import BundleDagBag
    except ImportError:  # 3.1
        return importlib.import_module("airflow.models.dagbag").BundleDagBag, False
    return BundleDagBag, True


def manual_data_interval(dag: Any, when: datetime) -> tuple[datetime, datetime]:
    """Return the data interval of a run that is triggered at this time."""
    import pendulum

    timetable = dag.timetable
    if not hasattr(timetable, "infer_manual_data_interval"):  # from 3.2 on
        from airflow.serialization.encoders import coerce_to_core_timetable

        timetable = coerce_to_core_timetable(timetable)
    return timetable.infer_manual_data_interval(run_after=pendulum.instance(when))  # type: ignore[no-any-return]


def import_lookups() -> None:
    """Import the modules that Airflow imports when it first reads a connection.

    The imports take some tenths of a second.
    """
    for module in ("airflow.sdk.definitions.connection", "airflow.sdk.execution_time.supervisor"):
        with contextlib.suppress(ImportError):
            importlib.import_module(module)


@contextlib.contextmanager
def _no_warning_about_short_values() -> Iterator[None]:
    """Suppress Airflow's warning that a short value of an extra, such as `prod`, is not masked.

    Airflow masks an extra by the names of its keys, and warns before it compares the name. It warns once in a
    process, and counts a suppressed warning. So its flag is reset: a secret that is too short still needs it.
    """
    suppressed = False

    def other(record: logging.LogRecord) -> bool:
        nonlocal suppressed
        is_other = "too short" not in str(record.msg)
        suppressed = suppressed or not is_other
        return is_other

    names = [name for name in sys.modules if name.startswith("airflow.") and "secrets_masker" in name]
    loggers = [logging.getLogger(name) for name in names]  # each version has it at another place
    for logger in loggers:
        logger.addFilter(other)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(other)
        for name in names if suppressed else ():
            masker: Any = getattr(sys.modules.get(name), "SecretsMasker", None)
            if hasattr(masker, "_has_warned_short_secret"):
                masker._has_warned_short_secret = False


@_no_warning_about_short_values()
def get_connection(conn_id: str) -> Any:
    """Return an Airflow connection.

    :raises AirflowNotFoundException: the connection does not exist. Outside a task Airflow 3.1.0 raises an
        ImportError about its own modules instead
    """
    try:
        return BaseHook.get_connection(conn_id)
    except ImportError as error:
        if "SUPERVISOR_COMMS" not in str(error):
            raise
    raise AirflowNotFoundException(f"There is no connection {conn_id!r}.")


async def _to_its_reply(call: Awaitable[T]) -> T:
    """Await a call to the triggerer's supervisor. If the caller is cancelled, the call continues alone.

    On Airflow 3.1 a cancelled call leaves its reply unread. The next call of any trigger reads that reply,
    and the whole triggerer ends.
    """
    return await asyncio.shield(asyncio.ensure_future(call))


async def _from_a_thread(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Call a blocking function of Airflow from a triggerer.

    The call needs a thread of asgiref: only from such a thread can Airflow reach the event loop again.
    """
    from asgiref.sync import sync_to_async

    return await _to_its_reply(sync_to_async(function)(*args, **kwargs))


async def aget_connection(conn_id: str) -> Any:
    """Return an Airflow connection without blocking the event loop.

    From 3.3.2 on Airflow can mask a connection's values without blocking. Before, a thread reads the
    connection. A thread reads it too if Airflow finds none: in `dag.test()` only a blocking call reads
    connections from Airflow's database.
    """
    from airflow.sdk import Connection

    if hasattr(Connection, "aextra_dejson"):
        with contextlib.suppress(AirflowNotFoundException), _no_warning_about_short_values():
            return await _to_its_reply(BaseHook.aget_connection(conn_id))
    return await _from_a_thread(get_connection, conn_id)


async def amask_secret(value: str) -> None:
    """Mask a secret in logs without blocking the event loop."""
    try:
        from airflow.sdk.log import amask_secret as mask  # 3.3
    except ImportError:
        await _from_a_thread(mask_secret, value)
    else:
        await _to_its_reply(mask(value))


async def atask_state(task: Any) -> str | None:
    """Return a task instance's current state, from a triggerer; None if the task was cleared."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = await _from_a_thread(
        RuntimeTaskInstance.get_task_states,
        dag_id=task.dag_id,
        task_ids=[task.task_id],
        run_ids=[task.run_id],
        map_index=task.map_index,
    )
    name = task.task_id if task.map_index < 0 else f"{task.task_id}_{task.map_index}"
    state = states.get(task.run_id, {}).get(name)
    return None if state is None else str(getattr(state, "value", state))


async def apush_xcom(task: Any, key: str, value: str) -> None:
    """Push an XCom of a deferred task from its trigger."""

    def push() -> None:
        from airflow.sdk.execution_time.xcom import XCom

        XCom.set(
            key=key,
            value=value,
            dag_id=task.dag_id,
            task_id=task.task_id,
            run_id=task.run_id,
            map_index=task.map_index,
        )

    await _from_a_thread(push)


async def aload_cursor(trigger: Any, name: str) -> Any | None:
    """Return what :func:`asave_cursor` stored for a watcher; None if nothing is stored.

    From 3.3 on, an asset has a store. Before, the cursor is an Airflow Variable. It is read from Airflow's
    API server: ``Variable.get`` also says that a Variable does not exist if it cannot be read.

    :raises Exception: the cursor cannot be read
    """
    if (store := _asset_store(trigger)) is not None:
        with contextlib.suppress(_SeveralAssetsError):
            found = await _to_its_reply(_of_one_asset(store.aget(name, None)))
            if found is not None:
                return found
    reply = await _ask_supervisor("GetVariable", key=name)
    return None if reply is None else json.loads(reply.value)


async def asave_cursor(trigger: Any, name: str, value: Any) -> None:
    """Store the cursor of a watcher, so that it outlives the triggerer.

    :raises Exception: the cursor cannot be stored
    """
    if (store := _asset_store(trigger)) is not None:
        with contextlib.suppress(_SeveralAssetsError):
            await _to_its_reply(_of_one_asset(store.aset(name, value)))
            return
    about = "The position of a FlowRunAssetTrigger. Without it, the watcher begins with the next runs."
    await _ask_supervisor("PutVariable", key=name, value=json.dumps(value), description=about)


class _SeveralAssetsError(Exception):
    """Two assets with equal watchers share one trigger. Then no store is the trigger's own."""


def _asset_store(trigger: Any) -> Any | None:
    return getattr(trigger, "asset_state_store", None)


async def _of_one_asset(call: Awaitable[T]) -> T:
    try:
        return await call
    except ValueError as error:
        if "Task has" not in str(error):
            raise
    raise _SeveralAssetsError


async def _ask_supervisor(message: str, **fields: Any) -> Any | None:
    """Send a message to the triggerer's supervisor, and return the reply; None for a missing Variable."""
    from airflow.sdk.exceptions import AirflowRuntimeError
    from airflow.sdk.execution_time import comms, task_runner

    try:
        reply = await _to_its_reply(task_runner.SUPERVISOR_COMMS.asend(getattr(comms, message)(**fields)))
    except AirflowRuntimeError as error:
        reply = error.error
    if isinstance(reply, comms.ErrorResponse):
        if reply.error.value == "VARIABLE_NOT_FOUND":
            return None
        raise AirflowRuntimeError(reply)
    return reply


def task_store(context: Any) -> Any | None:
    """Return the task state store, which outlives the task's tries; None before 3.3."""
    return context.get("task_state_store")


__all__ = [
    "CANCELLED_BY_A_USER",
    "HAS_RETRY_POLICY",
    "SUPPORTED_AIRFLOW",
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "BaseOperator",
    "RetryDecision",
    "RetryPolicy",
    "aep_command",
    "aget_connection",
    "aload_cursor",
    "amask_secret",
    "apush_xcom",
    "asave_cursor",
    "atask_state",
    "config_number",
    "config_text",
    "get_connection",
    "import_lookups",
    "load_dag",
    "manual_data_interval",
    "mask_secret",
    "redact",
    "task_store",
]
