"""The hook's interface, on a real emulator: what a DAG author may rely on."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from airflow_provider_aep.flow_service import errors
from airflow_provider_aep.hooks import ims
from tests.harness import raw_server as raw
from tests.harness.connections import MakeHook
from tests.harness.emulator import (
    CLIENT_ID,
    CLIENT_SECRET,
    FLOW_SERVICE,
    ORG_ID,
    PAYPAL_AUTH,
    PAYPAL_ID,
    PAYPAL_SECRET,
    PAYPAL_SPEC,
    Emulator,
)
from tests.harness.raw_server import RawServer, reply

EMPTY = reply(200, {"items": []})
NAMES = [
    "PayPal connection",
    "it's",
    'a "b"',
    "a, b",
    "a==b",
    "a<b",
    "日本語",
    "🙂",
    "x" * 255,
    "a/b?c#d&e=f%20+",
]


def create(hook: Any, name: str = "n", secret: str = PAYPAL_SECRET, **changes: Any) -> str:
    params = {"host": "api.sandbox.paypal.com", "clientId": PAYPAL_ID, "clientSecret": secret}
    facts = {"connection_spec_id": PAYPAL_SPEC, "auth_spec_name": PAYPAL_AUTH, "auth_params": params}
    return str(hook.create_connection(name=name, **{**facts, **changes}))


def test_it_is_airflows_http_hook() -> None:
    """Code that takes an HttpHook takes an AepHook."""
    from airflow.providers.http.hooks.http import HttpHook

    from airflow_provider_aep.hooks.flow_service import FlowServiceHook

    assert issubclass(FlowServiceHook, HttpHook)
    assert (FlowServiceHook.conn_name_attr, FlowServiceHook.default_conn_name) == (
        "aep_conn_id",
        "aep_default",
    )
    assert (FlowServiceHook.conn_type, FlowServiceHook.hook_name) == ("aep", "Adobe Experience Platform")


@pytest.mark.parametrize("name", NAMES)
def test_a_connection_from_create_to_delete(hook: Any, name: str) -> None:
    """With any name: create, find by the exact name, read, test, explore, change, delete."""
    made = create(hook, name, description="For tests")
    create(hook, name + "2" if len(name) < 255 else "other")
    assert [one["id"] for one in hook.list_connections(name=name)] == [made]
    assert [one["id"] for one in hook.list_connections(name=name, connection_spec_id=PAYPAL_SPEC)] == [made]
    item = hook.get_connection_details(made)
    assert (item["id"], item["name"], item["description"]) == (made, name, "For tests")
    assert "auth" not in item
    assert hook.test_base_connection(made) is True
    assert {"name", "path", "type", "canPreview", "canFetchSchema"} <= set(hook.explore(made)[0])
    table = hook.explore(made, object_type="table", object="PayPal.Catalog_Products", preview=True)
    assert table["schema"]["columns"]
    assert table["data"]
    hook.patch_connection(made, item["etag"], [{"op": "replace", "path": "/description", "value": "Other"}])
    with pytest.raises(errors.AepVersionError):
        hook.patch_connection(made, item["etag"], [{"op": "replace", "path": "/description", "value": "x"}])
    assert hook.get_connection_details(made)["description"] == "Other"
    hook.delete_connection(made)
    with pytest.raises(errors.AepNotFoundError):
        hook.get_connection_details(made)


def test_create_is_one_post_without_healing(hook: Any, emulator: Emulator) -> None:
    """Called twice, it makes two: the operator is what makes one."""
    assert create(hook) != create(hook)
    assert len(emulator.requests("POST", "/connections")) == 2
    assert len(emulator.requests("GET")) == 0


def test_wrong_source_credentials_are_seen_by_the_test(hook: Any) -> None:
    """The POST answers 201 all the same."""
    assert hook.test_base_connection(create(hook, secret="wrong")) is False


def test_every_page_is_read(hook: Any, emulator: Emulator) -> None:
    """The hundred and first is a duplicate that one page does not show."""
    api = emulator.api()
    for n in range(120):
        assert api.create("same" if n % 2 else f"it's {n}").status_code == 201
    emulator.forget_requests()
    assert len(hook.list_connections()) == 120
    assert len(emulator.requests("GET", "/connections")) == 2
    assert len(hook.list_connections(name="same")) == 60
    assert len(hook.list_connections(name="it's 118")) == 1


def test_source_connections_of_one_base_connection(hook: Any, emulator: Emulator) -> None:
    """Those that depend on it, and no others."""
    mine, other = create(hook), create(hook)
    api = emulator.api()
    for base in (mine, other):
        assert api.create_source(base).status_code == 201
    assert [one["baseConnectionId"] for one in hook.list_source_connections(mine)] == [mine]


@pytest.mark.parametrize("value", ["a/b", "", "..", 5], ids=repr)
def test_lists_check_the_ids_that_they_filter_by(hook: Any, emulator: Emulator, value: Any) -> None:
    """A comma in a filter means *or*, so an invalid id would list other entities."""
    with pytest.raises(errors.AepConfigError, match=r"^`connection_id`"):
        hook.list_source_connections(value)
    with pytest.raises(errors.AepConfigError, match=r"^`connection_spec_id`"):
        hook.list_connections(connection_spec_id=value)
    assert emulator.requests("GET") == []


def test_run_takes_the_method_a_call(hook: Any, emulator: Emulator) -> None:
    """`self.method` does not change: two threads may share a hook."""
    made = create(hook)
    response = hook.run("connections", {"limit": "1"})
    assert isinstance(response, requests.Response)
    assert response.json()["items"][0]["id"] == made
    assert hook.run(f"connections/{made}", method="DELETE").status_code == 204
    assert hook.method == "GET"
    assert [one["method"] for one in emulator.requests(path=made)] == ["DELETE"]


def test_run_sends_what_it_is_given(make_hook: MakeHook) -> None:
    """Query parameters of a GET, a JSON body of anything else, additional headers."""
    with RawServer(EMPTY) as server:
        hook = make_hook(server.url)
        hook.run("connections", {"limit": "1"}, {"x-one": "a b"})
        hook.run("/connections", {"name": "x"}, method="POST")
        hook.run("connections", json={"name": "x"}, params={"a": "b"}, method="post")
        hook.run("connections", '{"name": "x"}', method="PUT")
        hook.run()
        sent = server.requests
    assert [(one.method, one.path.removeprefix(FLOW_SERVICE), one.body) for one in sent] == [
        ("GET", "/connections?limit=1", b""),
        ("POST", "/connections", b'{"name": "x"}'),
        ("POST", "/connections?a=b", b'{"name": "x"}'),
        ("PUT", "/connections", b'{"name": "x"}'),
        ("GET", "", b""),
    ]
    assert sent[0].headers["x-one"] == "a b"
    assert sent[1].headers["content-type"] == "application/json"


def test_an_error_reply_is_raised_unless_told_otherwise(hook: Any) -> None:
    """`check_response` as the http provider knows it."""
    with pytest.raises(errors.AepNotFoundError):
        hook.run("connections/none")
    response = hook.run("connections/none", extra_options={"check_response": False})
    assert response.status_code == 404
    with pytest.raises(errors.AepNotFoundError):
        hook.check_response(response)


@pytest.mark.parametrize("option", ["verify", "proxies", "cert", "stream", "allow_redirects", "nonsense"])
def test_unsafe_options_are_refused(make_hook: MakeHook, option: str) -> None:
    """The connection and the environment decide on TLS, proxies and redirects."""
    with pytest.raises(errors.AepConfigError, match=option):
        make_hook("http://127.0.0.1:9").run("x", extra_options={option: False})


@pytest.mark.parametrize("timeout", [-1, 0, "abc", True, float("nan"), float("inf"), [1]], ids=repr)
def test_an_invalid_timeout_is_refused(make_hook: MakeHook, timeout: Any) -> None:
    """Before anything is sent."""
    with RawServer(EMPTY) as server:
        with pytest.raises(errors.AepConfigError, match="timeout"):
            make_hook(server.url).run("x", extra_options={"timeout": timeout})
        assert server.requests == []


@pytest.mark.parametrize("spelling", [str.lower, str.upper, str.title])
def test_callers_headers_replace_none_of_ours(make_hook: MakeHook, spelling: Any) -> None:
    """In upper and lower case: another token, organization or sandbox would lead to another's data."""
    names = ["Authorization", "x-api-key", "x-gw-ims-org-id", "x-sandbox-name", "x-sandbox-id"]
    with RawServer(EMPTY) as server:
        make_hook(server.url).run("connections", headers={spelling(name): "evil" for name in names})
        sent = server.requests[0]
    assert sent.headers["authorization"] == f"Bearer {raw.TOKEN}"
    assert (sent.headers["x-api-key"], sent.headers["x-gw-ims-org-id"]) == (CLIENT_ID, ORG_ID)
    assert sent.headers["x-sandbox-name"] == "prod"
    assert b"evil" not in sent.head


