"""Objects of several sources as one target: no object twice."""

from collections.abc import Sequence

from reconciler.errors import GenerationError
from reconciler.manifest.objects import Manifest, ResourceKey, metadata_of
from reconciler.model import Application
from reconciler.source.cache import Rendered
from reconciler.source.target import RenderedSource, SourcedManifest, Target


def combine(
    application: Application, sources: tuple[RenderedSource, ...], results: Sequence[Rendered | None]
) -> Target:
    """The target of an Application; ``results`` has None for a source that only lends its files."""
    namespace = application.spec.destination.namespace
    manifests = [
        SourcedManifest(obj, origin, index)
        for index, rendered in enumerate(results)
        if rendered is not None
        for obj, origin in rendered.manifests
    ]
    kept, warnings = _last_of_each(manifests, namespace) if len(results) > 1 else (manifests, [])
    return Target(application.name, sources, tuple(kept), tuple(warnings), tuple(warnings))


def _key(manifest: Manifest, namespace: str) -> ResourceKey | None:
    """The object's key as it will be in the cluster; None where the server makes the name."""
    if not metadata_of(manifest).get("name"):
        return None
    key = ResourceKey.of(manifest)
    return ResourceKey(key.group, key.kind, key.namespace or namespace, key.name)


def refuse_repeated(manifests: Sequence[tuple[Manifest, str]], namespace: str, where: str) -> None:
    """Refuse two objects of one key within one source.

    Raises
    ------
    GenerationError
        With both files.
    """
    first: dict[ResourceKey, int] = {}
    for index, (manifest, origin) in enumerate(manifests):
        key = _key(manifest, namespace)
        if key is not None and (other := first.setdefault(key, index)) != index:
            before = manifests[other][1]
            files = f"in {before} and {origin}" if before != origin else f"twice in {origin or where}"
            raise GenerationError(f"{ResourceKey.of(manifest)} is {files}; keep one")


def _last_of_each(manifests: Sequence[SourcedManifest], namespace: str) -> tuple[list[SourcedManifest], list[str]]:
    """Of objects with one key in several sources the last stays (controller/state.go), with Argo CD's warning."""
    keys = [_key(sourced.manifest, namespace) for sourced in manifests]
    last = {key: index for index, key in enumerate(keys) if key is not None}
    kept = [
        sourced
        for index, (sourced, key) in enumerate(zip(manifests, keys, strict=True))
        if key is None or last[key] == index
    ]
    counts: dict[ResourceKey, int] = {}
    for key in keys:
        if key is not None:
            counts[key] = counts.get(key, 0) + 1
    warnings = [
        f"Resource {key.group}/{key.kind}/{key.namespace}/{key.name} appeared {number} times among application resources."
        for key, number in sorted(counts.items())
        if number > 1
    ]
    return kept, warnings
