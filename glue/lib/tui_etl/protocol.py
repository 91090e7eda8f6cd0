"""The decisions of the work protocol: pure functions over what was read, with the names of the Rust crate `pipeline`.

`tests/decisions/*.json` holds one table a decision; both languages run it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

STARTED, COMMITTED, VOID = "STARTED", "COMMITTED", "VOID"
EMPTY, ENDED, NEVER_STARTED = "EMPTY", "ENDED", "NEVER_STARTED"
FILE, RUN = "FILE", "RUN"
#: The stage whose runs are nobody's work.
LAST_STAGE = 3

#: Sort key of every item that is alone in its partition.
ITEM = "ITEM"
SHARDS = "0123456789abcdef"
#: The conformed bucket keeps the secured tables below this name.
RESERVED_DATASET = "secured"
#: With `_current` behind it, it still is a name that the Glue catalog takes (255).
NAME_LIMIT = 240

#: Glue's run states from which there is no way back.
ENDED_STATES = frozenset({"SUCCEEDED", "FAILED", "TIMEOUT", "STOPPED", "ERROR", "EXPIRED"})


class Decision(StrEnum):
    """What a run does about one marked item."""

    SKIP = "SKIP"
    DROP_MARKER = "DROP_MARKER"
    TAKE = "TAKE"
    TAKE_OVER = "TAKE_OVER"
    VOID_HOLDER = "VOID_HOLDER"
    HELD = "HELD"


class Begin(StrEnum):
    """What a run does once its item was put as STARTED, if there was none."""

    GO_ON = "GO_ON"
    REFUSE = "REFUSE"


class AfterTaking(StrEnum):
    """What a run does once it has looked at what is open."""

    PROCESS = "PROCESS"
    END_EMPTY = "END_EMPTY"


class AfterCommit(StrEnum):
    """What a run does once it has tried to commit."""

    DROP_MARKERS = "DROP_MARKERS"
    REFUSE = "REFUSE"


class Write(StrEnum):
    """A write that a run makes after it has processed its items."""

    MANIFEST = "MANIFEST"
    REPORT = "REPORT"
    NEXT_MARKER = "NEXT_MARKER"
    COMMIT = "COMMIT"
    DROP_MARKERS = "DROP_MARKERS"


@dataclass(frozen=True)
class Item:
    """A FILE item, or a RUN item seen as the next stage's work."""

    kind: str
    state: str | None = None
    assigned_to: str | None = None


@dataclass(frozen=True)
class Holder:
    """The run that an item is assigned to."""

    run_id: str
    state: str


def decide_take(
    me: str,
    item: Item | None,
    holder: Holder | None = None,
    holder_lists_item: bool | None = None,
    holder_ended: bool | None = None,
) -> Decision:
    """What run `me` does about a marked item.

    `holder_lists_item`: whether a COMMITTED holder's manifest names the item; `holder_ended`: whether Glue says that a
    STARTED holder has ended. None means 'not known', and then the item is left alone.
    """
    if item is None or (item.kind == RUN and item.state not in (COMMITTED, VOID)):
        return Decision.SKIP
    if item.kind == RUN and item.state == VOID:
        return Decision.DROP_MARKER
    if item.assigned_to is None:
        return Decision.TAKE
    if item.assigned_to == me:
        return Decision.HELD
    if holder is None or holder.run_id != item.assigned_to:
        return Decision.SKIP
    if holder.state == VOID:
        return Decision.TAKE_OVER
    if holder.state == COMMITTED and holder_lists_item is not None:
        return Decision.DROP_MARKER if holder_lists_item else Decision.TAKE_OVER
    if holder.state == STARTED and holder_ended:
        return Decision.VOID_HOLDER
    return Decision.SKIP


def decide_begin(found: str | None) -> Begin:
    """Step 1 of a run: whether it may go on, given the state of its item after the put."""
    return Begin.GO_ON if found == STARTED else Begin.REFUSE


def decide_after_taking(held: int) -> AfterTaking:
    """What a run does that holds so many items."""
    return AfterTaking.PROCESS if held else AfterTaking.END_EMPTY


def decide_after_commit(accepted: bool, found: str | None) -> AfterCommit:
    """Step 5 of a run; `found` is the state of its item, read again after a commit that was not accepted.

    A retry whose first try went through is refused as well, and finds itself COMMITTED.
    """
    return AfterCommit.DROP_MARKERS if accepted or found == COMMITTED else AfterCommit.REFUSE


def commit_order(stage: int) -> list[Write]:
    """The order of the writes that end a run."""
    order = [Write.MANIFEST, Write.REPORT, Write.NEXT_MARKER, Write.COMMIT, Write.DROP_MARKERS]
    return [write for write in order if stage < LAST_STAGE or write is not Write.NEXT_MARKER]


def file_id(bucket: str, key: str, version: str) -> str:
    """`<bucket>/<key>#<version id>`, of the decoded key."""
    return f"{bucket}/{key}#{version}"


def file_pk(identity: str) -> str:
    """Partition key of a FILE item."""
    return f"FILE#{identity}"


def dataset_pk(dataset: str) -> str:
    """Partition key of the claim to a dataset's name."""
    return f"DATASET#{dataset}"


def run_pk(stage: int, run_id: str) -> str:
    """Partition key of a RUN item."""
    return f"RUN#{stage}#{run_id}"


def quarantine_pk(stage: int) -> str:
    """Partition key of the notes of runs that have something in quarantine to publish; the sort key is the run."""
    return f"QUARANTINE#{stage}"


def reingest_pk(stage: int, run_id: str, identity: str) -> str:
    """Partition key of what was landed again of what a run quarantined of a file."""
    return f"REINGEST#{stage}#{run_id}#{identity}"


def marker(stage: int, item_pk: str) -> tuple[str, str]:
    """Key (pk, sk) of the OPEN marker of an item; hashed, since a sort key holds 1,024 bytes at most."""
    digest = hashlib.sha256(item_pk.encode()).hexdigest()
    return f"OPEN#{stage}#{digest[0]}", digest


def shard_of(item_pk: str) -> str:
    """The shard that an item's marker lies in: one hex digit."""
    return hashlib.sha256(item_pk.encode()).hexdigest()[0]


def raw_dataset_of(key: str, prefix: str) -> str | None:
    """The path segment after the prefix as it was spelled; None for a file directly under the prefix."""
    if not key.startswith(prefix):
        return None
    segment, slash, _ = key[len(prefix) :].partition("/")
    return segment if slash else None


def dataset_of(key: str, prefix: str) -> str | None:
    """The dataset of a key as a Glue table name, or None if it has none (or a reserved or an empty one)."""
    segment = raw_dataset_of(key, prefix)
    if segment is None:
        return None
    name = re.sub(r"[^a-z0-9_]", "_", segment.lower())[:NAME_LIMIT]
    return None if name == RESERVED_DATASET or not name.strip("_") else name
