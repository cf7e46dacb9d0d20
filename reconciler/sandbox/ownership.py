"""Field ownership: the one place where the sandbox calls the typed merge."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from reconciler.errors import SpecError
from reconciler.manifest import OpenApi, Prediction, predict_apply, predict_update
from reconciler.manifest.objects import GroupVersionKind, Manifest, metadata_of, name_of, namespace_of
from reconciler.sandbox.documents import Documents, document_path
from reconciler.sandbox.status import Cause, StatusError, apply_conflict, plain_error

# Ours quotes members that are no identifiers; the server's paths never do.
_QUOTED: Final = re.compile(r'\["([^"\]]+)"\]')

_LAST_ITEM: Final = re.compile(r"(.*)(\[[^\]]*\])")


class Ownership:
    """Keeps managedFields as the API server does.

    The schemas of a group version are handed to the merge when first needed, and again when a custom resource's
    definition changes them.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._openapi = OpenApi({})
        self._known: set[str] = set()
        documents.on_change(self._known.discard)

    def updated(
        self, live: Mapping[str, Any] | None, new: Manifest, *, manager: str, subresource: str, now: datetime
    ) -> Manifest:
        """``new`` with the managedFields that an update of ``live`` by ``manager`` leaves."""
        self._learn(new, live)
        # A member that is null because the kind always writes it is no one's.
        nulls = {key: None for key, value in new.items() if value is None}
        given = {key: value for key, value in new.items() if value is not None}
        try:
            result = predict_update(
                live, given, field_manager=manager, subresource=subresource, openapi=self._openapi, now=now
            )
        except SpecError:
            # An object that does not fit its schema is refused by validation, in that one's own words.
            return new
        return {**result, **nulls} if nulls else result

    def applied(
        self,
        live: Mapping[str, Any] | None,
        target: Manifest,
        *,
        manager: str,
        subresource: str,
        force: bool,
        now: datetime,
        given: Mapping[str, Any],
    ) -> Manifest:
        """The result of a server-side apply, with its managedFields; ``given`` is the target as it was sent.

        Raises
        ------
        StatusError
            409 where other managers own fields with other values; 500 where the target does not fit the schema.
        """
        self._learn(target, live)
        try:
            prediction = predict_apply(
                live,
                target,
                field_manager=manager,
                force=force,
                openapi=self._openapi,
                now=now,
                subresource=subresource,
            )
        except SpecError as error:
            raise _not_typed(given, error) from error
        if prediction.object is None:
            raise _conflict(prediction)
        return prediction.object

    def _learn(self, *objects: Mapping[str, Any] | None) -> None:
        for obj in objects:
            if obj is None:
                continue
            versions = {str(obj.get("apiVersion", ""))}
            versions.update(str(entry.get("apiVersion", "")) for entry in metadata_of(obj).get("managedFields") or ())
            for version in versions:
                gvk = GroupVersionKind.of({"apiVersion": version, "kind": ""})
                path = document_path(gvk.group, gvk.version)
                if path not in self._known:
                    document = self._documents.document(path)
                    if document is not None:
                        self._openapi.add(path, document)
                        self._known.add(path)


def _conflict(prediction: Prediction) -> StatusError:
    causes = [
        Cause("FieldManagerConflict", f"conflict with {item.owner}", item.path.server_text())
        for item in prediction.conflicts
    ]
    return apply_conflict(prediction.message, causes)


def _not_typed(target: Mapping[str, Any], error: SpecError) -> StatusError:
    """Source: k8s.io/apimachinery/pkg/util/managedfields/internal/structuredmerge.go, v0.37."""
    gvk = GroupVersionKind.of(target)
    kind = f"{gvk.group + '/' if gvk.group else '/'}{gvk.version}, Kind={gvk.kind}"
    what = f"failed to create typed patch object ({namespace_of(target)}/{name_of(target)}; {kind})"
    if not error.violations:
        return plain_error(f"{what}: {error.what}")
    first = error.violations[0]
    path = _QUOTED.sub(r".\1", first.path.removeprefix("$"))
    item = _LAST_ITEM.fullmatch(path)
    if item is not None and first.message.startswith("duplicate entries"):
        return plain_error(f"{what}: {item[1]}: {first.message} {item[2]}")
    return plain_error(f"{what}: {path}: {first.message}")
