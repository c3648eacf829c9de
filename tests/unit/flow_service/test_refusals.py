"""The whole sentence of a refusal, and where each of its parts is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import (
    AepAuthError,
    AepError,
    AepNotFoundError,
    AepReplyError,
    AepRequestError,
    AepServerError,
    AepThrottledError,
)
from airflow_provider_aep.flow_service.explanations import explain
from airflow_provider_aep.flow_service.replies import describe, error_from_reply, read_item


def refused(document: Any, status: int = 400, body: bytes | None = None, **headers: str) -> AepError:
    return error_from_reply(
        what="POST /flows",
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=json.dumps(document).encode() if body is None else body,
        sandbox="dev",
        now=0.0,
        scrub=lambda text: text.replace("hunter2", "***"),
    )


def test_the_sentence() -> None:
    """What was asked, status, code, Adobe's words without a secret, what to do, and the request's id."""
    error = refused({"type": "http://x/errors/FLOW-9-400", "detail": "No, hunter2."}, x_request_id="r-1")
    advice = explain(400, "FLOW-9-400", "No, ***.", "dev")
    assert error.message == (
        f'POST /flows was refused: 400 FLOW-9-400: "No, ***". {advice}. (request id r-1)'
    )
    assert (error.code, error.status, error.request_id) == ("FLOW-9-400", 400, "r-1")


@pytest.mark.parametrize("password", ["400", "/", "1439", "FLOW-1439-400"])
def test_a_short_password_does_not_change_the_class(password: str) -> None:
    """A password can be a part of every code. The raw code selects class and advice."""
    body = {"type": "http://x/errors/FLOW-1439-400", "detail": "No."}
    error = error_from_reply(
        what="GET /flows",
        status=400,
        headers={},
        body=json.dumps(body).encode(),
        sandbox="dev",
        now=0.0,
        scrub=lambda text: text.replace(password, "***"),
    )
    assert type(error) is AepNotFoundError
    assert explain(400, "FLOW-1439-400", "No.", "dev") in error.message
    assert error.code == ("***" if password == "FLOW-1439-400" else "FLOW-1439-400")


@pytest.mark.parametrize("password", ["client", "/"])
def test_a_short_password_does_not_hide_the_advice_on_imss_words(password: str) -> None:
    """IMS's words select the advice before they are scrubbed."""
    body = {"error": "invalid_client", "error_description": "invalid client_secret parameter"}
    error = error_from_reply(
        what="The token request",
        status=400,
        headers={},
        body=json.dumps(body).encode(),
        sandbox="dev",
        now=0.0,
        scrub=lambda text: text.replace(password, "***"),
    )
    assert type(error) is AepAuthError
    assert "client secret (`password`) of the AEP connection is wrong" in error.message


def test_a_part_that_is_missing_leaves_no_trace() -> None:
    """No code, no words, no request id."""
    error = refused({})
    assert error.message == (
        f"POST /flows was refused: 400 and JSON without a message. {explain(400, None, '', 'dev')}."
    )
    assert (error.code, error.request_id) == (None, None)


@pytest.mark.parametrize("kind", ["text/html", "TEXT/HTML; charset=utf-8"])
def test_a_page_is_not_adobes(kind: str) -> None:
    """A proxy's, or another server's: nothing that a retry could help."""
    error = refused(None, 404, b"<html>", content_type=kind)
    assert type(error) is AepReplyError
    assert error.message.startswith("POST /flows was answered with an HTML page and 404. A proxy may")
    assert (error.status, error.retryable) == (404, False)


def test_what_calls_itself_no_page_is_none() -> None:
    """Without a content type the words are Adobe's."""
    assert type(refused({"message": "no"}, 404)) is not AepReplyError


@pytest.mark.parametrize(
    "document",
    [
        {"report": {"detailed-message": "Said."}, "errorMessage": "not this"},
        *({key: "Said."} for key in ("errorMessage", "detail", "message", "error_description", "title")),
        {"errorDetails": "Said."},
        {"report": "none", "detail": " ", "errorDetails": "Said."},
    ],
)
def test_words_are_found(document: dict[str, Any]) -> None:
    """Each of Adobe's shapes has its own place for them."""
    assert ': "Said".' in refused(document).message


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"error_code": 403025}, "403025"),
        ({"error_code": "403025"}, "403025"),
        ({"error_code": None, "error": "word"}, "word"),
        ({"error_code": ["x"], "type": "x/errors/XDM-1-400"}, "XDM-1-400"),
        ({"error": "a" * 100}, "a" * 100),
        ({"error": "a"}, "a"),
        ({"error": "a" * 101}, None),
        ({"error": "two words"}, None),
        ({"error": ""}, None),
        ({"error": "line\nbreak"}, None),
    ],
)
def test_a_code_is_one_word(document: dict[str, Any], code: str | None) -> None:
    """An invalid value is not used."""
    assert refused(document).code == code


def test_the_report_names_the_request() -> None:
    """Before the header does."""
    error = refused({"report": {"request-id": "in-the-report"}}, x_request_id="in-the-header")
    assert error.request_id == "in-the-report"


@pytest.mark.parametrize(
    ("status", "kind"), [(400, AepAuthError), (401, AepAuthError), (402, AepRequestError)]
)
def test_an_error_of_ims_is_the_credentials(status: int, kind: type) -> None:
    """IMS answers 400 where others answer 401."""
    assert type(refused({"error": "invalid_client"}, status)) is kind


@pytest.mark.parametrize(("status", "kind"), [(429, AepThrottledError), (500, AepServerError)])
def test_a_page_of_a_busy_gateway_is_its_status(status: int, kind: type) -> None:
    """A retry helps, whatever the page shows."""
    assert type(refused(None, status, b"<html>", content_type="text/html")) is kind


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"", "text/html", "an empty body"),
        (b"busy", "text/html", "an HTML page (4 bytes)"),
        (b" <busy", "", "an HTML page (6 bytes)"),
        (b"{", "application/json; charset=html", "1 bytes of broken JSON"),
        (b"{", "text/plain", "1 bytes that are not JSON"),
        (b"{}", "text/plain", "JSON without a message"),
    ],
)
def test_a_reply_is_described_unechoed(body: bytes, kind: str, words: str) -> None:
    """By what it is, never by what it says."""
    assert describe(body, kind) == words


def test_an_envelope_goes_before_an_id() -> None:
    """A list may carry an id of its own."""
    assert read_item({"id": "list", "items": [{"id": "a"}]}, "GET /flows/a") == {"id": "a"}


def test_a_403_names_the_permissions() -> None:
    """Those that the service at hand asks for."""
    reply: dict[str, Any] = {"headers": {}, "body": b"{}", "sandbox": "dev", "now": 0.0, "scrub": str}
    error = error_from_reply(what="GET /x", status=403, permissions="*Some permission*", **reply)
    assert "*Some permission*" in error.message
