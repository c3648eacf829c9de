"""The fault matrix: each operation that changes something, with each fault, and a clean retry after it.

The tables of `docs/fault-matrix.md` say what each pair must end in. This test reads them. They follow the
design: a POST is never sent twice unless the client lists in between; a DELETE and a GET are sent again, a
PATCH where it had no effect. A create ends with exactly one; rather no run is started than two. A permanent
error fails at once. The error tree gives what an error means, never the client's behaviour.

`make test` takes a sample, the same each time, in which every operation and every fault occurs;
`make test-nightly` takes all of it. Real hooks and operators over real HTTP; only pauses are skipped.
"""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from inspect import isfunction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_aep.flow_service import mappings, xdm
from airflow_provider_aep.flow_service.collections import CONNECTIONS, FLOWS, SOURCE_CONNECTIONS, Collection
from airflow_provider_aep.flow_service.runs import read_run
from airflow_provider_aep.hooks import session
from airflow_provider_aep.hooks.catalog import CatalogHook
from airflow_provider_aep.hooks.data_prep import DataPrepHook
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.hooks.schema_registry import SchemaRegistryHook
from airflow_provider_aep.hooks.transport import Transport
from tests.harness.connections import MakeHook
from tests.harness.emulator import PAYPAL_AUTH, PAYPAL_ID, PAYPAL_SECRET, PAYPAL_SPEC, Emulator
from tests.harness.fault_proxy import FaultProxy
from tests.harness.faults import FAULTS, InjectedFault
from tests.harness.figures import KeepFigure
from tests.harness.operations import (
    OFF,
    ON,
    ONE,
    OPERATORS,
    OTHER_MAPPING,
    PATHS,
    SOURCES,
    TARGETS,
    Done,
    Operation,
    PreparedPlatform,
    Try,
    fewer,
    more,
    state_of,
)
from tests.harness.operators import Store, context
from tests.harness.platform import PROFILE, made
from tests.harness.raw_server import Authority, RawServer, reply, unused_port

# Hook methods: what exists before, which request is at stake, and how its effect is counted

HOOKS: dict[str, Any] = {
    **{kind.__name__: kind for kind in (FlowServiceHook, CatalogHook, SchemaRegistryHook, DataPrepHook)},
    "CollectionHook": FlowServiceHook,
}
DESCRIBED = [{"op": "add", "path": "/description", "value": "New"}]
AUTH = {"host": "api.sandbox.paypal.com", "clientId": PAYPAL_ID, "clientSecret": PAYPAL_SECRET}
CONNECTION = {
    "name": "Payments",
    "connection_spec_id": PAYPAL_SPEC,
    "auth_spec_name": PAYPAL_AUTH,
    "auth_params": AUTH,
}
Given = Callable[[PreparedPlatform], tuple[Any, ...]]


def method(kind: str, name: str, request: str, given: Given, done: Done) -> Operation:
    """Return the row of a hook method.

    :param given: creates what exists before, and returns the method's arguments; `Keywords` at the end are
        arguments by their names, and a callable argument gets the hook at each call
    """
    hook, _, called = name.partition(",")[0].partition(".")

    def prepare(at: PreparedPlatform) -> Try:
        arguments = given(at)

        def call() -> Any:
            own = HOOKS[hook]("aep_default")
            values = [one(own) if isfunction(one) else one for one in arguments]
            keywords = values.pop() if isinstance(values[-1], Keywords) else {}
            return getattr(own, called)(*values, **keywords)

        return Try(call, done(at, arguments))

    return Operation(name, request, kind, prepare)


class Keywords(dict[str, Any]):
    """Arguments by their names."""


def patched(at: PreparedPlatform, *collection: Collection) -> tuple[Any, ...]:
    """Return what patches a base connection, with the etag read at each call."""
    base = at.base(description="Old")

    def etag(hook: FlowServiceHook) -> Any:
        return hook.get_connection_details(base)["etag"]

    return (*collection, base, DESCRIBED, etag) if collection else (base, etag, DESCRIBED)


