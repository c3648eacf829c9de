"""Which requests are sent again and which never are, counted at the server."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_aep.flow_service import errors
from tests.harness import canary
from tests.harness import raw_server as raw
from tests.harness.connections import MakeHook
from tests.harness.raw_server import RawServer, reply

ID = "24151d58-ffa7-4960-951d-58ffa7396097"
ETAG = '"65015e9d-0000-0200-0000-5e89162d0000"'
ITEM = reply(200, {"items": [{"id": ID}]})
EXPIRED = reply(401, {"error_code": "401013", "message": "Oauth token is not valid"})
MISSING = reply(404, {"errorMessage": "connections not found"})

FAILURES = {
    "401": (EXPIRED, errors.AepAuthError),
    "403010": (
        reply(403, {"error_code": "403010", "message": "Oauth token is missing."}),
        errors.AepAuthError,
    ),
    "403": (reply(403, {}), errors.AepPermissionError),
    "400": (reply(400, {"message": "Please provide a valid spec id"}), errors.AepRequestError),
    "429": (reply(429, {}), errors.AepThrottledError),
    "429 with a wish": (reply(429, {}, retry_after="1"), errors.AepThrottledError),
    "500": (reply(500, {}), errors.AepServerError),
    "503": (reply(503, b"", retry_after="0"), errors.AepServerError),
    "504": (reply(504, b"<html>", "text/html"), errors.AepServerError),
    "reset": (raw.reset, errors.AepConnectionLostError),
    "closed": (raw.hang_up, errors.AepConnectionLostError),
    "HTML": (reply(200, b"<html>", "text/html"), errors.AepReplyError),
    "redirect": (reply(307, None, location="/elsewhere"), errors.AepReplyError),
    "404": (MISSING, errors.AepNotFoundError),
    "412": (reply(412, {"errorMessage": "Supplied version=[1] does not match"}), errors.AepVersionError),
}
AGAIN = {"401": 2, "403010": 2, "429": 4, "429 with a wish": 4}
UNCERTAIN = {"500": 4, "503": 4, "504": 4, "reset": 4, "closed": 4}
# How often at most, by method; what is not named is sent once.
SENT: dict[str, dict[str, int]] = {
    "GET": {**AGAIN, **UNCERTAIN},
    "DELETE": {**AGAIN, **UNCERTAIN},
    "PATCH": AGAIN,
    "POST": {},
}


def act(hook: Any, method: str) -> Any:
    """One call of each method."""
    if method == "GET":
        return hook.get_connection_details(ID)
    if method == "DELETE":
        return hook.delete_connection(ID)
    if method == "PATCH":
        return hook.patch_connection(ID, ETAG, [{"op": "replace", "path": "/name", "value": "x"}])
    params = {"clientSecret": canary.PAYPAL_SECRET}
    return hook.create_connection(name="n", connection_spec_id=ID, auth_spec_name="a", auth_params=params)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("method", SENT)
def test_how_often_each_method_is_sent(make_hook: MakeHook, waits: Any, method: str, failure: str) -> None:
    """A create that is sent twice makes two; a read that is sent once fails for nothing."""
    answer, kind = FAILURES[failure]
    if failure == "HTML" and method == "DELETE":
        pytest.skip("a DELETE's reply has no content to read")
    with RawServer(answer) as server:
        hook = make_hook(server.url)
        with pytest.raises(kind):
            act(hook, method)
        assert len(server.requests) == SENT[method].get(failure, 1)
        assert len(server.tokens) == (2 if failure in ("401", "403010") and method != "POST" else 1)


@pytest.mark.parametrize("failure", [key for key in FAILURES if key in SENT["GET"]])
def test_a_read_recovers(make_hook: MakeHook, waits: Any, failure: str) -> None:
    """One bad reply is no reason to fail a task."""
    with RawServer(FAILURES[failure][0], ITEM) as server:
        assert act(make_hook(server.url), "GET") == {"id": ID}
        assert len(server.requests) == 2


@pytest.mark.parametrize("failure", [key for key in FAILURES if key in SENT["PATCH"]])
def test_a_patch_recovers_where_it_had_no_effect(make_hook: MakeHook, waits: Any, failure: str) -> None:
    """With the same etag and body."""
    with RawServer(FAILURES[failure][0], reply(200, {"id": ID, "etag": "x"})) as server:
        act(make_hook(server.url), "PATCH")
        first, second = server.requests
    assert first.headers["if-match"] == second.headers["if-match"] == ETAG
    assert first.body == second.body


@pytest.mark.parametrize("lost", ["reset", "closed", "503", "504"])
@pytest.mark.parametrize("body", [MISSING, reply(404, b"gone", "text/plain")], ids=["JSON", "text"])
def test_a_delete_whose_reply_was_lost_is_done(
    make_hook: MakeHook, waits: Any, lost: str, body: bytes
) -> None:
    """The first one did it: the second finds nothing."""
    with RawServer(FAILURES[lost][0], body) as server:
        assert act(make_hook(server.url), "DELETE") is None
        assert len(server.requests) == 2


def test_a_delete_that_was_only_refused_before_is_not_done(make_hook: MakeHook) -> None:
    """The old token had no effect, so the 404 is a true one."""
    with RawServer(EXPIRED, MISSING) as server, pytest.raises(errors.AepNotFoundError):
        act(make_hook(server.url), "DELETE")


def test_a_delete_of_nothing_is_an_error(make_hook: MakeHook) -> None:
    """Whether that is fine is the caller's to say."""
    with RawServer(MISSING) as server, pytest.raises(errors.AepNotFoundError):
        act(make_hook(server.url), "DELETE")


