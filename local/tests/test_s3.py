"""Keys that XML can't hold come out of listings whole, encoded for who asks for it."""

from __future__ import annotations

from typing import Any

import pytest

from local.tests.support import Cloud

KEYS = ["a b+c/ünï %20.json", "esc/\x1b[31mred\nline.json", "plain*~(1)!'.json"]


def listed(cloud: Cloud, bucket: str, encoding: str | None, **wanted: Any) -> dict:
    client = cloud.client("s3")
    if encoding is None:
        return dict(client.list_object_versions(Bucket=bucket, **wanted))
    return dict(client.list_object_versions(Bucket=bucket, EncodingType=encoding, **wanted))


@pytest.fixture
def bucket(cloud: Cloud) -> str:
    name, client = cloud.bucket(), cloud.client("s3")
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for key in KEYS:
        client.put_object(Bucket=name, Key=key, Body=b"1")
        client.delete_object(Bucket=name, Key=key)
    return name


def test_boto3_asks_for_the_encoding_and_decodes_it_unasked(cloud: Cloud, bucket: str) -> None:
    answer = listed(cloud, bucket, None)
    for kind in ("Versions", "DeleteMarkers"):
        assert [version["Key"] for version in answer[kind]] == KEYS
    folders = listed(cloud, bucket, None, Delimiter="/", Prefix="")
    assert [folder["Prefix"] for folder in folders["CommonPrefixes"]] == ["a b+c/", "esc/"]


def test_who_asks_for_encoded_keys_gets_all_of_a_listing_encoded(cloud: Cloud, bucket: str) -> None:
    answer = listed(cloud, bucket, "url")
    encoded = ["a+b%2Bc/%C3%BCn%C3%AF+%2520.json", "esc/%1B%5B31mred%0Aline.json", "plain*~%281%29%21%27.json"]
    assert (answer["EncodingType"], [version["Key"] for version in answer["Versions"]]) == ("url", encoded)
    assert [marker["Key"] for marker in answer["DeleteMarkers"]] == encoded
    folders = listed(cloud, bucket, "url", Delimiter="/", Prefix="a b")
    assert (folders["Prefix"], folders["CommonPrefixes"]) == ("a+b", [{"Prefix": "a+b%2Bc/"}])


def test_an_encoded_listing_goes_on_where_it_says(cloud: Cloud, bucket: str) -> None:
    first = listed(cloud, bucket, "url", MaxKeys=4)
    assert (first["IsTruncated"], first["NextKeyMarker"]) == (True, "esc/%1B%5B31mred%0Aline.json")
    more = {"KeyMarker": KEYS[1], "VersionIdMarker": first["NextVersionIdMarker"]}
    second = listed(cloud, bucket, "url", **more)
    assert (second["KeyMarker"], second["IsTruncated"]) == (first["NextKeyMarker"], False)
    assert [version["Key"] for version in second["Versions"]] == ["plain*~%281%29%21%27.json"]
    pages = (
        cloud.client("s3")
        .get_paginator("list_object_versions")
        .paginate(Bucket=bucket, PaginationConfig={"PageSize": 1})
    )
    assert [version["Key"] for page in pages for version in page.get("Versions", [])] == KEYS
