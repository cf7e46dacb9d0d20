"""Label and field selectors, from query strings and from specs.

Source: k8s.io/apimachinery/pkg/labels, k8s.io/apimachinery/pkg/fields.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from reconciler.manifest.objects import Manifest, metadata_of
from reconciler.sandbox.resources import Resource
from reconciler.sandbox.status import StatusError, bad_request

Predicate = Callable[[Mapping[str, Any]], bool]

_SET: Final = re.compile(r"(?P<key>[^\s!=()]+)\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
_EQUALITY: Final = re.compile(r"(?P<key>[^\s!=(),]+)\s*(?P<operator>==|=|!=|>|<)\s*(?P<value>[^\s,()]*)")
_EXISTS: Final = re.compile(r"(?P<absent>!?)\s*(?P<key>[^\s!=(),]+)")
_SPLIT: Final = re.compile(r",(?![^()]*\))")

# What each kind lets a field selector ask for, beyond metadata.name and metadata.namespace.
_FIELDS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("", "pods"): (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    ("", "events"): (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    ("", "namespaces"): ("status.phase",),
    ("", "nodes"): ("spec.unschedulable",),
    ("", "secrets"): ("type",),
    ("", "services"): ("spec.clusterIP", "spec.type"),
    ("", "replicationcontrollers"): ("status.replicas",),
    ("apps", "replicasets"): ("status.replicas",),
    ("batch", "jobs"): ("status.successful",),
}


def parse_label_selector(text: str) -> Predicate:
    """A predicate on labels.

    Raises
    ------
    StatusError
        400 when the selector cannot be read.
    """
    tests = [_label_test(part.strip(), text) for part in _SPLIT.split(text) if part.strip()]
    return lambda labels: all(test(labels) for test in tests)


def _label_test(part: str, text: str) -> Predicate:
    if match := _SET.fullmatch(part):
        key, values = match["key"], {value.strip() for value in match["values"].split(",")}
        if match["operator"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match := _EQUALITY.fullmatch(part):
        return _comparison(match["key"], match["operator"], match["value"])
    if match := _EXISTS.fullmatch(part):
        key, absent = match["key"], bool(match["absent"])
        return lambda labels: (key in labels) != absent
    raise bad_request(f'unable to parse requirement: found {part!r}, in label selector "{text}"')


def _comparison(key: str, operator: str, value: str) -> Predicate:
    if operator == "!=":
        return lambda labels: labels.get(key) != value
    if operator in ("<", ">"):

        def compare(labels: Mapping[str, Any]) -> bool:
            try:
                actual, wanted = int(labels[key]), int(value)
            except (KeyError, ValueError):
                return False
            return actual < wanted if operator == "<" else actual > wanted

        return compare
    return lambda labels: labels.get(key) == value


def parse_field_selector(text: str, resource: Resource) -> Predicate:
    """A predicate on objects; only the fields that the real server indexes may be asked for.

    Raises
    ------
    StatusError
        400 for another field, or a selector that cannot be read.
    """
    tests = [_field_test(part.strip(), resource) for part in text.split(",") if part.strip()]
    return lambda obj: all(test(obj) for test in tests)


def _field_test(part: str, resource: Resource) -> Predicate:
    match = _EQUALITY.fullmatch(part)
    if match is None or match["operator"] in ("<", ">"):
        raise bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
    field, value, negated = match["key"], match["value"], match["operator"] == "!="
    allowed = ("metadata.name", "metadata.namespace", *_FIELDS.get(resource.storage, ()))
    if field not in allowed:
        raise _unsupported(field, resource)
    return lambda obj: (_field_text(obj, field) == value) != negated


def _unsupported(field: str, resource: Resource) -> StatusError:
    if resource.crd or resource.storage not in _FIELDS:
        return bad_request(f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"')
    return bad_request(f"field label not supported: {field}")


def _field_text(obj: Mapping[str, Any], field: str) -> str:
    if field == "status.successful":
        field = "status.succeeded"
    value: Any = obj
    for step in field.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, Mapping):
        value = value.get("component")
    if value is None:
        return {"spec.hostNetwork": "false", "spec.unschedulable": "false"}.get(field, "")
    return str(value).lower() if isinstance(value, bool) else str(value)


def object_predicate(resource: Resource, labels: str, fields: str) -> Predicate:
    """Whether an object is selected by the two selectors of a list or watch request; empty ones select all."""
    by_labels = parse_label_selector(labels) if labels else None
    by_fields = parse_field_selector(fields, resource) if fields else None

    def selected(obj: Mapping[str, Any]) -> bool:
        if by_labels is not None and not by_labels(metadata_of(obj).get("labels") or {}):
            return False
        return by_fields is None or by_fields(obj)

    return selected


def matches_selector(selector: Manifest | None, labels: Mapping[str, str] | None) -> bool:
    """Whether a spec's ``LabelSelector`` selects an object with ``labels``; None selects nothing, empty everything."""
    if selector is None:
        return False
    labels = labels or {}
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression(entry, labels) for entry in selector.get("matchExpressions") or ())


def _expression(entry: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator, values = entry.get("key", ""), entry.get("operator"), entry.get("values") or ()
    if operator == "In":
        return labels.get(key) in values
    if operator == "NotIn":
        return labels.get(key) not in values
    return (key in labels) == (operator == "Exists")


def selector_text(selector: Manifest | None) -> str:
    """A ``LabelSelector`` as the query string of the same meaning, as scale sub-resources show it."""
    selector = selector or {}
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for entry in selector.get("matchExpressions") or ():
        values = ",".join(sorted(entry.get("values") or ()))
        words = {"In": f"{entry['key']} in ({values})", "NotIn": f"{entry['key']} notin ({values})"}
        absent = f"!{entry['key']}" if entry["operator"] == "DoesNotExist" else entry["key"]
        parts.append(words.get(entry["operator"], absent))
    return ",".join(parts)
