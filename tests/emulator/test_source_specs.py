"""The platform's own spec of a source comes first: missing, different, withdrawn, unreadable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_aep import _compat
from airflow_provider_aep.flow_service import errors
from airflow_provider_aep.flow_service.secret_rules import is_secret
from airflow_provider_aep.flow_service.sources import find_source
from airflow_provider_aep.operators.connections import (
    CreatePayPalConnectionOperator,
    RotateCredentialsOperator,
)
from tests.harness import canary
from tests.harness.connections import SetConnection
from tests.harness.emulator import PAYPAL_AUTH, PAYPAL_SPEC, Emulator
from tests.harness.operators import context, unwrapped
from tests.harness.source_catalogue import SPECS, create, generic, posted, tap, wiretap
from tests.harness.wiretap import Wiretap

__all__ = ["tap", "wiretap"]

ID, SECRET, TOKEN, LINE = map(canary.made_for, ("Id", "Secret", "Token", "Line"))
SIGNED = "https://x/?sig=" + canary.made_for("Signature")


def test_the_spec_is_asked_once_in_a_process(emulator: Emulator, set_connection: SetConnection) -> None:
    """The spec is not read if nothing is created: every run would pay for that request."""
    generic(set_connection, find_source("stripe").auth[0].required)
    create("stripe", name="one")
    create("stripe", name="two")
    create("stripe", name="one", sandbox="dev")
    asked = emulator.requests("GET", SPECS + find_source("stripe").connection_spec_id)
    assert [one["headers"]["x-sandbox-name"] for one in asked] == ["prod", "dev"]
    emulator.forget_requests()
    set_connection("source_conn", conn_type="generic")
    create("stripe", name="one")
    assert [one for one in emulator.requests() if SPECS in one["path"]] == []


def spec_of(emulator: Emulator, spec_id: str) -> dict[str, Any]:
    (spec,) = emulator.api()("GET", SPECS + spec_id).json()["items"]
    emulator.forget_requests()
    return dict(spec)


def test_the_platform_goes_before_the_catalogue(
    emulator: Emulator, tap: Wiretap, set_connection: SetConnection, logged: Callable[[], str]
) -> None:
    """A parameter that Adobe adds is asked for and sent, and the difference is told once."""
    spec = spec_of(emulator, find_source("stripe").connection_spec_id)
    (auth,) = spec["authSpec"]
    auth["spec"]["properties"]["account"] = {"type": "string", "enum": ["live", "test"]}
    auth["spec"]["required"].append("account")
    emulator.control("POST", "connectionSpecs", spec)
    set_connection("source_conn", conn_type="generic", extra={"accessToken": TOKEN, "Account": "x"})
    with unwrapped(errors.AepConfigError, match="`account` is missing.*`Account` meant for `account`"):
        create("stripe")
    assert "needs `account`" in logged()
    with unwrapped(errors.AepConfigError, match=r"`account` breaks the rule enum \['live', 'test'\]"):
        create("stripe", auth_params={"account": "s-t-r-a-n-g-e"})
    assert "s-t-r-a-n-g-e" not in logged()
    assert posted(tap) == []
    create("stripe", auth_params={"account": "test"})
    assert posted(tap)[0]["auth"]["params"] == {"accessToken": TOKEN, "account": "test"}
    assert "needs `account`" not in logged()


def test_the_platforms_schema_makes_a_parameter_secret(
    emulator: Emulator,
    tap: Wiretap,
    set_connection: SetConnection,
    logged: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A parameter of the format `password` is refused in a DAG, masked and not logged."""
    masked: list[str] = []
    monkeypatch.setattr(_compat, "mask_secret", masked.append)
    spec = spec_of(emulator, find_source("stripe").connection_spec_id)
    spec["authSpec"][0]["spec"]["properties"]["region"] = {"type": "string", "format": "password"}
    emulator.control("POST", "connectionSpecs", spec)
    set_connection("source_conn", conn_type="generic", extra={"accessToken": TOKEN})
    with unwrapped(errors.AepConfigError, match="`auth_params` holds `region`, which is or may be a secret"):
        create("stripe", auth_params={"region": "r-e-g-i-o-n"})
    assert posted(tap) == []
    for region in ("first-region", "second-region"):
        set_connection("source_conn", conn_type="generic", extra={"accessToken": TOKEN, "region": region})
        create("stripe")
        assert region not in logged()
    assert posted(tap)[0]["auth"]["params"]["region"] == "first-region"
    assert "first-region" in masked


