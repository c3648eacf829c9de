"""Watchers as a triggerer runs them, their store, and dataflows that nobody here made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.harness.emulator import Emulator
from tests.harness.platform import Platform, made, on_demand
from tests.harness.waits import until


class Supervisor:
    """The supervisor of a triggerer, as far as it keeps Variables. Tests may change the attributes."""

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}
        self.failing = 0
        """How many messages fail next."""

    async def asend(self, message: Any) -> Any:
        """Answer `GetVariable` and `PutVariable` as Airflow does."""
        from airflow.sdk.exceptions import ErrorType
        from airflow.sdk.execution_time.comms import ErrorResponse, GetVariable, VariableResult

        if self.failing:
            self.failing -= 1
            return ErrorResponse(error=ErrorType.API_SERVER_ERROR)
        if not isinstance(message, GetVariable):
            self.variables[message.key] = message.value
            return None
        if message.key not in self.variables:
            return ErrorResponse(error=ErrorType.VARIABLE_NOT_FOUND)
        return VariableResult(key=message.key, value=self.variables[message.key])


class AssetStore:
    """An asset's store of Airflow 3.3, which outlives triggers. Tests may change the attributes."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.failing = 0
        """How many calls fail next."""
        self.calls: list[str] = []

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.failing:
            self.failing -= 1
            raise RuntimeError("the API server is away")

    @property
    def value(self) -> Any:
        """Return what the only watcher of the asset stored."""
        return next(iter(self.values.values()), None)

    async def aget(self, key: str, default: Any = None) -> Any:
        """Return a value."""
        self._call("get")
        return self.values.get(key, default)

    async def aset(self, key: str, value: Any) -> None:
        """Store a value."""
        self._call("set")
        self.values[key] = value


def watcher(store: Any = None, **kwargs: Any) -> Any:
    """Return a trigger that polls all the time; through its own serialization, as it reaches a triggerer.

    :param store: the asset's store; None as before Airflow 3.3
    """
    from airflow_provider_aep.triggers.assets import FlowRunAssetTrigger

    _, again = FlowRunAssetTrigger(**kwargs).serialize()
    trigger = FlowRunAssetTrigger(**again)
    trigger.poll_interval = 0.05
    trigger.asset_state_store = store
    return trigger


@asynccontextmanager
async def running(trigger: Any) -> AsyncIterator[list[Any]]:
    """Run a trigger until the end of the block. Yield the list of the runs of each event."""
    events: list[Any] = []

    async def collect() -> None:
        async for event in trigger.run():
            events.append(event.payload["runs"])

    task = asyncio.create_task(collect())
    try:
        yield events
    finally:
        assert not task.done(), f"the trigger ended: {task}"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def ids(events: list[Any]) -> list[str]:
    """Return the ids of all runs of events, in their order."""
    return [run["run_id"] for runs in list(events) for run in runs]


def foreign_flow(platform: Platform, name: str = "Foreign") -> str:
    """Return a dataflow whose first run has ended."""
    flow = platform.flow(platform.once(name=name))
    platform.advance(10)
    return flow


def start(platform: Platform, flow: str) -> str:
    """Start a run, and return its id."""
    return str(made(on_demand(platform, flow))["id"])


def run_once(platform: Platform, flow: str, seconds: float = 10) -> str:
    """Start a run, let it end, and return its id."""
    run = start(platform, flow)
    platform.advance(seconds)
    return run


def run(coroutine: Any) -> Any:
    """Run on a loop of its own."""
    return asyncio.run(asyncio.wait_for(coroutine, 120))


async def aside(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call the emulator without blocking the triggers."""
    return await asyncio.to_thread(function, *args, **kwargs)


async def started(store: AssetStore) -> None:
    """Wait until a watcher has stored its first position."""
    await until(lambda: store.value is not None)


async def polled(emulator: Emulator, times: int = 3) -> None:
    """Wait for some more lists of runs."""
    before = len(await aside(emulator.requests, "GET", "/runs"))
    while len(await aside(emulator.requests, "GET", "/runs")) < before + times:
        await asyncio.sleep(0.02)
