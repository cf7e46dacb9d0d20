"""Which script judges a kind: customizations of ``argocd-cm``, of a directory, and our own, in Argo CD's order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from reconciler.globs import glob_matches
from reconciler.manifest.objects import GroupVersionKind

_SPECIAL: Final = frozenset("*?[{")


@dataclass(frozen=True, slots=True)
class Script:
    """``origin`` says where the script stands, for messages. ``open_libraries`` is ``useOpenLibs``."""

    text: str
    origin: str
    open_libraries: bool = False


@dataclass(frozen=True, slots=True)
class ActionScripts:
    """Actions of one kind. ``merged`` is ``mergeBuiltinActions``: later layers' actions are there too."""

    discovery: Script | None = None
    definitions: Mapping[str, Script] = field(default_factory=dict)
    merged: bool = False


@dataclass(frozen=True, slots=True)
class Customization:
    """What is set for one kind, or for all that a pattern names."""

    health: Script | None = None
    actions: ActionScripts | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """Customizations of one source by ``<group>/<Kind>``, or ``<Kind>`` in the core group; patterns as in gobwas/glob."""

    entries: Mapping[str, Customization] = field(default_factory=dict)
    patterns: Sequence[str] = field(init=False, repr=False, compare=False)
    """The keys that are patterns, the longest first."""

    def __post_init__(self) -> None:
        patterns = (key for key in self.entries if _SPECIAL.intersection(key))
        object.__setattr__(self, "patterns", tuple(sorted(patterns, key=lambda key: (-len(key), key))))

    def find(self, gvk: GroupVersionKind) -> Iterator[Customization]:
        """What is set for this kind: exactly first, then by pattern, the longest one first."""
        name = key_of(gvk)
        if (exact := self.entries.get(name)) is not None:
            yield exact
        for pattern in self.patterns:
            if pattern != name and glob_matches(pattern, name):
                yield self.entries[pattern]


@dataclass(frozen=True, slots=True)
class Customizations:
    """Layers in the order they are asked; ``kstatus`` judges kinds without any rule by their standard conditions.

    Source: util/lua/lua.go and docs/operator-manual/health.md of Argo CD; ``health.kstatus.enabled`` is a key of ours.
    """

    layers: Sequence[Layer] = ()
    kstatus: bool = True

    def health_script(self, gvk: GroupVersionKind) -> Script | None:
        """The first script that judges this kind."""
        found = (entry.health for layer in self.layers for entry in layer.find(gvk))
        return next((script for script in found if script is not None), None)

    def action_scripts(self, gvk: GroupVersionKind) -> tuple[ActionScripts, ...]:
        """The actions of this kind: the first that are set, and those they are merged with."""
        chosen: list[ActionScripts] = []
        for layer in self.layers:
            for entry in layer.find(gvk):
                if entry.actions is not None:
                    chosen.append(entry.actions)
                    if not entry.actions.merged:
                        return tuple(chosen)
                    break
        return tuple(chosen)


NO_CUSTOMIZATIONS: Final = Customizations()


def key_of(gvk: GroupVersionKind) -> str:
    """The key of a kind: ``<group>/<Kind>``, or ``<Kind>`` in the core group."""
    return f"{gvk.group}/{gvk.kind}" if gvk.group else gvk.kind
