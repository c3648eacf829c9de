"""`doctor`: each check broken, one at a time. It names that one, and only what depends on it is unknown."""

from __future__ import annotations

import base64
import importlib.metadata
import json
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_aep.__main__ import main
from airflow_provider_aep.operations import doctor, installation
from tests.harness import canary
from tests.harness import raw_server as raw
from tests.harness.connections import MakeHook
from tests.harness.emulator import ORG_ID, PAYPAL_SPEC, Emulator
from tests.harness.raw_server import Authority, RawServer, reply, unused_port
from tests.harness.shared_token import SharedTokens

Capture = pytest.CaptureFixture[str]
Doctor = Callable[..., tuple[int, dict[str, dict[str, Any]]]]

NAMES = [
    "connection", "address", "credential", "organization", "clock", "sandbox", "permissions", "flow_service",
    "schema_registry", "catalog", "data_prep", "data_access", "sources", "triggerer", "versions",
]  # fmt: skip
SERVICES = set(NAMES[7:13])
IN_SANDBOX = {"permissions", *SERVICES}
IN_AEP = {"organization", "sandbox", *IN_SANDBOX}
PROXY_PASSWORD = "pr0xy-s3cret"


@pytest.fixture
def run_doctor(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Doctor:
    """`run_doctor("--sandbox", "dev")`: the exit code, and the results by the names of the checks.

    A triggerer is alive, and no DAG names a source. `tests/e2e/test_doctor.py` reads a real database.
    """
    beat = datetime(2026, 1, 31, tzinfo=timezone.utc)
    monkeypatch.setattr(installation, "triggerer_heartbeat", lambda: (True, beat))
    monkeypatch.setattr(installation, "named_sources", dict)

    def run(*words: str) -> tuple[int, dict[str, dict[str, Any]]]:
        arguments = ["airflow_provider_aep", "doctor", "--source", "paypal", "-o", "json", *words]
        monkeypatch.setattr("sys.argv", arguments)
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        results = json.loads(capsys.readouterr().out)
        assert [one["check"] for one in results] == NAMES
        assert all(list(one) == ["check", "ok", "detail", "fix"] for one in results)
        return code, {one["check"]: one for one in results}

    return run


def check(found: tuple[int, dict[str, dict[str, Any]]], broken: str, unknown: set[str], *words: str) -> None:
    """One check is broken, and its detail or fix has these words. Those that need it say so."""
    code, results = found
    result = results[broken]
    by_result = {ok: {name for name, one in results.items() if one["ok"] is ok} for ok in (True, False, None)}
    assert by_result[False] == {broken}, result
    assert by_result[None] == unknown
    assert code == 1
    assert result["fix"]
    for word in words:
        assert word in f"{result['detail']} {result['fix']}"
    for name in unknown:
        assert results[name]["detail"] == f"Not checked, because of `{broken}`."


def test_doctor_finds_nothing_wrong(hook: Any, run_doctor: Doctor) -> None:
    """Every check is fine, none has a fix, and the exit code is 0."""
    code, results = run_doctor()
    assert code == 0
    assert {(one["ok"], one["fix"]) for one in results.values()} == {(True, None)}
    assert "dev, prod" in results["sandbox"]["detail"]
    assert ORG_ID in results["organization"]["detail"]


def test_doctor_changes_nothing_and_repeats_nothing(
    hook: Any, emulator: Emulator, run_doctor: Doctor
) -> None:
    """A request for each check, and one POST, which asks for permissions."""
    run_doctor()
    sent = [(one["method"], one["path"].rsplit("/", 1)[1]) for one in emulator.requests()]
    assert [one for one in sent if one[0] != "GET"] == [("POST", "v3"), ("POST", "effective-policies")]
    assert len(sent) == len(set(sent)) == 10


@pytest.mark.parametrize("field", ["login", "password"])
def test_doctor_without_a_setting(make_hook: MakeHook, run_doctor: Doctor, field: str) -> None:
    """The setting is named. Triggerer and versions do not depend on it."""
    make_hook("http://127.0.0.1:9", **{field: ""})
    unknown = {"address", "credential", "clock", *IN_AEP}
    check(run_doctor(), "connection", unknown, f"`{field}`", "AEP-E101")


def test_doctor_without_a_connection(make_hook: MakeHook, run_doctor: Doctor) -> None:
    """The option is named, and Airflow's database: if it fails, Airflow finds no connection either."""
    unknown = {"address", "credential", "clock", *IN_AEP}
    words = ("'missing'", "`--conn-id`", "metadata database")
    check(run_doctor("--conn-id", "missing"), "connection", unknown, *words)


def test_doctor_when_airflow_cannot_return_the_connection(
    hook: Any, run_doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text of Airflow's error is not shown: it can hold the connection."""

    def fail(_session: object) -> None:
        raise OSError(canary.made_for("database"))

    monkeypatch.setattr("airflow_provider_aep.hooks.session.AepSession.settings", property(fail))
    unknown = {"address", "credential", "clock", *IN_AEP}
    check(run_doctor(), "connection", unknown, "builtins.OSError", "metadata database")


DEAD = {
    "closed port": lambda: f"http://127.0.0.1:{unused_port()}",
    "unknown name": lambda: "https://aep.invalid",
}


@pytest.mark.parametrize("dead", DEAD.values(), ids=DEAD)
def test_doctor_with_a_dead_host(
    make_hook: MakeHook, emulator: Emulator, run_doctor: Doctor, dead: Callable[[], str]
) -> None:
    """The credential is checked all the same: IMS answers."""
    url = dead()
    make_hook(url, extra={"ims_host": emulator.url})
    check(run_doctor(), "address", {"clock", *IN_AEP}, url, "Check `host`")


@pytest.mark.parametrize("dead", DEAD.values(), ids=DEAD)
def test_doctor_with_a_dead_ims(
    make_hook: MakeHook, emulator: Emulator, run_doctor: Doctor, dead: Callable[[], str]
) -> None:
    """The clock is checked all the same: AEP answers."""
    url = dead()
    make_hook(emulator.url, extra={"ims_host": url})
    check(run_doctor(), "address", {"credential", *IN_AEP}, url, "Check `ims_host`")


def test_doctor_with_two_dead_hosts(make_hook: MakeHook, run_doctor: Doctor) -> None:
    """Both settings are named."""
    make_hook(DEAD["closed port"](), extra={"ims_host": DEAD["unknown name"]()})
    check(run_doctor(), "address", {"credential", "clock", *IN_AEP}, "Check `host`", "Check `ims_host`")


def test_doctor_with_an_untrusted_certificate(
    make_hook: MakeHook, emulator: Emulator, run_doctor: Doctor, authority: Authority
) -> None:
    """The fix is `verify`."""
    with RawServer(reply(403, {}), tls=authority.server) as server:
        make_hook(server.url, extra={"ims_host": emulator.url})
        check(run_doctor(), "address", {"clock", *IN_AEP}, "not trusted", "`verify`", "AEP-E203")


def test_doctor_with_a_broken_bundle(
    make_hook: MakeHook, run_doctor: Doctor, authority: Authority, tmp_path: Path
) -> None:
    """The file exists, and holds no certificate."""
    bundle = tmp_path / "ca.pem"
    bundle.write_text("nothing")
    with RawServer(reply(403, {}), tls=authority.server) as server:
        hook = make_hook(server.url, extra={"verify": str(bundle)})
        check(run_doctor(), "address", {"credential", "clock", *IN_AEP}, "CA bundle", "`verify`")
        ok, message = hook.test_connection()
    assert not ok
    assert message.startswith("The CA bundle in `verify`")


def test_doctor_with_a_proxy_that_refuses(
    make_hook: MakeHook, emulator: Emulator, run_doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variables of the environment are named, and not the proxy's password."""
    with RawServer(reply(403, b"Forbidden", "text/plain")) as proxy:
        make_hook("https://platform.example", extra={"ims_host": emulator.url})
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:{PROXY_PASSWORD}@127.0.0.1:{proxy.port}")
        found = run_doctor()
    check(found, "address", {"clock", *IN_AEP}, "HTTPS_PROXY", "AEP-E202")
    for secret in (PROXY_PASSWORD, base64.b64encode(f"user:{PROXY_PASSWORD}".encode()).decode()):
        assert secret not in json.dumps(found)


@pytest.mark.parametrize(
    "answer",
    [reply(200, b"<html>", "text/html"), reply(403, b"<html>", "text/html"), reply(302), raw.hang_up],
    ids=["a page", "a refusal in HTML", "a redirect", "nothing"],
)
def test_doctor_with_another_server(
    make_hook: MakeHook, emulator: Emulator, run_doctor: Doctor, answer: Any
) -> None:
    """A captive portal answers, or a load balancer without a service."""
    with RawServer(answer) as server:
        make_hook(server.url, extra={"ims_host": emulator.url})
        check(run_doctor(), "address", {"clock", *IN_AEP}, server.url, "`host`")


def test_doctor_with_another_server_than_ims(hook: Any, emulator: Emulator, run_doctor: Doctor) -> None:
    """A page instead of a token says nothing about the credential."""
    emulator.fault(path="/ims/token/v3", status=200, body="<html>")
    check(run_doctor(), "address", {"credential", *IN_AEP}, "`ims_host`", "HTML")


def test_doctor_with_a_silent_server(make_hook: MakeHook, run_doctor: Doctor) -> None:
    """The wait for an answer has the connection's limit."""
    with RawServer(raw.silence) as server:
        make_hook(server.url, extra={"timeout": 0.5})
        begin = time.monotonic()
        check(run_doctor(), "address", {"credential", "clock", *IN_AEP}, "within 0.5 s", "`timeout`")
        assert time.monotonic() - begin < 30


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"password": canary.made_for("WrongSecret")}, ["`password`", "AEP-E303"]),
        ({"login": "another"}, ["`login`"]),
        ({"extra": {"scopes": "none"}}, ["`scopes`"]),
    ],
    ids=["secret", "client ID", "scopes"],
)
def test_doctor_with_a_wrong_credential(
    make_hook: MakeHook, emulator: Emulator, run_doctor: Doctor, fields: dict[str, Any], words: list[str]
) -> None:
    """The setting is named. The clock is checked all the same."""
    make_hook(emulator.url, **fields)
    check(run_doctor(), "credential", IN_AEP, *words)


