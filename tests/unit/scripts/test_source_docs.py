"""The pages about the sources, made from the catalogue."""

from __future__ import annotations

import ast

import pytest

from airflow_provider_aep.flow_service.sources import Source, catalogue, find_source
from scripts import docs

SOURCES = list(catalogue().values())


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.key)
def test_a_page_tells_all_that_is_known(source: Source) -> None:
    """Spec, parameters and which are secret, end, notes, document; and its DAG is Python."""
    text = docs.source_page(source)
    assert source.connection_spec_id in text
    beginning = text.partition("```python\n")[0]
    assert source.note in beginning
    for auth in source.auth:
        section = text.partition(f"## {auth.name}\n")[2].partition("\n## ")[0]
        assert auth.document.replace("@", "` at commit `") in beginning
        for remark in filter(None, (auth.note, auth.deprecated)):
            assert remark in beginning + section
            assert text.count(remark) == 1
        for name in auth.parameters:
            row = next(line for line in section.splitlines() if line.startswith(f"| `{name}` |"))
            assert ("secret" in row) is auth.is_secret(name)
            assert ("required" in row) is (name in auth.required)
    assert text.count("airflow connections add") == len(source.auth)
    ast.parse(text.partition("```python\n")[2].partition("```")[0])


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.key)
def test_what_is_uncertain_is_said(source: Source) -> None:
    """In words, once a source or once for each way that is, and nowhere else."""
    uncertain = 1 if source.uncertain else sum(auth.uncertain for auth in source.auth)
    assert docs.source_page(source).count("**Uncertain.**") == uncertain


def test_a_note_is_shown_where_it_applies() -> None:
    """At the top if it applies to each authentication type, and else with its own."""
    sftp, s3 = (docs.source_page(find_source(name)) for name in ("sftp", "s3"))
    assert "You cannot change the authentication type" in sftp.partition("```python")[0]
    assert "for AEP on AWS only" in s3.partition("## IAMRole Based")[2]
    assert "AWS" not in s3.partition("## IAMRole Based")[0]


def test_a_page_says_what_to_ingest() -> None:
    """With the parameter of its family; unless AEP's id of the source is unknown."""
    for name, parameter in (
        ("paypal", "table"),
        ("sftp", "file"),
        ("stripe", "resource"),
        ("lava", "stream"),
    ):
        assert f"with `{parameter}=`" in docs.source_page(find_source(name))
    assert "| Data |" not in docs.source_page(find_source("pathfactory"))


def test_a_bar_ends_no_cell() -> None:
    """The table shows the template `{sas_token|uri}`."""
    page = docs.source_page(find_source("azure-blob-storage"))
    assert r"`{sas_token\|uri}`" in page


def test_the_index_has_every_way_to_authenticate() -> None:
    """With its state, and a link to a page that there is."""
    rows = [line for line in docs.source_index(SOURCES).splitlines() if line.startswith("| [")]
    assert len(rows) == sum(max(1, len(source.auth)) for source in SOURCES)
    for source in SOURCES:
        own = [row for row in rows if f"({source.key}.md)" in row]
        ended = [bool(auth.deprecated) and not auth.retired for auth in source.auth]
        retired = [auth.retired for auth in source.auth]
        uncertain = [auth.uncertain for auth in source.auth]
        assert [("uncertain" in row, "deprecated" in row, "retired" in row) for row in own] == (
            list(zip(uncertain, ended, retired, strict=True)) or [(False, False, False)]
        )
