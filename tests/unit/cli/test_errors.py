"""`errors`: the page about the errors, on a worker."""

from __future__ import annotations

import pytest

from airflow_provider_aep.__main__ import main
from airflow_provider_aep.cli.errors import adobe_codes, advice, find_adobe_codes
from airflow_provider_aep.flow_service.errors import AepAuthError, AepStatusError, every_kind


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
    """The entry has what happened, why, what to do, Adobe's codes, and the page."""
    text = " ".join(said(monkeypatch, capsys, word).split())
    for sentence in (AepAuthError.what, AepAuthError.why, AepAuthError.todo, AepAuthError.docs()):
        assert sentence in text
    assert "invalid_client" in text


@pytest.mark.parametrize(
    ("word", "code", "meaning"),
    [
        ("FLOW-1418-400", "FLOW-1418-400", "Delete the dataflow first"),
        ("[flow-1418-400].", "FLOW-1418-400", "Delete the dataflow first"),
        ("1418-400", "FLOW-1418-400", "Delete the dataflow first"),
        ("1418", "FLOW-1418-400", "Delete the dataflow first"),
        ("FLOW-1439-404", "FLOW-1439-400", "the credential may not see it"),
        ("FLOW-2120-403", "FLOW-2120-403", "in sandbox 'SANDBOX'"),
        ("403025", "403025", "not entitled for the organization"),
        ("XDM-1521-400", "XDM-1521-400", "Choose another `name`"),
        ("1521", "XDM-1521-400", "Choose another `name`"),
        ("invalid_scope", "invalid_scope", "Leave `scopes` empty"),
    ],
)
def test_one_of_adobes_is_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], word: str, code: str, meaning: str
) -> None:
    """By its whole code or its number. The entry has the error's class, and whether a retry helps."""
    text = " ".join(said(monkeypatch, capsys, word).split())
    assert text.startswith(f"{code}, a code of Adobe")
    assert meaning in text
    for heading in ("What it means", "Raised as AEP-E3", "A retry c", "Page docs/errors.md#aep-e3"):
        assert heading in text


def test_every_code_of_adobes_that_is_explained_is_found() -> None:
    """`errors CODE` finds every code of the table."""
    for code, kind in adobe_codes():
        assert find_adobe_codes(code) == [code]
        assert issubclass(kind, AepStatusError)
        assert advice(code)


@pytest.mark.parametrize("word", ["FLOW-9999-400", "9999", "40302", ""])
def test_one_of_adobes_that_is_not_explained(word: str) -> None:
    """An unknown code finds no other."""
    assert find_adobe_codes(word) == []


def test_a_code_that_there_is_not_ends_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is that of wrong usage."""
    with pytest.raises(SystemExit, match=r"^2$"):
        said(monkeypatch, capsys, "AEP-E999")
    assert "no error 'AEP-E999'" in capsys.readouterr().err
