"""What mutmut did and what came of it, read from the files it leaves in `mutants/`."""

from __future__ import annotations

import ast
import json
import re
import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

PACKAGE = "airflow_provider_aep"
SURVIVED, KILLED, UNTESTED = 0, 1, 33
"""How mutmut writes down what came of a mutant."""
TIMEOUT = {-signal.SIGXCPU, -signal.SIGALRM}
"""A mutant that runs for ever is noticed as well; it ends by one of these."""

_LITERAL = re.compile(r"""[fr]?(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")


@dataclass(frozen=True)
class Survivor:
    """A mutant that no test noticed: the lines of its function that are not as they were."""

    module: str
    function: str
    was: str
    becomes: str

    @property
    def sentence(self) -> bool:
        """Whether nothing but the words of a sentence changed: a literal with a blank in it.

        A message, that is. What a program reads (a key, a path, a parameter's name) has none.
        """
        was, becomes = _LITERAL.findall(self.was), _LITERAL.findall(self.becomes)
        changed = [one for one, other in zip(was, becomes, strict=False) if one != other]
        same = _LITERAL.sub("", self.was) == _LITERAL.sub("", self.becomes)
        return same and len(was) == len(becomes) and all(" " in one for one in changed)


@dataclass(frozen=True)
class ModuleResult:
    """How many mutants of one module there were, and which of them nobody noticed."""

    module: str
    total: int
    killed: int
    timeouts: int
    untested: int
    survivors: tuple[Survivor, ...]


def read_results(directory: Path) -> Iterator[ModuleResult]:
    """Each mutated module's, by name.

    :raises ValueError: a mutant has not been tried, or nobody knows how it ended
    """
    for meta in sorted((directory / PACKAGE).rglob("*.py.meta")):
        codes: dict[str, int | None] = json.loads(meta.read_text("utf-8"))["exit_code_by_key"]
        source = meta.with_suffix("")
        module = str(source.relative_to(directory / PACKAGE))
        if codes:
            yield _module_result(module, codes, source.read_text("utf-8"))


def _module_result(module: str, codes: Mapping[str, int | None], source: str) -> ModuleResult:
    counts = Counter(codes.values())
    alive = [name.rpartition(".")[2] for name, code in codes.items() if code in (SURVIVED, UNTESTED)]
    killed = counts[KILLED]
    timeouts = sum(counts[code] for code in TIMEOUT)
    if unknown := len(codes) - len(alive) - killed - timeouts:
        raise ValueError(f"{unknown} mutants of {module} have not been tried to their end.")
    functions = _functions(source) if alive else {}
    survivors = tuple(_survivor(module, name, functions) for name in alive)
    return ModuleResult(module, len(codes), killed, timeouts, counts[UNTESTED], survivors)


def _functions(source: str) -> dict[str, str]:
    """Every function of a mutated module, by the name that mutmut gave it, under the name that it had."""
    tree, lines = ast.parse(source), source.splitlines()
    return {
        node.name: "\n".join(lines[node.lineno - 1 : node.end_lineno]).replace(
            node.name, _plain(node.name), 1
        )
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }


def _plain(name: str) -> str:
    """`Class.method` of `xǁClassǁmethod__mutmut_3`, `function` of `x_function__mutmut_orig`."""
    return name.rpartition("__mutmut_")[0].removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")


def _survivor(module: str, name: str, functions: Mapping[str, str]) -> Survivor:
    """The lines that differ between a function and its mutant, and all between them."""
    original = functions[f"{name.rpartition('_')[0]}_orig"]
    was, becomes = original.splitlines(), functions[name].splitlines()
    changes = SequenceMatcher(None, was, becomes, autojunk=False).get_opcodes()
    first, *_, last = [span for span in changes if span[0] != "equal"] * 2
    return Survivor(
        module, _plain(name), _together(was[first[1] : last[2]]), _together(becomes[first[3] : last[4]])
    )


def _together(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines)
