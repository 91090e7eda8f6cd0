"""What happens without a protection: it is switched off in what is deployed, and a case that rests on it must fail.

Those of the jobs' protocol are taken out of the library zip, those that Spark and Iceberg give the real jobs out of the
scripted ones. Whoever changes the lines that are named here is told so by `test_protections.py`.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.demo.running import REPOSITORY
from tests.faults.lab import HERE, Lab, deploy_scripts

LIBRARY = REPOSITORY / "glue" / "lib"
SCRIPTED = HERE / "scripted"


@dataclass(frozen=True)
class Protection:
    """Source text that protects, what stands there without it, and the case that must fail then."""

    path: Path
    text: str
    without: str
    case: str

    def switched_off(self) -> str:
        source = self.path.read_text(encoding="utf-8")
        if source.count(self.text) != 1:
            raise ValueError(f"{self.path} no longer has, or has more than once: {self.text!r}")
        return source.replace(self.text, self.without)


PROTECTIONS = {
    "conditional assignment": Protection(
        LIBRARY / "tui_etl" / "ledger.py",
        'condition = "attribute_exists(pk) AND attribute_not_exists(assigned_to)"',
        'condition = "attribute_exists(pk)"',
        "two runs take the same file at the same moment",
    ),
    "VOID before taking over": Protection(
        LIBRARY / "tui_etl" / "run.py",
        "if decision is Decision.VOID_HOLDER and not self.void(str(holder)):",
        "if False:",
        "a run commits late, and nobody but its heir could give it up",
    ),
    "conditional commit": Protection(
        LIBRARY / "tui_etl" / "ledger.py",
        """report = :report, counts = :counts",
            "#state = :started",""",
        """report = :report, counts = :counts",
            "#state <> :started OR #state = :started",""",
        "a run commits after it was called dead and its work was done by another",
    ),
    "version id": Protection(
        LIBRARY / "tui_etl" / "ingest" / "staging.py",
        'source = {"Bucket": file.bucket, "Key": file.key, "VersionId": file.version_id}',
        'source = {"Bucket": file.bucket, "Key": file.key}',
        "a key overwritten before Glue 1 has read it",
    ),
    "balance check": Protection(
        LIBRARY / "tui_etl" / "report.py",
        "    if problems:\n        raise Unbalanced",
        "    if False:\n        raise Unbalanced",
        "a Glue 2 run reads less than its input holds",
    ),
    "validated table commit": Protection(
        SCRIPTED / "conform.py",
        "Body=body, **condition)",
        "Body=body)",
        "a run writes to a table that another has changed since it was read",
    ),
    "default secured": Protection(
        SCRIPTED / "classify.py",
        'return "legacy" if record.get("zone") == "legacy" else "secured"',
        'return "secured" if record.get("zone") == "secured" else "legacy"',
        "every S3 event twice",
    ),
}


@contextmanager
def without(lab: Lab, protection: Protection) -> Iterator[None]:
    """The lab's jobs without a protection."""
    try:
        if protection.path.is_relative_to(LIBRARY):
            deploy_library(lab, protection)
        else:
            body = protection.switched_off().encode()
            lab.s3.put_object(Bucket=lab.bucket("scripts"), Key=f"jobs/{protection.path.name}", Body=body)
        yield
    finally:
        deploy_library(lab, None)
        deploy_scripts(lab)


def deploy_library(lab: Lab, protection: Protection | None) -> None:
    """Puts the library in place of the deployed one, without a protection or whole."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(LIBRARY.rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if protection and path == protection.path:
                text = protection.switched_off()
            archive.writestr(path.relative_to(LIBRARY).as_posix(), text)
    for key in lab.keys(lab.bucket("scripts"), "lib/"):
        lab.s3.put_object(Bucket=lab.bucket("scripts"), Key=key, Body=target.getvalue())
