"""The request flow without a transport: each test answers its steps by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest

from airflow_provider_aep.flow_service import errors
from airflow_provider_aep.flow_service.requests import Call
from airflow_provider_aep.flow_service.retry import MAX_REQUESTS
from airflow_provider_aep.hooks import ims, request_flow, session
from airflow_provider_aep.hooks.connection import Settings
from airflow_provider_aep.hooks.request_flow import (
    Caller,
    FetchToken,
    FindConnection,
    Flow,
    Mask,
    Reply,
    Request,
    Sleep,
    UseFiles,
)

SETTINGS = Settings(
    "id", "secret", "a@AdobeOrg", "prod", "", "https://a.example", "https://i.example", 9, None, None
)
OK = Reply(200, {}, b'{"id": "1"}')
EMPTY = Reply(204, {}, b"")
REFUSED = Reply(401, {}, b'{"error_code": "401013", "message": "Oauth token is not valid"}')
MISSING = Reply(404, {}, b'{"errorMessage": "not found"}')
BUSY = Reply(503, {}, b"{}")
MOVED = Reply(302, {"location": "https://evil.example"}, b"")
LOST = errors.AepConnectionLostError("lost")
GET, POST, PATCH, DELETE = (Call(method, "/x") for method in ("GET", "POST", "PATCH", "DELETE"))


def caller(**facts: Any) -> Caller:
    return Caller("aep_default", SETTINGS, "dev", str, **facts)


@pytest.fixture(autouse=True)
def tokens() -> Iterator[None]:
    """A token in hand."""
    ims.TOKENS.clear()
    ims.TOKENS.put(caller().token_key, ims.Token("old", 1e12))
    yield
    ims.TOKENS.clear()


class Driver:
    """Answers requests from a list and token fetches with `new`; keeps what it sent, slept and masked."""

    def __init__(
        self, *answers: Reply | errors.AepError, sleep: float = 1000, token: errors.AepError | None = None
    ) -> None:
        self._answers, self._left, self._token = list(answers), sleep, token
        self.sent: list[Request] = []
        self.slept: list[float] = []
        self.masked: list[object] = []

    def carry_out(self, flow: Flow[Any]) -> Any:
        result: Any = None
        while True:
            try:
                step = flow.throw(result) if isinstance(result, errors.AepError) else flow.send(result)
            except StopIteration as done:
                assert self._answers == []
                return done.value
            result = self._perform(step)

    def _perform(self, step: Any) -> Any:
        if isinstance(step, Request):
            self.sent.append(step)
            return self._answers.pop(0)
        if isinstance(step, Sleep):
            if (slept := step.seconds <= self._left) and step.seconds:
                self.slept.append(step.seconds)
            return slept
        if isinstance(step, FetchToken):
            if self._token is not None:
                return self._token
            token = ims.Token("new", 1e12)
            ims.TOKENS.put(step.key, token)
            return token
        if isinstance(step, UseFiles):
            return step.function()
        if isinstance(step, FindConnection):
            raise AssertionError("no flow of these tests reads a connection")
        assert isinstance(step, Mask)
        self.masked.append(step.secret)
        return None


def call(driver: Driver, call: Call = GET, **facts: Any) -> Any:
    return driver.carry_out(request_flow.call(caller(**facts), call, "/service"))


def test_a_request_is_complete() -> None:
    """With address, token, organization and sandbox, in the words of a message without query."""
    driver = Driver(OK)
    posted = Call("POST", "/x", [("q", "a,b c")], {"n": 1}, {"If-Match": "e", "authorization": "evil"})
    assert call(driver, posted) == {"id": "1"}
    (sent,) = driver.sent
    assert (sent.method, sent.url) == ("POST", "https://a.example/service/x?q=a,b+c")
    assert (sent.body, sent.words, sent.timeout) == (b'{"n": 1}', "POST /x", 9)
    assert str(sent.to) == "https://a.example (`host` of the Airflow connection 'aep_default')"
    ours = {"authorization": "Bearer old", "x-api-key": "id", "x-gw-ims-org-id": "a@AdobeOrg"}
    assert {**ours, "x-sandbox-name": "dev", "if-match": "e"}.items() <= sent.headers.items()
    assert sent.headers["content-type"] == "application/json"
    assert driver.masked == ["old"]
    assert "old" not in repr(sent)


def test_a_call_without_content_returns_none() -> None:
    assert call(Driver(EMPTY)) is None
    assert call(Driver(OK), DELETE) is None


@pytest.mark.parametrize("call_", [GET, PATCH, DELETE], ids=lambda one: one.method)
@pytest.mark.parametrize("most", [1, MAX_REQUESTS])
def test_a_refused_token_is_renewed_once(call_: Call, most: int) -> None:
    """Also if nothing else is repeated."""
    driver = Driver(REFUSED, EMPTY)
    assert call(driver, call_, max_requests=most) is None
    assert [one.headers["authorization"] for one in driver.sent] == ["Bearer old", "Bearer new"]
    assert driver.slept == []
    with pytest.raises(errors.AepAuthError):
        call(Driver(REFUSED, REFUSED), call_, max_requests=most)
    assert ims.TOKENS.peek(caller().token_key) is None


def test_a_journal_that_refuses_the_token_costs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """AEP has accepted it, so a new one would be refused too. After a while, that proves nothing."""

    def read(*answers: Reply) -> list[str]:
        driver = Driver(*answers)
        with pytest.raises(errors.AepAuthError):
            driver.carry_out(request_flow.read_journal(caller(), "https://events.adobe.io/journal"))
        return [one.headers["authorization"] for one in driver.sent]

    assert read(REFUSED, REFUSED) == ["Bearer old", "Bearer new"]
    call(Driver(OK))
    assert read(REFUSED) == ["Bearer new"]
    assert read(REFUSED) == ["Bearer new"]
    with pytest.raises(errors.AepAuthError):
        call(Driver(REFUSED, REFUSED))  # AEP itself refuses it: a new one
    call(Driver(OK))
    monkeypatch.setattr(ims, "TRUST", 0.0)
    assert read(REFUSED, REFUSED) == ["Bearer new", "Bearer new"]


def test_a_post_is_sent_once() -> None:
    """And its refused token is not kept."""
    for answer in (REFUSED, BUSY, LOST):
        with pytest.raises(errors.AepError):
            call(Driver(answer), POST)
    driver = Driver(OK)
    call(driver, POST)
    assert driver.sent[0].headers["authorization"] == "Bearer new"


def test_a_failure_is_repeated_up_to_a_limit() -> None:
    driver = Driver(*[BUSY] * MAX_REQUESTS)
    with pytest.raises(errors.AepServerError):
        call(driver)
    assert len(driver.slept) == MAX_REQUESTS - 1
    with pytest.raises(errors.AepServerError):
        call(Driver(BUSY), max_requests=1)


def test_without_time_to_sleep_the_failure_is_final() -> None:
    driver = Driver(BUSY, sleep=0)
    with pytest.raises(errors.AepServerError):
        call(driver)
    assert driver.slept == []


def test_a_delete_whose_reply_was_lost_has_succeeded_if_the_next_one_finds_nothing() -> None:
    assert call(Driver(LOST, MISSING), DELETE) is None
    with pytest.raises(errors.AepNotFoundError):
        call(Driver(MISSING), DELETE)
    with pytest.raises(errors.AepNotFoundError):
        call(Driver(REFUSED, MISSING), DELETE)


def test_a_failure_after_a_lost_reply_may_have_happened() -> None:
    with pytest.raises(errors.AepPermissionError) as caught:
        call(Driver(LOST, Reply(403, {}, b"{}")), DELETE)
    assert caught.value.may_have_happened
    with pytest.raises(errors.AepPermissionError) as caught:
        call(Driver(Reply(403, {}, b"{}")), DELETE)
    assert not caught.value.may_have_happened


def test_without_a_token_nothing_was_sent() -> None:
    """A token request that fails has no effect; an earlier request whose reply was lost may have had one."""
    lost = errors.AepTimeoutError("IMS is slow")
    ims.TOKENS.clear()
    driver = Driver(token=lost)
    with pytest.raises(errors.AepTimeoutError) as caught:
        call(driver, POST)
    assert (driver.sent, caught.value.may_have_happened) == ([], False)
    ims.TOKENS.put(caller().token_key, ims.Token("old", 1e12))
    with pytest.raises(errors.AepTimeoutError) as caught:
        call(Driver(BUSY, REFUSED, token=lost), DELETE)
    assert caught.value.may_have_happened


def test_a_redirect_is_never_handed_out() -> None:
    """Not even to a caller who wants to see error replies."""
    flow = request_flow.send(caller(), "GET", "https://a.example/x", "GET /x", headers={}, check=False)
    with pytest.raises(errors.AepReplyError, match="redirect"):
        Driver(MOVED).carry_out(flow)
    flow = request_flow.send(caller(), "GET", "https://a.example/x", "GET /x", headers={}, check=False)
    assert Driver(MISSING).carry_out(flow) is MISSING


def test_a_token_request_is_repeated_as_a_get_is() -> None:
    token = Reply(200, {}, b'{"access_token": "t", "expires_in": 1000}')
    no_json = Reply(200, {}, b"<html>")
    driver = Driver(LOST, no_json, BUSY, token)
    assert driver.carry_out(request_flow.renew_token(caller())).value == "t"
    assert {(one.method, one.url) for one in driver.sent} == {("POST", "https://i.example/ims/token/v3")}
    assert driver.masked == ["t"]
    with pytest.raises(errors.AepConnectionLostError):
        Driver(LOST).carry_out(request_flow.renew_token(caller(max_requests=1)))
    with pytest.raises(errors.AepAuthError):
        Driver(REFUSED).carry_out(request_flow.renew_token(caller()))


def test_a_token_that_another_flow_has_fetched_is_taken() -> None:
    """While this one waited for its turn."""
    ims.TOKENS.clear()
    flow = request_flow.access_token(caller())
    step = next(flow)
    assert isinstance(step, FetchToken)
    ims.TOKENS.put(step.key, ims.Token("theirs", 1e12))
    assert Driver().carry_out(step.flow).value == "theirs"


@pytest.mark.parametrize(
    "broken", [Call("GET", "/x", [("q", "\ud800")]), Call("POST", "/x", body=object())], ids=["query", "body"]
)
def test_what_cannot_be_written_is_not_sent(broken: Call) -> None:
    with pytest.raises(errors.AepConfigError, match="cannot be written"):
        call(Driver(), broken)


class _Answering:
    """A transport with prepared replies."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.sent: list[Request] = []

    def send(self, request: Request) -> Reply:
        self.sent.append(request)
        return self._replies.pop(0)


