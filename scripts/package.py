#!/usr/bin/env python3
"""Packs what is deployed: a zip for each Lambda function and one with the Glue jobs' library.

    target/lambda/<crate>.zip    one entry, `bootstrap`, for each crate that has an environment.txt
    target/glue/tui_etl.zip      the Python package glue/lib/tui_etl

Equal inputs give equal bytes (fixed time stamps, order and modes), or every `terraform apply` would deploy anew.
A binary that asks for a newer C library than Lambda's runtime has (provided.al2023: glibc 2.34) is refused here,
because there it would only fail at its first invocation.
"""

from __future__ import annotations

import os
import struct
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAMBDA_GLIBC = (2, 34)
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
SHT_GNU_VERNEED = 0x6FFFFFFE


class Unfit(Exception):
    """A binary that the Lambda runtime could not start."""


def glibc_needs(binary: bytes) -> set[tuple[int, ...]]:
    """The GLIBC_x.y versions that a 64-bit little-endian ELF file needs, from its .gnu.version_r section."""
    if binary[:6] != b"\x7fELF\x02\x01":
        raise Unfit("it is no 64-bit ELF file for Linux")
    (table,) = struct.unpack_from("<Q", binary, 0x28)
    entry_size, count = struct.unpack_from("<HH", binary, 0x3A)
    # type, offset, linked section (its strings), number of entries
    sections = []
    for index in range(count):
        at = table + index * entry_size
        kind, offset, link, entries = (
            struct.unpack_from("<I", binary, at + 4)[0],
            struct.unpack_from("<Q", binary, at + 24)[0],
            struct.unpack_from("<I", binary, at + 40)[0],
            struct.unpack_from("<I", binary, at + 44)[0],
        )
        sections.append((kind, offset, link, entries))
    needs: set[tuple[int, ...]] = set()
    for kind, at, link, entries in sections:
        if kind != SHT_GNU_VERNEED:
            continue
        strings = sections[link][1]
        for _ in range(entries):
            _, versions, _, aux, following = struct.unpack_from("<HHIII", binary, at)
            needs |= _versions(binary, at + aux, versions, strings)
            at += following
    return needs


def _versions(binary: bytes, at: int, count: int, strings: int) -> set[tuple[int, ...]]:
    found = set()
    for _ in range(count):
        _, _, _, name, following = struct.unpack_from("<IHHII", binary, at)
        start = strings + name
        text = binary[start : binary.index(b"\0", start)].decode()
        if text.startswith("GLIBC_2"):
            found.add(tuple(int(part) for part in text.removeprefix("GLIBC_").split(".")))
        at += following
    return found


def check_glibc(binary: bytes) -> None:
    """Raises Unfit if the binary needs a newer glibc than Lambda has."""
    newest = max(glibc_needs(binary), default=(0,))
    if newest > LAMBDA_GLIBC:
        wanted, offered = (".".join(map(str, version)) for version in (newest, LAMBDA_GLIBC))
        raise Unfit(f"it needs glibc {wanted}, Lambda has {offered}; build on an older system or with cargo-zigbuild")


def write_zip(target: Path, entries: list[tuple[str, bytes, int]]) -> None:
    """A deterministic zip of (name, content, mode); it replaces `target` in one step, whoever else does that now."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_suffix(f".{os.getpid()}.part")
    with zipfile.ZipFile(aside, "w") as archive:
        for name, content, mode in entries:
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system = 3  # Unix, so that the mode counts
            info.external_attr = (0o100000 | mode) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content, compresslevel=9)
    aside.replace(target)


def lambda_crates() -> list[str]:
    return sorted(path.parent.name for path in (ROOT / "crates").glob("*/environment.txt"))


def package_lambdas(binaries: Path, target: Path) -> None:
    crates = lambda_crates()
    if not crates:
        raise SystemExit("package: no crate below crates/ has an environment.txt, so there is no function to pack")
    for crate in crates:
        path = binaries / crate
        if not path.is_file():
            raise SystemExit(f"package: {path} is missing; run `cargo build --release --workspace` first")
        binary = path.read_bytes()
        try:
            check_glibc(binary)
        except Unfit as error:
            raise SystemExit(f"package: {crate} can't run on Lambda: {error}") from error
        write_zip(target / f"{crate}.zip", [("bootstrap", binary, 0o755)])
        print(f"{(target / crate).relative_to(ROOT)}.zip  {len(binary) / 1e6:.1f} MB")


def package_library(library: Path, target: Path) -> None:
    sources = sorted(path for path in library.rglob("*.py") if "__pycache__" not in path.parts)
    if not sources:
        raise SystemExit(f"package: {library} holds no Python")
    plain = sorted({path.parent for path in sources if not (path.parent / "__init__.py").exists()})
    if plain:
        # Imported from a zip, a folder is a package only with that file; from a folder it would be one without.
        raise SystemExit(f"package: {', '.join(map(str, plain))} lack(s) an __init__.py")
    entries = [(path.relative_to(library.parent).as_posix(), path.read_bytes(), 0o644) for path in sources]
    write_zip(target, entries)
    print(f"{target.relative_to(ROOT)}  {len(entries)} modules")


def main() -> None:
    profile = sys.argv[1] if len(sys.argv) > 1 else "release"
    binaries = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / profile
    package_lambdas(binaries, ROOT / "target" / "lambda")
    package_library(ROOT / "glue" / "lib" / "tui_etl", ROOT / "target" / "glue" / "tui_etl.zip")


if __name__ == "__main__":
    main()
