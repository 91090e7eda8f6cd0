"""The protections that are switched off on purpose: the text that protects, what stands there without it, and the case
or the tests that must fail then (see `unprotected`). Whoever changes such a text is told so by `test_protections.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from local.demo.running import REPOSITORY

LIBRARY = "glue/lib/"
SCRIPTED = "tests/faults/scripted/"


@dataclass(frozen=True)
class Protection:
    """One text, in a file given from the repository's root. What notices its absence is a case, in one of whose last
    four columns `shows` stands, or tests (their node ids), each of which fails."""

    name: str
    path: str
    text: str
    without: str
    case: str = ""
    shows: str = ""
    tests: tuple[str, ...] = ()
    #: The function that is built and deployed without it, if it is one of a function.
    function: str = ""
    #: What a second protection, IAM, must let that function do before it can do harm: actions on buckets.
    granted: dict[str, Any] = field(default_factory=dict)

    def switched_off(self) -> str:
        source = (REPOSITORY / self.path).read_text(encoding="utf-8")
        if source.count(self.text) != 1:
            raise ValueError(f"{self.path} no longer has, or has more than once: {self.text!r}")
        return source.replace(self.text, self.without)

    @property
    def noticed_by(self) -> str:
        return self.case or ", ".join(node.rpartition("/")[2] for node in self.tests)


_LIST_AND_DELETE = """drop(run_ids);
    let listed = clients
        .s3
        .list_objects_v2()
        .bucket(&config.raw_bucket)
        .prefix(&config.temp_prefix)
        .send()
        .await?;
    let objects = listed.contents.unwrap_or_default();
    let keys = objects.into_iter().filter_map(|object| object.key).collect();
    let (s3, bucket) = (clients.s3.clone(), config.raw_bucket.clone());
    let outcome = delete::delete(s3, bucket, keys, config.patience).await;
    let tally = clean::Tally {
        deleted: outcome.deleted,
        failed: outcome.failed.len() as u64,
        ..clean::Tally::default()
    };"""

PROTECTIONS = [
    Protection(
        "conditional assignment",
        LIBRARY + "tui_etl/ledger.py",
        'condition = "attribute_exists(pk) AND attribute_not_exists(assigned_to)"',
        'condition = "attribute_exists(pk)"',
        "two runs take the same file at the same moment",
        "doubled",
    ),
    Protection(
        "VOID before taking over",
        LIBRARY + "tui_etl/run.py",
        "if decision is Decision.VOID_HOLDER and not self.void(str(holder)):",
        "if False:",
        "a run commits late, and nobody but its heir could give it up",
        "doubled",
    ),
    Protection(
        "VOID on condition",
        LIBRARY + "tui_etl/ledger.py",
        """reason = :reason",
            "#state = :started",""",
        """reason = :reason",
            "#state <> :started OR #state = :started",""",
        tests=("glue/tests/test_run.py::test_a_run_that_commits_while_another_takes_it_for_dead_keeps_its_items",),
    ),
    Protection(
        "conditional commit",
        LIBRARY + "tui_etl/ledger.py",
        """report = :report, counts = :counts",
            "#state = :started",""",
        """report = :report, counts = :counts",
            "#state <> :started OR #state = :started",""",
        "a run commits after it was called dead and its work was done by another",
        "doubled",
    ),
    Protection(
        "marker before item",
        "crates/pipeline/src/intake.rs",
        """    ledger
        .put_marker(Stage::Ingest, &file.pk(), taken_in.at)
        .await?;
    ledger.put_file(file, taken_in).await
""",
        """    let is_new = ledger.put_file(file, taken_in).await?;
    ledger
        .put_marker(Stage::Ingest, &file.pk(), taken_in.at)
        .await?;
    Ok(is_new)
""",
        "copy-prefix killed between items, its messages lost",
        "lost",
        function="copy-prefix",
    ),
    Protection(
        "item put if absent",
        "crates/pipeline/src/ledger.rs",
        """            .condition_expression("attribute_not_exists(pk)")\n""",
        "",
        "a batch held before its item until its file is done, and its message once more",
        "doubled",
        function="copy-prefix",
    ),
    Protection(
        "version id",
        LIBRARY + "tui_etl/ingest/staging.py",
        'source = {"Bucket": file.bucket, "Key": file.key, "VersionId": file.version_id}',
        'source = {"Bucket": file.bucket, "Key": file.key}',
        "a key overwritten before Glue 1 has read it",
        "lost",
    ),
    Protection(
        "manifest-bound delete",
        "crates/clean-prefix/src/lib.rs",
        "let tally = clean::clean(config, clients, by, run_ids).await?;",
        _LIST_AND_DELETE,
        "a Glue 1 run commits while clean-prefix is about to delete",
        "misplaced",
        function="clean-prefix",
        granted={"raw": ["s3:ListBucket"]},
    ),
    Protection(
        "validated table commit",
        SCRIPTED + "conform.py",
        "Body=body, **condition)",
        "Body=body)",
        "a run writes to a table that another has changed since it was read",
        "lost",
    ),
    Protection(
        "validated table commit",
        LIBRARY + "tui_etl/conform/tables.py",
        '"write.merge.isolation-level": "serializable"',
        '"write.merge.isolation-level": "snapshot"',
        tests=(
            "glue/tests/conform/test_conform_conflicts.py"
            "::test_of_two_interleaved_writers_one_fails[into a new table-appended]",
            "glue/tests/conform/test_conform_conflicts.py"
            "::test_of_two_interleaved_writers_one_fails[beside other rows-merged by key]",
        ),
    ),
    Protection(
        "balance check",
        LIBRARY + "tui_etl/report.py",
        "    if problems:\n        raise Unbalanced",
        "    if False:\n        raise Unbalanced",
        "a Glue 2 run reads less than its input holds",
        "lost",
    ),
    Protection(
        "default secured",
        SCRIPTED + "classify.py",
        'return "legacy" if record.get("zone") == "legacy" else "secured"',
        'return "secured" if record.get("zone") == "secured" else "legacy"',
        "every S3 event twice",
        "misplaced",
    ),
    Protection(
        "default secured",
        LIBRARY + "tui_etl/classify/rules.py",
        "return [*arms, Step(None, SECURED, DEFAULT)]",
        "return [*arms, Step(None, LEGACY, DEFAULT)]",
        tests=(
            "glue/tests/test_classify_rules.py::test_no_rule_is_secured",
            "glue/tests/test_classify.py::test_no_record_that_a_secured_rule_matches_or_none_does_is_ever_legacy",
        ),
    ),
]


def named(name: str) -> list[Protection]:
    """A protection in all places where it is switched off; all of them for `each`."""
    return [protection for protection in PROTECTIONS if name in (protection.name, "each")]
