"""Any secret in any of its usual spellings is gone, and every value that may be one counts as a secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aep import _compat
from airflow_provider_aep.flow_service import replies
from airflow_provider_aep.flow_service.run_evaluation import FailureThresholds, judge
from airflow_provider_aep.flow_service.runs import read_run
from airflow_provider_aep.flow_service.secret_rules import PLAIN_PARAMETERS
from airflow_provider_aep.hooks.flow_service import FlowServiceHook
from airflow_provider_aep.hooks.scrub import Secrets
from tests.harness import canary
from tests.harness.run_server import run_item

EDGE = "\0"  # in no secret
FLAGS = {"true", "false", "yes", "no", "on", "off", "none", "null"}
"""No secrets: masked, they would be missing all over the logs."""
SECRETS = st.text(st.characters(codec="utf-8", exclude_characters=EDGE), min_size=5).filter(
    lambda text: text.strip().lower() not in FLAGS
)
CUTTABLE = st.lists(st.from_regex(r"[0-9]{9,12}", fullmatch=True), min_size=2, max_size=4).flatmap(
    lambda parts: st.sampled_from("/ :&").map(lambda between: between.join(parts))
)
"""No sentence of ours holds a piece of it."""
PIECE = 8
SHAPES = st.sampled_from(
    [
        lambda text: {"message": text},
        lambda text: {"error_code": text},
        lambda text: {"type": f"https://ns.adobe.com/aep/errors/{text}", "title": text},
        lambda text: {"error": text, "error_description": "x" * 390 + text},
        lambda text: {"report": {"detailed-message": f"  {text}  ", "request-id": text}},
    ]
)
NESTED = st.recursive(
    SECRETS | st.integers() | st.floats(allow_nan=False) | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def spellings(secret: str) -> list[str]:
    """What servers make of a text."""
    slashed = json.dumps(secret)[1:-1].replace("/", "\\/")
    readable = json.dumps(secret, ensure_ascii=False)[1:-1]
    return [
        *canary.usual_spellings(secret),
        slashed,
        readable,
        escape(secret),
        quote(secret, safe="").lower(),
    ]


def _all_said(error: Exception | None) -> str:
    return repr([str(error), vars(error)])


@given(st.lists(SECRETS, min_size=1, max_size=3))
def test_each_spelling_becomes_stars(texts: list[str]) -> None:
    """All of it, whatever other secrets are known, and nothing around it."""
    secrets = Secrets()
    secrets.register_locally(texts)
    for text in texts:
        for form in spellings(text):
            assert secrets.scrub(EDGE + form + EDGE) == f"{EDGE}***{EDGE}"


@given(CUTTABLE, SHAPES, st.sampled_from([400, 403, 429, 503]))
def test_no_part_of_an_echo_is_left_in_an_error(secret: str, shape: Any, status: int) -> None:
    """A reply's words are cut, split and joined on their way into an error."""
    secrets = Secrets()
    secrets.register_locally([secret])
    for form in spellings(secret):
        error = replies.error_from_reply(
            what="GET /connections",
            status=status,
            headers={"x-request-id": form},
            body=json.dumps(shape(form)).encode(),
            sandbox="prod",
            now=0.0,
            scrub=secrets.scrub,
        )
        said = _all_said(error)
        assert not [n for n in range(len(form) - PIECE) if form[n : n + PIECE] in said]


RUN_SHAPES = st.sampled_from(
    [
        lambda text: {"errors": [{"code": text, "message": "x" * 295 + text}]},
        lambda text: {"errors": [{"code": "x" * 55 + text, "message": text}]},
        lambda text: {"extensions": {"errors": [{"code": text, "message": text}]}},
        lambda text: {"extensions": {"errorDetail": f"ErrorCode={text}, and more"}},
        lambda text: {"errorDetail": f"ErrorCode={'x' * 75}{text}"},
    ]
)


@given(CUTTABLE, RUN_SHAPES)
def test_no_part_of_an_echo_is_left_in_a_verdict(secret: str, shape: Any) -> None:
    """A run's errors come from the source, which may name its credentials."""
    secrets = Secrets()
    secrets.register_locally([secret])
    for form in spellings(secret):
        item = run_item("run-1", "flow-1", "failed")
        item["metrics"]["statusSummary"] |= shape(form)
        said = _all_said(judge(read_run(item), FailureThresholds(), scrub=secrets.scrub))
        assert not [n for n in range(len(form) - PIECE) if form[n : n + PIECE] in said]


def texts_in(value: object) -> Iterator[str]:
    """Every text, and every number long enough to be a secret."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from texts_in(part)
    elif isinstance(value, str | int | float) and not isinstance(value, bool) and len(str(value)) > 3:
        yield str(value)


def test_whatever_is_not_plain_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """By value, however deep: Airflow's masker goes by the names of keys, and knows few of Adobe's."""
    masked: list[str] = []
    monkeypatch.setattr(_compat, "mask_secret", masked.append)
    names = st.sampled_from(["clientSecret", "connectionString", "accessKey", *sorted(PLAIN_PARAMETERS)])

    @given(st.dictionaries(names | st.text(), NESTED))
    def holds(params: dict[str, Any]) -> None:
        masked.clear()
        hook = FlowServiceHook()
        hook._mask_auth(params)
        secret = {text for name in params.keys() - PLAIN_PARAMETERS for text in texts_in(params[name])}
        assert set(masked) == secret
        for text in secret:
            assert hook.scrub(EDGE + text + EDGE) == f"{EDGE}***{EDGE}"

    holds()
