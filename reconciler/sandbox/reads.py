"""Reading: get, list with paging, and the beginning of a watch."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.cluster import Cluster
from reconciler.sandbox.resources import Resource
from reconciler.sandbox.selectors import object_predicate
from reconciler.sandbox.status import StatusError, bad_request, expired, field_forbidden, invalid
from reconciler.sandbox.store import object_name
from reconciler.sandbox.watches import Shape, Watch
from reconciler.sandbox.writes import as_version


def list_objects(cluster: Cluster, resource: Resource, namespace: str, query: Mapping[str, str]) -> Manifest:
    """The list that a request asks for, as ``kind: …List`` with paging metadata.

    Raises
    ------
    StatusError
        400, 410 or 422 for options that cannot be served.
    """
    selected = object_predicate(resource, query.get("labelSelector", ""), query.get("fieldSelector", ""))
    limit = _integer(query.get("limit"))
    revision, after = cluster.store.revision, None
    exact = query.get("resourceVersionMatch") == "Exact"
    if query.get("continue"):
        revision, after = _parse_token(query["continue"])
        objects = _at(cluster, resource, namespace, revision)
    elif exact and query.get("resourceVersion"):
        revision = parse_revision(query["resourceVersion"]) or 0
        objects = _at(cluster, resource, namespace, revision)
    else:
        _check_revision(cluster, query)
        objects = cluster.store.objects(resource.storage, namespace)
    if after is not None:
        objects = [obj for obj in objects if object_name(obj).order > after]
    objects = [obj for obj in objects if selected(obj)]
    metadata: Manifest = {"resourceVersion": str(revision)}
    if limit and len(objects) > limit:
        metadata["continue"] = _token(revision, object_name(objects[limit - 1]).order)
        if not query.get("labelSelector") and not query.get("fieldSelector"):
            metadata["remainingItemCount"] = len(objects) - limit
        objects = objects[:limit]
    items = [listed(resource, obj) for obj in objects]
    return {"kind": resource.list_kind, "apiVersion": resource.group_version, "metadata": metadata, "items": items}


def listed(resource: Resource, obj: Manifest) -> Manifest:
    """An object as it stands in a list: those of built-in kinds carry neither kind nor version there."""
    if resource.crd:
        return as_version(resource, obj)
    return {key: value for key, value in obj.items() if key not in ("kind", "apiVersion")}


def start_watch(
    cluster: Cluster, resource: Resource, namespace: str, query: Mapping[str, str], *, name: str, shape: Shape
) -> Watch:
    """Begin the watch that a request asks for.

    Raises
    ------
    StatusError
        400 or 422 for options that cannot be.
    """
    fields = query.get("fieldSelector", "")
    if name:
        fields = ",".join(filter(None, (fields, f"metadata.name={name}")))
    selected = object_predicate(resource, query.get("labelSelector", ""), fields)
    revision = parse_revision(query.get("resourceVersion", ""))
    send_initial = query.get("sendInitialEvents")
    _check_watch(query)
    bookmarks = query.get("allowWatchBookmarks") in ("1", "true")
    watch = Watch(
        cluster.store, resource.storage, namespace=namespace, selected=selected, shape=shape, bookmarks=bookmarks
    )
    initial = send_initial == "true" if send_initial else not revision
    template = {"kind": resource.kind, "apiVersion": resource.group_version}
    if send_initial == "false" and not revision:
        revision = cluster.store.revision
    watch.start(revision, initial=initial, template=template, announce_end=send_initial == "true" and bookmarks)
    return watch


def parse_revision(text: str) -> int | None:
    """A resourceVersion; None when it is not given.

    Raises
    ------
    StatusError
        400 when it is none.
    """
    if not text:
        return None
    if not text.isdigit():
        why = f'Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise bad_request(f"invalid resource version: resourceVersion: {why}")
    return int(text)


def _check_watch(query: Mapping[str, str]) -> None:
    match, send_initial = query.get("resourceVersionMatch"), query.get("sendInitialEvents")
    if send_initial and match != "NotOlderThan":
        why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise _invalid_list(why)
    if match and not send_initial:
        raise _invalid_list("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")


def _check_revision(cluster: Cluster, query: Mapping[str, str]) -> None:
    if query.get("resourceVersionMatch") and not query.get("resourceVersion"):
        raise _invalid_list("resourceVersionMatch is forbidden unless resourceVersion is provided")
    revision = parse_revision(query.get("resourceVersion", ""))
    if revision is not None and revision > cluster.store.revision:
        causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
        message = f"Timeout: Too large resource version: {revision}, current: {cluster.store.revision}"
        raise StatusError(504, "Timeout", message, {"causes": causes, "retryAfterSeconds": 1})


def _invalid_list(why: str) -> StatusError:
    return invalid("meta.k8s.io", "ListOptions", "", [field_forbidden("resourceVersionMatch", why)])


def _integer(text: str | None) -> int:
    if not text:
        return 0
    if not text.removeprefix("-").isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return max(int(text), 0)


def _at(cluster: Cluster, resource: Resource, namespace: str, revision: int) -> list[Manifest]:
    try:
        return cluster.store.objects_at(resource.storage, namespace, revision)
    except StatusError:
        raise expired("The resourceVersion for the provided list is too old.") from None


def _token(revision: int, after: str) -> str:
    packed = orjson.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": after})
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def _parse_token(token: str) -> tuple[int, str]:
    try:
        packed: Any = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(packed["rv"]), str(packed["start"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise bad_request("invalid continue token: continue key is not valid") from None
