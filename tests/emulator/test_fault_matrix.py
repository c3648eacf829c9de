"""The fault matrix: each operation that changes something, with each fault, and a clean retry after it.

`make test` takes a sample, the same each time, in which every operation and every fault occurs at least
twice; `make test-nightly` takes all of it. Real hooks and operators over real HTTP; only pauses are skipped.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_aep.flow_service.runs import read_run
from airflow_provider_aep.hooks import session
from airflow_provider_aep.hooks.transport import Transport
from tests.harness.connections import MakeHook
from tests.harness.emulator import Emulator
from tests.harness.faults.expected import CELLS, OPERATIONS, after_retry, expected
from tests.harness.faults.faults import FAULTS, NATURES, Fault
from tests.harness.faults.found import hook_methods, operator_names
from tests.harness.faults.front import Front, Strike
from tests.harness.faults.hook_methods import HOOK_METHODS
from tests.harness.faults.operation import Operation
from tests.harness.faults.operators import OPERATORS, READERS
from tests.harness.faults.rules import DEVIATIONS, KINDS, RULES
from tests.harness.faults.world import Try, World
from tests.harness.figures import KeepFigure
from tests.harness.operators import Store, context
from tests.harness.raw_server import Authority, RawServer, reply, unused_port

SEED = 5
SHORT = 0.3
"""Seconds that the client has for a reply that never comes; every other reply has 60."""
LONGEST = 60
"""Seconds that a try may sleep in a worker's slot."""
HELD: list[tuple[str, str]] = []

Cell = tuple[Operation, Fault]


def sample() -> set[tuple[str, str]]:
    """Some cells, the same each time: every operation and every fault at least twice."""
    shuffled = list(CELLS)
    random.Random(SEED).shuffle(shuffled)
    seen = {**{one.name: 0 for one in OPERATIONS}, **{one.name: 0 for one in FAULTS}}
    chosen = set()
    for operation, fault in shuffled:
        if min(seen[operation.name], seen[fault.name]) < 2:
            chosen.add((operation.name, fault.name))
            seen[operation.name] += 1
            seen[fault.name] += 1
    return chosen


def cells() -> Iterator[Any]:
    chosen = sample()
    for operation, fault in CELLS:
        marks = () if (operation.name, fault.name) in chosen else pytest.mark.nightly
        name = f"{operation.name}, {fault.name}".replace(" ", "_")
        yield pytest.param(operation, fault, id=name, marks=marks)


