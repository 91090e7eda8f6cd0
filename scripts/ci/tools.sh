#!/usr/bin/env bash
# Installs what runs the jobs of .gitlab-ci.yml on this machine, gitlab-ci-local with Node, into target/gitlab; and the
# rsync that it calls, where the system has a package for it and lets us. Says what it can't install.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if ! command -v npm >/dev/null; then
    echo "missing: npm (Node 20 or later): gitlab-ci-local runs on it" >&2
    exit 1
fi
if ! command -v rsync >/dev/null; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "missing: rsync, which gitlab-ci-local calls (Debian: apt-get install rsync)" >&2
        exit 1
    fi
    apt-get update -qq && apt-get install --yes --no-install-recommends rsync
fi

mkdir -p target/gitlab
cp tests/gitlab/package.json tests/gitlab/package-lock.json target/gitlab/
npm ci --prefix target/gitlab --no-audit --no-fund --loglevel=error
