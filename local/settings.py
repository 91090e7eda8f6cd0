"""Where one local AWS lives: its folder, its ports, its accounts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

DATA_ACCOUNT = "111111111111"
APPLICATION_ACCOUNT = "222222222222"
REGION = "us-east-1"
ENVIRONMENT = "dev"
ROOT_SECRET = "test"
INSTANCE_VARIABLE = "TUI_LOCAL_INSTANCE"
"""Every process that an instance starts carries this variable, so that `down` finds it even after a crash."""


@dataclass(frozen=True)
class Instance:
    """One local AWS. Two with different folders and ports run side by side."""

    repository: Path
    folder: Path
    port: int

    @classmethod
    def from_environment(cls) -> Instance:
        repository = Path(__file__).resolve().parent.parent
        folder = Path(os.environ.get("TUI_LOCAL_DIR") or repository / "target" / "local")
        return cls(repository, folder.resolve(), int(os.environ.get("TUI_LOCAL_PORT") or "4566"))

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def incident_port(self) -> int:
        return self.port + 1

    @property
    def incident_url(self) -> str:
        return f"http://127.0.0.1:{self.incident_port}"

    @property
    def record(self) -> Path:
        """What `up` left behind: ports, process ids, Terraform's outputs."""
        return self.folder / "instance.json"

    @property
    def runs(self) -> Path:
        """A log file per Glue run, and a folder per run below `work/`."""
        return self.folder / "glue"

    @property
    def spark(self) -> Path:
        return self.folder / "spark"

    @property
    def aws_config(self) -> Path:
        return self.folder / "aws" / "config"

    @property
    def aws_credentials(self) -> Path:
        return self.folder / "aws" / "credentials"

    def client_environment(self) -> dict[str, str]:
        """The variables with which any AWS client talks to this instance, as the application account's root."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": APPLICATION_ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": ROOT_SECRET,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(self.aws_config),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.aws_credentials),
        }
