"""Check a result of mutmut against docs/mutation-survivors.txt: `make test-mutation` runs it."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

EXPLAINED = Path(__file__).parents[1] / "docs" / "mutation-survivors.txt"
STATS = Path("mutants/mutmut-cicd-stats.json")
LEAST = 95.0
"""The share of mutants that the tests must notice, in per cent."""
NOTICED = ("killed", "timeout")


def read_results(lines: Iterable[str]) -> Counter[str]:
    """Return how many mutants of each function survived. Exit if the mutation run is incomplete."""
    found: Counter[str] = Counter()
    for line in filter(str.strip, lines):
        name, _, status = line.strip().rpartition(": ")
        if status in ("survived", "no tests"):
            module, _, function = name.removeprefix("airflow_provider_aep.").rpartition(".")
            plain = re.sub(r"__mutmut_\d+$", "", function).removeprefix("x_").removeprefix("xǁ")
            found[f"{module}.{plain.replace('ǁ', '.')}"] += 1
        elif status not in NOTICED:
            sys.exit(f"{name} is {status or 'unknown'}. A score needs a whole run: `make test-mutation`.")
    return found


def read_explained(text: str) -> Counter[str]:
    """Return how many mutants of each function may survive."""
    rows = re.findall(r"^ *(\d+) (\S+): \S", text, re.MULTILINE)
    return Counter({name: int(count) for count, name in rows})


def main() -> int:
    """Print the score and the survivors without a reason. Return 1 if either is not acceptable."""
    unexplained = read_results(sys.stdin) - read_explained(EXPLAINED.read_text("utf-8"))
    stats = json.loads(STATS.read_text("utf-8"))
    score = 100 * sum(stats[one] for one in NOTICED) / stats["total"]
    for name, count in sorted(unexplained.items()):
        print(f"{name}: {count} more survived than {EXPLAINED.name} explains. See `mutmut results`.")
    print(f"{score:.1f} % of {stats['total']} mutants noticed; at least {LEAST:g} % are required.")
    return int(bool(unexplained) or score < LEAST)


if __name__ == "__main__":
    sys.exit(main())
