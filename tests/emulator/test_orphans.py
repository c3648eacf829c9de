"""`orphans` against the emulator: what nothing uses, what is deleted, and what is never touched."""

from __future__ import annotations

import io
import json
import math
import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_aep.__main__ import main
from airflow_provider_aep.flow_service.errors import EntityInUseError
from airflow_provider_aep.operations.orphans import DAY, Orphan, delete, find
from tests.harness import canary
from tests.harness.emulator import CLIENT_SECRET, Emulator
from tests.harness.platform import Platform, made, spec

Capture = pytest.CaptureFixture[str]
Command = Callable[..., tuple[int, str, str]]
OURS = "Products [airflow:dag.task 01234567]"
KINDS = ["source connection", "target connection", "base connection", "mapping set"]


class Terminal(io.StringIO):
    """A terminal whose user answers a question, after something else happened."""

    def __init__(self, answer: str, before: Callable[[], object] = lambda: None) -> None:
        super().__init__(answer)
        self._before = before

    def isatty(self) -> bool:
        return True

    def readline(self, *size: Any) -> str:
        self._before()
        return super().readline(*size)


@pytest.fixture
def orphans(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Command:
    """`orphans("--delete", stdin=...)`: the exit code, and what is on stdout and on stderr."""

    def run(*words: str, stdin: Any = None) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["airflow_provider_aep", "orphans", *words])
        monkeypatch.setattr("sys.stdin", stdin or io.StringIO())
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0), *capsys.readouterr()
        return 0, *capsys.readouterr()

    return run


class Sandbox:
    """A dataflow with all that it uses, made two days ago by a DAG; `left` is the same without a dataflow."""

    def __init__(self, emulator: Emulator) -> None:
        self.platform = Platform(emulator)
        self.body = self.prepared()
        self.flow = self.platform.flow(self.body)
        self.left = self.ids(self.prepared())
        emulator.advance(2 * DAY)
        self.platform = Platform(emulator)  # the token of the other one has expired
        emulator.forget_requests()

    def prepared(self, description: str | None = OURS) -> dict[str, Any]:
        """Return the body of a dataflow; all that it uses exists, with this description."""
        body = self.platform.prepared()
        for kind, own in zip(
            ("sourceConnections", "targetConnections", "connections"), self.ids(body), strict=False
        ):
            if description is not None:
                etag = self.item(kind, own)["etag"]
                operation = {"op": "add", "path": "/description", "value": description}
                made(
                    self.platform.api(
                        "PATCH", f"/{kind}/{own}", json=[operation], headers={"If-Match": etag}
                    ),
                    200,
                )
        return body

    def draft(self, **uses: Any) -> None:
        """Create a draft of a dataflow that has these fields."""
        self.platform.flow({"name": "Draft", "flowSpec": self.body["flowSpec"], **uses}, mode="draft")

    def item(self, kind: str, own: str) -> dict[str, Any]:
        """Return an entity of Flow Service."""
        return dict(made(self.platform.api("GET", f"/{kind}/{own}"), 200)["items"][0])

    def ids(self, body: dict[str, Any]) -> list[str]:
        """Return the ids of all that a dataflow's body uses, in the order of `KINDS`."""
        [source], [target] = body["sourceConnectionIds"], body["targetConnectionIds"]
        base = self.item("sourceConnections", source)["baseConnectionId"]
        return [source, target, base, body["transformations"][-1]["params"]["mappingId"]]


