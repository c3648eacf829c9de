"""The Python code of the pages in `docs/`: each block makes a DAG, or a part of one.

`tests/e2e/test_documented_code.py` and `test_tutorial.py` run those of README, how-to pages and tutorial.
"""

from __future__ import annotations

import re
import shlex
from itertools import groupby, takewhile
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_provider_aep import task_groups
from airflow_provider_aep.__main__ import parser
from airflow_provider_aep.operators import connections, dataflows
from airflow_provider_aep.sensors import flow_runs
from tests.harness.documents import Block, blocks

PYTHON = [block for block in blocks("docs/*.md") if block.language == "python"]
PAGES = {page: list(found) for page, found in groupby(PYTHON, lambda block: block.page)}
AN_ID = "24151d58-ffa7-4960-951d-58ffa7396097"
A_TASK = SimpleNamespace(output=AN_ID)
EARLIER = ("connection", "create_schema", "create_source_connection", "create_target_connection")
GIVEN: dict[str, Any] = {
    **dict.fromkeys(EARLIER, A_TASK),
    "DAILY": {"frequency": "day", "interval": 1},
    "PIPELINES": {"products": {"table": "PayPal.Catalog_Products", "delta_column": "Create_Time"}},
    "tables": [{"table": "PayPal.Catalog_Products", "dataset": "PayPal products"}],
    **dict.fromkeys(("flow_id", "dataset_id", "schema_id", "STRIPE", "HTTP_API"), AN_ID),
}
"""Names that the reader has already when a page shows a part of a DAG."""


def run(block: Block, module: dict[str, Any]) -> dict[str, Any]:
    """Run a block as Airflow does when it parses a DAG file. A part of a DAG gets a DAG."""
    code = compile("\n" * (block.line - 1) + block.code, block.page, "exec")
    scope = module | GIVEN
    if "with DAG(" in block.code:
        exec(code, scope)
    else:
        with DAG("part", schedule=None):
            exec(code, scope)
    return scope


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_can_be_parsed(page: str) -> None:
    """In the order of the page: an import of an earlier block counts for the later ones."""
    module: dict[str, Any] = {}
    for known in (connections, dataflows, flow_runs, task_groups):
        module |= vars(known)
    for block in PAGES[page]:
        module = run(block, module)


ALL = blocks("*.md", "docs/**/*.md")
OURS = re.compile(r"^(?:\$ )?(?:airflow aep|python -m airflow_provider_aep) (.+)$", re.MULTILINE)
COMMANDS = [
    pytest.param(words, id=f"{block.name} {words}")
    for block in ALL
    for words in OURS.findall(block.code.replace("\\\n", " "))
    if " [-" not in words  # the usage, made from the parser
]


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_on_a_page_has_valid_arguments(words: str) -> None:
    """In all pages: a wrong option would end with exit code 2."""
    tokens = shlex.shlex(words, posix=True, punctuation_chars="|>&")
    tokens.whitespace_split = True
    parser().parse_args(list(takewhile(lambda one: not re.fullmatch(r"[|>&]+", one), tokens)))