def test_an_authentication_that_was_renamed_is_sent_as_it_is_now(
    emulator: Emulator, tap: Wiretap, set_connection: SetConnection
) -> None:
    """Its name must match to the letter, and two of Adobe's pages spell this one in two ways."""
    spec = spec_of(emulator, find_source("blob").connection_spec_id)
    spec["authSpec"][1]["name"] = "SAS URI Authentication"
    emulator.control("POST", "connectionSpecs", spec)
    set_connection("source_conn", conn_type="generic", extra={"sasUri": SIGNED})
    assert create("blob", auth_spec="SasURIAuthentication")
    assert posted(tap)[0]["auth"]["specName"] == "SAS URI Authentication"


BEADS = {
    "name": "Bead Authentication",
    "spec": {
        "type": "object",
        "properties": {"rods": {"type": "integer"}, "beadKey": {"type": "string", "format": "password"}},
        "required": ["rods", "beadKey"],
    },
}


def test_a_source_that_no_catalogue_knows(
    emulator: Emulator, tap: Wiretap, set_connection: SetConnection
) -> None:
    """By its id: what it needs, the platform says. Without the platform, the DAG has to."""
    abacus = emulator.control("POST", "connectionSpecs", {"name": "Abacus", "authSpec": [BEADS]})["id"]
    params = {"rods": 13, "beadKey": "b-e-a-d"}
    set_connection("source_conn", conn_type="generic", extra={**params, "rods": "13"})
    made = create(connection_spec_id=abacus)
    assert emulator.api()("GET", f"/connections/{made}/test").json() == {"result": True}
    assert posted(tap)[0]["auth"] == {"specName": "Bead Authentication", "params": params}
    offline = {"connection_spec_id": abacus, "name": "Another", "validation": "offline"}
    with unwrapped(errors.AepConfigError, match="`auth_spec`"):
        create(**offline)
    set_connection("source_conn", conn_type="generic", extra=params)
    assert create(**offline, auth_spec="Bead Authentication")
    set_connection("source_conn", conn_type="generic", extra={"rods": "many"})
    with unwrapped(
        errors.AepConfigError, match="`beadKey` is missing; `rods` breaks the rule type 'integer'"
    ):
        create(connection_spec_id=abacus, name="A third")
    assert len(posted(tap)) == 2


MISSING = {
    "404": {"status": 404, "body": {"errorMessage": "connectionSpecs not found with id = [x]"}},
    "the current 404": {"status": 404, "body": {"type": "https://ns.adobe.com/aep/errors/FLOW-1439-404"}},
    "nothing": {"status": 200, "body": {"items": []}},
    "1413": {"status": 400, "body": {"type": "https://ns.adobe.com/aep/errors/FLOW-1413-400"}},
    "an old 1413": {"status": 400, "body": {"message": "Please provide a valid spec id"}},
}


def test_a_source_the_platform_withdraws(emulator: Emulator, paypal: str) -> None:
    """On a platform without PayPal the DAG fails, and the error says what to do."""
    emulator.control("DELETE", f"connectionSpecs/{PAYPAL_SPEC}")
    with unwrapped(errors.SourceWithdrawnError, match="`source='stripe'`"):
        CreatePayPalConnectionOperator(task_id="create").execute(context())
    assert emulator.state()["connections"] == 0


@pytest.mark.parametrize("reply", MISSING.values(), ids=MISSING)
def test_a_withdrawn_source_names_others_of_its_category(
    emulator: Emulator, paypal: str, reply: dict[str, Any]
) -> None:
    """The error names the deprecation and other sources. Nothing is sent."""
    emulator.fault(method="GET", path=SPECS + PAYPAL_SPEC, **reply)
    with unwrapped(errors.SourceWithdrawnError) as caught:
        CreatePayPalConnectionOperator(task_id="create").execute(context())
    text = str(caught.value)
    for words in (
        "PayPal",
        "end of June 2025",
        "Stripe (`source='stripe'`)",
        "Square (`source='square'`)",
        "data and schema differ",
    ):
        assert words in text
    assert not caught.value.retryable
    assert emulator.requests("POST", "/connections") == []