def test_a_caller_may_say_what_it_accepts(hook: Any, emulator: Emulator) -> None:
    """Schema Registry answers nothing without a type of its own; other calls keep ours."""
    hook.run("connections", headers={"accept": "application/vnd.adobe.xed+json; version=1"})
    hook.list_connections()
    sent = [one["headers"]["accept"] for one in emulator.requests("GET", "/connections")]
    assert sent == ["application/vnd.adobe.xed+json; version=1", "application/json"]


@pytest.mark.parametrize(
    "headers",
    [{"x-one": "a\r\nX-Evil: 1"}, {"x-one": "a\nb"}, {"x\r\nX-Evil": "1"}, {"x-one": None}, {"x-one": "a\0"},
     {"x-one": "ä€"}, {"x one": "1"}, {"": "1"}],
    ids=["CRLF", "LF", "in the name", "None", "NUL", "unicode", "blank in the name", "no name"],
)  # fmt: skip
def test_headers_hold_no_line_break(make_hook: MakeHook, headers: Any) -> None:
    """A line break would smuggle in another header."""
    with RawServer(EMPTY) as server:
        with pytest.raises(errors.AepConfigError):
            make_hook(server.url).run("connections", headers=headers)
        assert server.requests == []


@pytest.mark.parametrize(
    "endpoint",
    ["http://evil.example/x", "https://evil.example/x", "//evil.example/x", "http://127.0.0.1:1/x",
     "http://127.0.0.1@evil.example/x",
     "ftp://127.0.0.1/x", "file:///x", "http:///x", "http://[broken/x"],
)  # fmt: skip
def test_an_endpoint_elsewhere_is_refused(make_hook: MakeHook, endpoint: str) -> None:
    """The token would go there."""
    with RawServer(EMPTY) as server:
        with pytest.raises(errors.AepConfigError, match="`endpoint`"):
            make_hook(server.url).run(endpoint)
        assert (server.requests, server.tokens) == ([], [])


