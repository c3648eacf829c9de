"""Read an Airflow connection and make the parameters of a source. No provider package is needed."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_aep import _compat
from airflow_provider_aep.flow_service.errors import AepConfigError
from airflow_provider_aep.flow_service.secret_rules import is_secret
from airflow_provider_aep.flow_service.sources import AuthSpec, catalogue, find_source
from airflow_provider_aep.hooks.auth_selection import Auth, select_auth
from airflow_provider_aep.hooks.credential_map import BY_SOURCE, connection_types, render
from airflow_provider_aep.hooks.credentials import read_credentials
from airflow_provider_aep.hooks.scrub import Secrets
from tests.harness.connections import MakeHook, SetConnection
from tests.harness.source_catalogue import NATIVE, SECRET, USER, NativeConnection

ROWS = [(source, auth) for source in catalogue().values() for auth in source.auth]
IDS = [f"{source.key}, {auth.name}".replace(" ", "_") for source, auth in ROWS]
PEM = "-----BEGIN RSA PRIVATE KEY-----\nKanaryPem\n-----END RSA PRIVATE KEY-----"
GOOGLE_USER = {
    "client_id": "gid",
    "client_secret": "KanaryGoogleSecret",
    "refresh_token": "KanaryGoogleToken",
    "type": "authorized_user",
}
TWINS = {"shopify"}
"""Both authentication types need the same parameters, so only `auth_spec` can select one."""

Select = Callable[..., Auth]


@pytest.fixture
def select(set_connection: SetConnection) -> Select:
    """`select("square", {"conn_type": "http"}, auth_params={...})`: by the catalogue."""

    def select_one(key: str, connection: dict[str, Any], auth_spec: str | None = None, **given: Any) -> Auth:
        set_connection("source_conn", **connection)
        source = find_source(key)
        return select_auth(
            source.auth, read_credentials(source, "source_conn", Secrets(), **given), auth_spec
        )

    return select_one


@pytest.fixture
def masked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The secrets that Airflow's masker gets."""
    told: list[str] = []
    monkeypatch.setattr(_compat, "mask_secret", told.append)
    return told


def generic(**extra: Any) -> dict[str, Any]:
    return {"conn_type": "generic", "extra": extra}


def chosen_type(key: str, auth_name: str) -> str | None:
    return auth_name if key in TWINS else None


@pytest.mark.parametrize(("source", "auth"), ROWS, ids=IDS)
@pytest.mark.parametrize("optional", [False, True], ids=["required", "all"])
def test_a_generic_connection_works_as_it_is(
    select: Select, source: Any, auth: AuthSpec, optional: bool
) -> None:
    """Its extra holds the documented names, and they select the authentication type."""
    params = {name: f"value of {name}" for name in (auth.parameters if optional else auth.required)}
    selected = select(source.key, generic(**params), chosen_type(source.key, auth.name))
    host = {"host": "api.sandbox.paypal.com"} if source.key == "paypal" else {}
    assert (selected.auth_spec, selected.params) == (auth.name, {**host, **params})


@pytest.mark.parametrize(
    ("row", "native"), NATIVE.items(), ids=[f"{a}, {b}".replace(" ", "_") for a, b in NATIVE]
)
def test_a_connection_of_the_native_type_works(
    select: Select, row: tuple[str, str], native: NativeConnection
) -> None:
    """The connection that Airflow's own operators use works here, too."""
    key, auth_name = row
    connection = native.connection
    selected = select(key, connection, chosen_type(key, auth_name), auth_params=native.auth_params)
    assert (selected.auth_spec, selected.params) == (auth_name, native.params)
    assert native.connection["conn_type"] in connection_types(key)


@pytest.mark.parametrize(("source", "auth"), ROWS, ids=IDS)
def test_each_missing_parameter_is_named(select: Select, source: Any, auth: AuthSpec) -> None:
    """One missing parameter, or all of them. No value is shown."""
    params = {name: f"value of {name}" for name in auth.required}
    for left_out in auth.required:
        rest = {name: value for name, value in params.items() if name != left_out}
        with pytest.raises(AepConfigError, match=f"`{left_out}` is missing") as caught:
            select(source.key, generic(**rest), chosen_type(source.key, auth.name))
        assert "value of" not in str(caught.value)
    with pytest.raises(AepConfigError) as caught:
        select(source.key, generic(), chosen_type(source.key, auth.name))
    assert all(f"`{name}` is missing" in str(caught.value) for name in auth.required)
    assert caught.value.parameter == "source_conn_id"