def on_demand(at: PreparedPlatform) -> tuple[Any, ...]:
    """Return what starts a run."""
    flow, now = at.once_flow(), at.now()
    window = {"startTime": now, "windowStartTime": now - 7200, "windowEndTime": now}
    return flow, {**window, "deltaColumn": {"name": "Create_Time"}}


MAPPING = {"Product_Id": "_emulator.Product_Id"}
TITLED = xdm.schema_body(title="Rows", description="", class_id=PROFILE, groups=[])
RETITLED = [{"op": "replace", "path": "/description", "value": "New"}]
patch = partial(method, "hook PATCH")


def post(name: str, kind: str, given: Given, request: str = "") -> Operation:
    """Return the row of a hook method that creates."""
    return method("hook POST", name, request or f"POST /{PATHS.get(kind, kind)}", given, more(kind))


def act(name: str, given: Given, done: Done, request: str = "POST /action") -> Operation:
    """Return the row of a hook method that switches, or creates what must be unique."""
    return method("hook POST", name, request, given, done)


def delete(name: str, kind: str, given: Given) -> Operation:
    """Return the row of a hook method that deletes."""
    return method("hook DELETE", name, f"DELETE /{PATHS.get(kind, kind)}{ONE}", given, fewer(kind))


HOOK_METHODS = (
    post("FlowServiceHook.create_connection", "connections", lambda _: (Keywords(CONNECTION),)),
    post("CollectionHook.create_entity", SOURCES, lambda at: (SOURCE_CONNECTIONS, at.source_body())),
    post("FlowServiceHook.create_source_connection", SOURCES, lambda at: (at.source_body(),)),
    post("FlowServiceHook.create_target_connection", TARGETS, lambda at: (at.target_body(),)),
    post("FlowServiceHook.create_flow", "flows", lambda at: (at.prepared(),)),
    post("FlowServiceHook.create_run", "runs", on_demand),
    post("FlowServiceHook.retrigger_run", "runs", lambda at: (at.failed_run(),), "POST /action"),
    post(
        "FlowServiceHook.run, a POST", SOURCES,
        lambda at: (SOURCES, Keywords(method="POST", json=at.source_body())),
    ),
    post(
        "CatalogHook.create_dataset", "datasets", lambda at: (Keywords(name="Rows", schema_id=at.schema()),)
    ),
    act(
        "SchemaRegistryHook.create_resource", lambda _: (xdm.SCHEMAS, TITLED), more("schemas"),
        "POST /tenant/schemas",
    ),
    post(
        "DataPrepHook.create_mapping_set", "mappingSets",
        lambda at: (mappings.mapping_set_body(at.schema(), MAPPING),),
    ),
    act(
        "CollectionHook.act_on", lambda at: (FLOWS, at.flow_of(), "disable"), state_of(1, *OFF)
    ),
    act("FlowServiceHook.act_on_flow, enable", lambda at: (at.disabled(), "enable"), state_of(0, *ON)),
    act("FlowServiceHook.act_on_flow, disable", lambda at: (at.flow_of(), "disable"), state_of(0, *OFF)),
    act(
        "FlowServiceHook.act_on_flow, publish", lambda at: (at.flow(at.prepared(), mode="draft"), "publish"),
        state_of(0, *ON),
    ),
    patch(
        "FlowServiceHook.patch_connection", f"PATCH /connections{ONE}", patched,
        lambda at, given: at.described("connections", given[0]),
    ),
    patch(
        "CollectionHook.patch_entity", f"PATCH /connections{ONE}", lambda at: patched(at, CONNECTIONS),
        lambda at, given: at.described("connections", given[1]),
    ),
    patch(
        "CatalogHook.patch_dataset", f"PATCH /dataSets{ONE}",
        lambda at: (at.dataset(at.schema()), {"description": "New"}),
        lambda at, given: at.described("datasets", given[0]),
    ),
    patch(
        "DataPrepHook.replace_mapping_set", f"PUT /mappingSets{ONE}",
        lambda at: (at.mapping(own := at.schema()), mappings.mapping_set_body(own, OTHER_MAPPING)),
        lambda at, given: at.maps(given[0], 1),
    ),
    patch(
        "SchemaRegistryHook.patch_resource", f"PATCH /schemas{ONE}",
        lambda at: (xdm.SCHEMAS, at.schema(), RETITLED),
        lambda at, given: at.resource_holds("schemas", given[1], "New"),
    ),
    delete("FlowServiceHook.delete_connection", "connections", lambda at: (at.base(),)),
    delete("CollectionHook.delete_entity", "connections", lambda at: (CONNECTIONS, at.base())),
    delete("FlowServiceHook.delete_source_connection", SOURCES, lambda at: (at.source(at.base()),)),
    delete(
        "FlowServiceHook.delete_target_connection", TARGETS,
        lambda at: (at.target(own := at.schema(), at.dataset(own)),),
    ),
    delete("FlowServiceHook.delete_flow", "flows", lambda at: (at.flow_of(),)),
    delete("CatalogHook.delete_dataset", "datasets", lambda at: (at.dataset(at.schema()),)),
    delete("SchemaRegistryHook.delete_resource", "schemas", lambda at: (xdm.SCHEMAS, at.schema())),
)  # fmt: skip


