"""The site builds without a warning, and needs no other host."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.drawings import alt_of, drawings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `make docs` does. A link without a target is a warning, as is an unknown class."""
    folder = tmp_path_factory.mktemp("site")
    arguments = ["-q", "-W", "--keep-going", "-c", "docs", "-d", str(folder / "doctrees"), "."]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *arguments, str(folder / "html")],
        cwd=ROOT,
        env={**os.environ, "AIRFLOW_HOME": str(folder / "airflow")},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_the_first_page_leads_to_the_docs(site: Path) -> None:
    """The docs are in a folder, because README is on the site, too."""
    assert 'content="0; url=docs/index.html"' in (site / "index.html").read_text("utf-8")
    assert "airflow-provider-aep" in (site / "docs" / "index.html").read_text("utf-8")


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    """A reader may have no network, and nobody learns what they read."""
    loaded = re.compile(r"<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=\"((?:https?:)?//[^\"]*)\"")
    pages = [page.read_text("utf-8") for page in site.rglob("*.html")]
    assert len(pages) > 100
    assert {host for page in pages for host in loaded.findall(page)} == set()


def test_a_page_shows_its_drawing(site: Path) -> None:
    """As an image that the build did not render, with a description."""
    page = (site / "docs" / "explanation" / "exactly-once.html").read_text("utf-8")
    for path, source in drawings().items():
        assert path.exists(), "run `make docs-drawings`"
        assert alt_of(source), source
    assert len(re.findall(r'<img alt="\w[^"]+" class="drawing" src="[./]*/_images/\w+\.svg"', page)) == 2


def test_a_task_group_shows_its_parameters(site: Path) -> None:
    """Not those of the decorator that makes it."""
    page = re.sub(r"<[^>]+>", "", (site / "docs" / "reference" / "task-groups.html").read_text("utf-8"))
    assert page.count("partial_ingestion_percent") == 3
    assert "MappableGroup" not in page


def test_an_operator_shows_the_parameters_that_it_inherits(site: Path) -> None:
    """And from where to import it."""
    page = re.sub(r"<[^>]+>", "", (site / "docs" / "reference" / "dataflows.html").read_text("utf-8"))
    entry = page.partition("class CreateDataflowOperator(")[2].partition("class EnableDataflowOperator(")[0]
    import_line = "from airflow_provider_aep.operators.dataflows import CreateDataflowOperator"
    assert import_line in " ".join(entry.split())
    inherited = ("if_exists", "on_difference", "wait_timeout", "aep_conn_id", "retry_policy")
    assert all(entry.count(name) > 1 for name in inherited)
