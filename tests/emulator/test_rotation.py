"""New credentials for an existing base connection: set again if necessary, never over somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_aep.flow_service import errors
from airflow_provider_aep.flow_service.sources import find_source
from airflow_provider_aep.operators.connections import RotateCredentialsOperator
from tests.harness import canary
from tests.harness.connections import MakeHook, SetConnection
from tests.harness.emulator import PAYPAL_ID, PAYPAL_SECRET, Emulator
from tests.harness.operators import context, link_of, unwrapped
from tests.harness.pipeline import Pipeline

Meanwhile = Callable[..., None]
EXPIRED, MISTYPED = canary.made_for("Expired"), canary.made_for("Mistyped")
RIGHT = {"host": "api.sandbox.paypal.com", "clientId": PAYPAL_ID, "clientSecret": PAYPAL_SECRET}
NOT_SUPPORTED = {
    "type": "https://ns.adobe.com/aep/errors/FLOW-1300-400",
    "errorMessage": "The patch connection request is not supported for Old connector.",
}


@pytest.fixture(autouse=True)
def connections(make_hook: MakeHook, emulator: Emulator, paypal: str) -> None:
    """`aep_default` leads to the emulator, `paypal_default` holds right credentials."""
    make_hook(emulator.url)


@pytest.fixture
def expired(emulator: Emulator) -> str:
    """The id of a base connection whose credentials the source refuses."""
    made = emulator.api().create("Payments", secret=EXPIRED, description="By hand").json()["id"]
    emulator.forget_requests()
    return str(made)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """`meanwhile(change, ...)`: what others do between our reading and our first, second, ... PATCH."""
    from airflow_provider_aep.hooks.transport import Transport

    send = Transport.send

    def plan(*changes: Callable[[], Any]) -> None:
        left = list(changes)

        def sending(self: Any, request: Any) -> Any:
            if request.method == "PATCH" and left:
                left.pop(0)()
            return send(self, request)

        monkeypatch.setattr(Transport, "send", sending)

    return plan


def operator(connection_id: str, **options: Any) -> RotateCredentialsOperator:
    order = {"connection_id": connection_id, "source_conn_id": "paypal_default", **options}
    return RotateCredentialsOperator(task_id="rotate", **order)


def rotate(connection_id: str, run: dict[str, Any] | None = None, **options: Any) -> Any:
    return operator(connection_id, **options).execute(run or context())


def read(emulator: Emulator, connection_id: str) -> dict[str, Any]:
    (item,) = emulator.api()("GET", f"/connections/{connection_id}").json()["items"]
    return dict(item)


def works(emulator: Emulator, connection_id: str) -> bool:
    return bool(emulator.api()("GET", f"/connections/{connection_id}/test").json()["result"])


def change(emulator: Emulator, connection_id: str, path: str, value: Any) -> None:
    """Change a connection as another client does."""
    api, etag = emulator.api(), read(emulator, connection_id)["etag"]
    body = [{"op": "replace", "path": path, "value": value}]
    reply = api("PATCH", f"/connections/{connection_id}", json=body, headers={"If-Match": etag})
    reply.raise_for_status()


def patches(emulator: Emulator) -> list[int]:
    return [request["status"] for request in emulator.requests("PATCH")]


def test_it_returns_the_id_and_the_connection_works(emulator: Emulator, expired: str) -> None:
    """Nothing but the credentials changes; the link is live."""
    before, task = read(emulator, expired), operator(expired)
    assert task.execute(context()) == expired
    assert works(emulator, expired)
    after = read(emulator, expired)
    same = ("id", "name", "description", "state", "connectionSpec", "auth", "createdAt")
    assert [after[key] for key in same] == [before[key] for key in same]
    (patch,) = emulator.requests("PATCH")
    assert patch["headers"]["if-match"] == before["etag"]
    assert [operation["path"] for operation in patch["body"]] == ["/auth/params"]
    assert set(patch["body"][0]["value"]) == set(RIGHT)
    url = link_of(task)
    assert url.startswith("https://experience.adobe.com/")
    assert expired in url


def test_run_again_it_ends_the_same(emulator: Emulator, expired: str) -> None:
    """A retry after a kill cannot know whether the first try came through."""
    assert rotate(expired) == rotate(expired) == expired
    assert works(emulator, expired)


def test_dataflows_go_on(emulator: Emulator, hook: Any) -> None:
    """One that failed for its old credentials succeeds at its next turn, under the same ids."""
    flow = Pipeline(emulator, hook).dataflow()
    (base,) = (item["id"] for item in hook.list_connections())
    change(emulator, base, "/auth/params", {**RIGHT, "clientSecret": EXPIRED})
    emulator.advance(3600)
    assert [run["state"] for run in hook.list_runs(flow)] == ["failed"]
    assert rotate(base) == base
    emulator.advance(86_400)
    failed, good = sorted(hook.list_runs(flow), key=lambda run: run["createdAt"])
    assert (failed["state"], good["state"]) == ("failed", "success")
    assert good["metrics"]["recordSummary"]["outputRecordCount"] > 0
    assert rotate(base) == base
    emulator.advance(86_400)
    assert sorted(run["state"] for run in hook.list_runs(flow)) == ["failed", "success", "success"]
    state = emulator.state()
    assert (state["connections"], state["sourceConnections"], state["flows"]) == (1, 1, 1)


def test_a_412_with_nothing_changed_is_sent_again(emulator: Emulator, expired: str) -> None:
    """The very same etag is current: whatever refused it, nobody's credentials are overwritten."""
    emulator.fault(method="PATCH", path=expired, status=412, body={})
    rotate(expired)
    assert works(emulator, expired)
    assert patches(emulator) == [412, 200]


