"""Every error says what happened, why, and what to do, and has a code that keeps its meaning."""

from __future__ import annotations

import ast
import copy
import pickle
import re
from collections.abc import Iterator
from importlib.resources import files

import pytest

from airflow_provider_aep.flow_service import errors, explanations
from airflow_provider_aep.flow_service.errors import AepError, every_kind

LEDGER = {
    "AepError": "E000",
    "AepConfigError": "E100", "ConnectionSettingError": "E101", "ConnectionMissingError": "E102",
    "SourceCredentialsError": "E103",
    "AepTransportError": "E200", "AepConnectError": "E201", "AepProxyError": "E202",
    "AepCertificateError": "E203", "AepTimeoutError": "E204", "AepConnectionLostError": "E205",
    "AepReplyError": "E206",
    "AepStatusError": "E300", "AepRequestError": "E301", "ChangeUnsupportedError": "E302",
    "AepAuthError": "E303", "AepPermissionError": "E304", "AepNotFoundError": "E305",
    "AepVersionError": "E306", "AepThrottledError": "E307", "AepServerError": "E308",
    "RequestBudgetError": "E309",
    "AepRunError": "E400", "RunFailedError": "E401", "RunPartialError": "E402", "RunTimeoutError": "E403",
    "DataflowStoppedError": "E404",
    "AepConflictError": "E500", "EntityExistsError": "E501", "TitleTakenError": "E502",
    "AmbiguousEntityError": "E503", "EntityChangedError": "E504", "EntityStateError": "E505",
    "EntityInUseError": "E506", "SourceWithdrawnError": "E507", "AmbiguousRunError": "E508",
    "CredentialsRefusedError": "E509", "EntityDiffersError": "E510",
    "EntityMissingError": "E511", "SchemaDriftError": "E512",
    "WorkerSlotError": "E600",
    "TaskStoreError": "E601",
}  # fmt: skip
"""Codes once given. A new class adds a line; a line never changes, nor does one go away for another class."""

IMPERATIVE = re.compile(
    r"\b(ask|add|check|choose|clear|compare|complete|copy|correct|create|delete|enable|give|leave|let|make|put|read|run|say|see|set"
    r"|try|use)\b",
    re.IGNORECASE,
)
KINDS = every_kind()


def each(kind: type[AepError]) -> str:
    return kind.__name__


def test_each_code_is_the_one_it_ever_was() -> None:
    """A runbook written a year ago still leads to the right page."""
    assert {kind.__name__: kind.stable_code for kind in KINDS} == {
        name: f"AEP-{code}" for name, code in LEDGER.items()
    }
    assert len(set(LEDGER.values())) == len(LEDGER)
    assert {kind.__name__ for kind in KINDS} <= set(errors.__all__)


@pytest.mark.parametrize("kind", KINDS, ids=each)
def test_each_class_says_it_itself(kind: type[AepError]) -> None:
    """A sentence that is inherited tells of another error."""
    own = vars(kind)
    assert {"stable_code", "what", "why", "todo"} <= own.keys()
    for sentence in (kind.what, kind.why, kind.todo):
        assert re.fullmatch(r"[A-Z`].{20,}\.", sentence), sentence
    assert len({kind.what, kind.why, kind.todo}) == 3
    assert kind.docs() == f"docs/errors.md#{kind.stable_code.lower()}"
    assert IMPERATIVE.search(kind.todo)


def test_a_new_class_needs_its_own() -> None:
    """The tests above fail for a class without a code."""

    class ForgottenError(AepError):
        """Says nothing."""

    ForgottenError.__module__ = "airflow_provider_aep.flow_service.errors"
    try:
        assert ForgottenError in every_kind()
        with pytest.raises(AssertionError):
            test_each_class_says_it_itself(ForgottenError)
    finally:
        ForgottenError.__module__ = __name__
    assert ForgottenError not in every_kind()


@pytest.mark.parametrize("kind", KINDS, ids=each)
def test_a_message_ends_with_the_code_however_often_it_is_copied(kind: type[AepError]) -> None:
    """Errors cross processes; none may lose its facts on the way, or collect codes."""
    error = kind("It failed.", retryable=True)
    error.retry_after = 7.0
    for one in (error, copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert str(one).startswith("It failed.")
        assert str(one).endswith(f" [{kind.stable_code}]")
        assert str(one).count("AEP-E") == 1
        assert one.message == "It failed."
        assert (type(one), one.retryable, one.retry_after) == (kind, True, 7.0)


def test_a_wrong_parameter_is_named_with_what_to_do() -> None:
    """The error adds the parameter and the fix to every message."""
    error = errors.AepConfigError("`port` must be a number.", parameter="port")
    assert str(error) == "`port` must be a number. Correct `port` and try again. [AEP-E100]"
    error = errors.AepConfigError("`port` is odd.", parameter="port", correct="the Airflow connection")
    assert str(error) == "`port` is odd. Correct the Airflow connection and try again. [AEP-E100]"
    assert error.parameter == "port"


def test_an_unknown_authentication_type_names_the_operators_parameter() -> None:
    """A user of an operator sets `auth_spec`."""
    assert explanations.FLOW["1415-400"].endswith("Check `auth_spec`")


def constructions() -> Iterator[tuple[str, str, str]]:
    """Yield each place that makes an error: file and line, the call, the words of its message."""
    names = {kind.__name__ for kind in KINDS}
    package = files("airflow_provider_aep")
    for path in sorted(package.rglob("*.py")):  # type: ignore[attr-defined]
        if "emulator" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = ast.unparse(node.func)
            if called.partition(".")[0] in names:
                words = [one.value for one in ast.walk(node.args[0]) if isinstance(one, ast.Constant)]
                yield f"{path.name}:{node.lineno}", called, " ".join(str(word) for word in words)


BY_CALLER = {
    ("sources.py", "SourceWithdrawnError"): "the other sources of its category",
    ("adoption.py", "EntityDiffersError"): "what to do by the parameters",
    ("adoption.py", "EntityStateError"): "what to do by the state",
}
"""Errors whose fix is composed in another place."""


def test_every_message_says_what_to_do() -> None:
    """The class adds the fix, as for invalid parameters and replies, or the message has it."""
    configs = {kind.__name__ for kind in KINDS if issubclass(kind, errors.AepConfigError)}
    found = list(constructions())
    assert len(found) > 100
    silent = [
        (place, words)
        for place, called, words in found
        if called not in configs
        and not called.endswith(".with_advice")
        and (place.partition(":")[0], called) not in BY_CALLER
        and not IMPERATIVE.search(words)
    ]
    assert silent == []


@pytest.mark.parametrize("table", ["GATEWAY", "FLOW", "REGISTRY", "IMS", "BY_STATUS", "SERVER"])
def test_every_explanation_says_what_to_do(table: str) -> None:
    """Adobe's code alone helps nobody at night."""
    given = getattr(explanations, table)
    for advice in given.values() if isinstance(given, dict) else [given]:
        assert IMPERATIVE.search(advice), advice
