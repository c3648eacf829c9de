"""Decide what a secret is: by a parameter's name, by a field's name and value, and inside a text."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from airflow_provider_aep.flow_service import secret_rules

PEM_LINES = ("KanaryLine1aB3/dE6+", "KanaryLine2aB3/dE6+")
PEM = "-----BEGIN KEY-----\n{}\n{}\n-----END KEY-----\n".format(*PEM_LINES)
PEM_PARTS = {*PEM_LINES, "".join(PEM_LINES), PEM.strip()}


def test_a_parameter_is_secret_unless_it_is_listed_as_plain() -> None:
    """The platform's schema can mark another parameter as a password."""
    assert secret_rules.is_secret("clientSecret")
    assert secret_rules.is_secret("unheardOf", {"format": "uri"})
    assert not secret_rules.is_secret("host")
    assert not secret_rules.is_secret("host", {"type": "string"})
    assert not secret_rules.is_secret("host", "password")
    assert secret_rules.is_secret("host", {"format": "password"})


@pytest.mark.parametrize(
    ("params", "secrets"),
    [
        ({"clientSecret": "a secret", "host": "a host"}, ["a secret"]),
        ({"useProxy": "false", "enabled": " TRUE "}, []),
        ({"username": "Postgres", "clientId": "postgres"}, ["postgres"]),
        ({"username": "somebody"}, ["somebody"]),
        ({"serviceUrl": "https://h/x?sig=a/signature&sv=2022"}, ["a/signature"] * 3),
        ({"host": {"token": "a token", "port": "22"}}, ["a token"]),
        ({"key": {"deep": ["one", {"er": ("two", 1234, 123, 1.25, True, None, "")}]}},
         ["one", "two", "1234", "1.25"]),
        ({"key": {"a set"}}, ["a set"]),
    ],
    ids=["secret and plain", "flags", "a common user", "a user", "in a URL", "in an object", "deep", "a set"],
)  # fmt: skip
def test_the_secrets_of_parameters(params: dict[str, Any], secrets: list[str]) -> None:
    """Every text of a secret parameter, and the secrets inside a plain one. No flags and short numbers."""
    assert list(secret_rules.secrets_of_params(params)) == secrets


@pytest.mark.parametrize("name", ["login", "uid", "user", "userId", "user_name", "UserName", "username"])
def test_a_common_user_name_is_not_a_secret(name: str) -> None:
    """Masked, `root` would be missing in every log."""
    assert secret_rules.is_common(name, "Root")
    assert not secret_rules.is_common(name, "rooted")
    assert not secret_rules.is_common("clientId", "root")
    assert not secret_rules.is_common(f"{name}s", "root")
    assert secret_rules.is_common("clientId", "off")


SECRET = [
    ("password", "kitten"),
    ("password", "1234"),
    ("db_password", "/odd.but/true"),
    ("passphrase", "kitten"),
    ("apiKey", "abcdefgh"),
    ("sharedKey", "abcdefgh"),
    ("privateKeyContent", "abcdefgh"),
    ("sig", "abcdefgh"),
    ("db_pass", "abcdefgh"),
    ("sasUri", "abcdefgh"),
    ("connection_string", "abcdefgh"),
    ("keyContents", "KanaryG7-h8i9"),
    ("client_secret_value", "KanaryD4e5f6"),
    ("key", "-----x"),
    ("key_file", "  -----BEGIN"),
    ("key_file", '{"a": 1}'),
    ("token_url", "https://user:pass@h/x"),
    ("token_url", "https://h/x?sig=1"),
    ("partition_key", "a word that is longer than any"),
]
HARMLESS = [
    ("host", "KanaryG7-h8i9"),
    ("password", ""),
    ("password", "  "),
    ("password", " False "),
    ("key_size", "2048"),
    ("key_type", "rsa"),
    ("key", "ab.12"),
    ("key_file", "KanaryG7-h8i9"),
    ("keyPath", "KanaryG7-h8i9"),
    ("secretsDir", "KanaryG7-h8i9"),
    ("sslkey", "/certs/client-key.pem"),
    ("sslkey", "C:\\certs\\client.pem"),
    ("sslkey", "~/certs/client.pem"),
    ("token_uri", "https://oauth2.example.com/token"),
    ("tokenEndpoint", "http://oauth2.example.com/token"),
    ("auth_host", "https://h"),
    ("partition_key", "customer_id"),
    ("authentication", "basic"),
]


