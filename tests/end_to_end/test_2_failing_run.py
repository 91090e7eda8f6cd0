"""A Glue 2 run fails while ServiceNow is away, and the next one ends without a word: nothing is lost or hidden.

reconcile gives the event of a run's end three minutes to arrive before it sends it again, so this waits that long once.
"""

from __future__ import annotations

from pathlib import Path

from local.demo import conditions
from local.demo.observe import TEMP_PREFIX
from tests.end_to_end.input import lines
from tests.pipeline_under_test import Watched


def test_a_failing_run_raises_one_ticket_and_the_next_run_takes_its_work(pipeline: Watched, tmp_path: Path) -> None:
    pipeline.ingested(pipeline.drop(tmp_path, {"second week/a.jsonl": lines({"id": 1}, {"id": 2})}))
    temp = temp_objects(pipeline)
    mails, tickets, alerts = len(pipeline.mails()), len(pipeline.journal("incidents")), len(pipeline.alerts())
    conform_runs = len([run for run in pipeline.glue_runs() if run.stage == 3])
    assert temp

    pipeline.service_desk("down")
    pipeline.order(2, "fail")
    pipeline.friday()
    dead_letters = pipeline.outputs["dead_letter_queue_urls"]["events"]
    pipeline.wait_for(lambda: pipeline.queue_depth(dead_letters), "event that failed with all its retries")
    snapshot = pipeline.look()
    [failed] = conditions.failed_runs(snapshot)
    assert failed.stage == 2
    assert len(pipeline.alerts()) == alerts + 1
    assert len(pipeline.journal("incidents")) == tickets
    assert len(pipeline.mails()) == mails
    assert temp_objects(pipeline) == temp
    assert len([run for run in snapshot.glue if run.stage == 3]) == conform_runs
    pipeline.service_desk("ok")

    # The next run takes the work. Its own event gets lost.
    pipeline.order(2, "silent")
    pipeline.friday()
    silent = pipeline.wait_for(lambda: committed_after(pipeline, failed.run_id), "committed Glue 2 run")
    assert temp_objects(pipeline) == temp

    def all_told_after_a_tick() -> bool:
        pipeline.tick()
        return len(pipeline.journal("incidents")) > tickets and mails_about(pipeline, silent) > 0

    what = "ticket for the failed run and mail for the silent one"
    pipeline.wait_for(all_told_after_a_tick, what, interval_seconds=5)
    pipeline.conformed()
    assert pipeline.query('SELECT count(*) FROM "tui_secured_dev"."second_week"') == [["2"]]
    [ticket] = pipeline.journal("incidents")[tickets:]
    assert ticket["correlation_id"] == f"tui-etl-dev-{failed.run_id}"
    assert mails_about(pipeline, silent) == 1
    assert mails_about(pipeline, failed.run_id) == 0
    assert len(pipeline.alerts()) == alerts + 1


def temp_objects(pipeline: Watched) -> set[str]:
    return set(pipeline.keys(pipeline.bucket("raw"), TEMP_PREFIX))


def mails_about(pipeline: Watched, run_id: str) -> int:
    return sum(run_id in mail["message"] for mail in pipeline.mails())


def committed_after(pipeline: Watched, run_id: str) -> str | None:
    """The Glue 2 run that succeeded after this one, once it has committed."""
    snapshot = pipeline.look()
    newer = [run.run_id for run in snapshot.glue if run.stage == 2]
    newer = newer[: newer.index(run_id)]  # Glue lists the newest first
    ended = {run.run_id for run in snapshot.glue_runs(2, ("SUCCEEDED",))}
    return next((one for one in newer if one in ended & snapshot.run_ids(2)), None)
