"""The hash chain: what a digest covers, and the check of a whole chain."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from reconciler.history.errors import DamagedStoreError
from reconciler.history.records import EntryKind, HistoryEntry, Verification


def canonical_json(value: Any) -> str:
    """One text for one value: sorted keys, no spaces, ASCII only, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def format_time(moment: datetime) -> str:
    """ISO 8601 in UTC, always with microseconds, so that texts sort as times do.

    Raises
    ------
    ValueError
        When the time has no zone: it would mean another moment on another machine.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without zone cannot be recorded; use datetime.now(UTC)")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def entry_digest(entry: HistoryEntry) -> str:
    """SHA-256, in hexadecimal, over all of the entry but its digest."""
    content = (
        entry.sequence,
        entry.operation_id,
        entry.kind,
        entry.application,
        entry.namespace,
        entry.created_at,
        entry.payload,
        entry.previous_digest,
    )
    return hashlib.sha256(canonical_json(content).encode("ascii")).hexdigest()


def check_digest(entry: HistoryEntry) -> None:
    """Refuse an entry whose content does not match its digest: what was changed is not shown as if it were true.

    Raises
    ------
    DamagedStoreError
    """
    if entry.digest != entry_digest(entry):
        raise DamagedStoreError(
            f"history record {entry.sequence} was changed after it was written; see `gitops-nb audit verify`"
        )


@dataclass(slots=True)
class _Walk:
    """What a check has seen so far: the begun operations, and whether they have ended."""

    ended: dict[str, bool] = field(default_factory=dict)
    manifests: dict[str, str] = field(default_factory=dict)
    check_manifests: Callable[[str], str] = field(default=lambda digest: "")

    def fault(self, entry: HistoryEntry, previous: HistoryEntry | None) -> str:
        """What is wrong with an entry that follows ``previous``; empty when nothing is."""
        expected = _next(previous)
        if entry.sequence != expected:
            return f"record {expected} is missing, record {entry.sequence} follows"
        if entry.digest != entry_digest(entry):
            return "its content does not match its digest"
        if entry.previous_digest != (previous.digest if previous else ""):
            return "it is not chained to the record before it"
        return self._fault_of_operation(entry) or self._fault_of_manifests(entry)

    def _fault_of_operation(self, entry: HistoryEntry) -> str:
        if entry.kind is EntryKind.BEGIN:
            if entry.operation_id in self.ended:
                return f"operation {entry.operation_id} begins twice"
            self.ended[entry.operation_id] = False
            return ""
        going_on = entry.kind is EntryKind.PROGRESS
        if entry.operation_id not in self.ended:
            return f"operation {entry.operation_id} {'goes on' if going_on else 'ends'} without having begun"
        if self.ended[entry.operation_id]:
            return f"operation {entry.operation_id} {'goes on after its end' if going_on else 'ends twice'}"
        self.ended[entry.operation_id] = not going_on
        return ""

    def _fault_of_manifests(self, entry: HistoryEntry) -> str:
        try:
            digest = json.loads(entry.payload).get("manifests", "")
        except (ValueError, AttributeError):
            return "its payload is no JSON object"
        if digest and digest not in self.manifests:
            self.manifests[digest] = self.check_manifests(digest)
        return self.manifests.get(digest, "")


def verify_chain(
    entries: Iterable[HistoryEntry], *, head: str = "", check_manifests: Callable[[str], str] = lambda digest: ""
) -> Verification:
    """Check every entry's digest, link and place in its operation.

    Parameters
    ----------
    entries
        By sequence number; reading on may raise `DamagedStoreError`.
    head
        A digest that the chain must hold, as noted elsewhere: a chain whose tail was cut off is sound in itself.
    check_manifests
        Says what is wrong with the stored manifests of that digest; empty when nothing is.
    """
    walk = _Walk(check_manifests=check_manifests)
    previous: HistoryEntry | None = None
    head_seen = not head
    try:
        for entry in entries:
            if reason := walk.fault(entry, previous):
                return _verification(previous, broken=entry.sequence, reason=f"record {entry.sequence}: {reason}")
            head_seen = head_seen or entry.digest == head
            previous = entry
    except DamagedStoreError as error:
        return _verification(previous, broken=_next(previous), reason=str(error))
    if not head_seen:
        reason = f"the record with digest {head} is missing: the end of the history was cut off"
        return _verification(previous, broken=_next(previous), reason=reason)
    return _verification(previous)


def _next(last: HistoryEntry | None) -> int:
    return last.sequence + 1 if last else 1


def _verification(last: HistoryEntry | None, *, broken: int | None = None, reason: str = "") -> Verification:
    return Verification(last.sequence if last else 0, last.digest if last else "", broken, reason)