@pytest.fixture(autouse=True)
def no_pauses(emulator: Emulator, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Between attempts, looks and tries nothing is waited for: the emulator's clock moves instead."""

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        emulator.advance(seconds)

    monkeypatch.setattr(session, "sleep", sleep)
    monkeypatch.setenv("AIRFLOW__AEP__SETTLE", "0")


Lead = Callable[..., None]


@pytest.fixture
def lead(make_hook: MakeHook, emulator: Emulator, paypal: str) -> Lead:
    """`lead(host, ims)`: where `aep_default` leads; by default to the emulator."""

    def to(host: str = emulator.url, ims: str = emulator.url) -> None:
        make_hook(host, extra={"ims_host": ims, "timeout": 60})

    to()
    return to


def is_token(method: str, path: str) -> bool:
    """Whether a request is IMS's."""
    return path.startswith("/ims/")


@contextmanager
def failing(
    operation: Operation, fault: Fault, emulator: Emulator, lead: Lead, authority: Authority
) -> Iterator[Front]:
    """`aep_default` leads to where the operation meets the fault."""
    means = is_token if fault.place == "token" else operation.means
    strike = Strike(means, fault.answer or (lambda _: b""), fault.after, fault.times)
    with Front(emulator.host, strike) as front, RawServer(reply(200, {}), tls=authority.server) as stranger:
        places = {
            "reply": (front.url, emulator.url),
            "token": (front.url, front.url),
            "closed": (f"http://127.0.0.1:{unused_port()}", emulator.url),
            "name": ("https://aep.invalid", emulator.url),
            "certificate": (stranger.url, emulator.url),
        }
        lead(*places[fault.place])
        yield front


def hurry(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """Little time for the reply that does not come, and none of what follows before the fault has struck."""
    send = Transport.send

    def sending(self: Transport, request: Any) -> Any:
        if not (front.due and front.strike.means(request.method, urlsplit(request.url).path)):
            return send(self, request)
        try:
            return send(self, replace(request, timeout=SHORT))
        finally:
            assert front.struck.wait(60)

    monkeypatch.setattr(Transport, "send", sending)


def error_of(attempt: Try) -> Any:
    """The typed error of one try, None if it ended well. Below Airflow 3.3 a hopeless one is a cause."""
    from airflow_provider_aep._compat import AirflowFailException
    from airflow_provider_aep.flow_service.errors import AepError

    try:
        attempt.call()
    except AirflowFailException as error:
        return error.__cause__
    except AepError as error:
        return error
    return None


def sent(front: Front, operation: Operation) -> int:
    """How many of the requests at stake arrived."""
    return [operation.means(one.method, one.path.partition("?")[0]) for one in front.requests].count(True)


@pytest.mark.parametrize(("operation", "fault"), cells())
def test_a_cell(
    emulator: Emulator,
    lead: Lead,
    authority: Authority,
    waits: list[float],
    monkeypatch: pytest.MonkeyPatch,
    operation: Operation,
    fault: Fault,
) -> None:
    """What the table says comes of it, and of a clean retry; no try would sleep for more than a minute."""
    outcome = expected(operation, fault)
    attempt = operation.prepare(World(emulator))
    with failing(operation, fault, emulator, lead, authority) as front:
        if fault.slow:
            hurry(front, monkeypatch)
        error = error_of(attempt)
        assert (kind_of(error), sent(front, operation), attempt.done()) == (
            None if outcome.ends_well else (outcome.instead or fault.means).error,
            outcome.sent,
            outcome.done,
        ), error
        if error is not None:
            check_facts(error, fault, outcome)
    assert sum(waits) <= LONGEST
    lead()
    after, again = after_retry(operation, outcome)
    error = error_of(attempt)
    assert (kind_of(error), attempt.done()) == (again, after), error
    HELD.append((operation.name, fault.name))


STORES = {
    "works": Store(),
    "cannot be read": Store(refuses=("get",)),
    "cannot be written": Store(refuses=("set",)),
    "takes the intent and not the id": Store(refuses=("id",)),
    "is absent": None,
}
"""What a task state store can do to the start of a run."""
STARTS = [operation for operation in OPERATORS if operation.rule == "run"]


def store_cells() -> Iterator[Any]:
    seen: set[tuple[str, str]] = set()
    for operation, fault in CELLS:
        if operation in STARTS:
            first = (operation.name, fault.nature) not in seen
            seen.add((operation.name, fault.nature))
            name = f"{operation.name}, {fault.name}".replace(" ", "_")
            yield pytest.param(operation, fault, id=name, marks=() if first else pytest.mark.nightly)


@pytest.mark.parametrize("state", STORES)
@pytest.mark.parametrize(("operation", "fault"), store_cells())
def test_a_run_where_the_store_fails(
    emulator: Emulator,
    lead: Lead,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    operation: Operation,
    fault: Fault,
    state: str,
) -> None:
    """No second run of a window, and no run of another window taken for this task's, though one goes on."""
    world, store = World(emulator), copy.deepcopy(STORES[state])
    world.task = context(store)
    attempt = operation.prepare(world)
    before = attempt.done()
    (flow,) = world.api("GET", "/flows").json()["items"]
    another = (1_500_000_000, 1_600_000_000)
    world.on_demand(flow["id"], another)
    with failing(operation, fault, emulator, lead, authority) as front:
        if fault.slow:
            hurry(front, monkeypatch)
        results = [result_of(attempt)]
        if fails := state in ("cannot be read", "cannot be written"):
            assert sent(front, operation) == 0
            assert kind_of(results[0]) == "TaskStoreError" or fault.place != "reply"
    lead()
    if fails and store is not None:
        store.refuses = ()
    results += [result_of(attempt) for _ in range(2)]
    ours = {result for result in results if isinstance(result, str)}
    assert attempt.done() - before - 1 == len(ours) <= 1, results
    assert len(ours) == 1 or not fails
    emulator.advance(60)
    assert all(read_run(world.get("runs", run)).window != another for run in ours)


def result_of(attempt: Try) -> Any:
    """What one try returned, or its typed error."""
    returned: list[Any] = []
    error = error_of(Try(lambda: returned.append(attempt.call()), attempt.done))
    return error or returned[0]


def kind_of(error: Any) -> str | None:
    return None if error is None else type(error).__name__


def check_facts(error: Any, fault: Fault, outcome: Any) -> None:
    """Whether a retry may help, whether the effect may stand, and what the server wished."""
    means = outcome.instead or fault.means
    assert (error.retryable, error.may_have_happened) == (means.retry, means.maybe)
    if outcome.instead is None and fault.retry_after is not None:
        low, high = fault.retry_after
        assert low <= error.retry_after <= high
    else:
        assert error.retry_after is None


def changing(emulator: Emulator) -> list[dict[str, Any]]:
    """What was sent that may change something."""
    return [
        one for one in emulator.requests() if one["method"] != "GET" and not one["path"].startswith("/ims/")
    ]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name.replace(" ", "_"))
def test_without_a_fault(emulator: Emulator, lead: Lead, operation: Operation) -> None:
    """Each operation sends the request that its row is about, once, and it has the effect that is counted."""
    attempt = operation.prepare(World(emulator))
    assert attempt.done() == 0
    emulator.forget_requests()
    attempt.call()
    assert [operation.means(one["method"], one["path"]) for one in changing(emulator)].count(True) == 1
    assert attempt.done() == 1


@pytest.mark.parametrize("name", READERS)
def test_a_reader(emulator: Emulator, lead: Lead, name: str) -> None:
    """What has no row changes nothing."""
    attempt = READERS[name](World(emulator))
    emulator.forget_requests()
    attempt.call()
    assert emulator.requests("GET")
    assert changing(emulator) == []


def test_every_operator_and_hook_method_has_its_rows() -> None:
    """A new one without rows fails here."""
    assert {one.covers for one in OPERATORS} | set(READERS) == operator_names()
    assert {one.covers for one in HOOK_METHODS} - {"FlowServiceHook.run"} == hook_methods()


def test_the_table_is_whole() -> None:
    """Every rule says what comes of every nature, every exception is one, and no name occurs twice."""
    assert {fault.nature for fault in FAULTS} == set(NATURES)
    assert all(set(rule) == set(NATURES) for rule in RULES.values())
    assert {operation.rule for operation in OPERATIONS} == set(RULES) == set(KINDS)
    assert len({(operation.name, fault.name) for operation, fault in CELLS}) == len(CELLS)
    rules = {one.name: one.rule for one in OPERATIONS}
    for deviation in DEVIATIONS:
        for name in deviation.operations:
            assert deviation.outcome != RULES[rules[name]][deviation.nature]


def test_the_sample_has_everything_twice() -> None:
    """`make test` knows every operation and every fault."""
    chosen = list(sample())
    for place, names in enumerate(([one.name for one in OPERATIONS], [one.name for one in FAULTS])):
        assert all([cell[place] for cell in chosen].count(name) >= 2 for name in names)


@pytest.mark.nightly
def test_the_whole_matrix_held(figure: KeepFigure) -> None:
    """Stands last, and counts."""
    figure("fault matrix: operations \u00d7 faults held", f"{len(HELD)} of {len(CELLS)}")
    assert len(set(HELD)) == len(CELLS)
