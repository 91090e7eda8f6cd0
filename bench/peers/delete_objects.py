"""Delete what a manifest lists: `delete_objects` by 1,000, so many calls at a time."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import boto3
from botocore.config import Config

calls_at_once, runs = int(sys.argv[1]), int(sys.argv[2])
s3 = boto3.client("s3", config=Config(max_pool_connections=max(10, calls_at_once)))


def keys() -> Iterator[str]:
    for run in range(runs):
        manifest = s3.get_object(Bucket="state", Key=f"manifests/stage=1/run=jr_{run:06}.jsonl")["Body"]
        for line in manifest.iter_lines(1 << 16):
            output = json.loads(line).get("output")
            if output:
                yield output["key"]


def delete(batch: list[str]) -> list[Any]:
    objects = [{"Key": key} for key in batch]
    answer = s3.delete_objects(Bucket="raw", Delete={"Objects": objects, "Quiet": True})
    return answer.get("Errors", [])


def batches() -> Iterator[list[str]]:
    listed = keys()
    while batch := list(islice(listed, 1000)):
        yield batch


if calls_at_once == 1:
    errors = [error for batch in batches() for error in delete(batch)]
else:
    with ThreadPoolExecutor(calls_at_once) as pool:
        errors = [error for errors in pool.map(delete, batches()) for error in errors]
sys.exit(1 if errors else 0)
