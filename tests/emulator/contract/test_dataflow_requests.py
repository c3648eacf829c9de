"""Every request from a base connection to a finished run conforms to Adobe's documents."""

from __future__ import annotations

import asyncio
import copy
import functools
import json
import operator
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.harness.contract import openapi
from tests.harness.contract.openapi import ContractError
from tests.harness.contract.recording import check, run
from tests.harness.emulator import Emulator
from tests.harness.pipeline import Pipeline

ONCE: dict[str, Any] = {"schedule": {"frequency": "once"}, "delta_column": None}
OLD, UPDATE = {"description": "Old"}, {"if_exists": "update", "description": "New"}
CHANGED = {
    "schedule": {"frequency": "hour", "interval": 2},
    "delta_column": {"name": "Create_Time", "timezone": "UTC"},
}
QUOTED = 'it\'s, "n" == 日本'


@pytest.fixture
def pipeline(emulator: Emulator, hook: Any, short_pauses: None) -> Pipeline:
    """Return a pipeline that creates its entities by plain requests, which are not recorded."""
    return Pipeline(emulator, hook)


def often(pipeline: Pipeline) -> str:
    """Return the id of a dataflow that has run several times."""
    flow = pipeline.dataflow(schedule={"frequency": "minute", "interval": 15})
    pipeline.emulator.advance(7200)
    return flow


def run_once(pipeline: Pipeline) -> str:
    """Return the id of a run on demand."""
    flow = pipeline.dataflow(**ONCE)
    pipeline.emulator.advance(3600)
    window = {"window_start": 1_700_000_000, "window_end": "2027-01-01", "delta_column": "Create_Time"}
    return str(run("dataflows", "RunDataflowOperator", flow_id=flow, wait=False, **window))


def run_again(pipeline: Pipeline) -> None:
    failed = run_once(pipeline)
    pipeline.emulator.advance(60)
    pipeline.emulator.control("POST", f"runs/{failed}", {"status": "failed"})
    run("dataflows", "RetryFlowRunOperator", run_id=failed, wait=False)


def wait(pipeline: Pipeline) -> None:
    from airflow_provider_aep.sensors.flow_runs import FlowRunSensor
    from tests.harness.operators import context

    sensor = FlowRunSensor(task_id="wait", flow_id=often(pipeline), match="latest", deferrable=False)
    assert sensor.execute(context())["status"] == "success"


def wait_in_a_triggerer(pipeline: Pipeline) -> None:
    """Poll as the poller does for many waits: by run ids, and by dataflow with and without a time limit."""
    from airflow_provider_aep.flow_runs.fetch import Fetched, RunFetcher
    from airflow_provider_aep.hooks.aio import AsyncFlowService

    flow = often(pipeline)
    runs = [item["id"] for item in pipeline.hook.list_runs(flow)]

    async def fetch() -> Fetched:
        seen = Fetched()
        async with AsyncFlowService() as service:
            fetcher = RunFetcher(service)
            await fetcher.fetch_runs(runs, (), seen)
            await fetcher.fetch_runs(runs[:1], (), seen)
            await fetcher.fetch_runs_of({flow: time.time() - 60}, (), seen)
            await fetcher.fetch_runs_of({flow: None}, (), seen)
        return seen

    seen = asyncio.run(fetch())
    assert (seen.service_error, seen.errors) == (None, {})
    assert len(seen.runs) == len(runs) > 1


def switch(pipeline: Pipeline) -> None:
    flow = pipeline.dataflow()
    for state in ("disabled", "enabled"):
        pipeline.switch(flow, state)


SOURCES, TARGETS = "/sourceConnections", "/targetConnections"
ACTIONS: dict[str, tuple[Callable[[Pipeline], Any], set[str]]] = {
    "source connection": (
        lambda path: path.source_connection(description="For tests"), {f"POST {SOURCES}"}),
    "source connection with a name to be quoted": (
        lambda path: path.source_connection(name=QUOTED), {f"GET {SOURCES}"}),
    "source connection updated": (
        lambda path: [path.source_connection(**words) for words in (OLD, UPDATE)], {f"PATCH {SOURCES}/{{}}"}),
    "target connection": (
        lambda path: path.target_connection(description="For tests"), {f"POST {TARGETS}"}),
    "target connection with a name to be quoted": (
        lambda path: path.target_connection(name=QUOTED), {f"GET {TARGETS}"}),
    "target connection updated": (
        lambda path: [path.target_connection(**words) for words in (OLD, UPDATE)], {f"PATCH {TARGETS}/{{}}"}),
    "dataflow, drafted and published": (
        lambda path: path.dataflow(description="For tests"), {"POST /flows", "POST /flows/{}/action"}),
    "dataflow without a draft": (lambda path: path.dataflow(mark=False), {"POST /flows"}),
    "dataflow for one time": (lambda path: path.dataflow(**ONCE), {"POST /flows", "GET /flowSpecs"}),
    "dataflow with a name to be quoted": (lambda path: path.dataflow(name=QUOTED), {"GET /flows"}),
    "dataflow updated": (
        lambda path: [path.dataflow(**words) for words in ({}, {**UPDATE, **CHANGED})], {"PATCH /flows/{}"}),
    "dataflow off and on": (switch, {"POST /flows/{}/action", "GET /flows/{}"}),
    "dataflow deleted with its ends": (
        lambda path: path.delete(path.dataflow(), with_connections=True),
        {"DELETE /flows/{}", f"DELETE {SOURCES}/{{}}", f"DELETE {TARGETS}/{{}}"}),
    "run on demand": (run_once, {"POST /runs", "GET /runs"}),
    "run of a failed run": (run_again, {"POST /runs/{}/action", "GET /runs/{}"}),
    "wait": (wait, {"GET /runs"}),
    "wait in a triggerer": (wait_in_a_triggerer, {"GET /runs", "GET /runs/{}"}),
}  # fmt: skip


