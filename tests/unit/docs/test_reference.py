"""The reference has an entry for everything that a user can name, and its examples work."""

from __future__ import annotations

import inspect
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from markdown_it import MarkdownIt

from airflow_provider_aep.cli import COMMANDS
from airflow_provider_aep.emulator.cli import SWITCHES, parser
from airflow_provider_aep.flow_service.errors import AepConfigError, every_kind
from airflow_provider_aep.get_provider_info import CONFIG, CONNECTION_TYPES
from airflow_provider_aep.hooks.connection import read_settings
from airflow_provider_aep.hooks.paypal import read_paypal
from airflow_provider_aep.operators.waiting import RESULT_KEY
from airflow_provider_aep.task_groups import source_ingestion
from docs import reference_pages
from docs.reference_pages import PACKAGE, REFERENCE, REFUSED, documented, public_names

NAMES = public_names()
PAGES = sorted([*REFERENCE.glob("*.md"), *(REFERENCE.parent / "explanation").glob("*.md")])
PYTHON = [
    pytest.param(token.content, id=f"{page.name}:{token.map[0] + 1}")
    for page in PAGES
    for token in MarkdownIt().parse(page.read_text("utf-8"))
    if token.type == "fence" and token.info == "python" and token.map
]


def page(name: str) -> str:
    """Return the text of a page of the reference."""
    return (REFERENCE / name).read_text("utf-8")


def test_each_public_name_has_an_entry() -> None:
    """Each operator, sensor, trigger, task group, hook, link, asset and retry policy."""
    assert len(NAMES) > 40
    assert sorted(NAMES.keys() - documented().keys()) == []


def test_a_private_name_has_no_entry() -> None:
    """A user may not depend on it."""
    assert [name for name in documented() if "._" in name] == []


def is_own(value: Any) -> bool:
    """Return whether a class or function is one of this package."""
    return str(value.__module__).startswith(PACKAGE)


def parameters(value: Any) -> set[str]:
    """Return the parameters of a function, or of a class and its bases in this package."""
    if not inspect.isclass(value):
        return set(inspect.signature(value).parameters)
    own = [base.__init__ for base in value.__mro__ if is_own(base) and "__init__" in vars(base)]
    found = {name for one in own for name in inspect.signature(one).parameters}
    return found - {"self", "kwargs", "args"}


def descriptions(value: Any) -> str:
    """Return the docstrings that describe the parameters."""
    classes = value.__mro__ if inspect.isclass(value) else (value,)
    return "\n".join(inspect.getdoc(one) or "" for one in classes if is_own(one))


@pytest.mark.parametrize("name", NAMES)
def test_each_parameter_has_a_description(name: str) -> None:
    """The reference shows the docstring, and adds those of the base classes."""
    value = NAMES[name]
    docs = descriptions(source_ingestion.function if name.endswith(".paypal_ingestion") else value)
    described = set(re.findall(r"^\s*:param (\w+):", docs, re.MULTILINE))
    assert sorted(parameters(value) - described - {"kwargs"}) == []


@pytest.mark.parametrize(("name", "parameter"), [(name, one) for name in REFUSED for one in REFUSED[name]])
def test_a_parameter_that_the_reference_leaves_out_is_refused(name: str, parameter: str) -> None:
    """A class can set a parameter of its base itself. The site shows only what a user can set."""
    [cls] = [value for full, value in NAMES.items() if full.endswith(f".{name}")]
    with pytest.raises(AepConfigError, match=f"has no `{parameter}`"):
        cls(task_id="task", **{parameter: "x"})


def test_each_setting_has_an_entry() -> None:
    """A setting that the code reads is in the provider info, and on the page."""
    code = "\n".join(one.read_text("utf-8") for one in Path(str(files(PACKAGE))).rglob("*.py"))
    calls = re.findall(r'config_(?:text|number)\("(\w+)"([^()]*)\)', code)
    read = {key for key, others in calls if not re.search(r'section=|, "', others)}
    assert read == set(CONFIG["aep"]["options"])
    assert all(f"## `[aep] {key}`" in page("settings.md") for key in read)
    assert all(f"`AIRFLOW__AEP__{key.upper()}`" in page("settings.md") for key in read)
    others = re.findall(r'config_(?:text|number)\("(\w+)"[^()"]*"(\w+)"\)', code)
    assert len(others) == 2
    assert all(f"\n| `[{section}] {key}` |" in page("settings.md") for key, section in others)


