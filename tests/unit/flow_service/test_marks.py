"""Marks: what tells a leftover of ours from somebody else's entity."""

from __future__ import annotations

import hashlib

import pytest

from airflow_provider_aep.exactly_once import Entity, find_mark, make_mark, with_mark, without_mark
from airflow_provider_aep.flow_service.marks import task_of


def test_a_mark_says_where_an_entity_comes_from() -> None:
    """DAG and task to read; run and map index as a hash, so that each task instance has its own."""
    digest = hashlib.sha256(b"run\n3").hexdigest()[:8]
    assert make_mark("dag", "group.task", "run", 3) == f"[airflow:dag.group.task {digest}]"
    others = {("d", "t", "run", 3), ("d", "t", "run", 4), ("d", "t", "ru", 3), ("d", "u", "run", 3)}
    assert len({make_mark(*other) for other in others}) == 4
    assert make_mark("dag", "task", "\ud800", -1)  # a run id can be any text


def test_a_mark_is_found_at_the_end_alone() -> None:
    """Whoever copies one into the middle of a description has made an entity of their own."""
    mark = make_mark("dag", "task", "run", -1)
    assert find_mark(with_mark("Payments", mark)) == mark
    assert find_mark(mark) == mark
    for other in (
        None,
        "",
        "Payments",
        f"{mark} copied",
        f"{mark}\n",
        "[airflow:dag.task 123]",
        "[airflow: 12345678]",
    ):
        assert find_mark(other) is None


@pytest.mark.parametrize(
    ("description", "mark", "written"),
    [("a", "[m]", "a [m]"), (None, "[m]", "[m]"), ("", "[m]", "[m]"), ("a", None, "a"), (None, None, None),
     ("", "", None)],
)  # fmt: skip
def test_a_description_with_a_mark(description: str | None, mark: str | None, written: str | None) -> None:
    """One blank between; nothing at all where there is neither."""
    assert with_mark(description, mark) == written


def test_a_description_without_its_mark() -> None:
    """A comparison ignores the mark of any task; the rest of the text stays."""
    mark = make_mark("dag", "task", "run", -1)
    for description, text in (
        (f"a b {mark}", "a b"),
        (mark, ""),
        (f"{mark} copied", f"{mark} copied"),
        (None, ""),
    ):
        assert without_mark(description) == text


def test_who_made_it() -> None:
    """In words, for the log."""
    assert (
        Entity("a", description="x " + make_mark("dag", "task", "r", 0)).created_by
        == "made by Airflow's dag.task"
    )
    assert Entity("a", description="by hand").created_by == "not made by Airflow"
    assert Entity("a", description="").created_by == "not made by Airflow"


def test_a_mark_names_its_task() -> None:
    """A description without a mark at its end names none."""
    assert task_of(with_mark("Payments", make_mark("dag", "group.task", "run", -1))) == "dag.group.task"
    assert task_of("Payments") is task_of(None) is None
