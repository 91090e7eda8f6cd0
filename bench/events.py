"""Events as the functions get them, and items as DynamoDB spells them."""

from __future__ import annotations

import json
from typing import Any

#: The classify run that `clean-prefix` cleans up after; the server's manifests and items name it too.
CLASSIFY_RUN = "jr_classify"


def state_change(job: str, run_id: str) -> dict[str, Any]:
    """Glue's word that a run succeeded."""
    return {
        "version": "0",
        "id": "00000000-0000-0000-0000-000000000000",
        "source": "aws.glue",
        "account": "000000000000",
        "region": "us-east-1",
        "time": "2026-05-08T12:00:00Z",
        "resources": [],
        "detail-type": "Glue Job State Change",
        "detail": {"jobName": job, "severity": "INFO", "state": "SUCCEEDED", "jobRunId": run_id, "message": "done"},
    }


def committed_run(stage: int, run_id: str, **attributes: str) -> dict[str, Any]:
    """A run that committed."""
    item = {
        "pk": f"RUN#{stage}#{run_id}",
        "sk": "ITEM",
        "run_id": run_id,
        "job": f"glue-{stage}-bench",
        "state": "COMMITTED",
        "manifest": f"s3://state/manifests/stage={stage}/run={run_id}.jsonl",
    }
    return {name: {"S": value} for name, value in (item | attributes).items()}


def landed(count: int) -> dict[str, Any]:
    """A batch of messages from the landing queue, each as long as S3 and SQS make it."""
    return {"Records": [_message(number) for number in range(count)]}


def _message(number: int) -> dict[str, Any]:
    return {
        "messageId": f"{number:08x}-0000-0000-0000-000000000000",
        # SQS's handles are a few hundred characters.
        "receiptHandle": "A" * 256,
        "body": json.dumps({"Records": [_record(number)]}, separators=(",", ":")),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1778241600000",
            "SenderId": "AROAEXAMPLEEXAMPLE:S3-PROD-END",
            "ApproximateFirstReceiveTimestamp": "1778241660000",
        },
        "messageAttributes": {},
        "md5OfBody": "9e107d9d372bb6826bd81d3542a419d6",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:landing",
        "awsRegion": "us-east-1",
    }


def _record(number: int) -> dict[str, Any]:
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-05-08T12:00:00.000Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:AROAEXAMPLEEXAMPLE:landing-sync"},
        "requestParameters": {"sourceIPAddress": "192.0.2.1"},
        "responseElements": {"x-amz-request-id": "0123456789ABCDEF", "x-amz-id-2": "A" * 76},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "landing",
            "bucket": {
                "name": "landing",
                "ownerIdentity": {"principalId": "A1EXAMPLE"},
                "arn": "arn:aws:s3:::landing",
            },
            "object": {
                "key": f"tui/legacy/bookings/2026-05-08/part-{number:010}.jsonl.gz",
                "size": 123456,
                "eTag": "9e107d9d372bb6826bd81d3542a419d6",
                "versionId": f"{number:032x}",
                "sequencer": "0055AED6DCD90281E5",
            },
        },
    }
