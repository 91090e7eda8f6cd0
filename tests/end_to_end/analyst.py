"""People with nothing but their role."""

from __future__ import annotations

from typing import Any

import boto3

from local.settings import REGION
from tests.pipeline_under_test import Watched


def session_of(pipeline: Watched, name: str) -> boto3.session.Session:
    """A session of one of the deployed roles."""
    arn = f"arn:aws:iam::222222222222:role/{pipeline.outputs['roles'][name]}"
    keys = pipeline.client("sts").assume_role(RoleArn=arn, RoleSessionName="analyst")["Credentials"]
    return boto3.session.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], REGION)


class Analyst(Watched):
    """A reader's role, with nothing but its own permissions."""

    def __init__(self, pipeline: Watched, name: str) -> None:
        super().__init__(pipeline.instance)
        self.session = session_of(pipeline, name)
        self.workgroup = pipeline.outputs["legacy_workgroup" if name == "legacy-reader" else "workgroup"]

    def client(self, service: str, **options: Any) -> Any:
        return self.session.client(service, endpoint_url=self.instance.endpoint, **options)

    def count(self, database: str, table: str) -> int:
        return int(self.query(f'SELECT count(*) FROM "{database}"."{table}"', workgroup=self.workgroup)[0][0] or 0)
