"""Argo CD's AppProject (pkg/apis/application/v1alpha1/app_project_types.go)."""

from typing import Annotated, Literal

from pydantic import Field

from reconciler.model.base import Items, JsonObject, Model, ObjectMeta


class GroupKind(Model):
    group: str
    kind: str


class ClusterGroupKind(GroupKind):
    name: str = ""


class ProjectDestination(Model):
    server: str = ""
    name: str = ""
    namespace: str = ""


class DestinationServiceAccount(Model):
    server: str
    namespace: str = ""
    default_service_account: str


class OrphanedKey(Model):
    group: str = ""
    kind: str = ""
    name: str = ""


class OrphanedResources(Model):
    warn: bool | None = None
    ignore: Items[OrphanedKey] = ()


class JwtToken(Model):
    iat: int
    exp: int = 0
    id: str = ""


class ProjectRole(Model):
    name: str
    description: str = ""
    groups: Items[str] = ()
    policies: Items[str] = ()
    jwt_tokens: Items[JwtToken] = ()


class SignatureKey(Model):
    key_id: str = Field(alias="keyID")


class GpgPolicy(Model):
    mode: str
    keys: Items[str]


class SshPolicy(Model):
    """Ours: Argo CD verifies no SSH signatures. ``keys`` are OpenSSH public keys or ``SHA256:…`` fingerprints."""

    mode: str
    keys: Items[str]


class RepoPattern(Model):
    url: str


class GitIntegrityPolicy(Model):
    repos: Items[RepoPattern]
    gpg: GpgPolicy | None = None
    ssh: SshPolicy | None = None


class GitIntegrity(Model):
    policies: Items[GitIntegrityPolicy]


class SourceIntegrity(Model):
    git: GitIntegrity


class SyncWindow(Model):
    kind: str = ""
    schedule: str = ""
    duration: str = ""
    applications: Items[str] = ()
    namespaces: Items[str] = ()
    clusters: Items[str] = ()
    manual_sync: bool = False
    time_zone: str = ""
    and_operator: bool = False
    sync_overrun: bool = False
    description: str = ""


class AppProjectSpec(Model):
    """``namespace_resource_whitelist``: None allows all kinds, an empty tuple none."""

    description: Annotated[str, Field(max_length=255)] = ""
    source_repos: Items[str] = ()
    source_namespaces: Items[str] = ()
    destinations: Items[ProjectDestination] = ()
    destination_service_accounts: Items[DestinationServiceAccount] = ()
    cluster_resource_whitelist: Items[ClusterGroupKind] = ()
    cluster_resource_blacklist: Items[ClusterGroupKind] = ()
    namespace_resource_whitelist: Items[GroupKind] | None = None
    namespace_resource_blacklist: Items[GroupKind] = ()
    orphaned_resources: OrphanedResources | None = None
    permit_only_project_scoped_clusters: bool = False
    roles: Items[ProjectRole] = ()
    signature_keys: Items[SignatureKey] = ()
    source_integrity: SourceIntegrity | None = None
    sync_windows: Items[SyncWindow] = ()


class AppProject(Model):
    api_version: Literal["argoproj.io/v1alpha1"]
    kind: Literal["AppProject"]
    metadata: ObjectMeta
    spec: AppProjectSpec
    status: JsonObject = {}

    @property
    def name(self) -> str:
        return self.metadata.name
