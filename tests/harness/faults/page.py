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

What comes of it when something goes wrong on the way to Adobe: {operations} operations, every hook method
and every operator that changes something, with {faults} faults each, and a clean retry after it. The table is
data, and `tests/emulator/test_fault_matrix.py` carries out each of its {cells} cells with real hooks and
operators over real HTTP: a sample in `make test`, all of it in `make test-nightly`. An operator or a hook
method without rows fails that test.

The fault is at the one request that changes something; what is read before it goes well, unless nothing can
be reached at all.

## What goes wrong

Each fault has a nature, which is what counts for what comes of it. The error is the one that the reply means
by itself; *retry* says whether it calls itself `retryable`, *may stand* whether it says that the effect may
stand (`may_have_happened`).

{fault_table}

## What comes of it

| Sign | Meaning |
| --- | --- |
| ✓ 2 | ends well in the same try, after 2 such requests; the effect is there once |
| ✓ 2 (2) | ends well, and the effect is there twice; (0): not at all |
| ✗ 1 | fails with the fault's error, after 1 such request; nothing is changed; a clean retry does it, once |
| ✗ 1 ● | fails, and the effect stands: for what a clean retry does, see *once more* below |
| ✗ 1 *Error* | fails with this error instead |
| ✗ 1 ! | fails, and a clean retry fails too, without another request that changes something |

{outcomes}

### The kinds

{kinds}

### Where some differ

{deviations}

## Operations

*Once more* says what comes of a clean retry where the effect exists already: the *same* and nothing else,
*another* one (a hook method makes what it is told; operators look before), or an error.

{operation_table}
"""


def fault_rows() -> Iterator[list[str]]:
    """One row a fault, by nature."""
    for fault in sorted(FAULTS, key=lambda one: list(NATURES).index(one.nature)):
        means = fault.means
        facts = [f"`{means.error}`", _yes(means.retry), _yes(means.maybe)] if means else ["none", "", ""]
        yield [fault.name, fault.nature, *facts]


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"


def sign(outcome: Outcome) -> str:
    """An outcome as a cell."""
    if outcome.ends_well:
        return f"✓ {outcome.sent}" + ("" if outcome.done == 1 else f" ({outcome.done})")
    instead = f" *{outcome.instead.error}*" if outcome.instead else ""
    return f"✗ {outcome.sent}{' ●' * outcome.done}{' !' if outcome.again else ''}{instead}"


def outcome_rows() -> Iterator[list[str]]:
    """One row a nature, one column a kind."""
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
    """The whole page."""
    return PAGE.format(
        made=MADE,
        operations=len(OPERATIONS),
        faults=len(FAULTS),
        cells=len(CELLS),
        fault_table=table(["Fault", "Nature", "Error", "Retry", "May stand"], fault_rows()),
        outcomes=table(["Nature", *KINDS], outcome_rows()),
        kinds="\n".join(f"- **{kind}**: {words}" for kind, words in KINDS.items()),
        deviations=table(["Operations", "Nature", "Comes of it", "Why"], deviation_rows()),
        operation_table=table(["Operation", "Kind", "Request", "Once more"], operation_rows()),
    )
