"""The ledger table: consistent reads and single-item conditional writes, nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from tui_etl import protocol

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def now() -> str:
    """The time as the ledger spells it: ISO 8601, UTC, milliseconds, `Z`."""
    return spell(datetime.now(UTC))


def spell(moment: datetime) -> str:
    """A moment as the ledger spells it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Marker:
    """A hint that an item may be open."""

    stage: int
    item_pk: str
    at: str


class Ledger:
    """One method a protocol step. A method that returns a bool says whether its condition held."""

    def __init__(self, client: Any, table: str) -> None:
        self.client = client
        self.table = table

    def get(self, pk: str) -> dict[str, Any] | None:
        """An item's attributes, read consistently; whole numbers as int."""
        answer = self.client.get_item(TableName=self.table, Key=_key(pk), ConsistentRead=True)
        return _plain(answer["Item"]) if "Item" in answer else None

    def put_run(self, stage: int, run_id: str, job: str, started_by: str) -> dict[str, Any]:
        """Put a RUN item as STARTED if there is none yet; returns the item as it is now."""
        item: dict[str, Any] = {
            "pk": protocol.run_pk(stage, run_id),
            "sk": protocol.ITEM,
            "stage": stage,
            "run_id": run_id,
            "job": job,
            "state": protocol.STARTED,
            "started_by": started_by,
            "started_at": now(),
        }
        fields = {name: _serialize(value) for name, value in item.items()}
        if self._holds(self.client.put_item, Item=fields, ConditionExpression="attribute_not_exists(pk)"):
            return item
        existing = self.get(item["pk"])
        if existing is None:
            raise RuntimeError(f"{item['pk']} exists and can't be read")
        return existing

    def claim_dataset(self, dataset: str, folder: str, run_id: str) -> str:
        """Claim a dataset's name for a folder, if nobody has; returns the folder that has it."""
        pk = protocol.dataset_pk(dataset)
        item = {"pk": pk, "sk": protocol.ITEM, "dataset": dataset, "folder": folder}
        item |= {"claimed_by": run_id, "claimed_at": now()}
        fields = {name: _serialize(value) for name, value in item.items()}
        if self._holds(self.client.put_item, Item=fields, ConditionExpression="attribute_not_exists(pk)"):
            return folder
        existing = self.get(pk)
        if existing is None:
            raise RuntimeError(f"{pk} exists and can't be read")
        return str(existing["folder"])

    def markers(self, stage: int) -> Iterator[Marker]:
        """Every OPEN marker of a stage, shard by shard."""
        pages = self.client.get_paginator("query")
        for shard in protocol.SHARDS:
            for page in pages.paginate(
                TableName=self.table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": f"OPEN#{stage}#{shard}"}},
                ConsistentRead=True,
            ):
                for item in map(_plain, page["Items"]):
                    yield Marker(stage, item["item"], item.get("at", ""))

    def put_marker(self, stage: int, item_pk: str) -> None:
        """Mark an item as open, or renew its marker."""
        pk, sk = protocol.marker(stage, item_pk)
        fields = {"pk": pk, "sk": sk, "item": item_pk, "at": now()}
        self.client.put_item(TableName=self.table, Item={name: _serialize(value) for name, value in fields.items()})

    def drop_marker(self, stage: int, item_pk: str) -> None:
        """Remove an item's marker, if it is there."""
        pk, sk = protocol.marker(stage, item_pk)
        self.client.delete_item(TableName=self.table, Key={"pk": {"S": pk}, "sk": {"S": sk}})

    def put_quarantine_note(self, stage: int, run_id: str) -> None:
        """Note that a run which is about to commit has something in quarantine to publish."""
        fields = {"pk": protocol.quarantine_pk(stage), "sk": run_id, "at": now()}
        self.client.put_item(TableName=self.table, Item={name: _serialize(value) for name, value in fields.items()})

    def drop_quarantine_note(self, stage: int, run_id: str) -> None:
        """Remove a run's note, if it is there."""
        self.client.delete_item(
            TableName=self.table, Key={"pk": {"S": protocol.quarantine_pk(stage)}, "sk": {"S": run_id}}
        )

    def quarantine_notes(self, stage: int) -> list[str]:
        """The runs of a stage that have such a note."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": protocol.quarantine_pk(stage)}},
            ConsistentRead=True,
        )
        return [str(_plain(item)["sk"]) for page in pages for item in page["Items"]]

    def assign(self, item_pk: str, me: str, holder: str | None) -> bool:
        """Give an existing item to run `me`, if it still belongs to `holder` (None: to nobody)."""
        values: dict[str, Any] = {":me": me}
        condition = "attribute_exists(pk) AND attribute_not_exists(assigned_to)"
        if holder is not None:
            condition = "assigned_to = :holder"
            values[":holder"] = holder
        return self._update(item_pk, "SET assigned_to = :me", condition, values)

    def void(self, stage: int, run_id: str, reason: str) -> bool:
        """STARTED -> VOID."""
        return self._update(
            protocol.run_pk(stage, run_id),
            "SET #state = :void, reason = :reason",
            "#state = :started",
            {":void": protocol.VOID, ":reason": reason, ":started": protocol.STARTED},
        )

    def commit(self, stage: int, run_id: str, manifest: str, report: str, counts: Mapping[str, int]) -> bool:
        """STARTED -> COMMITTED, with the run's manifest, report and counts."""
        return self._update(
            protocol.run_pk(stage, run_id),
            "SET #state = :committed, committed_at = :at, manifest = :manifest, report = :report, counts = :counts",
            "#state = :started",
            {
                ":committed": protocol.COMMITTED,
                ":started": protocol.STARTED,
                ":at": now(),
                ":manifest": manifest,
                ":report": report,
                ":counts": dict(counts),
            },
        )

    def order_reingest(self, pk: str, batch: Mapping[str, Any], seen: Mapping[str, Any]) -> bool:
        """Add a batch to what is landed again of a file, if nobody has since the item was read as `seen`."""
        version = int(seen.get("version", 0))
        return self._update(
            pk,
            "SET batches = :batches, version = :next",
            "version = :version" if version else "attribute_not_exists(version)",
            {":batches": {**(seen.get("batches") or {}), batch["digest"]: dict(batch)}, ":next": version + 1}
            | ({":version": version} if version else {}),
        )

    def mark_reingested(self, pk: str, digest: str, file_id: str) -> bool:
        """Note under which file id a batch has landed, if that is not noted."""
        return self._holds(
            self.client.update_item,
            Key=_key(pk),
            UpdateExpression="SET batches.#digest.landed = :landed, version = version + :one",
            ConditionExpression="attribute_not_exists(batches.#digest.landed)",
            ExpressionAttributeNames={"#digest": digest},
            ExpressionAttributeValues={":landed": _serialize(file_id), ":one": _serialize(1)},
        )

    def _update(self, pk: str, expression: str, condition: str, values: Mapping[str, Any]) -> bool:
        names = {"ExpressionAttributeNames": {"#state": "state"}} if "#state" in expression + condition else {}
        return self._holds(
            self.client.update_item,
            Key=_key(pk),
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeValues={name: _serialize(value) for name, value in values.items()},
            **names,
        )

    def _holds(self, write: Any, **request: Any) -> bool:
        try:
            write(TableName=self.table, **request)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True


def _key(pk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": protocol.ITEM}}


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _whole(_deserialize(value)) for name, value in item.items()}


def _whole(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else value
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return value
