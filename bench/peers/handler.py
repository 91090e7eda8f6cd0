"""A function in Python that reads one item of the ledger, as the functions do first; the barest loop of a runtime."""

from __future__ import annotations

import json
import os
import urllib.request

import boto3

RUNTIME = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
dynamodb = boto3.client("dynamodb")

while True:
    with urllib.request.urlopen(f"{RUNTIME}/next") as answer:
        request_id = answer.headers["lambda-runtime-aws-request-id"]
        event = json.load(answer)
    key = {"pk": {"S": f"RUN#2#{event['detail']['jobRunId']}"}, "sk": {"S": "ITEM"}}
    item = dynamodb.get_item(TableName=os.environ["LEDGER_TABLE"], Key=key, ConsistentRead=True)["Item"]
    body = json.dumps({"state": item["state"]["S"]}).encode()
    urllib.request.urlopen(f"{RUNTIME}/{request_id}/response", data=body).close()
