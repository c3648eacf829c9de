"""The text of a DAG file: safe for any value, the same after Jinja, and formatted as ruff does."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment

from airflow_provider_aep.operations.dag_text import Code, Constant, Task, dag_file, literal, rendered

TEXTS = st.text(st.characters(codec=None), max_size=60) | st.sampled_from(
    [
        '"); import os #',
        "{{ ds }}",
        "{% raw %}",
        "{# x",
        "}}",
        "a\nb",
        "a\r\nb\r",
        "x\n",
        "\\",
        "\\N{DASH}",
        "'\"'",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
DAG = {"dag_id": "a", "schedule": None}


def jinja(value: Any) -> Any:
    """Render as Airflow does: the values of dicts and lists, and no keys."""
    if isinstance(value, dict):
        return {key: jinja(one) for key, one in value.items()}
    if isinstance(value, list):
        return [jinja(one) for one in value]
    return Environment().from_string(value).render() if isinstance(value, str) else value


def arguments_of(text: str, name: str) -> dict[str, Any]:
    """Return the literal arguments of the call that is assigned to a name."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            assert isinstance(node.value, ast.Call)
            return {str(one.arg): ast.literal_eval(one.value) for one in node.value.keywords}
    raise AssertionError(f"{name} is not assigned")


@given(JSON)
def test_literal_is_the_value_and_nothing_else(value: Any) -> None:
    """Python reads the same value again, whatever quotes, line ends and control characters it has."""
    assert ast.literal_eval(literal(value)) == value
    assert literal(value).isprintable()


@given(JSON)
def test_rendered_values_survive_jinja(value: Any) -> None:
    """Airflow's templating gives the value itself: braces are no template, line ends stay."""
    assert jinja(rendered(value)) == value


@given(JSON, TEXTS)
def test_dag_file_has_no_code_but_its_own(value: Any, text: str) -> None:
    """A value or a comment adds no statement, and each comment is one line."""
    task = Task("create", "CreateDatasetOperator", {"value": value}, [text])
    made = dag_file([text], DAG, [task], [text])
    assert jinja(arguments_of(made, "create")["value"]) == value
    kinds = [type(node).__name__ for node in ast.parse(made).body]
    assert kinds == ["ImportFrom", "ImportFrom", "ImportFrom", "With"]
    assert made.count("# ") >= 3 or not text.strip()


def test_dag_file_with_a_constant_is_a_task() -> None:
    """The id of a dataflow is the result of a task, and other tasks take the result."""
    tasks = [
        Constant("dataflow", "abc", ["why"]),
        Task("wait", "FlowRunSensor", {"flow_id": Code("dataflow")}),
    ]
    text = dag_file(["about"], DAG, tasks, [])
    assert "    # why\n    @task\n    def get_dataflow() -> str:\n" in text
    assert "flow_id=dataflow,\n" in text
    assert "from airflow.sdk import DAG, task\nfrom airflow_provider_aep.sensors" in text


def test_literal_refuses_what_is_not_json() -> None:
    """An object has no literal, so nothing is guessed."""
    with pytest.raises(TypeError, match="object"):
        literal(object())
