"""What distinguishes two plans, and which changes make a saved one stale."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reconciler.diff.secrets import Masker
from reconciler.errors import SpecError
from reconciler.manifest.objects import ResourceKey
from reconciler.sync.compare_plans import compare_plans, plan_digest, stale, target_digest
from reconciler.sync.hooks import named_hook
from reconciler.sync.records import Change, PlanOptions, SyncPlan, SyncTask, TaskAction
from reconciler.sync.serialize import dump_plan, load_plan
from reconciler.terms import HookDeletePolicy, SyncPhase


def task(name: str = "a", version: str = "7", **changes: Any) -> SyncTask:
    key = ResourceKey("", "ConfigMap", "web", name)
    target = {"kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}}
    live = {"kind": "ConfigMap", "metadata": {"name": name, "uid": "u1", "resourceVersion": version}}
    made = SyncTask(SyncPhase.SYNC, 0, TaskAction.APPLY, key, "v1", Change.UPDATE, target, live)
    return replace(made, **changes)


def hook(started: int) -> SyncTask:
    job = {"kind": "Job", "metadata": {"generateName": "m-"}}
    named = named_hook(job, revision="abc", phase=SyncPhase.PRE_SYNC, started_unix_s=started)
    key = ResourceKey("batch", "Job", "web", named["metadata"]["name"])
    policies = frozenset({HookDeletePolicy.HOOK_SUCCEEDED, HookDeletePolicy.HOOK_FAILED})
    return SyncTask(SyncPhase.PRE_SYNC, 0, TaskAction.HOOK, key, "v1", Change.CREATE, named, delete_policies=policies)


def plan(*tasks: SyncTask, **changes: Any) -> SyncPlan:
    made = replace(SyncPlan("guestbook", "argocd", ("abc",), tasks), **changes)
    return replace(made, made_from=plan_digest(made))


def test_equal_plans_do_not_differ_and_are_not_stale() -> None:
    before, after = plan(hook(1), task()), plan(hook(2), task())
    assert not compare_plans(before, after)
    assert stale(before, after) == ()
    assert before.made_from == after.made_from


def test_added_removed_and_changed() -> None:
    changes = compare_plans(plan(task("a"), task("b")), plan(task("b", wave=2), task("c"), revisions=("def",)))
    assert [entry.key.name for entry in changes.added] == ["c"]
    assert [entry.key.name for entry in changes.removed] == ["a"]
    assert [(entry.after.key.name, entry.reasons) for entry in changes.changed] == [
        ("b", ("it is in wave 2 instead of 0",))
    ]
    assert changes.reasons == ("the revision is def instead of abc",)


A = "ConfigMap web/a"
STALE: dict[str, tuple[SyncPlan, tuple[str, ...]]] = {
    "the live object was written": (plan(task(version="8")), (f"{A}: the live object has changed",)),
    "the live object is another one": (
        plan(task(live={"metadata": {"uid": "u2", "resourceVersion": "9"}})),
        (f"{A}: the live object is another one",),
    ),
    "the target": (plan(task(target={"kind": "ConfigMap", "data": {}})), (f"{A}: what it writes has changed",)),
    "the change": (plan(task(change=Change.UNCHANGED)), (f"{A}: it would be unchanged instead of update",)),
    "its options": (plan(task(options=frozenset({"Force=true"}))), (f"{A}: its sync options have changed",)),
    "a permission": (
        plan(task(problem=f"{A} is not permitted: no"), problems=(f"{A} is not permitted: no",)),
        (f"{A}: {A} is not permitted: no",),
    ),
    "skipped": (plan(task(reason="no")), (f"{A}: it would be skipped for another reason: no",)),
    "one more": (plan(task(), task("b")), ("ConfigMap web/b was not in the plan: apply (update)",)),
    "one less": (plan(), (f"{A} is not in the plan any more: apply (update)",)),
    "the revision": (plan(task(), revisions=("def",)), ("the revision is def instead of abc",)),
    "the question": (
        plan(task(), options=PlanOptions(prune=True)),
        ("what the sync was asked for is not the same",),
    ),
    "the application": (plan(task(), application="shop"), ("the plan is of Application guestbook, not of shop",)),
}


@pytest.mark.parametrize(("now", "expected"), STALE.values(), ids=STALE)
def test_what_makes_a_plan_stale(now: SyncPlan, expected: tuple[str, ...]) -> None:
    assert stale(plan(task()), now) == expected


def test_secrets_are_compared_without_their_masks() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"word": "c2VjcmV0"}}
    last = "kubectl.kubernetes.io/last-applied-configuration"
    annotated = {**secret, "metadata": {"name": "s", "annotations": {last: json.dumps(secret)}}}
    for obj in (secret, annotated):
        one, two = (task(target=Masker(key).mask_object(obj)) for key in (b"one", b"two"))
        assert one.target != two.target
        assert target_digest(one) == target_digest(two)
    more = {**secret, "data": {"word": "c2VjcmV0", "other": "eA=="}}
    assert target_digest(task(target=more)) != target_digest(task(target=secret))


def test_a_plan_survives_being_written_down() -> None:
    given = plan(
        hook(1),
        task(wave=-(2**63), differences=3, reason="é\u202e", confirm=True, problem="no"),
        warnings=("w",),
        problems=("p",),
        options=PlanOptions(True, True, True, (ResourceKey("g", "K", "", "n"),), ("Force=true",)),
    )
    assert load_plan(dump_plan(given)) == given


def changed(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        *parents, name = path.split(".")
        at: Any = content
        for parent in parents:
            at = at[int(parent)] if parent.isdigit() else at[parent]
        at[name] = value

    return change


BAD = {
    "another format": (changed("format", "x"), "p.json: not a plan; give a file that app plan --out wrote"),
    "another version": (changed("version", 9), "p.json: a plan of format version 9, not 1; plan again"),
    "a phase that is none": (changed("tasks.0.phase", "Later"), "misshapen: ValueError 'Later'"),
    "a wave that is none": (changed("tasks.0.wave", "1"), "misshapen: TypeError expected a whole number, got str"),
    "no revisions": (changed("revisions", None), "misshapen: TypeError expected a list, got NoneType"),
    "an object that is none": (changed("tasks.0.target", []), "misshapen: TypeError expected an object, got list"),
    "a flag that is none": (changed("options.prune", 1), "misshapen: TypeError expected true or false, got int"),
    "a name that is none": (changed("tasks.0.key.name", 1), "misshapen: TypeError expected text, got int"),
    "another target": (changed("tasks.0.target", {}), "p.json: the plan was changed after it was written; plan again"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_a_plan_that_is_not_as_it_was_written(change: Callable[[dict[str, Any]], None], message: str) -> None:
    content = json.loads(dump_plan(plan(task())))
    change(content)
    with pytest.raises(SpecError) as caught:
        load_plan(json.dumps(content), where="p.json")
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["", "[", "[" * 100_000, "[]", "null"])
def test_what_is_no_plan(text: str) -> None:
    with pytest.raises(SpecError, match=r"^plan: not (JSON|a plan); give a file"):
        load_plan(text)
