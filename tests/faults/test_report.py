"""The report: what an interrupted run leaves, and which of the two files a choice writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults import __main__ as command
from tests.faults import runner
from tests.faults.lab import Lab
from tests.faults.registry import Case


def case_of(name: str) -> tuple[Case, int | None]:
    return Case(group=1, name=name, seed=1, quick=False, act=lambda lab: None), None


def test_an_interrupted_run_leaves_what_it_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: Lab, case: Case, seed: int | None) -> runner.Result:
        if case.name == "second":
            raise KeyboardInterrupt
        return runner.Result(case.name, injected=1, records=2)

    monkeypatch.setattr(runner, "run_case", interrupted)
    report = tmp_path / "faults" / "report.json"
    lab: Any = None
    with pytest.raises(KeyboardInterrupt):
        runner.run_all(lab, [case_of("first"), case_of("second")], report)
    assert [line["fault"] for line in json.loads(report.read_text())] == ["first"]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ([], "report.json"),
        (["--rounds", "1"], "report.json"),
        (["--only", "Friday"], "report-chosen.json"),
        (["--quick"], "report-chosen.json"),
        (["--seed", "0"], "report-chosen.json"),
    ],
)
def test_a_choice_leaves_the_report_on_all_faults_as_it_is(
    arguments: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    class NoLabs:
        lab = None

        def __init__(self, _: bool) -> None: ...

        def __enter__(self) -> NoLabs:
            return self

        def __exit__(self, *_: object) -> None: ...

    def ran(_: object, __: object, report: Path, ___: object) -> list[runner.Result]:
        written.append(report)
        return []

    monkeypatch.setattr(command, "Labs", NoLabs)
    monkeypatch.setattr(command, "run_all", ran)
    monkeypatch.setattr(command, "unprotect", lambda *_: True)
    assert command.main(arguments) == 0
    assert written == [command.REPORTS / name]
