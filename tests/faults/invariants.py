"""What must hold after every run that was disturbed (threats.md, part 3)."""

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.history import EntryKind, open_store
from reconciler.terms import ANNOTATION_OPERATION, FINALIZER_HOOK
from tests.faults.scenarios import Manifest
from tests.faults.stage import Ended

if TYPE_CHECKING:
    from tests.faults.harness import Case, Outcome

MADE = re.compile(r"[0-9a-f]{7}-[a-z]+-\d{10}$")
"""The end of a name that was made for one operation."""
KINDS = frozenset({"ConfigMap", "Deployment", "Job", "Service"})
"""Those whose order counts."""
OWN = ("leases", "applications", "applications/status", "namespaces", "customresourcedefinitions")
"""What a run writes beside the plan's objects."""


def check(case: "Case", outcome: "Outcome", ended: Ended) -> None:
    """Everything, after a run that was disturbed and ``ended``, the run after it."""
    if case.scenario.deletes and "no Application shop" in ended.errors:
        # The run that was killed had come to its end.
        assert ended.status == 2
        ended = replace(ended, status=0)
    assert ended.status == case.scenario.exit_status, ended.errors
    check_bounds(case, ended)
    check_operations(case, ended)
    check_hooks(case)
    check_order(case)
    check_reach(case)
    check_left(case)
    state = case.state()
    assert state == outcome.state
    if not case.scenario.deletes:
        versions = case.managed_versions()
        third = case.run()
        assert third.status == case.scenario.exit_status, third.errors
        assert case.managed_versions() == versions, "a third run writes to no managed object"
        assert case.state() == outcome.state
        check_operations(case, third)
        check_hooks(case)


def check_operations(case: "Case", ended: Ended, *, phase: str = "") -> None:
    """History: the chain is sound and every operation ended once. Truth: record, status and exit say the same.

    ``phase`` is how the newest operation ended, where that is not what the scenario says.
    """
    expected = phase or case.scenario.phase
    kinds: dict[str, Counter[EntryKind]] = {}
    with open_store(f"sqlite:///{case.folder}/history.db") as store:
        verified = store.verify()
        assert verified.ok, verified.reason
        for entry in store.entries():
            kinds.setdefault(entry.operation_id, Counter())[entry.kind] += 1
        records = store.records()
    for counted in kinds.values():
        assert counted[EntryKind.BEGIN] == 1, kinds
        assert counted[EntryKind.END] + counted[EntryKind.ABANDONED] == 1, kinds
    case.records = records
    newest = {record.application: record for record in reversed(records)}
    for name, record in newest.items():
        assert record.phase == expected, (name, record.message)
        if case.scenario.deletes:
            continue
        live = case.client.get(case.path("Application", name)).expect()
        operation = live["status"]["operationState"]
        assert (operation["phase"], operation["message"]) == (record.phase, record.message)
        if expected == "Succeeded" or case.scenario.phase == "Failed":
            assert (live["status"]["sync"]["status"] == "Synced") == (expected == "Succeeded")
    assert (ended.status == 0) == all(record.phase == "Succeeded" for record in newest.values())


def check_hooks(case: "Case") -> None:
    """Each hook object was created at most once an operation, by the server's own count.

    ``withdrawn`` hooks excepted: a halted holder of the lock sent its request after another run had done all.
    """
    made: dict[tuple[str, str], set[str]] = {}
    for change in case.changes():
        operation = change.object["metadata"].get("annotations", {}).get(ANNOTATION_OPERATION)
        if operation and change.type == "ADDED":
            name = MADE.sub("", change.key)
            made.setdefault((operation, name), set()).add(change.object["metadata"]["uid"])
    twice = {name for (_, name), uids in made.items() if len(uids) > 1}
    assert twice <= case.withdrawn, f"created more than once: {made}"
    begun = {record.operation_id for record in case.records}
    assert {operation for operation, _ in made} <= begun, "a hook of an operation that is not recorded"
    names = {name.removeprefix("Job/") for _, name in made}
    assert names <= hook_names(case), names


