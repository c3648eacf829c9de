"""Every request of hook and operators conforms to Adobe's documents.

The hook's session records each request. The check compares it and the emulator's reply with the OpenAPI.
If two documents of Adobe's differ, `DEVIATIONS` names the one that the client follows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.harness.contract.recording import check, run
from tests.harness.emulator import FLOW_SERVICE, PAYPAL_AUTH, PAYPAL_ID, PAYPAL_SECRET, PAYPAL_SPEC

DEVIATIONS = {
    "a PATCH's body is a list": "update tutorial: a list of operations, typed a single one",
    "its `op` is lower-case": "update tutorial, and RFC 6902: the OpenAPI prints ADD, REPLACE, REMOVE",
    "`objectType` is lower-case": "explore tutorials: the OpenAPI's enum is upper-case",
    "`preview` is sent": "filter tutorial, 'Preview data'",
}
PARAMS = {"host": "api.sandbox.paypal.com", "clientId": PAYPAL_ID, "clientSecret": PAYPAL_SECRET}
TABLE = "PayPal.Catalog_Products"


def create(hook: Any, **changes: Any) -> str:
    facts = {"connection_spec_id": PAYPAL_SPEC, "auth_spec_name": PAYPAL_AUTH, "auth_params": PARAMS}
    return str(hook.create_connection(name="n", **{**facts, **changes}))


def patch(hook: Any) -> None:
    made = create(hook)
    operations = [{"op": "replace", "path": "/auth/params", "value": PARAMS}]
    hook.patch_connection(made, hook.get_connection_details(made)["etag"], operations)


def page(hook: Any) -> None:
    for _ in range(101):
        create(hook)
    assert len(hook.list_connections()) == 101


HOOK: dict[str, Callable[[Any], Any]] = {
    "create": create,
    "create with a description": lambda hook: create(hook, description="For tests"),
    "list": lambda hook: hook.list_connections(),
    "list by name and spec": lambda hook: hook.list_connections(name="n", connection_spec_id=PAYPAL_SPEC),
    "list every page": page,
    "get": lambda hook: hook.get_connection_details(create(hook)),
    "patch": patch,
    "delete": lambda hook: hook.delete_connection(create(hook)),
    "test": lambda hook: hook.test_base_connection(create(hook)),
    "explore": lambda hook: hook.explore(create(hook)),
    "explore a table": lambda hook: hook.explore(create(hook), object_type="table", object=TABLE),
    "preview": lambda hook: hook.explore(create(hook), object_type="TABLE", object=TABLE, preview=True),
    "source connections": lambda hook: hook.list_source_connections(create(hook)),
    "test the Airflow connection": lambda hook: hook.test_connection(),
    "another sandbox": lambda hook: hook.for_sandbox("dev").list_connections(),
}
PAYPAL = "CreatePayPalConnectionOperator"
OPERATORS: dict[str, Callable[[Any], Any]] = {
    "create": lambda hook: run("connections", PAYPAL),
    "create and update": lambda hook: [run("connections", PAYPAL, if_exists="update") for _ in range(2)],
    "create with a name to be quoted": lambda hook: run("connections", PAYPAL, name='it\'s, "n" == 日本'),
    "test": lambda hook: run("connections", "TestConnectionOperator", connection_id=create(hook)),
    "delete": lambda hook: run("connections", "DeleteConnectionOperator", connection_id=create(hook)),
    "rotate": lambda hook: run(
        "connections",
        "RotateCredentialsOperator",
        connection_id=create(hook),
        source_conn_id="paypal_default",
    ),
    "list": lambda hook: run("explore", "ListTablesOperator", connection_id=create(hook)),
    "inspect": lambda hook: run("explore", "InspectTableOperator", connection_id=create(hook), table=TABLE),
    "preview": lambda hook: run("explore", "PreviewTableOperator", connection_id=create(hook), table=TABLE),
}


@pytest.mark.parametrize(
    "action",
    [*HOOK.values(), *OPERATORS.values()],
    ids=[*(f"hook: {name}" for name in HOOK), *(f"operator: {name}" for name in OPERATORS)],
)
def test_every_request_keeps_to_the_openapi(hook: Any, sent: list[Any], action: Any) -> None:
    """Path, query, headers and bodies conform to Adobe's OpenAPI files."""
    action(hook)
    check(sent)


def test_the_token_request_is_the_documented_one(hook: Any, sent: list[Any]) -> None:
    """The request has four parameters in a form body and none in the URL (server-to-server guide)."""
    hook.list_connections()
    request = sent[0].request
    assert urlsplit(request.url).path == "/ims/token/v3"
    assert not urlsplit(request.url).query
    assert set(parse_qs(request.body)) == {"client_id", "client_secret", "grant_type", "scope"}
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_each_deviation_is_made_and_justified(hook: Any, sent: list[Any]) -> None:
    """The client still makes each deviation; an unused one must be deleted."""
    patch(hook)
    hook.explore(create(hook), object_type="table", object=TABLE, preview=True)
    (patched,) = [reply.request for reply in sent if reply.request.method == "PATCH"]
    explored = parse_qs(urlsplit(sent[-1].request.url).query)
    operations = json.loads(patched.body)
    made = {
        "a PATCH's body is a list": isinstance(operations, list),
        "its `op` is lower-case": operations[0]["op"] == "replace",
        "`objectType` is lower-case": explored["objectType"] == ["table"],
        "`preview` is sent": explored["preview"] == ["true"],
    }
    assert made == dict.fromkeys(DEVIATIONS, True)
    assert all(len(document) > 10 for document in DEVIATIONS.values())


def test_a_create_names_its_spec_with_a_version(hook: Any, sent: list[Any]) -> None:
    """A create names the version: the documents differ whether it is optional."""
    create(hook)
    body = json.loads(sent[-1].request.body)
    assert body["connectionSpec"] == {"id": PAYPAL_SPEC, "version": "1.0"}
    assert body["auth"] == {"specName": PAYPAL_AUTH, "params": PARAMS}
    assert "description" not in body


def test_an_etag_goes_back_with_its_quotes(hook: Any, sent: list[Any]) -> None:
    """The etag keeps its quotes (Destinations API: "always need to wrap this header in double quotes")."""
    patch(hook)
    assert sent[-1].request.headers["If-Match"].startswith('"')
    assert urlsplit(sent[-1].request.url).path.startswith(FLOW_SERVICE)
