"""What the tests of the jobs share: one local Spark session, and an AWS to talk to."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import boto3
import pytest
from pyspark.sql import SparkSession

from tui_etl.storage import CLIENT_CONFIG, Clients

LIBRARY = Path(__file__).parent.parent / "lib"


@pytest.fixture(scope="session")
def spark(endpoint: str) -> Iterator[SparkSession]:
    """A small local session; its Python workers import the library from the working tree, and know the emulated AWS."""
    os.environ |= variables(endpoint)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(LIBRARY), os.environ.get("PYTHONPATH"))))
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.session.timeZone": "UTC",
    }
    builder = SparkSession.builder.master("local[2]").appName("tests")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


def variables(endpoint: str) -> dict[str, str]:
    """What any AWS client reads from its environment."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an emulated AWS on loopback, without IAM; it ends with the tests."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("aws")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "LOG_LEVEL": "WARNING", "TMPDIR": str(folder)}
    address = f"http://127.0.0.1:{port}"
    with (folder / "emulator.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "ministack"], env=environment, stdout=log, stderr=log, cwd=folder
        )
        try:
            _wait_for(address, server)
            yield address
        finally:
            server.terminate()
            server.wait(timeout=30)


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urlopen(f"{address}/_ministack/health", timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError("the emulated AWS did not start")


@pytest.fixture
def aws(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Clients:
    """Clients of the emulated AWS; the environment says the same to whoever makes clients of their own."""
    for name, value in variables(endpoint).items():
        monkeypatch.setenv(name, value)
    session = boto3.session.Session()
    return Clients(*(session.client(name, config=CLIENT_CONFIG) for name in ("s3", "dynamodb", "glue")))
