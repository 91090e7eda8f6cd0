"""What happens without a protection: it is switched off in what is deployed, and a case that rests on it must fail; or
tests of the jobs must, run on a copy of the sources without it.

Those of the jobs' protocol are taken out of the library zip, those of the functions are built anew (see `mutant`).
Those that Spark and Iceberg give the real jobs are taken out twice: of the scripted jobs, where a case shows what that
leads to, and of the real library, where Spark tests do.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.demo.observe import TimedOut
from local.demo.running import REPOSITORY
from tests.faults import mutant
from tests.faults.lab import REST_SECONDS, Lab, deploy_scripts, opened
from tests.faults.protections import LIBRARY, SCRIPTED, Protection
from tests.faults.registry import cases
from tests.faults.runner import Result, describe, run_case
from tests.pipeline_under_test import Refused

#: What has gone wrong for good need not be waited for as long as what is only slow.
UNPROTECTED_SECONDS = 120
#: How long an instance may take, its protection on again, to come to rest. After that a new one is cheaper.
RECOVERY_SECONDS = 45
POLICY = "without-a-protection"
#: The whole text is in the report.
SHOWED_WIDTH = 160
PASSED = "the case passed"


@dataclass
class Absence:
    """One line of the table: whether it was noticed that a protection is off, and by what it showed."""

    protection: str
    switched_off_in: str
    noticed_by: str
    noticed: bool = False
    showed: str = ""
    seconds: float = 0.0


class Labs:
    """One lab after another: what a protection's absence has left for good is not for the next one to stumble over."""

    def __init__(self, as_is: bool) -> None:
        self._as_is = as_is
        self._stack = ExitStack()
        self._lab: Lab | None = None

    def __enter__(self) -> Labs:
        return self

    def __exit__(self, *raised: Any) -> None:
        self._stack.close()

    @property
    def lab(self) -> Lab:
        if self._lab is None:
            self._lab = self._stack.enter_context(opened(self._as_is))
        return self._lab

    def recover(self) -> None:
        """Waits for rest. One that never comes makes a new lab, or is forgiven the one that is to be used as it is."""
        lab = self.lab
        lab.versions = []
        lab.patience_seconds = RECOVERY_SECONDS
        try:
            lab.stop_faults()
            lab.rest()
        except (TimedOut, Refused):
            if self._as_is:
                lab.forgive()
            else:
                self._lab = None
                self._stack.close()
        lab.patience_seconds = REST_SECONDS


def switch_off(labs: Labs, chosen: Iterable[Protection], say: Callable[[Absence], None]) -> list[Absence]:
    """Each protection off, one at a time."""
    absences = []
    for protection in chosen:
        absence = Absence(protection.name, protection.path, protection.noticed_by)
        begun = time.monotonic()
        try:
            if protection.tests:
                judge_tests(absence, protection, mutant.failed_tests(protection))
            else:
                judge_case(absence, protection, fails_without(labs, protection))
        except Exception as error:
            absence.showed = describe(error)
        absence.seconds = round(time.monotonic() - begun, 1)
        absences.append(absence)
        say(absence)
    return absences


def judge_tests(absence: Absence, protection: Protection, failed: dict[str, str]) -> None:
    passed = [node for node in protection.tests if node not in failed]
    absence.noticed = not passed
    absence.showed = f"passed: {', '.join(passed)}" if passed else "; ".join(failed.values())


def judge_case(absence: Absence, protection: Protection, result: Result) -> None:
    """A case that fails for want of the fault, or of a working pipeline, has noticed nothing."""
    absence.noticed = bool(result.injected and getattr(result, protection.shows))
    wanted = [finding for finding in result.findings if finding.startswith(f"{protection.shows}:")]
    numbers = f"{getattr(result, protection.shows)} {protection.shows}"
    absence.showed = (
        f"{numbers}: {wanted[0].partition(': ')[2]}" if absence.noticed else "; ".join(result.problems()) or PASSED
    )