def test_doctor_with_a_credential_without_the_api(hook: Any, emulator: Emulator, run_doctor: Doctor) -> None:
    """IMS gives a token, and the gateway does not know the client ID."""
    body = {"error_code": "403003", "message": "Api Key is invalid"}
    emulator.fault(path="/sandbox-management/", status=403, body=body)
    check(run_doctor(), "credential", IN_AEP, "`login`", "*Experience Platform API*")


def test_doctor_while_ims_is_down(hook: Any, emulator: Emulator, run_doctor: Doctor) -> None:
    """Nobody can tell whether the credential is right."""
    emulator.fault(path="/ims/token/v3", status=503)
    check(run_doctor(), "credential", IN_AEP, "unproven", "Try again later")


@pytest.mark.parametrize("org_id", ["F" * 24 + "@AdobeOrg", "nonsense@AdobeOrg"])
def test_doctor_with_a_wrong_organization(
    make_hook: MakeHook, emulator: Emulator, run_doctor: Doctor, org_id: str
) -> None:
    """The credential itself is fine."""
    make_hook(emulator.url, extra={"org_id": org_id})
    check(run_doctor(), "organization", {"sandbox", *IN_SANDBOX}, "`org_id`")


def test_doctor_with_a_slow_clock(hook: Any, emulator: Emulator, run_doctor: Doctor) -> None:
    """Two minutes are too much. Every other check is fine."""
    emulator.advance(120)
    check(run_doctor(), "clock", set(), " s behind AEP's", "Correct this computer's clock")