@pytest.mark.parametrize("validation", ["live", "offline"])
@pytest.mark.parametrize("name", ["1413", "an old 1413"])
def test_a_source_withdrawn_meanwhile(emulator: Emulator, paypal: str, name: str, validation: str) -> None:
    """If the spec was never read, the POST's error says so."""
    emulator.fault(method="POST", path="/connections", **MISSING[name])
    with unwrapped(errors.SourceWithdrawnError, match="end of June 2025"):
        CreatePayPalConnectionOperator(task_id="create", validation=validation).execute(context())
    assert len(emulator.requests("POST", "/connections")) == 1


def test_an_existing_connection_of_a_withdrawn_source_is_still_found(emulator: Emulator, paypal: str) -> None:
    """No document says that connections end with their source."""
    made = emulator.api().create().json()["id"]
    emulator.fault(method="GET", path=SPECS + PAYPAL_SPEC, **MISSING["404"])
    assert CreatePayPalConnectionOperator(task_id="create").execute(context()) == made


UNASKED = {
    "may not": {"status": 403, "body": {"type": "https://ns.adobe.com/aep/errors/FLOW-2120-403"}},
    "fails": {"status": 503, "times": 10},
    "breaks off": {"drop": True, "times": 10},
    "is HTML": {"status": 200, "body": "<html>", "times": 10},
    "throttled": {"status": 429, "times": 10},
}


@pytest.mark.parametrize("reply", UNASKED.values(), ids=UNASKED)
def test_where_the_platform_cannot_be_asked_the_catalogue_answers(
    emulator: Emulator, set_connection: SetConnection, waits: list[float], reply: dict[str, Any],
    logged: Callable[[], str],
) -> None:  # fmt: skip
    """Reading specs is a help: who may create connections can, and missing parameters are still named."""
    stripe = find_source("stripe")
    emulator.fault(method="GET", path=SPECS + stripe.connection_spec_id, **reply)
    set_connection("source_conn", conn_type="generic")
    with unwrapped(errors.AepConfigError, match="`accessToken` is missing"):
        create("stripe")
    generic(set_connection, ["accessToken"])
    assert create("stripe")
    assert "catalogue" in logged()


def test_a_missing_sandbox_is_no_withdrawn_source(emulator: Emulator, paypal: str) -> None:
    """Its 404 is another's."""
    body = {"type": "https://ns.adobe.com/aep/errors/FLOW-2100-404"}
    emulator.fault(method="GET", path=SPECS + PAYPAL_SPEC, status=404, body=body)
    with unwrapped(errors.AepNotFoundError, match="sandbox 'prod'"):
        CreatePayPalConnectionOperator(task_id="create").execute(context())


def test_an_id_of_another_source_is_refused(emulator: Emulator, set_connection: SetConnection) -> None:
    """The two take the same values, so nothing else would keep one from passing for the other."""
    generic(set_connection, ["host", "clientId", "clientSecret"])
    with unwrapped(errors.AepConfigError, match="Salesforce Marketing Cloud's"):
        create("PathFactory")
    assert emulator.requests("POST", "/connections") == []


@pytest.mark.parametrize(
    ("source", "extra", "told"),
    [("mixpanel", {"host": "h", "username": "u", "password": SECRET},
      "Mixpanel (uncertain): Adobe's tutorial is a hidden page"),
     ("blob", {"sasUri": SIGNED}, "SasURIAuthentication (uncertain) of Azure Blob Storage"),
     ("oracle-eloqua", {"endpoint": "e", "username": "u", "password": SECRET},
      "Oracle Eloqua (retired): The source was retired by January 2026"),
     ("blob", {"connectionString": LINE}, ""), ("stripe", {"accessToken": TOKEN}, "")],
    ids=["source", "authentication", "retired", "the certain one", "certain"],
)  # fmt: skip
def test_what_is_uncertain_or_retired_is_said_when_it_is_used(
    set_connection: SetConnection, logged: Callable[[], str], source: str, extra: dict[str, Any], told: str
) -> None:
    """With why; who uses a placeholder's id should know it."""
    set_connection("source_conn", conn_type="generic", extra=extra)
    create(source)
    text = logged()
    assert told in text
    assert ("(uncertain)" in text or "(retired)" in text) is bool(told)