def fails_without(labs: Labs, protection: Protection) -> Result:
    """The result of a protection's case without it; afterwards it is on again."""
    [case] = [case for case in cases() if case.name == protection.case]
    package = mutant.build(protection) if protection.function else None
    lab = labs.lab
    try:
        with without(lab, protection, package):
            lab.patience_seconds = UNPROTECTED_SECONDS
            return run_case(lab, case)
    finally:
        labs.recover()


@contextmanager
def without(lab: Lab, protection: Protection, package: Path | None) -> Iterator[None]:
    """The lab without a protection."""
    with ExitStack() as restore:
        if package is not None:
            restore.callback(deploy_function, lab, protection, deployed(protection.function))
            deploy_function(lab, protection, package)
            restore.enter_context(granted(lab, protection))
        elif protection.path.startswith(LIBRARY):
            restore.callback(deploy_library, lab, None)
            deploy_library(lab, protection)
        elif protection.path.startswith(SCRIPTED):
            restore.callback(deploy_scripts, lab)
            key = f"jobs/{Path(protection.path).name}"
            lab.s3.put_object(Bucket=lab.bucket("scripts"), Key=key, Body=protection.switched_off().encode())
        else:
            raise ValueError(f"nothing that is deployed comes from {protection.path}")
        yield


def deployed(function: str) -> Path:
    """What Terraform has deployed."""
    return REPOSITORY / "target" / "lambda" / f"{function}.zip"


def deploy_function(lab: Lab, protection: Protection, package: Path) -> None:
    name = lab.outputs["functions"][protection.function]
    lab.functions.update_function_code(FunctionName=name, ZipFile=package.read_bytes())
    lab.functions.get_waiter("function_updated_v2").wait(FunctionName=name)


@contextmanager
def granted(lab: Lab, protection: Protection) -> Iterator[None]:
    """IAM lets the function's role do what it needs to do harm, on the side of the role and of the bucket."""
    with ExitStack() as restore:
        role = lab.outputs["roles"].get(protection.function, "")
        for bucket, actions in protection.granted.items():
            name = lab.bucket(bucket)
            statement = {"Effect": "Allow", "Action": actions, "Resource": f"arn:aws:s3:::{name}"}
            document = {"Version": "2012-10-17", "Statement": [statement]}
            iam = lab.client("iam")
            restore.callback(iam.delete_role_policy, RoleName=role, PolicyName=POLICY)
            iam.put_role_policy(RoleName=role, PolicyName=POLICY, PolicyDocument=json.dumps(document))
            before = lab.s3.get_bucket_policy(Bucket=name)["Policy"]
            account = lab.functions.get_function(FunctionName=lab.outputs["functions"][protection.function])
            principal = {"AWS": account["Configuration"]["Role"]}
            widened = json.loads(before)
            widened["Statement"].append({**statement, "Principal": principal})
            restore.callback(lab.s3.put_bucket_policy, Bucket=name, Policy=before)
            lab.s3.put_bucket_policy(Bucket=name, Policy=json.dumps(widened))
        yield


def deploy_library(lab: Lab, protection: Protection | None) -> None:
    """Puts the library in place of the deployed one, without a protection or whole."""
    root = REPOSITORY / LIBRARY
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(root.rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if protection and path == REPOSITORY / protection.path:
                text = protection.switched_off()
            archive.writestr(path.relative_to(root).as_posix(), text)
    for key in lab.keys(lab.bucket("scripts"), "lib/"):
        lab.s3.put_object(Bucket=lab.bucket("scripts"), Key=key, Body=target.getvalue())


def show(absences: Iterable[Absence], console: Console) -> None:
    """The table that people read."""
    table = Table(title="protections", title_justify="left")
    for name in ("protection", "switched off in", "case or test that fails", "what it showed"):
        table.add_column(name, overflow="fold")
    for absence in absences:
        showed = absence.showed[:SHOWED_WIDTH] if absence.noticed else f"NOT NOTICED: {absence.showed}"
        style = None if absence.noticed else "red"
        cells = (absence.protection, absence.switched_off_in, absence.noticed_by, showed)
        table.add_row(*map(escape, cells), style=style)
    console.print(table, highlight=False)
