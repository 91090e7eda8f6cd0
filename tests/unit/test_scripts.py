"""Packing and finding providers."""

from __future__ import annotations

import importlib.util
import shutil
import stat
import struct
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


package = load("package")
provider_mirror = load("provider_mirror")


def elf(*versions: str) -> bytes:
    """The least of an ELF file that says which versions of libc it needs."""
    strings = b"\0" + b"\0".join(version.encode() for version in versions) + b"\0"
    offsets = [strings.index(version.encode()) for version in versions]
    need = struct.pack("<HHIII", 1, len(versions), 0, 16, 0)
    for index, offset in enumerate(offsets):
        following = 16 if index + 1 < len(offsets) else 0
        need += struct.pack("<IHHII", 0, 0, index, offset, following)
    header_size, section_size = 64, 64
    strings_at, need_at = header_size, header_size + len(strings)
    table_at = need_at + len(need)
    header = bytearray(header_size)
    header[:6] = b"\x7fELF\x02\x01"
    struct.pack_into("<Q", header, 0x28, table_at)
    struct.pack_into("<HH", header, 0x3A, section_size, 2)

    def section(kind: int, at: int, size: int, link: int, entries: int) -> bytes:
        return struct.pack("<IIQQQQIIQQ", 0, kind, 0, 0, at, size, link, entries, 0, 0)

    table = section(3, strings_at, len(strings), 0, 0) + section(package.SHT_GNU_VERNEED, need_at, len(need), 0, 1)
    return bytes(header) + strings + need + table


def test_the_versions_a_binary_needs_are_read() -> None:
    assert package.glibc_needs(elf("GLIBC_2.2.5", "GLIBC_2.34", "GCC_3.0")) == {(2, 2, 5), (2, 34)}


def test_the_versions_of_a_real_binary_are_read() -> None:
    real = Path(shutil.which("bash") or sys.executable).read_bytes()
    assert (2, 2, 5) in package.glibc_needs(real) or (2, 17) in package.glibc_needs(real)


def test_a_binary_that_lambda_can_not_start_is_refused() -> None:
    package.check_glibc(elf("GLIBC_2.34", "GLIBC_2.4"))
    with pytest.raises(package.Unfit, match=r"glibc 2\.35"):
        package.check_glibc(elf("GLIBC_2.4", "GLIBC_2.35"))
    with pytest.raises(package.Unfit, match="no 64-bit ELF"):
        package.check_glibc(b"#!/bin/sh\n")


def test_equal_input_gives_equal_zips_with_a_bootstrap_that_runs(tmp_path: Path) -> None:
    first, second = tmp_path / "a.zip", tmp_path / "b.zip"
    for target in (first, second):
        package.write_zip(target, [("bootstrap", b"binary", 0o755)])
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        [entry] = archive.infolist()
        assert entry.filename == "bootstrap"
        assert stat.S_IMODE(entry.external_attr >> 16) == 0o755
        assert archive.read(entry) == b"binary"


def test_the_library_is_packed_as_a_package_without_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "ROOT", tmp_path)
    library = tmp_path / "glue" / "lib" / "tui_etl"
    (library / "ingest" / "__pycache__").mkdir(parents=True)
    for name in ("__init__.py", "ingest/__init__.py", "ingest/__pycache__/x.py"):
        (library / name).write_text("")
    package.package_library(library, tmp_path / "out" / "tui_etl.zip")
    with zipfile.ZipFile(tmp_path / "out" / "tui_etl.zip") as archive:
        assert archive.namelist() == ["tui_etl/__init__.py", "tui_etl/ingest/__init__.py"]
    (library / "ingest" / "__init__.py").rename(library / "ingest" / "other.py")
    with pytest.raises(SystemExit, match=r"ingest lack\(s\) an __init__"):
        package.package_library(library, tmp_path / "out" / "tui_etl.zip")


def test_every_function_is_packed() -> None:
    wanted = {"clean-prefix", "copy-prefix", "optimization-trigger", "reconcile", "success-fail-event"}
    assert wanted <= set(package.lambda_crates())


LOCK = """
provider "registry.terraform.io/hashicorp/aws" {
  version     = "5.100.0"
  constraints = "~> 5.100"
  hashes = ["h1:abc="]
}
"""


def mirror(folder: Path, version: str) -> Path:
    platform = provider_mirror.platform_name()
    (folder / "registry.terraform.io/hashicorp/aws" / version / platform).mkdir(parents=True)
    return folder


def test_a_mirror_with_the_locked_version_is_found(tmp_path: Path) -> None:
    root = tmp_path / "terraform"
    root.mkdir()
    (root / ".terraform.lock.hcl").write_text(LOCK)
    assert provider_mirror.locked_providers(root / ".terraform.lock.hcl") == {
        "registry.terraform.io/hashicorp/aws": "5.100.0"
    }
    old, new = mirror(tmp_path / "m" / "old", "5.99.0"), mirror(tmp_path / "m" / "deep" / "new", "5.100.0")
    found = list(provider_mirror.candidates([str(tmp_path / "m")]))
    assert set(found) == {old, new}
    providers = provider_mirror.locked_providers(root / ".terraform.lock.hcl")
    assert [place for place in found if provider_mirror.holds(place, providers)] == [new]


def test_without_a_mirror_terraform_goes_the_ordinary_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_mirror, "USUAL_ROOTS", (str(tmp_path / "nothing"),))
    monkeypatch.delenv("TF_PLUGIN_CACHE_DIR", raising=False)
    assert provider_mirror.init_arguments(tmp_path) == []
    named = mirror(tmp_path / "cache", "5.100.0")
    monkeypatch.setenv("TF_PLUGIN_CACHE_DIR", str(named))
    assert provider_mirror.init_arguments(tmp_path) == [f"-plugin-dir={named}"]
