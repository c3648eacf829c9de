"""The advice if the platform no longer offers a source."""

from __future__ import annotations

import pytest

from airflow_provider_aep.flow_service import sources
from airflow_provider_aep.flow_service.sources import AuthSpec, Source


def auth_type(name: str, *parameters: str, **facts: str) -> AuthSpec:
    return AuthSpec(name, {"properties": {one: {} for one in parameters}}, **facts)  # type: ignore[arg-type]


def source(key: str, *auth: AuthSpec, category: str = "payments") -> Source:
    return Source(key, key.title(), f"spec-{key}", category, auth=auth)


GONE = source("gone", auth_type("Key", "a", "b", "c", deprecated="It ends in June."))


def catalogue_of(monkeypatch: pytest.MonkeyPatch, *others: Source) -> None:
    monkeypatch.setattr(sources, "catalogue", lambda: {one.key: one for one in (GONE, *others)})


def test_no_source_is_named_for_similar_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sources with the same parameters may have nothing else in common."""
    alike, other = (
        source("alike", auth_type("Key", "a", "b", "c"), category="crm"),
        source("x", auth_type("Other", "z")),
    )
    catalogue_of(monkeypatch, alike, other)
    assert sources.alternatives(GONE) == [other]
    assert "Alike" not in str(sources.withdrawn(GONE, "dev"))


def test_a_deprecated_or_uncertain_source_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is the same spec under another name, nor a source without credentials."""
    twin = Source("twin", "Twin", GONE.connection_spec_id, "payments", auth=(auth_type("Key", "a"),))
    ends, doubted = auth_type("Key", "a", deprecated="soon"), auth_type("Key", "a", confidence="uncertain")
    living = source("living", auth_type("Key", "a"))
    catalogue_of(monkeypatch, twin, source("ends", ends), source("doubted", doubted), source("bare"), living)
    assert sources.alternatives(GONE) == [living]


def test_the_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Adobe says on its deprecation, other sources of the category, and the parameters to set."""
    catalogue_of(monkeypatch, source("p", auth_type("K", "z")), source("q", auth_type("K", "z")))
    head = (
        "The platform does not offer the source Gone (connection spec spec-gone) in sandbox 'dev', or this "
    )
    live = "Run `python -m airflow_provider_aep sources --live` for the sources that it offers."
    assert sources.withdrawn(GONE, "dev").message == (
        f"{head}credential may not use it. It ends in June. Other sources "
        "of the category payments: P (`source='p'`), Q (`source='q'`). To use one of them, set `source` of a "
        "CreateBaseConnectionOperator, and set `source_conn_id` to an Airflow connection with its "
        "credentials. Its data and schema differ from those of Gone: check the dataset's schema and write a "
        f"mapping. {live}"
    )
    for count, end in ((5, "P4 (`source='p4'`)."), (6, "and 1 more."), (7, "P4 (`source='p4'`) and 2 more.")):
        catalogue_of(monkeypatch, *(source(f"p{number}", auth_type("K", "z")) for number in range(count)))
        assert f"{end} To use one of them" in str(sources.withdrawn(GONE, "dev"))
    catalogue_of(monkeypatch)
    assert sources.withdrawn(GONE, "dev").message.endswith(f"in June. {live} Use another source.")
    unknown = source("lost", auth_type("Key", "a"), category="")
    assert sources.withdrawn(unknown, "dev").message.endswith(f"use it. {live} Use another source.")


def test_a_retired_source_is_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the sentences on its deprecation."""
    end = "It was retired by May. A V2 exists."
    retired = source("old", AuthSpec("Key", deprecated=end, retired=True))
    catalogue_of(monkeypatch)
    text = str(sources.withdrawn(retired, "dev"))
    assert "the source Old (retired) (connection spec spec-old)" in text
    assert f"may not use it. {end} Run " in text
