"""The secret that hashed columns are salted with."""

from __future__ import annotations

from typing import Any

from tui_etl.classify.rules import RuleSet

#: Shorter ones could be guessed, and with them every value that has few possibilities.
MIN_LENGTH = 32


class SaltError(RuntimeError):
    """Rules hash, and there is nothing fit to do it with."""


def read(client: Any, secret: str, rules: RuleSet) -> str | None:
    """The salt, if the rules need one; the secret isn't asked for otherwise."""
    if not rules.hashes:
        return None
    try:
        salt = client.get_secret_value(SecretId=secret).get("SecretString")
    except client.exceptions.ResourceNotFoundException:
        salt = None
    if not salt:
        raise SaltError(f"a rule hashes a column, but secret {secret} has no value: set mask_salt")
    if len(salt) < MIN_LENGTH:
        raise SaltError(f"the salt in secret {secret} has fewer than {MIN_LENGTH} characters")
    return salt
