"""Hooks by their annotations, case by case as upstream's own tests pin them (gitops-engine/pkg/sync/hook)."""

import copy
from typing import Any

import pytest

from reconciler.sync.hooks import (
    delete_policies,
    hook_types,
    is_hook,
    is_skipped,
    named_hook,
    sync_options,
    sync_phases,
)
from reconciler.terms import FINALIZER_HOOK, SyncPhase

ARGO, HELM = "argocd.argoproj.io/hook", "helm.sh/hook"
ARGO_POLICY, HELM_POLICY = "argocd.argoproj.io/hook-delete-policy", "helm.sh/hook-delete-policy"
OPTIONS, KEEP = "argocd.argoproj.io/sync-options", "helm.sh/resource-policy"


def pod(annotations: Any = None) -> dict[str, Any]:
    metadata = {"name": "p", **({} if annotations is None else {"annotations": annotations})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}


# Annotations, then: is a hook, is skipped, types, phases.
HOOKS = {
    "no annotation": ({}, False, False, "", "Sync"),
    "PreSync": ({ARGO: "PreSync"}, True, False, "PreSync", "PreSync"),
    "Sync": ({ARGO: "Sync"}, True, False, "Sync", "Sync"),
    "PostSync": ({ARGO: "PostSync"}, True, False, "PostSync", "PostSync"),
    "SyncFail": ({ARGO: "SyncFail"}, True, False, "SyncFail", "SyncFail"),
    "PreDelete runs in no sync": ({ARGO: "PreDelete"}, True, False, "PreDelete", ""),
    "PostDelete runs in no sync": ({ARGO: "PostDelete"}, True, False, "PostDelete", ""),
    "several, in the order of the phases": (
        {ARGO: "PostSync,PreSync"},
        True,
        False,
        "PostSync PreSync",
        "PreSync PostSync",
    ),
    "blanks and empty parts": ({ARGO: " PreSync , ,PostSync,,"}, True, False, "PreSync PostSync", "PreSync PostSync"),
    "twice": ({ARGO: "Sync,Sync"}, True, False, "Sync", "Sync"),
    "in a sync and at deletion": ({ARGO: "PostSync,PostDelete"}, True, False, "PostSync PostDelete", "PostSync"),
    "Skip alone": ({ARGO: "Skip"}, False, True, "Skip", ""),
    "Skip with blanks": ({ARGO: " Skip ,"}, False, True, "Skip", ""),
    "Skip does not count beside a hook": ({ARGO: "Skip,PreSync"}, True, False, "Skip PreSync", "PreSync"),
    "Skip beside a misspelt word is alone": ({ARGO: "Skip,Garbage"}, False, True, "Skip", ""),
    "misspelt: a hook without a phase": ({ARGO: "Garbage"}, True, False, "", ""),
    "in another case: misspelt": ({ARGO: "presync"}, True, False, "", ""),
    "empty: a hook without a phase": ({ARGO: ""}, True, False, "", ""),
    "misspelt beside a hook": ({ARGO: "Sync,Garbage"}, True, False, "Sync", "Sync"),
    "a Helm word in Argo's annotation is misspelt": ({ARGO: "pre-install"}, True, False, "", ""),
    "pre-install": ({HELM: "pre-install"}, True, False, "PreSync", "PreSync"),
    "pre-upgrade": ({HELM: "pre-upgrade"}, True, False, "PreSync", "PreSync"),
    "post-install": ({HELM: "post-install"}, True, False, "PostSync", "PostSync"),
    "post-upgrade": ({HELM: "post-upgrade"}, True, False, "PostSync", "PostSync"),
    "pre-delete": ({HELM: "pre-delete"}, True, False, "PreDelete", ""),
    "post-delete": ({HELM: "post-delete"}, True, False, "PostDelete", ""),
    "pre-install and pre-upgrade are one": ({HELM: "pre-install,pre-upgrade"}, True, False, "PreSync", "PreSync"),
    "before and after": ({HELM: "pre-install,post-install"}, True, False, "PreSync PostSync", "PreSync PostSync"),
    "crd-install is an ordinary resource": ({HELM: "crd-install"}, False, False, "", "Sync"),
    "crd-install beside another is a hook": ({HELM: "crd-install,pre-install"}, True, False, "PreSync", "PreSync"),
    "a Helm test is left out": ({HELM: "test"}, True, False, "", ""),
    "test-success is left out": ({HELM: "test-success"}, True, False, "", ""),
    "pre-rollback is left out": ({HELM: "pre-rollback"}, True, False, "", ""),
    "Argo's hook wins on the same object": ({ARGO: "Sync", HELM: "pre-install"}, True, False, "Sync", "Sync"),
    "Argo's Skip wins on the same object": ({ARGO: "Skip", HELM: "pre-install"}, False, True, "Skip", ""),
    "a misspelt one leaves Helm's": ({ARGO: "Garbage", HELM: "pre-install"}, True, False, "PreSync", "PreSync"),
    "Argo's hook on a crd-install": ({ARGO: "PreSync", HELM: "crd-install"}, True, False, "PreSync", "PreSync"),
    "one annotation that is no text hides all": ({ARGO: "PreSync", "replicas": 1}, False, False, "", "Sync"),
    "annotations that are a list": (["argocd.argoproj.io/hook"], False, False, "", "Sync"),
}


