"""Glue jobs: runs that really run, one state machine for all their ends, and an event for the ends that have one."""

from __future__ import annotations

import contextvars
import logging
import secrets
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from ministack.core.responses import error_response_json, get_account_id, get_region, json_response
from ministack.services import cloudwatch_logs, glue

from local.emulator import callers, events, functions, roles
from local.glue import behaviour as behaviours
from local.glue import run as process
from local.glue.behaviour import Behaviour
from local.settings import Instance

logger = logging.getLogger("local.glue")

_SERVICE = "glue.amazonaws.com"
_LOG_GROUPS = "/aws-glue/jobs"
_ACTIVE = ("STARTING", "RUNNING", "STOPPING", "WAITING")
_SEVERITY = {"SUCCEEDED": "INFO", "FAILED": "ERROR", "TIMEOUT": "WARN", "STOPPED": "INFO"}
_KEPT_AS_GIVEN = (
    "ExecutionProperty",
    "ExecutionClass",
    "JobMode",
    "JobRunQueuingEnabled",
    "NotificationProperty",
    "LogUri",
    "MaintenanceWindow",
    "SourceControlDetails",
    "CodeGenConfigurationNodes",
)
_EMPTY: tuple[Any, ...] = ("", None, {})


@dataclass
class Execution:
    """A run that has not ended yet."""

    job: dict[str, Any]
    run: dict[str, Any]
    account: str
    region: str
    behaviour: Behaviour | None
    stop: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    """Glue has an end for it, and has told it."""


_executions: dict[str, Execution] = {}
_lock = threading.RLock()


def install(instance: Instance) -> None:
    _keep_what_a_job_was_given()

    # The emulator marks a Spark run SUCCEEDED without running it, knows no limit of concurrent runs, no time-out and
    # no event at a run's end, and stops a run by relabelling it.
    def start_job_run(data: dict) -> tuple:
        return start(instance, data)

    glue._start_job_run = start_job_run
    glue._batch_stop_job_run = stop
    glue._get_job_run = get_run
    glue._get_job_runs = get_runs


def _keep_what_a_job_was_given() -> None:
    create, update = glue._create_job, glue._update_job

    def remember(name: str, given: dict) -> None:
        # The emulator drops these settings, and answers with defaults for what was never set: the next
        # `terraform plan` would want to change every job.
        job = glue._jobs.get(name)
        if job is None:
            return
        for key in _KEPT_AS_GIVEN:
            job.pop(key, None)
            if given.get(key) not in _EMPTY:
                job[key] = given[key]
        job.setdefault("ExecutionProperty", {"MaxConcurrentRuns": 1})
        for key in ("Description", "SecurityConfiguration", "MaxCapacity", "Connections", "NonOverridableArguments"):
            if job.get(key) in _EMPTY:
                job.pop(key, None)
        job.pop("Tags", None)

    def create_job(data: dict) -> tuple:
        answer = create(data)
        if answer[0] == 200:
            remember(data["Name"], data)
            arn = f"arn:aws:glue:{get_region()}:{get_account_id()}:job/{data['Name']}"
            if data.get("Tags"):
                glue._tag_resource({"ResourceArn": arn, "TagsToAdd": data["Tags"]})
        return answer

    def update_job(data: dict) -> tuple:
        answer = update(data)
        if answer[0] == 200:
            remember(data["JobName"], data.get("JobUpdate") or {})
        return answer

    glue._create_job, glue._update_job = create_job, update_job


def start(instance: Instance, data: dict) -> tuple:
    """StartJobRun: checks as Glue does, then runs the script on a thread that watches it."""
    name = data.get("JobName") or ""
    job = glue._jobs.get(name)
    if job is None:
        return error_response_json("EntityNotFoundException", f"Failed to start job run: there is no job {name}")
    try:
        if not roles.trusts(_role_arn(job), _SERVICE):
            raise roles.NotAuthorized(_role_arn(job))
    except (roles.NotAuthorized, IndexError):
        return error_response_json(
            "InvalidInputException", f"The role {job.get('Role')} should be given assume role permissions for Glue"
        )
    with _lock:
        # What the next run is to do is kept for it by a start that there is no room for.
        behaviour = behaviours.take(name) if _has_room(name, job) else Behaviour.REFUSE
        if behaviour == Behaviour.THROTTLE:
            return error_response_json("ThrottlingException", "Rate exceeded")
        if behaviour == Behaviour.REFUSE:
            return error_response_json("ConcurrentRunsExceededException", f"Concurrent runs exceeded for {name}")
        run = _new_run(name, job, data)
    _launch(instance, job, run, behaviour)
    if behaviour == Behaviour.DOUBLE:
        _launch(instance, job, _new_run(name, job, data), None)
    if behaviour in (Behaviour.LOSE_ANSWER, Behaviour.DOUBLE):
        return error_response_json("InternalServiceException", "the answer is lost", 500)
    return json_response({"JobRunId": run["Id"]})


