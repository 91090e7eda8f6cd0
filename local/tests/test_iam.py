"""Who may do what across the two accounts, and that each decision about a role is written down."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.support import DATA_ACCOUNT, Cloud, for_role, statement


def refused(call: object, **arguments: object) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)  # type: ignore[operator]
    return caught.value.response["Error"]["Code"]


def test_a_foreign_bucket_wants_both_policies(cloud: Cloud) -> None:
    bucket = cloud.bucket(DATA_ACCOUNT)
    objects = f"arn:aws:s3:::{bucket}/*"
    cloud.client("s3", DATA_ACCOUNT).put_object(Bucket=bucket, Key="a", Body=b"a")
    both, only_bucket = cloud.role(statement("s3:GetObject", objects)), cloud.role()
    only_identity = cloud.role(statement("s3:GetObject", objects))
    cloud.put_bucket_policy(
        bucket,
        DATA_ACCOUNT,
        *(statement("s3:GetObject", objects, **for_role(role)) for role in (both, only_bucket)),
    )
    assert cloud.as_role(both, "s3").get_object(Bucket=bucket, Key="a")["Body"].read() == b"a"
    for role in (only_bucket, only_identity):
        assert refused(cloud.as_role(role, "s3").get_object, Bucket=bucket, Key="a") == "AccessDenied"
    assert "the resource's policy does not" in cloud.decisions(only_identity, decision="Deny")[0]["reason"]


@pytest.mark.parametrize("key", ["open/new\nline", "open/at the end\n", "open/\r\u2028"])
def test_a_wildcard_matches_every_character(cloud: Cloud, key: str) -> None:
    bucket = cloud.bucket()
    client = cloud.as_role(cloud.role(statement("s3:PutObject", f"arn:aws:s3:::{bucket}/open/*")), "s3")
    client.put_object(Bucket=bucket, Key=key, Body=b"")
    assert refused(client.put_object, Bucket=bucket, Key=f"closed/{key}", Body=b"") == "AccessDenied"


def test_a_line_feed_at_the_end_is_part_of_the_name(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    client = cloud.as_role(cloud.role(statement("s3:PutObject", f"arn:aws:s3:::{bucket}/a")), "s3")
    client.put_object(Bucket=bucket, Key="a", Body=b"")
    assert refused(client.put_object, Bucket=bucket, Key="a\n", Body=b"") == "AccessDenied"


def test_an_explicit_deny_of_the_bucket_wins(cloud: Cloud) -> None:
    bucket = cloud.bucket(DATA_ACCOUNT)
    objects = f"arn:aws:s3:::{bucket}/*"
    role = cloud.role(statement("s3:PutObject", objects))
    denied = statement("s3:PutObject", f"arn:aws:s3:::{bucket}/secured/*", effect="Deny", Principal="*")
    cloud.put_bucket_policy(bucket, DATA_ACCOUNT, statement("s3:PutObject", objects, **for_role(role)), denied)
    client = cloud.as_role(role, "s3")
    client.put_object(Bucket=bucket, Key="open/a", Body=b"")
    assert refused(client.put_object, Bucket=bucket, Key="secured/a", Body=b"") == "AccessDenied"


def test_a_policy_that_wants_tls_is_met(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    cloud.put_bucket_policy(
        bucket,
        "222222222222",
        statement("s3:*", f"arn:aws:s3:::{bucket}/*", effect="Deny", Principal="*", Condition=insecure),
    )
    role = cloud.role(statement("s3:PutObject", f"arn:aws:s3:::{bucket}/*"))
    cloud.as_role(role, "s3").put_object(Bucket=bucket, Key="a", Body=b"")


def test_reading_a_version_is_an_action_of_its_own(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    owner = cloud.client("s3")
    owner.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = owner.put_object(Bucket=bucket, Key="a", Body=b"a")["VersionId"]
    role = cloud.role(statement("s3:GetObject", f"arn:aws:s3:::{bucket}/*"))
    client = cloud.as_role(role, "s3")
    client.get_object(Bucket=bucket, Key="a")
    assert refused(client.get_object, Bucket=bucket, Key="a", VersionId=version) == "AccessDenied"
    assert [line["action"] for line in cloud.decisions(role, decision="Deny")] == ["s3:GetObjectVersion"]
    assert refused(client.list_object_versions, Bucket=bucket) == "AccessDenied"
    assert cloud.decisions(role, action="s3:ListBucketVersions", decision="Deny")


def test_a_copy_across_accounts_reads_and_writes_under_the_role(cloud: Cloud) -> None:
    source, target = cloud.bucket(DATA_ACCOUNT), cloud.bucket(DATA_ACCOUNT)
    data = cloud.client("s3", DATA_ACCOUNT)
    data.put_object(Bucket=source, Key="a", Body=b"a")
    read, write = (
        statement("s3:GetObject", f"arn:aws:s3:::{source}/*"),
        statement("s3:PutObject", f"arn:aws:s3:::{target}/*"),
    )
    role = cloud.role(read, write)
    client = cloud.as_role(role, "s3")
    copy = {"Bucket": target, "Key": "b", "CopySource": {"Bucket": source, "Key": "a"}}
    cloud.put_bucket_policy(target, DATA_ACCOUNT, {**write, **for_role(role)})
    assert refused(client.copy_object, **copy) == "AccessDenied"
    cloud.put_bucket_policy(source, DATA_ACCOUNT, {**read, **for_role(role)})
    client.copy_object(**copy)
    assert data.get_object(Bucket=target, Key="b")["Body"].read() == b"a"


def test_the_application_root_key_administers_the_data_account_and_not_the_other_way_round(cloud: Cloud) -> None:
    data_bucket, application_bucket = cloud.bucket(DATA_ACCOUNT), cloud.bucket()
    person = cloud.client("s3")
    person.put_object(Bucket=data_bucket, Key="a", Body=b"a")
    assert [entry["Key"] for entry in person.list_objects_v2(Bucket=data_bucket)["Contents"]] == ["a"]
    data = cloud.client("s3", DATA_ACCOUNT)
    assert refused(data.put_object, Bucket=application_bucket, Key="a", Body=b"") == "AccessDenied"


def test_only_who_may_list_is_told_that_an_object_or_a_version_is_absent(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    cloud.client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    gone = cloud.client("s3").put_object(Bucket=bucket, Key="a", Body=b"a")["VersionId"]
    cloud.client("s3").delete_object(Bucket=bucket, Key="a", VersionId=gone)
    read = statement(["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"], f"arn:aws:s3:::{bucket}/*")
    blind = cloud.as_role(cloud.role(read), "s3")
    copy = {"Bucket": bucket, "Key": "b", "CopySource": {"Bucket": bucket, "Key": "a", "VersionId": gone}}
    assert refused(blind.get_object, Bucket=bucket, Key="a") == "AccessDenied"
    assert refused(blind.head_object, Bucket=bucket, Key="a") == "403"
    assert refused(blind.copy_object, **copy) == "AccessDenied"
    seeing = cloud.as_role(
        cloud.role(read, statement(["s3:ListBucket", "s3:ListBucketVersions"], f"arn:aws:s3:::{bucket}")), "s3"
    )
    assert refused(seeing.get_object, Bucket=bucket, Key="a") == "NoSuchKey"
    assert refused(seeing.head_object, Bucket=bucket, Key="a") == "404"
    assert refused(seeing.copy_object, **copy) == "NoSuchVersion"


def test_who_may_send_events_of_one_source_may_send_no_others(cloud: Cloud) -> None:
    allowed = statement("events:PutEvents", "arn:aws:events:us-east-1:222222222222:event-bus/default")
    role = cloud.role(allowed | {"Condition": {"StringEquals": {"events:source": "mine"}}})
    client, event = cloud.as_role(role, "events"), {"DetailType": "a", "Detail": "{}"}
    assert client.put_events(Entries=[event | {"Source": "mine"}])["FailedEntryCount"] == 0
    assert "AccessDenied" in refused(client.put_events, Entries=[event | {"Source": "other"}])


def test_glue_calls_are_checked_on_catalog_database_and_table(cloud: Cloud) -> None:
    glue, name = cloud.client("glue"), cloud.name("db").replace("-", "_")
    glue.create_database(DatabaseInput={"Name": name})
    glue.create_table(DatabaseName=name, TableInput={"Name": "t"})
    prefix = "arn:aws:glue:us-east-1:222222222222:"
    whole = [f"{prefix}catalog", f"{prefix}database/{name}", f"{prefix}table/{name}/t"]
    enough = cloud.role(statement(["glue:GetTable", "glue:GetDatabase"], whole))
    no_table = cloud.role(statement("glue:GetTable", whole[:2]))
    cloud.as_role(enough, "glue").get_table(DatabaseName=name, Name="t")
    cloud.as_role(enough, "glue").get_database(Name=name)
    assert refused(cloud.as_role(no_table, "glue").get_table, DatabaseName=name, Name="t") == "AccessDeniedException"
    assert [line["resource"] for line in cloud.decisions(no_table, decision="Deny")] == [whole[2]]


def test_an_allowed_call_is_logged_with_the_statement_that_allowed_it(cloud: Cloud) -> None:
    _, arn = cloud.queue()
    url = cloud.client("sqs").get_queue_url(QueueName=arn.rsplit(":", 1)[-1])["QueueUrl"]
    role = cloud.role(statement("sqs:SendMessage", arn))
    cloud.as_role(role, "sqs").send_message(QueueUrl=url, MessageBody="x")
    (line,) = cloud.decisions(role, action="sqs:SendMessage")
    assert (line["resource"], line["decision"], line["reason"]) == (arn, "Allow", "Allow Test")
    assert line["principal"].startswith("arn:aws:sts::222222222222:assumed-role/")


def test_a_call_deletes_a_thousand_keys_at_most(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    keys = [{"Key": f"k{number}"} for number in range(1001)]
    client = cloud.client("s3")
    assert refused(client.delete_objects, Bucket=bucket, Delete={"Objects": keys}) == "MalformedXML"
    client.delete_objects(Bucket=bucket, Delete={"Objects": keys[:1000]})


def test_a_schedule_is_known_by_its_group_and_its_name(cloud: Cloud) -> None:
    scheduler, group = cloud.client("scheduler"), cloud.name("group")
    scheduler.create_schedule_group(Name=group)
    scheduler.create_schedule(
        Name="weekly",
        GroupName=group,
        ScheduleExpression="rate(7 days)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": "arn:aws:sqs:us-east-1:222222222222:none", "RoleArn": cloud.role()},
    )

    def who_may_look_in(other: str) -> Any:
        arn = f"arn:aws:scheduler:us-east-1:222222222222:schedule/{other}/weekly"
        return cloud.as_role(cloud.role(statement("scheduler:GetSchedule", arn)), "scheduler")

    assert who_may_look_in(group).get_schedule(Name="weekly", GroupName=group)["GroupName"] == group
    elsewhere = who_may_look_in("default")
    assert refused(elsewhere.get_schedule, Name="weekly", GroupName=group) == "AccessDeniedException"
