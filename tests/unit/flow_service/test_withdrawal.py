"""Where to go when the platform no longer offers a source."""

from __future__ import annotations

import pytest

from airflow_provider_aep.flow_service import sources
from airflow_provider_aep.flow_service.sources import AuthSpec, Source


def way(name: str, *parameters: str, **facts: str) -> AuthSpec:
    return AuthSpec(name, {"properties": {one: {} for one in parameters}}, **facts)  # type: ignore[arg-type]


def source(key: str, *auth: AuthSpec, category: str = "payments") -> Source:
    return Source(key, key.title(), f"spec-{key}", category, auth=auth)


GONE = source("gone", way("Key", "a", "b", "c", deprecated="ends in June; they say"))


def catalogue_of(monkeypatch: pytest.MonkeyPatch, *others: Source) -> None:
    monkeypatch.setattr(sources, "catalogue", lambda: {one.key: one for one in (GONE, *others)})


def test_no_source_is_named_for_the_likeness_of_its_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sources with the same three parameters may share nothing else."""
    alike, other = source("alike", way("Key", "a", "b", "c"), category="crm"), source("x", way("Other", "z"))
    catalogue_of(monkeypatch, alike, other)
    assert sources.living_of_category(GONE) == [other]
    assert "Alike" not in str(sources.withdrawn(GONE, "dev"))


def test_what_ends_itself_or_is_not_certain_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is the same spec under another name, nor what needs no credentials."""
    twin = Source("twin", "Twin", GONE.connection_spec_id, "payments", auth=(way("Key", "a"),))
    ends, doubted = way("Key", "a", deprecated="soon"), way("Key", "a", confidence="uncertain")
    living = source("living", way("Key", "a"))
    catalogue_of(monkeypatch, twin, source("ends", ends), source("doubted", doubted), source("bare"), living)
    assert sources.living_of_category(GONE) == [living]


def test_the_way_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of its end, others of the category, and the line of the DAG."""
    catalogue_of(monkeypatch, source("p", way("K", "z")), source("q", way("K", "z")))
    head = (
        "The platform does not offer the source Gone (connection spec spec-gone) in sandbox 'dev', or not to "
    )
    live = "`python -m airflow_provider_aep sources --live` lists what the platform offers."
    assert sources.withdrawn(GONE, "dev").message == (
        f"{head}this credential. Adobe's documents on its end: ends in June. Other sources of its category, "
        "payments: P (`source='p'`), Q (`source='q'`). Their data and its schema differ from those of Gone: "
        "check the dataset's schema and write a mapping. In the DAG, write one of them in a "
        "CreateBaseConnectionOperator in place of 'gone', and let `source_conn_id` name an Airflow "
        f"connection with its credentials. {live}"
    )
    catalogue_of(monkeypatch, *(source(f"p{number}", way("K", "z")) for number in range(7)))
    assert "P4 (`source='p4'`) and 2 more." in str(sources.withdrawn(GONE, "dev"))
    catalogue_of(monkeypatch)
    assert sources.withdrawn(GONE, "dev").message.endswith(f"in June. {live} Use another source.")
    unknown = source("lost", way("Key", "a"), category="")
    assert sources.withdrawn(unknown, "dev").message.endswith(f"credential. {live} Use another source.")


def test_a_retired_source_is_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all that is known of its end, but not the documents that say it."""
    end = 'retired by May: "no longer available" (help/a.md@0cc1; notes/b.md@1ec2); a V2 exists'
    retired = source("old", AuthSpec("Key", deprecated=end, retired=True))
    catalogue_of(monkeypatch)
    text = str(sources.withdrawn(retired, "dev"))
    assert "the source Old (retired) (connection spec spec-old)" in text
    assert 'on its end: retired by May: "no longer available"; a V2 exists. ' in text
