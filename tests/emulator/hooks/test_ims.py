"""Access tokens: one for each credential, shared, renewed in time, dropped after a refusal."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aep.flow_service.errors import AepReplyError
from airflow_provider_aep.hooks.connection import Settings
from airflow_provider_aep.hooks.ims import TOKENS, Token, _Cache, cache_key, read_token
from airflow_provider_aep.hooks.request_flow import Caller, Reply, Request, access_token
from airflow_provider_aep.hooks.session import AepSession
from airflow_provider_aep.hooks.transport import Transport
from tests.harness import raw_server as raw
from tests.harness.connections import MakeHook
from tests.harness.emulator import CLIENT_ID, CLIENT_SECRET, Emulator
from tests.harness.raw_server import RawServer, reply, token_reply

EMPTY = reply(200, {"items": []})
EXPIRED = reply(401, {"error_code": "401013", "message": "Oauth token is not valid"})


def token(expires_in: Any, now: float = 0.0) -> float:
    return read_token({"access_token": "t", "expires_in": expires_in}, now).renew_at


@pytest.mark.parametrize(
    ("expires_in", "renew_at"),
    [(86399, 86099), (86399992, 86399.992 - 300), (600, 540), (60, 54), (3000, 2700), (86399.0, 86099)],
    ids=["a day", "milliseconds", "ten minutes", "a minute", "fifty minutes", "a fraction"],
)
def test_a_token_is_renewed_before_its_end(expires_in: float, renew_at: float) -> None:
    """Five minutes or a tenth of its life before; the older exchange counts in milliseconds."""
    assert token(expires_in) == pytest.approx(renew_at)


@pytest.mark.parametrize(
    "expires_in",
    [None, "86399", True, [], {}, 0, -5, float("nan"), float("inf"), 10**400, -(10**400)],
    ids=str,
)
def test_an_invalid_life_means_an_hour(expires_in: Any) -> None:
    """The token is still used."""
    assert token(expires_in, now=100.0) == 100.0 + 3600 - 300


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_no_token_reply_breaks_the_client(value: Any) -> None:
    """A token with a finite life, or a typed error."""
    try:
        found = read_token({"access_token": value, "expires_in": value}, 0.0)
        assert 0 < found.renew_at < 32 * 86400
    except AepReplyError:
        pass
    assert 0 < token(value) < 32 * 86400


def test_the_secret_goes_in_a_form_body(make_hook: MakeHook) -> None:
    """Never in a URL; the scopes with commas."""
    with RawServer(EMPTY) as server:
        make_hook(server.url, extra={"scopes": "openid AdobeID"}).list_connections()
        sent = server.tokens[0]
    assert (sent.method, sent.path) == ("POST", "/ims/token/v3")
    assert sent.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(sent.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": [CLIENT_ID],
        "client_secret": [CLIENT_SECRET],
        "scope": ["openid,AdobeID"],
    }


def test_threads_share_one_token(make_hook: MakeHook, emulator: Emulator) -> None:
    """Twenty mapped tasks of one process ask IMS once."""
    hooks = [make_hook(emulator.url) for _ in range(20)]
    start = threading.Barrier(20)

    def work(hook: Any) -> Any:
        start.wait(30)
        return hook.list_connections()

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(work, hooks)) == [[]] * 20
    assert len(emulator.requests("POST", "/ims/token/v3")) == 1


def test_threads_share_one_hook(make_hook: MakeHook, emulator: Emulator) -> None:
    """Many at a time."""
    hook = make_hook(emulator.url)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: hook.list_connections(), range(40))) == [[]] * 40
    assert len(emulator.requests("POST", "/ims/token/v3")) == 1


def test_a_token_outlives_its_hook(make_hook: MakeHook, emulator: Emulator) -> None:
    """The next task of the process uses it again."""
    for _ in range(3):
        make_hook(emulator.url).list_connections()
    assert len(emulator.requests("POST", "/ims/token/v3")) == 1


@pytest.mark.parametrize(
    "other",
    [{"password": "another"}, {"login": "another"}, {"extra": {"org_id": "another@AdobeOrg"}},
     {"extra": {"scopes": "openid"}}],
    ids=["secret", "client", "org", "scopes"],
)  # fmt: skip
def test_another_credential_has_another_token(make_hook: MakeHook, other: dict[str, Any]) -> None:
    """A corrected secret must be tried, and one tenant's token never reach another's."""
    with RawServer(EMPTY) as server:
        make_hook(server.url).list_connections()
        make_hook(server.url, conn_id="aep_other", **other).list_connections()
        assert len(server.tokens) == 2


def test_an_ageing_token_is_replaced(make_hook: MakeHook) -> None:
    """Before it expires, so that no call uses an expired token."""
    with RawServer(EMPTY, token=token_reply(expires_in=1000)) as server:
        hook = make_hook(server.url)
        hook.list_connections()
        key, old = next(iter(TOKENS._tokens.items()))
        assert len(server.tokens) == 1
        TOKENS.put(key, Token(old.value, renew_at=old.renew_at - 901))
        hook.list_connections()
        hook.list_connections()
        assert len(server.tokens) == 2


def test_a_refused_token_is_dropped_and_the_call_repeated_once(make_hook: MakeHook) -> None:
    """It was revoked in the Developer Console, or expired early: a read continues with a new token."""
    with RawServer(EMPTY) as server:
        hook = make_hook(server.url)
        hook.list_connections()
        server.replies, server.token = [EXPIRED, EMPTY], token_reply("another-token")
        assert hook.list_connections() == []
        sent = [one.headers["authorization"] for one in server.requests]
    assert sent == [f"Bearer {raw.TOKEN}", f"Bearer {raw.TOKEN}", "Bearer another-token"]
    assert len(server.tokens) == 2


def test_a_refused_token_is_not_kept_for_the_next_create(make_hook: MakeHook, emulator: Emulator) -> None:
    """The create itself is not repeated; the next request has a new token."""
    from airflow_provider_aep.flow_service.errors import AepAuthError

    hook = make_hook(emulator.url)
    assert hook.list_connections() == []
    emulator.advance(100_000)
    with pytest.raises(AepAuthError):
        hook.run("connections", method="POST", json={})
    assert hook.list_connections() == []
    assert len(emulator.requests("POST", "/ims/token/v3")) == 2


def test_a_thread_that_was_slower_drops_nothing_new() -> None:
    """Ten threads meet the same 401: one new token serves them all."""
    cache = _Cache()
    cache.put("k", Token("new", 1e12))
    cache.drop("k", "old")
    assert cache.peek("k") == Token("new", 1e12)
    cache.drop("k", "new")
    assert cache.peek("k") is None


SETTINGS = Settings(
    "id", "secret", "a@AdobeOrg", "prod", "", "https://a.example", "https://i.example", 9, None, None
)


class _Ims:
    """A session whose requests are answered by `answer()`, the value of a token."""

    def __init__(self, answer: Callable[[], str]) -> None:
        self._answer = answer
        self._session = AepSession("aep_default")
        self._session.__dict__["_transport"] = self

    def send(self, request: Request) -> Reply:
        assert request.url.startswith("https://i.example/")
        return Reply(200, {}, json.dumps({"access_token": self._answer()}).encode())

    def token(self, client_id: str = "id") -> str:
        caller = Caller("aep_default", replace(SETTINGS, client_id=client_id), "prod", str)
        return self._session.carry_out(access_token(caller))


@pytest.mark.usefixtures("set_connection")
def test_a_fetch_may_be_interrupted_by_another_of_the_same_thread() -> None:
    """A signal handler runs inside what it interrupted. A plain lock would wait for itself."""
    got: list[str] = []

    def interrupted() -> str:
        got.append(_Ims(lambda: "the handler's").token())
        return "the task's"

    task = threading.Thread(target=lambda: got.append(_Ims(interrupted).token()), daemon=True)
    task.start()
    task.join(60)
    assert got == ["the handler's", "the task's"]


@pytest.mark.usefixtures("set_connection")
def test_threads_that_want_the_same_token_wait_for_one_fetch() -> None:
    """A fetch for another credential does not wait for it, nor does the event loop."""
    fetches, begun, gate = [], threading.Event(), threading.Event()

    def fetch() -> str:
        fetches.append("k")
        begun.set()
        assert gate.wait(60)
        return "one"

    with ThreadPoolExecutor(10) as pool:
        waiting = [pool.submit(_Ims(fetch).token) for _ in range(10)]
        try:
            assert begun.wait(60)
            assert TOKENS.peek(cache_key(SETTINGS)) is None
            assert _Ims(lambda: "two").token("another") == "two"
        finally:
            gate.set()
        assert {one.result(60) for one in waiting} == {"one"}
    assert fetches == ["k"]


def test_a_session_may_be_asked_for_while_it_is_made(
    make_hook: MakeHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a signal handler. One session remains."""
    from airflow_provider_aep.hooks import session

    hook, made, inner = make_hook("https://example.com"), [], []

    def interrupted(*given: Any) -> Any:
        made.append(given)
        if len(made) == 1:
            inner.append(hook._aep_session.transport)
        return Transport(*given)

    monkeypatch.setattr(session, "Transport", interrupted)
    task = threading.Thread(target=lambda: inner.append(hook._aep_session.transport), daemon=True)
    task.start()
    task.join(60)
    assert len(inner) == len(made) == 2
    assert inner[0] is inner[1] is hook._aep_session.transport