@pytest.mark.parametrize("aside", [False, True], ids=["task", "signal handler"])
def test_a_repeat_is_logged_but_not_in_a_signal_handler(monkeypatch: pytest.MonkeyPatch, aside: bool) -> None:
    """The signal may have interrupted a log line; its session has a short time limit, too."""
    slept: list[float] = []
    monkeypatch.setattr(session, "sleep", slept.append)
    task = session.AepSession("aep_default")
    task.__dict__["settings"] = replace(SETTINGS, timeout=99)
    own = task.aside() if aside else task
    transport, log = _Answering(BUSY, OK), Mock()
    own.__dict__["_transport"] = transport
    who = replace(caller(), settings=own.settings)
    assert own.carry_out(request_flow.call(who, GET, ""), log) == {"id": "1"}
    assert [one.timeout for one in transport.sent] == [session.ASIDE if aside else 99] * 2
    assert own.sleep_budget.left == (session.ASIDE if aside else math.inf) - slept[0]
    lines = [template % values for template, values in (one.args for one in log.info.call_args_list)]
    if aside:
        assert lines == []
    else:
        (line,) = lines
        begin = "GET /x failed: AEP-E308 AepServerError (503). Sending it again in 0."
        assert line.startswith(begin)
        assert line.endswith(" s (request 2 of 4).")