@pytest.mark.parametrize(("source", "auth"), ROWS, ids=IDS)
def test_secrets_are_refused_in_a_dag(select: Select, source: Any, auth: AuthSpec) -> None:
    """Everybody who may see a DAG sees its rendered fields. Plain parameters are allowed."""
    params = {name: f"value of {name}" for name in auth.required}
    for name in auth.parameters:
        rest = {key: value for key, value in params.items() if key != name}
        call = functools.partial(
            select,
            source.key,
            generic(**rest),
            chosen_type(source.key, auth.name),
            auth_params={name: "a value"},
        )
        if not is_secret(name):
            assert call().params[name] == "a value"
            continue
        with pytest.raises(AepConfigError, match=f"`auth_params` holds `{name}`.*'source_conn'") as caught:
            call()
        assert "a value" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bucket", "Did you mean `bucketName`?"),
        ("folder_path", "Did you mean `folderPath`?"),
        ("zzz", "`zzz`. This"),
    ],
)
def test_an_unknown_parameter_is_no_secret(select: Select, name: str, words: str) -> None:
    """The message for secrets would send `bucket` into the extra, where it is ignored."""
    keys = generic(s3AccessKey="a", s3SecretKey="s")
    with pytest.raises(
        AepConfigError, match=f"`auth_params` holds `{name}`.*does not know such a parameter"
    ) as caught:
        select("s3", keys, auth_params={name: "a value"})
    assert words in str(caught.value)
    assert "a value" not in str(caught.value)
    assert caught.value.parameter == "auth_params"


@pytest.mark.parametrize("empty", [None, {}, {"host": None, "port": ""}, {"host": "None"}], ids=str)
def test_empty_values_of_templates_are_dropped(select: Select, empty: Any) -> None:
    """Jinja renders `auth_params`."""
    params = {"host": "h", "clientId": USER, "clientSecret": SECRET}
    assert select("salesforce-marketing-cloud", generic(**params), auth_params=empty).params == params


def test_no_authentication_type_is_guessed_if_two_fit(select: Select) -> None:
    """The authentication type of a connection cannot be changed later."""
    params = {"host": "h", "accessToken": "t-o-k-e-n"}
    with pytest.raises(AepConfigError, match="`auth_spec`") as caught:
        select("shopify", generic(**params))
    assert "'Basic Authentication' and 'Access Token Based'" in str(caught.value)
    assert select("shopify", generic(**params), "access token based").auth_spec == "Access Token Based"
    with pytest.raises(
        AepConfigError, match=r"no authentication type 'Key'.*Access Token Based \(host, accessToken\)"
    ):
        select("shopify", generic(**params), "Key")


def test_no_named_parameter_is_dropped_to_fit_another_type(select: Select) -> None:
    """A key without its secret must not select the authentication by role."""
    with pytest.raises(AepConfigError, match=r"`s3SecretKey` is missing.*takes no `s3AccessKey`"):
        select("s3", generic(s3AccessKey="a", bucketName="b"))
    assert select("s3", generic(s3AccessKey="a", s3SecretKey="s", bucketName="b")).auth_spec == "Access Key"
    assert select("s3", generic(bucketName="b")).auth_spec == "IAMRole Based"


def test_one_error_lists_every_problem(select: Select) -> None:
    """It also names likely typos, and the connection types that can be used."""
    with pytest.raises(AepConfigError) as caught:
        select("square", {"conn_type": "postgres", "extra": {"accesstoken": "t-o-k-e-n", "clientId": 5}})
    for words in (
        "`host`",
        "`clientSecret`",
        "`refreshToken`",
        "`accesstoken` meant for `accessToken`",
        "http",
    ):
        assert words in str(caught.value)
    assert "t-o-k-e-n" not in str(caught.value)
    with pytest.raises(
        AepConfigError, match="`connectionString` is made of the fields host, schema, login, password, if"
    ) as caught:
        select("mysql", {"conn_type": "mysql", "host": "h"})
    assert "Correct the Airflow connection and try again." in str(caught.value)
    assert caught.value.parameter == "source_conn_id"