@pytest.fixture
def sandbox(emulator: Emulator, hook: Any, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox of the emulator; the command's clock is the emulator's."""
    made_at = Sandbox(emulator)
    now = time.time
    defaults: Any = find.__kwdefaults__
    monkeypatch.setitem(defaults, "clock", lambda: now() + 2 * DAY)
    return made_at


def deleted(emulator: Emulator) -> list[str]:
    """Return the ids of the entities that the client asked to delete, in this order."""
    return [entry["path"].rsplit("/", 1)[1] for entry in emulator.requests("DELETE")]


def test_orphans_shows_what_nothing_uses(emulator: Emulator, sandbox: Sandbox, orphans: Command) -> None:
    """The JSON has the documented keys. Six lists and a token are enough."""
    code, out, err = orphans("-o", "json")
    rows = json.loads(out)
    assert code == 0
    assert [(row["kind"], row["id"]) for row in rows] == list(zip(KINDS, sandbox.left, strict=True))
    for row in rows:
        assert list(row) == ["id", "kind", "name", "created_at", "age_seconds", "made_by", "url"]
        assert row["age_seconds"] >= 2 * DAY
        assert row["id"] in row["url"]
        assert row["made_by"] == (None if row["kind"] == "mapping set" else "dag.task")
    assert err == "orphans: 4 in sandbox prod, 3 with this provider's ownership mark.\n"
    sent = [entry["path"].rsplit("/", 1)[1] for entry in emulator.requests()]
    assert sent == ["v3", "flows", "sourceConnections", "targetConnections", "connections", "mappingSets"]


@pytest.mark.parametrize("state", ["disabled", "draft"])
def test_a_dataflow_in_any_state_uses_its_connections(
    emulator: Emulator, sandbox: Sandbox, orphans: Command, state: str
) -> None:
    """A draft and a disabled dataflow are not over."""
    if state == "draft":
        source, target, _, mapping = sandbox.left
        sandbox.draft()
        sandbox.draft(sourceConnectionIds=[source], targetConnectionIds=[target])
        sandbox.draft(
            transformations=[{"name": "Mapping", "params": {"mappingId": mapping, "mappingVersion": 0}}]
        )
        assert json.loads(orphans("-o", "json")[1]) == []
    else:
        made(sandbox.platform.api("POST", f"/flows/{sandbox.flow}/action", params={"op": "disable"}), 200)
        assert [row["id"] for row in json.loads(orphans("-o", "json")[1])] == sandbox.left


def test_a_young_entity_is_no_orphan(sandbox: Sandbox, orphans: Command) -> None:
    """Its DAG may be about to use it. It keeps its base connection, too."""
    sandbox.platform.source(sandbox.left[2])
    assert [row["kind"] for row in json.loads(orphans("-o", "json")[1])] == [
        "source connection", "target connection", "mapping set",
    ]  # fmt: skip
    rows = json.loads(orphans("-o", "json", "--older-than", "3d")[1])
    assert rows == []


@pytest.mark.parametrize(
    "created",
    [None, 0, "yesterday", int(time.time() + 2 * DAY)],
    ids=["missing", "zero", "text", "in the future"],
)
def test_an_entity_of_unknown_age_is_no_orphan(
    emulator: Emulator, sandbox: Sandbox, orphans: Command, created: Any
) -> None:
    """It could be young. A time in seconds is young, too, if it is."""
    item = {"id": "a", "name": "Odd", "createdAt": created}
    emulator.fault(method="GET", path="/sourceConnections", status=200, body={"items": [item]})
    assert "a" not in [row["id"] for row in json.loads(orphans("-o", "json")[1])]


def test_an_entity_that_was_changed_lately_is_no_orphan(sandbox: Sandbox, orphans: Command) -> None:
    """Somebody works with it."""
    source = sandbox.item("sourceConnections", sandbox.left[0])
    operation = {"op": "replace", "path": "/name", "value": "Another"}
    headers = {"If-Match": source["etag"]}
    made(
        sandbox.platform.api(
            "PATCH", f"/sourceConnections/{source['id']}", json=[operation], headers=headers
        ),
        200,
    )
    assert [row["kind"] for row in json.loads(orphans("-o", "json")[1])] == [
        "target connection",
        "mapping set",
    ]


def test_the_base_connection_of_a_destination_is_in_use(
    emulator: Emulator, hook: Any, sandbox: Sandbox, orphans: Command
) -> None:
    """Its target connection names it, and its dataflow uses the target connection."""
    base, target = sandbox.left[2], sandbox.item("targetConnections", sandbox.left[1])
    destination = {**target, "id": "destination", "baseConnectionId": base}
    flow = {
        "id": "a",
        "state": "enabled",
        "sourceConnectionIds": ["b"],
        "targetConnectionIds": ["destination"],
    }
    emulator.fault(method="GET", path="/targetConnections", status=200, body={"items": [destination]})
    emulator.fault(method="GET", path="/flows", status=200, body={"items": [flow]})
    rows = json.loads(orphans("-o", "json")[1])
    assert base not in [row["id"] for row in rows]
    assert sandbox.left[0] in [row["id"] for row in rows]
    emulator.fault(method="GET", path="/targetConnections", status=200, body={"items": [destination]})
    sandbox.platform.api("DELETE", f"/sourceConnections/{sandbox.left[0]}")
    orphan = Orphan(base, "base connection", None, 0.0, math.inf, 0.0, "dag.task", "", deletable=True)
    with pytest.raises(EntityInUseError, match="target connection destination"):
        delete(hook, orphan)


@pytest.mark.parametrize(
    ("path", "hidden"),
    [
        ("/sourceConnections", {"source connection", "base connection"}),
        ("/targetConnections", {"target connection", "base connection"}),
        ("/connections", {"base connection"}),
        ("/mappingSets", {"mapping set"}),
    ],
)
def test_a_list_that_cannot_be_read_is_no_evidence(
    emulator: Emulator, sandbox: Sandbox, orphans: Command, path: str, hidden: set[str]
) -> None:
    """What depends on it is not shown, the message names it, and the exit code says that AEP refuses."""
    emulator.fault(method="GET", path=path, status=403, body={}, times=20)
    code, out, err = orphans("-o", "json")
    assert code == 3
    assert {row["kind"] for row in json.loads(out)} == set(KINDS) - hidden
    assert "Could not read all " in err
    assert "AEP-E304" in err


def test_an_entity_that_cannot_be_read_is_no_evidence(
    emulator: Emulator, sandbox: Sandbox, orphans: Command
) -> None:
    """A source connection that hides its base connection could use any."""
    item = {"id": "a", "name": "Odd", "createdAt": 1, "baseConnectionId": 5}
    emulator.fault(method="GET", path="/sourceConnections", status=200, body={"items": [item]})
    code, out, err = orphans("-o", "json")
    assert code == 3
    assert {row["kind"] for row in json.loads(out)} == {"target connection", "mapping set"}
    assert "baseConnectionId" in err


def test_without_the_dataflows_nothing_is_known(
    emulator: Emulator, sandbox: Sandbox, orphans: Command
) -> None:
    """A page that is missing, and a dataflow that does not show what it uses, are errors."""
    for body in (
        {"status": 403, "body": {}},
        {"status": 200, "body": {"items": [{"id": "a", "state": "enabled"}]}},
    ):
        emulator.clear_faults()
        emulator.fault(method="GET", path="/flows", times=20, **body)
        code, out, err = orphans("-o", "json")
        assert (code, out, err.count("\n")) == (3, "", 1)
        assert err.startswith("orphans: ")


def test_delete_asks_and_deletes_in_order(emulator: Emulator, sandbox: Sandbox, orphans: Command) -> None:
    """Connections at the ends go before their base connection. A mapping set stays."""
    code, out, err = orphans("--delete", stdin=Terminal("y\n"))
    assert code == 0
    assert deleted(emulator) == sandbox.left[:3]
    assert err.count("orphans: Deleted the ") == 3
    assert [line.split()[-1] for line in out.splitlines()[1:]] == ["yes", "yes", "yes", "no"]
    assert [row["kind"] for row in json.loads(orphans("-o", "json")[1])] == ["mapping set"]


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_delete_takes_no_for_an_answer(
    emulator: Emulator, sandbox: Sandbox, orphans: Command, answer: str
) -> None:
    """Only yes deletes. The end of the input is a no."""
    code, out, err = orphans("--delete", "-o", "json", stdin=Terminal(answer))
    assert code == 0
    assert {row["deleted"] for row in json.loads(out)} == {False}
    assert "Nothing was deleted." in err
    assert deleted(emulator) == []


def test_delete_without_a_terminal_needs_yes(emulator: Emulator, sandbox: Sandbox, orphans: Command) -> None:
    """It refuses before it asks AEP anything."""
    code, out, err = orphans("--delete")
    assert (code, out) == (2, "")
    assert "`--yes`" in err
    assert emulator.requests() == []
    assert orphans("--delete", "--yes")[0] == 0
    assert deleted(emulator) == sandbox.left[:3]


def test_delete_touches_only_what_this_provider_made(emulator: Emulator, hook: Any, orphans: Command) -> None:
    """Connections of others stay, and so does a base connection of ours that theirs use."""
    platform = Platform(emulator)
    base = platform.base(description=OURS)
    theirs, ours = platform.source(base), platform.base(description=OURS, name="Unused")
    time.sleep(1.1)
    code, out, _ = orphans("--delete", "--yes", "--older-than", "1s", "-o", "json")
    assert code == 0
    assert {row["id"]: row["deleted"] for row in json.loads(out)} == {theirs: False, base: False, ours: True}
    assert deleted(emulator) == [ours]


def test_what_is_used_before_its_deletion_stays(
    emulator: Emulator, sandbox: Sandbox, orphans: Command
) -> None:
    """A DAG creates a dataflow while the user thinks. The rest is deleted."""
    source, target, base, _ = sandbox.left

    def use() -> None:
        sandbox.draft(sourceConnectionIds=[source])

    code, out, err = orphans("--delete", "-o", "json", stdin=Terminal("y\n", use))
    assert code == 0
    assert {row["id"] for row in json.loads(out) if row["deleted"]} == {target}
    assert deleted(emulator) == [target]
    assert f"The source connection {source} was not deleted. It is in use by dataflow " in err
    assert f"The base connection {base} was not deleted. It is in use by source connection {source}." in err


def test_what_is_used_after_the_check_stays(emulator: Emulator, sandbox: Sandbox, orphans: Command) -> None:
    """AEP refuses to delete what is in use. That is no failure."""
    source = sandbox.left[0]

    def use() -> None:
        sandbox.draft(sourceConnectionIds=[source])
        emulator.fault(method="GET", path="/flows", status=200, body={"items": []})

    code, _, err = orphans("--delete", stdin=Terminal("y\n", use))
    assert code == 0
    assert f"The source connection {source} was not deleted. It is in use, says AEP:" in err


def test_what_lost_its_mark_stays(emulator: Emulator, sandbox: Sandbox, orphans: Command) -> None:
    """Somebody took the entity over."""
    source = sandbox.left[0]

    def take_over() -> None:
        etag = sandbox.item("sourceConnections", source)["etag"]
        operation = {"op": "replace", "path": "/description", "value": "Ours now"}
        made(
            sandbox.platform.api(
                "PATCH", f"/sourceConnections/{source}", json=[operation], headers={"If-Match": etag}
            ),
            200,
        )

    orphans("--delete", stdin=Terminal("y\n", take_over))
    assert deleted(emulator) == [sandbox.left[1]]


def test_what_changes_before_its_deletion_stays(
    emulator: Emulator, sandbox: Sandbox, orphans: Command
) -> None:
    """A task adopts the entity while the user thinks, and is about to use it."""
    source = sandbox.left[0]

    def adopt() -> None:
        etag = sandbox.item("sourceConnections", source)["etag"]
        operation = {"op": "replace", "path": "/name", "value": "New name"}
        made(
            sandbox.platform.api(
                "PATCH", f"/sourceConnections/{source}", json=[operation], headers={"If-Match": etag}
            ),
            200,
        )

    code, _, err = orphans("--delete", stdin=Terminal("y\n", adopt))
    assert code == 0
    assert source not in deleted(emulator)
    assert f"The source connection {source} was not deleted. It was changed meanwhile" in err


def test_one_failure_does_not_stop_the_others(emulator: Emulator, sandbox: Sandbox, orphans: Command) -> None:
    """The exit code says that something failed."""
    source, target, _, _ = sandbox.left
    emulator.fault(method="DELETE", path=f"/sourceConnections/{source}", status=403, body={})
    code, out, err = orphans("--delete", "--yes", "-o", "json")
    assert code == 1
    assert {row["id"] for row in json.loads(out) if row["deleted"]} == {target}
    assert "AEP-E304" in err


def test_what_is_gone_already_counts_as_deleted(emulator: Emulator, hook: Any, sandbox: Sandbox) -> None:
    """Two people clean up at once. A list that is refused does not count so."""
    [row, *_] = find(hook).rows
    emulator.fault(method="GET", path="/flows", status=404, body={})
    with pytest.raises(Exception, match="AEP-E305"):
        delete(hook, row)
    delete(hook, row)
    delete(hook, row)
    assert deleted(emulator) == [row.id]


def test_a_secret_in_a_name_is_not_shown(emulator: Emulator, hook: Any, orphans: Command) -> None:
    """Whoever typed it there."""
    spec_of = {"connectionSpec": spec(), "auth": {"specName": "Basic", "params": {"host": "example.com"}}}
    item = {"id": "a", "name": f"PayPal {CLIENT_SECRET}", "createdAt": 1, **spec_of}
    emulator.fault(method="GET", path="/connections", status=200, body={"items": [item]})
    code, out, err = orphans()
    assert code == 0
    assert "PayPal ***" in out
    assert not canary.find_any(out + err)
