"""Which of an application's objects are meant, by parts of their key."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from reconciler.errors import NotFoundError, UsageError
from reconciler.manifest.objects import ResourceKey


@dataclass(frozen=True, slots=True)
class Selection:
    """Parts of a key; an empty one, and a ``group`` of None, stand for any. An empty ``group`` is the core group."""

    kind: str = ""
    group: str | None = None
    namespace: str = ""
    name: str = ""

    @classmethod
    def of(cls, key: ResourceKey) -> Self:
        """The selection of one object."""
        return cls(key.kind, key.group, key.namespace, key.name)

    @property
    def key(self) -> ResourceKey | None:
        """The key of the one object of a namespace that is named in full, else None."""
        if self.group is None or not (self.kind and self.namespace and self.name):
            return None
        return ResourceKey(self.group, self.kind, self.namespace, self.name)

    def matches(self, key: ResourceKey) -> bool:
        return (
            self.kind in ("", key.kind)
            and self.group in (None, key.group)
            and self.namespace in ("", key.namespace)
            and self.name in ("", key.name)
        )

    def __str__(self) -> str:
        kind = f"{self.kind or '*'}.{self.group}" if self.group else self.kind or "*"
        return f"{kind} {self.namespace or '*'}/{self.name or '*'}"

    def choose(self, keys: Iterable[ResourceKey], *, several: bool) -> list[ResourceKey]:
        """The keys that match, sorted.

        Source: cmd/util/app.go (FilterResources) of Argo CD 3.6, and what ``app actions run`` asks for beside.

        Raises
        ------
        NotFoundError
            When none matches.
        UsageError
            When more than one does without ``several``, or when they are of several groups.
        """
        found = sorted(key for key in keys if self.matches(key))
        if not found:
            raise NotFoundError(f"nothing that the application manages matches {self}")
        if len({key.group for key in found}) > 1:
            groups = ", ".join(sorted({key.group or '""' for key in found}))
            raise UsageError(f"{self} is of several groups: {groups}; choose one with --group")
        if len(found) > 1 and not several:
            shown = ", ".join(map(str, found[:5])) + (" …" if len(found) > 5 else "")
            raise UsageError(f"{len(found)} objects match {self}: {shown}; name one, or take all with --all")
        return found


ALL: Final = Selection()
