"""Records of the target state: what generation takes from the cluster and what it returns."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import orjson

from reconciler.manifest.objects import Manifest
from reconciler.model import ApplicationSource
from reconciler.source.integrity import Verification


class SourceType(StrEnum):
    """The tool that made a source's manifests, as Argo CD names it in ``status.sourceType``."""

    DIRECTORY = "Directory"
    KUSTOMIZE = "Kustomize"
    HELM = "Helm"
    KSONNET = "Ksonnet"
    PLUGIN = "Plugin"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What Helm charts may ask of the cluster: its version, and ``group/version`` and ``group/version/Kind`` names.

    An empty ``kube_version`` leaves Helm its own default.
    """

    kube_version: str = ""
    api_versions: tuple[str, ...] = ()


NO_CAPABILITIES = Capabilities()


@dataclass(frozen=True, slots=True)
class SourcedManifest:
    """An object and where it came from: ``origin`` is a path in the repository, empty where a tool does not tell."""

    manifest: Manifest
    origin: str
    source_index: int


@dataclass(frozen=True, slots=True)
class RenderedSource:
    """One source as it was rendered.

    ``source`` is as in the Application; ``source_type`` None for a source that only lends its files (``ref``); ``revision``
    the commit, version or digest; ``files`` path and object id of every file read, ``$name/path`` in a source that is
    referred to; ``cached`` whether an earlier render served; ``verification`` the signature that the project asks for.
    """

    source: ApplicationSource
    source_type: SourceType | None
    revision: str
    files: tuple[tuple[str, str], ...] = ()
    cached: bool = False
    verification: Verification | None = None


@dataclass(frozen=True)
class Target:
    """The target state of one Application: its manifests in a stable order, without tracking metadata."""

    application: str
    sources: tuple[RenderedSource, ...]
    manifests: tuple[SourcedManifest, ...]
    warnings: tuple[str, ...] = ()
    #: Those of the warnings that tell of objects which several sources have.
    repeated: tuple[str, ...] = ()

    @property
    def revisions(self) -> tuple[str, ...]:
        """The commit of each source."""
        return tuple(source.revision for source in self.sources)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the manifests as canonical JSON, in hex."""
        return digest_of([sourced.manifest for sourced in self.manifests])


def digest_of(manifests: Sequence[Manifest]) -> str:
    """SHA-256 over the manifests in their order, each as JSON with sorted keys, in hex."""
    digest = hashlib.sha256()
    for manifest in manifests:
        digest.update(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE))
    return digest.hexdigest()
