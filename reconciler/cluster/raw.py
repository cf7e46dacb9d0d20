"""Objects as the API server sent them: split out of lists and events without decoding more than their identity."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import orjson
from urllib3.util.retry import Retry

from reconciler.cluster.connection import JSON, NO_RETRIES, Connection
from reconciler.cluster.discovery import ApiResource
from reconciler.errors import ClusterError
from reconciler.manifest.objects import Manifest, annotations_of
from reconciler.terms import ANNOTATION_INSTALLATION_ID, ANNOTATION_TRACKING_ID

PAGE_SIZE: Final = 500
# Above this, level 1 makes managedFields and repeated keys a quarter of their size; below it costs more than it saves.
_COMPRESS_FROM_BYTES: Final = 400


class _Annotations(
    msgspec.Struct, gc=False, rename={"tracking": ANNOTATION_TRACKING_ID, "owner": ANNOTATION_INSTALLATION_ID}
):
    tracking: str = ""
    owner: str = ""


class _Identity(msgspec.Struct, gc=False, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


class _Metadata(_Identity, gc=False, rename="camel"):
    annotations: _Annotations | None = None


class _Head(msgspec.Struct, gc=False):
    metadata: _Metadata


class _ListMetadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    # A field cannot be called continue.
    continue_: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct):
    metadata: _ListMetadata
    items: list[msgspec.Raw] | None = None


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Failure(msgspec.Struct):
    code: int = 0
    message: str = ""
    reason: str = ""


_HEAD: Final = msgspec.json.Decoder(_Head)
_PAGE: Final = msgspec.json.Decoder(_Page)
_EVENT: Final = msgspec.json.Decoder(_Event)
_FAILURE: Final = msgspec.json.Decoder(_Failure)


_UNMARKED: Final = _Annotations()
_UNREADABLE: Final = (msgspec.DecodeError, RecursionError)


class RawObject(msgspec.Struct, frozen=True, gc=False):
    """One object: its identity, and all of it as packed JSON, which `load` decodes.

    ``tracking`` and ``installation`` are the annotations that say whose it is, empty where there are none. No dataclass:
    a list makes thousands of them, and these are made in a tenth of the time.
    """

    namespace: str
    name: str
    uid: str
    version: str
    tracking: str
    installation: str
    packed: bytes
    compressed: bool

    def load(self, resource: ApiResource) -> Manifest:
        """The whole object, a copy of the caller's own; lists leave out its kind, which ``resource`` gives."""
        data = zlib.decompress(self.packed) if self.compressed else self.packed
        content: Manifest = orjson.loads(data)
        return {"apiVersion": resource.gvk.api_version, "kind": resource.gvk.kind, **content}

    def head(self, resource: ApiResource) -> Manifest:
        """Of the object only what tells which it is and whose, without decoding it."""
        marks = {ANNOTATION_TRACKING_ID: self.tracking, ANNOTATION_INSTALLATION_ID: self.installation}
        metadata: dict[str, Any] = {
            "name": self.name,
            "annotations": {name: value for name, value in marks.items() if value},
        }
        if self.namespace:
            metadata["namespace"] = self.namespace
        return {"apiVersion": resource.gvk.api_version, "kind": resource.gvk.kind, "metadata": metadata}


@dataclass(frozen=True, slots=True)
class RawListing:
    """The objects of one kind in one namespace (empty: all), at ``resource_version``; ``error`` instead if it failed."""

    resource: ApiResource
    namespace: str
    objects: tuple[RawObject, ...] = ()
    resource_version: str = ""
    error: ClusterError | None = None


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event of a watch: ``type`` is ADDED, MODIFIED, DELETED or BOOKMARK."""

    type: str
    object: RawObject


def parse_object(data: bytes | memoryview, *, compress: bool = True) -> RawObject:
    """The object in some JSON text, which is copied; ``compress`` is for objects that are kept.

    Raises
    ------
    ClusterError
        When the text is no Kubernetes object.
    """
    metadata = _metadata(data)
    packed = bytes(data)
    compressed = compress and len(packed) >= _COMPRESS_FROM_BYTES
    marks = metadata.annotations or _UNMARKED
    return RawObject(
        # Thousands of objects share a few namespaces.
        namespace=_shared(metadata.namespace),
        name=metadata.name,
        uid=metadata.uid,
        version=metadata.resource_version,
        tracking=marks.tracking,
        installation=_shared(marks.owner),
        packed=zlib.compress(packed, 1) if compressed else packed,
        compressed=compressed,
    )


def _metadata(data: bytes | memoryview) -> _Metadata:
    try:
        return _HEAD.decode(data).metadata
    except _UNREADABLE as error:
        try:
            obj = orjson.loads(data)
            identity = msgspec.convert(obj["metadata"], _Identity)
        except (ValueError, KeyError, TypeError):
            raise ClusterError("the API server sent an object without readable metadata") from error
    # Odd annotations of one object, of an aggregated API for instance, must not hide the others of its list.
    marks = annotations_of(obj)
    return _Metadata(
        identity.name,
        identity.namespace,
        identity.uid,
        identity.resource_version,
        _Annotations(marks.get(ANNOTATION_TRACKING_ID, ""), marks.get(ANNOTATION_INSTALLATION_ID, "")),
    )


_SHARED: dict[str, str] = {}


def _shared(text: str) -> str:
    return _SHARED.setdefault(text, text) if len(_SHARED) < 10_000 else text


def parse_event(line: bytes) -> WatchEvent:
    """One line of a watch.

    Raises
    ------
    ClusterError
        For an ERROR event, with its status code (410 when the version is too old), and for what is no event.
    """
    try:
        event = _EVENT.decode(line)
        if event.type == "ERROR":
            failure = _FAILURE.decode(event.object)
            text = " ".join(failure.message.split()) or "the API server ended a watch with an error"
            raise ClusterError(text, status=failure.code, reason=failure.reason)
    except _UNREADABLE as error:
        raise ClusterError("the API server sent a watch event that cannot be read") from error
    return WatchEvent(event.type, parse_object(memoryview(event.object)))


def list_raw(
    connection: Connection,
    resource: ApiResource,
    *,
    namespace: str = "",
    name: str = "",
    compress: bool = True,
    retries: Retry = NO_RETRIES,
) -> tuple[list[RawObject], str]:
    """All objects of a kind, page by page, and the version of the list.

    A page that has expired (410) is answered with one fresh, unpaged list.
    """
    path = resource.path(namespace=namespace)
    query = {"limit": str(PAGE_SIZE)} | ({"fieldSelector": f"metadata.name={name}"} if name else {})
    found: list[RawObject] = []
    token = ""
    while True:
        try:
            page = _page(connection, path, query | ({"continue": token} if token else {}), retries)
        except ClusterError as error:
            if error.status == 410 and token:
                found, token = [], ""
                query.pop("limit", None)
                continue
            raise
        found += _objects(page, compress=compress)
        token = page.metadata.continue_
        if not token:
            return found, page.metadata.resource_version


def _page(connection: Connection, path: str, query: dict[str, str], retries: Retry) -> _Page:
    data = connection.get_bytes(path, query=query, accept=JSON, retries=retries)
    try:
        return _PAGE.decode(data)
    except _UNREADABLE as error:
        raise ClusterError(f"{connection.server}: GET {path} was answered with something that is no list") from error


def _objects(page: _Page, *, compress: bool) -> Iterator[RawObject]:
    for item in page.items or ():
        yield parse_object(memoryview(item), compress=compress)
