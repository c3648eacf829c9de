"""`sources` and `emulator`, as `airflow aep ...` and as `python -m airflow_provider_aep ...`."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import airflow
import pytest

from airflow_provider_aep.__main__ import parser
from airflow_provider_aep.cli import sources as command
from airflow_provider_aep.flow_service.secret_rules import is_secret
from airflow_provider_aep.flow_service.sources import Source, catalogue, find_source
from airflow_provider_aep.get_provider_info import get_provider_info
from airflow_provider_aep.hooks.auth_selection import select_auth
from airflow_provider_aep.hooks.connection_line import connection_line
from airflow_provider_aep.hooks.credentials import read_credentials
from airflow_provider_aep.hooks.scrub import Secrets
from tests.harness.connections import MakeHook, SetConnection
from tests.harness.emulator import PAYPAL_SPEC, Emulator
from tests.harness.operators import context

SOURCES = [source for source in catalogue().values() if source.auth]
Said = Callable[..., str]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """`said("s3", "--live")`: what the command prints to stdout."""

    def run(*words: str) -> str:
        command.run(parser().parse_args(["sources", *words]))
        return capsys.readouterr().out

    return run


def lines_of(connection: str) -> tuple[str, dict[str, Any]]:
    """The id and the fields of an `airflow connections add`."""
    begin = ["airflow", "connections", "add"]
    words = shlex.split(connection)
    assert words[:3] == begin
    options = argparse.ArgumentParser()
    for name in ("type", "login", "password", "host", "schema", "port", "extra"):
        options.add_argument(f"--conn-{name}")
    given = vars(options.parse_args(words[4:]))
    if given["conn_port"]:
        given["conn_port"] = 4711
    return words[3], {name.removeprefix("conn_"): value for name, value in given.items() if value}


def test_the_table_has_every_row(said: Said) -> None:
    """Each source has category, authentication, parameters and state."""
    text = said()
    for source in catalogue().values():
        assert source.key[:20] in text
    assert text.count("uncertain") == sum(auth.uncertain for one in SOURCES for auth in one.auth)
    states = [command.state(auth) for one in SOURCES for auth in one.auth]
    assert text.count(" deprecated ") == sum("deprecated" in state for state in states)
    assert text.count(" retired ") == states.count("retired") == 2
    assert "clientSecret*" in text
    assert "(host)" in text
    assert "no base connection" in text


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.key)
def test_what_is_printed_for_one_works(said: Said, set_connection: SetConnection, source: Source) -> None:
    """The DAG and the connections as they stand, to be copied: they load, and the one fits the other."""
    text = said(source.title)
    connections = [line for line in text.splitlines() if line.startswith("airflow connections add")]
    assert len(connections) == len(source.auth)
    code = text[text.index("from airflow.sdk import DAG") :]
    names: dict[str, Any] = {}
    exec(compile(code, "printed", "exec"), names)
    task = names["connection"]
    for auth, line in zip(source.auth, connections, strict=True):
        conn_id, fields = lines_of(line)
        assert conn_id == task.source_conn_id
        set_connection(conn_id, **{"conn_type": fields.pop("type"), **fields})
        credentials = read_credentials(find_source(task.source), conn_id, Secrets())
        selected = select_auth(source.auth, credentials, task.auth_spec)
        assert selected.auth_spec == (task.auth_spec or auth.name)
    assert source.uncertain is ("uncertain" in text.split("airflow connections add", maxsplit=1)[0])


@pytest.mark.parametrize("source", catalogue().values(), ids=lambda source: source.key)
def test_what_a_user_must_know_is_printed(said: Said, source: Source) -> None:
    """The sentences of the source's page, in the table and as JSON."""
    text, data = " ".join(said(source.title).split()), json.loads(said(source.title, "-o", "json"))[0]
    for auth, shown in zip(source.auth, data["authentication"], strict=True):
        assert (shown["note"], shown["deprecated"]) == (auth.note, auth.deprecated)
        assert auth.note in text
        assert (auth.deprecated or "") in text
    assert data["note"] == source.note
    assert source.note in text


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.key)
def test_the_printed_connection_keeps_secrets_in_the_password(source: Source) -> None:
    """Airflow hides the password everywhere, and an extra only under names it knows."""
    for auth in source.auth:
        _, fields = lines_of(connection_line(source, auth))
        in_extra = {name for name in json.loads(fields.get("extra", "{}")) if is_secret(name)}
        assert "password" in fields or not in_extra - NO_PASSWORD.get(source.key, set())


NO_PASSWORD = {
    "microsoft-dynamics": {"servicePrincipalId", "servicePrincipalKey"},
    "azure-blob-storage": {"sasUri"},
    "sftp": {"privateKeyContent", "passPhrase"},
    "google-pubsub": {"credentials"},
}
"""Settings that only the extra of an Airflow connection holds."""


def test_the_printed_paypal_connection_is_of_the_real_paypal(said: Said) -> None:
    """Without a host it would be PayPal's sandbox."""
    assert "--conn-host api.paypal.com" in said("paypal")


