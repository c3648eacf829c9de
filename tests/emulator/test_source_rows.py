"""Every documented source, created on the emulator through the operator."""

from __future__ import annotations

from airflow_provider_aep.flow_service import errors
from airflow_provider_aep.flow_service.sources import AuthSpec, Source
from airflow_provider_aep.operators.connections import CreateBaseConnectionOperator
from tests.harness import canary
from tests.harness.connections import SetConnection
from tests.harness.emulator import Emulator
from tests.harness.operators import context, unwrapped
from tests.harness.source_catalogue import (
    FAMILIES,
    NATIVE,
    SPECS,
    chosen_auth,
    create,
    each_row,
    generic,
    posted,
    tap,
    wiretap,
)
from tests.harness.wiretap import Wiretap

__all__ = ["tap", "wiretap"]
EACH = each_row(FAMILIES)


@EACH
def test_each_row_is_created_from_a_generic_connection(
    emulator: Emulator, tap: Wiretap, set_connection: SetConnection, source: Source, auth: AuthSpec
) -> None:
    """Spec id, authentication and parameters are the documented ones; AEP can use what was made."""
    params = generic(set_connection, auth.parameters)
    made = create(source.title, auth_spec=chosen_auth((source, auth)))
    (body,) = posted(tap)
    assert body["connectionSpec"] == {"id": source.connection_spec_id, "version": "1.0"}
    assert body["auth"] == {"specName": auth.name, "params": params}
    if source.key != "paypal":  # the emulator knows its one account
        assert emulator.api()("GET", f"/connections/{made}/test").json() == {"result": True}


@EACH
def test_each_row_is_created_from_its_native_connection(
    tap: Wiretap, set_connection: SetConnection, source: Source, auth: AuthSpec
) -> None:
    """The connection type's own provider package is not needed."""
    native = NATIVE[source.key, auth.name]
    set_connection("source_conn", **native.connection)
    create(source.key, auth_params=native.auth_params, auth_spec=chosen_auth((source, auth)))
    (body,) = posted(tap)
    assert body["auth"] == {"specName": auth.name, "params": native.params}


@EACH
def test_whatever_is_left_out_is_refused_before_the_post(
    emulator: Emulator, set_connection: SetConnection, source: Source, auth: AuthSpec
) -> None:
    """With its name, as the platform's spec has it; by the catalogue's copy, see the tests of credentials."""
    for left_out in auth.required:
        generic(set_connection, set(auth.required) - {left_out})
        with unwrapped(errors.AepConfigError, match=f"`{left_out}` is missing") as caught:
            create(source.key)
        assert "value-of-" not in str(caught.value)
    assert emulator.requests("POST", "/connections") == []
    assert len(emulator.requests("GET", SPECS + source.connection_spec_id)) == 1


@EACH
def test_no_secret_leaves_but_in_the_body(
    emulator: Emulator, tap: Wiretap, set_connection: SetConnection, source: Source, auth: AuthSpec
) -> None:
    """The platform echoes all secrets, and the search at the test's end finds none."""
    params = generic(set_connection, auth.parameters)
    secrets = [params[name] for name in params if auth.is_secret(name)]
    arguments = {"name": "A name", "source_conn_id": "source_conn", "source": source.key}
    auth_spec = chosen_auth((source, auth))
    task = CreateBaseConnectionOperator(task_id="create", auth_spec=auth_spec, **arguments)
    echo = " ".join(form for secret in secrets for form in canary.usual_spellings(secret))
    emulator.fault(method="POST", path="/connections", status=400, body={"message": echo})
    with unwrapped(errors.AepRequestError):
        task.execute(context())
    task.execute(context())
    generic(set_connection, set(auth.parameters) - {next(iter(auth.required))})
    with unwrapped(errors.AepConfigError):
        create(source.key, auth_spec=auth_spec, name="Another")
    assert all(secret in posted(tap)[-1]["auth"]["params"].values() for secret in secrets)


def test_a_part_of_a_secret_is_kept_as_well(emulator: Emulator, set_connection: SetConnection) -> None:
    """A driver that refuses a connection string names the password alone."""
    password = canary.CORE + "PasswordQ4t7/+%&="
    set_connection("source_conn", conn_type="mysql", login="u", password=password, host="h", schema="d")
    emulator.fault(method="POST", path="/connections", status=400, body={"message": f"{password} is wrong"})
    with unwrapped(errors.AepRequestError, match=r"\*\*\* is wrong"):
        create("mysql")
