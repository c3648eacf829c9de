"""Every family of error that Adobe's documents show becomes one typed error that says what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_aep.flow_service import errors, replies

TEXT = "You do not have sufficient permissions to perform the operation."


def error(status: int, body: Any, scrub: Any = str, **headers: str) -> errors.AepStatusError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return replies.error_from_reply(
        what="GET /connections",
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=raw,
        sandbox="prod",
        now=0.0,
        scrub=scrub,
    )


@pytest.mark.parametrize("body", [{}, [], {"title": ""}, None], ids=str)
def test_json_that_says_nothing_is_not_called_broken(body: Any) -> None:
    """A reader of the log would suspect a proxy that cuts replies off."""
    assert "and JSON without a message" in str(error(403, body, content_type="application/json"))


PASSED = {
    "type": "https://ns.adobe.com/aep/errors/FLOW-1360-400",
    "errorMessage": "The start time has passed",
}


def passed(headers: dict[str, str], now: float) -> str:
    """The message of the reply that the start has passed."""
    reply = replies.error_from_reply(
        what="POST /flows",
        status=400,
        headers=headers,
        body=json.dumps(PASSED).encode(),
        sandbox="prod",
        now=now,
        scrub=str,
    )
    return reply.message


@pytest.mark.parametrize(("now", "ahead"), [(0.0, 86406), (86400.0, 6)])
def test_a_start_that_has_passed_by_the_services_clock(now: float, ahead: int) -> None:
    """If the two clocks differ, the message says by how much and what to do."""
    message = passed({"date": "Fri, 02 Jan 1970 00:00:06 GMT"}, now)
    assert "start has passed. Set `start` in `schedule`" in message
    assert (
        f"The service's clock is {ahead} s ahead of this worker's, and a default start is now by this "
        "worker's clock. Correct the worker's clock, or set `start` by the service's. The emulator's clock "
        "is ahead after an `advance`: see *Use the clock* in docs/emulator.md"
    ) in message


@pytest.mark.parametrize(
    "headers", [{}, {"date": "Thu, 01 Jan 1970 00:01:05 GMT"}, {"date": "soon"}], ids=str
)
def test_a_start_that_has_passed_by_both_clocks(headers: dict[str, str]) -> None:
    """A reply takes time, so a difference of five seconds is not worth a word."""
    message = passed(headers, 60.0)
    assert "start has passed. Set `start` in `schedule`" in message
    assert "clock" not in message


def without(secret: str) -> Any:
    return lambda text: text.replace(secret, "***")


def envelope(code: str, status: int, text: str = TEXT) -> dict[str, Any]:
    """Flow Service's current shape, as the access-labels tutorial prints it."""
    return {
        "type": f"https://ns.adobe.com/aep/errors/{code}",
        "title": "Forbidden",
        "status": status,
        "report": {"detailed-message": text, "request-id": "req-1"},
        "errorMessage": text,
        "errorDetails": text,
    }


