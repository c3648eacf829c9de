"""Run the code of README and of the how-to pages as it is printed, as one person would: first connect,
then ingest.

A Python block is a DAG file: `airflow dags test` runs each of its DAGs. A block of `bash` runs line by line:
commands of Airflow and of this provider, and `export`. All blocks share one Airflow and one emulator, as if
one person did all that the pages say. `tests/e2e/test_tutorial.py` does the same with the tutorial.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airflow_provider_aep.flow_service.schedules import LEAD
from airflow_provider_aep.operations.fleet import collect
from tests.harness import canary
from tests.harness.connections import MakeHook
from tests.harness.dag_plans import aep_connection, run_plan
from tests.harness.documents import Block, blocks
from tests.harness.emulator import CLIENT_ID, ORG_ID, Emulator
from tests.harness.platform import Platform

BLOCKS = blocks("docs/how-to/connect-*.md", "README.md", "docs/how-to/[!c]*.md")

NOT_RUN = {
    "make demo": "starts a real Airflow: tests/e2e/scripts/test_demos.py",
    "make test": "is this run",
    "pip install": "needs a network: `make release-check` does the same with the wheel",
    "curl": "needs the ids of the run: test_families.py sends such a record to the endpoint",
    "airflow aep doctor": "needs a triggerer: tests/e2e/test_doctor.py",
    "airflow aep status --check": "ends with exit code 1, because dataflows failed: test_status.py",
}
"""Why a command is not run, by its first words."""

PARSED = {"before": "a DAG to replace: it needs the http provider's connection to AEP"}
"""Why a DAG is only parsed, by its id."""


def replace(text: str, values: dict[str, str]) -> str:
    """Return the text with other values, where a reader must replace them, too."""
    for old, new in values.items():
        text = text.replace(old, new)
    return text


def commands(code: str) -> list[str]:
    """Return the commands of a block of `bash`, without comments."""
    lines = [line.partition(" # ")[0].strip() for line in code.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def dags(code: str) -> list[str]:
    """Return the ids of the DAGs of a DAG file."""
    return re.findall(r'\bDAG\(\s*"(\w+)"', code)


def steps(block: Block, values: dict[str, str], conf: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the runs of a plan: one for each DAG and command of the block."""
    if block.language == "python":
        for dag in dags(block.code):
            file = {f"{Path(block.page).stem}_{block.line}": block.code}
            run = {"command": ["dags", "list-import-errors"]} if dag in PARSED else {"dag": dag}
            params = {name: value for name, value in conf.items() if f'"{name}"' in block.code}
            yield {"name": f"{block.name} {dag}", "files": file, "conf": params, **run}
    elif block.language == "bash":
        for number, command in enumerate(commands(block.code), 1):
            if not command.startswith(tuple(NOT_RUN)):
                words = [replace(word, values) for word in shlex.split(command)]
                yield {"name": f"{block.name} command {number}", **step(words)}


def step(words: list[str]) -> dict[str, Any]:
    """Return how a plan runs a command."""
    match words:
        case ["airflow", "aep", *rest]:
            return {"aep": rest}
        case ["airflow", "connections", "add", conn_id, *_]:
            return {"command": words[1:], "sql": [f"DELETE FROM connection WHERE conn_id = '{conn_id}'"]}
        case ["airflow", *rest]:
            return {"command": rest}
        case ["export", assignment]:
            name, _, value = assignment.partition("=")
            return {"command": ["version"], "environ": {name: value}}
    raise AssertionError(f"The test cannot run {words[0]!r}. Teach `step`, or add it to `NOT_RUN`.")


def test_every_exception_is_needed() -> None:
    """A page shows it. Every block says its language, or it is output."""
    code = [block for block in BLOCKS if block.language in ("python", "bash")]
    lines = [line for block in code for line in commands(block.code)]
    assert [begin for begin in NOT_RUN if not any(line.startswith(begin) for line in lines)] == []
    assert set(PARSED) <= {dag for block in code for dag in dags(block.code)}
    assert {block.language for block in BLOCKS} <= {"python", "bash", "text", "dockerfile"}
    assert [block.name for block in code if block.language == "python" and not dags(block.code)] == []


def pipeline(platform: Platform) -> dict[str, str]:
    """Create a pipeline, and return the ids that its deletion needs."""
    body = platform.once()
    source = platform.get("sourceConnections", body["sourceConnectionIds"][0])
    target = platform.get("targetConnections", body["targetConnectionIds"][0])
    return {
        "flow_id": platform.flow(body),
        "dataset_id": platform.dataset_id,
        "schema_id": target["data"]["schema"]["id"],
        "connection_id": source["baseConnectionId"],
    }


def test_every_block_runs(make_hook: MakeHook, tmp_path: Path) -> None:
    """Each DAG succeeds, and each command ends with exit code 0.

    A fleet has the dataflows that other people made. The page about deleting has a pipeline of its own.
    """
    with Emulator() as emulator:
        emulator.advance(LEAD)  # so that a new dataflow starts at once
        emulator.control("POST", "fleet", {"flows": 12, "runs": 2, "failed": 2, "partial": 4})
        fleet = collect(make_hook(emulator.url))
        [partial, *_] = [row.id for row in fleet.rows if row.health == "partial"]
        conf = {"flow_id": partial, "folder": f"file://{tmp_path}"}
        own_conf = {"docs/how-to/delete.md": pipeline(Platform(emulator))}
        values = {
            "https://platform.adobe.io": emulator.url,
            '"login": "CLIENT_ID"': f'"login": "{CLIENT_ID}", "host": "{emulator.url}"',
            '"CLIENT_SECRET"': json.dumps(canary.AEP_SECRET),
            "YOUR_ORG@AdobeOrg": ORG_ID,
            '"sandbox": "prod"': f'"sandbox": "prod", "ims_host": "{emulator.url}"',
            "PAYPAL_CLIENT_ID": canary.PAYPAL_ID,
            "PAYPAL_SECRET": canary.PAYPAL_SECRET,
            "CLIENT_ID": CLIENT_ID,
            "CLIENT_SECRET": canary.AEP_SECRET,
            "FLOW_ID": partial,
            "imported": str(tmp_path / "imported"),
        }
        plan = [run for block in BLOCKS for run in steps(block, values, own_conf.get(block.page, conf))]
        known = {"aep_default": aep_connection(emulator.url)}
        log, succeeded = run_plan(emulator.url, plan, known, tmp_path)
    assert succeeded == [run["name"] for run in plan], log[-20000:]
