"""A job run against a real table: what it takes, what it leaves alone, what happens when its commit is refused."""

from __future__ import annotations

import dataclasses
import itertools
import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

from tui_etl import manifest, protocol, report, run
from tui_etl.ledger import Ledger
from tui_etl.report import DatasetBalance
from tui_etl.run import Context, Outcome, RunRefused, Work
from tui_etl.storage import Clients

OUTPUT = manifest.Output("raw", "tui/legacy/temp/a/run=x/part-0.parquet", "a", "temp", 1, 10)


class NotFound(Exception):
    pass


class Glue:
    """What Glue says about other runs; it knows those in `states` only."""

    class exceptions:
        EntityNotFoundException = NotFound

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.asked: list[tuple[str, str]] = []

    def get_job_run(self, JobName: str, RunId: str) -> dict[str, Any]:
        self.asked.append((JobName, RunId))
        if RunId not in self.states:
            raise NotFound
        return {"JobRun": {"JobRunState": self.states[RunId]}}


class World:
    """A ledger, a state bucket, Glue, and runs to be made in it."""

    def __init__(self, aws: Clients) -> None:
        self.table = f"ledger-{uuid.uuid4().hex[:8]}"
        self.bucket = f"state-{uuid.uuid4().hex[:8]}"
        self.glue = Glue()
        self.clients = Clients(aws.s3, aws.dynamodb, self.glue)
        aws.s3.create_bucket(Bucket=self.bucket)
        aws.dynamodb.create_table(
            TableName=self.table,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        self.ledger = Ledger(aws.dynamodb, self.table)

    def context(self, run_id: str, stage: int = 1) -> Context:
        given = {
            "JOB_NAME": f"job-{stage}",
            "JOB_RUN_ID": run_id,
            "started_by": "reconcile",
            "state_bucket": self.bucket,
            "ledger_table": self.table,
        }
        return run.open_context(stage, given, self.clients)

    def land(self, *names: str) -> list[str]:
        """Do what intake does."""
        pks = [protocol.file_pk(protocol.file_id("landing", f"tui/legacy/a/{name}", "v1")) for name in names]
        for pk, name in zip(pks, names, strict=True):
            self.ledger.put_marker(1, pk)
            item = {"pk": {"S": pk}, "sk": {"S": "ITEM"}, "key": {"S": name}, "size": {"N": "7"}}
            self.clients.dynamodb.put_item(TableName=self.table, Item=item)
        return pks

    def state(self, run_id: str, stage: int = 1) -> str:
        found = self.ledger.get(protocol.run_pk(stage, run_id))
        assert found is not None
        return found["state"]

    def marked(self, stage: int = 1) -> set[str]:
        return {marker.item_pk for marker in self.ledger.markers(stage)}

    def commit_as(self, run_id: str, stage: int = 1) -> set[str]:
        """A whole run; returns what it held."""
        seen: list[Work] = []
        run.execute(self.context(run_id, stage), keep(seen))
        return {work.pk for work in seen}

    def crash_as(self, run_id: str) -> set[str]:
        """A run of stage 1 that dies after it has taken its items."""
        context = self.context(run_id)
        run.start(context)
        return {work.pk for work in run.take_open(context)}


def keep(seen: list[Work], before_commit: Callable[[], object] = lambda: None) -> Callable[[list[Work]], Outcome]:
    def process(work: list[Work]) -> Outcome:
        seen.extend(work)
        before_commit()
        count = len(work)
        balance = DatasetBalance("a", count, records_in=count, records_out=count, secured=count, conformed=count)
        return Outcome([OUTPUT], [balance])

    return process


class Crash(Exception):
    pass


def crash(*_: object) -> Any:
    raise Crash


@pytest.fixture
def world(aws: Clients) -> Iterator[World]:
    made = World(aws)
    yield made
    aws.dynamodb.delete_table(TableName=made.table)


def test_a_run_takes_what_is_open_commits_it_and_marks_itself_for_the_next_stage(world: World) -> None:
    pks = set(world.land("1.json", "2 ä+%'\".json", "3.json"))
    assert world.commit_as("jr_1") == pks
    item = world.ledger.get(protocol.run_pk(1, "jr_1"))
    assert item is not None
    assert (item["state"], item["job"], item["started_by"], item["stage"]) == ("COMMITTED", "job-1", "reconcile", 1)
    assert item["counts"] == {"items": 3, "records_in": 3, "records_out": 3, "quarantined": 0, "superseded": 0}
    listed = manifest.read(world.clients.s3, item["manifest"], 1, "jr_1")
    assert (set(listed.items), listed.outputs, listed.run_id) == (pks, [OUTPUT], "jr_1")
    assert item["report"] == f"s3://{world.bucket}/reports/stage=1/run=jr_1.json"
    assert world.clients.s3.head_object(Bucket=world.bucket, Key="reports/stage=1/run=jr_1.json")
    assert (world.marked(1), world.marked(2)) == (set(), {"RUN#1#jr_1"})


def test_the_next_stage_takes_the_committed_run_and_the_last_stage_marks_nothing(world: World) -> None:
    world.land("1.json")
    world.commit_as("jr_1")
    assert world.commit_as("jr_2", 2) == {"RUN#1#jr_1"}
    assert world.commit_as("jr_3", 3) == {"RUN#2#jr_2"}
    assert [world.marked(stage) for stage in (1, 2, 3, 4)] == [set()] * 4


def test_a_run_that_finds_nothing_ends_void_and_writes_nothing(world: World) -> None:
    assert run.execute(world.context("jr_1"), crash) is None
    item = world.ledger.get("RUN#1#jr_1")
    assert item is not None
    assert (item["state"], item["reason"]) == ("VOID", "EMPTY")
    assert "Contents" not in world.clients.s3.list_objects_v2(Bucket=world.bucket)


def test_no_more_is_taken_than_allowed_and_the_longest_waiting_first(world: World) -> None:
    first = world.land("1.json")
    second = world.land("2.json", "3.json", "4.json")
    context = world.context("jr_1")
    run.start(context)
    taken = {work.pk for work in run.take_open(context, 2)}
    assert len(taken) == 2
    assert set(first) <= taken
    assert world.commit_as("jr_2") == set(second) - taken


def test_items_that_others_hold_do_not_count_against_the_limit(world: World) -> None:
    world.glue.states["jr_1"] = "RUNNING"
    world.land("1.json", "2.json", "3.json")
    world.crash_as("jr_1")
    (pk,) = world.land("4.json")
    context = world.context("jr_2")
    run.start(context)
    assert [work.pk for work in run.take_open(context, 1)] == [pk]


def test_what_a_running_run_holds_is_left_alone(world: World) -> None:
    pks = set(world.land("1.json"))
    world.glue.states["jr_1"] = "RUNNING"
    assert world.crash_as("jr_1") == pks
    assert world.commit_as("jr_2") == set()
    assert (world.state("jr_1"), world.marked()) == ("STARTED", pks)


def test_a_run_that_glue_does_not_know_is_not_taken_for_dead(world: World) -> None:
    world.land("1.json")
    world.crash_as("jr_1")
    assert world.commit_as("jr_2") == set()
    assert world.state("jr_1") == "STARTED"
    assert world.glue.asked == [("job-1", "jr_1")]


@pytest.mark.parametrize("state", sorted(protocol.ENDED_STATES))
def test_a_run_that_glue_says_has_ended_is_void_and_its_items_are_taken_over(world: World, state: str) -> None:
    pks = set(world.land("1.json", "2.json"))
    world.crash_as("jr_1")
    world.glue.states["jr_1"] = state
    assert world.commit_as("jr_2") == pks
    assert (world.state("jr_1"), world.state("jr_2")) == ("VOID", "COMMITTED")


def test_items_of_a_void_run_are_taken_over_without_asking_glue(world: World) -> None:
    pks = set(world.land("1.json"))
    world.crash_as("jr_1")
    assert world.ledger.void(1, "jr_1", protocol.ENDED)
    assert world.commit_as("jr_2") == pks
    assert world.glue.asked == []


def test_a_run_that_commits_while_another_takes_it_for_dead_keeps_its_items(world: World) -> None:
    (pk,) = world.land("1.json")
    holder = world.context("jr_1")

    def taken_for_dead_too_late() -> None:
        world.glue.states["jr_1"] = "TIMEOUT"
        taker = run.Taker(world.context("jr_2"))
        assert taker.decide(pk, world.ledger.get(pk)) is protocol.Decision.VOID_HOLDER
        takers.append(taker)

    takers: list[run.Taker] = []
    run.execute(holder, keep([], taken_for_dead_too_late))
    assert takers[0].void("jr_1") is False
    assert world.state("jr_1") == "COMMITTED"


def test_a_zombies_commit_is_refused_and_changes_nothing(world: World) -> None:
    pks = set(world.land("1.json"))

    def declared_dead() -> None:
        world.glue.states["jr_1"] = "TIMEOUT"
        assert world.crash_as("jr_2") == pks

    with pytest.raises(RunRefused, match="given up for dead"):
        run.execute(world.context("jr_1"), keep([], declared_dead))
    assert (world.state("jr_1"), world.state("jr_2")) == ("VOID", "STARTED")
    assert world.marked() == pks
    item = world.ledger.get(next(iter(pks)))
    assert item is not None
    assert (item["assigned_to"], item["size"]) == ("jr_2", 7)


def test_the_marker_that_a_refused_commit_left_is_dropped_by_the_next_stage(world: World) -> None:
    world.land("1.json")
    with pytest.raises(RunRefused):
        run.execute(world.context("jr_1"), keep([], lambda: world.ledger.void(1, "jr_1", protocol.ENDED)))
    assert world.marked(2) == {"RUN#1#jr_1"}
    assert world.commit_as("jr_9", 2) == set()
    assert world.marked(2) == set()


def test_a_commit_whose_answer_was_lost_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.land("1.json")
    context = world.context("jr_1")
    commit = context.ledger.commit

    def lose_the_answer(*given: Any) -> bool:
        assert commit(*given)
        return commit(*given)  # what an SDK does that got no answer

    monkeypatch.setattr(context.ledger, "commit", lose_the_answer)
    assert run.execute(context, keep([])) is not None
    assert (world.state("jr_1"), world.marked()) == ("COMMITTED", set())


def test_markers_that_outlive_a_commit_are_dropped_by_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pks = set(world.land("1.json", "2.json"))
    context = world.context("jr_1")
    monkeypatch.setattr(context.ledger, "drop_marker", crash)
    with pytest.raises(Crash):
        run.execute(context, keep([]))
    assert (world.state("jr_1"), world.marked()) == ("COMMITTED", pks)
    assert world.commit_as("jr_2") == set()
    assert world.marked() == set()


def test_the_next_stage_is_marked_before_the_commit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.land("1.json")
    context = world.context("jr_1")
    monkeypatch.setattr(context.ledger, "put_marker", crash)
    with pytest.raises(Crash):
        run.execute(context, keep([]))
    assert world.state("jr_1") == "STARTED"


#: What is called, or the key that it is called with, for each write of a commit.
WRITES = {
    "manifests": "MANIFEST",
    "reports": "REPORT",
    "put_marker": "NEXT_MARKER",
    "commit": "COMMIT",
    "drop_marker": "DROP_MARKERS",
}


class Recorder:
    """Stands where a ledger, or the object store, is, and notes what is called on it, in order."""

    def __init__(self, calls: list[str], wanted: Any) -> None:
        self.calls = calls
        self.wanted = wanted

    def __getattr__(self, name: str) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            keys = [str(value).partition("/")[0] for value in (*given, *named.values())]
            self.calls.append(next((key for key in keys if key in WRITES), name))
            return getattr(self.wanted, name)(*given, **named)

        return call


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_the_writes_of_a_commit_come_in_the_order_that_the_table_says(world: World, stage: int) -> None:
    tables = json.loads((Path(__file__).parents[2] / "tests" / "decisions" / "job.json").read_text())
    calls: list[str] = []
    context = world.context("jr_1", stage)
    run.start(context)
    recorded = dataclasses.replace(
        context,
        ledger=cast(Ledger, Recorder(calls, context.ledger)),
        clients=Clients(Recorder(calls, context.s3), world.clients.dynamodb, world.glue),
    )
    made = report.build(stage, context.job, context.run_id, "reconcile", context.started_at, [])
    run.commit(recorded, ["FILE#1", "FILE#2"], [OUTPUT], made)
    seen = [name for name, _ in itertools.groupby(WRITES.get(call, call) for call in calls)]
    assert seen == next(row["expect"] for row in tables["commit_order"] if row["stage"] == stage)


def test_an_item_of_a_committed_run_that_does_not_list_it_is_taken_over(world: World) -> None:
    first, second = world.land("1.json", "2.json")
    context = world.context("jr_1")
    run.start(context)
    for pk in (first, second):  # the second write went through, though the run never learned so
        assert world.ledger.assign(pk, "jr_1", None)
    made = report.build(1, context.job, context.run_id, "reconcile", context.started_at, [])
    run.commit(context, [first], [OUTPUT], made)
    assert world.commit_as("jr_2") == {second}


def test_an_item_this_run_holds_already_is_kept(world: World) -> None:
    (pk,) = world.land("1.json")
    assert world.ledger.assign(pk, "jr_1", None)
    assert world.commit_as("jr_1") == {pk}


def test_an_item_whose_taking_was_not_answered_is_held(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    pks = set(world.land("1.json", "2.json"))
    context = world.context("jr_1")
    assign = context.ledger.assign

    def lose_the_answer(*given: Any) -> bool:
        assert assign(*given)
        return assign(*given)  # what an SDK does that got no answer

    monkeypatch.setattr(context.ledger, "assign", lose_the_answer)
    seen: list[Work] = []
    run.execute(context, keep(seen))
    assert {work.pk for work in seen} == pks


def test_two_runs_at_once_never_hold_one_item(world: World) -> None:
    pks = set(world.land(*(f"{number}.json" for number in range(40))))
    world.glue.states |= {"jr_1": "RUNNING", "jr_2": "RUNNING"}
    one, other = world.context("jr_1"), world.context("jr_2")
    run.start(one)
    run.start(other)
    with ThreadPoolExecutor(2) as pool:
        held = [{work.pk for work in taken} for taken in pool.map(run.take_open, (one, other))]
    assert held[0] | held[1] == pks
    assert held[0] & held[1] == set()


def test_an_item_that_changed_hands_since_it_was_read_is_not_taken(world: World) -> None:
    (pk,) = world.land("1.json")
    assert world.ledger.assign(pk, "jr_1", None)
    assert not world.ledger.assign(pk, "jr_2", None)
    assert not world.ledger.assign(pk, "jr_2", "jr_0")
    assert world.ledger.assign(pk, "jr_2", "jr_1")
    assert not world.ledger.assign("FILE#absent", "jr_2", None)


def test_a_marker_without_an_item_stays(world: World) -> None:
    world.ledger.put_marker(1, "FILE#on its way")
    assert world.commit_as("jr_1") == set()
    assert world.marked() == {"FILE#on its way"}


def test_a_started_run_of_the_stage_before_is_no_work_yet(world: World) -> None:
    world.land("1.json")
    world.crash_as("jr_1")
    world.ledger.put_marker(2, "RUN#1#jr_1")
    assert world.commit_as("jr_2", 2) == set()
    assert world.marked(2) == {"RUN#1#jr_1"}


def test_a_run_that_was_given_up_before_it_began_is_refused(world: World) -> None:
    world.ledger.put_run(1, "jr_1", "job-1", "reconcile")
    world.ledger.void(1, "jr_1", protocol.NEVER_STARTED)
    pks = set(world.land("1.json"))
    with pytest.raises(RunRefused, match="VOID already"):
        world.commit_as("jr_1")
    assert world.commit_as("jr_2") == pks


def test_a_run_that_fails_while_it_works_commits_nothing(world: World) -> None:
    pks = set(world.land("1.json"))
    with pytest.raises(Crash):
        run.execute(world.context("jr_1"), crash)
    assert (world.state("jr_1"), world.marked(1), world.marked(2)) == ("STARTED", pks, set())


def test_a_run_that_does_not_balance_commits_nothing(world: World) -> None:
    world.land("1.json")
    unbalanced = Outcome([], [DatasetBalance("a", records_in=2, records_out=1)])
    with pytest.raises(report.Unbalanced):
        run.execute(world.context("jr_1"), lambda work: unbalanced)
    assert world.state("jr_1") == "STARTED"


def test_a_job_run_that_glue_has_forgotten_has_not_ended_for_sure(aws: Clients) -> None:
    assert run.job_run_ended(aws.glue, "no-such-job", "jr_1") is None
