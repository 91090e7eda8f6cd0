"""Where on this machine Terraform's providers lie unpacked, if they do.

`terraform init` asks the public registry by default. A machine without a way there may hold the providers in
a local mirror (the layout of `terraform providers mirror`, unpacked). `init_arguments()` is what `make` and the
local AWS add to `terraform init`: `-plugin-dir=<mirror>` when a mirror holds every provider of the lock file in
its locked version, nothing otherwise (then Terraform goes the ordinary way).

Run as a script it prints those arguments: `terraform init $(python3 scripts/provider_mirror.py terraform)`.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

USUAL_ROOTS = (
    "~/.terraform.d/plugins",
    "~/.terraform.d/plugin-cache",
    "~/.local/share/terraform/plugins",
    "/usr/local/share/terraform",
    "/usr/share/terraform",
    "/usr/local/lib/terraform",
    "/var/lib/terraform",
    "/opt",
)
SEARCH_DEPTH = 3
REGISTRY = "registry.terraform.io"


def locked_providers(lock_file: Path) -> dict[str, str]:
    """Provider address -> version of a `.terraform.lock.hcl`; empty when there is none."""
    if not lock_file.is_file():
        return {}
    blocks = re.findall(r'provider\s+"([^"]+)"\s*\{[^}]*?version\s*=\s*"([^"]+)"', lock_file.read_text())
    return dict(blocks)


def platform_name() -> str:
    machine = platform.machine().lower()
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    return f"{platform.system().lower()}_{arch}"


def candidates(roots: Iterable[str]) -> Iterator[Path]:
    """Folders that hold a `registry.terraform.io` folder, at most SEARCH_DEPTH levels below a root."""
    for root in roots:
        top = Path(root).expanduser()
        for depth in range(SEARCH_DEPTH + 1):
            try:
                yield from sorted(found.parent for found in top.glob("/".join(["*"] * depth + [REGISTRY])))
            except OSError:
                break


def holds(mirror: Path, providers: dict[str, str]) -> bool:
    """Whether the mirror has each locked provider, or, with nothing locked, any provider, for this platform."""
    if not providers:
        return any(mirror.glob(f"{REGISTRY}/*/*/*/{platform_name()}"))
    return all((mirror / address / version / platform_name()).is_dir() for address, version in providers.items())


def find_mirror(terraform_dir: Path, environment: dict[str, str] | None = None) -> Path | None:
    """The first mirror that will do for the root module in `terraform_dir`."""
    named = (environment if environment is not None else dict(os.environ)).get("TF_PLUGIN_CACHE_DIR")
    roots = ([named] if named else []) + list(USUAL_ROOTS)
    providers = locked_providers(terraform_dir / ".terraform.lock.hcl")
    return next((mirror for mirror in candidates(roots) if holds(mirror, providers)), None)


def init_arguments(terraform_dir: Path) -> list[str]:
    """What to add to `terraform init` in `terraform_dir`."""
    mirror = find_mirror(terraform_dir)
    return [f"-plugin-dir={mirror}"] if mirror else []


if __name__ == "__main__":
    print(" ".join(init_arguments(Path(sys.argv[1] if len(sys.argv) > 1 else "."))))
