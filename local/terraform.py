"""The real Terraform root, applied to this instance from a copy in its state folder."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from local import incidents
from local.settings import ENVIRONMENT, INSTANCE_VARIABLE, Instance

_BACKEND = 'terraform {\n  backend "local" {}\n}\n'
_KEPT = (".terraform", "terraform.tfstate", "terraform.tfstate.backup")
_PARALLELISM = "40"
TFVARS_VARIABLE = "TUI_LOCAL_TFVARS"


class Failed(Exception):
    """Terraform ended with an error; the message holds it."""


def copy_root(instance: Instance) -> Path:
    """Copies the root with a backend of its own; state and providers of an earlier copy stay."""
    source, target = instance.repository / "terraform", instance.folder / "terraform"
    target.mkdir(parents=True, exist_ok=True)
    for entry in target.iterdir():
        if entry.name not in _KEPT:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for entry in source.iterdir():
        if entry.name in (".terraform", "tests") or entry.name.startswith("terraform.tfstate"):
            continue
        if entry.is_dir():
            shutil.copytree(entry, target / entry.name)
        else:
            shutil.copyfile(entry, target / entry.name)
    (target / "backend_override.tf").write_text(_BACKEND, encoding="utf-8")
    repository = instance.repository
    paths = {
        "lambda_package_dir": str(repository / "target" / "lambda"),
        "glue_package_dir": str(repository / "target" / "glue"),
        "glue_source_dir": str(repository / "glue"),
        "contracts_dir": str(repository / "contracts"),
    }
    (target / "instance.auto.tfvars.json").write_text(json.dumps(paths, indent=2), encoding="utf-8")
    return target


def init(instance: Instance, root: Path) -> None:
    script = instance.repository / "scripts" / "provider_mirror.py"
    found = subprocess.run([sys.executable, str(script), str(root)], capture_output=True, text=True, check=True)
    _run(instance, root, ["init", "-input=false", "-no-color", *found.stdout.split()], None)


def apply(instance: Instance, root: Path, incident_password: str) -> None:
    arguments = ["-input=false", "-no-color", "-auto-approve", f"-parallelism={_PARALLELISM}", *variables(instance)]
    _run(instance, root, ["apply", *arguments], incident_password)


def plan(instance: Instance, root: Path, incident_password: str) -> str:
    """The text of a plan; raises `Failed` when Terraform would change something."""
    arguments = ["-input=false", "-no-color", "-detailed-exitcode", *variables(instance)]
    return _run(instance, root, ["plan", *arguments], incident_password)


def outputs(instance: Instance, root: Path) -> dict[str, Any]:
    answer = json.loads(_run(instance, root, ["output", "-json"], None))
    return {name: output["value"] for name, output in answer.items()}


def variables(instance: Instance) -> list[str]:
    """The files of values, the later ones having the last word; TUI_LOCAL_TFVARS names one more."""
    here = Path(__file__).resolve().parent
    files = [f"envs/{ENVIRONMENT}.tfvars", str(here / "local.tfvars")]
    added = os.environ.get(TFVARS_VARIABLE)
    if added and not Path(added).is_file():
        raise Failed(f"{TFVARS_VARIABLE} names {added}, which is no file")
    return [f"-var-file={name}" for name in files + ([str(Path(added).resolve())] if added else [])]


def _environment(instance: Instance, incident_password: str | None) -> dict[str, str]:
    dropped = ("TF_CLI_CONFIG_FILE", "AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    own = instance.client_environment()
    # The providers name a profile each: a key in the environment would not be used, and would only confuse.
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del own[name]
    ticket = {"url": instance.incident_url, "username": incidents.USERNAME, "password": incident_password or ""}
    return {
        **kept,
        **own,
        INSTANCE_VARIABLE: str(instance.folder),  # Terraform outlives a caller that is killed; `down` has to find it
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        "TF_VAR_servicenow_credentials": json.dumps(ticket),
        "TF_VAR_mask_salt": secrets.token_hex(32),
    }


def _run(instance: Instance, root: Path, arguments: list[str], incident_password: str | None) -> str:
    log = instance.folder / "terraform.log"
    done = subprocess.run(
        ["terraform", f"-chdir={root}", *arguments],
        env=_environment(instance, incident_password),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ terraform {' '.join(arguments)}\n{done.stdout}{done.stderr}\n")
    if done.returncode:
        told = done.stdout[-6000:] + done.stderr
        raise Failed(f"terraform {arguments[0]} ended with status {done.returncode}; see {log}\n{told}")
    return done.stdout
