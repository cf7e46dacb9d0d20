"""What every tool is given to render one source, and what it hands back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.manifest.objects import Manifest
from reconciler.model import ApplicationSource
from reconciler.source.files.tree import Tree
from reconciler.source.observations import Observations, ObservedDownloads
from reconciler.source.settings import DEFAULT_SETTINGS, SourceSettings
from reconciler.source.target import NO_CAPABILITIES, Capabilities, SourceType

if TYPE_CHECKING:
    from reconciler.source.kustomize.remotes import RemoteTrees
    from reconciler.source.plugin.definition import Plugins

Origin = str
"""Path in the repository of the file an object came from; empty where a tool does not tell."""


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """One source to render: ``path`` in ``tree``; ``where`` is the source's field path, for messages.

    ``references`` are the trees of ``ref`` sources by their name; ``namespace`` is the destination's.
    """

    source: ApplicationSource
    tree: Tree
    path: str
    where: str
    application: str
    namespace: str = ""
    project: str = "default"
    references: Mapping[str, Tree] = field(default_factory=dict)
    capabilities: Capabilities = NO_CAPABILITIES
    variables: Mapping[str, str] = field(default_factory=dict)
    settings: SourceSettings = DEFAULT_SETTINGS
    observations: Observations = field(default_factory=Observations)
    downloads: ObservedDownloads = field(default_factory=lambda: ObservedDownloads(None, Observations()))
    plugins: "Plugins | None" = None
    remote: "RemoteTrees | None" = None


@dataclass(frozen=True, slots=True)
class Rendering:
    """The objects of one source with their origins, in the tool's order."""

    source_type: SourceType
    objects: tuple[tuple[Manifest, Origin], ...]
