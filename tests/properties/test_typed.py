"""Laws of field sets, paths, quantities and the typed merge."""

import copy
import json
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.manifest import (
    FieldPath,
    GroupVersionKind,
    ItemKey,
    ItemValue,
    canonical_quantity,
    predict_apply,
    predict_update,
)
from reconciler.manifest.schema import NotOfTypeError
from reconciler.manifest.typed.fieldset import (
    EMPTY,
    FieldSet,
    contains,
    difference,
    format_fields,
    insert,
    intersection,
    iterate,
    parse_fields,
    recursive_difference,
    union,
)
from reconciler.manifest.typed.merge import merge
from reconciler.manifest.typed.ownership import ManagerKey, parse_managers
from reconciler.manifest.typed.prune import prune, remove_items, removed_fields
from reconciler.manifest.typed.repeats import repeats
from tests.reconciler.manifest.typed.built_in import subjects
from tests.reconciler.manifest.typed.parts import Subject
from tests.reconciler.manifest.typed.recorded import recorded_openapi

ELEMENTS = st.sampled_from(["f:a", "f:b", "f:c", 'k:{"name":"x"}', 'k:{"name":"y"}', 'v:"s"', "v:1", "v:true", "i:0"])
PATHS = st.lists(ELEMENTS, min_size=1, max_size=4).map(tuple)
MEMBERS = st.frozensets(PATHS, max_size=12)


def made_of(members: frozenset[tuple[str, ...]]) -> FieldSet:
    fields = EMPTY
    for path in sorted(members):
        fields = insert(fields, path)
    return fields


def members_of(fields: FieldSet) -> frozenset[tuple[str, ...]]:
    listed = list(iterate(fields))
    assert len(listed) == len(set(listed))
    return frozenset(listed)


@given(MEMBERS)
def test_a_set_holds_what_was_inserted(members: frozenset[tuple[str, ...]]) -> None:
    fields = made_of(members)
    assert members_of(fields) == members
    assert all(contains(fields, path) for path in members)


@given(MEMBERS, MEMBERS)
def test_set_algebra_is_that_of_sets_of_paths(
    left: frozenset[tuple[str, ...]], right: frozenset[tuple[str, ...]]
) -> None:
    mine, theirs = made_of(left), made_of(right)
    before = copy.deepcopy((mine, theirs))
    assert members_of(union(mine, theirs)) == left | right
    assert members_of(difference(mine, theirs)) == left - right
    assert members_of(intersection(mine, theirs)) == left & right
    below = {path for path in left if any(path[: len(other)] == other for other in right)}
    assert members_of(recursive_difference(mine, theirs)) == left - below
    assert (mine, theirs) == before


@given(MEMBERS)
def test_parse_after_format_is_identity(members: frozenset[tuple[str, ...]]) -> None:
    fields = made_of(members)
    written = format_fields(fields)
    assert parse_fields(json.loads(json.dumps(written))) == fields
    assert list(json.loads(json.dumps(written))) == list(format_fields(parse_fields(written)))


SCALARS = st.text(max_size=8) | st.integers(-(10**6), 10**6) | st.booleans()
STEPS = (
    st.text(min_size=1, max_size=8)
    | st.integers(0, 9)
    | st.builds(ItemValue, SCALARS)
    | st.dictionaries(st.sampled_from(["name", "port", "protocol"]), SCALARS, min_size=1).map(
        lambda keys: ItemKey(tuple(sorted(keys.items())))
    )
)


@given(st.lists(STEPS, max_size=5).map(FieldPath))
def test_parse_of_a_path_after_its_text_is_identity(path: FieldPath) -> None:
    assert FieldPath.parse(str(path)) == path
    assert FieldPath.of(path.elements()) == path


@given(st.from_regex(r"[+-]?[0-9]{1,12}(\.[0-9]{1,11})?([KMGTP]i|[numkMGTP]|e[+-]?[0-9])?", fullmatch=True))
def test_canonical_quantity_is_stable(text: str) -> None:
    once = canonical_quantity(text)
    assert canonical_quantity(once) == once


