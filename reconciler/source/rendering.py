"""What every tool hands back for one source."""

from dataclasses import dataclass

from reconciler.manifest.objects import Manifest
from reconciler.source.target import SourceType

Origin = str
"""Path in the repository of the file an object came from; empty where a tool does not tell."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """The objects of one source with their origins, in the tool's order; ``files`` are path and blob id, sorted by path."""

    source_type: SourceType
    objects: tuple[tuple[Manifest, Origin], ...]
    files: tuple[tuple[str, str], ...]
