"""Two renders of one Application against each other: what a change in Git makes of the manifests."""

from collections.abc import Iterator, Sequence

from reconciler.diff.fields import diff_fields
from reconciler.diff.records import ABSENT, FieldDifference, ResourceComparison
from reconciler.diff.secrets import Masker
from reconciler.manifest import OpenApi
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey, is_secret
from reconciler.manifest.schema import DEDUCED
from reconciler.terms import SyncStatus


def compare_revisions(
    before: Sequence[Manifest], after: Sequence[Manifest], *, openapi: OpenApi, masker: Masker
) -> tuple[ResourceComparison, ...]:
    """One record for each object of either side, by key; ``live`` is the object before, ``target`` the one after.

    Objects whose name the server makes are paired in their order. Items of lists are matched by their keys where
    ``openapi`` knows the kind.
    """
    old, new = dict(_numbered(before)), dict(_numbered(after))
    return tuple(
        _compare(key, old.get((key, number)), new.get((key, number)), openapi, masker)
        for key, number in sorted({*old, *new})
    )


def _numbered(manifests: Sequence[Manifest]) -> Iterator[tuple[tuple[ResourceKey, int], Manifest]]:
    seen: dict[ResourceKey, int] = {}
    for manifest in manifests:
        key = ResourceKey.of(manifest)
        yield (key, seen.setdefault(key, 0)), manifest
        seen[key] += 1


def _compare(
    key: ResourceKey, old: Manifest | None, new: Manifest | None, openapi: OpenApi, masker: Masker
) -> ResourceComparison:
    one = new if new is not None else old
    assert one is not None
    gvk = GroupVersionKind.of(one)
    if old is None or new is None:
        sides = ["present" if side is not None else ABSENT for side in (new, old)]
        differences: tuple[FieldDifference, ...] = (FieldDifference("$", sides[0], sides[1]),)
    else:
        secret = is_secret(old) or is_secret(new)
        mask = masker.mask_value if secret else masker.mask_last_applied
        differences = tuple(
            FieldDifference(str(change.path), mask(change.path, change.target), mask(change.path, change.live))
            for change in diff_fields(openapi.schema(gvk) or DEDUCED, new, old)
        )
    return ResourceComparison(
        key=key,
        version=gvk.version,
        status=SyncStatus.OUT_OF_SYNC if differences else SyncStatus.SYNCED,
        target=masker.mask_object(new) if new is not None else None,
        live=masker.mask_object(old) if old is not None else None,
        differences=differences,
    )
