"""What a DAG file pays for importing the operators: Airflow imports them again in every parse."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks import process
from benchmarks.report import Block, Row

OURS = "airflow_provider_aep.operators.connections"
PEERS = {
    "http": "airflow.providers.http.operators.http",
    "airbyte": "airflow.providers.airbyte.operators.airbyte",
    "dbt cloud": "airflow.providers.dbt.cloud.operators.dbt",
}
HEAVY = ("requests", "aiohttp", "airflow.providers.http", "airflow_provider_aep.flow_service.sources")
PROCESSES = 9
MOST_MS = 20.0
MOST_LOOKUP_MS = 5.0

TITLE = "Importing the operators"
METHOD = f"""
Medians of {PROCESSES} fresh processes each, taking turns. Clock and list of modules start after the import
of airflow.sdk and its DAG, BaseOperator and task, which every DAG file has anyway.
"""

Results = list[dict[str, Any]]


def measure() -> Block:
    """The first process of each writes the byte code and is forgotten."""
    modules = {"ours": OURS, **PEERS}
    taken: dict[str, Results] = {name: [] for name in modules}
    for number in range(PROCESSES + 1):
        for name, module in modules.items():
            result = process.run("benchmarks.import_probe", module)
            if number:
                taken[name].append(result)
            elif result["missing"]:
                taken[name] = [result]
        modules = {name: module for name, module in modules.items() if not _missing(taken[name])}
    ours = taken.pop("ours")
    if _missing(ours):
        raise RuntimeError(f"{OURS} cannot be imported")
    wall, cpu, heavy = _median(ours, "wall"), _median(ours, "cpu"), _heavy(ours[0])
    rows = [
        Row(
            "beyond a DAG file's own",
            f"{wall:.1f} ms (CPU {cpu:.1f} ms)\n{len(ours[0]['added'])} modules",
            f"at most {MOST_MS:g} ms",
            "\n".join(f"{name} {_milliseconds(results)}" for name, results in taken.items()),
            wall <= MOST_MS,
        )
    ]
    for module in HEAVY:
        peers = [name for name, results in taken.items() if module in _heavy(results[0])]
        beside = f"yes: {', '.join(peers)}" if peers else ""
        loads = module in heavy
        rows.append(Row(f"adds {module}", "yes" if loads else "no", "no", beside, not loads))
    rows.append(_lookup())
    return Block(TITLE, METHOD, rows)


def _lookup() -> Row:
    taken = [process.run("benchmarks.lookup_probe") for _ in range(PROCESSES)]
    figure = 1000 * statistics.median(taken)
    what = "first search of a source"
    return Row(what, f"{figure:.1f} ms", f"at most {MOST_LOOKUP_MS:g} ms", "", figure <= MOST_LOOKUP_MS)


def _missing(results: Results) -> bool:
    return any(result["missing"] for result in results)


def _median(results: Results, key: str) -> float:
    return 1000 * float(statistics.median(result[key] for result in results))


def _milliseconds(results: Results) -> str:
    return "not installed" if _missing(results) else f"{_median(results, 'wall'):.0f} ms"


def _heavy(result: dict[str, Any]) -> list[str]:
    """Which of the heavy ones were added, whole or in part."""
    return [name for name in HEAVY if any(f"{new}.".startswith(f"{name}.") for new in result["added"])]
