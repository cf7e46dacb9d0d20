"""Requests and answers without a socket: what the handlers take and give."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

import orjson

from reconciler.sandbox.documents import Documents
from reconciler.sandbox.protobuf import PROTOBUF, decode_protobuf
from reconciler.sandbox.status import StatusError, bad_request, unsupported_media_type

JSON: Final = "application/json"
TABLE: Final = "Table"
PARTIAL: Final = ("PartialObjectMetadata", "PartialObjectMetadataList")


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are lower case, of repeated query parameters the first counts."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def flag(self, name: str) -> bool:
        return self.query.get(name, "") in ("1", "true", "True")

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; ``content`` is JSON data, or text for the few endpoints that answer so."""

    status: int
    content: Any
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()

    def encode(self) -> bytes:
        if isinstance(self.content, bytes):
            return self.content
        if isinstance(self.content, str):
            return self.content.encode()
        return orjson.dumps(self.content)


@dataclass(frozen=True, slots=True)
class Route:
    """A resource path taken apart; empty strings where a part is absent."""

    group: str
    version: str
    plural: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def parse_route(path: str) -> Route | None:
    """The resource that a path below ``/api/v1`` or ``/apis/<group>/<version>`` names; None for other paths."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if parts[0] == "api" and len(parts) >= 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) >= 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    if not rest:
        return Route(group, version)
    namespace = ""
    # Only two names make a namespace's own sub-resources; anything else behind it is a kind inside the namespace.
    if rest[0] == "namespaces" and len(rest) >= 3 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    if len(rest) > 3:
        return None
    plural, name, subresource = (*rest, "", "")[:3]
    return Route(group, version, plural, namespace, name, subresource)


def accepted_form(accept: str) -> str:
    """``Table``, a ``PartialObjectMetadata…`` kind, or empty for plain objects: the first form that we can give.

    Raises
    ------
    StatusError
        406 when the client takes nothing that we have.
    """
    if not accept:
        return ""
    for clause in accept.split(","):
        media_type, *parameters = (part.strip() for part in clause.split(";"))
        form = dict(part.partition("=")[::2] for part in parameters).get("as", "")
        if media_type in (JSON, "*/*", "application/*") and form in ("", TABLE, *PARTIAL):
            return form
    message = (
        "only the following media types are accepted: application/json, application/yaml, "
        "application/vnd.kubernetes.protobuf"
    )
    raise StatusError(406, "NotAcceptable", message)


def parse_body(request: Request, documents: Documents) -> Any:
    """The body of a create, update or delete request; None when it is empty.

    Raises
    ------
    StatusError
        415 for a content type that we do not read, 400 for what is not JSON or YAML.
    """
    if request.content_type == PROTOBUF:
        return decode_protobuf(request.body, documents) if request.body else None
    kinds = ("", JSON, "application/yaml", "text/plain")
    if request.content_type not in kinds:
        raise unsupported_media_type((JSON, "application/yaml", PROTOBUF))
    return parse_json(request.body, yaml=request.content_type == "application/yaml") if request.body.strip() else None


def parse_json(body: bytes, *, yaml: bool = False) -> Any:
    """JSON data, or YAML where that is allowed. Raises StatusError 400."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if not yaml:
            raise bad_request(f"the object provided is unrecognized: json parse error: {error.msg}") from None
    return _parse_yaml(body)


def _parse_yaml(body: bytes) -> Any:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        # Either loader is a safe one.
        return yaml.load(body, Loader=loader)  # noqa: S506
    except yaml.YAMLError as error:
        raise bad_request(f"error decoding YAML: {type(error).__name__}") from None
