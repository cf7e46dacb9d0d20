"""The chain without a database: what a check finds."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from reconciler.history.chain import canonical_json, entry_digest, format_time, verify_chain
from reconciler.history.records import EntryKind, HistoryEntry, Verification


def chained(*entries: HistoryEntry) -> list[HistoryEntry]:
    """The entries with sequence numbers, links and digests as a forger would make them good again."""
    chain: list[HistoryEntry] = []
    for number, entry in enumerate(entries, start=1):
        linked = replace(entry, sequence=number, previous_digest=chain[-1].digest if chain else "")
        chain.append(replace(linked, digest=entry_digest(linked)))
    return chain


def entry(operation_id: str, kind: EntryKind, payload: str = "{}") -> HistoryEntry:
    return HistoryEntry(0, operation_id, kind, "shop", "argocd", "2026-03-01T12:00:00.000000+00:00", payload, "", "")


BEGIN_A, END_A = entry("a", EntryKind.BEGIN, '{"manifests":""}'), entry("a", EntryKind.END, '{"phase":"Succeeded"}')
STEP_A = entry("a", EntryKind.PROGRESS, '{"step":"hook"}')
BEGIN_B, GONE_B = entry("b", EntryKind.BEGIN), entry("b", EntryKind.ABANDONED)


def test_an_empty_chain_is_sound() -> None:
    assert verify_chain([]) == Verification(0, "")


def test_a_sound_chain() -> None:
    chain = chained(BEGIN_A, STEP_A, BEGIN_B, STEP_A, END_A, GONE_B)
    assert verify_chain(chain) == Verification(6, chain[-1].digest)


def test_the_digest_is_the_documented_one() -> None:
    """Whoever holds an exported chain can check it with sha256sum."""
    text = '[1,"a","begin","shop","argocd","2026-03-01T12:00:00.000000+00:00","{\\"manifests\\":\\"\\"}",""]'
    (first,) = chained(BEGIN_A)
    assert canonical_json([1, "a", "begin", "shop", "argocd", first.created_at, first.payload, ""]) == text
    assert first.digest == "3b2ad936f62e9e655e7e64db2bc0f1fe820971cb0e6f070e1b11e3bc485a3a8e"


def test_every_changed_character_is_found() -> None:
    chain = chained(BEGIN_A, STEP_A, BEGIN_B, END_A, GONE_B)
    changes = 0
    for index, good in enumerate(chain):
        for field in fields(good):
            value = getattr(good, field.name)
            if field.name == "sequence":
                forged = [value + 1, -value, 0]
            elif field.name == "kind":
                forged = [kind for kind in EntryKind if kind is not value]
            else:
                forged = [
                    value[:place] + ("x" if value[place] != "x" else "y") + value[place + 1 :]
                    for place in range(len(value))
                ] + [value + "x"]
            for bad in forged:
                changed = [*chain[:index], replace(good, **{field.name: bad}), *chain[index + 1 :]]
                verification = verify_chain(changed)
                assert not verification.ok, (index, field.name, bad)
                assert verification.count == index
                changes += 1
    assert changes > 500


@pytest.mark.parametrize(
    ("entries", "broken", "reason"),
    [
        ([BEGIN_A, BEGIN_A], 2, "record 2: operation a begins twice"),
        ([BEGIN_A, END_A, END_A], 3, "record 3: operation a ends twice"),
        ([BEGIN_A, END_A, BEGIN_A], 3, "record 3: operation a begins twice"),
        ([BEGIN_B, GONE_B, entry("b", EntryKind.END)], 3, "record 3: operation b ends twice"),
        ([END_A], 1, "record 1: operation a ends without having begun"),
        ([STEP_A], 1, "record 1: operation a goes on without having begun"),
        ([BEGIN_A, END_A, STEP_A], 3, "record 3: operation a goes on after its end"),
        ([entry("a", EntryKind.BEGIN, "{")], 1, "record 1: its payload is no JSON object"),
        ([entry("a", EntryKind.BEGIN, "[]")], 1, "record 1: its payload is no JSON object"),
    ],
    ids=[
        *("begins-twice", "ends-twice", "begins-again", "ends-after-abandoned", "never-began"),
        *("goes-on-unbegun", "goes-on-ended", "no-json", "no-object"),
    ],
)
def test_a_well_linked_chain_of_impossible_operations(entries: list[HistoryEntry], broken: int, reason: str) -> None:
    verification = verify_chain(chained(*entries))
    assert (verification.broken, verification.reason, verification.count) == (broken, reason, broken - 1)


def test_a_removed_record() -> None:
    chain = chained(BEGIN_A, BEGIN_B, END_A)
    assert verify_chain([chain[0], chain[2]]).reason == "record 3: record 2 is missing, record 3 follows"
    assert verify_chain(chain[1:]).reason == "record 2: record 1 is missing, record 2 follows"


def test_a_replaced_tail_is_not_chained() -> None:
    chain, other = chained(BEGIN_A, END_A), chained(BEGIN_B, GONE_B)
    assert verify_chain([chain[0], other[1]]).reason == "record 2: it is not chained to the record before it"


def test_a_cut_tail_shows_only_by_a_head_noted_elsewhere() -> None:
    chain = chained(BEGIN_A, END_A)
    assert verify_chain(chain[:1]).ok
    assert verify_chain(chain, head=chain[1].digest).ok
    assert verify_chain(chain, head=chain[0].digest).ok
    cut = verify_chain(chain[:1], head=chain[1].digest)
    assert (cut.broken, cut.count) == (2, 1)
    assert cut.reason == f"the record with digest {chain[1].digest} is missing: the end of the history was cut off"


def test_manifests_are_checked_once_each() -> None:
    asked: list[str] = []

    def check(digest: str) -> str:
        asked.append(digest)
        return "gone" if digest == "m2" else ""

    begins = [entry(str(number), EntryKind.BEGIN, f'{{"manifests":"{name}"}}') for number, name in enumerate("abba")]
    assert verify_chain(chained(*begins), check_manifests=check).ok
    assert asked == ["a", "b"]
    bad = chained(*begins, entry("last", EntryKind.BEGIN, '{"manifests":"m2"}'))
    assert verify_chain(bad, check_manifests=check).reason == "record 5: gone"


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01T12:00:00.000000+00:00"),
        (datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=timezone(timedelta(hours=2))), "2026-03-01T10:00:00.000005+00:00"),
    ],
    ids=["utc", "other-zone"],
)
def test_times_are_utc(moment: datetime, text: str) -> None:
    assert format_time(moment) == text
    assert datetime.fromisoformat(text) == moment


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="a time without zone cannot be recorded"):
        format_time(datetime(2026, 3, 1, 12))