@pytest.mark.parametrize("password", ["s3;cret", "s3'cret", 's3"cret', "{s3cret}", " s3cret", "s3cret\n"])
def test_a_connection_string_is_not_broken(select: Select, password: str) -> None:
    """A `;` in a password would begin another setting, and drivers quote in different ways."""
    mysql = {"conn_type": "mysql", "host": "h", "schema": "d", "login": "u", "password": password}
    with pytest.raises(AepConfigError, match=r"`password`.*connectionString") as caught:
        select("mysql", mysql)
    assert password not in str(caught.value)
    whole = {**mysql, "extra": {"connectionString": "Server=h;PWD={a;b}"}}
    assert select("mysql", whole).params == {"connectionString": "Server=h;PWD={a;b}"}


def test_a_password_in_a_url_is_quoted(select: Select) -> None:
    """Snowflake's connection string is a URL."""
    fields = {"conn_type": "snowflake", "login": "u@x", "password": "a&b=/ c", "extra": {}}
    fields["extra"] = {"account": "acc", "database": "d", "warehouse": "w"}
    assert "user=u%40x&password=a%26b%3D%2F%20c&db" in select("snowflake", fields).params["connectionString"]


@pytest.mark.parametrize(
    ("conn_type", "source", "extra"),
    [("snowflake", "snowflake", {"private_key_content": "k"}), ("aws", "amazon-kinesis", {"role_arn": "arn"}),
     ("wasb", "azure-blob-storage", {"tenant_id": "t"}),
     ("snowflake", "snowflake", {"authenticator": "oauth"})],
)  # fmt: skip
def test_credentials_of_another_kind_are_not_sent(
    select: Select, conn_type: str, source: str, extra: dict[str, Any]
) -> None:
    """There, login and password belong to a key, a role or an application."""
    place = {"account": "a", "database": "d", "warehouse": "w", "region_name": "r"}
    fields = {"conn_type": conn_type, "login": USER, "password": SECRET, "extra": {**place, **extra}}
    with pytest.raises(AepConfigError, match="is missing"):
        select(source, fields)
    del fields["extra"][next(iter(extra))]
    assert select(source, fields).params


@pytest.mark.parametrize(
    ("row", "native"), NATIVE.items(), ids=[f"{a}, {b}".replace(" ", "_") for a, b in NATIVE]
)
def test_each_field_is_used_or_named(select: Select, row: tuple[str, str], native: NativeConnection) -> None:
    """For every connection type, no field is dropped silently, and no value is shown."""
    key, auth_name = row
    scheme = "https" if native.connection["conn_type"] == "http" else "schemaQ9"
    filled = {"login": USER, "password": SECRET, "host": "hostQ9.example.com", "port": 4711, "schema": scheme}
    connection = dict(native.connection)
    for name, value in filled.items():
        connection[name] = connection.get(name) or value
    connection["extra"] = {**connection["extra"], "stray": "strayQ9", "nested": {"a": "strayQ9"}}
    selected = select(key, connection, auth_name, auth_params=native.auth_params)
    sent, named = repr(selected.params), "; ".join(selected.unused)
    for name in filled:
        first = str(connection[name]).removeprefix("https://").partition(".")[0].partition("/")[0]
        assert first in sent or f"`{name}`" in named, name
    assert "`stray`" in named
    assert "`nested`" in named
    assert not [value for value in (SECRET, "Q9", "4711") if value in named]


AT_8443 = {"conn_type": "http", "login": USER, "password": SECRET, "port": 8443}
ADDRESSES = {
    "scheme and port": ({"host": "https://h.example.com"}, "https://h.example.com:8443", []),
    "scheme, path, port": ({"host": "https://h.example.com/v1"}, "https://h.example.com:8443/v1", []),
    "path and port": ({"host": "h.example.com/v1", "schema": "http"}, "http://h.example.com:8443/v1", []),
    "one port twice": ({"host": "h.example.com:8443"}, "https://h.example.com:8443", []),
    "two ports": ({"host": "h.example.com:9000"}, "https://h.example.com:9000", ["`port` (`host` names"]),
    "two schemes": (
        {"host": "https://h.example.com", "schema": "http"},
        "https://h.example.com:8443",
        ["`schema` (`host` names"],
    ),
}


