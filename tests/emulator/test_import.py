"""`import`: dataflows that nobody made with this provider become DAGs that find them again."""

from __future__ import annotations

import json
import re
import shlex
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_aep.__main__ import main
from airflow_provider_aep.flow_service.errors import EntityMissingError
from tests.harness import canary
from tests.harness.dag_plans import aep_connection, run_plan
from tests.harness.dag_runs import changes
from tests.harness.dataflow_kinds import (
    FILES,
    HOSTILE,
    KINDS,
    ORDERS,
    PEOPLE,
    REST,
    Maker,
    made_kinds,
)
from tests.harness.documented_sources import row_of
from tests.harness.emulator import Emulator
from tests.harness.operators import unwrapped
from tests.harness.pipeline import Pipeline
from tests.harness.platform import Platform, decide
from tests.harness.task_process import FileStore, TaskInstance

Capture = pytest.CaptureFixture[str]
Import = Callable[..., tuple[int, list[dict[str, Any]], str]]


@pytest.fixture
def run_import(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Import:
    """`run_import("--all", "--out", directory)`: exit code, JSON and stderr."""

    def run(*words: str) -> tuple[int, list[dict[str, Any]], str]:
        monkeypatch.setattr("sys.argv", ["airflow_provider_aep", "import", "--output", "json", *words])
        code = 0
        capsys.readouterr()  # of the operators before
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = capsys.readouterr()
        return code, json.loads(out) if out else [], err

    return run


def run_file(path: Path, xcoms: Path) -> dict[str, Any]:
    """Run the tasks of a DAG file in this process; Airflow renders them. Return what each returned."""
    text = path.read_text("utf-8")
    module: dict[str, Any] = {}
    exec(compile(text.replace("):\n", ") as dag:\n", 1), str(path), "exec"), module)
    store, found = FileStore(xcoms / path.stem), {}
    for task in module["dag"].tasks:
        ti = TaskInstance("manual__2026-01-01", -1, 2, store)
        context = {"run_id": ti.run_id, "ti": ti, "task": task}
        task.render_template_fields(context)
        found[task.task_id] = task.execute(context)
        store.set(task.task_id, found[task.task_id])
    return found


def test_import_of_every_kind_finds_the_dataflow_and_changes_nothing(
    emulator: Emulator, hook: Any, run_import: Import, tmp_path: Path, logged: Callable[[], str]
) -> None:
    """Every DAG runs as written, without a source's credentials, and ends with the same dataflow's id.

    What the operators cannot express is named. No task sees a difference.
    """
    ids = made_kinds(emulator)
    code, rows, _ = run_import(*ids.values(), "--out", str(tmp_path))
    assert code == 1
    assert [row["flow_id"] for row in rows] == list(ids.values())
    assert len({row["dag_id"] for row in rows}) == len(rows)
    logged()
    for (name, own), row in zip(ids.items(), rows, strict=True):
        kind = KINDS[name]
        fields = {one.partition(":")[0].partition("._")[0] for one in row["not_imported"]}
        assert fields == set(kind.missing), name
        returned = run_file(Path(row["file"]), tmp_path)
        assert returned["get_dataflow" if kind.by_id else "create_dataflow"] == own, name
        waited = returned.get("wait_for_run")
        assert (waited and waited["flow_id"]) == (own if kind.waits else None), name
        assert "differs" not in logged(), name
    assert [sent for sent in emulator.requests() if changes(sent)] == []


SAMPLE = ("daily table", "disabled")
"""The kinds that `make test` runs with Airflow itself; `make test-nightly` runs all."""


@pytest.mark.parametrize(
    "names",
    [pytest.param(SAMPLE, id="sample"), pytest.param(tuple(KINDS), id="all", marks=pytest.mark.nightly)],
)
def test_imported_dags_run_in_airflow(
    emulator: Emulator, hook: Any, run_import: Import, tmp_path: Path, names: tuple[str, ...]
) -> None:
    """`plan` says that each task reuses, `airflow dags test` succeeds, and no request changes anything."""
    ids = made_kinds(emulator, {name: KINDS[name] for name in names})
    _, rows, _ = run_import(*ids.values(), "--out", str(tmp_path / "made"))
    files = {row["dag_id"]: Path(row["file"]).read_text("utf-8") for row in rows}
    runs = [{"name": f"plan {dag}", "aep": ["plan", dag, "--check"]} for dag in files]
    runs += [{"name": dag, "dag": dag} for dag in files]
    known = {"aep_default": aep_connection(emulator.url)}
    log, succeeded = run_plan(emulator.url, runs, known, tmp_path, **files)
    assert succeeded == [run["name"] for run in runs], log[-20000:]
    assert [sent for sent in emulator.requests() if changes(sent)] == []
    with sqlite3.connect(tmp_path / "home" / "airflow.db") as database:
        kept = database.execute("select dag_id, value from xcom where key = 'return_value'").fetchall()
    for row in rows:
        assert (row["dag_id"], json.dumps(row["flow_id"])) in kept


def test_import_of_a_whole_dataflow_is_complete(
    emulator: Emulator, hook: Any, run_import: Import, tmp_path: Path
) -> None:
    """The answer has the documented keys, and exit code 0. The file is whole and names no temporary file."""
    (own,) = made_kinds(emulator, {"daily table": KINDS["daily table"]}).values()
    code, (row,), err = run_import("--all", "--out", str(tmp_path / "new" / "dags"))
    assert code == 0, err
    assert list(row) == ["flow_id", "name", "file", "dag_id", "not_imported", "connections"]
    assert (row["flow_id"], row["name"], row["not_imported"]) == (own, "daily table", [])
    assert row["dag_id"] == f"daily_table_{own[:8]}"
    assert [str(path) for path in (tmp_path / "new" / "dags").iterdir()] == [row["file"]]
    text = Path(row["file"]).read_text("utf-8")
    assert own in text
    assert "not imported" not in text
    (command,) = row["connections"]
    assert command.startswith("airflow connections add daily_table_base_")
    assert f"#   {command}\n" in text
    assert f'source_conn_id="{command.split()[3]}"' in text


def test_import_does_not_overwrite_a_file(
    emulator: Emulator, hook: Any, run_import: Import, tmp_path: Path
) -> None:
    """A file that exists stays as it is, and the exit code is 1. `--force` overwrites it."""
    made_kinds(emulator, {"once": KINDS["once"]})
    _, (row,), _ = run_import("--all", "--out", str(tmp_path))
    path = Path(row["file"])
    path.write_text("changed by hand")
    code, (again,), _ = run_import("--all", "--out", str(tmp_path))
    assert (code, again["file"]) == (1, str(path))
    assert "--force" in again["not_imported"][0]
    assert path.read_text() == "changed by hand"
    code, (forced,), _ = run_import("--all", "--out", str(tmp_path), "--force")
    assert (code, forced["file"]) == (0, str(path))
    assert "DAG" in path.read_text()
    assert len(list(tmp_path.iterdir())) == 1


def test_import_continues_after_a_dataflow_that_cannot_be_read(
    emulator: Emulator, hook: Any, run_import: Import, tmp_path: Path
) -> None:
    """A missing dataflow and an invalid id have their own error, and the others are written."""
    (own,) = made_kinds(emulator, {"once": KINDS["once"]}).values()
    code, rows, _ = run_import("no-such-flow", own, "../secret", own, "--out", str(tmp_path))
    assert code == 1
    assert [(row["flow_id"], row["file"] is None) for row in rows] == [
        ("no-such-flow", True), (own, False), ("../secret", True),
    ]  # fmt: skip
    assert rows[0]["name"] is rows[0]["dag_id"] is None
    assert "AEP-E" in rows[0]["not_imported"][0]
    assert "`ID`" in rows[2]["not_imported"][0]


@pytest.mark.parametrize("path", ["/targetConnections", "/sourceConnections", "/flowSpecs", "/connections",
                                  "/dataSets", "/tenant/schemas", "/mappingSets"])  # fmt: skip
def test_import_says_which_part_cannot_be_read(
    emulator: Emulator, hook: Any, run_import: Import, tmp_path: Path, path: str
) -> None:
    """If a list is refused, ids replace what it shows. The DAG still runs and changes nothing."""
    (own,) = made_kinds(emulator, {"once": KINDS["once"]}).values()
    emulator.fault(method="GET", path=path, status=403, times=9)
    code, (row,), _ = run_import("--all", "--out", str(tmp_path))
    emulator.clear_faults()
    text = Path(row["file"]).read_text("utf-8")
    assert code == 1
    assert "cannot be read" in "".join(row["not_imported"])
    assert "(AEP-E" in text or "cannot be read" in text
    assert own in run_file(Path(row["file"]), tmp_path).values()
    assert [sent for sent in emulator.requests() if changes(sent)] == []


@pytest.mark.parametrize(
    ("words", "option"),
    [((), "--all"), (("some-id", "--all"), "--all"), (("--all", "--out", __file__), "--out")],
)
def test_import_names_the_wrong_option(
    run_import: Import, hook: Any, words: tuple[str, ...], option: str
) -> None:
    """Wrong usage ends with exit code 2 and sends nothing."""
    code, _, err = run_import(*words)
    assert code == 2
    assert option in err


def test_import_of_an_unreachable_platform_ends_with_3(
    emulator: Emulator, hook: Any, run_import: Import, tmp_path: Path
) -> None:
    """If the dataflows cannot be listed, there is no answer."""
    emulator.fault(method="GET", path="/flows", status=403, times=9)
    code, rows, err = run_import("--all", "--out", str(tmp_path))
    assert (code, rows) == (3, [])
    assert "AEP-E" in err


@pytest.mark.parametrize("kind", ["webhook", "daily table"])
@pytest.mark.parametrize("entity", ["flows", "sourceConnections"])
def test_an_imported_dag_creates_nothing_after_a_rename(
    emulator: Emulator, hook: Any, run_import: Import, tmp_path: Path, kind: str, entity: str
) -> None:
    """A second dataflow would ingest everything twice. The task fails, and says why."""
    (own,) = made_kinds(emulator, {kind: KINDS[kind]}).values()
    _, (row,), _ = run_import(own, "--out", str(tmp_path))
    platform = Platform(emulator)
    renamed = own if entity == "flows" else platform.get("flows", own)["sourceConnectionIds"][0]
    change = [{"op": "replace", "path": "/name", "value": "renamed"}]
    etag = {"If-Match": platform.get(entity, renamed)["etag"]}
    assert platform.api("PATCH", f"/{entity}/{renamed}", json=change, headers=etag).ok
    emulator.forget_requests()
    with unwrapped(EntityMissingError, match="if_missing"):
        run_file(Path(row["file"]), tmp_path)
    assert [sent for sent in emulator.requests() if changes(sent)] == []


def test_import_of_an_id_that_cannot_be_asked_for_ends_with_3(
    emulator: Emulator, hook: Any, run_import: Import, tmp_path: Path
) -> None:
    """The answer has the reason for each id. A dataflow that does not exist ends with 1."""
    emulator.fault(method="GET", path="/flows", status=403, times=9)
    code, (row,), _ = run_import("24151d58-ffa7-4960-951d-58ffa7396097", "--out", str(tmp_path))
    assert (code, row["file"]) == (3, None)
    assert "AEP-E" in row["not_imported"][0]


def test_import_of_200_dataflows_reads_lists(
    emulator: Emulator, hook: Any, run_import: Import, tmp_path: Path
) -> None:
    """Each list is read once, by pages of 100. Only schemas and mapping sets are read one by one."""
    emulator.control("POST", "fleet", {"flows": 200, "runs": 1, "failed": 3, "partial": 3, "sandbox": "prod"})
    emulator.forget_requests()
    _, rows, _ = run_import("--all", "--out", str(tmp_path))
    assert len({row["file"] for row in rows} - {None}) == 200
    for row in rows:
        compile(Path(row["file"]).read_text("utf-8"), row["file"], "exec")
    sent = emulator.requests()
    assert [one for one in sent if changes(one)] == []
    single = [one for one in sent if "/tenant/schemas/" in one["path"] or "/mappingSets/" in one["path"]]
    assert len(single) <= len({row["flow_id"] for row in rows})
    assert len(sent) - len(single) <= 30


def test_import_writes_no_secret(
    emulator: Emulator, hook: Any, run_import: Import, tmp_path: Path, capsys: Capture
) -> None:
    """No file and no output has a secret, whatever AEP shows of a base connection of any source."""
    platform, found = Platform(emulator), []
    for source in ("Amazon S3", "SFTP", "Azure Blob Storage"):
        row, maker = row_of(source), Maker(platform, f"files of {source}")
        base = maker.base(source, auth=row.body(**row.params(optional=True))["auth"])
        path = {"path": "/orders/", "type": "folder"}
        own = maker.source(row.source["id"], path, {"format": "delimited"}, baseConnectionId=base)
        found.append(platform.flow(maker.once(own, ORDERS, FILES)))
    stripe = Maker(platform, "a resource with a key")
    secret = {"resourcePath": "charges", "api_key": "sk_live_4eC39HqLyjWD"}
    found.append(platform.flow(stripe.once(stripe.of("Stripe", secret, {"format": "json"}), PEOPLE, REST)))
    _, rows, err = run_import(*found, "--out", str(tmp_path))
    texts = [Path(row["file"]).read_text("utf-8") for row in rows]
    shown = "".join([*texts, json.dumps(rows), err])
    assert canary.find_any(shown) == []
    assert secret["api_key"] not in shown
    assert "source connection.params.api_key" in rows[-1]["not_imported"][0]


def test_import_of_what_our_own_tasks_made(
    emulator: Emulator, hook: Any, run_import: Import, tmp_path: Path
) -> None:
    """Ownership marks are not part of the descriptions, and the DAG leaves them as they are."""
    pipeline = Pipeline(emulator, hook)
    own = pipeline.dataflow(description="Products, daily")
    emulator.advance(60)
    for run in Platform(emulator).runs(own):
        decide(Platform(emulator), run["id"], status="success")
    before = pipeline.hook.get_flow(own)["description"]
    code, (row,), _ = run_import(own, "--out", str(tmp_path))
    assert (code, row["not_imported"]) == (0, [])
    assert "[airflow:" not in Path(row["file"]).read_text("utf-8")
    emulator.forget_requests()
    assert run_file(Path(row["file"]), tmp_path)["create_dataflow"] == own
    assert [sent for sent in emulator.requests() if changes(sent)] == []
    assert pipeline.hook.get_flow(own)["description"] == before


def test_import_gives_a_command_for_the_credentials(
    emulator: Emulator, hook: Any, run_import: Import, tmp_path: Path, set_connection: Any, logged: Any
) -> None:
    """With the connection that the command adds, the base connection is found without a difference."""
    kinds = {kind: KINDS[kind] for kind in ("daily table", "one file", "resource")}
    made_kinds(emulator, kinds)
    _, rows, _ = run_import("--all", "--out", str(tmp_path))
    for row in rows:
        (command,) = row["connections"]
        words = shlex.split(command)
        assert words[:3] == ["airflow", "connections", "add"]
        fields = dict(zip(words[4::2], words[5::2], strict=True))
        given = {name.removeprefix("--conn-"): value for name, value in fields.items()}
        given["conn_type"] = given.pop("type")
        set_connection(words[3], **given)
        logged()
        run_file(Path(row["file"]), tmp_path)
        assert not re.search("differs|credentials are missing", logged())
    assert [sent for sent in emulator.requests() if changes(sent)] == []


def test_import_shows_people_what_to_do(
    emulator: Emulator, hook: Any, monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path
) -> None:
    """The table names each file, what is not imported, and the commands, without control characters."""
    made_kinds(emulator, {kind: KINDS[kind] for kind in ("labels", HOSTILE)})
    monkeypatch.setattr("sys.argv", ["airflow_provider_aep", "import", "--all", "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert ended.value.code == 1
    assert f"{tmp_path}/labels_" in out
    assert "not imported: dataflow.labels: " in out
    assert "airflow connections add labels_base_" in out
    assert "2 of 2 dataflows" in err
    assert all(one.isprintable() for one in out.replace("\n", ""))
