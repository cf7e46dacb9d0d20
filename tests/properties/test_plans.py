"""Plans written down and read again, and compared with themselves and others."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.manifest.objects import ResourceKey
from reconciler.sync.compare_plans import compare_plans, plan_digest, stale
from reconciler.sync.records import Change, PlanOptions, SyncPlan, SyncTask, TaskAction
from reconciler.sync.serialize import dump_plan, load_plan
from reconciler.terms import HookDeletePolicy, SyncPhase

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
METADATA = st.fixed_dictionaries(
    {"name": TEXT},
    optional={
        "uid": TEXT,
        "resourceVersion": TEXT,
        "generateName": TEXT,
        "annotations": st.dictionaries(TEXT, TEXT, max_size=2),
    },
)
OBJECTS = st.fixed_dictionaries(
    {
        "apiVersion": st.sampled_from(["v1", "apps/v1"]),
        "kind": st.sampled_from(["Secret", "Job"]),
        "metadata": METADATA,
    },
    optional={"data": JSON, "spec": JSON},
)
TASKS = st.builds(
    SyncTask,
    phase=st.sampled_from(SyncPhase),
    wave=st.integers(-(2**63), 2**63 - 1),
    action=st.sampled_from(TaskAction),
    key=st.builds(ResourceKey, TEXT, TEXT, TEXT, TEXT),
    version=TEXT,
    change=st.sampled_from(Change),
    target=st.none() | OBJECTS,
    live=st.none() | OBJECTS,
    delete_policies=st.frozensets(st.sampled_from(HookDeletePolicy)),
    options=st.frozensets(TEXT, max_size=3),
    reason=TEXT,
    differences=st.integers(0, 9),
    problem=TEXT,
    confirm=st.booleans(),
)
OPTIONS = st.builds(
    PlanOptions,
    dry_run=st.booleans(),
    prune=st.booleans(),
    apply_out_of_sync_only=st.booleans(),
    resources=st.lists(st.builds(ResourceKey, TEXT, TEXT, TEXT, TEXT), max_size=2).map(tuple),
    sync_options=st.lists(TEXT, max_size=2).map(tuple),
    hooks=st.booleans(),
)


def _with_digest(plan: SyncPlan) -> SyncPlan:
    return replace(plan, made_from=plan_digest(plan))


TEXTS = st.lists(TEXT, max_size=2).map(tuple)
PLANS = st.builds(
    SyncPlan,
    application=TEXT,
    namespace=TEXT,
    revisions=TEXTS,
    tasks=st.lists(TASKS, max_size=4, unique_by=lambda task: task.id).map(tuple),
    options=OPTIONS,
    warnings=TEXTS,
    problems=TEXTS,
).map(_with_digest)


@given(plan=PLANS)
@settings(max_examples=60, deadline=None)
def test_a_plan_is_read_as_it_was_written(plan: SyncPlan) -> None:
    text = dump_plan(plan)
    read = load_plan(text)
    assert read == plan
    assert dump_plan(read) == text
    assert not compare_plans(plan, read)
    assert stale(plan, read) == ()


@given(one=PLANS, two=PLANS)
@settings(max_examples=60, deadline=None)
def test_plans_of_different_digests_are_stale_with_a_reason_and_others_are_not(one: SyncPlan, two: SyncPlan) -> None:
    assert bool(stale(one, two)) == (one.made_from != two.made_from)
