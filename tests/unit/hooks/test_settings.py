"""An Airflow connection of type `aep`: every setting, its default, and invalid values."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.hooks import connection
from airflow_provider_aep.hooks.connection import afind_connection, find_connection, read_settings
from tests.harness.connections import MakeHook, SetConnection
from tests.harness.emulator import CLIENT_ID, ORG_ID
from tests.harness.secret_search import all_of

CANARY = "c4nary-s3cret"


def settings_of(make_hook: MakeHook, extra: dict[str, Any] | None = None, **fields: Any) -> Any:
    return make_hook(extra={"ims_host": None, "timeout": None, **(extra or {})}, **fields).settings


def test_missing_settings_have_defaults(make_hook: MakeHook) -> None:
    """Client ID, client secret and organization are enough."""
    found = settings_of(make_hook)
    assert (found.client_id, found.org_id, found.sandbox) == (CLIENT_ID, ORG_ID, "prod")
    assert (found.base_url, found.ims_url) == ("https://platform.adobe.io", "https://ims-na1.adobelogin.com")
    assert (found.timeout, found.verify, found.tenant) == (30.0, None, None)
    assert "additional_info.projectedProductContext" in found.scopes


def test_empty_settings_have_defaults(make_hook: MakeHook) -> None:
    """For empty fields, the form sends empty texts, nulls and port 0."""
    empty = {"sandbox": "", "scopes": "", "ims_host": "", "timeout": "", "verify": "", "tenant": ""}
    assert settings_of(make_hook, empty, host="", port=0) == settings_of(make_hook)


GOOD = {
    "sandbox": ("sandbox", "dev", "sandbox", "dev"),
    "sandbox with blanks around": ("sandbox", " dev ", "sandbox", "dev"),
    "scopes with commas": ("scopes", "openid, AdobeID", "scopes", "openid,AdobeID"),
    "scopes with blanks": ("scopes", "openid AdobeID", "scopes", "openid,AdobeID"),
    "timeout": ("timeout", 5, "timeout", 5.0),
    "timeout with a fraction": ("timeout", 0.5, "timeout", 0.5),
    "timeout as text": ("timeout", "30", "timeout", 30.0),
    "tenant": ("tenant", "acme", "tenant", "acme"),
    "tenant with its sign": ("tenant", "@acme", "tenant", "acme"),
    "verify true": ("verify", True, "verify", None),
    "ims_host": ("ims_host", "ims.example.com", "ims_url", "https://ims.example.com"),
    "ims_host, slash": ("ims_host", "https://ims.example.com/", "ims_url", "https://ims.example.com"),
}


@pytest.mark.parametrize(("key", "value", "setting", "result"), GOOD.values(), ids=GOOD.keys())
def test_extras_are_read(make_hook: MakeHook, key: str, value: Any, setting: str, result: Any) -> None:
    """As Airflow's form, a JSON file or a person writes them."""
    assert getattr(settings_of(make_hook, {key: value}), setting) == result


HOSTS = {
    "no scheme": ("api.example.com", None, "https://api.example.com"),
    "https": ("https://api.example.com", None, "https://api.example.com"),
    "slash": ("https://api.example.com/", None, "https://api.example.com"),
    "port in its own field": ("api.example.com", 8443, "https://api.example.com:8443"),
    "port in the host": ("https://api.example.com:8443", None, "https://api.example.com:8443"),
    "port in both": ("https://api.example.com:8443", 8443, "https://api.example.com:8443"),
    "port 0": ("api.example.com", 0, "https://api.example.com"),
    "the scheme's own port": ("https://api.example.com:443", 443, "https://api.example.com"),
    "upper case": ("HTTPS://API.Example.COM", None, "https://api.example.com"),
    "http to this machine": ("http://127.0.0.1:8787", None, "http://127.0.0.1:8787"),
    "http to this machine by name": ("http://localhost", 8787, "http://localhost:8787"),
    "http to this machine, IPv6": ("http://[::1]:8787", None, "http://[::1]:8787"),
    "blanks around": ("  api.example.com ", None, "https://api.example.com"),
}


@pytest.mark.parametrize(("host", "port", "url"), HOSTS.values(), ids=HOSTS.keys())
def test_host_and_port_make_one_address(make_hook: MakeHook, host: str, port: int | None, url: str) -> None:
    """`host` is an origin. `port` is appended if it is set."""
    assert settings_of(make_hook, host=host, port=port).base_url == url


BAD_ORIGINS = {
    "path": f"https://api.example.com/{CANARY}",
    "query": f"https://api.example.com?{CANARY}",
    "fragment": f"https://api.example.com#{CANARY}",
    "user information": f"https://user:{CANARY}@api.example.com",
    "a user": f"https://{CANARY}@api.example.com",
    "another scheme": f"ftp://{CANARY}.example.com",
    "file": f"file:///{CANARY}",
    "http to another machine": f"http://{CANARY}.example.com",
    "http to another host, with localhost in its name": f"http://127.0.0.1.{CANARY}.com",
    "no host": "https://",
    "a blank within": f"api.example .com{CANARY}",
    "a line break": f"api.example.com\r\nX: {CANARY}",
    "a backslash": f"https://api.example.com\\@{CANARY}.com",
    "no port": f"https://api.example.com:{CANARY}",
    "a huge port": "https://api.example.com:99999",
    "unicode": f"https://äpi.example.com{CANARY}",
    "a broken bracket": f"https://[{CANARY}",
    "two hosts": f"api.example.com,{CANARY}.example.com",
}


