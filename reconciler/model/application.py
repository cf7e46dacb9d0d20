"""Argo CD's Application (pkg/apis/application/v1alpha1/types.go at 3.6), as frozen records."""

from functools import cached_property
from typing import Literal

from pydantic import Field

from reconciler.model.base import Items, JsonObject, Model, ObjectMeta
from reconciler.model.source import ApplicationSource, DirectoryOptions, HelmOptions, KustomizeOptions, PluginOptions


class Destination(Model):
    """``server`` or ``name``, never both; ``namespace`` only fills namespaced objects that have none."""

    server: str = ""
    name: str = ""
    namespace: str = ""


class Automated(Model):
    """Present means automated unless ``enabled`` is false."""

    prune: bool = False
    self_heal: bool = False
    allow_empty: bool = False
    enabled: bool = True


class Backoff(Model):
    duration: str = ""
    factor: int | None = None
    max_duration: str = ""


class Retry(Model):
    limit: int = 0
    backoff: Backoff | None = None
    refresh: bool = False


class ManagedNamespaceMetadata(Model):
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class SyncPolicy(Model):
    automated: Automated | None = None
    sync_options: Items[str] = ()
    retry: Retry | None = None
    managed_namespace_metadata: ManagedNamespaceMetadata | None = None


class IgnoreDifferences(Model):
    """``group`` and ``kind`` are globs, an omitted group matches the core group only; name and namespace are exact."""

    group: str = ""
    kind: str
    name: str = ""
    namespace: str = ""
    json_pointers: Items[str] = ()
    jq_path_expressions: Items[str] = ()
    managed_fields_managers: Items[str] = ()


class Info(Model):
    name: str
    value: str


class HydrateTo(Model):
    target_branch: str


class DrySource(Model):
    repo_url: str = Field(alias="repoURL")
    target_revision: str
    path: str
    helm: HelmOptions | None = None
    kustomize: KustomizeOptions | None = None
    directory: DirectoryOptions | None = None
    plugin: PluginOptions | None = None


class SyncSource(Model):
    target_branch: str
    path: str
    repo_url: str = Field(alias="repoURL", default="")


class SourceHydrator(Model):
    dry_source: DrySource
    sync_source: SyncSource
    hydrate_to: HydrateTo | None = None


class ApplicationSpec(Model):
    """An empty ``project`` means ``default``; a non-empty ``sources`` makes ``source`` ignored."""

    project: str
    destination: Destination
    source: ApplicationSource | None = None
    sources: Items[ApplicationSource] = ()
    source_hydrator: SourceHydrator | None = None
    sync_policy: SyncPolicy = SyncPolicy()
    ignore_differences: Items[IgnoreDifferences] = ()
    info: Items[Info] = ()
    revision_history_limit: int | None = None


class Application(Model):
    """An Application as a user wrote it, with the status some reconciler left."""

    api_version: Literal["argoproj.io/v1alpha1"]
    kind: Literal["Application"]
    metadata: ObjectMeta
    spec: ApplicationSpec
    operation: JsonObject | None = None
    status: JsonObject = {}

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def project(self) -> str:
        return self.spec.project or "default"

    @cached_property
    def sources(self) -> tuple[ApplicationSource, ...]:
        """All sources; a single one is a list of length one."""
        return self.spec.sources or ((self.spec.source,) if self.spec.source else ())

    @property
    def syncs_by_itself(self) -> bool:
        """Whether ``spec.syncPolicy.automated`` is there and on."""
        automated = self.spec.sync_policy.automated
        return automated is not None and automated.enabled

    def has_sync_option(self, option: str) -> bool:
        """Whether ``spec.syncPolicy.syncOptions`` holds exactly ``option``, such as ``CreateNamespace=true``."""
        return option in (text.strip() for text in self.spec.sync_policy.sync_options)
