"""`errors`: the page about the errors, on a worker."""

from __future__ import annotations

import pytest

from airflow_provider_aep.__main__ import main
from airflow_provider_aep.flow_service.errors import AepAuthError, every_kind


def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    monkeypatch.setattr("sys.argv", ["airflow_provider_aep", "errors", *arguments])
    main()
    return capsys.readouterr().out


def test_the_table_has_every_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its class, for who greps."""
    text = said(monkeypatch, capsys)
    for kind in every_kind():
        assert kind.stable_code in text
        assert kind.__name__ in text


@pytest.mark.parametrize("word", ["AEP-E303", "[AEP-E303]", "e303", "AepAuthError"])
def test_one_is_found_as_it_was_copied(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    """What happened, why, what to do, Adobe's codes, and where to read on."""
    text = " ".join(said(monkeypatch, capsys, word).split())
    for sentence in (AepAuthError.what, AepAuthError.why, AepAuthError.todo, AepAuthError.docs()):
        assert sentence in text
    assert "invalid_client" in text


def test_a_code_that_there_is_not_ends_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And exit code 1."""
    with pytest.raises(SystemExit, match="no error 'AEP-E999'"):
        said(monkeypatch, capsys, "AEP-E999")
