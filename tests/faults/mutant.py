"""A copy of the sources in which one protection is off: functions are built from it, and tests are run in it.

It has a target directory of its own, so that what is really built and deployed is not touched. The first build compiles
all that the functions need; later ones only what a changed text leads to.
"""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Iterator
from pathlib import Path

from local.demo.running import REPOSITORY
from tests.faults.protections import Protection

WORKSPACE = REPOSITORY / "target" / "faults" / "mutant"
SOURCES = (
    *("Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "pyproject.toml"),
    *("contracts", "crates", "glue", "local", "tests/decisions"),
)
BUILD_SECONDS, TEST_SECONDS = 3600, 1800


class Unusable(Exception):
    """The copy does not build, or its tests do not run: nothing is known of the protection."""


def build(protection: Protection) -> Path:
    """The zip of a function without a protection."""
    write_workspace(protection)
    log = WORKSPACE.with_name("build.log")
    command = ["cargo", "build", "--locked", "--package", protection.function]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(WORKSPACE / "target")}
    with log.open("w") as output:
        done = subprocess.run(
            command, cwd=WORKSPACE, env=environment, stdout=output, stderr=output, timeout=BUILD_SECONDS, check=False
        )
    if done.returncode:
        raise Unusable(f"{protection.function} does not compile without {protection.name}; see {log}")
    binary = WORKSPACE / "target" / "debug" / protection.function
    package = WORKSPACE.with_name(f"{protection.function}.zip")
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(binary, "bootstrap")
    return package


def failed_tests(protection: Protection) -> dict[str, str]:
    """The first line of why each of its tests has failed, by node id; those that passed are not in it."""
    write_workspace(protection)
    report = WORKSPACE.with_name("tests.xml")
    report.unlink(missing_ok=True)
    log = report.with_suffix(".log")
    options = ["-p", "no:cacheprovider", f"--junitxml={report}", "-o", "junit_family=xunit1"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    with log.open("w") as output:
        subprocess.run(
            [sys.executable, "-m", "pytest", *options, *protection.tests],
            cwd=WORKSPACE, env=environment, stdout=output, stderr=output, timeout=TEST_SECONDS, check=False,
        )  # fmt: skip
    if not report.exists():
        raise Unusable(f"pytest did not come to an end; see {log}")
    return dict(failures(report, protection.tests, log))


def failures(report: Path, nodes: tuple[str, ...], log: Path) -> Iterator[tuple[str, str]]:
    """Raises `Unusable` for a test that did not run: what a fixture can't do says nothing of the product."""
    found = {
        f"{case.get('file')}::{case.get('name')}": case for case in ElementTree.parse(report).getroot().iter("testcase")
    }
    for node in nodes:
        case = found.get(node)
        if case is None or case.find("error") is not None or case.find("skipped") is not None:
            raise Unusable(f"{node} did not run; see {log}")
        failure = case.find("failure")
        if failure is not None:
            yield node, (failure.get("message") or "").partition("\n")[0]


def write_workspace(protection: Protection) -> None:
    """Makes the copy equal to the sources, but for the protection. What has not changed keeps its time stamp, and what
    has gets a new one: that is what cargo goes by."""
    wanted = {path.relative_to(REPOSITORY): path.read_bytes() for path in _sources(REPOSITORY)}
    wanted[Path(protection.path)] = protection.switched_off().encode()
    for path in list(_sources(WORKSPACE)):
        if path.relative_to(WORKSPACE) not in wanted:
            path.unlink()
    for name, content in wanted.items():
        target = WORKSPACE / name
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def _sources(root: Path) -> Iterator[Path]:
    for source in SOURCES:
        path = root / source
        for file in [path] if path.is_file() else path.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                yield file