@pytest.mark.parametrize(
    ("wish", "waited"),
    [("7", [7.0]), ("0", [0.5]), ("61", []), ("99999999999", []), ("Thu, 01 Jan 1970 00:00:00 GMT", [0.5])],
)
def test_retry_after_is_done_or_handed_up(
    make_hook: MakeHook, waits: Any, wish: str, waited: list[float]
) -> None:
    """Never less than the own step, up to a minute; beyond that the error carries it to Airflow's retry."""
    with RawServer(reply(429, {}, retry_after=wish), ITEM) as server:
        hook = make_hook(server.url)
        if waited:
            assert act(hook, "GET") == {"id": ID}
        else:
            with pytest.raises(errors.AepThrottledError) as caught:
                act(hook, "GET")
            assert caught.value.retry_after >= 61
    assert waits == pytest.approx(waited, rel=0.3)  # the own step is spread


@pytest.mark.parametrize("wish", ["soon", "-5", "", "1.5"])
def test_nonsense_for_retry_after_is_as_good_as_none(make_hook: MakeHook, waits: Any, wish: str) -> None:
    """Its own steps then."""
    with RawServer(reply(503, {}, retry_after=wish), ITEM) as server:
        act(make_hook(server.url), "GET")
    assert len(waits) == 1
    assert 0.3 < waits[0] < 0.7


def test_a_token_request_is_repeated_but_not_for_wrong_credentials(make_hook: MakeHook, waits: Any) -> None:
    """It makes nothing, so it may be; a wrong secret stays wrong."""
    wrong = reply(400, {"error": "invalid_client", "error_description": "invalid client_secret parameter"})
    for answer, kind, count in (
        (reply(503, b""), errors.AepServerError, 4),
        (reply(429, b""), errors.AepThrottledError, 4),
        (raw.reset, errors.AepConnectionLostError, 4),
        (wrong, errors.AepAuthError, 1),
        (reply(401, {"error": "invalid_client"}), errors.AepAuthError, 1),
    ):
        with RawServer(ITEM, token=answer) as server:
            with pytest.raises(kind):
                act(make_hook(server.url), "POST")
            assert (len(server.tokens), server.requests) == (count, [])


def test_repeats_are_logged_without_secrets(
    make_hook: MakeHook, waits: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Who waits wants to know for what; nobody needs the token for it."""
    echo = reply(503, {"message": f"no service for Bearer {raw.TOKEN}"})
    with caplog.at_level(logging.INFO), RawServer(echo, ITEM) as server:
        act(make_hook(server.url), "GET")
    said = caplog.text + "".join(capfd.readouterr())
    assert "Sending it again in" in said