def hook_names(case: "Case") -> set[str]:
    """The names of all hooks in Git, or their beginnings."""
    documents = [document["metadata"] for found in case.scenario.files.values() for document in found]
    return {metadata.get("name") or metadata["generateName"] for metadata in documents}


def check_order(case: "Case") -> None:
    """No object of a wave is written before all of the wave before it were ready; prunes go in their order."""
    written: dict[str, int] = {}
    ready: dict[str, int] = {}
    gone: dict[str, int] = {}
    changes = case.changes()
    if case.forgotten & KINDS:
        return
    for change in changes:
        key, obj = MADE.sub("", change.key), change.object
        labels, marks = obj["metadata"].get("labels", {}), obj["metadata"].get("annotations", {})
        if change.type != "DELETED" and (labels.get("version") == "v2" or ANNOTATION_OPERATION in marks):
            written.setdefault(key, change.revision)
            if is_ready(key, obj):
                ready.setdefault(key, change.revision)
        if obj["metadata"].get("deletionTimestamp") or change.type == "DELETED":
            gone.setdefault(key, change.revision)
    for wave, following in zip(case.scenario.waves, case.scenario.waves[1:], strict=False):
        for earlier in wave:
            for later in following:
                assert later not in written or ready[earlier] < written[later], f"{later} before {earlier} was ready"
    pruned = [gone[key] for key in case.scenario.pruned]
    assert pruned == sorted(pruned), f"pruned in another order: {gone}"


def check_reach(case: "Case") -> None:
    """Nothing of others was written to."""
    assert case.versions_of("foreign", "others") == case.foreign
    if case.cluster.sandbox is None:
        return
    names = {document["metadata"].get("name") for documents in case.scenario.files.values() for document in documents}
    names |= {obj["metadata"]["name"] for obj in case.scenario.before}
    requests = case.requests()
    assert requests, "a run writes at least its lock"
    for request in requests:
        base = MADE.sub("", request.name)
        definition = f"widgets.{case.namespace}.example.com"
        here = request.namespace in case.namespaces or request.name in (*case.namespaces, definition)
        known = base in names or base in hook_names(case) or not request.name
        assert here, f"writes to another namespace: {request}"
        assert known or request.resource in OWN, f"writes to something else: {request}"


def check_left(case: "Case") -> None:
    """No lock is held, no finalizer of ours holds anything, no process and no temporary folder is left."""
    leases = case._list(f"/apis/coordination.k8s.io/v1/namespaces/{case.namespace}/leases")
    held = {lease["metadata"]["name"]: lease["spec"].get("holderIdentity") for lease in leases}
    assert not any(held.values()), f"locks are held: {held}"
    for key, obj in case.objects().items():
        assert FINALIZER_HOOK not in (obj["metadata"].get("finalizers") or ()), f"{key} is held by our finalizer"
    assert case.cluster.stage.left() == []
    assert sorted(entry.name for entry in (case.folder / "tmp").iterdir()) == []


def check_bounds(case: "Case", ended: Ended) -> None:
    assert "Traceback" not in ended.errors, ended.errors
    assert "internal error" not in ended.errors, ended.errors


def is_ready(key: str, obj: Manifest) -> bool:
    kind = key.partition("/")[0]
    if kind == "Deployment":
        return is_available(obj)
    if kind == "Job":
        conditions = (obj.get("status") or {}).get("conditions") or ()
        return any(entry["type"] in ("Complete", "Failed") and entry["status"] == "True" for entry in conditions)
    return True


def is_available(obj: Manifest) -> bool:
    """Whether a Deployment's rollout is done."""
    status, spec = obj.get("status") or {}, obj["spec"]
    return (
        status.get("observedGeneration") == obj["metadata"]["generation"]
        and status.get("availableReplicas")
        == status.get("updatedReplicas")
        == status.get("replicas")
        == spec["replicas"]
    )
