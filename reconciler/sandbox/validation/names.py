"""Names, labels, annotations, owner references and finalizers.

Source: k8s.io/apimachinery/pkg/util/validation and pkg/api/validation, v0.37.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.resources import Resource
from reconciler.sandbox.status import Cause, field_forbidden, invalid_value, required
from reconciler.sandbox.store import GroupResource

_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_LABEL_1035: Final = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"
_NAME: Final = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_CONFIG_KEY: Final = r"[-._a-zA-Z0-9]+"
_WORDS: Final = "must consist of lower case alphanumeric characters"
_PATH_SEGMENTS: Final = frozenset(
    GroupResource("rbac.authorization.k8s.io", name)
    for name in ("roles", "rolebindings", "clusterroles", "clusterrolebindings")
)
_STANDARD_FINALIZERS: Final = ("orphan", "foregroundDeletion", "kubernetes")
MAX_ANNOTATIONS_BYTES: Final = 256 * 1024


def subdomain_errors(text: str) -> list[str]:
    """What makes ``text`` no RFC 1123 subdomain."""
    why = (
        f"a lowercase RFC 1123 subdomain {_WORDS}, '-' or '.', and must start and end with an alphanumeric character "
        f"(e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
    )
    return _errors(text, _SUBDOMAIN, why, 253)


def label_errors(text: str) -> list[str]:
    """What makes ``text`` no RFC 1123 label."""
    why = (
        f"a lowercase RFC 1123 label {_WORDS} or '-', and must start and end with an alphanumeric character "
        f"(e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
    )
    return _errors(text, _LABEL, why, 63)


def config_key_errors(text: str) -> list[str]:
    """What makes ``text`` no key of a ConfigMap or Secret."""
    if text in (".", ".."):
        return [f"must not be '{text}'"]
    why = (
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  "
        f"or 'key-name', regex used for validation is '{_CONFIG_KEY}')"
    )
    return _errors(text, _CONFIG_KEY, why, 253)


def qualified_name_errors(text: str) -> list[str]:
    """What makes ``text`` no label or annotation key."""
    prefix, separator, name = text.rpartition("/")
    errors = []
    if separator and not prefix:
        errors.append("prefix part must be non-empty")
    elif separator:
        errors += [f"prefix part {error}" for error in subdomain_errors(prefix)]
    if not name:
        return [*errors, "name part must be non-empty"]
    why = (
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
        f"character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_NAME}')"
    )
    return errors + [error if error == why else f"name part {error}" for error in _errors(name, _NAME, why, 63)]


def label_value_errors(text: str) -> list[str]:
    why = (
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
        "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
        f"'({_NAME})?')"
    )
    return _errors(text, rf"({_NAME})?", why, 63)


def _errors(text: str, pattern: str, why: str, limit: int) -> list[str]:
    errors = []
    if len(text) > limit:
        errors.append(f"must be no more than {limit} characters")
    if not re.fullmatch(pattern, text):
        errors.append(why)
    return errors


def name_errors(resource: Resource, name: str) -> list[str]:
    """What is wrong with an object's name, by its kind's rule."""
    if resource.storage in _PATH_SEGMENTS:
        return _path_segment_errors(name)
    if resource.storage == GroupResource("", "namespaces"):
        return ["must not contain dots"] if "." in name else label_errors(name)
    if resource.storage == GroupResource("", "services"):
        return label_errors(name)
    return subdomain_errors(name)


def _path_segment_errors(name: str) -> list[str]:
    if name in (".", ".."):
        return [f"may not be '{name}'"]
    return [f"may not contain '{character}'" for character in "/%" if character in name]


def validate_metadata(resource: Resource, obj: Manifest) -> list[Cause]:
    """Check an object's metadata, in the order of the real server."""
    metadata = obj["metadata"]
    causes = []
    if metadata.get("generateName"):
        base = metadata["generateName"].removesuffix("-")
        errors = name_errors(resource, base) if base else []
        causes += [invalid_value("metadata.generateName", metadata["generateName"], error) for error in errors]
    if not metadata.get("name"):
        causes.append(required("metadata.name", "name or generateName is required"))
    else:
        errors = name_errors(resource, metadata["name"])
        causes += [invalid_value("metadata.name", metadata["name"], error) for error in errors]
    if not resource.namespaced and metadata.get("namespace"):
        causes.append(field_forbidden("metadata.namespace", "not allowed on this type"))
    causes += validate_labels(metadata.get("labels") or {}, "metadata.labels")
    causes += _annotations(metadata.get("annotations") or {}, "metadata.annotations")
    causes += _owners(metadata.get("ownerReferences") or ())
    return causes + _finalizers(metadata.get("finalizers") or (), built_in=not resource.crd)


def validate_labels(labels: Mapping[str, str], field: str) -> list[Cause]:
    """Check label keys and values."""
    causes = []
    for key, value in labels.items():
        causes += [invalid_value(field, key, error) for error in qualified_name_errors(key)]
        causes += [invalid_value(field, value, error) for error in label_value_errors(value)]
    return causes


def _annotations(annotations: Mapping[str, str], field: str) -> list[Cause]:
    causes = []
    for key in annotations:
        causes += [invalid_value(field, key, error) for error in qualified_name_errors(key.lower())]
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > MAX_ANNOTATIONS_BYTES:
        causes.append(
            Cause("FieldValueTooLong", f"Too long: may not be more than {MAX_ANNOTATIONS_BYTES} bytes", field)
        )
    return causes


def _owners(references: Any) -> list[Cause]:
    causes = []
    for index, reference in enumerate(references):
        field = f"metadata.ownerReferences[{index}]"
        causes += [
            required(f"{field}.{key}", "must not be empty")
            for key in ("apiVersion", "kind", "name", "uid")
            if not reference.get(key)
        ]
    controllers = [reference for reference in references if reference.get("controller")]
    if len(controllers) > 1:
        names = [f"{reference['kind']}/{reference['name']}" for reference in controllers[:2]]
        why = (
            f'Only one reference can have Controller set to true. Found "true" in references for {" and ".join(names)}'
        )
        causes.append(invalid_value("metadata.ownerReferences", list(references), why))
    return causes


def _finalizers(finalizers: Any, *, built_in: bool) -> list[Cause]:
    """A custom resource may carry a name without a domain, for which the real server only warns."""
    causes = []
    for index, finalizer in enumerate(finalizers):
        field = f"metadata.finalizers[{index}]"
        causes += [invalid_value(field, finalizer, error) for error in qualified_name_errors(finalizer)]
        if built_in and "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS:
            why = "name is neither a standard finalizer name nor is it fully qualified"
            causes.append(invalid_value(field, finalizer, why))
    return causes