# The expected result of each cell

OPERATIONS = (*HOOK_METHODS, *OPERATORS)
SEED = 5
SHORT = 0.3
"""Seconds that the client has for a reply that never comes; every other reply has 60."""
LONGEST = 60
"""Seconds that a try may sleep in a worker slot."""
HELD: list[tuple[str, str]] = []
"""The cells that held."""


CELLS = [(operation, fault) for operation in OPERATIONS for fault in FAULTS]
PAGE = (Path(__file__).parents[2] / "docs" / "fault-matrix.md").read_text("utf-8")


def table_of(heading: str) -> list[list[str]]:
    """Return the rows of a table of the page, its head first."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    rows = [[cell.strip(" `*") for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in rows if row[0] != "---"]


def plain(name: str) -> str:
    """Return an operation's name without the page's markup."""
    return name.replace("`", "")


@dataclass(frozen=True)
class Meaning:
    """State the meaning of one failure: the error, whether a retry may help, whether the effect may exist."""

    error: str
    retryable: bool
    may_exist: bool


INSTEAD = {
    # A run may have been started: no retry starts another one. A person decides, and clears the task.
    "AmbiguousRunError": Meaning("AmbiguousRunError", False, False),
    # The entity was deleted while it was updated, twice.
    "EntityStateError": Meaning("EntityStateError", True, False),
    # A 429 counts as a refusal, so a changed etag counts as somebody else's change.
    "EntityChangedError": Meaning("EntityChangedError", False, False),
    # The etag may have moved by this client's own change.
    "AepVersionError": Meaning("AepVersionError", False, True),
}
"""By the errors that :data:`RESULTS` and :data:`EXCEPTIONS` name."""
MEANINGS = {
    name: Meaning(error, retry == "yes", maybe == "yes")
    for name, _, error, retry, maybe in table_of("Faults")[1:]
}
NATURES = {row[0]: row[1] for row in table_of("Faults")[1:]}
KINDS = table_of("Results")[0][1:]
RESULTS = {
    row[0].partition("*")[0]: dict(zip(KINDS, row[1:], strict=True)) for row in table_of("Results")[1:]
}
EXCEPTIONS = {
    (plain(name), nature): sign
    for names, nature, sign, _ in table_of("Exceptions")[1:]
    for name in names.split("<br>")
}
TWICE = {plain(row[0]): row[3] for row in table_of("Operations")[1:]}
"""The result of a retry if the effect exists: ``same``, ``another`` or an error."""
SIGN = re.compile(
    r"(?P<end>[✓✗]) (?P<sent>\d+)(?: \((?P<effects>\d)(?:, (?P<after>\d))?\))?"
    r"(?P<effect> ●)?(?P<again> !)?(?: \*?(?P<error>\w+)\*?)?"
)


@dataclass(frozen=True)
class Outcome:
    """State the expected result of one try, and of a clean try after it.

    :param sent: how many of the matching requests arrive
    :param done: how often the effect is seen
    :param meaning: of the error, None if the try ends well
    :param after: how often the effect is seen after a clean retry
    :param again: the error of a clean retry
    """

    sent: int
    done: int
    meaning: Meaning | None
    after: int
    again: str | None


def sign_of(operation: Operation, fault: InjectedFault) -> str:
    """Return the sign of a cell."""
    nature = NATURES[fault.name]
    return EXCEPTIONS.get((operation.name, nature)) or RESULTS[nature][operation.kind]


def expected(operation: Operation, fault: InjectedFault) -> Outcome:
    """Return what must come of a fault at an operation."""
    found = SIGN.fullmatch(sign_of(operation, fault))
    assert found, sign_of(operation, fault)
    ends_well, twice = found["end"] == "✓", TWICE[operation.name]
    done = int(found["effects"] or 1) if ends_well else int(bool(found["effect"]))
    meaning = INSTEAD[found["error"]] if found["error"] else MEANINGS[fault.name]
    if found["again"]:
        after, again = 0, found["error"]
    elif found["after"] or not done:
        after, again = int(found["after"] or 1), None
    else:
        after, again = done + (twice == "another"), None if twice in ("same", "another") else twice
    return Outcome(int(found["sent"]), done, None if ends_well else meaning, after, again)


def sample() -> set[tuple[str, str]]:
    """Return some cells, the same each time: every operation and every fault at least once."""
    shuffled = list(CELLS)
    random.Random(SEED).shuffle(shuffled)
    seen: set[object] = set()
    chosen = set()
    for operation, fault in shuffled:
        if not {operation, fault.name} <= seen:
            chosen.add((operation.name, fault.name))
            seen |= {operation, fault.name}
    return chosen


def cell(operation: Operation, fault: InjectedFault, *, nightly: bool) -> Any:
    """Return a cell as the parameters of a test."""
    name = f"{operation.name}, {fault.name}".replace(" ", "_")
    return pytest.param(operation, fault, id=name, marks=pytest.mark.nightly if nightly else ())


def cells() -> Iterator[Any]:
    """Yield all cells; those outside the sample are marked `nightly`."""
    chosen = sample()
    for operation, fault in CELLS:
        yield cell(operation, fault, nightly=(operation.name, fault.name) not in chosen)


@pytest.fixture(autouse=True)
def no_pauses(emulator: Emulator, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Sleep nowhere: the emulator's clock moves instead."""

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        emulator.advance(seconds)

    monkeypatch.setattr(session, "sleep", sleep)
    monkeypatch.setenv("AIRFLOW__AEP__SETTLE", "0")


