"""S3: bucket policies across accounts, what is said of absent objects, encoded listings, the limit of DeleteObjects."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any
from urllib.parse import quote_plus, unquote

from defusedxml.ElementTree import fromstring
from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.core.router import extract_access_key_id
from ministack.services import s3, sts

from local.emulator import roles
from local.settings import APPLICATION_ACCOUNT, DATA_ACCOUNT

_KEYS_A_CALL = 1000
_ENCODED = ("Key", "Prefix", "Delimiter", "KeyMarker", "NextKeyMarker")


def install() -> None:
    _find_policies_of_foreign_buckets()
    _decide_on_foreign_buckets()
    _hide_what_is_absent_from_who_may_not_list()
    _encode_listed_versions()
    _limit_delete_objects()


def _find_policies_of_foreign_buckets() -> None:
    original = s3.bucket_policy_for_arn

    def bucket_policy_for_arn(resource_arn: str) -> tuple[str, str] | None:
        # The emulator sees a bucket's policy only when the caller's account owns the bucket. Bucket names are
        # global: with the owner at hand, a call across accounts needs the identity's policy and the bucket's.
        if resource_arn.startswith("arn:aws:s3:::"):
            bucket = resource_arn.removeprefix("arn:aws:s3:::").split("/", 1)[0]
            owner = s3._bucket_owner_account(bucket)
            if owner is not None:
                return s3._bucket_policies.get_scoped(owner, None, bucket) or "", owner
        return original(resource_arn)

    s3.bucket_policy_for_arn = bucket_policy_for_arn


def _decide_on_foreign_buckets() -> None:
    original = s3._foreign_bucket_allows

    def allows(
        owner: str, bucket: str, key: str, method: str, query: dict, caller: str, headers: dict | None = None
    ) -> bool:
        # The emulator evaluates a foreign bucket's policy for `<account>:root` and so refuses policies that name a
        # role. A role's request has been decided before it comes here, by both policies (see above).
        principal = iam_evaluator.caller_arn()
        if caller and not principal.endswith(":root"):
            return True
        # On this machine alone, the application account's root key is a person's administrator key for both accounts.
        if caller == APPLICATION_ACCOUNT and owner == DATA_ACCOUNT:
            return True
        return bool(original(owner, bucket, key, method, query, caller, headers))

    s3._foreign_bucket_allows = allows


def _hide_what_is_absent_from_who_may_not_list() -> None:
    original = s3.handle_request

    async def handle_request(method: str, path: str, headers: dict, body: bytes, query: dict) -> tuple:
        # The emulator tells everybody that a key or a version is absent. S3 says 404 to who may list the bucket
        # (its versions, if a version was named), and 403 to others. There is no s3:prefix in such a request.
        key = extract_access_key_id(headers, query)
        account = get_account_id()
        answer = await original(method, path, headers, body, query)
        if answer[0] != 404 or key not in sts._sessions:
            return answer
        source = headers.get("x-amz-copy-source")
        bucket, _, name = (unquote(source.partition("?")[0]) if source else path).lstrip("/").partition("/")
        if not name or method not in ("GET", "HEAD", "PUT") or s3._bucket_owner_account(bucket) is None:
            return answer
        versioned = "versionId" in ((source or "").partition("?")[2] if source else query)
        action = "s3:ListBucketVersions" if versioned else "s3:ListBucket"
        with request_scope(account, get_region()), roles.signed_by_the_service():
            denied = iam_evaluator.enforce(key, action, "s3", get_region(), f"arn:aws:s3:::{bucket}")
        return s3._error("AccessDenied", "Access Denied", 403, path) if denied else answer

    s3.handle_request = handle_request


def _encode_listed_versions() -> None:
    original, written = s3._list_object_versions, s3._xml_body
    is_asked_for: ContextVar[bool] = ContextVar("is_asked_for", default=False)

    def list_object_versions(bucket_name: str, query: dict) -> tuple:
        token = is_asked_for.set(s3._qp(query, "encoding-type", "") == "url")
        try:
            return tuple(original(bucket_name, query))
        finally:
            is_asked_for.reset(token)

    def xml_body(root: Any) -> Any:
        # The emulator encodes the keys of ListObjects only. S3 does so for ListObjectVersions too: a key may hold
        # characters that XML can't, and who asks for the encoding could not read the answer without it.
        if is_asked_for.get() and root.tag.rpartition("}")[2] == "ListVersionsResult":
            for element in root.iter():
                if element.text and element.tag.rpartition("}")[2] in _ENCODED:
                    element.text = quote_plus(element.text, safe="/*")
            s3.SubElement(root, "EncodingType").text = "url"
        return written(root)

    s3._list_object_versions, s3._xml_body = list_object_versions, xml_body


def _limit_delete_objects() -> None:
    original = s3._delete_objects

    def delete_objects(bucket_name: str, body: bytes, headers: dict | None = None) -> tuple:
        # The emulator deletes any number of keys; AWS refuses more than 1,000 a call as MalformedXML.
        try:
            objects = [child for child in fromstring(body) if child.tag.rpartition("}")[2] == "Object"]
        except Exception:
            objects = []
        if len(objects) > _KEYS_A_CALL:
            return s3._error("MalformedXML", s3._MALFORMED_XML, 400)
        return original(bucket_name, body, headers)

    s3._delete_objects = delete_objects
