"""`make test-matrix`: what is run where, and that nothing that did not run counts as good."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.matrix.combinations import PYTHONS, RELEASES, Combination, Release, find_python, part, paths
from scripts.matrix.results import Result, load, merge, overview, read_junit, save

ROOT = Path(__file__).parents[3]


def result(release: str, python: str, **facts: object) -> Result:
    return Result(release, python, "2026-01-02", "make test-matrix", **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_what_runs_on_each_airflow(release: Release) -> None:
    """The quick ones on every Python; of the slow ones each has its share, and together they have all."""
    ran = [set(paths(ROOT, Combination(release, python), whole=False)) for python in release.pythons]
    everywhere, somewhere = set.intersection(*ran), set.union(*ran)
    assert {"tests/unit", "tests/contract", "tests/integration/emulator/test_faults.py"} <= everywhere
    integration = {str(path.relative_to(ROOT)) for path in ROOT.glob("tests/integration/**/test_*.py")}
    assert integration | {"tests/e2e/test_real_cancels.py"} <= somewhere
    if len(release.pythons) > 1:
        shared = somewhere - everywhere
        assert {"tests/integration/test_kills.py", "tests/properties/test_replies.py"} <= shared
        assert sum(len(one & shared) for one in ran) == len(shared)
    assert paths(ROOT, Combination(release, release.pythons[0]), whole=True) == ["tests"]


def test_an_interpreter_that_does_not_run_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pyenv puts a `python3.10` on the path that fails where another version is chosen."""
    stub(tmp_path / "path" / "python3.10", "exit 127")
    stub(tmp_path / "pyenv" / "versions" / "3.10.9" / "bin" / "python", "echo 3.10")
    stub(tmp_path / "pyenv" / "versions" / "3.10.13" / "bin" / "python", "echo 3.10")
    stub(tmp_path / "pyenv" / "versions" / "3.11.2" / "bin" / "python", "echo 3.10")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    assert find_python("3.10") == str(tmp_path / "pyenv" / "versions" / "3.10.13" / "bin" / "python")
    assert find_python("3.11") is None
    assert find_python("3.12") is None


def stub(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def test_a_result_takes_the_place_of_its_combinations_last_one(tmp_path: Path) -> None:
    """One combination can be run anew; what was known of the others stays, in the table's order."""
    kept = [result("newest", "3.13", passed=1), result("3.1.8", "3.11", passed=1), result("gone", "3.9")]
    merged = merge(kept, [result("3.1.8", "3.11", passed=2)])
    save(merged, tmp_path / "results.json")
    assert [(one.release, one.passed) for one in load(tmp_path / "results.json")] == [
        ("3.1.8", 2),
        ("newest", 1),
    ]


def test_what_did_not_run_is_said(tmp_path: Path) -> None:
    """Never an empty cell where something is claimed; and nothing counts as good that no test has shown."""
    missing = result("3.1.8", "3.10", problem="not run: no such Python")
    failed = result("3.1.8", "3.11", passed=7, failed=["tests.a::b", "tests.a::c"])
    none, good = result("3.1.8", "3.12"), result("3.1.8", "3.13", passed=7)
    assert [one.good for one in (missing, failed, none, good)] == [False, False, False, True]
    lines = overview([missing, failed, none, good]).splitlines()
    assert lines[2] == "| Airflow 3.1.8 | not run: no such Python | 2 failed | no test ran | passed |"
    assert lines[3] == "| Airflow 3.2.2 | not run | not run | not run | not run |"
    assert len(lines) == 2 + len(RELEASES)


def test_a_row_that_ran_a_part_of_the_tests_says_which(tmp_path: Path) -> None:
    """`passed` alone means all of them; the words are those of what is run."""
    everywhere = Combination(RELEASES[0], "3.11")
    single = next(Combination(one, one.pythons[0]) for one in RELEASES if len(one.pythons) == 1)
    words = [part(everywhere, whole=False), part(single, whole=False), part(everywhere, whole=True)]
    assert words == ["quick tests, a quarter of the slow", "quick tests, all of the slow", ""]
    rows = [result("3.1.8", python, passed=7, part=one) for python, one in zip(PYTHONS, words, strict=False)]
    save(rows, tmp_path / "results.json")
    line = overview(load(tmp_path / "results.json")).splitlines()[2]
    assert line.startswith(f"| Airflow 3.1.8 | passed: {words[0]} | passed: {words[1]} | passed | not run |")
    assert all(one.part or "--whole" in one.command for one in load(ROOT / "docs" / "test-matrix.json"))


def test_pytests_report_is_read(tmp_path: Path) -> None:
    """Failures and errors count as failed, and are named."""
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite tests="4" failures="1" errors="1" skipped="1">'
        '<testcase classname="a" name="good"/><testcase classname="a" name="bad"><failure/></testcase>'
        '<testcase classname="a" name="worse"><error/></testcase>'
        '<testcase classname="a" name="left out"><skipped/></testcase></testsuite></testsuites>'
    )
    assert read_junit(report) == {"passed": 1, "skipped": 1, "failed": ["a::bad", "a::worse"]}