@pytest.mark.parametrize("setting", ["host", "ims_host"])
@pytest.mark.parametrize("value", BAD_ORIGINS.values(), ids=BAD_ORIGINS.keys())
def test_a_host_that_is_not_an_origin_is_refused_and_not_shown(
    make_hook: MakeHook, setting: str, value: str
) -> None:
    """A user may paste a URL with credentials. They must not be sent or logged."""
    where = {"host": value} if setting == "host" else {"extra": {"ims_host": value}}
    with pytest.raises(AepConfigError, match=f"`{setting}`") as caught:
        settings_of(make_hook, **where) if setting == "host" else make_hook(**where).settings
    assert caught.value.parameter == setting
    assert "'aep_default'" in str(caught.value)
    assert CANARY not in all_of(caught.value)


def bad(parameter: str, **fields: Any) -> Any:
    return parameter, fields


BAD = {
    "no login": bad("login", login=None),
    "empty login": bad("login", login=" "),
    "login with a line break": bad("login", login=f"a\r\nX-Evil: {CANARY}"),
    "login with a blank": bad("login", login=f"a {CANARY}"),
    "no password": bad("password", password=None),
    "blank password": bad("password", password="   "),
    "port too large": bad("port", port=70000),
    "port negative": bad("port", port=-1),
    "two ports": bad("port", host="https://api.example.com:8443", port=9000),
    "no org_id": bad("org_id", extra={}),
    "empty org_id": bad("org_id", extra={"org_id": " "}),
    "org_id is a number": bad("org_id", extra={"org_id": 5}),
    "org_id without @": bad("org_id", extra={"org_id": "0123456789ABCDEF01234567"}),
    "org_id with a line break": bad("org_id", extra={"org_id": f"a@b\r\nX-Evil: {CANARY}"}),
}
BAD_EXTRAS = {
    "sandbox": ["a b", "*", "a/b", 5, ["dev"], "dev\nprod", {"a": 1}],
    "scopes": [5, ["openid"], "öpenid", "a\x00b"],
    "ims_host": [5, ["x"]],
    "timeout": [0, -1, "abc", True, False, float("nan"), float("inf"), 1e9, 10**400, [30], {"s": 1}, "1e999"],
    "verify": [
        False,
        "false",
        "False",
        "0",
        "no",
        "off",
        0,
        1,
        [],
        "/no/such/bundle.pem",
        "x" * 5000,
        "a\x00b",
    ],
    "tenant": [5, "a b", "a/b", "a\nb", ["x"]],
}
BAD |= {
    f"{key} {str(value)[:20]!r}": bad(key, extra={"org_id": ORG_ID, key: value})
    for key, values in BAD_EXTRAS.items()
    for value in values
}


@pytest.mark.parametrize(("parameter", "fields"), BAD.values(), ids=BAD.keys())
def test_a_wrong_setting_is_named_before_anything_is_sent(
    set_connection: SetConnection, parameter: str, fields: dict[str, Any]
) -> None:
    """The message names the setting and the connection. A request would fail: the layer has no sockets."""
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook

    url = "http://127.0.0.1:9"
    right = {"conn_type": "aep", "login": CLIENT_ID, "password": CANARY, "host": url}
    extra = {"org_id": ORG_ID, "ims_host": url}
    set_connection("aep_default", **{**right, "extra": extra, **fields})
    hook = FlowServiceHook()
    with pytest.raises(AepConfigError) as caught:
        hook.list_connections()
    ok, message = hook.test_connection()
    error = caught.value
    assert error.parameter == parameter
    assert f"`{parameter}`" in str(error)
    assert "'aep_default'" in str(error)
    assert not error.retryable
    assert CANARY not in all_of(error)
    assert "Evil" not in str(error)
    assert not ok
    assert f"`{parameter}`" in message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("password", f"{CANARY}\ud800"),
        ("host", 5),
        ("port", "abc"),
        ("port", True),
        ("login", 5),
        ("password", b"x"),
    ],
    ids=str,
)
def test_types_from_a_secrets_backend_are_checked(field: str, value: Any) -> None:
    """Not every secrets backend checks types as Airflow does."""
    extra = json.dumps({"org_id": ORG_ID})
    right = {"conn_id": "c", "login": "a", "password": "b", "host": None, "port": None, "extra": extra}
    with pytest.raises(AepConfigError, match=f"'c': .*`{field}`") as caught:
        read_settings(SimpleNamespace(**{**right, field: value}))
    assert CANARY not in all_of(caught.value)