@pytest.mark.parametrize(("name", "value"), SECRET, ids=[name for name, _ in SECRET])
def test_a_field_may_be_secret(name: str, value: str) -> None:
    """By its name alone, or by its name and value."""
    assert secret_rules.may_be_secret(name, value)
    assert list(secret_rules.secrets_in({"deep": [{name: value}]})) == [value]


@pytest.mark.parametrize(("name", "value"), HARMLESS, ids=[name for name, _ in HARMLESS])
def test_a_field_is_harmless(name: str, value: str) -> None:
    """Flags, paths, plain URLs, numbers and words, and each value under a name that suggests no secret."""
    assert not secret_rules.may_be_secret(name, value)
    assert list(secret_rules.secrets_in({name: value})) == []


def test_secrets_in_an_object() -> None:
    """The members of a list have the list's name. Other values than texts are skipped."""
    value = {"tokens": "x", "token": ["a token", ("another", 5)], "a": None, "b": "Server=h;PWD=a password"}
    assert list(secret_rules.secrets_in(value)) == [
        "a token",
        "another",
        "a password",
        "a password",
        "a password",
    ]


@pytest.mark.parametrize(
    "value",
    [
        {"headers": [{"name": "X-Api-Key", "value": "4eC39HqL-yjWD"}]},
        {"headers": [{"key": "Authorization", "value": "4eC39HqL-yjWD"}]},
        {"auth": {"user": "somebody", "value": "4eC39HqL-yjWD"}},
        {"requestHeaders": "Accept: text/csv\r\nX-Api-Key: 4eC39HqL-yjWD"},
        {"header": "Authorization: Bearer 4eC39HqL-yjWD"},
        {"h": "Bearer 4eC39HqL-yjWD"},
    ],
)
def test_secrets_in_headers(value: Any) -> None:
    """A header is a text, or an object whose name and value are apart."""
    assert "4eC39HqL-yjWD" in set(secret_rules.secrets_in(value))


@pytest.mark.parametrize(
    "text",
    [
        "password: must be given",
        "token: expired2026 in the sandbox prod",
        "Basic Authentication",
        "Authentication: failed",
        "Content-Type: application/json2",
        "customer key: 12345678",
    ],
)
def test_a_sentence_is_no_header(text: str) -> None:
    """A message with a colon stays readable."""
    assert list(secret_rules.secrets_inside_text(text)) == []


def test_a_value_without_a_secret_name_is_harmless() -> None:
    """The name next to a value decides, and a value alone is no secret."""
    assert list(secret_rules.secrets_in({"filters": [{"name": "status", "value": "open-2026"}]})) == []