@pytest.mark.parametrize(("action", "operations"), ACTIONS.values(), ids=ACTIONS)
def test_every_request_keeps_to_the_openapi(
    pipeline: Pipeline, sent: list[Any], action: Any, operations: set[str]
) -> None:
    """Path, query, headers and bodies of both sides conform to Adobe's OpenAPI files."""
    action(pipeline)
    assert operations <= set(check(sent))


@pytest.fixture
def everything(pipeline: Pipeline, sent: list[requests.Response]) -> list[requests.Response]:
    """Create, change and run a dataflow."""
    pipeline.dataflow(**ONCE, **OLD)
    pipeline.dataflow(**ONCE, **UPDATE)
    run_again(pipeline)
    return sent


@pytest.fixture
def by_operation(everything: list[requests.Response]) -> dict[str, requests.Response]:
    """Return the last exchange of each operation."""
    return {openapi.operation_of(reply): reply for reply in everything if "/ims/" not in str(reply.url)}


OBJECTS: dict[str, list[list[Any]]] = {
    f"POST {SOURCES}": [[], ["data"], ["connectionSpec"]],
    f"POST {TARGETS}": [[], ["data"], ["data", "schema"], ["params"], ["connectionSpec"]],
    "POST /flows": [
        [],
        ["flowSpec"],
        ["scheduleParams"],
        ["transformations", 0],
        ["transformations", 0, "params"],
    ],
    "PATCH /flows/{}": [[0]],
    "POST /runs": [[], ["params"]],
}


def test_a_field_too_many_is_found(by_operation: dict[str, requests.Response]) -> None:
    """The check finds an unknown field in each body, at each depth."""
    for operation, objects in OBJECTS.items():
        reply = by_operation[operation]
        for steps in objects:
            body = json.loads(reply.request.body or "")
            functools.reduce(operator.getitem, steps, body)["surprise"] = 1
            planted = with_request(reply, body=json.dumps(body))
            with pytest.raises(ContractError, match="surprise"):
                openapi.check_response(planted)


def test_a_parameter_too_many_is_found(by_operation: dict[str, requests.Response]) -> None:
    """The check finds an unknown parameter in each query."""
    for reply in by_operation.values():
        joint = "&" if "?" in str(reply.request.url) else "?"
        with pytest.raises(ContractError, match="query parameter surprise"):
            openapi.check_response(with_request(reply, url=f"{reply.request.url}{joint}surprise=1"))


def test_an_action_without_its_name_or_with_another_is_found(
    by_operation: dict[str, requests.Response],
) -> None:
    """The check requires `op`, and one of the documented values."""
    for operation in ("POST /flows/{}/action", "POST /runs/{}/action"):
        url = str(by_operation[operation].request.url).partition("?")[0]
        for query, words in (("", "op is missing"), ("?op=restart", "is not one of")):
            with pytest.raises(ContractError, match=words):
                openapi.check_response(with_request(by_operation[operation], url=url + query))


def test_a_patch_of_what_is_not_there_is_found(by_operation: dict[str, requests.Response]) -> None:
    """The check finds a path with a typo."""
    body = [{"op": "replace", "path": "/transformation", "value": []}]
    with pytest.raises(ContractError, match="leads to nothing"):
        openapi.check_response(with_request(by_operation["PATCH /flows/{}"], body=json.dumps(body)))


def with_request(reply: requests.Response, **changes: Any) -> requests.Response:
    """Return the same exchange with another request."""
    changed = copy.copy(reply)
    changed.request = reply.request.copy()
    for name, value in changes.items():
        setattr(changed.request, name, value)
    return changed


def test_each_deviation_is_made(by_operation: dict[str, requests.Response]) -> None:
    """The client still makes each deviation; an unused one must be deleted."""
    sent = {name: reply.request for name, reply in by_operation.items()}
    queries = {name: parse_qs(urlsplit(str(request.url)).query) for name, request in sent.items()}
    flow, run_of = (json.loads(sent[name].body or "") for name in ("POST /flows", "POST /runs"))
    assert queries["POST /flows"] == {"mode": ["draft"]}
    assert queries["POST /flows/{}/action"] == {"op": ["publish"]}
    assert queries["POST /runs/{}/action"] == {"op": ["re-trigger"]}
    assert flow["transformations"][0]["params"]["mappingVersion"] == 0
    assert set(run_of["params"]) == {"startTime", "windowStartTime", "windowEndTime", "deltaColumn"}
    assert run_of["params"]["windowStartTime"] == 1_700_000_000