@pytest.mark.parametrize(("fields", "url", "unused"), ADDRESSES.values(), ids=ADDRESSES)
def test_an_address_keeps_its_port(select: Select, fields: dict[str, Any], url: str, unused: Any) -> None:
    """Airflow's own `http` hook builds the same URL."""
    selected = select("servicenow", {**AT_8443, **fields})
    assert selected.params["endpoint"] == url
    assert all(some.startswith(begin) for some, begin in zip(selected.unused, unused, strict=True))


ORACLE = {"conn_type": "oracle", "login": USER, "password": SECRET, "host": "h", "schema": "hr"}
BY_NAME = "(CONNECT_DATA=(SERVICE_NAME=orcl)))"
AT_DB = "(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=db)(PORT=1522))"
ORACLES: dict[str, tuple[dict[str, Any], str | None, set[str]]] = {
    "sid": ({"sid": "x"}, "Host=h;Port=1521;Sid=x", {"schema"}),
    "service": ({"service_name": "x"}, "Host=h;Port=1521;ServiceName=x", {"schema"}),
    "dsn": ({"dsn": "db:1522/orcl"}, "Host=db;Port=1522;ServiceName=orcl", {"schema", "host"}),
    "dsn without port": ({"dsn": "db/orcl"}, "Host=db;Port=1521;ServiceName=orcl", {"schema", "host"}),
    "a descriptor": ({"dsn": AT_DB + BY_NAME}, "Host=db;Port=1522;ServiceName=orcl", {"schema", "host"}),
    "a descriptor with a SID": (
        {"dsn": AT_DB + "(CONNECT_DATA=(SID=orcl)))"},
        "Host=db;Port=1522;Sid=orcl",
        {"schema", "host"},
    ),
    "both": ({"sid": "x", "service_name": "y"}, "Host=h;Port=1521;ServiceName=y", {"schema", "sid"}),
    "sid and dsn": ({"sid": "x", "dsn": "db/orcl"}, "Host=h;Port=1521;Sid=x", {"schema", "dsn"}),
    "a name of tnsnames.ora": ({"dsn": "sales"}, None, {"schema", "dsn"}),
    "two addresses": ({"dsn": AT_DB + "(ADDRESS=(HOST=db2)(PORT=1))" + BY_NAME}, None, {"schema", "dsn"}),
    "a schema alone": ({}, None, {"schema"}),
}


@pytest.mark.parametrize(("extra", "string", "unused"), ORACLES.values(), ids=ORACLES)
def test_an_oracle_connection_means_what_airflow_means(
    select: Select, extra: dict[str, Any], string: str | None, unused: set[str]
) -> None:
    """A schema is not a SID. A DSN that cannot be parsed is named with the reason."""
    connection = {**ORACLE, "extra": extra}
    if string is None:
        with pytest.raises(AepConfigError, match="`connectionString` is missing") as caught:
            select("oracle-db", connection)
        assert all(f"`{name}` (" in str(caught.value) for name in unused)
        return
    selected = select("oracle-db", connection)
    assert selected.params == {"connectionString": f"{string};User Id={USER};Password={SECRET}"}
    assert {one.split("`")[1] for one in selected.unused} == unused


FLAKE = {"database": "d", "warehouse": "w"}
SNOWFLAKES: dict[str, tuple[dict[str, Any], str, str]] = {
    "region": ({"account": "a", "region": "eu-1"}, "a.eu-1", ""),
    "region twice": ({"account": "a.eu-1", "region": "eu-1"}, "a.eu-1", ""),
    "region of its own": ({"account": "a.eu-1"}, "a.eu-1", ""),
    "the region without a name": ({"account": "a", "region": "us-west-2"}, "a", ""),
    "role": ({"account": "a", "role": "r&x"}, "a", "&role=r%26x"),
    "the usual authenticator": ({"account": "a", "authenticator": "Snowflake"}, "a", ""),
}


@pytest.mark.parametrize(("extra", "account", "end"), SNOWFLAKES.values(), ids=SNOWFLAKES)
def test_a_snowflake_connection_is_read_as_its_driver_does(
    select: Select, extra: dict[str, Any], account: str, end: str
) -> None:
    """With the region once, and with the role."""
    flake = {"conn_type": "snowflake", "login": USER, "password": SECRET, "extra": {**FLAKE, **extra}}
    (string,) = select("snowflake", flake).params.values()
    head = f"jdbc:snowflake://{account}.snowflakecomputing.com/?user={USER}"
    assert string == f"{head}&password={SECRET}&db=d&warehouse=w{end}"


