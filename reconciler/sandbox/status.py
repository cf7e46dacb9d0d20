"""The API server's refusals, worded and coded as Kubernetes words and codes them.

Source: k8s.io/apimachinery/pkg/api/errors and k8s.io/apimachinery/pkg/util/validation/field, v0.37.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.errors import ClusterError
from reconciler.manifest.objects import Manifest


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry of a Status' ``details.causes``; ``field`` is a field path such as ``spec.selector``."""

    reason: str
    message: str
    field: str = ""

    def to_json(self) -> dict[str, str]:
        return {"reason": self.reason, "message": self.message, **({"field": self.field} if self.field else {})}


class StatusError(ClusterError):
    """A request that the sandbox refuses; ``body()`` is the Status object that goes to the client.

    ``warnings`` are told beside it.
    """

    def __init__(self, code: int, reason: str, message: str, details: Manifest | None = None) -> None:
        super().__init__(message, status=code, reason=reason)
        self.details = details
        self.warnings: tuple[str, ...] = ()

    def body(self) -> Manifest:
        """The ``kind: Status`` answer."""
        status: Manifest = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": str(self),
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        return {**status, "code": self.status}


def qualified(group: str, resource: str) -> str:
    """``deployments.apps``; the core group's resources stand alone."""
    return f"{resource}.{group}" if group else resource


def details_of(group: str, kind: str, name: str = "", uid: str = "", **more: Any) -> Manifest:
    """A Status' details with the empty members left out."""
    details = {"name": name, "group": group, "kind": kind, "uid": uid, **more}
    return {key: value for key, value in details.items() if value not in ("", None, [])}


def not_found(group: str, resource: str, name: str) -> StatusError:
    message = f'{qualified(group, resource)} "{name}" not found'
    return StatusError(404, "NotFound", message, details_of(group, resource, name))


def unknown_path() -> StatusError:
    """A path under a group's version that names no resource."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(group: str, resource: str, name: str) -> StatusError:
    message = f'{qualified(group, resource)} "{name}" already exists'
    return StatusError(409, "AlreadyExists", message, details_of(group, resource, name))


def conflict(group: str, resource: str, name: str, why: str) -> StatusError:
    message = f'Operation cannot be fulfilled on {qualified(group, resource)} "{name}": {why}'
    return StatusError(409, "Conflict", message, details_of(group, resource, name))


def stale_version(group: str, resource: str, name: str) -> StatusError:
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(group, resource, name, why)


def apply_conflict(message: str, causes: Sequence[Cause]) -> StatusError:
    """Server-side apply met fields of other managers; ``causes`` hold one entry a field."""
    return StatusError(409, "Conflict", message, {"causes": [cause.to_json() for cause in causes]})


def bad_request(message: str) -> StatusError:
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    return StatusError(401, "Unauthorized", "Unauthorized")


def forbidden(group: str, resource: str, name: str, why: str, causes: Sequence[Cause] = ()) -> StatusError:
    what = f'{qualified(group, resource)} "{name}"' if name else qualified(group, resource)
    told = [cause.to_json() for cause in causes]
    return StatusError(403, "Forbidden", f"{what} is forbidden: {why}", details_of(group, resource, name, causes=told))


def method_not_supported(group: str, resource: str, action: str) -> StatusError:
    message = f"{action} is not supported on resources of kind {qualified(group, resource)!r}".replace("'", '"')
    return StatusError(405, "MethodNotAllowed", message, details_of(group, resource))


def expired(message: str) -> StatusError:
    """A resourceVersion or continue token older than the history kept."""
    return StatusError(410, "Expired", message)


def unsupported_media_type(accepted: Sequence[str]) -> StatusError:
    message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted)
    return StatusError(415, "UnsupportedMediaType", message)


def internal_error(message: str) -> StatusError:
    details = {"causes": [{"message": message}]}
    return StatusError(500, "InternalError", f"Internal error occurred: {message}", details)


def plain_error(message: str) -> StatusError:
    """An error that Kubernetes does not classify: code 500 without a reason."""
    return StatusError(500, "", message)


def invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> StatusError:
    """The object breaks the kind's rules; every cause is told, in the order of the checks."""
    texts = list(dict.fromkeys(f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in causes))
    body = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details = details_of(group, kind, name, causes=[cause.to_json() for cause in causes])
    return StatusError(422, "Invalid", f'{qualified(group, kind)} "{name}" is invalid: {body}', details)


def quote(value: object) -> str:
    """A value as the field errors print it: strings in double quotes, null as null, others as JSON would."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, dict):
        return "{" + ",".join(f'"{key}":{quote(inner)}' for key, inner in sorted(value.items())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(quote, value)) + "]"
    return str(value)


def required(field: str, why: str = "") -> Cause:
    return Cause("FieldValueRequired", f"Required value: {why}" if why else "Required value", field)


def invalid_value(field: str, value: object, why: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {quote(value)}: {why}", field)


def type_invalid(field: str, value: object, why: str) -> Cause:
    return Cause("FieldValueTypeInvalid", f"Invalid value: {quote(value)}: {why}", field)


def not_supported(field: str, value: object, supported: Sequence[str]) -> Cause:
    values = ", ".join(quote(item) for item in supported)
    return Cause("FieldValueNotSupported", f"Unsupported value: {quote(value)}: supported values: {values}", field)


def duplicate(field: str, value: object) -> Cause:
    return Cause("FieldValueDuplicate", f"Duplicate value: {quote(value)}", field)


def field_forbidden(field: str, why: str) -> Cause:
    return Cause("FieldValueForbidden", f"Forbidden: {why}", field)


def field_not_found(field: str, value: object) -> Cause:
    return Cause("FieldValueNotFound", f"Not found: {quote(value)}", field)
