# Sourced by the jobs that go to AWS: profiles `data` and `application` that turn the job's own token into the roles
# tui-etl-$AWS_ROLE-$ENVIRONMENT of the two accounts. No key is stored anywhere.
# Wants ENVIRONMENT (dev, test, prod), AWS_ROLE (plan or deploy: terraform/bootstrap; trigger: terraform/gitlab.tf) and
# AWS_ID_TOKEN, which `id_tokens` in .gitlab-ci.yml makes.

: "${ENVIRONMENT:?is not set: dev, test or prod}" "${AWS_ROLE:?is not set: plan, deploy or trigger}"
: "${AWS_ID_TOKEN:?is empty: the job has no id_tokens}"

setting() { # setting <name>: a text in the environment's tfvars
    sed -n "s/^$1[[:space:]]*=[[:space:]]*\"\([^\"]*\)\".*/\1/p" "terraform/envs/$ENVIRONMENT.tfvars"
}

aws_folder=$(mktemp -d)
printf '%s' "$AWS_ID_TOKEN" >"$aws_folder/token"
region=$(setting region)
for account in data application; do
    id=$(setting "${account}_account_id")
    [[ $id =~ ^[0-9]{12}$ ]] || {
        echo "terraform/envs/$ENVIRONMENT.tfvars has no ${account}_account_id of 12 digits" >&2
        exit 2
    }
    cat <<END
[profile $account]
region = ${region:-us-east-1}
role_arn = arn:${AWS_PARTITION:-aws}:iam::$id:role/tui-etl-$AWS_ROLE-$ENVIRONMENT
web_identity_token_file = $aws_folder/token
role_session_name = gitlab-${CI_PROJECT_ID:-0}-${CI_JOB_ID:-0}
END
done >"$aws_folder/config"

unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
export AWS_CONFIG_FILE=$aws_folder/config AWS_SHARED_CREDENTIALS_FILE=$aws_folder/credentials
export AWS_PROFILE=application AWS_REGION=${region:-us-east-1}
