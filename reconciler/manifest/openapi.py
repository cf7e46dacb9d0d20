"""The kinds that a cluster's OpenAPI v3 documents describe."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from reconciler.errors import SpecError
from reconciler.manifest.objects import GroupVersionKind
from reconciler.manifest.schema import Definitions, Schema

_NONE: Final[Mapping[str, Any]] = {}


def _gvk_of(raw: Mapping[str, Any]) -> GroupVersionKind:
    return GroupVersionKind(raw.get("group", ""), raw.get("version", ""), raw.get("kind", ""))


class OpenApi:
    """The kinds that a cluster's OpenAPI v3 documents describe.

    Parameters
    ----------
    documents
        Parsed documents by path: ``api/v1``, ``apis/apps/v1``.
    group_versions
        Every group version the cluster serves (``v1``, ``apps/v1``), where that is known; then managers of versions
        it no longer serves lose their fields on the next write, as in the API server.
    """

    def __init__(
        self, documents: Mapping[str, Mapping[str, Any]] = _NONE, *, group_versions: Iterable[str] | None = None
    ) -> None:
        self._schemas: dict[GroupVersionKind, Schema] = {}
        self._subresources: dict[GroupVersionKind, set[str]] = {}
        self._group_versions = frozenset(group_versions) if group_versions is not None else None
        for path, document in documents.items():
            self.add(path, document)

    def add(self, path: str, document: Mapping[str, Any]) -> None:
        """Add or replace the kinds of one document.

        Raises
        ------
        SpecError
            When it is not an OpenAPI v3 document.
        """
        nodes = (document.get("components") or {}).get("schemas") if isinstance(document, Mapping) else None
        if not isinstance(nodes, Mapping):
            if isinstance(document, Mapping) and "openapi" in document:
                return  # A document of paths without types, such as the group list's.
            raise SpecError(f"{path}: not an OpenAPI v3 document; fetch it from /openapi/v3/{path}")
        definitions = Definitions(nodes)
        paths = document.get("paths") or {}
        # A shortened document may have left them all out.
        tells_subresources = any("/{name}/" in name for name in paths)
        for name, node in nodes.items():
            for raw in node.get("x-kubernetes-group-version-kind") or ():
                gvk = _gvk_of(raw)
                # Kinds such as Scale stand in the documents of other groups too.
                if path.endswith(gvk.api_version) or gvk not in self._schemas:
                    self._schemas[gvk] = definitions.named(name)
                    self._subresources.pop(gvk, None)
                    if tells_subresources:
                        self._subresources[gvk] = set()
        self._add_subresources(paths)

    def _add_subresources(self, paths: Mapping[str, Any]) -> None:
        for path in paths:
            parent, separator, subresource = path.partition("/{name}/")
            if not separator or "/" in subresource or "/watch/" in parent:
                continue
            for operation in (paths.get(f"{parent}/{{name}}") or {}).values():
                raw = operation.get("x-kubernetes-group-version-kind") if isinstance(operation, Mapping) else None
                if raw:
                    self._subresources.setdefault(_gvk_of(raw), set()).add(subresource)

    def schema(self, gvk: GroupVersionKind) -> Schema | None:
        """The type of a kind, or None when no document describes it."""
        return self._schemas.get(gvk)

    def kinds(self) -> list[GroupVersionKind]:
        """Every kind described, sorted."""
        return sorted(self._schemas)

    def subresources(self, gvk: GroupVersionKind) -> frozenset[str]:
        """Names of the kind's sub-resources, such as ``status`` and ``scale``."""
        return frozenset(self._subresources.get(gvk, ()))

    def has_status(self, gvk: GroupVersionKind) -> bool:
        """Whether ``status`` is written through its own sub-resource only.

        Judged by the document's paths; for a built-in kind of a document without such paths, by its having a status.
        """
        if gvk in self._subresources:
            return "status" in self._subresources[gvk]
        schema = self._schemas.get(gvk)
        return schema is not None and schema.structured and "status" in schema.fields

    def serves(self, api_version: str) -> bool:
        """Whether the cluster serves a group version; True where that is not known."""
        return self._group_versions is None or api_version in self._group_versions
