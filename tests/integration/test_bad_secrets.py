"""A server that repeats everything it was sent, in every spelling: none of it comes back out of us."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from airflow_provider_aep.flow_service import errors
from tests.support import raw_server as raw
from tests.support.connections import MakeHook, all_of, chain
from tests.support.raw_server import RawServer, reply

ID = "24151d58-ffa7-4960-951d-58ffa7396097"
CLIENT = 'cl1ent/s3cret+ "x"'
PARAMS = {
    "host": "api.sandbox.paypal.com",
    "clientId": "p4ypal-client-id",
    "clientSecret": "p4ypal/s3cret+=",
    "connectionString": "Server=x;Password=c0nnstring",
    "nested": {"deep": ["n3sted-s3cret"]},
}
SECRETS = [
    CLIENT,
    raw.TOKEN,
    "p4ypal-client-id",
    "p4ypal/s3cret+=",
    PARAMS["connectionString"],
    "n3sted-s3cret",
]


def spellings(secret: Any) -> list[str]:
    data = str(secret).encode()
    return [
        str(secret), quote(data, safe=""), quote_plus(data), json.dumps(secret)[1:-1],
        base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode(),
    ]  # fmt: skip


ALL = [form for secret in SECRETS for form in spellings(secret)]
SHAPES = {
    "message": lambda text: {"message": text},
    "old": lambda text: {"errorMessage": text, "errorDetails": text},
    "current": lambda text: {
        "type": f"https://ns.adobe.com/aep/errors/{text}", "title": text, "status": 400,
        "report": {"detailed-message": text, "request-id": text}},
    "gateway": lambda text: {"error_code": text, "message": text},
    "ims": lambda text: {"error": text, "error_description": text},
    "no object": lambda text: [text],
    "HTML": lambda text: f"<html>{text}</html>".encode(),
}  # fmt: skip


def create(hook: Any) -> None:
    hook.create_connection(name="n", connection_spec_id=ID, auth_spec_name="a", auth_params=PARAMS)


def clean(text: str) -> bool:
    return not any(form in text for form in ALL)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("status", [400, 403, 503])
def test_an_echo_in_any_spelling_is_scrubbed(make_hook: MakeHook, status: int, shape: Any) -> None:
    """Whatever the key was called: Airflow's masker knows only its own names."""
    with RawServer(*(reply(status, shape(form), x_request_id=form) for form in ALL)) as server:
        hook = make_hook(server.url, password=CLIENT)
        for form in ALL:
            with pytest.raises(errors.AepError) as caught:
                create(hook)
            assert clean(all_of(caught.value)), form


def test_a_body_that_is_no_json_is_not_repeated(make_hook: MakeHook) -> None:
    """It may be what was sent."""
    for body in (" ".join(ALL).encode(), b"<html>" + " ".join(ALL).encode()):
        with RawServer(reply(201, body, "text/html")) as server:
            with pytest.raises(errors.AepReplyError) as caught:
                create(make_hook(server.url, password=CLIENT))
            assert clean(all_of(caught.value))


def test_no_hook_shows_a_secret(make_hook: MakeHook) -> None:
    """`repr` and `vars` end in logs, debuggers and error trackers."""
    with RawServer(reply(201, {"id": ID})) as server:
        hook = make_hook(server.url, password=CLIENT)
        create(hook)
        shown = [repr(hook), str(hook), repr(vars(hook)), repr(hook.settings), str(hook.settings)]
        line = hook._line
        shown += [repr(line), repr(vars(line)), repr(line.secrets), repr(vars(line.transport))]
        shown += [repr(hook.get_conn()), repr(dict(hook.get_conn().headers)), repr(hook.get_conn().auth)]
        from airflow_provider_aep.hooks.ims import TOKENS

        shown += [
            repr(TOKENS),
            *(repr(token) for token in TOKENS._tokens.values()),
            repr(list(TOKENS._tokens)),
        ]
        assert all(clean(text) for text in shown)


def test_secrets_leave_in_bodies_only(make_hook: MakeHook) -> None:
    """URLs end in access logs of every proxy on the way."""
    with RawServer(reply(201, {"id": ID})) as server:
        create(make_hook(server.url, password=CLIENT))
        sent = [*server.tokens, *server.requests]
    assert all(clean(one.path) for one in sent)
    assert b"client_secret=" + quote_plus(CLIENT).encode() in server.tokens[0].body
    heads = [one.head.decode() for one in sent]
    assert heads[1].count(raw.TOKEN) == 1
    assert clean(heads[0])
    assert clean(heads[1].replace(f"Bearer {raw.TOKEN}", ""))


def test_no_error_leads_back_to_the_request(make_hook: MakeHook, waits: Any) -> None:
    """`requests`' exceptions hold the request, token and body; ours neither wrap nor follow them."""
    for answer in (
        raw.reset,
        reply(200, b"{"),
        reply(302),
        reply(500, {}),
        reply(200, b"x", content_encoding="gzip"),
    ):
        with RawServer(answer) as server:
            with pytest.raises(errors.AepError) as caught:
                create(make_hook(server.url, password=CLIENT))
            assert chain(caught.value) == [caught.value]
            assert clean(all_of(caught.value))


@pytest.mark.parametrize("body", [{"a": object()}, {"a": float("nan")}, {"a": b"by-s3cret"}, {1: {2}}])
def test_a_body_that_is_no_json_is_refused_unechoed(make_hook: MakeHook, body: Any) -> None:
    """Python's own message would name the value."""
    with RawServer(reply(200, {})) as server:
        with pytest.raises(errors.AepConfigError) as caught:
            make_hook(server.url).run("connections", method="POST", json=body)
        assert server.requests == []
    assert "s3cret" not in all_of(caught.value)