SetHost = Callable[..., None]


@pytest.fixture
def set_host(make_hook: MakeHook, emulator: Emulator, paypal: str) -> SetHost:
    """`set_host(host, ims)` sets the hosts of `aep_default`, which is the emulator by default."""

    def set_both(host: str = emulator.url, ims: str = emulator.url) -> None:
        make_hook(host, extra={"ims_host": ims, "timeout": 60})

    set_both()
    return set_both


def is_token(method: str, path: str) -> bool:
    """Say whether a request is IMS's."""
    return path.startswith("/ims/")


Inject = Callable[[Operation, InjectedFault], Any]


@pytest.fixture
def inject(
    emulator: Emulator, set_host: SetHost, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> Inject:
    """`with inject(operation, fault) as proxy: ...`: the operation meets the fault."""

    @contextmanager
    def injecting(operation: Operation, fault: InjectedFault) -> Iterator[FaultProxy]:
        matches = is_token if fault.place == "token" else operation.matches
        with (
            FaultProxy(emulator.host, fault, matches) as proxy,
            RawServer(reply(200, {}), tls=authority.server) as stranger,
        ):
            hosts = {
                "reply": (proxy.url, emulator.url),
                "token": (proxy.url, proxy.url),
                "closed": (f"http://127.0.0.1:{unused_port()}", emulator.url),
                "name": ("https://aep.invalid", emulator.url),
                "certificate": (stranger.url, emulator.url),
            }
            set_host(*hosts[fault.place])
            if fault.slow:
                hurry(proxy, monkeypatch)
            yield proxy
        set_host()

    return injecting


def hurry(proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the client's timeout for the reply that does not come; go on once the fault is injected."""
    send = Transport.send

    def sending(self: Transport, request: Any) -> Any:
        if not (proxy.due and proxy.matches(request.method, urlsplit(request.url).path)):
            return send(self, request)
        try:
            return send(self, replace(request, timeout=SHORT))
        finally:
            assert proxy.injected.wait(60)

    monkeypatch.setattr(Transport, "send", sending)


def error_of(own: Try) -> Any:
    """Return the typed error of one try, or None. Below Airflow 3.3 a permanent one is a cause."""
    from airflow_provider_aep._compat import AirflowFailException
    from airflow_provider_aep.flow_service.errors import AepError

    try:
        own.call()
    except AirflowFailException as error:
        return error.__cause__
    except AepError as error:
        return error
    return None


def result_of(own: Try) -> Any:
    """Return what one try returned, or its typed error."""
    returned: list[Any] = []
    error = error_of(Try(lambda: returned.append(own.call()), own.done))
    return error or returned[0]


def kind_of(error: Any) -> str | None:
    """Return the name of an error's class."""
    return None if error is None else type(error).__name__


def check_facts(error: Any, fault: InjectedFault, meaning: Meaning) -> None:
    """Hold an error to whether a retry may help, whether the effect may exist, and the server's wish."""
    assert (error.retryable, error.may_have_happened) == (meaning.retryable, meaning.may_exist)
    if meaning is MEANINGS[fault.name] and fault.retry_after is not None:
        low, high = fault.retry_after
        assert low <= error.retry_after <= high
    else:
        assert error.retry_after is None


@pytest.mark.parametrize(("operation", "fault"), cells())
def test_a_cell(
    emulator: Emulator, inject: Inject, waits: list[float], operation: Operation, fault: InjectedFault
) -> None:
    """The table's outcome, also of a clean retry; no try would sleep for more than a minute."""
    outcome = expected(operation, fault)
    own = operation.prepare(PreparedPlatform(emulator))
    with inject(operation, fault) as proxy:
        error = error_of(own)
        found = (kind_of(error), requests_at_stake(proxy, operation), own.done())
        assert found == (outcome.meaning and outcome.meaning.error, outcome.sent, outcome.done), error
        if outcome.meaning:
            check_facts(error, fault, outcome.meaning)
    assert sum(waits) <= LONGEST
    error = error_of(own)
    assert (kind_of(error), own.done()) == (outcome.again, outcome.after), error
    HELD.append((operation.name, fault.name))


def requests_at_stake(proxy: FaultProxy, operation: Operation) -> int:
    """Count the operation's requests that arrived."""
    return [operation.matches(one.method, one.path.partition("?")[0]) for one in proxy.requests].count(True)


STORES = {
    "works": Store(),
    "cannot be read": Store(refuses=("get",)),
    "cannot be written": Store(refuses=("set",)),
    "takes the intent and not the id": Store(refuses=("id",)),
    "is absent": None,
}
"""The ways in which a task state store can affect the start of a run."""


def store_cells() -> Iterator[Any]:
    """Yield each start of a run with each fault and store; `make test` takes a nature with one store each."""
    starts = [operation for operation in OPERATORS if operation.kind == "run"]
    seen: set[tuple[str, str]] = set()
    for operation in starts:
        for fault in FAULTS:
            nature = NATURES[fault.name]
            first = (operation.name, nature) not in seen
            seen.add((operation.name, nature))
            chosen = (list(RESULTS).index(nature) + 2 * starts.index(operation)) % len(STORES)
            for number, state in enumerate(STORES):
                one = cell(operation, fault, nightly=not first or number != chosen)
                yield pytest.param(*one.values, state, id=f"{one.id}-{state}", marks=one.marks)


@pytest.mark.parametrize(("operation", "fault", "state"), store_cells())
def test_a_run_where_the_store_fails(
    emulator: Emulator, inject: Inject, operation: Operation, fault: InjectedFault, state: str
) -> None:
    """No second run of a window, and no run of another window is mistaken for this task's."""
    platform, store = PreparedPlatform(emulator), copy.deepcopy(STORES[state])
    platform.task = context(store)
    own = operation.prepare(platform)
    before = own.done()
    (flow,) = platform.api("GET", "/flows").json()["items"]
    another = (1_500_000_000, 1_600_000_000)
    start_by_hand(platform, flow["id"], another)
    with inject(operation, fault) as proxy:
        results = [result_of(own)]
        if fails := state in ("cannot be read", "cannot be written"):
            assert requests_at_stake(proxy, operation) == 0
            assert kind_of(results[0]) == "TaskStoreError" or fault.place != "reply"
    if fails and store is not None:
        store.refuses = ()
    results += [result_of(own) for _ in range(2)]
    ours = {result for result in results if isinstance(result, str)}
    assert own.done() - before - 1 == len(ours) <= 1, results
    assert len(ours) == 1 or not fails
    emulator.advance(60)
    assert all(read_run(platform.get("runs", run)).window != another for run in ours)


def start_by_hand(platform: PreparedPlatform, flow: str, window: tuple[int, int]) -> None:
    """Start a run on demand of a window."""
    start, end = window
    params = {"startTime": start, "windowStartTime": start, "windowEndTime": end}
    body = {"flowId": flow, "params": {**params, "deltaColumn": {"name": "Create_Time"}}}
    made(platform.api("POST", "/runs", json=body), 201)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name.replace(" ", "_"))
def test_without_a_fault(emulator: Emulator, set_host: SetHost, operation: Operation) -> None:
    """Each operation sends the request that its row is about, once, and it has the effect that is counted."""
    own = operation.prepare(PreparedPlatform(emulator))
    assert own.done() == 0
    emulator.forget_requests()
    own.call()
    assert [operation.matches(one["method"], one["path"]) for one in emulator.requests()].count(True) == 1
    assert own.done() == 1


def test_the_page_is_whole() -> None:
    """It has each fault and operation as they are, a sign for each cell, and only exceptions that differ."""
    operations = [(plain(row[0]), row[1], row[2].replace("/{id}", ONE)) for row in table_of("Operations")[1:]]
    assert sorted(operations) == sorted((one.name, one.kind, one.request) for one in OPERATIONS)
    assert sorted(NATURES) == sorted(fault.name for fault in FAULTS)
    assert set(NATURES.values()) == set(RESULTS)
    assert [row[0] for row in table_of("Kinds of operations")[1:]] == KINDS
    assert all(expected(operation, fault) for operation, fault in CELLS)
    kinds = {one.name: one.kind for one in OPERATIONS}
    assert all(RESULTS[nature][kinds[name]] != sign for (name, nature), sign in EXCEPTIONS.items())


def test_the_sample_has_everything() -> None:
    """`make test` knows every operation and every fault."""
    operations, faults = zip(*sample(), strict=True)
    assert set(operations) == {one.name for one in OPERATIONS}
    assert set(faults) == {one.name for one in FAULTS}


@pytest.mark.nightly
def test_the_whole_matrix_held(figure: KeepFigure) -> None:
    """Stays last, and counts."""
    figure("fault matrix: operations \u00d7 faults held", f"{len(HELD)} of {len(CELLS)}")
    assert len(set(HELD)) == len(CELLS)
