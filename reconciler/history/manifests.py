"""Manifests as content: a digest names exactly one list of objects, kept compressed."""

import hashlib
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reconciler.diff.records import Masked
from reconciler.diff.secrets import with_secret_values
from reconciler.errors import StoreError
from reconciler.history.chain import canonical_json
from reconciler.history.errors import DamagedStoreError
from reconciler.manifest.objects import Manifest, ResourceKey, flatten_lists, is_secret, metadata_of
from reconciler.terms import ANNOTATION_LAST_APPLIED

ENCODING: Final = "zlib"
_MASK: Final = re.compile(r"\(masked(?: [0-9a-f]+)?\)")
_STORED_MASK: Final = "(masked)"


@dataclass(frozen=True, slots=True)
class PackedManifests:
    """``digest`` is the SHA-256 of the canonical JSON that ``body`` holds compressed; ``size`` its length in bytes."""

    digest: str
    size: int
    encoding: str
    body: bytes


def pack_manifests(manifests: Sequence[Mapping[str, Any]]) -> PackedManifests:
    """Pack a list of objects, in its order.

    A mask's own digest means nothing after its run, so it is left out: equal lists have one digest in every run.

    Raises
    ------
    StoreError
        When a Secret's value is not masked; it names the field.
    """
    stored = [_without_mask_digests(item) for manifest in manifests for item in flatten_lists(dict(manifest))]
    content = canonical_json(stored).encode("ascii")
    return PackedManifests(hashlib.sha256(content).hexdigest(), len(content), ENCODING, zlib.compress(content))


def unpack_manifests(packed: PackedManifests) -> list[Manifest]:
    """The list of objects.

    Raises
    ------
    DamagedStoreError
        When the content is not what its digest names.
    """
    damaged = DamagedStoreError(f"the stored manifests {packed.digest} are damaged; see `gitops-nb audit verify`")
    if packed.encoding != ENCODING:
        raise damaged
    try:
        # The length is bounded before it is trusted.
        content = zlib.decompressobj().decompress(packed.body, packed.size + 1)
    except (zlib.error, ValueError, OverflowError) as error:
        raise damaged from error
    if hashlib.sha256(content).hexdigest() != packed.digest:
        raise damaged
    manifests: list[Manifest] = json.loads(content)
    return manifests


def _without_mask_digests(manifest: Manifest) -> Manifest:
    result = dict(manifest)
    annotations = metadata_of(manifest).get("annotations")
    if isinstance(annotations, Mapping) and (applied := annotations.get(ANNOTATION_LAST_APPLIED)) is not None:
        path = f"metadata.annotations[{ANNOTATION_LAST_APPLIED}]"
        mask = _masked(manifest, path, applied) if is_secret(manifest) or _is_mask(applied) else applied
        result["metadata"] = {**manifest["metadata"], "annotations": {**annotations, ANNOTATION_LAST_APPLIED: mask}}

    def stored(path: str, value: Any) -> Any:
        return value if value in (None, "") else _masked(manifest, path, value)

    return with_secret_values(result, stored)


def _is_mask(value: Any) -> bool:
    return isinstance(value, str | Masked) and _MASK.fullmatch(str(value)) is not None


def _masked(manifest: Manifest, path: str, value: Any) -> str:
    if _is_mask(value):
        return _STORED_MASK
    raise StoreError(
        f"{ResourceKey.of(manifest)}: {path} is not masked; mask Secrets before their manifests are stored"
    )