@pytest.mark.parametrize(("annotations", "hook", "skipped", "types", "phases"), HOOKS.values(), ids=HOOKS)
def test_hooks(annotations: Any, hook: bool, skipped: bool, types: str, phases: str) -> None:
    obj = pod(annotations)
    found = (is_hook(obj), is_skipped(obj), " ".join(hook_types(obj)), " ".join(sync_phases(obj)))
    assert found == (hook, skipped, types, phases)


POLICIES = {
    "none: the default": ({}, "BeforeHookCreation"),
    "misspelt: the default": ({ARGO_POLICY: "Garbage"}, "BeforeHookCreation"),
    "BeforeHookCreation": ({ARGO_POLICY: "BeforeHookCreation"}, "BeforeHookCreation"),
    "HookSucceeded": ({ARGO_POLICY: "HookSucceeded"}, "HookSucceeded"),
    "HookFailed": ({ARGO_POLICY: "HookFailed"}, "HookFailed"),
    "several": ({ARGO_POLICY: "HookFailed, HookSucceeded"}, "HookFailed HookSucceeded"),
    "a misspelt one beside another": ({ARGO_POLICY: "HookFailed,Garbage"}, "HookFailed"),
    "Helm's before-hook-creation": ({HELM_POLICY: "before-hook-creation"}, "BeforeHookCreation"),
    "Helm's hook-succeeded": ({HELM_POLICY: "hook-succeeded"}, "HookSucceeded"),
    "Helm's hook-failed": ({HELM_POLICY: "hook-failed"}, "HookFailed"),
    "Argo's and Helm's together": (
        {ARGO_POLICY: "HookFailed", HELM_POLICY: "hook-succeeded"},
        "HookFailed HookSucceeded",
    ),
    "Helm's word in Argo's annotation": ({ARGO_POLICY: "hook-succeeded"}, "BeforeHookCreation"),
}


@pytest.mark.parametrize(("annotations", "policies"), POLICIES.values(), ids=POLICIES)
def test_delete_policies(annotations: dict[str, str], policies: str) -> None:
    assert " ".join(sorted(delete_policies(pod(annotations)))) == policies


SYNC_OPTIONS = {
    "none": ({}, set()),
    "one": ({OPTIONS: "Prune=false"}, {"Prune=false"}),
    "several with blanks": ({OPTIONS: " Prune=false , Validate=false,"}, {"Prune=false", "Validate=false"}),
    "Helm's keep": ({KEEP: "keep"}, {"Delete=false"}),
    "Helm's keep beside others": ({KEEP: "keep", OPTIONS: "Prune=false"}, {"Prune=false", "Delete=false"}),
    "another resource policy": ({KEEP: "drop"}, set()),
}


@pytest.mark.parametrize(("annotations", "options"), SYNC_OPTIONS.values(), ids=SYNC_OPTIONS)
def test_sync_options(annotations: dict[str, str], options: set[str]) -> None:
    assert sync_options(pod(annotations)) == options


NAMES = {
    "its own name stays": ({"name": "migrate"}, "0123456789", "migrate"),
    "a generated name": ({"generateName": "migrate-"}, "0123456789abcdef", "migrate-0123456-presync-1772366400"),
    "a short revision": ({"generateName": "m-"}, "v1", "m-v1-presync-1772366400"),
    "in lower case": ({"generateName": "m-"}, "V1.2.3-RC", "m-v1.2.3--presync-1772366400"),
    "no revision": ({"generateName": "m-"}, "", "m--presync-1772366400"),
    "an empty name asks for one": ({"name": "", "generateName": "m-"}, "abc", "m-abc-presync-1772366400"),
}


@pytest.mark.parametrize(("metadata", "revision", "name"), NAMES.values(), ids=NAMES)
def test_names_of_hooks(metadata: dict[str, str], revision: str, name: str) -> None:
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {**metadata, "labels": {"a": "b"}}, "spec": {"x": 1}}
    before = copy.deepcopy(job)
    named = named_hook(job, revision=revision, phase=SyncPhase.PRE_SYNC, started_unix_s=1772366400)
    assert named["metadata"] == {**metadata, "labels": {"a": "b"}, "name": name, "finalizers": [FINALIZER_HOOK]}
    assert {**named, "metadata": None} == {**job, "metadata": None}
    assert job == before


def test_phases_of_one_hook_have_names_of_their_own() -> None:
    job = {"kind": "Job", "metadata": {"generateName": "m-"}}
    names = {named_hook(job, revision="abc", phase=phase, started_unix_s=1)["metadata"]["name"] for phase in SyncPhase}
    assert len(names) == len(SyncPhase)


@pytest.mark.parametrize(
    "finalizers", [["example.com/a"], ["example.com/a", FINALIZER_HOOK]], ids=["without", "with ours"]
)
def test_our_finalizer_is_there_once_beside_the_hook_s_own(finalizers: list[str]) -> None:
    job = {"kind": "Job", "metadata": {"name": "m", "finalizers": finalizers}}
    named = named_hook(job, revision="abc", phase=SyncPhase.SYNC, started_unix_s=1)
    assert named["metadata"]["finalizers"] == ["example.com/a", FINALIZER_HOOK]
