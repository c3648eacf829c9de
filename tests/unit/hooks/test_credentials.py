"""From an Airflow connection to a source's auth parameters; no provider package of the types is needed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.parameters import is_secret
from airflow_provider_aep.flow_service.sources import AuthSpec, catalogue, find_source
from airflow_provider_aep.hooks.auth import Auth, settle_auth
from airflow_provider_aep.hooks.credential_map import BY_SOURCE, types_of
from airflow_provider_aep.hooks.credentials import read_credentials
from airflow_provider_aep.hooks.templates import fill
from tests.support.connections import SetConnection
from tests.support.natural import NATURAL, SECRET, USER, Natural

ROWS = [(source, auth) for source in catalogue().values() for auth in source.auth]
IDS = [f"{source.key}, {auth.name}".replace(" ", "_") for source, auth in ROWS]
TWINS = {"shopify"}
"""Both ways want the same, so nothing but a word can tell them apart."""

Settle = Callable[..., Auth]


@pytest.fixture
def settle(set_connection: SetConnection) -> Settle:
    """`settle("square", {"conn_type": "http"}, auth_params={...})`: by the catalogue."""

    def settle_one(key: str, connection: dict[str, Any], wanted: str | None = None, **given: Any) -> Auth:
        set_connection("source_conn", **connection)
        source = find_source(key)
        return settle_auth(source.auth, read_credentials(source, "source_conn", **given), wanted)

    return settle_one


def generic(**extra: Any) -> dict[str, Any]:
    return {"conn_type": "generic", "extra": extra}


def chosen(key: str, auth_name: str) -> str | None:
    return auth_name if key in TWINS else None


@pytest.mark.parametrize(("source", "auth"), ROWS, ids=IDS)
@pytest.mark.parametrize("optional", [False, True], ids=["required", "all"])
def test_a_generic_connection_works_as_it_is(
    settle: Settle, source: Any, auth: AuthSpec, optional: bool
) -> None:
    """Its extra holds the documented names, and its fields choose the way."""
    params = {name: f"value of {name}" for name in (auth.parameters if optional else auth.required)}
    settled = settle(source.key, generic(**params), chosen(source.key, auth.name))
    host = {"host": "api.sandbox.paypal.com"} if source.key == "paypal" else {}
    assert (settled.spec_name, settled.params) == (auth.name, {**host, **params})


@pytest.mark.parametrize(
    ("row", "natural"), NATURAL.items(), ids=[f"{a}, {b}".replace(" ", "_") for a, b in NATURAL]
)
def test_a_connection_of_the_natural_type_works(
    settle: Settle, row: tuple[str, str], natural: Natural
) -> None:
    """The one that Airflow has anyway, as its own operators use it."""
    key, auth_name = row
    connection = natural.connection
    settled = settle(key, connection, chosen(key, auth_name), auth_params=natural.auth_params)
    assert (settled.spec_name, settled.params) == (auth_name, natural.params)
    assert natural.conn_type in types_of(key)


@pytest.mark.parametrize(("source", "auth"), ROWS, ids=IDS)
def test_whatever_is_left_out_is_named(settle: Settle, source: Any, auth: AuthSpec) -> None:
    """Each alone, and all at once; no value is repeated."""
    params = {name: f"value of {name}" for name in auth.required}
    for left_out in auth.required:
        rest = {name: value for name, value in params.items() if name != left_out}
        with pytest.raises(AepConfigError, match=f"`{left_out}` is missing") as caught:
            settle(source.key, generic(**rest), chosen(source.key, auth.name))
        assert "value of" not in str(caught.value)
    with pytest.raises(AepConfigError) as caught:
        settle(source.key, generic(), chosen(source.key, auth.name))
    assert all(f"`{name}` is missing" in str(caught.value) for name in auth.required)
    assert caught.value.parameter == "source_conn_id"


@pytest.mark.parametrize(("source", "auth"), ROWS, ids=IDS)
def test_secrets_are_refused_in_a_dag(settle: Settle, source: Any, auth: AuthSpec) -> None:
    """Everybody who may see a DAG sees its rendered fields; what is plain may stand there."""
    params = {name: f"value of {name}" for name in auth.required}
    for name in auth.parameters:
        rest = {key: value for key, value in params.items() if key != name}
        call = functools.partial(
            settle,
            source.key,
            generic(**rest),
            chosen(source.key, auth.name),
            auth_params={name: "a value"},
        )
        if not is_secret(name):
            assert call().params[name] == "a value"
            continue
        with pytest.raises(AepConfigError, match=f"`auth_params` holds `{name}`.*'source_conn'") as caught:
            call()
        assert "a value" not in str(caught.value)


@pytest.mark.parametrize("empty", [None, {}, {"host": None, "port": ""}, {"host": "None"}], ids=str)
def test_what_templates_render_to_nothing_is_nothing(settle: Settle, empty: Any) -> None:
    """`auth_params` comes out of Jinja."""
    params = {"host": "h", "clientId": USER, "clientSecret": SECRET}
    assert settle("salesforce-marketing-cloud", generic(**params), auth_params=empty).params == params


def test_two_ways_that_fit_alike_are_not_guessed(settle: Settle) -> None:
    """How a connection authenticates cannot be changed afterwards."""
    params = {"host": "h", "accessToken": "t-o-k-e-n"}
    with pytest.raises(AepConfigError, match="`auth_spec`") as caught:
        settle("shopify", generic(**params))
    assert "'Basic Authentication' and 'Access Token Based'" in str(caught.value)
    assert settle("shopify", generic(**params), "access token based").spec_name == "Access Token Based"
    with pytest.raises(
        AepConfigError, match=r"no authentication 'Key'.*Access Token Based \(host, accessToken\)"
    ):
        settle("shopify", generic(**params), "Key")


def test_no_given_parameter_is_dropped_to_fit_another_way(settle: Settle) -> None:
    """A key without its secret must not become a connection by role."""
    with pytest.raises(AepConfigError, match=r"`s3SecretKey` is missing.*takes no `s3AccessKey`"):
        settle("s3", generic(s3AccessKey="a", bucketName="b"))
    assert settle("s3", generic(s3AccessKey="a", s3SecretKey="s", bucketName="b")).spec_name == "Access Key"
    assert settle("s3", generic(bucketName="b")).spec_name == "IAMRole Based"


def test_all_that_is_wrong_is_said_at_once(settle: Settle) -> None:
    """One run, one list; with what was perhaps a typo, and which types are read."""
    with pytest.raises(AepConfigError) as caught:
        settle("square", {"conn_type": "postgres", "extra": {"accesstoken": "t-o-k-e-n", "clientId": 5}})
    for words in (
        "`host`",
        "`clientSecret`",
        "`refreshToken`",
        "`accesstoken` meant for `accessToken`",
        "http",
    ):
        assert words in str(caught.value)
    assert "t-o-k-e-n" not in str(caught.value)
    with pytest.raises(AepConfigError, match="`connectionString` is made of its host, port, schema, login"):
        settle("mysql", {"conn_type": "mysql", "host": "h"})


@pytest.mark.parametrize("password", ["s3;cret", "s3'cret", 's3"cret', "{s3cret}", " s3cret", "s3cret\n"])
def test_a_connection_string_is_not_broken(settle: Settle, password: str) -> None:
    """A `;` in a password would begin another setting; drivers differ in how they quote."""
    mysql = {"conn_type": "mysql", "host": "h", "schema": "d", "login": "u", "password": password}
    with pytest.raises(AepConfigError, match=r"`password`.*connectionString") as caught:
        settle("mysql", mysql)
    assert password not in str(caught.value)
    whole = {**mysql, "extra": {"connectionString": "Server=h;PWD={a;b}"}}
    assert settle("mysql", whole).params == {"connectionString": "Server=h;PWD={a;b}"}


def test_a_password_in_a_url_is_quoted(settle: Settle) -> None:
    """Snowflake's string is a URL."""
    fields = {"conn_type": "snowflake", "login": "u@x", "password": "a&b=/ c", "extra": {}}
    fields["extra"] = {"account": "acc", "database": "d", "warehouse": "w"}
    assert "user=u%40x&password=a%26b%3D%2F%20c&db" in settle("snowflake", fields).params["connectionString"]


