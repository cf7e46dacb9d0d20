"""Types of Kubernetes objects, compiled from a document's components to what a typed merge needs to know.

Source: k8s.io/kube-openapi (schemaconv) and sigs.k8s.io/structured-merge-diff v6 (schema), whose notion of a type this
is: a scalar, a granular or atomic map with known fields, a list that is atomic, a set or a map by keys, or several of
these where the document leaves the type open.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

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
_REMEMBERED_MEMBERS: Final = 4096
_EMPTY: Final[Mapping[str, Any]] = {}


class Member(NamedTuple):
    """What a walk over a map needs to know of one of its keys."""

    #: The key as a path element of managedFields, such as ``f:replicas``.
    element: str
    schema: "Schema"
    #: Whether the type names the key, as opposed to a map's free keys.
    known: bool
    scalar_types: frozenset[type]


class NotOfTypeError(ValueError):
    """An object does not fit its schema; `reconciler.manifest.typed.validate` says where."""


class Members(dict[str, Member]):
    """The keys of a map that were looked at last; any other one is looked up.

    Raises
    ------
    NotOfTypeError
        When there may be no key of that name.
    """

    def __init__(self, schema: "Schema") -> None:
        self._schema = schema

    def __missing__(self, key: str) -> Member:
        known = key in self._schema.fields
        schema = self._schema.fields[key] if known else self._schema.element
        if schema is None:
            raise NotOfTypeError
        if len(self) >= _REMEMBERED_MEMBERS:
            self.clear()
        self[key] = found = Member(f"f:{key}", schema, known, schema.scalar_types)
        return found


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
        "members",
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
    #: Fields and free keys, each resolved once.
    members: Members
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
        definitions: "Definitions",
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
        self.members = Members(self)
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


class Definitions:
    """The named types of one document, by the names of its components."""

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


_NO_DEFINITIONS: Final = Definitions(_EMPTY)
DEDUCED: Final = Schema(_EMPTY, _NO_DEFINITIONS, name="deduced")
"""Type of what no document describes: lists are atomic, maps granular."""
UNTYPED: Final = Schema({"x-kubernetes-map-type": "atomic"}, _NO_DEFINITIONS, name="untyped")
"""Type of what is free-form by intent: lists and maps are atomic."""
# Both are types of themselves all the way down, so they are compiled here, before the first use.
for _schema in (UNTYPED, DEDUCED):
    _schema.element = _schema
    _schema._compile()
    _schema.element = _schema
