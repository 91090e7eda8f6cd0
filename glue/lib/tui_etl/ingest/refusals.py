"""What S3 answers instead of a file: whether that is the file's own fault, or the role's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from botocore.exceptions import ClientError

#: These are about the object, whoever asks: it is archived, or encrypted with a key that its writer kept.
_OF_THE_OBJECT = frozenset({"InvalidObjectState", "InvalidRequest"})
#: These may be about the object (an access list or key of its own) or about the role, which lost a permission.
_OF_ACCESS = frozenset(
    {
        "403",
        "AccessDenied",
        "KMS.DisabledException",
        "KMS.InvalidKeyUsageException",
        "KMS.KMSInvalidStateException",
        "KMS.NotFoundException",
    }
)
#: So many other versions are tried before the refusals of a run are laid to the role.
_WITNESSES = 16


class NothingReadable(RuntimeError):
    """The role was refused all that it tried to read: no file is to blame for that."""


def code_of(error: ClientError) -> str:
    """The error code that S3 answered."""
    return str(error.response["Error"]["Code"])


def is_of_the_object(error: ClientError) -> bool:
    """Whether every reader would get this answer."""
    return code_of(error) in _OF_THE_OBJECT


def is_of_access(error: ClientError) -> bool:
    """Whether this answer is about who asks for what."""
    return code_of(error) in _OF_ACCESS


def reason(error: ClientError) -> str:
    """Why a file is quarantined, in S3's own words."""
    return f"can't be read: {code_of(error)}: {error.response['Error'].get('Message', '')}"


def other_is_readable(s3: Any, bucket: str, prefix: str, tried: Sequence[tuple[str, str]]) -> bool:
    """Whether the role can read some other version below a prefix than those it has tried (key, version id)."""
    return any(_reads(s3, bucket, entry) for entry in _newest(s3, bucket, prefix, set(tried)))


def _newest(s3: Any, bucket: str, prefix: str, tried: set[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """The newest versions with content of one page of the listing; none if the role may not list."""
    try:
        page = s3.list_object_versions(Bucket=bucket, Prefix=prefix)
    except ClientError as error:
        if is_of_access(error):
            return
        raise
    others = [one for one in page.get("Versions", ()) if one["Size"] and (one["Key"], one["VersionId"]) not in tried]
    yield from sorted(others, key=lambda one: one["LastModified"], reverse=True)[:_WITNESSES]


def _reads(s3: Any, bucket: str, entry: dict[str, Any]) -> bool:
    try:
        s3.get_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"], Range="bytes=0-0")["Body"].close()
    except ClientError:
        return False
    return True
