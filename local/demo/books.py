"""Do the books balance? Three sources that don't know each other are held against one another.

- the input's own files, counted by `reference` (strict JSON, no Spark);
- the jobs' reports, which is where superseded records and zones are known;
- the tables, counted through Athena, and the Parquet files in quarantine.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from local.demo.landing import Landed
from local.demo.reference import Count, count_file, dataset_of

NO_DATASET = "_none"


@dataclass
class Account:
    """One dataset of the input, from landing to its tables; `legacy` and `secured` as Glue 2 decided.

    `reingested`: records that came in once more, from quarantine; those are not in the input.
    """

    dataset: str
    files: int = 0
    records: int = 0
    quarantined: int = 0
    legacy: int = 0
    secured: int = 0
    superseded: int = 0
    conformed: int = 0
    reingested: int = 0
    tables: list[str] = field(default_factory=list)
    # what the jobs say, to be held against the above
    reported_in: int = 0
    reported_conformed: int = 0
    reported_quarantined: int = 0

    def problems(self) -> list[str]:
        accounted = self.conformed + self.quarantined + self.superseded
        came_in = "records in the input" + (" and from quarantine" if self.reingested else "")
        number = self.records + self.reingested
        comparisons = [
            (came_in, number, "conformed + quarantined + superseded", accounted),
            (came_in, number, "records in by Glue 1's reports", self.reported_in),
            ("rows by Athena", self.conformed, "conformed by Glue 3's reports", self.reported_conformed),
            ("rows in quarantine", self.quarantined, "quarantined by the reports", self.reported_quarantined),
        ]
        return [
            f"{self.dataset}: {left} {left_name}, {right} {right_name}"
            for left_name, left, right_name, right in comparisons
            if left != right
        ]

    def row(self) -> dict[str, Any]:
        """As `report.json` has it."""
        return {name: value for name, value in asdict(self).items() if not name.startswith("reported_")}


def by_dataset(by_file: Mapping[str, tuple[str, Count]]) -> dict[str, tuple[int, Count]]:
    """dataset -> (files, records), from what `expected_of_files` found."""
    result: dict[str, tuple[int, Count]] = {}
    for dataset, count in by_file.values():
        number, total = result.get(dataset, (0, Count(0, 0)))
        result[dataset] = (number + 1, total + count)
    return result


def expected_of_files(landed: Iterable[Landed], folders: Mapping[str, str]) -> dict[str, tuple[str, Count]]:
    """file id -> (dataset, records) by the reference.

    A file without a dataset is quarantined whole, as one record. So is a file of a folder whose name turns into the
    same table name as another folder's, which has it: `folders` says which of them, dataset -> folder, as the ledger
    does. A folder that is alone is read, whatever the ledger says.
    """
    files = list(landed)
    spellings: defaultdict[str, set[str]] = defaultdict(set)
    for file in files:
        spellings[dataset_of(file.file.folder) or NO_DATASET].add(file.file.folder)
    result: dict[str, tuple[str, Count]] = {}
    for file in files:
        dataset = dataset_of(file.file.folder) or NO_DATASET
        rivals = len(spellings[dataset]) > 1 and folders.get(dataset) in spellings[dataset]
        refused = dataset == NO_DATASET or (rivals and file.file.folder != folders[dataset])
        result[file.file_id] = (dataset, Count(0, 1) if refused else count_file(file.file.path))
    return result


def accounts(
    counted: Mapping[str, tuple[int, Count]],
    reports: Iterable[Mapping[str, Any]],
    quarantined: Mapping[str, int],
    table_rows: Mapping[str, int],
) -> list[Account]:
    """One account a dataset; `table_rows` maps `database.table` to the rows that Athena counted."""
    result: defaultdict[str, Account] = defaultdict(lambda: Account(""))
    for dataset, (files, count) in counted.items():
        result[dataset].files, result[dataset].records = files, count.records + count.quarantined
    for report in reports:
        for row in report["datasets"]:
            account = result[row["dataset"]]
            account.reported_quarantined += row["quarantined"]
            account.superseded += row["superseded"]
            if report["stage"] == 1:
                account.reported_in += row["records_in"]
                account.reingested += row.get("reingested", 0)
            if report["stage"] == 2:
                account.legacy += row["legacy"]
                account.secured += row["secured"]
            if report["stage"] == 3:
                account.reported_conformed += row["conformed"]
    for dataset, rows in quarantined.items():
        result[dataset].quarantined += rows
    for table, rows in table_rows.items():
        account = result[table.partition(".")[2]]
        account.conformed += rows
        account.tables.append(table)
    for dataset, account in result.items():
        account.dataset = dataset
    return [result[dataset] for dataset in sorted(result)]


def totals(rows: Iterable[Account]) -> Counter[str]:
    total: Counter[str] = Counter()
    for row in rows:
        for name in ("files", "records", "quarantined", "legacy", "secured", "superseded", "conformed"):
            total[name] += getattr(row, name)
    return total