def test_doctor_with_a_fast_clock(make_hook: MakeHook, emulator: Emulator, run_doctor: Doctor) -> None:
    """A refusal of any kind shows AEP's clock."""
    with RawServer(reply(401, {}, date="Mon, 05 Jan 2026 10:00:00 GMT")) as server:
        make_hook(server.url, extra={"ims_host": emulator.url})
        _, results = run_doctor()
    assert results["clock"]["ok"] is False
    assert " s ahead of AEP's" in results["clock"]["detail"]


def test_doctor_without_a_date(make_hook: MakeHook, emulator: Emulator, run_doctor: Doctor) -> None:
    """An answer without the header says nothing about the clock."""
    with RawServer(reply(401, {})) as server:
        make_hook(server.url, extra={"ims_host": emulator.url})
        _, results = run_doctor()
    assert results["clock"]["ok"] is None
    assert "`Date`" in results["clock"]["detail"]


def test_doctor_with_an_unknown_sandbox(hook: Any, run_doctor: Doctor) -> None:
    """The sandboxes that the credential sees are listed."""
    check(run_doctor("--sandbox", "nowhere"), "sandbox", IN_SANDBOX, "'nowhere'", "dev, prod", "`sandbox`")


def test_doctor_with_a_sandbox_that_is_not_seen(hook: Any, emulator: Emulator, run_doctor: Doctor) -> None:
    """It exists for others."""
    emulator.control("POST", "permissions", {"sandboxes": ["dev"]})
    check(run_doctor(), "sandbox", IN_SANDBOX, "'prod'", "sees dev.")


