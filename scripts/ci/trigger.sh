#!/usr/bin/env bash
# `trigger.sh <kind> <environment>` drops a trigger file, waits for its result and fails with its reason.
# The job's variables become the file's fields; an empty one is left out, so that etl says what is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

kind=${1:-}
environment=${2:-}
role=trigger
. scripts/ci/aws.sh
own_environment

fields=()
add() { # add <option> <value>
    [ -z "$2" ] || fields+=("--$1=$2")
}
add_flag() { # add_flag <option> <true or anything else>
    case "$2" in
    true) fields+=("--$1") ;;
    '' | false) ;;
    *)
        echo "--$1 is $2: write true or false" >&2
        exit 2
        ;;
    esac
}

add_keys() { # add_keys <one a line>: a form may end its lines with a carriage return, or hold blanks around a key
    local key
    while read -r key; do
        key=${key%$'\r'}
        add key "${key%"${key##*[![:space:]]}"}"
    done <<<"$1"
}

add request-id "${REQUEST_ID:-gitlab-${CI_PIPELINE_ID:-0}-${CI_JOB_ID:-0}}"
add by "${GITLAB_USER_LOGIN:-gitlab}"
add reason "${REASON:-}"
case "$kind" in
copyglue)
    add_keys "${KEYS:-}"
    add prefix "${PREFIX:-}"
    add from "${FROM:-}"
    add to "${TO:-}"
    add_flag reland "${RELAND:-}"
    ;;
cleanup)
    add stage "${STAGE:-}"
    add run-id "${RUN_ID:-}"
    add_keys "${KEYS:-}"
    add mode "${MODE:-}"
    add limit "${LIMIT:-}"
    add undo "${UNDO:-}"
    add_flag execute "${EXECUTE:-}"
    ;;
esac
exec target/release/etl --env "$environment" trigger "$kind" "${fields[@]}" --wait "--timeout=${TIMEOUT_SECONDS:-3000}"
