"""A server that repeats everything it was sent, in every spelling: none of it comes back out of us.

The end of each test searches what comes out: see :mod:`tests.harness.secret_search`.
"""

from __future__ import annotations

import itertools
from typing import Any
from urllib.parse import quote_plus

import pytest

from airflow_provider_aep.flow_service import errors
from tests.harness import canary
from tests.harness import raw_server as raw
from tests.harness.connections import MakeHook, chain
from tests.harness.raw_server import RawServer, reply
from tests.harness.secret_search import all_of

ID = "24151d58-ffa7-4960-951d-58ffa7396097"
PARAMS = {
    "host": "api.sandbox.paypal.com",
    "clientId": canary.PAYPAL_ID,
    "clientSecret": canary.PAYPAL_SECRET,
    "connectionString": canary.made_for("connectionString"),
    "nested": {"deep": [canary.made_for("nested")]},
}
SECRETS = (
    canary.AEP_SECRET,
    raw.TOKEN,
    canary.PAYPAL_ID,
    canary.PAYPAL_SECRET,
    canary.made_for("connectionString"),
    canary.made_for("nested"),
)
ALL = [form for secret in SECRETS for form in canary.usual_spellings(secret)]
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


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("status", [400, 403, 503])
def test_an_echo_in_any_spelling_is_scrubbed(make_hook: MakeHook, status: int, shape: Any) -> None:
    """The name of the key does not matter: Airflow's masker knows only its own names."""
    with RawServer(*(reply(status, shape(form), x_request_id=form) for form in ALL)) as server:
        hook = make_hook(server.url)
        for _ in ALL:
            with pytest.raises(errors.AepError):
                create(hook)


@pytest.mark.parametrize(("whole", "parts"), canary.WITHIN_LARGER.values(), ids=canary.WITHIN_LARGER)
def test_an_echo_of_a_part_is_scrubbed(make_hook: MakeHook, whole: str, parts: tuple[str, ...]) -> None:
    """A source names the password that it refuses, a gateway the line of a key that it cannot read."""
    found = list(dict.fromkeys(echo for text in (whole, *parts) for echo in canary.echoes(text)))
    shapes = itertools.cycle(SHAPES.values())
    with RawServer(*(reply(400, next(shapes)(echo)) for echo in found)) as server:
        hook = make_hook(server.url)
        for _ in found:
            with pytest.raises(errors.AepError) as caught:
                hook.create_connection(
                    name="n", connection_spec_id=ID, auth_spec_name="a", auth_params={"any": whole}
                )
            assert canary.find_any(all_of(caught.value)) == []


@pytest.mark.parametrize("shape", ["message", "old", "current"])
def test_a_quoted_connection_string_is_scrubbed(make_hook: MakeHook, shape: str) -> None:
    """A task that only explores does not know the source's secrets. Adobe quotes the connector's words."""
    quote = f"The source is not reachable: Server=h;UID=u-s-e-r;Password={canary.made_for('Quote')};Port=1"
    with (
        RawServer(reply(400, SHAPES[shape](quote))) as server,
        pytest.raises(errors.AepRequestError, match="The source is not reachable: Server=h") as caught,
    ):
        make_hook(server.url).explore(ID)
    assert canary.find_any(all_of(caught.value)) == []
    assert canary.made_for("Quote") not in all_of(caught.value)


def test_a_body_that_is_no_json_is_not_repeated(make_hook: MakeHook) -> None:
    """It may be what was sent."""
    for body in (" ".join(ALL).encode(), b"<html>" + " ".join(ALL).encode()):
        with RawServer(reply(201, body, "text/html")) as server, pytest.raises(errors.AepReplyError):
            create(make_hook(server.url))


def test_secrets_leave_in_bodies_only(make_hook: MakeHook) -> None:
    """The token goes into one header: every proxy on the way logs URLs."""
    with RawServer(reply(201, {"id": ID})) as server:
        create(make_hook(server.url))
        (token,), (request,) = server.tokens, server.requests
    assert b"client_secret=" + quote_plus(canary.AEP_SECRET).encode() in token.body
    assert "authorization" not in token.headers
    assert request.headers["authorization"] == f"Bearer {raw.TOKEN}"


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
                create(make_hook(server.url))
            assert chain(caught.value) == [caught.value]


@pytest.mark.parametrize(
    "body", [{"a": object()}, {"a": float("nan")}, {"a": canary.AEP_SECRET.encode()}, {1: {2}}]
)
def test_a_body_that_is_no_json_is_refused_unechoed(make_hook: MakeHook, body: Any) -> None:
    """Python's own message would name the value."""
    with RawServer(reply(200, {})) as server:
        with pytest.raises(errors.AepConfigError):
            make_hook(server.url).run("connections", method="POST", json=body)
        assert server.requests == []
