"""The words of Argo CD and Kubernetes that cross package borders: annotation names, statuses, phases.

Values keep upstream's spelling. This module imports nothing of ours.
"""

from enum import StrEnum
from typing import Final

FIELD_MANAGER: Final = "argocd-controller"
"""Field manager of every apply, the same as Argo CD's, so that taking over and handing back loses no field."""

ARGO_GROUP: Final = "argoproj.io"
ARGO_VERSION: Final = "v1alpha1"

ANNOTATION_TRACKING_ID: Final = "argocd.argoproj.io/tracking-id"
ANNOTATION_INSTALLATION_ID: Final = "argocd.argoproj.io/installation-id"
ANNOTATION_HOOK: Final = "argocd.argoproj.io/hook"
ANNOTATION_HOOK_DELETE_POLICY: Final = "argocd.argoproj.io/hook-delete-policy"
ANNOTATION_SYNC_WAVE: Final = "argocd.argoproj.io/sync-wave"
ANNOTATION_SYNC_OPTIONS: Final = "argocd.argoproj.io/sync-options"
ANNOTATION_COMPARE_OPTIONS: Final = "argocd.argoproj.io/compare-options"
ANNOTATION_IGNORE_HEALTHCHECK: Final = "argocd.argoproj.io/ignore-healthcheck"
ANNOTATION_IGNORE_RESTART_POLICY: Final = "argocd.argoproj.io/ignore-restart-policy"
ANNOTATION_SKIP_RECONCILE: Final = "argocd.argoproj.io/skip-reconcile"
ANNOTATION_REFRESH: Final = "argocd.argoproj.io/refresh"
ANNOTATION_DELETION_APPROVED: Final = "argocd.argoproj.io/deletion-approved"
ANNOTATION_MIGRATION_MANAGER: Final = "argocd.argoproj.io/client-side-apply-migration-manager"
ANNOTATION_OPERATION: Final = "gitops-nb/operation-id"
"""On hooks: the operation that created them."""
ANNOTATION_HELM_HOOK: Final = "helm.sh/hook"
ANNOTATION_HELM_HOOK_WEIGHT: Final = "helm.sh/hook-weight"
ANNOTATION_HELM_HOOK_DELETE_POLICY: Final = "helm.sh/hook-delete-policy"
ANNOTATION_HELM_RESOURCE_POLICY: Final = "helm.sh/resource-policy"
ANNOTATION_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
FINALIZER_RESOURCES: Final = "resources-finalizer.argocd.argoproj.io"
FINALIZER_HOOK: Final = "argocd.argoproj.io/hook-finalizer"
MARKER_SKIP_FILE: Final = "+argocd:skip-file-rendering"
IN_CLUSTER_SERVER: Final = "https://kubernetes.default.svc"


class SyncStatus(StrEnum):
    """Whether live equals target; Unknown always comes with a reason."""

    SYNCED = "Synced"
    OUT_OF_SYNC = "OutOfSync"
    UNKNOWN = "Unknown"


class HealthStatus(StrEnum):
    """Health of an object or application, from best to worst (gitops-engine/pkg/health/health.go)."""

    HEALTHY = "Healthy"
    SUSPENDED = "Suspended"
    PROGRESSING = "Progressing"
    MISSING = "Missing"
    DEGRADED = "Degraded"
    UNKNOWN = "Unknown"

    @property
    def badness(self) -> int:
        """Position in the order from best (0) to worst."""
        return list(HealthStatus).index(self)


class OperationPhase(StrEnum):
    """Phase of a sync operation (gitops-engine/pkg/sync/common/types.go)."""

    RUNNING = "Running"
    TERMINATING = "Terminating"
    FAILED = "Failed"
    ERROR = "Error"
    SUCCEEDED = "Succeeded"

    @property
    def completed(self) -> bool:
        return self in (OperationPhase.FAILED, OperationPhase.ERROR, OperationPhase.SUCCEEDED)


class ResultCode(StrEnum):
    """Outcome of one resource in a sync."""

    SYNCED = "Synced"
    SYNC_FAILED = "SyncFailed"
    PRUNED = "Pruned"
    PRUNE_SKIPPED = "PruneSkipped"


class SyncPhase(StrEnum):
    """Phases of a sync, in their order; those of a deletion lie around its prunes, which are of the phase Sync."""

    PRE_SYNC = "PreSync"
    PRE_DELETE = "PreDelete"
    SYNC = "Sync"
    POST_SYNC = "PostSync"
    POST_DELETE = "PostDelete"
    SYNC_FAIL = "SyncFail"

    @property
    def order(self) -> int:
        return list(SyncPhase).index(self)


class SyncStrategy(StrEnum):
    """How a sync treats hooks: ``hook`` runs them, ``apply`` leaves out those of every phase."""

    APPLY = "apply"
    HOOK = "hook"


class HookType(StrEnum):
    """Values of the hook annotation."""

    PRE_SYNC = "PreSync"
    SYNC = "Sync"
    POST_SYNC = "PostSync"
    SYNC_FAIL = "SyncFail"
    SKIP = "Skip"
    PRE_DELETE = "PreDelete"
    POST_DELETE = "PostDelete"


class HookDeletePolicy(StrEnum):
    """When a hook object is deleted."""

    BEFORE_HOOK_CREATION = "BeforeHookCreation"
    HOOK_SUCCEEDED = "HookSucceeded"
    HOOK_FAILED = "HookFailed"


class ConditionType(StrEnum):
    """Application condition types that errors and warnings map to."""

    INVALID_SPEC = "InvalidSpecError"
    COMPARISON = "ComparisonError"
    SYNC = "SyncError"
    UNKNOWN = "UnknownError"
    REPEATED_RESOURCE = "RepeatedResourceWarning"
    SHARED_RESOURCE = "SharedResourceWarning"
    EXCLUDED_RESOURCE = "ExcludedResourceWarning"
