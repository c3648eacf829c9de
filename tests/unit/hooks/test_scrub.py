"""Secrets that a server repeats are scrubbed from our messages, in any usual spelling."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_provider_aep.flow_service.secret_rules import is_flag
from airflow_provider_aep.hooks.scrub import Secrets
from tests.harness import canary

SECRET = 's3cr/et+ü "quoted" \\ 100%'
RAW = SECRET.encode()


@pytest.mark.parametrize(
    "spelling",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET),
        quote_plus(SECRET),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        repr(SECRET),
        base64.b64encode(RAW).decode(),
        base64.b64encode(RAW).decode().rstrip("="),
        base64.urlsafe_b64encode(RAW).decode(),
        base64.urlsafe_b64encode(RAW).decode().rstrip("="),
    ],
    ids=["plain", "url", "url with /", "form", "JSON", "JSON unicode", "repr", "base64", "unpadded",
         "urlsafe", "urlsafe unpadded"],
)  # fmt: skip
def test_each_spelling_is_scrubbed(spelling: str) -> None:
    """A server repeats a secret as it was sent, or in an encoding of its own."""
    secrets = Secrets()
    secrets.register([SECRET])
    assert secrets.scrub(f"refused: {spelling}!").count("***") == 1
    assert "s3cr" not in secrets.scrub(f"refused: {spelling}!")


def test_secrets_within_secrets_leave_nothing() -> None:
    """The longer secret is replaced first."""
    secrets = Secrets()
    secrets.register(["abc", "abcdef"])
    assert secrets.scrub("abcdef abc") == "*** ***"


@pytest.mark.parametrize(
    "quote",
    [
        "Server=h;User ID=kanaryuser;Password=kanary pass",
        "Cannot connect to the source of 'Payments' in sandbox dev (see log): Server=h;Password=kanary pass",
        '{"clientSecret": "kanary pass", "host": "h"}',
        "GET https://h/?account=a&sig=kanary%2Bpass",
        "No route to https://kanaryuser:kanarypass@h/x",
        "Server=h;\n  Password=kanary \n pass",
    ],
)
def test_unknown_secrets_in_a_quote_are_scrubbed(quote: str) -> None:
    """The task that explores or waits does not know the secrets of the source that a server quotes."""
    scrubbed = Secrets().scrub(quote)
    assert "kanary" not in scrubbed
    assert "***" in scrubbed
    assert "h" in scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "FLOW-1418-400: the base connection is in use; delete its dataflow = 1 first.",
        "GET https://h/connections?limit=100&orderby=id failed: the key column id=7; see the docs.",
        "ErrorCode=UserErrorInvalidKey;Detail=The primary key is missing",
    ],
)
def test_a_quote_without_secrets_stays(text: str) -> None:
    """The user needs Adobe's words."""
    assert Secrets().scrub(text) == text


def test_many_blanks_take_no_time() -> None:
    """A reply can be 32 MiB of anything."""
    text = ";" + " " * 100_000 + "x"
    assert Secrets().scrub(text) == text


def test_nested_values_and_numbers_are_secrets_too() -> None:
    """`auth.params` of some sources are nested."""
    secrets = Secrets()
    secrets.register([{"a": ["one-value", {"b": 123456}], "c": None, "d": True, "e": ""}])
    assert secrets.scrub("one-value 123456 True None") == "*** *** True None"


@pytest.mark.parametrize(("whole", "parts"), canary.WITHIN_LARGER.values(), ids=canary.WITHIN_LARGER)
def test_secrets_inside_a_larger_one_are_known(whole: str, parts: tuple[str, ...]) -> None:
    """A server can repeat the text, one of its lines, or one secret in it, in any spelling."""
    secrets = Secrets()
    secrets.register_locally([whole])
    for text in (whole, *parts):
        for echo in canary.echoes(text):
            assert canary.find_any(secrets.scrub(f"refused: {echo}!")) == []


def test_airflow_masks_the_parts_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's masker also covers the logs of other code."""
    from airflow_provider_aep import _compat

    masked: list[str] = []
    monkeypatch.setattr(_compat, "mask_secret", masked.append)
    for whole, parts in canary.WITHIN_LARGER.values():
        Secrets().register([whole])
        assert whole in masked
        lines = {line for part in parts for line in part.splitlines() if "-----" not in line}
        assert lines <= set(masked)
        masked.clear()


def test_text_next_to_a_secret_is_kept() -> None:
    """A host, a project or a type of key is in every log."""
    secrets = Secrets()
    secrets.register_locally([whole for whole, _ in canary.WITHIN_LARGER.values()])
    text = "root service_account harmless db.example.com 3306 True https://oauth2.example.com/token sv=2022"
    assert secrets.scrub(text) == text


def test_repr_shows_no_secret() -> None:
    """It is in `vars` of every hook."""
    secrets = Secrets()
    secrets.register([SECRET])
    assert "s3cr" not in f"{secrets!r} {secrets!s}"


@given(st.text(min_size=1), st.text(), st.text())
def test_no_registered_text_is_left(secret: str, before: str, after: str) -> None:
    """With any characters, lone surrogates too."""
    assume(not is_flag(secret))
    secrets = Secrets()
    secrets.register([secret])
    scrubbed = secrets.scrub(before + secret + after)
    assert secret not in scrubbed.replace("***", "") or secret in before + after or set(secret) <= {"*"}
