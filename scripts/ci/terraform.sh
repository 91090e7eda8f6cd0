#!/usr/bin/env bash
# What a job does with Terraform, for $ENVIRONMENT: `terraform.sh plan`, `apply` (what was planned) or `drift` (fails if
# the accounts are not as the code says).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. scripts/ci/aws.sh

export TF_DATA_DIR=$PWD/target/plan/$ENVIRONMENT
plan=$PWD/target/plan/$ENVIRONMENT.tfplan
mkdir -p target/plan
terraform() { command terraform -chdir=terraform "$@"; }
values=(-input=false "-var-file=envs/$ENVIRONMENT.tfvars")

terraform init -input=false -reconfigure "-backend-config=envs/$ENVIRONMENT.s3.tfbackend"
case "${1:-}" in
plan)
    # The role of a branch may read the state and nothing else: its plan says what the code would change, not what
    # somebody changed by hand. That is for the plan that will be applied, and for the drift check.
    case "$AWS_ROLE" in
    plan) values+=(-lock=false -refresh=false) ;;
    *) values+=(-lock-timeout=5m) ;;
    esac
    terraform plan "${values[@]}" "-out=$plan"
    # GitLab shows these three numbers on the merge request.
    terraform show -json "$plan" | python3 scripts/ci/plan_report.py >"target/plan/$ENVIRONMENT.json"
    ;;
apply)
    terraform apply -input=false -lock-timeout=5m "$plan"
    ;;
drift)
    status=0
    terraform plan "${values[@]}" -lock-timeout=5m -detailed-exitcode || status=$?
    if [ "$status" -eq 2 ]; then
        echo "$ENVIRONMENT is not as the code says: see the plan above. Apply it, or bring the change into the code." >&2
    fi
    exit "$status"
    ;;
*)
    echo "usage: terraform.sh plan|apply|drift" >&2
    exit 2
    ;;
esac