def test_doctor_with_a_sandbox_that_is_not_active(hook: Any, emulator: Emulator, run_doctor: Doctor) -> None:
    """Its state is shown."""
    body = {"sandboxes": [{"name": "prod", "state": "creating"}]}
    emulator.fault(path="/sandbox-management/", status=200, body=body)
    check(run_doctor(), "sandbox", IN_SANDBOX, "Its state is creating", "Wait")


@pytest.mark.parametrize("status", [403, 500])
def test_doctor_without_a_list_of_sandboxes(
    hook: Any, emulator: Emulator, run_doctor: Doctor, status: int
) -> None:
    """Flow Service tells whether the sandbox exists."""
    emulator.fault(path="/sandbox-management/", status=status, body={}, times=2)
    code, results = run_doctor()
    assert code == 0
    assert {one["ok"] for one in results.values()} == {True}
    assert "could not be read" in results["sandbox"]["detail"]
    check(run_doctor("--sandbox", "nowhere"), "sandbox", IN_SANDBOX, "'nowhere'")


READ_AND_WRITE = {
    "sources": ({"flow_service", "data_prep", "sources"}, "Sources"),
    "schemas": ({"schema_registry"}, "Schemas"),
    "datasets": ({"catalog", "data_access"}, "Datasets"),
}


@pytest.mark.parametrize("area", READ_AND_WRITE)
def test_doctor_without_permissions(hook: Any, emulator: Emulator, run_doctor: Doctor, area: str) -> None:
    """They have their names in AEP's UI. The services that refuse because of them say so."""
    unknown, name = READ_AND_WRITE[area]
    emulator.control("POST", "permissions", {"without": [f"manage-{area}", f"view-{area}"]})
    check(run_doctor(), "permissions", unknown, f"lacks *View {name}*, *Manage {name}* in sandbox 'prod'")


@pytest.mark.parametrize("area", READ_AND_WRITE)
def test_doctor_with_permissions_to_read(
    hook: Any, emulator: Emulator, run_doctor: Doctor, area: str
) -> None:
    """Reading works, so the services are fine."""
    emulator.control("POST", "permissions", {"without": [f"manage-{area}"]})
    check(run_doctor(), "permissions", set(), f"lacks *Manage {READ_AND_WRITE[area][1]}* in sandbox")


@pytest.mark.parametrize("area", READ_AND_WRITE)
def test_doctor_with_permissions_to_manage(
    hook: Any, emulator: Emulator, run_doctor: Doctor, area: str
) -> None:
    """Managing includes viewing, so that nothing is missing."""
    emulator.control("POST", "permissions", {"without": [f"view-{area}"]})
    code, results = run_doctor()
    assert code == 0
    assert f"*View {READ_AND_WRITE[area][1]}*" in results["permissions"]["detail"]


def test_doctor_with_a_service_that_refuses(hook: Any, emulator: Emulator, run_doctor: Doctor) -> None:
    """A missing permission explains the refusals of its own service only."""
    emulator.control("POST", "permissions", {"without": ["view-schemas", "manage-schemas"]})
    emulator.fault(path="/dataSets", status=403, body={})
    _, results = run_doctor()
    assert results["schema_registry"]["ok"] is None
    assert results["catalog"]["ok"] is False
    assert "*View Datasets*" in results["catalog"]["fix"]


def test_doctor_when_aep_does_not_tell_permissions(make_hook: MakeHook, run_doctor: Doctor) -> None:
    """A refusal of the question is no evidence of a missing permission."""
    with Emulator("--effective-policies", "refuse") as emulator:
        make_hook(emulator.url)
        code, results = run_doctor()
        assert code == 0
        assert results["permissions"]["ok"] is None
        assert "org admin role" in results["permissions"]["detail"]
        assert {name for name, one in results.items() if one["ok"] is not True} == {"permissions"}
        emulator.control("POST", "permissions", {"without": ["view-schemas", "manage-schemas"]})
        code, results = run_doctor()
        assert (code, results["permissions"]["ok"], results["schema_registry"]["ok"]) == (1, None, False)


def test_doctor_with_an_answer_without_permissions(hook: Any, emulator: Emulator, run_doctor: Doctor) -> None:
    """If AEP names none, and reading works, then the answer is no evidence."""
    emulator.fault(path="/effective-policies", status=200, body={"policies": {}})
    code, results = run_doctor()
    assert (code, results["permissions"]["ok"]) == (0, None)


