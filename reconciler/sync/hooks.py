"""Which objects are hooks, in which phases they run and when they are deleted (gitops-engine/pkg/sync/hook)."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from reconciler.manifest.objects import Manifest, annotations_of, metadata_of
from reconciler.terms import (
    ANNOTATION_HELM_HOOK,
    ANNOTATION_HELM_HOOK_DELETE_POLICY,
    ANNOTATION_HELM_RESOURCE_POLICY,
    ANNOTATION_HOOK,
    ANNOTATION_HOOK_DELETE_POLICY,
    ANNOTATION_OPERATION,
    ANNOTATION_SYNC_OPTIONS,
    FINALIZER_HOOK,
    HookDeletePolicy,
    HookType,
    SyncPhase,
)

T = TypeVar("T")

ANNOTATION_HOOK_PHASE: Final = "gitops-nb/hook-phase"
"""Beside `ANNOTATION_OPERATION`: a hook of several phases is one object after the other."""

HELM_HOOKS: Final[Mapping[str, HookType]] = {
    "pre-install": HookType.PRE_SYNC,
    "pre-upgrade": HookType.PRE_SYNC,
    "post-install": HookType.POST_SYNC,
    "post-upgrade": HookType.POST_SYNC,
    "pre-delete": HookType.PRE_DELETE,
    "post-delete": HookType.POST_DELETE,
}
HELM_DELETE_POLICIES: Final[Mapping[str, HookDeletePolicy]] = {
    "before-hook-creation": HookDeletePolicy.BEFORE_HOOK_CREATION,
    "hook-succeeded": HookDeletePolicy.HOOK_SUCCEEDED,
    "hook-failed": HookDeletePolicy.HOOK_FAILED,
}
_HOOKS: Final[Mapping[str, HookType]] = {hook.value: hook for hook in HookType}
_DELETE_POLICIES: Final[Mapping[str, HookDeletePolicy]] = {policy.value: policy for policy in HookDeletePolicy}
_DELETION: Final = (SyncPhase.PRE_DELETE, SyncPhase.POST_DELETE)
_PHASES: Final[Mapping[HookType, SyncPhase]] = {
    HookType(phase.value): phase for phase in SyncPhase if phase not in _DELETION
}


def is_hook(obj: Mapping[str, Any]) -> bool:
    """Whether the object runs as a hook; a misspelt hook is one too, and has no phase.

    Helm marks CRDs with ``crd-install``, which makes them no hooks.
    """
    annotations = annotations_of(obj)
    if ANNOTATION_HOOK in annotations:
        return not is_skipped(obj)
    return annotations.get(ANNOTATION_HELM_HOOK, "crd-install") != "crd-install"


def is_skipped(obj: Mapping[str, Any]) -> bool:
    """``Skip`` counts only when it stands alone."""
    return hook_types(obj) == (HookType.SKIP,)


def hook_types(obj: Mapping[str, Any]) -> tuple[HookType, ...]:
    """The known hook types; Argo's annotation overrides Helm's on the same object."""
    annotations = annotations_of(obj)
    return _known(annotations.get(ANNOTATION_HOOK), _HOOKS) or _known(annotations.get(ANNOTATION_HELM_HOOK), HELM_HOOKS)


def sync_phases(obj: Mapping[str, Any]) -> tuple[SyncPhase, ...]:
    """The phases in which the object takes part: Sync unless it is a hook, none for a skipped one."""
    if is_skipped(obj):
        return ()
    if not is_hook(obj):
        return (SyncPhase.SYNC,)
    phases = {_PHASES[hook] for hook in hook_types(obj) if hook in _PHASES}
    return tuple(sorted(phases, key=lambda phase: phase.order))


def deletion_phases(obj: Mapping[str, Any]) -> tuple[SyncPhase, ...]:
    """The phases of the Application's deletion in which the object runs."""
    return tuple(phase for phase in _DELETION if HookType(phase.value) in hook_types(obj))


def delete_policies(obj: Mapping[str, Any]) -> frozenset[HookDeletePolicy]:
    """Argo's and Helm's policies together; BeforeHookCreation when there is none."""
    annotations = annotations_of(obj)
    policies = frozenset(_known(annotations.get(ANNOTATION_HOOK_DELETE_POLICY), _DELETE_POLICIES))
    policies |= frozenset(_known(annotations.get(ANNOTATION_HELM_HOOK_DELETE_POLICY), HELM_DELETE_POLICIES))
    return policies or frozenset({HookDeletePolicy.BEFORE_HOOK_CREATION})


def sync_options(obj: Mapping[str, Any]) -> frozenset[str]:
    """The resource's own sync options; Helm's ``keep`` policy means ``Delete=false``."""
    annotations = annotations_of(obj)
    options = frozenset(_split(annotations.get(ANNOTATION_SYNC_OPTIONS)))
    if annotations.get(ANNOTATION_HELM_RESOURCE_POLICY) == "keep":
        options |= {"Delete=false"}
    return options


def named_hook(obj: Manifest, *, revision: str, phase: SyncPhase, started_unix_s: int) -> Manifest:
    """The hook as it is created: with our finalizer, and a name made by us where it asks for a generated one.

    The finalizer keeps the object until its outcome is recorded, whatever its time to live.
    """
    metadata = dict(metadata_of(obj))
    if not metadata.get("name"):
        # The prefix stays, as upstream: it tells that this name is of one operation only.
        metadata["name"] = f"{metadata['generateName']}{revision[:7]}-{phase.value}-{started_unix_s}".lower()
    others = [entry for entry in metadata.get("finalizers") or () if entry != FINALIZER_HOOK]
    metadata["finalizers"] = [*others, FINALIZER_HOOK]
    return {**obj, "metadata": metadata}


def marked_hook(obj: Manifest, *, operation_id: str, phase: SyncPhase) -> Manifest:
    """The hook with the operation and phase that create it, by which a later run knows it for its own."""
    annotations = {
        **(metadata_of(obj).get("annotations") or {}),
        ANNOTATION_OPERATION: operation_id,
        ANNOTATION_HOOK_PHASE: phase.value,
    }
    return {**obj, "metadata": {**metadata_of(obj), "annotations": annotations}}


def is_created_by(obj: Mapping[str, Any], *, operation_id: str, phase: SyncPhase | None = None) -> bool:
    """Whether the live object is the run of a hook in this operation, and in this phase, or in any."""
    annotations = annotations_of(obj)
    if not operation_id or annotations.get(ANNOTATION_OPERATION) != operation_id:
        return False
    return phase is None or annotations.get(ANNOTATION_HOOK_PHASE) == phase.value


def _split(text: str | None) -> list[str]:
    return [part for part in (word.strip() for word in (text or "").split(",")) if part]


def _known(text: str | None, names: Mapping[str, T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(names[word] for word in _split(text) if word in names))