def test_what_nobody_takes_is_said(
    set_connection: SetConnection, tap: Wiretap, logged: Callable[[], str]
) -> None:
    """A misspelt optional parameter would be missed by nobody; its value stays out of it."""
    keys = {"s3AccessKey": ID, "s3SecretKey": SECRET}
    set_connection("source_conn", conn_type="generic", extra={**keys, "bucket": "bbb"})
    create("s3")
    assert posted(tap)[0]["auth"]["params"] == keys
    text = logged()
    assert "`bucket`" in text
    assert "bbb" not in text


def test_an_update_keeps_the_authentication_type(
    emulator: Emulator, set_connection: SetConnection, tap: Wiretap
) -> None:
    """Parameters of another type would break what works; both types are named, and nothing is sent."""
    generic(set_connection, ["s3AccessKey", "s3SecretKey"])
    made = create("s3")
    generic(set_connection, ["bucketName"])
    words = f"{made} has the authentication type 'Access Key'.*'source_conn' holds credentials for 'IAMRole"
    with unwrapped(errors.AepConfigError, match=words) as caught:
        create("s3", if_exists="update")
    assert caught.value.parameter == "source_conn_id"
    assert emulator.requests("PATCH") == []
    generic(set_connection, ["s3AccessKey", "s3SecretKey"])
    assert create("s3", if_exists="update") == made
    assert len(emulator.requests("PATCH")) == 1


def test_an_update_is_checked_as_well(emulator: Emulator, set_connection: SetConnection) -> None:
    """All of `auth.params` is replaced: one left out would be lost."""
    params = generic(set_connection, find_source("square").auth[0].required)
    made = create("square")
    set_connection("source_conn", conn_type="generic", extra={**params, "refreshToken": ""})
    with unwrapped(errors.AepConfigError, match="`refreshToken` is missing"):
        create("square", if_exists="update")
    assert emulator.requests("PATCH") == []
    generic(set_connection, params)
    assert create("square", if_exists="update") == made


def test_other_sources_get_new_credentials_too(
    emulator: Emulator, tap: Wiretap, set_connection: SetConnection
) -> None:
    """By the catalogue; of a source it does not know, by the platform."""
    abacus = emulator.control("POST", "connectionSpecs", {"name": "Abacus", "authSpec": [BEADS]})["id"]
    cases = [
        ("sap-commerce", None, {"clientId": ID, "tokenEndpoint": "t"}, "clientSecret", {"region": "eu"}),
        ("paypal", abacus, {"rods": 13}, "beadKey", None),
    ]
    for source, spec_id, rest, secret, plain in cases:
        arguments = {"auth_params": plain, "name": source}
        set_connection("source_conn", conn_type="generic", extra={**rest, secret: "wrong"})
        made = create(source, connection_spec_id=spec_id, **arguments)
        set_connection("source_conn", conn_type="generic", extra={**rest, secret: SECRET})
        rotate = RotateCredentialsOperator(
            task_id="rotate", connection_id=made, source_conn_id="source_conn", auth_params=plain
        )
        assert rotate.execute(context()) == made
        set_connection("source_conn", conn_type="generic", extra=rest)
        with unwrapped(errors.AepConfigError, match=f"`{secret}` is missing"):
            rotate.execute(context())
    assert len([sent for sent in tap.sent if sent.method == "PATCH"]) == len(cases)


@pytest.mark.parametrize("value", ["Live", "", None, 5], ids=repr)
def test_how_to_validate_is_one_of_two(emulator: Emulator, paypal: str, value: Any) -> None:
    """The error comes before any request."""
    with unwrapped(errors.AepConfigError, match="`validation`"):
        CreatePayPalConnectionOperator(task_id="create", validation=value).execute(context())
    assert emulator.requests() == []


def test_paypal_from_a_generic_connection(tap: Wiretap, set_connection: SetConnection) -> None:
    """The host that Adobe documents as the default is sent, as by the `paypal` type."""
    set_connection("source_conn", conn_type="http", login=ID, password=SECRET)
    create("paypal")
    params = {"host": "api.sandbox.paypal.com", "clientId": ID, "clientSecret": SECRET}
    assert posted(tap)[0]["auth"] == {"specName": PAYPAL_AUTH, "params": params}
    assert [is_secret(name) for name in params] == [False, True, True]