FAMILIES = {
    "gateway, code as text": (
        401, {"error_code": "401013", "message": "Oauth token is not valid"},
        errors.AepAuthError, "401013", None, "Developer Console"),
    "gateway, code as number": (
        401, {"error_code": 401013, "message": "Oauth token is not valid"},
        errors.AepAuthError, "401013", None, "org_id"),
    "gateway, token missing": (
        403, {"error_code": "403010", "message": "Oauth token is missing."},
        errors.AepAuthError, "403010", None, "proxy"),
    "gateway, no API key": (
        403, {"error_code": "403000", "message": "Api Key is required"},
        errors.AepPermissionError, "403000", None, "`login`"),
    "gateway, API key": (
        403, {"error_code": "403003", "message": "Api Key is invalid"},
        errors.AepPermissionError, "403003", None, "`login`"),
    "gateway, header": (
        400, {"error_code": "400003", "message": "Missing header"},
        errors.AepRequestError, "400003", None, "`org_id`"),
    "gateway, profile": (
        403, {"error_code": "403025", "message": "Profile is not valid"},
        errors.AepPermissionError, "403025", None, "`org_id`"),
    "gateway, region": (
        403, {"error_code": "403027", "message": "User region is missing"},
        errors.AepPermissionError, "403027", None, "@AdobeOrg"),
    "gateway, rate": (
        429, {"error_code": "429050", "message": "Too many requests"},
        errors.AepThrottledError, "429050", None, "pool"),
    "current envelope, 403": (
        403, envelope("FLOW-2120-403", 403),
        errors.AepPermissionError, "FLOW-2120-403", "req-1", "Manage Sources"),
    "current envelope, permission": (
        403, envelope("FLOW-2121-403", 403, "The permission manage is denied on resource Enterprise Source."),
        errors.AepPermissionError, "FLOW-2121-403", "req-1", "Manage Sources"),
    "current envelope, 404": (
        404, envelope("FLOW-1439-404", 404),
        errors.AepNotFoundError, "FLOW-1439-404", "req-1", "deleted"),
    "catalogue: not found that is a 400": (
        400, envelope("FLOW-1439-400", 400),
        errors.AepNotFoundError, "FLOW-1439-400", "req-1", "deleted"),
    "current envelope, etag": (
        412, envelope("FLOW-1404-412", 412),
        errors.AepVersionError, "FLOW-1404-412", "req-1", "Run the task again"),
    "current envelope, sandbox": (
        404, envelope("FLOW-2100-404", 404),
        errors.AepNotFoundError, "FLOW-2100-404", "req-1", "`sandbox`"),
    "current envelope, spec gone": (
        400, envelope("FLOW-1413-400", 400),
        errors.AepRequestError, "FLOW-1413-400", "req-1", "does not offer"),
    "current envelope, no change supported": (
        400, envelope("FLOW-1300-400", 400),
        errors.ChangeUnsupportedError, "FLOW-1300-400", "req-1", "another base connection"),
    "current envelope, no change enabled": (
        400, envelope("FLOW-1445-400", 400),
        errors.ChangeUnsupportedError, "FLOW-1445-400", "req-1", "another base connection"),
    "connector's 1404 is not the etag's": (
        400, envelope("CONNECTOR-1404-400", 400),
        errors.AepRequestError, "CONNECTOR-1404-400", "req-1", "The request is invalid"),
    "old envelope": (
        404, {"errorMessage": "connections not found with id = [1]", "errorDetails": "the same"},
        errors.AepNotFoundError, None, None, "deleted"),
    "old envelope, etag": (
        412, {"errorMessage": 'Supplied version=["1"] does not match'},
        errors.AepVersionError, None, None, "Run the task again"),
    "message only": (
        400, {"message": "Please provide a valid spec id"},
        errors.AepRequestError, None, None, "Please provide a valid spec id"),
    "title and detail": (
        400, {"type": "/placeholder/type/uri", "status": 400, "title": "BadRequestError",
              "detail": "A valid content-type must be specified"},
        errors.AepRequestError, None, None, "A valid content-type"),
    "error chain of newer services": (
        400, {"type": "http://ns.adobe.com/aep/errors/HYGN-3102-400", "title": "Invalid", "status": 400,
              "report": {"tenantInfo": {}, "additionalContext": {}}, "error-chain": []},
        errors.AepRequestError, "HYGN-3102-400", None, "Invalid"),
    "IMS, secret": (
        400, {"error": "invalid_client", "error_description": "invalid client_secret parameter"},
        errors.AepAuthError, "invalid_client", None, "`password`"),
    "IMS, id": (
        400, {"error": "invalid_client", "error_description": "invalid client_id parameter"},
        errors.AepAuthError, "invalid_client", None, "`login`"),
    "IMS, scope": (
        400, {"error": "invalid_scope"}, errors.AepAuthError, "invalid_scope", None, "`scopes`"),
    "IMS, grant": (
        400, {"error": "unsupported_grant_type"},
        errors.AepAuthError, "unsupported_grant_type", None, "Server-to-Server"),
    "IMS, failing": (
        500, {"error": "internal_error", "error_description": "Please try again later"},
        errors.AepServerError, "internal_error", None, "later"),
    "a bare framework's": (
        404, {"timestamp": 1, "status": 404, "error": "Not Found", "path": "/"},
        errors.AepNotFoundError, None, None, "deleted"),
    "server, JSON": (
        503, envelope("FLOW-1103-503", 503), errors.AepServerError, "FLOW-1103-503", "req-1", "again later"),
    "server, empty": (503, b"", errors.AepServerError, None, None, "an empty body"),
    "server, HTML": (
        502, b"<html>Bad gateway</html>", errors.AepServerError, None, None, "an HTML page"),
    "teapot": (418, b"{}", errors.AepRequestError, None, None, "The request is invalid"),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
def test_each_family_of_errors_is_understood(family: Any) -> None:
    """A user meets all of these; each must say which it is, and what to do."""
    status, body, kind, code, request_id, advice = family
    found = error(status, body)
    assert type(found) is kind
    assert (found.status, found.code, found.request_id) == (status, code, request_id)
    result = "failed" if kind is errors.AepServerError else "was refused"  # a 5xx can have had its effect
    assert str(found).startswith(f"GET /connections {result}: {status}")
    assert advice in str(found)
    assert (code or "") in str(found)
    assert (request_id or "") in str(found)


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(400, False), (401, False), (403, False), (404, False), (408, True), (409, False), (412, False),
     (422, False), (429, True), (500, True), (502, True), (503, True), (504, True)],
)  # fmt: skip
def test_only_what_a_retry_can_help_is_retryable(status: int, retryable: bool) -> None:
    """A wrong password retried five times is five times wrong; a 503 is not."""
    assert error(status, {}).retryable is retryable