def _has_room(name: str, job: dict) -> bool:
    limit = int((job.get("ExecutionProperty") or {}).get("MaxConcurrentRuns") or 1)
    return sum(run["JobRunState"] in _ACTIVE for run in glue._job_runs.get(name) or []) < limit


def _role_arn(job: dict) -> str:
    role = job.get("Role", "")
    return role if role.startswith("arn:") else f"arn:aws:iam::{get_account_id()}:role/{role}"


def _log_groups(job: dict) -> str:
    return (job.get("DefaultArguments") or {}).get("--custom-logGroup-prefix") or _LOG_GROUPS


def _new_run(name: str, job: dict, data: dict) -> dict[str, Any]:
    now = time.time()
    run: dict[str, Any] = {
        "Id": "jr_" + secrets.token_hex(32),
        "Attempt": 0,
        "JobName": name,
        "StartedOn": now,
        "LastModifiedOn": now,
        "JobRunState": "STARTING",
        "Arguments": data.get("Arguments") or {},
        "PredecessorRuns": [],
        "ExecutionTime": 0,
        "Timeout": int(data.get("Timeout") or job.get("Timeout") or 2880),
        "WorkerType": data.get("WorkerType") or job.get("WorkerType"),
        "NumberOfWorkers": data.get("NumberOfWorkers") or job.get("NumberOfWorkers"),
        "GlueVersion": job.get("GlueVersion"),
        "ExecutionClass": data.get("ExecutionClass") or job.get("ExecutionClass") or "STANDARD",
        "LogGroupName": _log_groups(job),
    }
    with _lock:
        runs = glue._job_runs.setdefault(name, [])
        runs.append(run)
    return run


def _launch(instance: Instance, job: dict, run: dict, behaviour: Behaviour | None) -> None:
    execution = Execution(dict(job), run, get_account_id(), get_region(), behaviour)
    _executions[run["Id"]] = execution
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(_watch, instance, execution), daemon=True, name=run["Id"]).start()


def _watch(instance: Instance, execution: Execution) -> None:
    workspace = process.Workspace(instance, execution.run["Id"])
    try:
        state, message = _execute(workspace, execution)
    except (ClientError, BotoCoreError, roles.NotAuthorized, OSError, RuntimeError) as failed:
        state, message = "FAILED", f"{type(failed).__name__}: {failed}"
        logger.warning("%s %s: %s", execution.run["JobName"], execution.run["Id"], failed)
    finally:
        _executions.pop(execution.run["Id"], None)
    _write_log(workspace, execution)
    if execution.behaviour != Behaviour.ZOMBIE:
        shutil.rmtree(workspace.folder, ignore_errors=True)
    try:
        _finish(execution, state, message)
    finally:
        execution.over.set()


def _execute(workspace: process.Workspace, execution: Execution) -> tuple[str, str]:
    """The run's final state and message."""
    run, job, behaviour = execution.run, execution.job, execution.behaviour
    if behaviour == Behaviour.FAIL:
        return "FAILED", "RuntimeError: this run was made to fail before its script began"
    if behaviour == Behaviour.VANISH:
        return "ERROR", "this run was made to end without a trace"
    if behaviour == Behaviour.EXPIRE:
        return "EXPIRED", "this run was made to wait for its start until Glue forgot it"
    session = roles.assume(_role_arn(job), _SERVICE, "GlueJobRunnerSession")
    fixed = job.get("NonOverridableArguments") or {}
    arguments = {**(job.get("DefaultArguments") or {}), **run["Arguments"], **fixed}
    if behaviour == Behaviour.HANG:
        command, variables = ["sleep", "86400"], process.environment(workspace, session, [], {})
    else:
        modules = process.fetch(workspace, session, job["Command"]["ScriptLocation"], arguments)
        variables = process.environment(workspace, session, modules, arguments)
        script = process.script_arguments(run["JobName"], run["Id"], arguments)
        command = [sys.executable, str(workspace.script), *script]
    with workspace.log.open("wb") as log:
        child = process.start(workspace, command, variables, log)
        callers.is_group(session.access_key, child)
        callers.is_run(session.access_key, lambda end: _end_early(execution, Behaviour(end)))
        _set(run, "RUNNING")
        return _wait(child, workspace, execution)


def _wait(child: subprocess.Popen[bytes], workspace: process.Workspace, execution: Execution) -> tuple[str, str]:
    """Waits for the script, the time-out or a stop, whichever comes first."""
    run, behaviour = execution.run, execution.behaviour
    begun = time.time()
    limit = 1.0 if behaviour == Behaviour.TIMEOUT else run["Timeout"] * 60
    while child.poll() is None and time.time() - begun < limit and not execution.stop.is_set():
        if execution.behaviour != behaviour and execution.behaviour == Behaviour.TIMEOUT:
            break
        if execution.behaviour == Behaviour.ZOMBIE:
            threading.Thread(target=child.wait, daemon=True).start()
            return "FAILED", "Glue gave this run up, though its process goes on"
        execution.stop.wait(0.2)
    cut_off = child.poll() is None
    process.end(child)
    if cut_off and execution.stop.is_set():
        return "STOPPED", "Job run was stopped"
    if cut_off:
        return "TIMEOUT", f"Job run timed out after {run['Timeout']} minutes"
    if behaviour == Behaviour.FAIL_AFTER:
        return "FAILED", "RuntimeError: this run was made to fail after its script had ended"
    if child.returncode == 0:
        return "SUCCEEDED", "Job run succeeded"
    return "FAILED", process.error_message(workspace.log, child.returncode)


