#!/usr/bin/env bash
# What a job does with Terraform: `terraform.sh plan <environment>`, `apply` (what was planned) or `drift` (fails if the
# accounts are not as the code says).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

what=${1:-}
environment=${2:-}
# Only what applies gets the role that changes something. The token of a merge request's job is a branch's, which gets
# the state to read and nothing else.
case "$what:${CI_PIPELINE_SOURCE:-}" in
apply:*) role=deploy ;;
plan:merge_request_event) role=plan ;;
*) role=look ;;
esac
. scripts/ci/aws.sh
if [ "$what" = apply ]; then own_environment; fi

export TF_DATA_DIR=$PWD/target/plan/$environment
plan=$PWD/target/plan/$environment.tfplan
mkdir -p target/plan
terraform() { command terraform -chdir=terraform "$@"; }
values=(-input=false "-var-file=envs/$environment.tfvars")

terraform init -input=false -reconfigure "-backend-config=envs/$environment.s3.tfbackend"
case "$what" in
plan)
    # The role of a branch may read the state and nothing else: its plan says what the code would change, not what
    # somebody changed by hand. That is for the plan that will be applied, and for the drift check.
    case "$role" in
    plan) values+=(-lock=false -refresh=false) ;;
    *) values+=(-lock-timeout=5m) ;;
    esac
    terraform plan "${values[@]}" "-out=$plan"
    # GitLab shows these three numbers on the merge request.
    terraform show -json "$plan" | python3 scripts/ci/plan_report.py >"target/plan/$environment.json"
    ;;
apply)
    terraform apply -input=false -lock-timeout=5m "$plan"
    ;;
drift)
    status=0
    terraform plan "${values[@]}" -lock-timeout=5m -detailed-exitcode || status=$?
    if [ "$status" -eq 2 ]; then
        echo "$environment is not as the code says: see the plan above. Apply it, or bring the change into the code." >&2
    fi
    exit "$status"
    ;;
*)
    echo "usage: terraform.sh plan|apply|drift dev|test|prod" >&2
    exit 2
    ;;
esac
