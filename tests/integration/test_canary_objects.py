"""No secret in what Python shows of our objects: errors with all that hangs on them, `repr`, pickles."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import canary
from tests.support.connections import MakeHook, SetConnection
from tests.support.emulator import PAYPAL_AUTH, PAYPAL_SPEC, Emulator
from tests.support.wiretap import Wiretap

ECHO = " ".join(form for secret in canary.CANARIES[:4] for form in canary.usual_spellings(secret))
FAULTS = {
    "refused with an echo": {"status": 400, "body": {"message": ECHO}},
    "failed with an echo": {"status": 500, "body": ECHO},
    "unauthorized with an echo": {"status": 401, "body": {"message": ECHO}},
    "broken JSON": {"status": 201, "body": '{"id": ' + ECHO},
    "an id that is none": {"status": 201, "body": {"id": ECHO}},
    "an id that is a secret": {"status": 201, "body": {"id": canary.PAYPAL_SECRET}},
    "a redirect": {"status": 302, "headers": {"location": "https://elsewhere/?a=" + canary.TOKEN}},
    "dropped": {"drop": True},
    "late": {"delay": 600},
}


@pytest.fixture
def tap(emulator: Emulator) -> Iterator[Wiretap]:
    """The way to the emulator."""
    with Wiretap(emulator.host) as tap:
        yield tap


def shown(error: BaseException) -> str:
    """All of an error: texts, attributes, causes and contexts."""
    seen: list[BaseException] = []
    queue: list[Any] = [error]
    while queue:
        one = queue.pop()
        if isinstance(one, BaseException) and one not in seen:
            seen.append(one)
            queue += [one.__cause__, one.__context__, *one.args]
    return "\n".join(f"{one!s} {one!r} {vars(one)!r} {pickle.dumps(str(vars(one)))!r}" for one in seen)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_errors(emulator: Emulator, tap: Wiretap, make_hook: MakeHook, fault: dict[str, Any]) -> None:
    """An error goes to logs, mails and error trackers, with its causes."""
    hook = make_hook(tap.url, password=canary.AEP_SECRET, extra={"timeout": 1})
    emulator.fault(method="POST", path="/connections", **fault)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whichever it is
        hook.create_connection(
            name="n",
            connection_spec_id=PAYPAL_SPEC,
            auth_spec_name=PAYPAL_AUTH,
            auth_params={"clientId": canary.PAYPAL_ID, "clientSecret": canary.PAYPAL_SECRET, "host": "a.b"},
        )
    assert canary.find(shown(caught.value)) == []


def test_the_old_secret_in_a_rotation(emulator: Emulator, make_hook: MakeHook, paypal: str) -> None:
    """What GET shows of it, as some of Adobe's samples do, is known from then on and never repeated."""
    from airflow_provider_aep.operators.connections import RotateCredentialsOperator

    hook = make_hook(emulator.url)
    made = emulator.api().create(secret=canary.OTHER_SECRET).json()["id"]
    (item,) = emulator.api()("GET", f"/connections/{made}").json()["items"]
    item["auth"]["params"] |= {"clientSecret": canary.OTHER_SECRET}
    emulator.fault(method="GET", path=made, status=200, body={"items": [item]})
    echo = " ".join(canary.usual_spellings(canary.OTHER_SECRET))
    emulator.fault(method="PATCH", path=made, status=400, body={"message": echo})
    task = RotateCredentialsOperator(task_id="rotate", connection_id=made, source_conn_id=paypal)
    with pytest.raises(Exception, match=f"PATCH /connections/{made} was refused") as caught:
        task.execute({})
    assert canary.find(shown(caught.value)) == []
    assert "auth" not in hook.get_connection_details(made)


def test_reprs(tap: Wiretap, set_connection: SetConnection, make_hook: MakeHook) -> None:
    """A debugger, a log line or a template shows the `repr` of what it meets."""
    from airflow_provider_aep.hooks import ims
    from airflow_provider_aep.operators.connections import CreatePayPalConnectionOperator

    make_hook(tap.url, password=canary.AEP_SECRET)
    set_connection(
        "paypal_default", conn_type="paypal", login=canary.PAYPAL_ID, password=canary.PAYPAL_SECRET
    )
    task = CreatePayPalConnectionOperator(task_id="create")
    pushed: dict[str, Any] = {}

    class TaskInstance:
        map_index, max_tries, run_id = -1, 0, "run"

        def xcom_push(self, key: str, value: Any) -> None:
            pushed[key] = value

    task.execute({"ti": TaskInstance(), "run_id": "run"})
    hook = task.hook
    things = [
        task,
        vars(task),
        hook,
        vars(hook),
        hook.settings,
        hook._line,
        vars(hook._line),
        hook.get_conn(),
    ]
    things += [vars(hook.get_conn()), ims.TOKENS, vars(ims.TOKENS), pushed]
    assert canary.find("\n".join(map(repr, things))) == []
    assert ims.TOKENS._tokens, "there is a token to be shown"


@pytest.mark.parametrize("secret", canary.CANARIES)
def test_the_search_finds(secret: str) -> None:
    """One planted leak a channel: the search that finds nothing elsewhere finds these."""

    class Talkative:
        def __repr__(self) -> str:
            return f"<{secret}>"

    cause = ValueError(secret)
    error = RuntimeError("harmless")
    error.__cause__ = cause
    with_attribute = RuntimeError("harmless")
    with_attribute.request = secret  # type: ignore[attr-defined]
    for planted in (shown(error), shown(with_attribute), repr(Talkative()), secret.encode()):
        assert canary.find(planted, (secret,))
    for form in canary.spellings(secret):
        assert canary.find(f"a line with {form} in it", (secret,))
    assert canary.find("a line that is clean") == []
