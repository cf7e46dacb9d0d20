"""What an action's result means for the cluster: the smallest patch, or an object that is ready to be created."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from reconciler.cluster.connection import Connection
from reconciler.cluster.discovery import ApiResource
from reconciler.cluster.write import create_object, patch_object
from reconciler.diff.records import ABSENT
from reconciler.diff.secrets import Masker
from reconciler.errors import ConflictError, InvalidObjectError
from reconciler.health import ActionOperation
from reconciler.manifest.objects import Manifest, ResourceKey, is_secret, metadata_of, name_of
from reconciler.manifest.typed.paths import FieldPath
from reconciler.sync.status import merge_patch

FIELD_MANAGER: Final = "argocd-server"
"""Who owns what an action sets: not the manager of syncs, which would take it away again."""

_NAME_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
_NAME_RANDOM: Final = 5
_NAME_LENGTH: Final = 63


@dataclass(frozen=True, slots=True)
class ActionChange:
    """A field that an action sets; values that are secret are masked, and `ABSENT` where there is none."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class ActionWrite:
    """One object that an action creates, or patches where there is a ``live`` one."""

    resource: ApiResource
    manifest: Manifest = field(repr=False)
    live: Manifest | None = field(default=None, repr=False)

    @property
    def operation(self) -> ActionOperation:
        return ActionOperation.CREATE if self.live is None else ActionOperation.PATCH

    @property
    def key(self) -> ResourceKey:
        return ResourceKey.of(self.manifest)

    @property
    def patch(self) -> dict[str, Any]:
        """Only what the action changed; empty for an object that it creates."""
        return {} if self.live is None else merge_patch(self.live, self.manifest)

    def changes(self, masker: Masker) -> tuple[ActionChange, ...]:
        """What the patch sets, by path."""
        return tuple(_changes(self.live, self.patch, masker)) if self.live is not None else ()

    def send(self, connection: Connection, *, dry_run: bool) -> None:
        """Write it; with ``dry_run`` the API server checks everything and keeps nothing.

        A patch holds for the very object that the action has seen, and, where it replaces a whole list, for that state of
        it. Of a kind whose status is a sub-resource the status is written there.

        Source: server/application/application.go (patchResource, splitStatusPatch), argo-cd 37ee009.

        Raises
        ------
        ClusterError
            When the API server refuses it; `ConflictError` when the object was changed or made anew meanwhile.
        """
        if self.live is None:
            create_object(connection, self.resource, self.manifest, field_manager=FIELD_MANAGER, dry_run=dry_run)
            return
        live = self.live
        for subresource, patch in self._parts():
            body = {**patch, "metadata": {**patch.get("metadata", {}), **_identity(live, patch)}}
            how = {"subresource": subresource, "field_manager": FIELD_MANAGER}
            try:
                live = patch_object(connection, self.resource, live, body, **how, dry_run=dry_run)
            except InvalidObjectError as error:
                if "metadata.uid:" not in str(error):
                    raise
                text = f"{self.key} was made anew since the action saw it"
                raise ConflictError(text, status=409, reason="Conflict") from error

    def _parts(self) -> Iterator[tuple[str, dict[str, Any]]]:
        patch = self.patch
        if "status" in patch and "status" in self.resource.subresources:
            yield "status", {"status": patch.pop("status")}
        if patch:
            yield "", patch


def with_name(obj: Manifest) -> Manifest:
    """The object with a name made from its ``generateName`` here, so that a request may be repeated."""
    metadata = metadata_of(obj)
    if metadata.get("name") or not name_of(obj):
        return obj
    end = "".join(secrets.choice(_NAME_LETTERS) for _ in range(_NAME_RANDOM))
    name = name_of(obj)[: _NAME_LENGTH - _NAME_RANDOM] + end
    return {**obj, "metadata": {**metadata, "name": name}}


def _identity(live: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    metadata = metadata_of(live)
    names = ("uid", "resourceVersion") if _replaces_list(patch) else ("uid",)
    return {name: metadata[name] for name in names if name in metadata}


def _replaces_list(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_replaces_list, value.values()))
    return isinstance(value, list)


def _changes(
    live: Manifest, patch: Mapping[str, Any], masker: Masker, steps: tuple[str, ...] = ()
) -> Iterator[ActionChange]:
    here: Any = live
    for step in steps:
        here = here[step]
    mask = masker.mask_value if is_secret(live) else masker.mask_last_applied
    for name, value in sorted(patch.items()):
        path = (*steps, name)
        before = here.get(name, ABSENT)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            yield from _changes(live, value, masker, path)
        else:
            after = ABSENT if value is None else value
            yield ActionChange(str(FieldPath(path)), mask(path, before), mask(path, after))
