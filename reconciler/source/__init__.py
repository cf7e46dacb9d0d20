"""Target state: a repository, a revision and a path become manifests."""

from reconciler.source.cache import RenderCache
from reconciler.source.generate import Generator, generate_manifests
from reconciler.source.git.cache import RepositoryCache
from reconciler.source.git.metadata import RevisionMetadata
from reconciler.source.git.repository import Repository
from reconciler.source.resolving import revisions_of
from reconciler.source.sources import Sources
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
    "Sources",
    "Target",
    "generate_manifests",
    "revisions_of",
]
