"""Read this Airflow: its versions, whether a triggerer is alive, and the sources that its DAGs name.

Triggerer and DAGs are read from Airflow's metadata database. Only processes that may read it, such as a
command, can call these functions.
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from datetime import datetime
from itertools import islice
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_aep._compat import SUPPORTED_AIRFLOW
from airflow_provider_aep.flow_service.sources import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
Task = Mapping[str, Any]
NamedSource = tuple[str | None, str | None]
"""The name of a source, the id of a connection spec, or both."""

PACKAGE, AIRFLOW = "airflow-provider-aep", "apache-airflow"
_DEPENDENCIES = (AIRFLOW, "apache-airflow-providers-http", "requests")
_DAGS_A_QUERY = 50


def within(seconds: float, work: Callable[[], T]) -> T:
    """Return the result of some work, which runs in a thread of its own.

    Airflow's database has no time limit that a command could set.

    :raises concurrent.futures.TimeoutError: it lasts longer; the thread is left alone
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again by `result`
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future.result(seconds)


def triggerer_heartbeat() -> tuple[bool, datetime | None]:
    """Return whether a triggerer is alive by Airflow's own rule, and the last heartbeat of any triggerer."""
    from airflow.jobs.job import most_recent_job

    job = most_recent_job("TriggererJob")
    return (job.is_alive(), job.latest_heartbeat) if job else (False, None)


def named_sources() -> dict[NamedSource, list[str]]:
    """Return the sources that the tasks of this Airflow's DAGs name, each with the ids of the DAGs.

    Templates are left out: only a run knows their values.
    """
    from airflow.models.dag import DagModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session

    found: dict[NamedSource, list[str]] = {}
    with create_session() as session:
        dag_ids = iter([row.dag_id for row in session.query(DagModel.dag_id).filter(~DagModel.is_stale)])
        while some := list(islice(dag_ids, _DAGS_A_QUERY)):
            for dag in SerializedDagModel.get_latest_serialized_dags(dag_ids=some, session=session):
                for source in dict.fromkeys(sources_of_dag(dag.data or {})):
                    found.setdefault(source, []).append(dag.dag_id)
            session.expunge_all()
    return found


def sources_of_dag(data: Mapping[str, Any]) -> Iterator[NamedSource]:
    """Yield name and connection spec of each source that a serialized DAG names."""
    for task in data.get("dag", {}).get("tasks", ()):
        parameters = task.get("__var", task)
        fields = parameters.get("template_fields") or ()
        if "aep_conn_id" not in fields:
            continue
        default = DEFAULT if "paypal_conn_id" in fields else None
        for one in _calls(parameters):
            name, spec = (_literal(one.get(key)) for key in ("source", "connection_spec_id"))
            name = name or default
            if name or spec:
                yield name, spec


def _calls(task: Task) -> Iterator[Task]:
    """Yield the parameters of a task; of a mapped task, those of each task that it expands to."""
    fixed = {**task, **(task.get("partial_kwargs") or {})}
    values = _plain((task.get("expand_input") or {}).get("value"))
    if isinstance(values, list):
        yield from ({**fixed, **one} for one in map(_plain, values) if isinstance(one, dict))
    elif isinstance(values, dict) and isinstance(values.get("source"), list):
        yield from ({**fixed, "source": one} for one in values["source"])
    else:
        yield fixed


def _plain(value: Any) -> Any:
    return value["__var"] if isinstance(value, dict) and value.get("__type") == "dict" else value


def _literal(value: object) -> str | None:
    return value if isinstance(value, str) and value and "{{" not in value and "{%" not in value else None


def versions() -> list[tuple[str, str, str]]:
    """Return names, versions and supported ranges of what this provider depends on.

    :raises importlib.metadata.PackageNotFoundError: one is not installed as a package
    """
    from packaging.requirements import Requirement

    own = importlib.metadata.distribution(PACKAGE)
    needed = {one.name: str(one.specifier) for one in map(Requirement, own.requires or ())}
    needed[AIRFLOW] = SUPPORTED_AIRFLOW
    return [
        (PACKAGE, own.version, ""),
        ("Python", platform.python_version(), own.metadata["Requires-Python"]),
        *((name, importlib.metadata.version(name), needed[name]) for name in _DEPENDENCIES),
    ]


def is_within(version: str, supported: str) -> bool:
    """Return whether a version is in a range such as ``>=3.1,<3.4``, pre-releases included."""
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(supported).contains(version, prereleases=True)