AWS = {"conn_type": "aws", "login": USER, "password": SECRET}
DROPPED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a session token": (
        "kinesis",
        {**AWS, "extra": {"region_name": "r", "aws_session_token": "KanaryT"}},
        "`aws_session_token` (AEP has no parameter for it here",
    ),
    "a key without a phrase": (
        "sftp",
        {"conn_type": "sftp", "login": USER, "password": SECRET, "host": "h", "extra": {"private_key": PEM}},
        "`private_key` (AEP's authentication by key needs",
    ),
    "a path": (
        "sftp",
        {"conn_type": "sftp", "login": USER, "password": SECRET, "host": "h", "extra": {"key_file": "/k"}},
        "`key_file` (it is a path on the worker",
    ),
    "a member": (
        "bigquery",
        {
            "conn_type": "google_cloud_platform",
            "extra": {"project": "p", "keyfile_dict": json.dumps({**GOOGLE_USER, "scopes": "KanaryS"})},
        },
        "`keyfile_dict.scopes`",
    ),
    "hidden by the extra": (
        "square",
        generic(
            host="h2", clientId="a", clientSecret="KanaryC", accessToken="KanaryA", refreshToken="KanaryR"
        )
        | {"host": "h1"},
        "`host`",
    ),
}


@pytest.mark.parametrize(("source", "connection", "words"), DROPPED.values(), ids=DROPPED)
def test_unused_fields_are_named_with_the_reason(
    select: Select, source: str, connection: dict[str, Any], words: str
) -> None:
    """Their values are not shown."""
    unused = select(source, connection).unused
    assert [one for one in unused if one.startswith(words)]
    assert "Kanary" not in "".join(unused)


@pytest.mark.parametrize("source", ["s3", "kinesis", "google-cloud-storage"])
def test_with_a_role_the_advice_is_about_the_role(select: Select, source: str) -> None:
    """Login and password have values already, so the advice does not ask for them."""
    extra = {"role_arn": "arn:aws:iam::1:role/KanaryRole", "region_name": "r"}
    with pytest.raises(
        AepConfigError, match=r"`role_arn` is set, so .* not made of `login`, `password`"
    ) as caught:
        select(source, {**AWS, "extra": extra})
    assert "is made of the fields" not in str(caught.value)
    assert "AEP cannot assume your role" in str(caught.value)
    assert "KanaryRole" not in str(caught.value)


def test_an_invalid_extra_is_named(set_connection: SetConnection) -> None:
    """The error names the connection, and does not show the extra."""
    set_connection("source_conn", conn_type="generic", extra='["s3cret"]')
    with pytest.raises(AepConfigError, match="'source_conn'") as caught:
        read_credentials(find_source("square"), "source_conn", Secrets())
    assert "s3cret" not in str(caught.value)
    with pytest.raises(AepConfigError, match=r"'nowhere'.*type \*postgres\*"):
        read_credentials(find_source("postgres"), "nowhere", Secrets())


def test_no_secret_is_in_a_repr(set_connection: SetConnection, masked: list[str]) -> None:
    """A `repr` can be logged."""
    set_connection(
        "source_conn", conn_type="http", login=USER, password=SECRET, extra={"accessToken": "t-o-k-e-n"}
    )
    credentials = read_credentials(find_source("capillary"), "source_conn", Secrets())
    selected = select_auth(find_source("capillary").auth, credentials)
    shown = (
        repr(credentials) + repr(selected) + repr(credentials.parameters(find_source("capillary").auth[0]))
    )
    assert all(secret not in shown for secret in (USER, SECRET, "t-o-k-e-n"))
    assert set(masked) == {USER, SECRET, "t-o-k-e-n"}


