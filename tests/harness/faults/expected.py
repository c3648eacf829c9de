"""Every cell of the matrix, and what must come of it."""

from __future__ import annotations

from tests.harness.faults.faults import FAULTS, Fault
from tests.harness.faults.hook_methods import HOOK_METHODS
from tests.harness.faults.operation import ANOTHER, SAME, Operation
from tests.harness.faults.operators import OPERATORS
from tests.harness.faults.rules import DEVIATIONS, RULES, Outcome

OPERATIONS = (*HOOK_METHODS, *OPERATORS)
CELLS = [(operation, fault) for operation in OPERATIONS for fault in FAULTS]

_BY_NAME = {(name, one.nature): one.outcome for one in DEVIATIONS for name in one.operations}


def expected(operation: Operation, fault: Fault) -> Outcome:
    """What must come of it."""
    return _BY_NAME.get((operation.name, fault.nature)) or RULES[operation.rule][fault.nature]


def after_retry(operation: Operation, outcome: Outcome) -> tuple[int, str | None]:
    """How often the effect is to be seen after a clean retry, and how that one fails, if it does."""
    if outcome.after is not None:
        return outcome.after, outcome.again
    if not outcome.done:
        return 1, None
    if operation.twice == ANOTHER:
        return outcome.done + 1, None
    return outcome.done, None if operation.twice == SAME else operation.twice
