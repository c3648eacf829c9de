"""The page about the errors, made from their classes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_aep.cli.errors import facts
from airflow_provider_aep.flow_service.errors import AepError, EntityStateError, every_kind
from scripts import docs

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("kind", every_kind(), ids=lambda kind: kind.__name__)
def test_each_error_has_its_section(kind: type[AepError]) -> None:
    """Under the anchor that it names itself, with all that its class says, and in the contents."""
    path, _, anchor = kind.docs().partition("#")
    text = (ROOT / path).read_text("utf-8")
    assert text.count(f'<a id="{anchor}"></a>') == 1
    section = text.partition(f'<a id="{anchor}"></a>')[2].partition("<a id=")[0]
    for sentence in (kind.stable_code, kind.__name__, kind.what, kind.why, kind.todo):
        assert sentence.rstrip(".") in section
    assert ("can help, unless" in section) is kind.default_retryable
    assert f"- [{kind.stable_code}](#{anchor})" in text


def test_a_retry_that_is_advised_is_not_denied() -> None:
    """Where it depends on the case, the page says on what."""
    for kind in every_kind():
        said = facts(kind)
        if "let Airflow retry" in said["What to do"]:
            assert "cannot help" not in said["A retry"], kind
            assert "retries as the task's" in said["Airflow"], kind
    state = facts(EntityStateError)
    assert state["A retry"].startswith("helps if the entity is still being set up")


def test_no_link_leads_nowhere() -> None:
    """Neither within the page nor from the others to it."""
    anchors = set(re.findall(r'<a id="([^"]+)">', docs.errors()))
    for path in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        text = path.read_text("utf-8")
        named = re.findall(r"errors\.md#([\w-]+)", text)
        named += re.findall(r"\]\(#(aep-e\d+)\)", text) if path.name == "errors.md" else []
        assert set(named) <= anchors, path


def test_adobes_codes_lead_to_their_error() -> None:
    """Who has only Adobe's code finds ours."""
    text = docs.errors()
    for code, ours in (("401013", "e303"), ("FLOW-2121-403", "e304"), ("FLOW-1404-412", "e306")):
        assert f"`{code}`" in text.partition(f'<a id="aep-{ours}">')[2].partition("<a id=")[0]