@pytest.mark.parametrize(
    ("conn_type", "source", "extra"),
    [("snowflake", "snowflake", {"private_key_content": "k"}), ("aws", "amazon-kinesis", {"role_arn": "arn"}),
     ("wasb", "azure-blob-storage", {"tenant_id": "t"})],
)  # fmt: skip
def test_credentials_of_another_kind_are_not_sent(
    settle: Settle, conn_type: str, source: str, extra: dict[str, Any]
) -> None:
    """There, login and password are a key's phrase, a way to a role, an application."""
    place = {"account": "a", "database": "d", "warehouse": "w", "region_name": "r"}
    fields = {"conn_type": conn_type, "login": USER, "password": SECRET, "extra": {**place, **extra}}
    with pytest.raises(AepConfigError, match="is missing"):
        settle(source, fields)
    del fields["extra"][next(iter(extra))]
    assert settle(source, fields).params


def test_an_extra_that_is_no_object_is_named(set_connection: SetConnection) -> None:
    """As the connection's own trouble, without what it holds."""
    set_connection("source_conn", conn_type="generic", extra='["s3cret"]')
    with pytest.raises(AepConfigError, match="'source_conn'") as caught:
        read_credentials(find_source("square"), "source_conn")
    assert "s3cret" not in str(caught.value)
    with pytest.raises(AepConfigError, match=r"'nowhere'.*type \*postgres\*"):
        read_credentials(find_source("postgres"), "nowhere")


