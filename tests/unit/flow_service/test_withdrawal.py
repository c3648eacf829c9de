"""Where to go when the platform no longer offers a source."""

from __future__ import annotations

import pytest

from airflow_provider_aep.flow_service import withdrawal
from airflow_provider_aep.flow_service.sources import AuthSpec, Source


def way(name: str, *parameters: str, **facts: str) -> AuthSpec:
    return AuthSpec(name, {"properties": {one: {} for one in parameters}}, **facts)  # type: ignore[arg-type]


def source(key: str, *auth: AuthSpec, category: str = "payments") -> Source:
    return Source(key, key.title(), f"spec-{key}", category, auth=auth)


GONE = source("gone", way("Key", "a", "b", "c", deprecated="ends in June; they say"))


def catalogue_of(monkeypatch: pytest.MonkeyPatch, *others: Source) -> None:
    monkeypatch.setattr(withdrawal, "catalogue", lambda: {one.key: one for one in (GONE, *others)})


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (source("x", way("Other", "a", "b", "c"), category="crm"), source("y", way("Key", "a", "b"))),
        (source("x", way("Other", "a", "b")), source("y", way("Key", "a", "b"), category="crm")),
        (source("x", way("Key", "a", "b")), source("y", way("Other", "a", "b"))),
        (
            source("x", way("Other", "a", "b", "c", "d"), way("Third", "z")),
            source("y", way("Key", "a", "b", "c", "d", "e")),
        ),
    ],
    ids=["the same parameters", "its category", "its way", "its best way"],
)
def test_the_nearest(monkeypatch: pytest.MonkeyPatch, better: Source, worse: Source) -> None:
    """What asks the same of its user first; then the category, then the name of the way."""
    for others in ((better, worse), (worse, better)):
        catalogue_of(monkeypatch, *others)
        assert withdrawal.nearest_living(GONE) == better


def test_near_is_half_of_the_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less is no heir, whatever its category."""
    half = source("half", way("Key", "a", "b", "c", "d", "e", "f"))
    less = source("less", way("Key", "a"))
    catalogue_of(monkeypatch, less, half)
    assert withdrawal.nearest_living(GONE) == half
    catalogue_of(monkeypatch, less)
    assert withdrawal.nearest_living(GONE) is None


def test_what_ends_itself_or_is_not_certain_is_no_heir(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is the same spec under another name, nor what needs no credentials."""
    same = ("a", "b", "c")
    twin = Source("twin", "Twin", GONE.connection_spec_id, "payments", auth=(way("Key", *same),))
    ends, doubted = way("Key", *same, deprecated="soon"), way("Key", *same, confidence="uncertain")
    heir = source("heir", way("Key", "a", "b"))
    catalogue_of(monkeypatch, twin, source("ends", ends), source("doubted", doubted), source("bare"), heir)
    assert withdrawal.nearest_living(GONE) == heir


def test_the_way_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of its end, the heir, others of the category, and the line of the DAG."""
    heir = source("heir", way("Key", "a", "b", "c"), category="crm")
    catalogue_of(monkeypatch, heir, source("p", way("K", "z")), source("q", way("K", "z")))
    head = (
        "The platform does not offer the source Gone (connection spec spec-gone) in sandbox 'dev', or not to "
    )
    assert withdrawal.withdrawn(GONE, "dev").message == (
        f"{head}this credential. Of its end: ends in June. The nearest source that goes on, with the same "
        "authentication, is Heir; in its category, payments, there are P, Q. In the DAG, write "
        "`source='heir'` in a CreateBaseConnectionOperator in place of 'gone', and let `source_conn_id` name "
        "an Airflow connection with its credentials."
    )
    catalogue_of(monkeypatch, source("heir", way("Key", "a", "b")))
    assert "with a similar authentication, is Heir. In the DAG" in str(withdrawal.withdrawn(GONE, "dev"))
    catalogue_of(monkeypatch, source("far", way("Key", "z")))
    unknown = source("lost", way("Key", "a"))
    advice = withdrawal.withdrawn(unknown, "dev").message.partition("or not to this credential. ")[2]
    assert advice.startswith("`python -m airflow_provider_aep sources --live` lists what it offers")
