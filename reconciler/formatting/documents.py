"""Manifests as lines to read side by side: keys in Kubernetes' usual order, long texts line by line."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.diff.records import ResourceComparison
from reconciler.formatting.characters import visible, visible_line
from reconciler.formatting.values import format_scalar, plain_value
from reconciler.manifest.objects import Manifest
from reconciler.terms import ANNOTATION_LAST_APPLIED

# The order of kubectl's own output; any other key follows by name.
_TOP_KEYS: Final = ("apiVersion", "kind", "metadata", "type", "spec", "data", "stringData", "status")
_NAME_KEYS: Final = ("name", "generateName", "namespace")
_SERVER_FIELDS: Final = frozenset(
    {"managedFields", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink"}
)


def live_and_target_lines(resource: ResourceComparison, *, neat: bool = True) -> tuple[list[str], list[str]]:
    """The live object's lines, and those of the object that a sync would leave; no lines where there is no object.

    ``neat`` leaves out what only the API server writes: managedFields, uid, resourceVersion, generation,
    creationTimestamp, selfLink, status, and the annotation in which kubectl repeats the object.
    """
    after = resource.target if resource.predicted is None else resource.predicted
    return manifest_lines(resource.live, neat=neat), manifest_lines(after, neat=neat)


def manifest_lines(obj: Manifest | None, *, neat: bool = True) -> list[str]:
    """The object as YAML lines with every character visible; none for None."""
    if obj is None:
        return []
    return list(_mapping_lines(neat_manifest(obj) if neat else obj, "", _TOP_KEYS))


def neat_manifest(obj: Manifest) -> Manifest:
    """The object without the fields that only the API server and kubectl's client-side apply write."""
    result = {key: value for key, value in obj.items() if key != "status"}
    metadata = obj.get("metadata")
    if isinstance(metadata, Mapping):
        kept = {key: value for key, value in metadata.items() if key not in _SERVER_FIELDS}
        annotations = kept.get("annotations")
        if isinstance(annotations, Mapping):
            kept["annotations"] = {key: value for key, value in annotations.items() if key != ANNOTATION_LAST_APPLIED}
            if not kept["annotations"]:
                del kept["annotations"]
        result["metadata"] = kept
    return result


def _mapping_lines(mapping: Mapping[str, Any], indent: str, first: tuple[str, ...] = _NAME_KEYS) -> Iterator[str]:
    order = {key: position for position, key in enumerate(first)}
    for key in sorted(mapping, key=lambda name: (order.get(name, len(order)), name)):
        value = mapping[key]
        label = f"{indent}{visible(format_scalar(str(key)))}:"
        if isinstance(value, Mapping) and value:
            yield label
            yield from _mapping_lines(value, indent + "  ")
        elif isinstance(value, list | tuple) and value:
            yield label
            yield from _list_lines(value, indent)
        else:
            yield from _scalar_lines(value, label, indent + "  ")


def _list_lines(items: list[Any] | tuple[Any, ...], indent: str) -> Iterator[str]:
    for item in items:
        if isinstance(item, Mapping) and item:
            inner = _mapping_lines(item, indent + "  ")
        elif isinstance(item, list | tuple) and item:
            inner = _list_lines(item, indent + "  ")
        else:
            yield from _scalar_lines(item, f"{indent}-", indent + "  ")
            continue
        yield f"{indent}- {next(inner)[len(indent) + 2 :]}"
        yield from inner


def _scalar_lines(value: Any, label: str, indent: str) -> Iterator[str]:
    if isinstance(value, str) and "\n" in value.rstrip("\n"):
        # A dumper would fold a text with a tab or a trailing blank into one quoted line, and its changes with it.
        chomping = "" if value.endswith("\n") and not value.endswith("\n\n") else "+" if value.endswith("\n") else "-"
        yield f"{label} |{chomping}"
        yield from (f"{indent}{visible_line(line)}" for line in value.removesuffix("\n").split("\n"))
    elif isinstance(value, str):
        yield f"{label} {visible(format_scalar(value))}"
    else:
        yield f"{label} {_json_text(value)}"


def _json_text(value: Any) -> str:
    plain = plain_value(value)
    if plain is None or isinstance(plain, bool):
        return {None: "null", True: "true", False: "false"}[plain]
    return visible(str(plain))
