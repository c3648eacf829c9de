"""`make test-mutation`: what counts as noticed, and that no survivor is passed over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.mutation.mutants import KILLED, SURVIVED, UNTESTED, ModuleResult, Survivor, read_results
from scripts.mutation.report import UNEXPLAINED, Report, load, report, save, section, survivors_page

ROOT = Path(__file__).parents[3]

MUTATED = '''
class Box:
    def xǁBoxǁfits__mutmut_orig(self, one, most=2):
        """Whether it fits."""
        if one < most:
            return True
        raise ValueError("it does not fit")

    def xǁBoxǁfits__mutmut_1(self, one, most=2):
        """Whether it fits."""
        if one <= most:
            return True
        raise ValueError("it does not fit")

    def xǁBoxǁfits__mutmut_2(self, one, most=3):
        """Whether it fits."""
        if one < most:
            return True
        raise ValueError("it does not fit")

    def xǁBoxǁfits__mutmut_3(self, one, most=2):
        """Whether it fits."""
        if one < most:
            return True
        raise ValueError("XXit does not fitXX")


def x_told__mutmut_orig():
    return "told"


def x_told__mutmut_1():
    return "XXtoldXX"
'''


def results(directory: Path, *codes: int | None) -> list[ModuleResult]:
    """Of the module above, its four mutants in their order."""
    folder = directory / "airflow_provider_aep" / "flow_service"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "boxes.py").write_text(MUTATED, "utf-8")
    names = ["xǁBoxǁfits__mutmut_1", "xǁBoxǁfits__mutmut_2", "xǁBoxǁfits__mutmut_3", "x_told__mutmut_1"]
    keys = [f"airflow_provider_aep.flow_service.boxes.{name}" for name in names]
    meta = {"exit_code_by_key": dict(zip(keys, codes, strict=True))}
    (folder / "boxes.py.meta").write_text(json.dumps(meta), "utf-8")
    return list(read_results(directory))


def made(directory: Path, *codes: int) -> Report:
    return report(results(directory, *codes), "make test-mutation", "2026-01-02", {"mutmut": "3.8.1"})


def test_survivors_are_shown_as_they_were_and_became(tmp_path: Path) -> None:
    """By the function's own name, an argument's default among what can change."""
    [found] = results(tmp_path, SURVIVED, SURVIVED, KILLED, UNTESTED)
    assert (found.module, found.total, found.killed, found.untested) == ("flow_service/boxes.py", 4, 1, 1)
    assert found.survivors == (
        Survivor(found.module, "Box.fits", "if one < most:", "if one <= most:"),
        Survivor(
            found.module, "Box.fits", "def Box.fits(self, one, most=2):", "def Box.fits(self, one, most=3):"
        ),
        Survivor(found.module, "told", 'return "told"', 'return "XXtoldXX"'),
    )


def test_what_does_not_end_is_noticed(tmp_path: Path) -> None:
    """By its processor time, or asleep; any other end is none that is understood."""
    [found] = results(tmp_path, KILLED, -signal.SIGXCPU, -signal.SIGALRM, SURVIVED)
    assert (found.killed, found.timeouts, len(found.survivors)) == (1, 2, 1)
    for odd in (None, -signal.SIGSEGV, 4):
        with pytest.raises(ValueError, match=r"^1 mutants of flow_service/boxes\.py"):
            results(tmp_path, KILLED, KILLED, KILLED, odd)


@pytest.mark.parametrize(
    ("was", "becomes", "sentence"),
    [
        ('raise E("it fails")', 'raise E("XXit failsXX")', True),
        ('raise E(f"{a} fails", "p")', 'raise E(f"{b} fails", "p")', True),
        ('raise E("it fails", "p")', 'raise E("it fails", "XXpXX")', False),
        ('raise E("it fails")', "raise E(None)", False),
        ('raise E("it fails", 1)', 'raise E("IT FAILS", 2)', False),
        ('get("key")', 'get("KEY")', False),
        ("a < b", "a <= b", False),
    ],
)
def test_words_of_a_sentence(was: str, becomes: str, sentence: bool) -> None:
    """A literal with a blank in it, and nothing besides: what a program reads has none."""
    assert Survivor("m", "f", was, becomes).sentence is sentence


def test_enough_must_be_noticed_and_the_rest_explained(tmp_path: Path) -> None:
    """A figure alone could hide the one that matters."""
    words = made(tmp_path, KILLED, KILLED, SURVIVED, KILLED)
    assert (words.whole.percent, words.good) == (75.0, False)
    unexplained = made(tmp_path, SURVIVED, KILLED, KILLED, KILLED)
    assert [reason for _, reason in unexplained.survivors] == [UNEXPLAINED]
    assert not unexplained.good
    assert made(tmp_path, KILLED, KILLED, KILLED, KILLED).good


def test_what_is_kept_is_what_was_found(tmp_path: Path) -> None:
    """The documents are made from it."""
    found = made(tmp_path, SURVIVED, KILLED, SURVIVED, UNTESTED)
    save(found, tmp_path / "kept.json")
    assert load(tmp_path / "kept.json") == found
    assert "| together | 4 | 1 | 25.0 % | 0 | 1 | 3 |" in section(found)
    page = survivors_page(found)
    assert f"## {UNEXPLAINED.capitalize()}" in page
    assert "| flow_service/boxes.py | `Box.fits` | `if one < most:` | `if one <= most:` |" in page


TESTS = """
import os

seen = []

def test_quick():
    seen.append(1)
    assert os.environ["MUTANT_UNDER_TEST"] != "m.x_f__mutmut_1"

def test_slow():
    assert seen in ([1], []), "another fork's"
    assert os.environ["MUTANT_UNDER_TEST"] != "m.x_f__mutmut_2"
"""


def test_each_mutant_gets_the_tests_that_reach_it(tmp_path: Path) -> None:
    """In a process of its own, as if no test had run before; what has a result is not tried again."""
    (tmp_path / "test_m.py").write_text(TESTS, "utf-8")
    names = [f"m.x_f__mutmut_{number}" for number in (1, 2, 3, 4)]
    codes = {**dict.fromkeys(names), names[3]: KILLED, "m.x_g__mutmut_1": None, "m.x_h__mutmut_1": None}
    (tmp_path / "m.py.meta").write_text(json.dumps({"exit_code_by_key": codes}), "utf-8")
    reached = {"m.x_f": ["test_m.py::test_quick", "test_m.py::test_slow"], "m.x_g": ["test_m.py::test_quick"]}
    seconds = {"test_m.py::test_quick": 0.1, "test_m.py::test_slow": 0.2}
    stats = {"tests_by_mangled_function_name": reached, "duration_by_test": seconds}
    (tmp_path / "mutmut-stats.json").write_text(json.dumps(stats), "utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-s",
        "-p",
        "scripts.mutation.forks",
        "--rootdir=.",
        "test_m.py",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, stdout=subprocess.DEVNULL)
    found = json.loads((tmp_path / "m.py.meta").read_text("utf-8"))["exit_code_by_key"]
    assert list(found.values()) == [KILLED, KILLED, SURVIVED, KILLED, SURVIVED, UNTESTED]