OPENAPI = recorded_openapi()
SUBJECTS = st.sampled_from(list(subjects("typed.example.com").values()))
SEEDS = st.integers(0, 2**32)


def _without_duplicates(value: Any) -> None:
    for key, item in list(value.items()) if isinstance(value, dict) else []:
        if key == "env":
            value[key] = list({entry["name"]: entry for entry in item}.values())
        for each in item if isinstance(item, list) else [item]:
            _without_duplicates(each)


def built(subject: Subject, seed: int) -> dict[str, Any]:
    part = subject.build(random.Random(seed))
    # Duplicate variables are refused; that is a law of its own.
    _without_duplicates(part)
    return {
        "apiVersion": subject.api_version,
        "kind": subject.kind,
        **part,
        "metadata": {"name": "c", **part["metadata"], "ownerReferences": []},
    }


def apply(live: dict[str, Any] | None, target: dict[str, Any], manager: str, *, force: bool = True) -> dict[str, Any]:
    prediction = predict_apply(live, target, field_manager=manager, force=force, openapi=OPENAPI)
    assert prediction.object is not None
    return prediction.object


def shuffled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        rng.shuffle(keys)
        return {key: shuffled(value[key], rng) for key in keys}
    return [shuffled(item, rng) for item in value] if isinstance(value, list) else value


# Schemas are compiled at their first use, which is no part of what hypothesis times.
for _subject in subjects("typed.example.com").values():
    apply(apply(None, built(_subject, 1), "ann"), built(_subject, 2), "bob")


@given(SUBJECTS, SEEDS, SEEDS)
def test_apply_twice_is_apply_once(subject: Subject, first: int, second: int) -> None:
    live = apply(None, built(subject, first), "ann")
    target = built(subject, second)
    once = apply(live, target, "bob")
    twice = apply(once, target, "bob")
    assert twice == once or _with_empty_lists(twice) == _with_empty_lists(once)


def _with_empty_lists(value: Any) -> Any:
    """Without empty lists: one that was pruned away comes back as an empty list, on the server too."""
    if isinstance(value, dict):
        return {key: _with_empty_lists(item) for key, item in value.items() if item != []}
    return [_with_empty_lists(item) for item in value] if isinstance(value, list) else value


@given(SUBJECTS, SEEDS, SEEDS)
def test_an_object_has_no_difference_to_itself(subject: Subject, first: int, second: int) -> None:
    live = apply(apply(None, built(subject, first), "ann"), built(subject, second), "bob")
    plain = {key: value for key, value in live["metadata"].items() if key != "managedFields"}
    itself = {**live, "metadata": plain}
    assert predict_update(live, itself, field_manager="cid", openapi=OPENAPI) == live
    applied = predict_apply(live, itself, field_manager="cid", force=False, openapi=OPENAPI)
    assert applied.conflicts == ()
    assert applied.object is not None
    assert {key: value for key, value in applied.object["metadata"].items() if key != "managedFields"} == plain
    assert {**applied.object, "metadata": plain} == itself


@given(SUBJECTS, SEEDS, SEEDS)
def test_key_order_changes_nothing_and_inputs_stay(subject: Subject, first: int, second: int) -> None:
    rng = random.Random(first ^ second)
    live, target = apply(None, built(subject, first), "ann"), built(subject, second)
    before = copy.deepcopy((live, target))
    result = apply(live, target, "bob")
    assert apply(shuffled(live, rng), shuffled(target, rng), "bob") == result
    assert (live, target) == before


@given(SUBJECTS, SEEDS, SEEDS)
def test_without_force_an_apply_conflicts_or_gives_the_same(subject: Subject, first: int, second: int) -> None:
    live, target = apply(None, built(subject, first), "ann"), built(subject, second)
    forced = apply(live, target, "bob")
    gentle = predict_apply(live, target, field_manager="bob", force=False, openapi=OPENAPI)
    assert bool(gentle.conflicts) == (gentle.object is None)
    assert gentle.object == forced or gentle.conflicts