TEXTS: dict[str, tuple[str, set[str]]] = {
    "harmless text": ("nothing of the kind", set()),
    "a pair alone": ("password=a secret", set()),
    "a PEM": (PEM, PEM_PARTS),
    "a PEM in one line": (PEM.replace("\n", "\\n"), {*PEM_LINES, "".join(PEM_LINES)}),
    "a PEM with other line ends": (
        PEM.replace("\n", "\r\n"),
        {*PEM_LINES, "".join(PEM_LINES), PEM.replace("\n", "\r\n").strip()},
    ),
    "a PEM and text": (f"{PEM}abc", {*PEM_LINES, "".join(PEM_LINES) + "abc"}),
    "a PEM in base64": (base64.b64encode(PEM.encode()).decode(), {PEM, *PEM_PARTS}),
    "a PEM in URL-safe base64": (
        base64.urlsafe_b64encode(PEM.encode()).decode().rstrip("="),
        {PEM, *PEM_PARTS},
    ),
    "JSON in base64": (
        base64.b64encode(b'{"token": "a token"}').decode(),
        {'{"token": "a token"}', "a token"},
    ),
    "a list in base64": (
        base64.b64encode(b'[{"token": "a token"}]').decode(),
        {'[{"token": "a token"}]', "a token"},
    ),
    "JSON in base64 after a line break": (
        base64.b64encode(b'\n {"token": "a token"}').decode(),
        {'\n {"token": "a token"}', "a token"},
    ),
    "text in base64": (base64.b64encode(b"plain text, and more of it").decode(), set()),
    "bytes in base64": (base64.b64encode(b"\xff" * 20).decode(), set()),
    "an object": ('  {"token": "a token", "project": "p"}', {"a token"}),
    "a list": ('[{"token": "a token"}]', {"a token"}),
    "broken JSON": ('{"token": "a tok', set()),
    "a connection string": ("Server=h;Port=22;UID=somebody;PWD={abc;d}", {"somebody", "{abc;d}", "abc;d"}),
    "a doubled quote": (
        'Server=h;PWD="some""words;x";Port=22',
        {'"some""words;x"', 'some""words;x', 'some"words;x'},
    ),
    "a doubled brace": ("Server=h;PWD={ab}}c;d};Port=22", {"{ab}}c;d}", "ab}}c;d", "ab}c;d"}),
    "a bracket at the beginning": ("Server=h;PWD=[abcd;Port=[2]", {"[abcd", "[abcd;Port=[2]"}),
    "brackets at the beginning": ("Server=h;PWD=[ab]cd;Port=22", {"[ab]cd"}),
    "a bracket that is no list": ("Server=h;PWD=[ab;cd];Port=22", {"[ab;cd]"}),
    "a quote at the beginning": ('Server=h;PWD="ab"cd;Port=22', {'"ab"cd', 'ab"cd'}),
    "a quoted password": ("Server=h;User Id=root;Password='a pass'", {"'a pass'", "a pass"}),
    "blanks in a connection string": ("Server=h; Password = ab&cd ;", {"ab&cd"}),
    "a name with blanks": ("Server=h;Account Key=word", {"word"}),
    "accounts in a list": ('Server=h;CredString=[{"user": "u", "pass": "a pass"}];', {"a pass"}),
    "a query": ("h?user=somebody&password=ab%26cd#top", {"somebody", "ab%26cd", "ab&cd"}),
    "a SAS token": ("sv=2022&sig=abc%3D", {"abc%3D", "abc="}),
    "a short signature": ("sv=2022&sig=abc", set()),
    "a URL with a login": ("https://somebody:ab%40cd@h/x", {"somebody", "ab%40cd", "ab@cd"}),
    "a URL with a common user": ("https://root:ab%40cd@h/x", {"ab%40cd", "ab@cd"}),
    "a URL with a user": ("https://somebody@h/x", {"somebody"}),
}


@pytest.mark.parametrize(("text", "parts"), TEXTS.values(), ids=TEXTS)
def test_the_secrets_inside_a_text(text: str, parts: set[str]) -> None:
    """Without the text itself, and without parts of less than four characters."""
    assert set(secret_rules.secrets_inside_text(text)) == parts


def test_a_text_is_searched_to_a_depth() -> None:
    """A text that encodes itself again and again ends the search."""
    text = "a token of some length"
    for _ in range(5):
        text = json.dumps({"token": text})
    assert "a token of some length" in set(secret_rules.secrets_inside_text(text))
    assert "a token of some length" not in set(secret_rules.secrets_inside_text(json.dumps({"token": text})))


@pytest.mark.parametrize("padding", range(12))
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes])
def test_base64_is_decoded_in_every_alphabet(encode: Any, padding: int) -> None:
    """With or without line breaks and padding."""
    text = '{"token": "~~~~????>>>>' + "\u00ff" * 4 + "x" * padding + '"}'
    token = json.loads(text)["token"]
    encoded = encode(text.encode()).decode()
    assert set(secret_rules.secrets_inside_text(encoded)) == {text, token}
    assert set(secret_rules.secrets_inside_text(encoded.strip().rstrip("="))) == {text, token}
