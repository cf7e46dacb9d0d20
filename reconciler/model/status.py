"""``status`` of an Application: the shape of what a run writes, and of the custom resource definition."""

from pydantic import Field

from reconciler.model.application import Destination, IgnoreDifferences, Info, ManagedNamespaceMetadata, Retry
from reconciler.model.base import Items, JsonObject, Model
from reconciler.model.source import ApplicationSource


class Health(Model):
    status: str = ""
    message: str = ""
    last_transition_time: str = ""


class ResourceStatus(Model):
    group: str = ""
    version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    status: str = ""
    health: Health | None = None
    hook: bool = False
    requires_pruning: bool = False
    requires_deletion_confirmation: bool = False
    sync_wave: int = 0


class ComparedTo(Model):
    destination: Destination
    source: ApplicationSource | None = None
    sources: Items[ApplicationSource] = ()
    ignore_differences: Items[IgnoreDifferences] = ()


class Sync(Model):
    status: str
    revision: str = ""
    revisions: Items[str] = ()
    compared_to: ComparedTo | None = None


class InitiatedBy(Model):
    username: str = ""
    automated: bool = False


class SyncOperationResource(Model):
    group: str = ""
    kind: str
    name: str
    namespace: str = ""


class StrategyForce(Model):
    force: bool = False


class SyncStrategy(Model):
    apply: StrategyForce | None = None
    hook: StrategyForce | None = None


class SyncOperation(Model):
    revision: str = ""
    revisions: Items[str] = ()
    prune: bool = False
    dry_run: bool = False
    sync_strategy: SyncStrategy | None = None
    resources: Items[SyncOperationResource] = ()
    source: ApplicationSource | None = None
    sources: Items[ApplicationSource] = ()
    manifests: Items[str] = ()
    sync_options: Items[str] = ()
    auto_heal_attempts_count: int = 0


class Operation(Model):
    sync: SyncOperation | None = None
    initiated_by: InitiatedBy | None = None
    info: Items[Info] = ()
    retry: Retry | None = None


class ResourceResult(Model):
    group: str
    version: str
    kind: str
    namespace: str
    name: str
    status: str = ""
    message: str = ""
    hook_type: str = ""
    hook_phase: str = ""
    sync_phase: str = ""
    images: Items[str] = ()


class SyncOperationResult(Model):
    resources: Items[ResourceResult] = ()
    revision: str
    revisions: Items[str] = ()
    source: ApplicationSource | None = None
    sources: Items[ApplicationSource] = ()
    managed_namespace_metadata: ManagedNamespaceMetadata | None = None


class OperationState(Model):
    operation: Operation
    phase: str
    message: str = ""
    sync_result: SyncOperationResult | None = None
    started_at: str
    finished_at: str = ""
    retry_count: int = 0


class RevisionHistory(Model):
    id: int
    revision: str = ""
    revisions: Items[str] = ()
    deployed_at: str
    deploy_started_at: str = ""
    source: ApplicationSource | None = None
    sources: Items[ApplicationSource] = ()
    initiated_by: InitiatedBy | None = None


class Condition(Model):
    type: str
    message: str
    last_transition_time: str = ""


class Summary(Model):
    images: Items[str] = ()
    external_urls: Items[str] = Field(alias="externalURLs", default=())
    is_app_of_apps: bool = False


class ApplicationStatus(Model):
    """What Argo CD's own server and command line read."""

    sync: Sync | None = None
    health: Health | None = None
    history: Items[RevisionHistory] = ()
    resources: Items[ResourceStatus] = ()
    conditions: Items[Condition] = ()
    operation_state: OperationState | None = None
    reconciled_at: str = ""
    observed_at: str = ""
    source_type: str = ""
    source_types: Items[str] = ()
    summary: Summary | None = None
    controller_namespace: str = ""
    resource_health_source: str = ""
    source_hydrator: JsonObject | None = None
