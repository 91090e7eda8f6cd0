"""Reading exactly the Parquet files that manifests list.

Files of one dataset that were written by different runs may differ in their columns and types. They are read in groups
of one schema each, so that nothing has to be converted, and nothing can be lost, before the conformed tables.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from pyarrow import parquet
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from tui_etl import storage
from tui_etl.manifest import Output

#: Under this name Spark writes a file's schema into its footer.
_SPARK_SCHEMA = b"org.apache.spark.sql.parquet.row.metadata"
_TRAILER = 8


class InputError(RuntimeError):
    """A listed file that is not what its manifest says; that it is missing shows as the error of its request."""


@dataclass
class Group:
    """Files of one dataset, zone and schema."""

    dataset: str
    zone: str
    schema: StructType
    outputs: list[Output] = field(default_factory=list)

    @property
    def records(self) -> int:
        return sum(output.records for output in self.outputs)

    @property
    def size(self) -> int:
        return sum(output.size for output in self.outputs)


def group(s3: Any, outputs: Iterable[Output]) -> list[Group]:
    """The outputs by dataset, zone and schema, each file's footer read once and held against its manifest."""
    listed = [output for output in outputs if output.records]
    with ThreadPoolExecutor(storage.IN_FLIGHT) as pool:
        schemas = list(pool.map(lambda output: _schema_of(s3, output), listed))
    groups: dict[tuple[str, str, str], Group] = {}
    for output, schema in sorted(zip(listed, schemas, strict=True), key=lambda pair: pair[0].key):
        place = (output.dataset, output.zone, schema)
        if place not in groups:
            groups[place] = Group(output.dataset, output.zone, StructType.fromJson(json.loads(schema)))
        groups[place].outputs.append(output)
    return list(groups.values())


def read(spark: SparkSession, group: Group) -> DataFrame:
    """The rows of a group."""
    return spark.read.schema(group.schema).parquet(*map(place_of, group.outputs))


def place_of(output: Output) -> str:
    """A listed file's URI; without a bucket it is a local file, as in `storage`."""
    return output.uri if output.bucket else f"file://{output.key}"


def refuse_elsewhere(outputs: Iterable[Output], buckets: Mapping[str, str]) -> None:
    """Raises `InputError` unless each file lies in the bucket of its zone, and each zone is one of these."""
    for output in outputs:
        if buckets.get(output.zone) != output.bucket:
            raise InputError(f"{output.uri} is listed as {output.zone}, which is kept in {buckets.get(output.zone)}")


def by_dataset(groups: Iterable[Group]) -> dict[str, list[Group]]:
    """Groups under the name of their dataset."""
    found: dict[str, list[Group]] = {}
    for one in groups:
        found.setdefault(one.dataset, []).append(one)
    return found


def _schema_of(s3: Any, output: Output) -> str:
    place = place_of(output)
    metadata = parquet.read_metadata(io.BytesIO(_footer(s3, place, output.size)))
    if metadata.num_rows != output.records:
        raise InputError(f"{place} has {metadata.num_rows} rows, its manifest says {output.records}")
    schema = (metadata.metadata or {}).get(_SPARK_SCHEMA)
    if schema is None:
        raise InputError(f"{place} was not written by Spark")
    return schema.decode()


def _footer(s3: Any, place: str, size: int) -> bytes:
    tail = storage.read(s3, place, max(0, size - storage.FOOTER_GUESS), size)
    length = int.from_bytes(tail[-_TRAILER:-4], "little") + _TRAILER
    if tail[-4:] != b"PAR1" or length > size:
        raise InputError(f"{place} is not a Parquet file of {size} bytes")
    return tail if length <= len(tail) else storage.read(s3, place, size - length, size)
