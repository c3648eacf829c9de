"""Make the page `docs/fault-matrix.md` from the data of the matrix."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.markdown import MADE, table
from tests.harness.faults.expected import CELLS, OPERATIONS
from tests.harness.faults.faults import FAULTS, NATURES
from tests.harness.faults.operation import ANOTHER, ONE, SAME, Operation
from tests.harness.faults.rules import DEVIATIONS, KINDS, RULES, Outcome

PAGE = """\
# The fault matrix

{made}

This page shows the result of each fault that a request to Adobe can meet. It has {operations} operations:
every hook method and every operator that changes something. Each operation meets {faults} faults, and then a
retry without a fault follows. `tests/emulator/test_fault_matrix.py` runs each of the {cells} cells with real
hooks and operators over real HTTP: a sample in `make test`, all of them in `make test-nightly`. It fails for
an operator or a hook method without rows.

Only the request that changes something meets the fault. The reads before it succeed, unless the server
cannot be reached at all.

## Faults

Each fault has a nature. The nature decides the result. *Error* is the error of this reply alone. *Retryable*
is the error's `retryable`. *May exist* is its `may_have_happened`: whether the request may have had its
effect.

{fault_table}

## Results

| Sign | Meaning |
| --- | --- |
| ✓ 2 | succeeds in the same try, after 2 such requests. The effect exists once |
| ✓ 2 (2) | succeeds, and the effect exists twice; (0): it does not exist |
| ✗ 1 | fails with the fault's error, after 1 such request, without the effect. A retry has the effect once |
| ✗ 1 ● | fails, and the effect exists. *Retry* in [operations](#operations) is the result of a retry |
| ✗ 1 *Error* | fails with this error instead |
| ✗ 1 ! | fails, and a retry fails too, without another request that changes something |

{outcomes}

### Kinds of operations

{kinds}

### Exceptions

{deviations}

## Operations

*Retry* is the result of a retry if the effect already exists: *same* (nothing is added), *another* (a hook
method creates another entity, because only operators list entities before a create), or an error.

{operation_table}
"""


def fault_rows() -> Iterator[list[str]]:
    """Yield one row for each fault, ordered by nature."""
    for fault in sorted(FAULTS, key=lambda one: list(NATURES).index(one.nature)):
        means = fault.means
        facts = [f"`{means.error}`", _yes(means.retry), _yes(means.maybe)] if means else ["none", "", ""]
        yield [fault.name, fault.nature, *facts]


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"


def sign(outcome: Outcome) -> str:
    """Return the sign of an outcome."""
    if outcome.ends_well:
        return f"✓ {outcome.sent}" + ("" if outcome.done == 1 else f" ({outcome.done})")
    instead = f" *{outcome.instead.error}*" if outcome.instead else ""
    return f"✗ {outcome.sent}{' ●' * outcome.done}{' !' if outcome.again else ''}{instead}"


def outcome_rows() -> Iterator[list[str]]:
    """Yield one row for each nature, with one column for each kind of operation."""
    for nature, words in NATURES.items():
        yield [f"**{nature}**: {words}", *(sign(RULES[kind][nature]) for kind in KINDS)]


def deviation_rows() -> Iterator[list[str]]:
    for one in DEVIATIONS:
        yield ["<br>".join(_code(name) for name in one.operations), one.nature, sign(one.outcome), one.why]


def operation_rows() -> Iterator[list[str]]:
    for operation in sorted(OPERATIONS, key=lambda one: list(KINDS).index(one.rule)):
        request = operation.request.replace(ONE, "/{id}")
        yield [_code(operation.name), operation.rule, f"`{request}`", _once_more(operation)]


def _once_more(operation: Operation) -> str:
    return operation.twice if operation.twice in (SAME, ANOTHER) else f"`{operation.twice}`"


def _code(name: str) -> str:
    """`` `CreateDatasetOperator`, update ``"""
    head, comma, rest = name.partition(",")
    return f"`{head}`{comma}{rest}"


def page() -> str:
    """Return the page."""
    return PAGE.format(
        made=MADE,
        operations=len(OPERATIONS),
        faults=len(FAULTS),
        cells=len(CELLS),
        fault_table=table(["Fault", "Nature", "Error", "Retryable", "May exist"], fault_rows()),
        outcomes=table(["Nature", *KINDS], outcome_rows()),
        kinds="\n".join(f"- **{kind}**: {words}" for kind, words in KINDS.items()),
        deviations=table(["Operations", "Nature", "Result", "Why"], deviation_rows()),
        operation_table=table(["Operation", "Kind", "Request", "Retry"], operation_rows()),
    )