def test_each_field_of_a_connection_has_an_entry() -> None:
    """Airflow's own fields too, unless the form hides them."""
    sections = page("connections.md").split("\n## ")[1:]
    for kind, section in zip(CONNECTION_TYPES, sections, strict=True):
        assert section.startswith(f"Connection type `{kind['connection-type']}`")
        form = kind["ui-field-behaviour"]
        shown = {"login", "password", "host", "port", "schema"} - set(form["hidden-fields"])
        assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == shown
        extra = set(re.findall(r"^\| extra `(\w+)`", section, re.MULTILINE))
        assert extra == set(kind.get("conn-fields", {}))


@pytest.mark.parametrize("kind", ["aep", "paypal"])
def test_a_connection_is_the_same_in_all_forms(kind: str) -> None:
    """URI, JSON and command give the same connection."""
    from airflow.models.connection import Connection

    section = page("connections.md").partition(f"## Connection type `{kind}`")[2].partition("\n## ")[0]
    uri, document, command = re.findall(r"^```\w+\n(.*?)\n```$", section, re.MULTILINE | re.DOTALL)
    made = [Connection(conn_id="one", uri=uri), Connection.from_json(document, conn_id="one")]
    options = dict(re.findall(r"--conn-([a-z]+) ('.*?'|\S+)", command))
    extra = options.get("extra", "").strip("'") or None
    fields = {key: value for key, value in options.items() if key not in ("type", "extra", "port")}
    made.append(Connection(conn_id="one", conn_type=options["type"], extra=extra, **fields))
    read = read_settings if kind == "aep" else read_paypal
    first, *others = [read(one) for one in made]
    assert all(one == first for one in others)


def test_each_key_of_an_xcom_has_an_entry() -> None:
    """Other tasks read an XCom by its key."""
    keys = {value.xcom_key for name, value in NAMES.items() if ".links." in name} - {""}
    assert len(keys) == 5
    assert [key for key in (*keys, RESULT_KEY) if f"\n| `{key}` |" not in page("names.md")] == []


def test_each_error_has_an_entry() -> None:
    """With its code and its class."""
    text = (REFERENCE.parent / "errors.md").read_text("utf-8")
    assert [one for one in every_kind() if f"### {one.stable_code} {one.__name__}\n" not in text] == []


def test_each_command_has_an_entry() -> None:
    """With all its options."""
    sections = {one.partition("`\n")[0]: one for one in page("commands.md").split("\n## `")[1:]}
    assert list(sections) == list(COMMANDS)
    for name, (_, arguments) in COMMANDS.items():
        flags = [flag for flags, _ in arguments for flag in flags]
        assert [flag for flag in flags if f"`{flag}" not in sections[name]] == []


def test_each_option_of_the_emulator_has_an_entry() -> None:
    """With its default. A switch also has its values."""
    text = (REFERENCE.parent / "emulator.md").read_text("utf-8")
    options = [flag for action in parser()._actions for flag in action.option_strings]
    assert [flag for flag in options if flag != "-h" and f"`{flag}" not in text] == []
    for name, (values, _) in SWITCHES.items():
        option, shown = name.replace("_", "-"), "\\|".join(values)
        assert f"`--{option} {shown}` | `{parser().get_default(name)}`" in text


@pytest.mark.parametrize("code", PYTHON)
def test_an_example_is_a_dag_file(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow can parse it, and it has a task."""
    dags: list[DAG] = []
    enter = DAG.__enter__
    monkeypatch.setattr(DAG, "__enter__", lambda dag: dags.append(dag) or enter(dag))
    exec(compile(code, "example", "exec"), {})
    assert dags
    assert all(dag.tasks for dag in dags)


def test_each_json_document_can_be_read() -> None:
    """A reader copies it."""
    for one in PAGES:
        for token in MarkdownIt().parse(one.read_text("utf-8")):
            if token.type == "fence" and token.info == "json":
                json.loads(token.content)


def test_a_first_sentence_is_markdown() -> None:
    """A role and a literal of a docstring become code."""

    def example() -> None:
        """Return ``x`` as :class:`~package.Name` does. Not this."""

    assert reference_pages._first_sentence(example) == "Return `x` as `Name` does"
