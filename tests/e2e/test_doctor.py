"""`doctor` as a process, with the metadata database of a real Airflow."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.local_airflow import LocalAirflow
from tests.harness.real_airflow import kill_triggerer

DAG = """
from airflow.sdk import DAG
from airflow_provider_aep.operators.connections import (
    CreateBaseConnectionOperator, CreatePayPalConnectionOperator,
)

with DAG("files", schedule=None):
    CreateBaseConnectionOperator(task_id="s3", source="s3", name="Files", source_conn_id="aws")
    CreateBaseConnectionOperator(
        task_id="later", source="{{ params.source }}", name="L", source_conn_id="c", params={"source": "s"}
    )
    CreateBaseConnectionOperator.partial(task_id="both", name="Both").expand_kwargs(
        [{"source": "stripe", "source_conn_id": "a"}, {"source": "mysql", "source_conn_id": "b"}]
    )
with DAG("money", schedule=None):
    CreatePayPalConnectionOperator(task_id="paypal")
    CreateBaseConnectionOperator.partial(task_id="each", name="Each", source_conn_id="c").expand(
        source=["s3", "ftp"]
    )
"""
LONGEST = 120.0


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    """Make the database of an Airflow with two DAGs and a connection to the emulator."""
    directory = tmp_path_factory.mktemp("doctor")
    (directory / "dags").mkdir()
    (directory / "dags" / "both.py").write_text(DAG)
    with LocalAirflow(directory, dags=directory / "dags", components=()) as airflow:
        airflow.start_emulator()
        airflow.migrate()
        connection = {
            "conn_type": "aep",
            "host": airflow.emulator_url,
            "login": "emulator-client-id",
            "password": "emulator-client-secret",
            "extra": {"org_id": "0123456789ABCDEF01234567@AdobeOrg", "ims_host": airflow.emulator_url},
        }
        run(airflow, "airflow", "connections", "add", "aep_default", "--conn-json", json.dumps(connection))
        run(airflow, "airflow", "dags", "reserialize")
        yield airflow


def run(airflow: LocalAirflow, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python in the environment of Airflow."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        env={**airflow.environment, **environment},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done


def doctor(airflow: LocalAirflow, **environment: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return the exit code and the results. There is one JSON document on stdout."""
    done = run(airflow, "airflow_provider_aep", "doctor", "--output", "json", **environment)
    return done.returncode, {one["check"]: one for one in json.loads(done.stdout)}


def test_doctor_reads_airflows_database(airflow: LocalAirflow) -> None:
    """Connection, DAGs and triggerer come from there. Without a triggerer, that check alone is broken."""
    code, results = doctor(airflow)
    assert code == 1
    assert {name for name, one in results.items() if one["ok"] is not True} == {"triggerer"}
    assert "None ever was" in results["triggerer"]["detail"]
    named = results["sources"]["detail"].removeprefix("The platform offers ").removesuffix(".").split(", ")
    assert sorted(named) == [
        "Amazon S3 (DAG files", "FTP (DAG money)", "MySQL (DAG files)", "PayPal (DAG money)",
        "Stripe (DAG files)", "money)",
    ]  # fmt: skip


def test_doctor_sees_a_triggerer(airflow: LocalAirflow) -> None:
    """One that lives is fine. One that was killed is not, as soon as its heartbeat is too old for Airflow."""
    airflow.start_component("triggerer")
    end = time.monotonic() + LONGEST
    while doctor(airflow)[0]:
        assert time.monotonic() < end
    kill_triggerer(airflow)
    short = {"AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "1"}
    while (found := doctor(airflow, **short))[0] == 0:
        assert time.monotonic() < end
    assert found[1]["triggerer"]["ok"] is False
    assert "Its last heartbeat was at 20" in found[1]["triggerer"]["detail"]


def test_doctor_without_a_database(airflow: LocalAirflow, tmp_path: Path) -> None:
    """No connection is found, triggerer and sources are unknown, and the versions are fine."""
    code, results = doctor(airflow, AIRFLOW_HOME=str(tmp_path))
    assert code == 1
    assert [name for name, one in results.items() if one["ok"] is False] == ["connection"]
    assert "metadata database could not be read" in results["triggerer"]["detail"]
    assert results["versions"]["ok"] is True
