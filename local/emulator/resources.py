"""The resources that AWS checks a request on, where the emulator takes them for something else. They matter to whoever
is not the root: the roles that a pipeline deploys with."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from ministack.core.responses import get_account_id, get_region
from ministack.services import kms

#: What a request calls the thing that it is about, where that is an ARN.
_ARN_PARAMETERS = ("ResourceArn", "ResourceARN")


def mend(service: str, found: str, path: str, operation: str, body: bytes, params: dict[str, Any]) -> list[str]:
    """The resources of a request of which the emulator thinks that it is about `found`; the first is the main one."""
    if service == "s3":
        return [found]  # a body there is an object's content
    request = _json(body)
    if service == "kms":
        return _keys(operation, found, request)
    if found == "*":
        found = _named(request, path, params)
    if service == "events":
        return [_rule(request, found)]
    if service == "lambda" and path.rstrip("/").endswith("/functions") and request.get("FunctionName"):
        return [f"arn:aws:lambda:{get_region()}:{get_account_id()}:function:{request['FunctionName']}"]
    return [found]


def _rule(request: dict[str, Any], found: str) -> str:
    """Calls about targets name their rule; and the default bus is no part of a rule's ARN."""
    if "Rule" in request and request.get("EventBusName", "default") == "default":
        return f"arn:aws:events:{get_region()}:{get_account_id()}:rule/{request['Rule']}"
    return found.replace(":rule/default/", ":rule/")


def _named(request: dict[str, Any], path: str, params: dict[str, Any]) -> str:
    """The ARN in the parameters or the path of a request, `*` if there is none."""
    for name in _ARN_PARAMETERS:
        value = request.get(name) or params.get(name)
        value = value[0] if isinstance(value, list) else value
        if isinstance(value, str) and value.startswith("arn:"):
            return value
    tagged = unquote(path.partition("/tags/")[2])
    return tagged if tagged.startswith("arn:") else "*"


def _keys(operation: str, found: str, request: dict[str, Any]) -> list[str]:
    """Aliases are resources only to the calls that make, move and drop them; all others are about the alias's key."""
    alias = request.get("AliasName")
    if operation in ("CreateAlias", "UpdateAlias", "DeleteAlias") and alias:
        return [kms._alias_arn(alias), _key_arn(request.get("TargetKeyId") or alias, found)]
    if ":alias/" in found:
        return [_key_arn(request["KeyId"], found)]
    return [found]


def _key_arn(name: str, otherwise: str) -> str:
    """An alias that AWS keeps for a service of its own leads to a key here only after the service has used it."""
    key = kms._resolve_key(name)
    return kms._arn(key["KeyId"]) if key else otherwise.replace(":alias/", ":key/alias-")


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