def _set(run: dict, state: str) -> None:
    with _lock:
        if run["JobRunState"] in _ACTIVE and run["JobRunState"] != "STOPPING":
            run["JobRunState"] = state
            run["LastModifiedOn"] = time.time()


def _finish(execution: Execution, state: str, message: str) -> None:
    run = execution.run
    now = time.time()
    with _lock:
        run.update(JobRunState=state, LastModifiedOn=now, CompletedOn=now)
        run["ExecutionTime"] = int(now - run["StartedOn"])
        if state != "SUCCEEDED":
            run["ErrorMessage"] = message
    logger.info("%s %s: %s %s", run["JobName"], run["Id"], state, message)
    if state not in _SEVERITY or execution.behaviour == Behaviour.SILENT:
        return
    detail = {
        "jobName": run["JobName"],
        "severity": _SEVERITY[state],
        "state": state,
        "jobRunId": run["Id"],
        "message": message,
    }
    events.emit_from_aws(execution.account, "aws.glue", "Glue Job State Change", detail, [])


def _write_log(workspace: process.Workspace, execution: Execution) -> None:
    """Copies the run's output to CloudWatch Logs, if the role may write there."""
    if not workspace.log.exists():
        return
    role = _role_arn(execution.job)
    group, stream = f"{_log_groups(execution.job)}/output", execution.run["Id"]
    if not functions.may_write_logs(role, _SERVICE, execution.account, execution.region, group, stream):
        return
    at = int(time.time() * 1000)
    lines = workspace.log.read_text(encoding="utf-8", errors="replace").splitlines()[-10_000:]
    if group not in cloudwatch_logs._log_groups:
        cloudwatch_logs._create_log_group({"logGroupName": group})
    cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
    written = [{"timestamp": at, "message": line, "ingestionTime": at} for line in lines if line]
    cloudwatch_logs._append_log_events(cloudwatch_logs._log_groups[group]["streams"][stream], written)


def stop(data: dict) -> tuple:
    """BatchStopJobRun: the script is ended; the run is STOPPED, with its event, a moment later."""
    name, done, errors = data.get("JobName") or "", [], []
    known = {run["Id"]: run for run in glue._job_runs.get(name) or []}
    for run_id in data.get("JobRunIds") or []:
        entry = {"JobName": name, "JobRunId": run_id}
        run = known.get(run_id)
        execution = _executions.get(run_id)
        if run is None:
            detail = {"ErrorCode": "EntityNotFoundException", "ErrorMessage": f"there is no run {run_id}"}
            errors.append({**entry, "ErrorDetail": detail})
        elif execution is None:
            detail = {"ErrorCode": "InvalidInputException", "ErrorMessage": f"the run is {run['JobRunState']}"}
            errors.append({**entry, "ErrorDetail": detail})
        else:
            _set(run, "STOPPING")
            execution.stop.set()
            done.append(entry)
    return json_response({"SuccessfulSubmissions": done, "Errors": errors})


def give_up(run_id: str) -> None:
    """Makes a running run a zombie: FAILED with its event in a moment, while its script goes on."""
    _executions[run_id].behaviour = Behaviour.ZOMBIE


def _end_early(execution: Execution, end: Behaviour) -> threading.Event:
    """Ends a run between two of its steps, as a time-out or as a zombie; what is set when Glue has told it."""
    execution.behaviour = end
    return execution.over


def is_job(name: str) -> bool:
    """Whether the application account has such a job."""
    return name in glue._jobs


def get_run(data: dict) -> tuple:
    for run in glue._job_runs.get(data.get("JobName")) or []:
        if run["Id"] == data.get("RunId"):
            return json_response({"JobRun": _told(run)})
    return error_response_json("EntityNotFoundException", f"there is no run {data.get('RunId')}")


def get_runs(data: dict) -> tuple:
    """Newest first and in pages, as Glue lists them; the emulator gives all of them, oldest first."""
    name = data.get("JobName")
    if name not in glue._jobs:
        return error_response_json("EntityNotFoundException", f"there is no job {name}")
    runs = list(reversed(glue._job_runs.get(name) or []))
    first = int(data.get("NextToken") or 0)
    size = min(int(data.get("MaxResults") or 200), 200)
    answer: dict[str, Any] = {"JobRuns": [_told(run) for run in runs[first : first + size]]}
    if first + size < len(runs):
        answer["NextToken"] = str(first + size)
    return json_response(answer)


def _told(run: dict) -> dict:
    with _lock:
        return {key: value for key, value in run.items() if value is not None}


def stop_all() -> None:
    """Ends every running script; called when the emulator goes down."""
    for execution in list(_executions.values()):
        execution.stop.set()