def test_nothing_of_it_is_shown(set_connection: SetConnection) -> None:
    """`repr` ends in logs."""
    set_connection(
        "source_conn", conn_type="http", login=USER, password=SECRET, extra={"accessToken": "t-o-k-e-n"}
    )
    credentials = read_credentials(find_source("capillary"), "source_conn")
    settled = settle_auth(find_source("capillary").auth, credentials)
    shown = repr(credentials) + repr(settled) + repr(credentials.parameters(find_source("capillary").auth[0]))
    assert all(secret not in shown for secret in (USER, SECRET, "t-o-k-e-n"))
    assert set(credentials.secrets) == {USER, SECRET, "t-o-k-e-n"}


@pytest.mark.parametrize(
    ("line", "facts", "value"),
    [("{a}", {"a": 5}, 5), ("{a=7}", {}, "7"), ("{a.b.c}", {"a": {"b": '{"c": 1}'}}, 1),
     ("{a}", {"a": ""}, None), ("{a.b}", {"a": "x"}, None), ("fixed", {}, "fixed"),
     ("x{!b}{a}", {"a": "1"}, "x1"), ("x{!b}", {"b": 1}, None), ("{a|uri}", {"a": "x"}, None),
     ("{a|label}", {"a": "https://x.y.z/"}, "x"), ("{a|query}", {"a": "?q=1"}, "q=1"),
     ("{a|json}", {"a": 'x"'}, '"x\\""'), ("{a|base64}", {"a": "YWJj"}, "YWJj")],
    ids=repr,
)  # fmt: skip
def test_a_line_is_filled(line: str, facts: dict[str, Any], value: Any) -> None:
    """Nothing comes of a line that lacks a field."""
    filled = fill(line, facts)
    assert (None if filled is None else filled.value) == value


def test_the_map_names_sources_and_parameters_of_the_catalogue() -> None:
    """A misspelt line would never be used."""
    for key, by_type in BY_SOURCE.items():
        known = {name for auth in catalogue()[key].auth for name in auth.parameters}
        for fields in by_type.values():
            assert known & fields.keys(), key