@pytest.mark.parametrize(
    "raw",
    [
        '{"conn_type": "aep", "password": "c4nary-s3cret", "extra": ',
        '{"conn_type": "aep", "port": "abc"}',
        "[1]",
    ],
    ids=["broken JSON", "port is a text", "a list"],
)
def test_a_connection_that_airflow_cannot_read_is_named(
    set_connection: SetConnection, monkeypatch: pytest.MonkeyPatch, raw: str
) -> None:
    """Airflow's own error holds the whole text of the variable, with the password."""
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook

    monkeypatch.setenv("AIRFLOW_CONN_AEP_DEFAULT", raw)
    with pytest.raises(AepConfigError, match="aep_default") as caught:
        FlowServiceHook().list_connections()
    assert CANARY not in all_of(caught.value)
    ok, message = FlowServiceHook().test_connection()
    assert not ok
    assert "aep_default" in message


def test_an_invalid_uri_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend of secrets can pass on Airflow's error. It is of the base class, and its text is the URI."""

    def parse(conn_id: str) -> Any:
        uri = "aep://id:c4nary-s3cret@host/?a=http://a&b=http://b"
        raise connection.AirflowException(f"Invalid connection string: {uri}.")

    async def parse_on_a_loop(conn_id: str) -> Any:
        return parse(conn_id)

    monkeypatch.setattr(connection, "get_connection", parse)
    monkeypatch.setattr(connection, "aget_connection", parse_on_a_loop)
    for find in (find_connection, lambda *names: asyncio.run(afind_connection(*names))):
        with pytest.raises(
            AepConfigError, match=r"cannot be parsed.*Correct the connection, or set another `aep_conn_id`"
        ) as caught:
            find("aep_default", "aep_conn_id", "AEP")
        assert CANARY not in all_of(caught.value)
        assert not caught.value.retryable


def test_a_missing_connection_is_named(set_connection: SetConnection) -> None:
    """With the operator's parameter."""
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook
    from airflow_provider_aep.hooks.paypal import PayPalHook

    with pytest.raises(AepConfigError, match="no Airflow connection 'nowhere'") as caught:
        FlowServiceHook("nowhere").list_connections()
    assert caught.value.parameter == "aep_conn_id"
    with pytest.raises(AepConfigError, match="no Airflow connection 'nowhere'") as caught:
        PayPalHook("nowhere").auth_params()
    assert caught.value.parameter == "paypal_conn_id"


def test_creating_a_hook_reads_no_connection() -> None:
    """A DAG file can create a hook at every parse."""
    from airflow_provider_aep.hooks.flow_service import FlowServiceHook

    assert FlowServiceHook("nowhere", "a b").aep_conn_id == "nowhere"


def test_an_existing_bundle_is_used(make_hook: MakeHook, tmp_path: Path) -> None:
    """`verify` is a path. Blanks around it are removed."""
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    assert settings_of(make_hook, {"verify": f" {bundle} "}).verify == str(bundle)


MISSPELLED = {
    "sandox": "sandbox",
    "Sandbox": "sandbox",
    "sandbox_name": "sandbox",
    "extra__aep__sandbox": "sandbox",
    "orgid": "org_id",
    "ims_org_id": "org_id",
    "imshost": "ims_host",
    "scope": "scopes",
    "time_out": "timeout",
    "verify_ssl": "verify",
    "tenant_id": "tenant",
    "host": "host",
    "Port": "port",
    "password": "password",
}


@pytest.mark.parametrize(("key", "meant"), MISSPELLED.items(), ids=MISSPELLED)
def test_a_misspelled_key_is_refused_with_a_suggestion(make_hook: MakeHook, key: str, meant: str) -> None:
    """Ignored, `sandox` would create in another sandbox. Its value may be a secret, and is not shown."""
    hook = make_hook(extra={key: CANARY, "ims_host": None})
    with pytest.raises(AepConfigError, match=f"'aep_default'.*`{key}`.*`{meant}`") as caught:
        hook.list_connections()
    assert caught.value.parameter == key
    assert CANARY not in all_of(caught.value)
    ok, message = hook.test_connection()
    assert not ok
    assert f"`{meant}`" in message


def test_an_unknown_key_is_named_in_a_warning(make_hook: MakeHook, logged: Callable[[], str]) -> None:
    """A key that is not similar to a setting may be a note."""
    found = settings_of(make_hook, {"owner": CANARY, "cost_center": 5})
    said = logged()
    assert found.sandbox == "prod"
    assert "The extra's `owner`, `cost_center` are unknown and not used." in said
    assert "'aep_default'" in said
    assert CANARY not in said
    settings_of(make_hook, {"sandbox": "dev"})
    assert "unknown" not in logged()


@pytest.mark.parametrize("sandbox", [None, "", " ", "None"])
def test_no_sandbox_means_the_connections_own(make_hook: MakeHook, sandbox: str | None) -> None:
    """Jinja renders None as the text `None`."""
    assert make_hook("http://127.0.0.1:1", sandbox=sandbox, extra={"sandbox": "dev"}).sandbox == "dev"
