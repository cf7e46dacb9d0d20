"""Target state: a repository, a revision and a path become manifests."""

from reconciler.source.generate import generate_manifests
from reconciler.source.git.repository import Repository, RepositoryCache, RevisionMetadata
from reconciler.source.target import Capabilities, RenderedSource, SourcedManifest, SourceType, Target

__all__ = [
    "Capabilities",
    "RenderedSource",
    "Repository",
    "RepositoryCache",
    "RevisionMetadata",
    "SourceType",
    "SourcedManifest",
    "Target",
    "generate_manifests",
]
