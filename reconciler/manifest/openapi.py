"""Schemas of Kubernetes kinds, compiled from a cluster's OpenAPI v3 documents to what a typed merge needs to know.

Source: k8s.io/kube-openapi (schemaconv) and sigs.k8s.io/structured-merge-diff v6 (schema), whose notion of a type this
is: a scalar, a granular or atomic map with known fields, a list that is atomic, a set or a map by keys, or several of
these where the document leaves the type open.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from reconciler.errors import SpecError
from reconciler.manifest.objects import GroupVersionKind

ListType = Literal["atomic", "set", "map"]

_REFERENCE: Final = "#/components/schemas/"
_QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_RAW_EXTENSION: Final = "io.k8s.apimachinery.pkg.runtime.RawExtension"
# Components that the API server holds in Go types; custom resources stay as they were sent.
_STRUCTURED: Final = (
    "io.k8s.api.",
    "io.k8s.apimachinery.",
    "io.k8s.apiextensions-apiserver.",
    "io.k8s.kube-aggregator.",
)
_SCALAR_TYPES: Final[dict[str, frozenset[type]]] = {
    "": frozenset(),
    "numeric": frozenset({int, float}),
    "string": frozenset({str}),
    "boolean": frozenset({bool}),
    "untyped": frozenset({int, float, str, bool}),
}
# Lists without which no object of the kind is written, although they need not be given (null when empty).
_ALWAYS_WRITTEN: Final = {
    "io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerStatus": frozenset({"currentMetrics"}),
    "io.k8s.api.discovery.v1.EndpointSlice": frozenset({"endpoints", "ports"}),
    "io.k8s.api.rbac.v1.ClusterRole": frozenset({"rules"}),
    "io.k8s.api.rbac.v1.Role": frozenset({"rules"}),
}
_NODE: Final[Mapping[str, Any]] = {}


class Schema:
    """One type, compiled when it is first looked at.

    A type may be several things at once (a scalar or a map, say); a value picks the one it fits.
    """

    __slots__ = (
        "_definitions",
        "_node",
        "_preserve_unknown",
        "defaults",
        "drops_unknown",
        "element",
        "fields",
        "format",
        "is_list",
        "is_map",
        "item",
        "key_cache",
        "keys",
        "list_type",
        "map_atomic",
        "name",
        "nullable",
        "parsed_fields",
        "required",
        "scalar",
        "scalar_types",
        "structured",
    )

    #: Name of the component, empty for a type written in place.
    name: str
    #: ``numeric``, ``string``, ``boolean``, ``untyped``, or empty where no scalar is allowed.
    scalar: str
    #: Python types of the scalars that are allowed.
    scalar_types: frozenset[type]
    #: Format of a scalar, such as ``byte`` or ``quantity``.
    format: str
    #: Whether the API server decodes values into a Go type, which drops empty and null fields.
    structured: bool
    #: Whether a null is a value of its own; the API server drops other nulls of custom resources.
    nullable: bool
    is_map: bool
    #: Owned and replaced as a whole.
    map_atomic: bool
    #: Known fields.
    fields: Mapping[str, "Schema"]
    #: Type of every other key; None where there may be none.
    element: "Schema | None"
    #: Default of a field, where the document states one.
    defaults: Mapping[str, Any]
    required: frozenset[str]
    #: Whether fields that are not known pass for valid, because a parent preserves them, yet are not kept.
    drops_unknown: bool
    is_list: bool
    list_type: ListType
    #: Fields that identify an item of a list of type ``map``, sorted.
    keys: tuple[str, ...]
    item: "Schema"
    #: Sets of fields read from managedFields, by their text, and whether they would be written the same.
    parsed_fields: dict[bytes, tuple[dict[str, Any], bool]]
    #: Path elements of items seen, by key values.
    key_cache: dict[Any, str]

    def __init__(
        self,
        node: Mapping[str, Any],
        definitions: "_Definitions",
        *,
        name: str = "",
        structured: bool = False,
        preserve_unknown: bool = False,
    ) -> None:
        self.name = name
        self.structured = structured
        self._node = node
        self._definitions = definitions
        self._preserve_unknown = preserve_unknown

    def __getattr__(self, attribute: str) -> Any:
        # Reached only while the slots are still empty: compiling fills them all, so later reads cost nothing.
        if attribute.startswith("__") or attribute not in Schema.__slots__:
            raise AttributeError(attribute)
        self._compile()
        return getattr(self, attribute)

    def __repr__(self) -> str:
        return f"Schema({self.name or 'inline'})"

    def child(self, field: str) -> "Schema":
        """The type of a field; free-form where the document does not say."""
        return self.fields.get(field) or self.element or DEDUCED

    def zero(self) -> dict[str, Any]:
        """The object as the API server has it before anything is set: only fields that are never left out."""
        zero: dict[str, Any] = dict.fromkeys(self.required)
        for field, default in self.defaults.items():
            schema = self.fields[field]
            if default == {} and schema.is_map:
                zero[field] = schema.zero()
            elif default in ("", 0):
                zero[field] = default
        return zero

    def _compile(self) -> None:
        node = self._node
        kind = node.get("type") or ""
        self.key_cache = {}
        self.parsed_fields = {}
        self.is_map = kind in ("object", "")
        self.is_list = kind in ("array", "")
        self.scalar = _scalar_of(kind, node)
        self.scalar_types = _SCALAR_TYPES[self.scalar]
        self.nullable = node.get("nullable") is True or not node
        self.format = str(node.get("format") or "")
        self.required = frozenset(node.get("required") or ()) | _ALWAYS_WRITTEN.get(self.name, frozenset())
        is_preserved = self._preserve_unknown
        if node.get("x-kubernetes-preserve-unknown-fields") is True:
            self._preserve_unknown = True
        is_open = "x-kubernetes-preserve-unknown-fields" in node or "x-kubernetes-embedded-resource" in node
        is_typed = "properties" in node and not node.get("additionalProperties")
        self.drops_unknown = is_preserved and is_typed and not is_open and not self.structured
        self._compile_map(node)
        self._compile_list(node)

    def _compile_map(self, node: Mapping[str, Any]) -> None:
        self.map_atomic = node.get("x-kubernetes-map-type") == "atomic"
        properties = (node.get("properties") or {}) if self.is_map else {}
        self.fields = {name: self._resolve(member) for name, member in properties.items()}
        self.defaults = {name: member["default"] for name, member in properties.items() if "default" in member}
        additional = node.get("additionalProperties")
        if not self.is_map or additional is False:
            self.element = None
        elif isinstance(additional, Mapping):
            self.element = self._resolve(additional)
        elif additional is True or self._preserve_unknown or not properties:
            self.element = DEDUCED
        else:
            self.element = None

    def _compile_list(self, node: Mapping[str, Any]) -> None:
        self.list_type, self.keys = _list_type_of(node) if self.is_list else ("atomic", ())
        items = node.get("items")
        self.item = self._resolve(items) if self.is_list and isinstance(items, Mapping) else UNTYPED

    def _resolve(self, node: Mapping[str, Any]) -> "Schema":
        reference = node.get("$ref") or ""
        alternatives: list[Mapping[str, Any]] = node.get("allOf") or []
        if not reference and len(alternatives) == 1:
            reference = alternatives[0].get("$ref") or ""
        if not reference:
            return Schema(node, self._definitions, structured=self.structured, preserve_unknown=self._preserve_unknown)
        return self._definitions.named(reference.removeprefix(_REFERENCE), node.get("x-kubernetes-map-type"))


def _scalar_of(kind: str, node: Mapping[str, Any]) -> str:
    if kind in ("integer", "number"):
        return "numeric"
    if kind == "string":
        return "string" if node.get("format") in (None, "", "byte") else "untyped"
    return {"boolean": "boolean", "object": "", "array": ""}.get(kind, "untyped")


def _list_type_of(node: Mapping[str, Any]) -> tuple[ListType, tuple[str, ...]]:
    list_type = node.get("x-kubernetes-list-type")
    if list_type == "set":
        return "set", ()
    if list_type == "map":
        return "map", tuple(sorted(node.get("x-kubernetes-list-map-keys") or ()))
    if list_type is None and node.get("x-kubernetes-patch-strategy") in ("merge", "merge,retainKeys"):
        # Older documents know only the strategic merge patch's words.
        key = node.get("x-kubernetes-patch-merge-key")
        return ("map", (str(key),)) if key else ("set", ())
    return "atomic", ()


class _Definitions:
    """The named types of one document."""

    def __init__(self, nodes: Mapping[str, Any]) -> None:
        self._nodes = nodes
        self._schemas: dict[tuple[str, str | None], Schema] = {}

    def named(self, name: str, map_type: str | None = None) -> Schema:
        key = (name, map_type)
        if key not in self._schemas:
            self._schemas[key] = self._make(name, map_type)
        return self._schemas[key]

    def _make(self, name: str, map_type: str | None) -> Schema:
        node = self._nodes.get(name)
        if name == _RAW_EXTENSION:
            return UNTYPED
        if name == _QUANTITY:
            return Schema({"type": "string", "format": "quantity"}, self, name=name, structured=True)
        if not isinstance(node, Mapping) or "$ref" in node:
            return DEDUCED
        # A field may make the map it refers to atomic or granular.
        node = node if map_type is None else {**node, "x-kubernetes-map-type": map_type}
        return Schema(node, self, name=name, structured=name.startswith(_STRUCTURED))


_NO_DEFINITIONS: Final = _Definitions(_NODE)
DEDUCED: Final = Schema(_NODE, _NO_DEFINITIONS, name="deduced")
"""Type of what no document describes: lists are atomic, maps granular."""
UNTYPED: Final = Schema({"x-kubernetes-map-type": "atomic"}, _NO_DEFINITIONS, name="untyped")
"""Type of what is free-form by intent: lists and maps are atomic."""
# Both are types of themselves all the way down, so they are compiled here, before the first use.
for _schema in (UNTYPED, DEDUCED):
    _schema.element = _schema
    _schema._compile()
    _schema.element = _schema


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
        self, documents: Mapping[str, Mapping[str, Any]] = _NODE, *, group_versions: Iterable[str] | None = None
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
        definitions = _Definitions(nodes)
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