def test_an_absolute_endpoint_at_the_same_host_is_accepted(make_hook: MakeHook) -> None:
    """As `Location` headers and paging links have it."""
    with RawServer(EMPTY) as server:
        make_hook(server.url).run(f"{server.url}/data/foundation/flowservice/connections")
        assert server.requests[0].path == "/data/foundation/flowservice/connections"


@pytest.mark.parametrize(
    "options", [{"params": {"a": "\ud800"}}, {"data": "\ud800", "method": "POST"}], ids=["query", "body"]
)
def test_a_request_that_cannot_be_written_is_a_typed_error(make_hook: MakeHook, options: Any) -> None:
    """Not a UnicodeEncodeError from within."""
    with RawServer(EMPTY) as server, pytest.raises(errors.AepConfigError):
        make_hook(server.url).run("x", **options)


def test_a_sibling_for_another_sandbox(hook: Any, emulator: Emulator) -> None:
    """It shares session and token, and sees nothing of the first sandbox."""
    sibling = hook.for_sandbox("dev")
    assert type(sibling) is type(hook)
    create(sibling)
    assert len(sibling.list_connections()) == 1
    assert hook.list_connections() == []
    assert sibling.get_conn() is hook.get_conn()
    assert len(emulator.requests("POST", "/ims/token/v3")) == 1
    assert len({one["connection"] for one in emulator.requests()}) == 1
    assert {one["headers"].get("x-sandbox-name") for one in emulator.requests()} == {None, "dev", "prod"}


@pytest.mark.parametrize("sandbox", ["a b", "*", "../x", 5, "dev\r\nx: y"])
def test_a_wrong_sandbox_is_named_before_anything_is_sent(make_hook: MakeHook, sandbox: Any) -> None:
    """It goes into a header."""
    with RawServer(EMPTY) as server:
        with pytest.raises(errors.AepConfigError, match="`sandbox`"):
            make_hook(server.url, sandbox=sandbox).list_connections()
        assert server.requests == []


LINKS = {
    "another host": lambda url: "http://evil.example/connections?continuationToken=a",
    "another port": lambda url: "http://127.0.0.1:1/connections?continuationToken=a",
    "another scheme": lambda url: url.replace("http", "https") + "/connections?continuationToken=a",
    "a loop": lambda url: "/connections?continuationToken=a",
    "nowhere": lambda url: "/connections",
}


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS.keys())
def test_a_list_that_cannot_be_read_to_its_end_is_an_error(make_hook: MakeHook, link: Any) -> None:
    """Half a list could lead to a second connection, a link to another host could leak the token."""
    with RawServer(EMPTY) as server:
        server.replies = [reply(200, {"items": [], "_links": {"next": {"href": link(server.url)}}})]
        with pytest.raises(errors.AepReplyError):
            make_hook(server.url).list_connections()
        assert len(server.requests) <= 3


def test_pages_are_followed_by_relative_and_absolute_links(make_hook: MakeHook) -> None:
    """Until there is no next one."""
    with RawServer(EMPTY) as server:
        hrefs = ["/connections?continuationToken=1%3D", f"{server.url}/connections?continuationToken=2"]
        pages = [
            {"items": [{"id": str(n)}], "_links": {"next": {"href": href}}} for n, href in enumerate(hrefs)
        ]
        server.replies = [*(reply(200, page) for page in pages), reply(200, {"items": [{"id": "2"}]})]
        assert [one["id"] for one in make_hook(server.url).list_connections()] == ["0", "1", "2"]
        paths = [one.path.rpartition("?")[2] for one in server.requests]
    assert paths == ["limit=100", "continuationToken=1%3D", "continuationToken=2"]


@pytest.mark.parametrize("document", [{}, {"result": None}, {"result": "true"}, [], {"items": []}])
def test_a_test_without_result_is_an_error(make_hook: MakeHook, document: Any) -> None:
    """It shows neither success nor failure."""
    with RawServer(reply(200, document)) as server, pytest.raises(errors.AepReplyError):
        make_hook(server.url).test_base_connection("a")


def test_a_hook_scrubs_what_it_knows(hook: Any) -> None:
    """Its client secret and its token, for whoever shows a text that came from a server."""
    hook.list_connections()
    (token,) = (one.value for one in ims.TOKENS._tokens.values())
    scrubbed = hook.scrub(f"refused: {CLIENT_SECRET}, {token}!")
    assert scrubbed == "refused: ***, ***!"
