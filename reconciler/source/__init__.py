"""Target state: a repository, a revision and a path become manifests."""

from reconciler.source.cache import RenderCache
from reconciler.source.generate import Generator, generate_manifests
from reconciler.source.git.repository import Repository, RepositoryCache, RevisionMetadata
from reconciler.source.target import Capabilities, RenderedSource, SourcedManifest, SourceType, Target

__all__ = [
    "Capabilities",
    "Generator",
    "RenderCache",
    "RenderedSource",
    "Repository",
    "RepositoryCache",
    "RevisionMetadata",
    "SourceType",
    "SourcedManifest",
    "Target",
    "generate_manifests",
]
