"""What a local AWS needs of this machine, and how to get what is missing."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess

from local.settings import Instance

_PACKAGES = {
    "ministack": "ministack==1.5.33",
    "hypercorn": "hypercorn",
    "boto3": "boto3",
    "pyspark": "pyspark==3.5.6",
    "feature_store_pyspark": "sagemaker-feature-store-pyspark",
    "pyarrow": "pyarrow",
    "duckdb": "duckdb==1.5.5",
    "duckdb_extension_httpfs": "duckdb-extension-httpfs==1.5.5",
    "duckdb_extension_iceberg": "duckdb-extension-iceberg==1.5.5",
    "duckdb_extension_avro": "duckdb-extension-avro==1.5.5",
}
_JAVA = 17
_TERRAFORM = (1, 11)


def missing(instance: Instance) -> list[str]:
    """One line for each thing that is missing; empty when `up` can begin."""
    return [*_missing_packages(), *_missing_java(), *_missing_terraform(), *_missing_builds(instance)]


def _missing_packages() -> list[str]:
    absent = [pip for module, pip in _PACKAGES.items() if importlib.util.find_spec(module) is None]
    return [f"Python package {name}: run `make setup`" for name in absent]


def _version(command: list[str], pattern: str) -> tuple[int, ...] | None:
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(pattern, done.stdout + done.stderr)
    return tuple(int(number) for number in found.groups()) if found else None


def _missing_java() -> list[str]:
    lines = []
    for command, pattern in (("java", r'version "(\d+)'), ("javac", r"javac (\d+)")):
        version = _version([command, "-version"], pattern)
        if version is None or version[0] < _JAVA:
            lines.append(f"{command} {_JAVA} or newer: install a JDK, for example openjdk-17-jdk-headless")
    return lines


def _missing_terraform() -> list[str]:
    version = _version(["terraform", "version"], r"Terraform v(\d+)\.(\d+)")
    if version is None or version < _TERRAFORM:
        return ["terraform 1.11 or newer: see https://developer.hashicorp.com/terraform/install"]
    return []


def _missing_builds(instance: Instance) -> list[str]:
    """The zips that are deployed, one for each function of the workspace, and the library of the Glue jobs."""
    crates = sorted(path.parent.name for path in (instance.repository / "crates").glob("*/environment.txt"))
    target = instance.repository / "target"
    wanted = [*(target / "lambda" / f"{crate}.zip" for crate in crates), target / "glue" / "tui_etl.zip"]
    absent = [path for path in wanted if not path.exists()]
    return [f"{path.relative_to(instance.repository)}: run `make build`" for path in absent]
