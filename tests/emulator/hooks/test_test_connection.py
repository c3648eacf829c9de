"""What Airflow's *Test* button says: which setting is wrong, in words, and never with a secret."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness import raw_server as raw
from tests.harness.connections import MakeHook, SetConnection
from tests.harness.emulator import CLIENT_SECRET, PAYPAL_ID, Emulator
from tests.harness.raw_server import RawServer, reply, unused_port

EMPTY = reply(200, {"items": []})
DEAD = "a port nobody listens at"
PERMISSION = {
    "type": "https://ns.adobe.com/aep/errors/FLOW-2121-403",
    "title": "Forbidden",
    "status": 403,
    "report": {"detailed-message": "The permission manage is denied on resource Enterprise Source."},
}


def test_a_right_connection_says_where_it_leads(hook: Any) -> None:
    """Organization and sandbox, since the wrong one works just as well."""
    ok, message = hook.test_connection()
    assert ok
    assert "0123456789ABCDEF01234567@AdobeOrg" in message
    assert "'prod'" in message


def test_an_unknown_key_of_the_extra_is_named(make_hook: MakeHook, emulator: Emulator) -> None:
    """Whoever tests a connection in the form sees no log."""
    ok, message = make_hook(emulator.url, extra={"owner": "c4nary"}).test_connection()
    assert ok
    assert message.endswith("The extra's `owner` is unknown and not used.")
    assert "c4nary" not in message


WRONG = {
    "client": ({"login": "another-client"}, ["`login`"]),
    "secret": ({"password": "wr0ng-s3cret"}, ["`password`"]),
    "organization": ({"extra": {"org_id": "FFFFFFFFFFFFFFFFFFFFFFFF@AdobeOrg"}}, ["`org_id`"]),
    "organization's shape": ({"extra": {"org_id": "nonsense@AdobeOrg"}}, ["`org_id`"]),
    "sandbox": ({"extra": {"sandbox": "nowhere"}}, ["`sandbox`", "'nowhere'"]),
    "scopes": ({"extra": {"scopes": "nonsense"}}, ["`scopes`"]),
}


@pytest.mark.parametrize(("wrong", "words"), WRONG.values(), ids=WRONG.keys())
def test_the_wrong_setting_is_named(
    make_hook: MakeHook, emulator: Emulator, wrong: dict[str, Any], words: list[str]
) -> None:
    """As it is stored, so that one finds it in the form and in a JSON file."""
    ok, message = make_hook(emulator.url, **wrong).test_connection()
    assert not ok
    assert all(word in message for word in words), message
    assert "wr0ng-s3cret" not in message
    assert CLIENT_SECRET not in message


def test_a_missing_permission_is_told_with_its_sandbox(hook: Any, emulator: Emulator) -> None:
    """And what to add."""
    emulator.fault(method="GET", path="/connections", status=403, body=PERMISSION)
    ok, message = hook.test_connection()
    assert not ok
    assert "permission" in message
    assert "Manage Sources" in message
    assert "'prod'" in message


def test_the_sandbox_tested_is_the_hooks(make_hook: MakeHook, emulator: Emulator) -> None:
    """A hook for another sandbox asks about that one."""
    assert make_hook(emulator.url, sandbox="dev").test_connection()[0]
    ok, message = make_hook(emulator.url, sandbox="nowhere").test_connection()
    assert not ok
    assert "'nowhere'" in message


@pytest.mark.parametrize("both", [False, True], ids=["host alone", "IMS too"])
def test_an_unreachable_host_is_not_put_down_to_ims(
    make_hook: MakeHook, emulator: Emulator, waits: Any, both: bool
) -> None:
    """The first thing to check is `host`."""
    dead = f"http://127.0.0.1:{unused_port()}"
    ims = f"http://127.0.0.1:{unused_port()}" if both else emulator.url
    ok, message = make_hook(dead, extra={"ims_host": ims}).test_connection()
    assert not ok
    assert f"{dead} (`host` of the Airflow connection 'aep_default')" in message
    assert (f"{ims} (`ims_host` of" in message) is both


def test_an_unreachable_ims_is_not_put_down_to_host(
    make_hook: MakeHook, emulator: Emulator, waits: Any
) -> None:
    """Another address, often another firewall rule."""
    dead = f"http://127.0.0.1:{unused_port()}"
    ok, message = make_hook(emulator.url, extra={"ims_host": dead}).test_connection()
    assert not ok
    assert f"{dead} (`ims_host` of the Airflow connection 'aep_default')" in message
    assert f"{emulator.url} (`host`" not in message


@pytest.mark.parametrize(
    ("answer", "words"),
    [(reply(200, b"<html>", "text/html"), "HTML"), (reply(404, b"<html>", "text/html"), "HTML"),
     (reply(302), "redirect"), (reply(200, {"no": "list"}), "a list"), (reply(500, {}), "500"),
     (reply(418, {}), "418"), (raw.reset, "broke"), (reply(429, {}, retry_after="3600"), "429"),
     (reply(401, {"error_code": "401013", "message": "Oauth token is not valid"}), "org_id")],
    ids=["HTML", "HTML 404", "redirect", "other JSON", "500", "418", "reset", "429", "401"],
)  # fmt: skip
def test_what_answers_otherwise_is_told(make_hook: MakeHook, waits: Any, answer: Any, words: str) -> None:
    """A captive portal, a wrong host, an outage."""
    with RawServer(answer) as server:
        ok, message = make_hook(server.url).test_connection()
    assert not ok
    assert words in message
    assert raw.TOKEN not in message


def test_a_new_token_is_asked_for(make_hook: MakeHook, emulator: Emulator) -> None:
    """The one in hand says nothing about a secret that was changed a minute ago."""
    hook = make_hook(emulator.url)
    hook.list_connections()
    assert hook.test_connection()[0]
    assert len(emulator.requests("POST", "/ims/token/v3")) == 2


def test_a_test_changes_nothing(hook: Any, emulator: Emulator) -> None:
    """It reads."""
    hook.test_connection()
    assert {one["method"] for one in emulator.requests() if "/ims/" not in one["path"]} == {"GET"}


def test_it_never_raises(make_hook: MakeHook, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow would show the exception's text as it is."""
    hook = make_hook("http://127.0.0.1:9")
    monkeypatch.setattr(type(hook), "renew_token", lambda self: 1 / 0)
    ok, message = hook.test_connection()
    assert not ok
    assert "ZeroDivisionError" in message


