# Sourced by the jobs that go to AWS: profiles `data` and `application` that turn the job's own token into the roles
# tui-etl-$role-$environment of the two accounts. No key is stored anywhere.
# Wants `environment` (dev, test, prod) and `role` (plan, look or deploy: terraform/bootstrap; trigger:
# terraform/gitlab.tf) from the script that sources it, never from the job's variables, which whoever starts the job may set; and
# AWS_ID_TOKEN, which `id_tokens` in .gitlab-ci.yml makes.

: "${AWS_ID_TOKEN:?is empty: the job has no id_tokens}"

case "$environment" in
dev | test | prod) ;;
*)
    echo "the environment is ${environment:-not given}: dev, test or prod is meant" >&2
    exit 2
    ;;
esac

own_environment() { # for what changes something: it runs in the environment that it changes, so that GitLab's
    # protection of it holds. GitLab sets this variable itself, over any value that a job is given.
    if [ "${CI_ENVIRONMENT_NAME:-}" != "$environment" ]; then
        echo "this is a job of the environment ${CI_ENVIRONMENT_NAME:-(none)}: it may not change $environment" >&2
        exit 2
    fi
}

setting() { # setting <name>: a text in the environment's tfvars
    sed -n "s/^$1[[:space:]]*=[[:space:]]*\"\([^\"]*\)\".*/\1/p" "terraform/envs/$environment.tfvars"
}

aws_folder=$(mktemp -d)
printf '%s' "$AWS_ID_TOKEN" >"$aws_folder/token"
region=$(setting region)
for account in data application; do
    id=$(setting "${account}_account_id")
    [[ $id =~ ^[0-9]{12}$ ]] || {
        echo "terraform/envs/$environment.tfvars has no ${account}_account_id of 12 digits" >&2
        exit 2
    }
    cat <<END
[profile $account]
region = ${region:-us-east-1}
role_arn = arn:${AWS_PARTITION:-aws}:iam::$id:role/tui-etl-$role-$environment
web_identity_token_file = $aws_folder/token
role_session_name = gitlab-${CI_PROJECT_ID:-0}-${CI_JOB_ID:-0}
END
done >"$aws_folder/config"

unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
export AWS_CONFIG_FILE=$aws_folder/config AWS_SHARED_CREDENTIALS_FILE=$aws_folder/credentials
export AWS_PROFILE=application AWS_REGION=${region:-us-east-1}