def test_the_request_id_of_the_header_counts_where_the_body_has_none() -> None:
    """Adobe's support asks for it."""
    assert error(400, {"message": "No"}, x_request_id="abc-1").request_id == "abc-1"


def test_an_odd_request_id_is_left_out() -> None:
    """What is long or has blanks is no identifier, and has no place in a log line."""
    assert error(400, {}, x_request_id="x" * 101).request_id is None
    assert error(400, {}, x_request_id="a b").request_id is None


def test_the_sandbox_is_in_the_message() -> None:
    """Who has five sandboxes wants to know which."""
    assert "'prod'" in str(error(403, envelope("FLOW-2121-403", 403)))


def test_retry_after_is_kept() -> None:
    """Airflow's retry policy, three layers up, acts on it."""
    assert error(429, {}, retry_after="17").retry_after == 17.0
    assert error(503, {}, retry_after="Thu, 01 Jan 1970 00:01:00 GMT").retry_after == 60.0
    assert error(503, {}, retry_after="soon").retry_after is None


def test_retry_after_is_in_the_message() -> None:
    """The person on call reads when to try again. Less than a second says nothing."""
    assert "Adobe asks to wait for 3600 s." in str(error(429, {}, retry_after="3600"))
    assert "asks to wait" not in str(error(429, {}, retry_after="0"))


@pytest.mark.parametrize("key", ["message", "errorMessage", "detail", "title", "error_description"])
def test_servers_words_are_scrubbed_and_cut(key: str) -> None:
    """A server that repeats our secret, or a novel, gets neither into a message."""
    found = error(400, {key: "refused s3cret " + "x" * 5000}, scrub=without("s3cret"))
    assert "s3cret" not in str(found)
    assert "***" in str(found)
    assert len(str(found)) < 1000


@pytest.mark.parametrize(
    "body",
    [
        {"error_code": "s3cret", "message": "No"},
        {"type": "https://ns.adobe.com/aep/errors/s3cret"},
        {"error": "s3cret"},
        {"report": {"request-id": "s3cret"}},
    ],
    ids=["error_code", "type", "error", "request-id"],
)
def test_a_secret_echoed_as_an_identifier_is_scrubbed_too(body: dict[str, Any]) -> None:
    """`code` and `request_id` are shown like the message."""
    found = error(400, body, scrub=without("s3cret"))
    assert "s3cret" not in f"{found} {found.code} {found.request_id}"


def test_a_secret_with_blanks_is_scrubbed_before_blanks_are_folded() -> None:
    """Folding first would change the secret and let the rest of it through."""
    found = error(400, {"message": "bad a  b\tc"}, scrub=without("a  b\tc"))
    assert "***" in str(found)


