"""An ordinary AWS configuration with one profile per account, for Terraform and for people."""

from __future__ import annotations

from local.settings import APPLICATION_ACCOUNT, DATA_ACCOUNT, REGION, ROOT_SECRET, Instance

PROFILES = {"default": APPLICATION_ACCOUNT, "application": APPLICATION_ACCOUNT, "data": DATA_ACCOUNT}


def write(instance: Instance) -> None:
    """The emulator takes a key of twelve digits for that account's root."""
    instance.aws_config.parent.mkdir(parents=True, exist_ok=True)
    config, credentials = [], []
    for profile, account in PROFILES.items():
        title = profile if profile == "default" else f"profile {profile}"
        config.append(f"[{title}]\nregion = {REGION}\noutput = json\nendpoint_url = {instance.endpoint}\n")
        credentials.append(f"[{profile}]\naws_access_key_id = {account}\naws_secret_access_key = {ROOT_SECRET}\n")
    instance.aws_config.write_text("\n".join(config), encoding="utf-8")
    instance.aws_credentials.write_text("\n".join(credentials), encoding="utf-8")
    instance.aws_credentials.chmod(0o600)