@pytest.mark.parametrize("change_of", [("/name", "Renamed"), ("/description", "New"), ("/state", "disabled")])
def test_somebody_elses_other_change_stays(
    emulator: Emulator, expired: str, meanwhile: Meanwhile, change_of: tuple[str, str]
) -> None:
    """The field patched is untouched, so it is patched as of the new etag."""
    path, value = change_of
    meanwhile(lambda: change(emulator, expired, path, value))
    rotate(expired)
    assert works(emulator, expired)
    assert read(emulator, expired)[path.strip("/")] == value
    assert patches(emulator) == [200, 412, 200]


THEIRS = {
    "a secret, unseen": [("/auth/params", RIGHT)],
    "a host, to be seen": [("/auth/params", {**RIGHT, "host": "api.paypal.com"})],
    "a host and a name": [("/auth/params", {**RIGHT, "host": "api.paypal.com"}), ("/name", "Renamed")],
}


@pytest.mark.parametrize("theirs", THEIRS.values(), ids=THEIRS)
def test_somebody_elses_credentials_are_not_overwritten(
    emulator: Emulator,
    expired: str,
    meanwhile: Meanwhile,
    set_connection: SetConnection,
    theirs: list[tuple[str, Any]],
) -> None:
    """Another rotation at the same time wins, and this task's error says so; no retry reverts it."""
    set_connection("paypal_default", conn_type="paypal", login=PAYPAL_ID, password=canary.made_for("Another"))
    meanwhile(lambda: [change(emulator, expired, *one) for one in theirs])
    with unwrapped(errors.EntityChangedError, match="Nothing was overwritten") as caught:
        rotate(expired)
    assert expired in str(caught.value)
    assert not caught.value.retryable
    assert works(emulator, expired)
    assert read(emulator, expired)["auth"]["params"]["host"] == theirs[0][1]["host"]
    assert patches(emulator)[-1] == 412


def test_a_412_twice_ends_it(emulator: Emulator, expired: str, meanwhile: Meanwhile) -> None:
    """One re-read and one retry: who is overtaken again leaves it to a human."""
    names = iter(["Once", "Twice", "Three times"])
    meanwhile(*[lambda: change(emulator, expired, "/name", next(names))] * 3)
    with unwrapped(errors.AepVersionError):
        rotate(expired)
    assert patches(emulator) == [200, 412, 200, 412]
    assert not works(emulator, expired)


def test_an_own_patch_that_comes_late_is_no_rival(
    emulator: Emulator, expired: str, meanwhile: Meanwhile
) -> None:
    """After a lost reply, a changed etag may be due to this task's own change."""
    emulator.fault(method="PATCH", path=expired, drop=True)
    late = lambda: change(emulator, expired, "/auth/params", RIGHT)  # noqa: E731
    meanwhile(lambda: None, late)
    assert rotate(expired) == expired
    assert works(emulator, expired)


def test_there_is_no_such_connection(emulator: Emulator) -> None:
    """Said at once, and nothing sent that changes anything."""
    with unwrapped(errors.AepNotFoundError, match="deleted, or the credential may not see it"):
        rotate("none")
    assert patches(emulator) == []


def test_deleted_meanwhile_is_the_same(emulator: Emulator, expired: str, meanwhile: Meanwhile) -> None:
    """Nothing is made in its place."""
    meanwhile(lambda: emulator.api()("DELETE", f"/connections/{expired}").raise_for_status())
    with unwrapped(errors.AepNotFoundError):
        rotate(expired)
    assert emulator.state()["connections"] == 0


