"""The protections that are switched off on purpose are still there to be switched off, and no other failure is taken
for the absence of one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.demo.running import REPOSITORY
from tests.faults import mutant
from tests.faults.mutant import Unusable
from tests.faults.protections import PROTECTIONS, Protection
from tests.faults.registry import cases
from tests.faults.runner import COLUMNS, Result
from tests.faults.unprotected import PASSED, Absence, judge_case, judge_tests

README = Path(__file__).with_name("README.md")
ISSUE = (
    *("conditional assignment", "VOID before taking over", "conditional commit", "marker before item", "version id"),
    *("manifest-bound delete", "validated table commit", "balance check", "default secured"),
)


def test_each_promise_has_its_protection() -> None:
    assert set(ISSUE) <= {protection.name for protection in PROTECTIONS}


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda one: f"{one.name} in {one.path}")
def test_a_protection_can_be_switched_off_and_somebody_notices(protection: Protection) -> None:
    changed = protection.switched_off()
    if protection.path.endswith(".py"):
        compile(changed, protection.path, "exec")
    else:
        assert (REPOSITORY / "crates" / protection.function / "environment.txt").is_file(), "it is no function"
    if protection.tests:
        for node in protection.tests:
            path, _, _ = node.partition("::")
            assert f"def {name_of(node)}(" in (REPOSITORY / path).read_text(encoding="utf-8")
    else:
        assert protection.case in {case.name for case in cases()}
        assert protection.shows in COLUMNS


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda one: f"{one.name} in {one.path}")
def test_the_list_for_people_names_it(protection: Protection) -> None:
    rows = [
        line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {protection.name} |")
    ]
    named = [protection.case] if protection.case else [name_of(node) for node in protection.tests]
    assert [row for row in rows if all(name in row for name in named) and protection.shows in row], named


def name_of(node: str) -> str:
    return node.rpartition("::")[2].partition("[")[0]


def test_a_text_that_is_no_longer_there_is_told(tmp_path: Path) -> None:
    gone = Protection("nothing", "Cargo.toml", "no such line", "")
    with pytest.raises(ValueError, match="no longer has"):
        gone.switched_off()


PROTECTION = Protection("a protection", "a/path", "", "", "a case", "lost", ("t.py::test_one", "t.py::test_two[x]"))


@pytest.mark.parametrize(
    ("result", "noticed"),
    [
        (Result("a case", injected=1, records=1, lost=1, findings=["lost: a record"]), True),
        (Result("a case", injected=0, records=1, lost=1, findings=["lost: a record"]), False),
        (Result("a case", injected=1, records=1, doubled=1, findings=["doubled: a record"]), False),
        (Result("a case", injected=1, records=1, error="TimedOut"), False),
        (Result("a case", injected=1, records=1), False),
    ],
    ids=["as it must", "without the fault", "in another way", "by an error", "not at all"],
)
def test_only_what_the_protection_is_for_counts_as_noticed(result: Result, noticed: bool) -> None:
    absence = Absence("", "", "")
    judge_case(absence, PROTECTION, result)
    assert absence.noticed is noticed
    assert absence.showed == ("1 lost: a record" if noticed else "; ".join(result.problems()) or PASSED)


def test_each_test_has_to_fail() -> None:
    absence = Absence("", "", "")
    judge_tests(absence, PROTECTION, {"t.py::test_one": "assert 1"})
    assert (absence.noticed, absence.showed) == (False, "passed: t.py::test_two[x]")
    judge_tests(absence, PROTECTION, dict.fromkeys(PROTECTION.tests, "assert 1"))
    assert absence.noticed


def junit(path: Path, one: str, two: str) -> Path:
    tests = {"test_one": one, "test_two[x]": two}
    found = "".join(f'<testcase file="t.py" name="{name}">{outcome}</testcase>' for name, outcome in tests.items())
    path.write_text(f"<testsuites><testsuite>{found}</testsuite></testsuites>")
    return path


def test_a_test_that_could_not_run_is_no_test_that_failed(tmp_path: Path) -> None:
    failure, error = '<failure message="assert 1&#10;more"/>', '<error message="no Spark"/>'
    report = tmp_path / "tests.xml"
    assert dict(mutant.failures(junit(report, failure, ""), PROTECTION.tests, report)) == {
        "t.py::test_one": "assert 1",
    }
    with pytest.raises(Unusable, match="test_two"):
        dict(mutant.failures(junit(report, failure, error), PROTECTION.tests, report))
    with pytest.raises(Unusable, match="test_three"):
        dict(mutant.failures(report, ("t.py::test_three",), report))


def test_tests_that_must_fail_can_run_in_the_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that they need and the copy lacks would make their absence look like a protection's."""
    monkeypatch.setattr(mutant, "WORKSPACE", tmp_path)
    nodes = [node for protection in PROTECTIONS for node in protection.tests]
    mutant.write_workspace(PROTECTIONS[0])
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "-q", *nodes]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert {node for node in nodes if node not in found.stdout.splitlines()} == set()


def test_the_copy_lacks_one_protection_and_what_is_back_is_newer_than_what_was_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cargo goes by time stamps: a text that came back with its old one would leave the mutant's build in place."""
    monkeypatch.setattr(mutant, "WORKSPACE", tmp_path)
    first, second = (one for one in PROTECTIONS if one.function == "copy-prefix")
    mutant.write_workspace(first)
    changed, same = tmp_path / first.path, tmp_path / "Cargo.toml"
    (tmp_path / "crates" / "gone.rs").touch()
    assert changed.read_text(encoding="utf-8") == first.switched_off()
    for path in (changed, same):
        os.utime(path, (0, 0))
    mutant.write_workspace(second)
    assert changed.read_bytes() == (REPOSITORY / first.path).read_bytes()
    assert changed.stat().st_mtime > 0 and same.stat().st_mtime == 0
    assert (tmp_path / second.path).read_text(encoding="utf-8") == second.switched_off()
    assert not (tmp_path / "crates" / "gone.rs").exists()
