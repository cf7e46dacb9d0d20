"""What Git held before, where managedFields do not say it in the words that server-side apply goes by.

Server-side apply removes only what its manager owned. Client-side apply records no such ownership: its manager's entry is an
Update that owns the server's defaults as well, while the last-applied annotation says what Git held. And who applies a
Secret's ``stringData`` owns that, never the ``data`` which the server makes of it. A comparison takes the one for the other,
and a sync writes it down (`migrated_ownership`), so that what left Git is found and goes.

Source: gitops-engine/pkg/diff/diff.go (ThreeWayDiff) and k8s.io/client-go/util/csaupgrade, argo-cd 37ee009.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from reconciler.diff.normalize import normalize_target
from reconciler.errors import SpecError
from reconciler.manifest import CLIENT_SIDE_APPLY_MANAGER, OpenApi
from reconciler.manifest.objects import GroupVersionKind, Manifest, is_secret, metadata_of
from reconciler.manifest.schema import DEDUCED, NotOfTypeError, Schema
from reconciler.manifest.typed.compare import field_set
from reconciler.manifest.typed.fieldset import FieldSet, union
from reconciler.manifest.typed.ownership import ManagerEntry, ManagerKey, parse_managers, with_managers
from reconciler.terms import ANNOTATION_LAST_APPLIED, FIELD_MANAGER

CLIENT_SIDE_MANAGERS: Final = frozenset({CLIENT_SIDE_APPLY_MANAGER, FIELD_MANAGER, "kubectl"})
"""Managers whose Update entries are client-side applies: kubectl's own, and Argo CD's."""


def last_applied(live: Mapping[str, Any]) -> Manifest | None:
    """What the last-applied annotation holds; None where there is none, or none that can be read."""
    annotations = metadata_of(live).get("annotations")
    text = annotations.get(ANNOTATION_LAST_APPLIED) if isinstance(annotations, Mapping) else None
    if not isinstance(text, str) or not text:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.get("apiVersion") == live.get("apiVersion") else None


def migrated_ownership(live: Manifest, openapi: OpenApi) -> Manifest:
    """Live with managedFields as if Argo CD's manager had applied it server-side, and a Secret's text as data.

    Live itself where there is nothing to migrate. A sync that finds it changed writes these managedFields, under live's
    resourceVersion, before it applies the normalized target.
    """
    secret = is_secret(live)
    metadata = live.get("metadata")
    if not isinstance(metadata, Mapping):
        return live
    annotations = metadata.get("annotations")
    if not secret and not (isinstance(annotations, Mapping) and ANNOTATION_LAST_APPLIED in annotations):
        return live
    schema = openapi.schema(GroupVersionKind.of(live)) or DEDUCED
    try:
        managers = parse_managers(live, lambda _: schema)
        ours = managers.get(ManagerKey.applier(FIELD_MANAGER))
        if ours is None:
            applied = last_applied(live)
            fields = _owned_fields(schema, applied) if applied is not None else None
        else:
            # The annotation is out of date.
            fields = _text_as_data(ours.fields) if secret else ours.fields
    except (NotOfTypeError, SpecError, RecursionError):
        return live
    if fields is None or (ours is not None and fields is ours.fields):
        return live
    if ours is None:
        ours = ManagerEntry(FIELD_MANAGER, "Apply", str(live.get("apiVersion")), "", None, fields)
        others = [entry for entry in managers.values() if not _is_client_side(entry)]
    else:
        others = [entry for entry in managers.values() if entry is not ours]
        ours = ours.with_fields(fields)
    return with_managers(live, [entry.to_manifest() for entry in (*others, ours)])


def _is_client_side(entry: ManagerEntry) -> bool:
    return entry.manager in CLIENT_SIDE_MANAGERS and entry.operation == "Update" and not entry.subresource


def _text_as_data(fields: FieldSet) -> FieldSet:
    """The fields with ``stringData``'s keys as ``data``'s; the same set where there are none."""
    text = fields.get("f:stringData")
    if not text:
        return fields
    kept = {element: below for element, below in fields.items() if element != "f:stringData"}
    return union(kept, {"f:data": {element: below for element, below in text.items() if element != "."}})


def _owned_fields(schema: Schema, applied: Manifest) -> FieldSet:
    """The fields that whoever applied this would own: the object's identity is nobody's."""
    owned = {name: value for name, value in normalize_target(applied).items() if name not in ("apiVersion", "kind")}
    metadata = {name: value for name, value in metadata_of(owned).items() if name not in ("name", "namespace")}
    return field_set(schema, _without_empties({**owned, "metadata": metadata}))


def _without_empties(value: Any) -> Any:
    """Without nulls and empty maps and lists, which kubectl writes into the annotation and nobody owns."""
    if isinstance(value, dict):
        kept = {key: _without_empties(inner) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if inner is not None and inner not in ({}, [])}
    if isinstance(value, list):
        return [_without_empties(inner) for inner in value]
    return value
