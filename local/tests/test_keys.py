"""Encrypted things want the key as well as the thing, across accounts too."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from local.emulator.keys import READ, SEND, WRITE
from local.tests.support import APPLICATION_ACCOUNT, DATA_ACCOUNT, Cloud, for_role, policy, statement, wait_for


def key(cloud: Cloud, account: str, *statements: dict) -> str:
    owner = statement("kms:*", "*", Principal={"AWS": f"arn:aws:iam::{account}:root"})
    made = cloud.client("kms", account).create_key(Policy=policy(owner, *statements))
    return made["KeyMetadata"]["Arn"]


def use(key_arn: str, actions: tuple[str, ...], service: str) -> dict:
    via = {"StringEquals": {"kms:ViaService": f"{service}.us-east-1.amazonaws.com"}}
    return statement(list(actions), key_arn, Condition=via)


def refused(call: object, **arguments: object) -> None:
    with pytest.raises(ClientError, match=r"AccessDenied|not authorized"):
        call(**arguments)  # type: ignore[operator]


def test_an_encrypted_object_of_the_other_account_wants_its_key_on_both_sides(cloud: Cloud) -> None:
    bucket = cloud.bucket(DATA_ACCOUNT)
    data, objects = cloud.client("s3", DATA_ACCOUNT), f"arn:aws:s3:::{bucket}/*"
    access = statement(["s3:GetObject", "s3:PutObject"], objects)
    role, keyless = cloud.role(access), cloud.role(access)
    arn = key(cloud, DATA_ACCOUNT, statement([*READ, *WRITE], "*", **for_role(role)))
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}
    data.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": default}]},
    )
    cloud.put_bucket_policy(bucket, DATA_ACCOUNT, *({**access, **for_role(arn)} for arn in (role, keyless)))
    client = cloud.as_role(role, "s3")
    refused(client.put_object, Bucket=bucket, Key="a", Body=b"a")
    name = role.rsplit("/", 1)[-1]
    grant = policy(use(arn, (*READ, *WRITE), "s3"))
    cloud.client("iam").put_role_policy(RoleName=name, PolicyName="key", PolicyDocument=grant)
    client.put_object(Bucket=bucket, Key="a", Body=b"a")
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"a"
    cloud.client("iam").put_role_policy(RoleName=keyless.rsplit("/", 1)[-1], PolicyName="key", PolicyDocument=grant)
    refused(cloud.as_role(keyless, "s3").get_object, Bucket=bucket, Key="a")
    assert {(line["action"], line["decision"]) for line in cloud.decisions(role, resource=arn)} == {
        ("kms:GenerateDataKey", "Deny"),
        ("kms:GenerateDataKey", "Allow"),
        ("kms:Decrypt", "Allow"),
    }


def test_an_object_wants_the_key_that_it_was_put_with(cloud: Cloud) -> None:
    bucket, foreign = cloud.bucket(), key(cloud, APPLICATION_ACCOUNT)
    owner, objects = cloud.client("s3"), f"arn:aws:s3:::{bucket}/*"
    owner.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    own = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": foreign}
    sealed = owner.put_object(Bucket=bucket, Key="a", Body=b"sealed", **own)["VersionId"]
    plain = owner.put_object(Bucket=bucket, Key="a", Body=b"plain")["VersionId"]
    access = statement(["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"], objects)
    keyless = cloud.as_role(cloud.role(access), "s3")
    assert keyless.get_object(Bucket=bucket, Key="a", VersionId=plain)["Body"].read() == b"plain"
    refused(keyless.get_object, Bucket=bucket, Key="a", VersionId=sealed)
    copy = {"Bucket": bucket, "Key": "b", "CopySource": {"Bucket": bucket, "Key": "a", "VersionId": sealed}}
    refused(keyless.copy_object, **copy)
    refused(keyless.put_object, Bucket=bucket, Key="c", Body=b"", **own)
    holder = cloud.as_role(cloud.role(access, use(foreign, (*READ, *WRITE), "s3")), "s3")
    assert holder.get_object(Bucket=bucket, Key="a", VersionId=sealed)["Body"].read() == b"sealed"
    holder.copy_object(**copy)
    assert keyless.get_object(Bucket=bucket, Key="b")["Body"].read() == b"sealed"
    holder.put_object(Bucket=bucket, Key="c", Body=b"", **own)
    refused(keyless.get_object, Bucket=bucket, Key="c")


def test_an_encrypted_table_wants_its_key(cloud: Cloud) -> None:
    arn, table = key(cloud, APPLICATION_ACCOUNT), cloud.name("table")
    cloud.client("dynamodb").create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": arn},
    )
    access = statement("dynamodb:GetItem", f"arn:aws:dynamodb:us-east-1:{APPLICATION_ACCOUNT}:table/{table}")
    request = {"TableName": table, "Key": {"pk": {"S": "a"}}}
    refused(cloud.as_role(cloud.role(access), "dynamodb").get_item, **request)
    cloud.as_role(cloud.role(access, use(arn, READ, "dynamodb")), "dynamodb").get_item(**request)
    refused(cloud.as_role(cloud.role(access, use(arn, READ, "s3")), "dynamodb").get_item, **request)


def test_an_encrypted_queue_wants_its_key_of_senders(cloud: Cloud) -> None:
    arn = key(cloud, APPLICATION_ACCOUNT)
    url, queue = cloud.queue(KmsMasterKeyId=arn)
    access = statement("sqs:SendMessage", queue)
    refused(cloud.as_role(cloud.role(access), "sqs").send_message, QueueUrl=url, MessageBody="x")
    role = cloud.role(access, use(arn, SEND, "sqs"))
    cloud.as_role(role, "sqs").send_message(QueueUrl=url, MessageBody="x")


def test_a_key_that_does_not_admit_s3_loses_its_notifications(cloud: Cloud) -> None:
    bucket = cloud.bucket(DATA_ACCOUNT)
    notifier = {"Service": "s3.amazonaws.com"}
    source = {"StringEquals": {"aws:SourceAccount": DATA_ACCOUNT}}
    admitted = statement(list(SEND), "*", Principal=notifier, Condition=source)
    closed, opened = key(cloud, APPLICATION_ACCOUNT), key(cloud, APPLICATION_ACCOUNT, admitted)
    queues = {}
    for prefix, arn in (("closed/", closed), ("opened/", opened)):
        url, queue = cloud.queue(KmsMasterKeyId=arn)
        send = statement("sqs:SendMessage", queue, Principal=notifier, Condition=source)
        cloud.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy(send)})
        queues[prefix] = (url, queue)
    rules = [
        {
            "QueueArn": queue,
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}},
        }
        for prefix, (_, queue) in queues.items()
    ]
    data = cloud.client("s3", DATA_ACCOUNT)
    data.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": rules}, SkipDestinationValidation=True
    )
    for prefix in queues:
        data.put_object(Bucket=bucket, Key=f"{prefix}a", Body=b"")

    def keys_in(prefix: str) -> list[str]:
        bodies = [json.loads(message["Body"]) for message in cloud.messages(queues[prefix][0])]
        return [record["s3"]["object"]["key"] for body in bodies for record in body.get("Records", [])]

    wait_for(lambda: keys_in("opened/") == ["opened/a"])
    assert keys_in("closed/") == []
