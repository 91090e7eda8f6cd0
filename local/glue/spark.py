"""Spark for Glue jobs: jars, the s3:// file system, settings, Iceberg's class names."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from local.settings import Instance

_HERE = Path(__file__).resolve().parent.parent / "spark"
_SOURCES = sorted(_HERE.glob("*.java"))
_SERVICES = _HERE / "META-INF"
_SHADED = "smfs.shaded."
_ICEBERG_CLASS = re.compile(r"(?<![\w.])org\.apache\.iceberg\.")
_CATALOG = re.compile(r"^spark\.sql\.catalog\.([A-Za-z0-9_]+)$")
_HEAP = os.environ.get("TUI_LOCAL_DRIVER_MEMORY", "1g")
_CORES = os.environ.get("TUI_LOCAL_CORES", "2")
_JVM = os.environ.get("TUI_LOCAL_JVM_OPTIONS", "-XX:+UseSerialGC -XX:TieredStopAtLevel=1")
"""Quick to start, and a third slower on much data than Java's defaults: name others for a large input."""


class Missing(Exception):
    """Something that Spark needs is not on this machine."""


@dataclass(frozen=True)
class Jars:
    """`aws` carries the AWS SDK (and Iceberg, shaded); `iceberg` is an official runtime jar, if one was named."""

    aws: Path
    iceberg: Path | None

    @property
    def classpath(self) -> list[Path]:
        return [self.aws, *([self.iceberg] if self.iceberg else [])]


def find_jars() -> Jars:
    """The jars in the wheels of this Python; ICEBERG_SPARK_JAR names an official Iceberg runtime instead."""
    spec = importlib.util.find_spec("feature_store_pyspark")
    if spec is None or not spec.submodule_search_locations:
        raise Missing("the Python package sagemaker-feature-store-pyspark (its jar has Iceberg and the AWS SDK)")
    folder = Path(spec.submodule_search_locations[0]) / "jars"
    aws = folder / "sagemaker-feature-store-spark-sdk-3.5.jar"
    if not aws.exists():
        raise Missing(f"{aws} (part of sagemaker-feature-store-pyspark)")
    named = os.environ.get("ICEBERG_SPARK_JAR")
    if named and not Path(named).exists():
        raise Missing(f"the file that ICEBERG_SPARK_JAR names: {named}")
    return Jars(aws, Path(named) if named else None)


def pyspark_jars() -> Path:
    spec = importlib.util.find_spec("pyspark")
    if spec is None or not spec.submodule_search_locations:
        raise Missing("the Python package pyspark")
    return Path(spec.submodule_search_locations[0]) / "jars"


def compile_classes(repository: Path, jars: Jars) -> Path:
    """The folder of the compiled `s3://` file system, and of what the jar lacks; compiled once for a repository."""
    services = [path for path in sorted(_SERVICES.rglob("*")) if path.is_file()]
    sources = b"".join(path.read_bytes() for path in [*_SOURCES, *services])
    version = hashlib.sha256(sources + str(jars.aws).encode()).hexdigest()[:12]
    classes = repository / "target" / "local-spark" / version
    if classes.exists():
        return classes
    classes.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=classes.parent, prefix=".compiling-"))
    classpath = os.pathsep.join([str(jars.aws), f"{pyspark_jars()}/*"])
    command = ["javac", "-nowarn", "--release", "17", "-cp", classpath, "-d", str(partial), *map(str, _SOURCES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(partial)
        raise RuntimeError(f"{_HERE} does not compile:\n{done.stderr}")
    shutil.copytree(_SERVICES, partial / _SERVICES.name)
    try:
        partial.rename(classes)
    except OSError:  # another instance was quicker
        shutil.rmtree(partial)
    return classes


def prepare(instance: Instance) -> None:
    """Compiles what Spark needs, and writes its settings."""
    jars = find_jars()
    classes = compile_classes(instance.repository, jars)
    conf = instance.spark / "conf"
    conf.mkdir(parents=True, exist_ok=True)
    (conf / "spark-defaults.conf").write_text(
        "".join(f"{key} {value}\n" for key, value in defaults(jars, classes).items()), encoding="utf-8"
    )
    (conf / "log4j2.properties").write_text(_LOGGING, encoding="utf-8")


def defaults(jars: Jars, classes: Path) -> dict[str, str]:
    """Small and quick: this Spark shares a few cores with the emulator."""
    return {
        "spark.master": f"local[{_CORES}]",
        "spark.driver.memory": _HEAP,
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraClassPath": ":".join(str(path) for path in [classes, *jars.classpath]),
        "spark.driver.extraJavaOptions": _JVM,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": _CORES,
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.hadoop.fs.s3.impl": "tui.local.S3FileSystem",
        "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
    }


_LOGGING = """\
rootLogger.level = warn
rootLogger.appenderRef.stdout.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n%ex
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
logger.metrics.name = org.apache.hadoop.metrics2
logger.metrics.level = error
"""


def split_conf(value: str) -> dict[str, str]:
    """Glue takes one `--conf` and lets further ones follow in its value: `a=b --conf c=d`."""
    settings: dict[str, str] = {}
    for part in re.split(r"\s+--conf\s+", value.strip()):
        key, separator, setting = part.strip().partition("=")
        if separator:
            settings[key.strip()] = setting.strip()
    return settings


def local_conf(settings: dict[str, str], endpoint: str, shaded: bool) -> dict[str, str]:
    """The job's settings for this machine: Iceberg's classes under their shaded names, catalogs at this endpoint."""
    mapped = {
        key: _ICEBERG_CLASS.sub(_SHADED + "org.apache.iceberg.", value) if shaded else value
        for key, value in settings.items()
    }
    for key in settings:
        catalog = _CATALOG.match(key)
        if catalog:
            prefix = f"spark.sql.catalog.{catalog[1]}"
            mapped.setdefault(f"{prefix}.glue.endpoint", endpoint)
            mapped.setdefault(f"{prefix}.s3.endpoint", endpoint)
            mapped.setdefault(f"{prefix}.s3.path-style-access", "true")
    return mapped
