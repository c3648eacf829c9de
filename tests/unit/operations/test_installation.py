"""The sources that serialized DAGs name. `tests/e2e/test_doctor.py` reads those of a real Airflow."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_aep.operations.installation import is_within, sources_of_dag, within

FIELDS = ["source", "name", "connection_spec_id", "aep_conn_id"]
FTP = ("ftp", None)
PAYPAL = ["name", "paypal_conn_id", "connection_spec_id", "aep_conn_id"]


def named(fields: list[str] = FIELDS, **parameters: Any) -> list[tuple[str | None, str | None]]:
    """The sources of a DAG with one task."""
    task = {"__var": {"template_fields": fields, **parameters}, "__type": "operator"}
    return list(sources_of_dag({"dag": {"tasks": [task]}}))


def expanded(value: Any) -> dict[str, Any]:
    return {"partial_kwargs": {"source": "s3"}, "expand_input": {"type": "x", "value": value}}


TASKS: list[tuple[dict[str, Any], list[tuple[str | None, str | None]]]] = [
    ({"source": "s3"}, [("s3", None)]),
    ({"source": "paypal", "connection_spec_id": "1-2"}, [("paypal", "1-2")]),
    ({"source": "{{ params.source }}"}, []),
    ({"source": "{% if a %}s3{% endif %}", "connection_spec_id": "1-2"}, [(None, "1-2")]),
    ({"source": {"__type": "xcomref", "__var": {}}}, []),
    ({"source": None}, []),
    ({"fields": PAYPAL}, [("paypal", None)]),
    ({"fields": ["source"], "source": "s3"}, []),
    ({"fields": [], "source": "s3"}, []),
    (expanded({"__type": "dict", "__var": {"source": ["ftp", "sftp"]}}), [FTP, ("sftp", None)]),
    (expanded({"__type": "dict", "__var": {"name": ["a", "b"]}}), [("s3", None)]),
    (expanded([{"__type": "dict", "__var": {"source": "ftp"}}, {"name": "b"}]), [FTP, ("s3", None)]),
    (expanded({"__type": "xcomref", "__var": {"task_id": "list"}}), [("s3", None)]),
]


@pytest.mark.parametrize(("parameters", "sources"), TASKS)
def test_sources_that_a_task_names(
    parameters: dict[str, Any], sources: list[tuple[str | None, str | None]]
) -> None:
    """Templates and XComs are left out, and so are the tasks of other providers."""
    assert named(**parameters) == sources


def test_a_dag_without_tasks_names_no_source() -> None:
    """Nor does a DAG whose data is missing."""
    assert list(sources_of_dag({})) == list(sources_of_dag({"dag": {"tasks": []}})) == []


def test_versions_within_a_range() -> None:
    """A pre-release of a supported version is supported."""
    assert is_within("3.3.0rc1", ">=3.1,<3.4")
    assert is_within("1.0", "")
    assert not is_within("3.4.0", ">=3.1,<3.4")


def test_work_that_fails_within_its_limit() -> None:
    """Its error is raised."""
    with pytest.raises(ZeroDivisionError):
        within(60, lambda: 1 / 0)