def test_a_connector_that_takes_no_change_gives_the_way_round(emulator: Emulator, expired: str) -> None:
    """1300-400: asked once, with what to do instead."""
    emulator.fault(method="PATCH", path=expired, status=400, body=NOT_SUPPORTED)
    with unwrapped(errors.ChangeUnsupportedError, match="another base connection") as caught:
        rotate(expired)
    assert caught.value.code == "FLOW-1300-400"
    assert not caught.value.retryable
    assert patches(emulator) == [400]
    assert emulator.requests("GET", "/test") == []


@pytest.mark.parametrize("refusal", [{}, {"status": 400, "body": {"error_code": "FLOW-1308-400"}}], ids=str)
def test_credentials_the_source_refuses_fail_the_task(
    emulator: Emulator, expired: str, set_connection: SetConnection, refusal: dict[str, Any]
) -> None:
    """The error says what AEP has now and what to correct, however AEP answers a failing test."""
    set_connection("paypal_default", conn_type="paypal", login=PAYPAL_ID, password=MISTYPED)
    if refusal:
        emulator.fault(method="GET", path="/test", **refusal)
    with unwrapped(errors.CredentialsRefusedError, match="'paypal_default'") as caught:
        rotate(expired)
    assert expired in str(caught.value)
    assert not caught.value.retryable


def test_a_disabled_connection_takes_new_credentials(emulator: Emulator, expired: str) -> None:
    """Wrong ones may be why it is disabled (1416-400 allows it)."""
    change(emulator, expired, "/state", "disabled")
    assert rotate(expired) == expired
    assert works(emulator, expired)


def test_one_that_is_still_being_set_up_is_waited_for(make_hook: MakeHook) -> None:
    """On AWS it has no etag yet, and refuses changes (1417-400)."""
    with Emulator("--cloud", "aws") as emulator:
        make_hook(emulator.url)
        made = emulator.api().create(secret=EXPIRED).json()["id"]
        assert rotate(made) == made
        assert works(emulator, made)
        assert patches(emulator) == [200]


def test_another_host_is_warned_of(emulator: Emulator, logged: Callable[[], str]) -> None:
    """All of `auth.params` is replaced: a host left out in Airflow becomes PayPal's sandbox."""
    body = {"auth": {"specName": "Client-Id-Secret Based Authentication"}}
    body["auth"]["params"] = {**RIGHT, "host": "api.paypal.com"}  # type: ignore[assignment]
    made = emulator.api().create(**body).json()["id"]
    logged()
    rotate(made)
    assert "host" in logged()
    rotate(made)
    assert "as well" not in logged()


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ({"connectionSpec": {"id": "unheard-of"}}, errors.SourceWithdrawnError),
        ({"auth": {"specName": "Another way"}}, errors.AepConfigError),
    ],
    ids=str,
)
def test_what_nobody_knows_is_asked_of_the_platform(
    emulator: Emulator, expired: str, spec: dict[str, Any], error: type[errors.AepError]
) -> None:
    """How a connection authenticates cannot be changed; what the platform does not know is not sent."""
    item = {**read(emulator, expired), **spec}
    emulator.fault(method="GET", path=expired, status=200, body={"items": [item]})
    with unwrapped(error, match="unheard-of|'Another way'"):
        rotate(expired)
    assert len(emulator.requests("GET", item["connectionSpec"]["id"])) == 1
    assert patches(emulator) == []


def test_credentials_of_another_type_are_refused(emulator: Emulator, set_connection: SetConnection) -> None:
    """The type of an existing connection cannot be changed: the error names both, and nothing is sent."""
    keys = {"s3AccessKey": canary.made_for("Access"), "s3SecretKey": canary.made_for("Secret")}
    body = {
        "connectionSpec": {"id": find_source("s3").connection_spec_id, "version": "1.0"},
        "auth": {"specName": "Access Key", "params": keys},
    }
    made = emulator.api().create(**body).json()["id"]
    set_connection("paypal_default", conn_type="aws", extra={"bucketName": "b-1"})
    words = f"{made} has the authentication type 'Access Key'.*holds credentials for 'IAMRole Based'"
    with unwrapped(errors.AepConfigError, match=words) as caught:
        rotate(made)
    assert caught.value.parameter == "source_conn_id"
    assert patches(emulator) == []
    set_connection("paypal_default", conn_type="aws", extra={"s3AccessKey": "a"})
    with unwrapped(errors.AepConfigError, match="`s3SecretKey` is missing"):
        rotate(made)


def test_another_sandbox_is_asked(emulator: Emulator) -> None:
    """An id of `dev` is not there in `prod`."""
    made = emulator.api(sandbox="dev").create(secret=EXPIRED).json()["id"]
    assert rotate(made, sandbox="dev") == made
    with unwrapped(errors.AepNotFoundError):
        rotate(made)