HARMLESS = {
    "look_for_keys": "false",
    "allow_host_key_change": "True",
    "no_host_key_check": True,
    "key_size": 2048,
    "key_length": "2048",
    "key_type": "rsa",
    "token_type": "bearer",
    "passive": "on",
    "key_file": "/home/airflow/.ssh/id_rsa",
    "sslkey": "/certs/client-key.pem",
    "private_key_path": "keys/main",
    "token_uri": "https://oauth2.example.com/token",
    "authentication": "basic",
    "partition_key": "customer_id",
}
SECRETIVE = {
    "my_secret": "KanaryA1b2c3",
    "passphrase": "kitten",
    "db_password": "/odd.but/true",
    "apiKey": "abcdefgh",
    "client_secret_value": "KanaryD4e5f6",
    "keyContents": "KanaryG7-h8i9",
    "proxy": "http://kanary:KanaryJ1k2@proxy.example.com:3128",
    "settings": '{"deep": {"refresh_token": "KanaryL3m4"}}',
    "dsn": "Server=h;PWD=KanaryN5o6",
}
INSIDE = {
    "proxy": {"KanaryJ1k2", "kanary"},
    "settings": {"KanaryL3m4"},
    "dsn": {"KanaryN5o6"},
}


def test_harmless_words_are_not_masked(
    set_connection: SetConnection, masked: list[str], make_hook: MakeHook
) -> None:
    """Masked, `false` or a path would be missing in every log."""
    conn = {"conn_type": "sftp", "login": "root", "password": SECRET, "host": "h"}
    set_connection("source_conn", **conn, extra={**HARMLESS, **SECRETIVE})
    hook = make_hook()
    read_credentials(find_source("sftp"), "source_conn", hook.secrets)
    secret = {inner for key, value in SECRETIVE.items() for inner in INSIDE.get(key, {value})}
    assert set(masked) == {SECRET, *secret}
    words = " ".join(map(str, HARMLESS.values())) + " root"
    assert hook.scrub(words) == words
    assert "anary" not in hook.scrub(" ".join(SECRETIVE.values()))


def test_flags_and_common_users_are_not_masked(masked: list[str], make_hook: MakeHook) -> None:
    """A parameter that only the platform knows can be a flag. A plain URL can hold a signature."""
    params = {"useProxy": "false", "username": "postgres", "password": SECRET, "clientId": "KanaryId1"}
    make_hook()._mask_auth({**params, "serviceUrl": "https://h/x?sig=KanarySig2", "host": "h.example.com"})
    assert set(masked) == {SECRET, "KanaryId1", "KanarySig2"}


def test_a_secret_is_masked_once(
    set_connection: SetConnection, masked: list[str], make_hook: MakeHook
) -> None:
    """On its path from the Airflow connection to the request, Airflow's masker gets each secret once."""
    fields = {"login": USER, "password": SECRET, "host": "h", "schema": "d"}
    set_connection("source_conn", conn_type="postgres", **fields)
    hook, source = make_hook(), find_source("postgresql")
    credentials = read_credentials(source, "source_conn", hook.secrets)
    assert masked == [USER, SECRET]
    auth = select_auth(source.auth, credentials)
    hook._mask_auth(auth.params)
    assert masked == [USER, SECRET, auth.params["connectionString"]]


@pytest.mark.parametrize(
    ("template", "fields", "value"),
    [("{a}", {"a": 5}, 5), ("{a=7}", {}, "7"), ("{a.b.c}", {"a": {"b": '{"c": 1}'}}, 1),
     ("{a}", {"a": ""}, None), ("{a.b}", {"a": "x"}, None), ("fixed", {}, "fixed"),
     ("x{!b}{a}", {"a": "1"}, "x1"), ("x{!b}", {"b": 1}, None), ("{a|uri}", {"a": "x"}, None),
     ("{a|label}", {"a": "https://x.y.z/"}, "x"), ("{a|query}", {"a": "?q=1"}, "q=1"),
     ("{a|json}", {"a": 'x"'}, '"x\\""'), ("{a|base64}", {"a": "YWJj"}, "YWJj")],
    ids=repr,
)  # fmt: skip
def test_a_template_is_filled(template: str, fields: dict[str, Any], value: Any) -> None:
    """A template has no value if a field is missing."""
    filled = render(template, fields)
    assert (None if filled is None else filled.value) == value


def test_the_map_names_sources_and_parameters_of_the_catalogue() -> None:
    """A misspelled name would never be used."""
    for key, by_type in BY_SOURCE.items():
        known = {name for auth in catalogue()[key].auth for name in auth.parameters}
        for fields in by_type.values():
            assert known & fields.keys(), key
