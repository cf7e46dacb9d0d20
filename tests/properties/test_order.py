"""Laws of the order: the input's order never shows, and the rules hold whatever the tasks are."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reconciler.manifest.objects import ResourceKey
from reconciler.sync.order import kind_rank, order_tasks
from reconciler.sync.records import Change, SyncTask, TaskAction
from reconciler.terms import SyncPhase

DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")
KINDS = st.sampled_from(
    [("", "Namespace"), ("", "ConfigMap"), ("apps", "Deployment"), ("zoo", "Zebra"), ("zoo", "Ape"), DEFINITION]
)
NAMES = st.sampled_from(["a", "b", "web"])


@st.composite
def tasks(draw: st.DrawFn) -> SyncTask:
    group, kind = draw(KINDS)
    action = draw(st.sampled_from([TaskAction.APPLY, TaskAction.PRUNE, TaskAction.HOOK]))
    scoped = kind in ("Namespace", "CustomResourceDefinition")
    key = ResourceKey(group, kind, "" if scoped else draw(st.sampled_from(["a", "web"])), draw(NAMES))
    hook_phase = draw(st.sampled_from(SyncPhase))
    target = {"spec": {"group": "zoo", "names": {"kind": draw(st.sampled_from(["Zebra", "Ape"]))}}}
    return SyncTask(
        phase=hook_phase if action is TaskAction.HOOK else SyncPhase.SYNC,
        wave=draw(st.integers(-2, 2)),
        action=action,
        key=key,
        version="v1",
        change=Change.DELETE if action is TaskAction.PRUNE else Change.UPDATE,
        target=None if action is TaskAction.PRUNE else target,
        options=draw(st.sampled_from([frozenset(), frozenset({"PruneLast=true"})])),
    )


PLANS = st.lists(tasks(), max_size=8, unique_by=lambda task: task.id)


def identities(ordered: list[SyncTask]) -> list[str]:
    return [task.id for task in ordered]


@given(PLANS, st.randoms(use_true_random=False))
def test_the_order_of_the_input_never_shows(plan: list[SyncTask], random: object) -> None:
    shuffled = list(plan)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert order_tasks(shuffled, destination="web") == order_tasks(plan, destination="web")


@given(PLANS)
def test_the_tasks_stay_what_they_are_but_for_phase_and_wave(plan: list[SyncTask]) -> None:
    def rest(ordered: list[SyncTask]) -> set[str]:
        return {repr(replace(task, phase=SyncPhase.SYNC, wave=0)) for task in ordered}

    assert len(order_tasks(plan)) == len(plan)
    assert rest(order_tasks(plan)) == rest(plan)


@given(PLANS)
def test_phases_and_waves_never_go_back(plan: list[SyncTask]) -> None:
    steps = [(task.phase.order, task.wave) for task in order_tasks(plan)]
    assert steps == sorted(steps)


@given(PLANS)
def test_every_namespace_and_definition_comes_before_its_users(plan: list[SyncTask]) -> None:
    ordered = [task for task in order_tasks(plan) if task.action is not TaskAction.PRUNE]
    for at, provider in enumerate(ordered):
        for earlier in ordered[:at]:
            same = (earlier.key.group, earlier.key.kind) == (provider.key.group, provider.key.kind)
            if (provider.key.group, provider.key.kind) == ("", "Namespace"):
                assert same or earlier.key.namespace != provider.key.name
            if (provider.key.group, provider.key.kind) == DEFINITION:
                spec = (provider.target or {})["spec"]
                assert same or (earlier.key.group, earlier.key.kind) != (spec["group"], spec["names"]["kind"])


@given(PLANS)
def test_within_a_step_kinds_come_in_the_table_s_order_but_for_what_was_pulled_forward(plan: list[SyncTask]) -> None:
    providers = {("", "Namespace"), DEFINITION}
    ranks: dict[tuple[SyncPhase, int], list[int]] = {}
    for task in order_tasks(plan):
        if (task.key.group, task.key.kind) not in providers:
            ranks.setdefault((task.phase, task.wave), []).append(kind_rank(task.key.kind))
    assert all(found == sorted(found) for found in ranks.values())


@given(st.lists(st.integers(-3, 3), max_size=6))
def test_prunes_use_the_same_waves_in_mirrored_order(waves: list[int]) -> None:
    prunes = [
        SyncTask(
            SyncPhase.SYNC,
            wave,
            TaskAction.PRUNE,
            ResourceKey("", "ConfigMap", "web", f"c{number}"),
            "v1",
            Change.DELETE,
        )
        for number, wave in enumerate(waves)
    ]
    mirrored = {task.id: task.wave for task in order_tasks(prunes)}
    assert sorted(set(mirrored.values())) == sorted(set(waves))
    for one in prunes:
        for other in prunes:
            assert (one.wave < other.wave) == (mirrored[one.id] > mirrored[other.id])
    # Mirrored twice is the order of creation.
    again = order_tasks([replace(task, wave=mirrored[task.id]) for task in prunes])
    assert {task.id: task.wave for task in again} == {task.id: task.wave for task in prunes}