def test_the_printed_dag_connects(
    emulator: Emulator, said: Said, make_hook: MakeHook, set_connection: SetConnection, monkeypatch: Any
) -> None:
    """On a platform, as a beginner would run it."""
    make_hook(emulator.url)
    monkeypatch.setenv("AIRFLOW__AEP__SETTLE", "0")
    text = said("square")
    conn_id, fields = lines_of(
        next(one for one in text.splitlines() if one.startswith("airflow connections"))
    )
    set_connection(conn_id, **{"conn_type": fields.pop("type"), **fields})
    names: dict[str, Any] = {}
    exec(text[text.index("from airflow.sdk import DAG") :], names)
    made = names["connection"].execute(context())
    assert emulator.api()("GET", f"/connections/{made}").json()["items"][0]["name"] == "Square connection"


def test_what_needs_no_base_connection_says_so(said: Said) -> None:
    """Nothing is printed that would fail."""
    text = said("Data Landing Zone")
    assert "no base connection" in text
    assert "airflow connections add" not in text


def test_an_unknown_name_ends_with_a_sentence(said: Said, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is that of wrong usage."""
    with pytest.raises(SystemExit, match=r"^2$"):
        said("amzon-s3")
    assert "Did you mean 'amazon-s3'" in capsys.readouterr().err


def test_live_names_what_is_new_gone_and_changed(emulator: Emulator, said: Said, make_hook: MakeHook) -> None:
    """The catalogue is shown next to the platform behind a connection."""
    make_hook(emulator.url)
    specs = emulator.api()("GET", "/connectionSpecs").json()["items"]
    kept = [spec for spec in specs if spec["id"] != PAYPAL_SPEC]
    stripe = next(spec for spec in kept if spec["name"] == "Stripe")
    stripe["authSpec"][0]["spec"]["required"].append("account")
    new = {"id": "abc-1", "name": "Brand New", "attributes": {"isSource": True}}
    lake = {"id": "abc-2", "name": "Data Lake", "attributes": {"isSource": False}}
    pages = [
        {"items": kept, "_links": {"next": {"href": "/connectionSpecs?continuationToken=abc"}}},
        {"items": [new, lake]},
    ]
    for page in pages:
        emulator.fault(method="GET", path="/connectionSpecs", status=200, body=page)
    text = said("--live")
    assert "Brand New" in text
    assert "Data Lake" not in text
    rows = {line.split("│")[1].strip(): line for line in text.splitlines() if line.count("│") > 3}
    assert "gone" in rows["PayPal"]
    assert "changed" in rows["Stripe"]
    assert "another's" in rows["PathFactory (uncertain)"]
    assert "Square" not in rows


def test_live_says_why_it_cannot(
    said: Said, emulator: Emulator, make_hook: MakeHook, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the words of the hook. The exit code says that AEP refuses."""
    make_hook(emulator.url, sandbox=None)
    emulator.fault(method="GET", path="/connectionSpecs", status=403, body={})
    with pytest.raises(SystemExit, match=r"^3$"):
        said("paypal", "--live", "--sandbox", "dev")
    assert "View Sources" in capsys.readouterr().err
    assert emulator.requests("GET", "/connectionSpecs")[0]["headers"]["x-sandbox-name"] == "dev"


def test_airflow_is_told_of_the_command() -> None:
    """The provider info names it. Airflow reads that from 3.2 on."""
    assert get_provider_info()["cli"] == ["airflow_provider_aep.cli.commands.get_commands"]


OWN = [sys.executable, "-m", "airflow_provider_aep"]
AIRFLOW = pytest.param(
    [sys.executable, "-m", "airflow", "aep"],
    marks=pytest.mark.skipif(
        tuple(map(int, airflow.__version__.split(".")[:2])) < (3, 2), reason="commands came with Airflow 3.2"
    ),
    id="airflow",
)


@pytest.mark.parametrize("begin", [pytest.param(OWN, id="own"), AIRFLOW])
def test_the_command_runs(begin: list[str], tmp_path: Path) -> None:
    """The command runs as a user types it."""
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path)}
    done = subprocess.run(
        [*begin, "sources", "Amazon S3"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert 'source="amazon-s3"' in done.stdout


@pytest.mark.parametrize("begin", [pytest.param(OWN, id="own"), AIRFLOW])
def test_the_emulator_command_is_the_emulator(begin: list[str], tmp_path: Path) -> None:
    """It takes the emulator's own options, `--help` among them. It ends as the emulator does."""
    pipes: Any = {"env": {**os.environ, "AIRFLOW_HOME": str(tmp_path)}, "text": True}
    emulator = [sys.executable, "-m", "airflow_provider_aep.emulator"]
    for option in ("--help", "--port=none"):
        shown, expected = (
            subprocess.run([*words, option], **pipes, capture_output=True, timeout=120)
            for words in ([*begin, "emulator"], emulator)
        )
        assert (shown.returncode, shown.stdout) == (expected.returncode, expected.stdout)
        assert shown.stderr.endswith(expected.stderr)
    words = [*begin, "emulator", "--port", "0", "--list-lag", "3"]
    with subprocess.Popen(words, **pipes, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("listening on http://127.0.0.1:")
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