VALUES = {
    "read_object": (replies.read_object, [{"a": 1}], [[], None, 1, "x"]),
    "read_items": (
        replies.read_items, [{"items": []}, {"items": [{"id": "1"}]}, [{"name": "t"}]],
        [{}, {"items": None}, {"items": [1]}, None, 5, "x", [1]]),
    "read_item": (
        replies.read_item, [{"items": [{"id": "1"}]}, {"id": "1"}, [{"id": "1"}]],
        [{"items": []}, {"items": [{}, {}]}, {}, None]),
    "read_created_id": (
        replies.read_created_id, [{"id": "1", "etag": "x"}, {"items": [{"id": "1"}]}],
        [{}, {"id": ""}, {"id": 5}, {"items": []}, {"items": [5]}, [], None]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("read", "document", "good"),
    [
        pytest.param(read, document, good, id=f"{name} {document}")
        for name, (read, right, wrong) in VALUES.items()
        for good, documents in ((True, right), (False, wrong))
        for document in documents
    ],
)
def test_replies_are_read_in_every_documented_shape(read: Any, document: Any, good: bool) -> None:
    """Documents disagree on envelopes. Any other shape is a typed error, never a KeyError."""
    if good:
        assert read(document, "GET /x") is not None
    else:
        with pytest.raises(errors.AepReplyError, match="GET /x was answered"):
            read(document, "GET /x")


def test_without_secrets_leaves_auth_out() -> None:
    """Even Adobe's partial view of credentials stays out of XCom."""
    assert replies.without_secrets({"id": "1", "auth": {"params": {"clientSecret": "x"}}}) == {"id": "1"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(
        ["error_code", "message", "type", "report", "request-id", "detailed-message", "error", "errorMessage"]
    ), inner),
    max_leaves=8,
)  # fmt: skip
BODIES = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode())


@settings(max_examples=300, deadline=None)
@given(BODIES, st.integers(400, 599), st.text(max_size=30), st.text(max_size=30))
def test_any_error_reply_becomes_a_typed_error(body: bytes, status: int, kind: str, after: str) -> None:
    """Whatever a broken gateway sends, a task sees our error and not a traceback from within."""
    found = error(status, body, content_type=kind, retry_after=after, x_request_id=after)
    assert isinstance(found, errors.AepStatusError)
    assert found.status == status


@settings(max_examples=300, deadline=None)
@given(BODIES, st.text(max_size=30))
def test_any_reply_is_a_value_or_a_typed_error(body: bytes, kind: str) -> None:
    """The same for a reply that claims success."""
    try:
        document = replies.read_json(body, kind, "GET /x")
    except errors.AepReplyError:
        return
    for read in (replies.read_object, replies.read_items, replies.read_item, replies.read_created_id):
        try:
            read(document, "GET /x")
        except errors.AepReplyError:
            pass


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"", "application/json", "an empty body"),
        (b"<!doctype html><p>", "text/html", "an HTML page"),
        (b'{"id": "1', "application/json", "broken JSON"),
        (b"OK", "text/plain", "not JSON"),
        (b"[" * 100_000, "application/json", "broken JSON"),
        (b"\xff\xfe\xff", "application/json", "broken JSON"),
        (b"9" * 10_000, "application/json", "broken JSON"),
    ],
    ids=["empty", "HTML", "truncated", "text", "deep", "no unicode", "long number"],
)
def test_what_is_no_json_is_described_not_repeated(body: bytes, kind: str, words: str) -> None:
    """A reply may repeat what was sent, so its kind and size are told and not its text."""
    with pytest.raises(errors.AepReplyError, match=words) as caught:
        replies.read_json(body, kind, "GET /x")
    assert "`host`" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "advice"),
    [
        (400, {"type": "https://ns.adobe.com/aep/errors/XDM-1021-400"}, "under the tenant's namespace"),
        (
            400,
            {"error": "invalid_client", "error_description": "invalid client_id parameter"},
            "does not know the client ID",
        ),
        (400, {"error": "invalid_client", "error_description": "x"}, "IMS does not accept"),
        (400, {}, "The request is invalid"),
        (418, {}, "The request is invalid"),
        (500, {}, "failed, or is overloaded"),
        (599, {}, "failed, or is overloaded"),
    ],
)
def test_each_list_of_advice_is_asked(status: int, body: dict[str, Any], advice: str) -> None:
    """By the code, by IMS's words, and at last by the status."""
    assert advice in str(error(status, body))
