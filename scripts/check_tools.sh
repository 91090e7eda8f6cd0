#!/usr/bin/env bash
# Says which of the tools that this repository needs are missing or too old, each with what it is for and how to get
# it; exit status 1 if any is. Looks only; `make setup` calls it.
set -euo pipefail

missing=0

complain() { # complain <tool> <what it is for> <how to get it>
    printf 'missing: %-14s %s\n         %-14s %s\n' "$1" "$2" '' "$3" >&2
    missing=1
}

at_least() { # at_least <wanted> <found>
    [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

if ! "${PYTHON:-python3.11}" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
    complain "python 3.11" "the Glue jobs run on it (Glue 5.1), and so does the local AWS" \
        "install python3.11 with its venv module, or name it: make PYTHON=/path/to/python3.11"
fi

if ! command -v cargo >/dev/null || ! cargo --version >/dev/null 2>&1; then
    complain "cargo" "the Lambda functions are written in Rust" "install rustup; rust-toolchain.toml says which version"
fi
if ! command -v cc >/dev/null; then
    complain "cc" "Rust links with it" "install gcc or clang (Debian: apt-get install build-essential)"
fi

for tool in java javac; do
    version=$("$tool" -version 2>&1 | sed -n 's/[^0-9]*\([0-9][0-9]*\).*/\1/p' | head -n 1) || version=
    if [ -z "$version" ] || ! at_least 17 "$version"; then
        complain "$tool 17" "Spark runs on Java 17, as on Glue 5.1" "Debian: apt-get install openjdk-17-jdk-headless"
    fi
done

version=$(terraform version 2>/dev/null | sed -n 's/^Terraform v\([0-9.]*\).*/\1/p') || version=
if [ -z "$version" ] || ! at_least 1.11 "$version"; then
    complain "terraform 1.11" "everything is deployed with it, on this machine too" "install it from HashiCorp's site"
fi

exit "$missing"