def _steps(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    return [found for key, item in pairs for found in ((*path, key), *_steps(item, (*path, key)))]


def changed(target: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The target with one value gone, emptied, doubled or of another type; in one case of five as it was."""
    result: dict[str, Any] = copy.deepcopy(target)
    steps = rng.choice(_steps(result))
    holder: Any = result
    for step in steps[:-1]:
        holder = holder[step]
    change, value = rng.randrange(5), holder[steps[-1]]
    if change == 0:
        del holder[steps[-1]]
    elif change < 3:
        empty: list[Any] = [None, "", 1, True, 1.0, {}, []]
        holder[steps[-1]] = (
            rng.choice(empty) if change == 1 else value == 1 if isinstance(value, bool | int) else [value]
        )
    elif change == 3 and isinstance(value, list):
        holder[steps[-1]] = value + value[:1]
    return result


@given(SUBJECTS, SEEDS, SEEDS)
def test_what_repeats_the_last_apply_merges_to_the_same(subject: Subject, first: int, second: int) -> None:
    live = apply(apply(None, built(subject, first), "ann"), built(subject, second), "bob")
    gvk = GroupVersionKind.of(live)
    schema = OPENAPI.schema(gvk)
    assert schema is not None
    bob = parse_managers(live, lambda _: schema).get(ManagerKey.applier("bob"))
    last = bob.fields if bob is not None else EMPTY
    target = changed(built(subject, second), random.Random(first ^ second))
    try:
        merged, named = merge(schema, live, target, last)
    except NotOfTypeError:
        merged, named = None, EMPTY
    owned = difference(named, insert(made_of(frozenset({("f:apiVersion",), ("f:kind",)})), ("f:metadata", "f:name")))
    try:
        is_repeated = repeats(schema, live, target, last)
    except NotOfTypeError:
        assert merged is None
        return
    if is_repeated:
        assert (merged is live, owned) == (True, last)


@given(SUBJECTS, SEEDS, SEEDS, SEEDS)
def test_pruning_a_part_is_pruning_the_whole(subject: Subject, first: int, second: int, third: int) -> None:
    live = apply(apply(None, built(subject, first), "ann"), built(subject, second), "bob")
    target = changed(built(subject, second), random.Random(third)) if third % 2 else built(subject, third)
    schema = OPENAPI.schema(GroupVersionKind.of(live))
    assert schema is not None
    entries = parse_managers(live, lambda _: schema)
    bob = entries.pop(ManagerKey.applier("bob"), None)
    last = bob.fields if bob is not None else EMPTY
    others = [entry.fields for entry in entries.values()]
    try:
        merged, named = merge(schema, live, target, last)
    except NotOfTypeError:
        return
    whole = remove_items(schema, merged, removed_fields(schema, merged, last, named, others))
    assert prune(schema, merged, last, named, others) == whole


# Kinds of which the server sets nothing itself.
PLAIN = st.sampled_from([subjects("any")[kind] for kind in ("ConfigMap", "ServiceAccount", "Ingress", "Service")])


@given(PLAIN, SEEDS)
def test_an_applier_that_sets_nothing_more_leaves_nothing_behind(subject: Subject, seed: int) -> None:
    live = apply(None, built(subject, seed), "ann")
    bare = {"apiVersion": subject.api_version, "kind": subject.kind, "metadata": {"name": "c"}}
    left = apply(live, bare, "ann")
    assert "managedFields" not in left["metadata"]
    assert not {key for key, value in left.items() if value} - {"apiVersion", "kind", "metadata"}


@given(SUBJECTS, SEEDS, SEEDS)
def test_an_update_stores_what_it_is_given_and_repeating_it_changes_nothing(
    subject: Subject, first: int, second: int
) -> None:
    live, new = apply(None, built(subject, first), "ann"), apply(None, built(subject, second), "bob")
    new = {**new, "metadata": {key: value for key, value in new["metadata"].items() if key != "managedFields"}}
    after = predict_update(live, new, field_manager="bob", openapi=OPENAPI)
    again = predict_update(after, new, field_manager="cid", openapi=OPENAPI)
    assert again == after
    plain = {key: value for key, value in after["metadata"].items() if key != "managedFields"}
    assert {**after, "metadata": plain} == new
