"""Contracts of datasets that nobody has described, as their tables show them: YAML that a person can take over.

`contracts/learned/<dataset>/v<N>.yaml` in the state bucket. There is a new version when the columns have changed, and
each says which run had it learned and where the files of that run are listed. It has no effect until it is copied to
`contracts/<dataset>.yaml`.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from tui_etl import report, storage
from tui_etl.conform import types
from tui_etl.conform.contracts import OWN
from tui_etl.conform.pair import Pair
from tui_etl.conform.process import AT_ONCE, Params, pair_of
from tui_etl.report import DatasetBalance

_VERSION = re.compile(r"/v([1-9][0-9]*)\.yaml$")
_HEAD = """\
# Learned from what has come; of no effect here. To take it over, copy it to contracts/{dataset}.yaml, say who owns it
# and what it is, and think of a key, of partitions and of what is to be expected (docs/contracts.md).
learned: {{version: {version}, run_id: {run_id}, files: {files}}}
"""

logger = logging.getLogger(__name__)


def keep(
    spark: SparkSession, s3: Any, params: Params, folder: str, run_id: str, balances: Iterable[DatasetBalance]
) -> None:
    """Write what a committed run has shown of the datasets that have no contract."""

    def learn(dataset: str) -> None:
        content = body(dataset, columns(pair_of(spark, params, dataset)))
        written = write(s3, f"{folder}/{dataset}", content, run_id, report.files_of(params.files_uri, dataset))
        if written:
            logger.info("learned a contract", extra={"dataset": dataset, "contract": written})

    undescribed = [balance.dataset for balance in balances if balance.dataset not in params.contracts]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(learn, undescribed))


def folder_of(state_bucket: str) -> str:
    """Where all of them lie."""
    return f"s3://{state_bucket}/contracts/learned"


def columns(pair: Pair) -> StructType:
    """The columns of a dataset in both of its tables, without the pipeline's own."""
    found = [table.schema() for table in pair.tables().values() if table.exists()]
    data = [StructType([field for field in kind if field.name not in OWN]) for kind in found]
    return types.merged(StructType(), data)


def body(dataset: str, schema: StructType) -> str:
    """The contract itself. A JSON text is YAML too, and one that no name or type can break."""
    lines = [
        f"dataset: {json.dumps(dataset)}",
        "owner: nobody",
        "description: Learned; nobody has described it.",
        "fields:" if schema.fields else "fields: {}",
    ]
    for field in schema:
        kind = json.dumps(types.ddl(field.dataType))
        lines.append(f'  {json.dumps(field.name)}: {{type: {kind}, description: ""}}')
    return "\n".join(lines) + "\n"


def write(s3: Any, folder: str, content: str, run_id: str, files: str) -> str | None:
    """A new version below a dataset's folder, if the newest one says something else; returns its URI."""
    found = [_VERSION.search(file.uri) for file in storage.list_files(s3, folder)]
    newest = max((int(match[1]) for match in found if match), default=0)
    if newest and _without_head(storage.read(s3, f"{folder}/v{newest}.yaml").decode()) == content:
        return None
    dataset, version = folder.rsplit("/", 1)[-1], newest + 1
    head = _HEAD.format(dataset=dataset, version=version, run_id=json.dumps(run_id), files=json.dumps(files))
    uri = f"{folder}/v{version}.yaml"
    storage.write(s3, uri, (head + content).encode(), "application/yaml")
    return uri


def _without_head(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(("#", "learned:")))
