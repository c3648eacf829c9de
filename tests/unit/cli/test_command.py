"""The common ground of commands: what goes to stdout and to stderr, and the exit codes."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_aep.__main__ import parser
from airflow_provider_aep.cli import COMMANDS, emulator, errors, sources
from airflow_provider_aep.cli.command import Answer, command, exit_code, printable
from airflow_provider_aep.flow_service.errors import AepConfigError, AepError, every_kind

Capture = pytest.CaptureFixture[str]
TEXT = argparse.Namespace(output="table")
JSON = argparse.Namespace(output="json")


def answering(code: int = 0, work: Callable[[], object] = lambda: None) -> Callable[..., None]:
    @command
    def run(_options: argparse.Namespace) -> Answer:
        work()
        return Answer([{"name": "Zürich"}], lambda console: console.print("[red]Zürich[/]"), code)

    return run


def code_of(run: Callable[..., None], options: argparse.Namespace = TEXT) -> int:
    with pytest.raises(SystemExit) as caught:
        run(options)
    assert isinstance(caught.value.code, int)
    return caught.value.code


def raising(error: BaseException) -> Callable[..., None]:
    def fail() -> None:
        raise error

    return answering(work=fail)


def test_json_is_the_only_text_on_stdout(capfd: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else is printed, also by something that has the descriptor, goes to stderr."""
    monkeypatch.setattr("sys.stdout", os.fdopen(1, "w", closefd=False))
    monkeypatch.setattr("sys.stderr", os.fdopen(2, "w", buffering=1, closefd=False))

    def chatter() -> None:
        print("a log line")
        sys.__stdout__.write("another\n")  # type: ignore[union-attr]
        os.write(1, b"a third\n")

    answering(work=chatter)(JSON)
    out, err = capfd.readouterr()
    assert json.loads(out) == [{"name": "Zürich"}]
    assert {"a log line", "another", "a third"} == set(err.splitlines())


def test_a_table_is_plain_without_a_terminal(capsys: Capture) -> None:
    """A pipe gets no colours."""
    answering()(TEXT)
    assert capsys.readouterr().out == "Zürich\n"


def test_the_answer_has_the_exit_code(capsys: Capture) -> None:
    """It is printed all the same."""
    assert code_of(answering(code=1), JSON) == 1
    assert json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("kind", every_kind(), ids=lambda kind: kind.__name__)
def test_every_error_ends_with_a_sentence(kind: type[AepError], capsys: Capture) -> None:
    """It has the stable code, is one line on stderr, and leaves stdout empty."""
    error = kind.__new__(kind)
    start = AepConfigError if issubclass(kind, AepConfigError) else AepError  # others need facts of the case
    start.__init__(error, "It\nfailed.")
    code = code_of(raising(error), JSON)
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("test_command: It failed.")
    assert kind.stable_code in err
    family = kind.stable_code[len("AEP-E")]
    assert code == {"1": 2, "4": 1, "5": 1}.get(family, 3) == exit_code(error)


def test_an_error_cannot_move_the_cursor(capsys: Capture) -> None:
    """It can have words of AEP."""
    assert code_of(raising(AepError("bad\x1b[2J"))) == 3
    assert "bad\N{REPLACEMENT CHARACTER}[2J" in capsys.readouterr().err


def test_an_error_names_the_option() -> None:
    """A command has no `aep_conn_id`."""
    with pytest.raises(SystemExit):
        raising(AepConfigError("Set `aep_conn_id`.", parameter="aep_conn_id"))(TEXT)


def test_a_defect_ends_without_a_traceback(capsys: Capture) -> None:
    """Its text is not shown: it can hold a secret."""
    assert code_of(raising(ValueError("hunter2"))) == 3
    err = capsys.readouterr().err
    assert err.startswith("test_command: The command failed with builtins.ValueError.")
    assert AepError.stable_code in err
    assert "hunter2" not in err


def test_a_missing_module_is_a_setting(capsys: Capture) -> None:
    """As a database of Airflow without its driver is."""
    missing = ModuleNotFoundError("No module named 'psycopg2'", name="psycopg2")
    assert code_of(raising(missing)) == 2
    assert "The Python module psycopg2 is missing. " in capsys.readouterr().err


def test_an_interrupted_command_is_silent(capsys: Capture) -> None:
    """As a shell expects it."""
    assert code_of(raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr() == ("", "")


def test_a_text_of_aep_cannot_move_the_cursor() -> None:
    """Letters of all languages stay."""
    assert printable("Zürich\x1b[2J\n") == "Zürich\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"emulator"}))
def test_every_command_has_the_common_options(name: str) -> None:
    """One that asks AEP also has the connection and the sandbox."""
    required = [flags[0] for flags, words in COMMANDS[name][1] if flags[0][0] != "-" and "nargs" not in words]
    options = parser().parse_args([name, *required, "-o", "json"])
    assert options.output == "json"
    assert getattr(options, "conn_id", "aep_default") == "aep_default"


def test_sources_and_errors_as_json(capsys: Capture) -> None:
    """Each is a list, also of one."""

    def printed(run: Any, *words: str) -> Any:
        run(parser().parse_args([*words, "--output", "json"]))
        return json.loads(capsys.readouterr().out)

    catalogue = printed(sources.run, "sources")
    (paypal,) = printed(sources.run, "sources", "paypal")
    assert paypal in catalogue
    (way,) = paypal["authentication"]
    assert {"name": "clientSecret", "required": True, "secret": True} in way["parameters"]
    assert "airflow connections add" in way["connection"]
    assert "DAG(" in paypal["dag"]
    kinds = printed(errors.run, "errors")
    (auth,) = printed(errors.run, "errors", "AEP-E303")
    assert auth in kinds
    assert "invalid_client" in auth["adobe_codes"]
    (adobes,) = printed(errors.run, "errors", "1418")
    assert (adobes["code"], adobes["raised_as"]) == ("FLOW-1418-400", "AEP-E301")


@pytest.mark.parametrize("options", [TEXT, JSON])
@pytest.mark.parametrize("code", [0, 1])
def test_a_reader_that_has_enough_ends_the_command(
    options: argparse.Namespace, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`status | head -1` is no error. `status --check | head -1` still has the exit code of the check."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as out:
        monkeypatch.setattr("sys.stdout", out)
        if code:
            assert code_of(answering(code), options) == code
        else:
            answering()(options)


def test_an_answer_in_characters_that_stdout_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question mark replaces a character that the encoding lacks."""
    with (tmp_path / "out").open("w", encoding="ascii") as out:
        monkeypatch.setattr("sys.stdout", out)
        answering()(TEXT)
    assert (tmp_path / "out").read_text() == "Z?rich\n"


def test_the_emulator_without_its_packages(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """The command names what is missing, and what to install."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert code_of(emulator.run, argparse.Namespace(arguments=["--port", "0"])) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("emulator: uvicorn cannot be imported. ")
    assert "its extra `[emulator]`" in err
    assert "AEP-E100" in err