PAYPAL = {
    "complete": ({}, True, "api.sandbox.paypal.com"),
    "another host": ({"host": "api.paypal.com"}, True, "api.paypal.com"),
    "host with https": ({"host": "https://api.paypal.com/"}, True, "api.paypal.com"),
    "no login": ({"login": None}, False, "`login`"),
    "blank login": ({"login": "  "}, False, "`login`"),
    "no password": ({"password": ""}, False, "`password`"),
    "password with a blank": ({"password": "c4nary s3cret"}, False, "`password`"),
    "password with a line break": ({"password": "c4nary\ns3cret"}, False, "`password`"),
    "unicode": ({"password": "c4naryäs3cret"}, False, "`password`"),
    "host with a path": ({"host": "api.paypal.com/c4nary"}, False, "`host`"),
    "host with a user": ({"host": "c4nary@api.paypal.com"}, False, "`host`"),
    "invalid host": ({"host": "nowhere"}, False, "`host`"),
    "host with http": ({"host": "http://api.paypal.com"}, False, "`host`"),
}


@pytest.mark.parametrize(("fields", "good", "words"), PAYPAL.values(), ids=PAYPAL.keys())
def test_paypals_settings_are_checked(
    set_connection: SetConnection, fields: dict[str, Any], good: bool, words: str
) -> None:
    """Complete and well formed; nothing is sent, and nothing repeated but the host."""
    from airflow_provider_aep.hooks.paypal import PayPalHook

    right = {"conn_type": "paypal", "login": PAYPAL_ID, "password": "right-s3cret"}
    set_connection("paypal_default", **{**right, **fields})
    ok, message = PayPalHook().test_connection()
    assert ok is good, message
    assert words in message
    assert "c4nary" not in message
    assert "right-s3cret" not in message