PATHS = {
    "flow_service": ("/flowservice/connections", {"sources"}),
    "schema_registry": ("/tenant/schemas", set()),
    "catalog": ("/dataSets", set()),
    "data_prep": ("/mappingSets", set()),
    "data_access": ("/files", set()),
}
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "503": ({"status": 503}, "Try again later"),
    "400": ({"status": 400, "body": {}}, "refused the request"),
    "a page": ({"status": 200, "body": "<html>"}, "HTML"),
    "no answer": ({"drop": True}, "the connection broke"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("service", PATHS)
def test_doctor_with_a_broken_service(
    hook: Any, emulator: Emulator, run_doctor: Doctor, service: str, fault: str
) -> None:
    """The other services are fine. Only the sources come from Flow Service."""
    path, unknown = PATHS[service]
    reply, words = FAULTS[fault]
    emulator.fault(method="GET", path=path, **reply)
    check(run_doctor(), service, unknown, words)


def test_doctor_while_aep_is_down(hook: Any, emulator: Emulator, run_doctor: Doctor) -> None:
    """Each service is named. What only they could tell is unknown, and the credential has its token."""
    emulator.fault(path="/ims/token/v3", times=1)
    emulator.fault(method="GET", status=503, times=100)
    code, results = run_doctor()
    assert code == 1
    broken = {name for name, one in results.items() if one["ok"] is False}
    assert broken == SERVICES - {"sources"}
    assert {name for name, one in results.items() if one["ok"] is None} == {
        "organization",
        "sandbox",
        "sources",
    }


def test_doctor_with_a_withdrawn_source(hook: Any, emulator: Emulator, run_doctor: Doctor) -> None:
    """The fix names other sources of the category."""
    emulator.control("DELETE", f"connectionSpecs/{PAYPAL_SPEC}")
    check(run_doctor(), "sources", set(), "does not offer the source PayPal", "`source='stripe'`")


def test_doctor_while_specs_do_not_come(
    hook: Any, emulator: Emulator, run_doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first one that gets no answer, the others are not asked for."""
    monkeypatch.setattr(installation, "named_sources", lambda: {("s3", None): ["files"]})
    emulator.fault(path=PAYPAL_SPEC, drop=True)
    check(run_doctor(), "sources", set(), "the connection broke")
    assert len([one for one in emulator.requests() if "/connectionSpecs/" in one["path"]]) == 1


def test_doctor_with_the_sources_of_dags(
    hook: Any, run_doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that is unknown names the DAG. An id instead of a name is asked for as it is."""
    named = {("s3", None): ["files"], (None, PAYPAL_SPEC): ["money"], ("paypal", None): ["other"]}
    monkeypatch.setattr(installation, "named_sources", lambda: named)
    _, results = run_doctor()
    assert results["sources"]["ok"] is True
    assert "PayPal (DAG other), Amazon S3 (DAG files), PayPal (DAG money)" in results["sources"]["detail"]
    monkeypatch.setattr(installation, "named_sources", lambda: {("nonesuch", None): ["odd"]})
    check(run_doctor(), "sources", set(), "'nonesuch'", "(DAG odd)")


@pytest.mark.parametrize("beat", [None, datetime(2026, 1, 31, 10, 0, tzinfo=timezone.utc)])
def test_doctor_without_a_triggerer(
    hook: Any, run_doctor: Doctor, monkeypatch: pytest.MonkeyPatch, beat: datetime | None
) -> None:
    """The last heartbeat is shown, if there ever was one."""
    monkeypatch.setattr(installation, "triggerer_heartbeat", lambda: (False, beat))
    words = "None ever was" if beat is None else "2026-01-31 10:00:00 UTC"
    check(run_doctor(), "triggerer", set(), words, "`airflow triggerer`")


def test_doctor_without_airflows_database(
    hook: Any, run_doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the database would tell is unknown. The sources that were asked for are checked."""

    def fail() -> Any:
        raise OSError(canary.made_for("database"))

    for name in ("triggerer_heartbeat", "named_sources"):
        monkeypatch.setattr(installation, name, fail)
    code, results = run_doctor()
    assert (code, results["triggerer"]["ok"], results["sources"]["ok"]) == (0, None, True)
    assert "builtins.OSError" in results["triggerer"]["detail"]
    assert "not read" in results["sources"]["detail"]


def test_doctor_with_a_silent_database(
    make_hook: MakeHook, emulator: Emulator, run_doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait for it has the connection's limit."""
    make_hook(emulator.url, extra={"timeout": 3})
    monkeypatch.setattr(installation, "triggerer_heartbeat", lambda: time.sleep(60))
    begin = time.monotonic()
    _, results = run_doctor()
    assert time.monotonic() - begin < 40
    assert results["triggerer"]["ok"] is None
    assert "TimeoutError" in results["triggerer"]["detail"]


VERSIONS = [
    ("apache-airflow", "3.0.6", ">=3.1,<3.4"),
    ("apache-airflow", "4.0.0", ">=3.1,<3.4"),
    ("apache-airflow-providers-http", "5.2.0", ">="),
    ("requests", "2.31.0", ">="),
]


@pytest.mark.parametrize(("name", "version", "supported"), VERSIONS)
def test_doctor_with_another_version(
    hook: Any, run_doctor: Doctor, monkeypatch: pytest.MonkeyPatch, name: str, version: str, supported: str
) -> None:
    """The range is that of the package's metadata; for Airflow that of the versions it is tested with."""
    real = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda asked: version if asked == name else real(asked)
    )
    check(run_doctor(), "versions", set(), f"Not supported: {name} {version}.", f"Install {name} {supported}")


def test_doctor_with_another_python(hook: Any, run_doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The range is that of the package's metadata."""
    monkeypatch.setattr(installation, "platform", SimpleNamespace(python_version=lambda: "3.9.1"))
    check(run_doctor(), "versions", set(), "Python 3.9.1", "Install Python")


@pytest.mark.parametrize("name", NAMES[1:])
def test_doctor_survives_a_defect(
    hook: Any, run_doctor: Doctor, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """An unexpected exception makes one check unknown, and shows the name of its class alone."""

    def fail(_patient: object) -> Any:
        raise ZeroDivisionError(canary.made_for("defect"))

    checks = tuple((one, needs, fail if one == name else work) for one, needs, work in doctor.CHECKS)
    monkeypatch.setattr(doctor, "CHECKS", checks)
    code, results = run_doctor()
    assert code == 0
    unknown = {name, "clock"} if name == "address" else {name}  # the clock is in the answer to that check
    assert {one for one, result in results.items() if result["ok"] is not True} == unknown
    assert "builtins.ZeroDivisionError" in results[name]["detail"]


SAME: dict[str, tuple[str, dict[str, Any]]] = {
    "setting": ("connection", {"login": ""}),
    "secret": ("credential", {"password": canary.made_for("WrongSecret")}),
    "client ID": ("credential", {"login": "another"}),
    "organization": ("organization", {"extra": {"org_id": "F" * 24 + "@AdobeOrg"}}),
    "IMS": ("address", {"extra": {"ims_host": "https://ims.invalid"}}),
    "host": ("address", {"host": "https://aep.invalid"}),
}


@pytest.mark.parametrize("case", SAME)
def test_doctor_says_what_the_test_of_the_connection_says(
    make_hook: MakeHook, emulator: Emulator, run_doctor: Doctor, waits: Any, case: str
) -> None:
    """The same fix of the same fault."""
    name, fields = SAME[case]
    ok, message = make_hook(emulator.url, **fields).test_connection()
    _, results = run_doctor()
    assert (ok, results[name]["ok"]) == (False, False)
    assert results[name]["fix"] in message


def test_doctor_refuses_an_unknown_source(
    hook: Any, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """A wrong option is wrong usage."""
    monkeypatch.setattr("sys.argv", ["airflow_provider_aep", "doctor", "--source", "paypall"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Did you mean 'paypal'" in err


def test_doctor_says_whether_tasks_share_a_token(
    hook: Any, run_doctor: Doctor, shared_tokens: SharedTokens
) -> None:
    """A setting that prevents it does not break the credential."""

    def detail() -> Any:
        result = run_doctor()[1]["credential"]
        assert result["ok"] is True
        return result["detail"]

    assert detail().endswith("Tasks of this machine share one.")
    shared_tokens.directory.chmod(0o755)
    assert "`[aep] shared_dir` cannot be used: other users have access to it." in detail()
    shared_tokens.set("AIRFLOW__CORE__FERNET_KEY", "")
    assert "Each task requests its own: `[core] fernet_key` is missing or invalid" in detail()
    shared_tokens.set("AIRFLOW__AEP__TOKEN_CACHE", "False")
    assert detail().endswith("Each task requests its own: `[aep] token_cache` is off.")
