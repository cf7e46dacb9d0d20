"""Requests to answers: the API server without its sockets."""

from collections.abc import Callable
from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox import discovery
from reconciler.sandbox.access import Attempt, requesting_user, require_allowed
from reconciler.sandbox.cluster import Cluster
from reconciler.sandbox.custom.definitions import serve_definitions
from reconciler.sandbox.deletion import delete_object, parse_delete_options, returns_object
from reconciler.sandbox.messages import (
    JSON,
    PARTIAL,
    TABLE,
    Request,
    Response,
    Route,
    accepted_form,
    parse_body,
    parse_json,
    parse_route,
)
from reconciler.sandbox.patches import json_patch, merge_patch, strategic_merge
from reconciler.sandbox.reads import list_objects, start_watch
from reconciler.sandbox.resources import Resource
from reconciler.sandbox.reviews import answer_review, is_review
from reconciler.sandbox.scale import read_scale, write_scale
from reconciler.sandbox.status import (
    StatusError,
    bad_request,
    details_of,
    field_forbidden,
    invalid,
    not_found,
    not_supported,
    required,
    unknown_path,
    unsupported_media_type,
)
from reconciler.sandbox.store import ObjectName
from reconciler.sandbox.strategy import CREATE_ON_UPDATE
from reconciler.sandbox.subresources import CREATED, create_subresource, finalize_namespace, pod_log
from reconciler.sandbox.tables import partial, table_maker
from reconciler.sandbox.watches import Watch
from reconciler.sandbox.writes import WriteOptions, Writer, Written, as_version

APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
Answer = Response | Watch


class Api:
    """Answers requests on one cluster; everything happens within `handle`, in the caller's thread."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.writer = Writer(cluster)
        serve_definitions(cluster)

    def handle(self, request: Request) -> Answer:
        """Answer a request; refusals become Status objects, so nothing is raised for a bad request."""
        try:
            route = parse_route(request.path)
            if route is None or not route.plural:
                return self._describe(request, route)
            return self._resource(request, route)
        except StatusError as error:
            return Response(error.status, error.body(), headers=_warnings(error.warnings))

    def _describe(self, request: Request, route: Route | None) -> Response:
        """Everything that is not about objects."""
        path = request.path.rstrip("/") or "/"
        attempt = Attempt(request.method.lower(), path=path)
        require_allowed(self.cluster.store, requesting_user(request.headers), attempt)
        if request.method != "GET":
            raise StatusError(
                405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {}
            )
        if path in ("/healthz", "/livez", "/readyz"):
            return Response(200, "ok", "text/plain; charset=utf-8")
        content = self._document(path, request)
        if content is None and route is not None:
            content = discovery.resource_list(self.cluster.catalog, route.group, route.version)
        if content is None:
            return Response(404, "404 page not found\n", "text/plain; charset=utf-8")
        return content if isinstance(content, Response) else Response(200, content)

    def _document(self, path: str, request: Request) -> Manifest | Response | None:
        catalog, documents = self.cluster.catalog, self.cluster.documents
        if path == "/":
            return discovery.root_paths(catalog)
        if path == "/version":
            return self.cluster.version
        if path in ("/api", "/apis"):
            return self._groups(path, request.headers.get("accept", ""))
        if path == "/openapi/v3":
            return discovery.openapi_index(documents)
        if path.startswith("/openapi/v3/"):
            return documents.document(path.removeprefix("/openapi/v3/"))
        if path.startswith("/apis/") and path.count("/") == 2:
            return discovery.api_group(catalog, path.removeprefix("/apis/"))
        return None

    def _groups(self, path: str, accept: str) -> Response:
        for clause in accept.replace(" ", "").split(","):
            if "g=apidiscovery.k8s.io" in clause and "as=APIGroupDiscoveryList" in clause:
                version = "v2beta1" if "v=v2beta1" in clause else "v2"
                content = discovery.aggregated(self.cluster.catalog, version, core=path == "/api")
                return Response(200, content, f"{JSON};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList")
        legacy = discovery.core_versions() if path == "/api" else discovery.group_list(self.cluster.catalog)
        return Response(200, legacy)

    def _resource(self, request: Request, route: Route) -> Answer:
        user = requesting_user(request.headers)
        resource = self.cluster.catalog.find(route.group, route.version, route.plural)
        if resource is None or (resource.namespaced is False and route.namespace):
            raise unknown_path()
        verb = request_verb(request, route)
        require_allowed(self.cluster.store, user, _attempt(verb, route))
        if route.subresource:
            subresource = resource.subresource(route.subresource)
            if subresource is None:
                raise unknown_path()
            allowed = verb in subresource.verbs
        else:
            allowed = verb in resource.verbs
        if not allowed or (route.namespace == "" and resource.namespaced and verb not in ("list", "watch")):
            raise _not_allowed()
        if is_review(resource):
            body = self._body(request)
            return Response(201, answer_review(self.cluster.store, user, resource, route.namespace, body))
        handlers: dict[str, Callable[[Request, Route, Resource], Answer]] = {
            "get": self._get,
            "list": self._list,
            "watch": self._watch,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
        }
        return handlers[verb](request, route, resource)

    def _get(self, request: Request, route: Route, resource: Resource) -> Answer:
        if route.subresource == "log":
            text = pod_log(self._live(route, resource), request.query.get("container", ""))
            return Response(200, text, "text/plain")
        if route.subresource not in ("", "status", "scale"):
            raise _not_allowed()
        return self._object(request, resource, self._live(route, resource), subresource=route.subresource)

    def _live(self, route: Route, resource: Resource) -> Manifest:
        live = self.cluster.store.get(resource.storage, ObjectName(route.namespace, route.name))
        if live is None:
            raise not_found(resource.group, resource.plural, route.name)
        return as_version(resource, live)

    def _list(self, request: Request, route: Route, resource: Resource) -> Answer:
        form = accepted_form(request.headers.get("accept", ""))
        content = list_objects(self.cluster, resource, route.namespace, request.query)
        if form == TABLE:
            include = request.query.get("includeObject", "Metadata")
            # A row's object stands alone, so that it carries its kind again.
            kind = {"kind": resource.kind, "apiVersion": resource.group_version}
            items = [{**kind, **item} for item in content["items"]]
            maker = table_maker(self.cluster, resource)
            return Response(200, maker.table(items, content["metadata"], include, self.cluster.clock()))
        if form in PARTIAL:
            items = [{"metadata": item["metadata"]} for item in content["items"]]
            kind = {"kind": PARTIAL[1], "apiVersion": "meta.k8s.io/v1"}
            return Response(200, {**kind, "metadata": content["metadata"], "items": items})
        return Response(200, content)

    def _watch(self, request: Request, route: Route, resource: Resource) -> Answer:
        form = accepted_form(request.headers.get("accept", ""))
        include = request.query.get("includeObject", "Metadata")

        def shape(obj: Manifest) -> Manifest:
            obj = as_version(resource, obj)
            if form == TABLE:
                maker = table_maker(self.cluster, resource)
                metadata = {"resourceVersion": obj["metadata"]["resourceVersion"]}
                return maker.table([obj], metadata, include, self.cluster.clock())
            return partial(obj) if form in PARTIAL else obj

        return start_watch(self.cluster, resource, route.namespace, request.query, name=route.name, shape=shape)

    def _create(self, request: Request, route: Route, resource: Resource) -> Answer:
        if route.subresource:
            if route.subresource not in CREATED:
                raise _not_allowed()
            body = self._body(request)
            name = ObjectName(route.namespace, route.name)
            return Response(201, create_subresource(self.cluster, resource, name, route.subresource, body))
        written = self.writer.create(resource, route.namespace, self._body(request), _options(request))
        return self._written(request, resource, written)

    def _update(self, request: Request, route: Route, resource: Resource) -> Answer:
        body = self._body(request)
        if route.subresource == "finalize":
            return Response(200, finalize_namespace(self.cluster, route.name, body))
        name = ObjectName(route.namespace, route.name)
        missing = self.cluster.store.get(resource.storage, name) is None
        if missing and not route.subresource and resource.storage in CREATE_ON_UPDATE:
            written = self.writer.create(resource, route.namespace, body, _options(request))
            return self._written(request, resource, written)
        return self._change(request, route, resource, lambda live: body, patched=False)

    def _patch(self, request: Request, route: Route, resource: Resource) -> Answer:
        kind = request.content_type
        options = _options(request)
        if kind == APPLY:
            return self._apply(request, route, resource, options)
        if options.force or request.query.get("force"):
            cause = field_forbidden("force", "may not be specified for non-apply patch")
            raise invalid("meta.k8s.io", "PatchOptions", "", [cause])
        patch = _parse_patch(request)
        if kind == MERGE:
            return self._change(request, route, resource, lambda live: merge_patch(live, patch))
        if kind == JSON_PATCH:
            return self._change(request, route, resource, lambda live: json_patch(live, patch))
        if kind == STRATEGIC and not resource.crd:
            return self._change(request, route, resource, lambda live: self._strategic(resource, live, patch))
        accepted = (JSON_PATCH, MERGE, *(() if resource.crd else (STRATEGIC,)), APPLY)
        raise unsupported_media_type(accepted)

    def _apply(self, request: Request, route: Route, resource: Resource, options: WriteOptions) -> Answer:
        if not request.query.get("fieldManager"):
            cause = required("fieldManager", "is required for apply patch")
            raise invalid("meta.k8s.io", "PatchOptions", "", [cause])
        if route.subresource == "scale":
            raise unsupported_media_type((JSON_PATCH, MERGE))
        target = parse_json(request.body, yaml=True)
        name = ObjectName(route.namespace, route.name)
        written = self.writer.apply(resource, name, target, options, subresource=route.subresource)
        return self._written(request, resource, written)

    def _strategic(self, resource: Resource, live: Manifest, patch: Any) -> Any:
        schemas = self.cluster.documents.schemas(resource.group, resource.version)
        component = self.cluster.documents.schema_name(resource.group, resource.version, resource.kind)
        return strategic_merge(live, patch, schemas.get(component or "", {}), schemas)

    def _change(
        self,
        request: Request,
        route: Route,
        resource: Resource,
        change: Callable[[Manifest], Any],
        *,
        patched: bool = True,
    ) -> Response:
        name = ObjectName(route.namespace, route.name)
        if route.subresource == "scale":

            def rescale(live: Manifest) -> Any:
                return write_scale(self.cluster, resource, live, change(read_scale(self.cluster, resource, live)))

            options = _options(request)
            written = self.writer.update(resource, name, rescale, options, subresource="scale", patched=True)
            return self._object(request, resource, written.object, subresource="scale")
        written = self.writer.update(
            resource, name, change, _options(request), subresource=route.subresource, patched=patched
        )
        return self._written(request, resource, written)

    def _delete(self, request: Request, route: Route, resource: Resource) -> Answer:
        options = parse_delete_options(parse_body(request, self.cluster.documents), request.query)
        deleted = delete_object(self.cluster, resource, ObjectName(route.namespace, route.name), options)
        accepted = not deleted.immediately and options.orphan_dependents is False
        if not deleted.immediately or returns_object(resource):
            response = self._object(request, resource, as_version(resource, deleted.object))
            return Response(202 if accepted else 200, response.content, response.content_type)
        details = details_of(resource.group, resource.plural, route.name, deleted.object["metadata"]["uid"])
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return Response(200, status)

    def _delete_collection(self, request: Request, route: Route, resource: Resource) -> Answer:
        options = parse_delete_options(parse_body(request, self.cluster.documents), request.query)
        content = list_objects(self.cluster, resource, route.namespace, request.query)
        for item in content["items"]:
            metadata = item["metadata"]
            name = ObjectName(metadata.get("namespace", ""), metadata["name"])
            delete_object(self.cluster, resource, name, options)
        return Response(200, content)

    def _written(self, request: Request, resource: Resource, written: Written) -> Response:
        response = self._object(request, resource, written.object)
        status, headers = 201 if written.created else 200, _warnings(written.warnings)
        return Response(status, response.content, response.content_type, headers)

    def _body(self, request: Request) -> Any:
        body = parse_body(request, self.cluster.documents)
        return {} if body is None else body

    def _object(self, request: Request, resource: Resource, obj: Manifest, *, subresource: str = "") -> Response:
        form = accepted_form(request.headers.get("accept", ""))
        if subresource == "scale":
            return Response(200, read_scale(self.cluster, resource, obj))
        if form == TABLE:
            include = request.query.get("includeObject", "Metadata")
            metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            maker = table_maker(self.cluster, resource)
            return Response(200, maker.table([obj], metadata, include, self.cluster.clock()))
        return Response(200, partial(obj) if form in PARTIAL else obj)


def _parse_patch(request: Request) -> Any:
    """The patch of a type that is not applied; None for an unknown one.

    Raises
    ------
    StatusError
        400 for what is no patch of its type.
    """
    shapes: dict[str, tuple[type, str]] = {
        MERGE: (dict, "object"),
        STRATEGIC: (dict, "object"),
        JSON_PATCH: (list, "array"),
    }
    if request.content_type not in shapes:
        return None
    shape, name = shapes[request.content_type]
    try:
        patch = parse_json(request.body)
    except StatusError:
        raise bad_request("invalid JSON patch") from None
    if not isinstance(patch, shape):
        raise bad_request(f"error decoding patch: it must be an {name}")
    return patch


def _attempt(verb: str, route: Route) -> Attempt:
    resource = f"{route.plural}/{route.subresource}" if route.subresource else route.plural
    return Attempt(verb, route.group, resource, route.namespace, route.name)


def request_verb(request: Request, route: Route) -> str:
    """Kubernetes' verb for a request on a resource; StatusError 405 where there is none."""
    method = "GET" if request.method == "HEAD" else request.method
    if method == "GET" and request.flag("watch"):
        return "watch"
    if method == "POST" and route.subresource:
        return "create"
    with_name = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
    without = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
    verb = (with_name if route.name else without).get(method)
    if verb is None:
        raise _not_allowed()
    return verb


def _not_allowed() -> StatusError:
    return StatusError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def _warnings(texts: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    escaped = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return tuple(("Warning", f'299 - "{text}"') for text in escaped)


def _options(request: Request) -> WriteOptions:
    """What the query string says of a write.

    Raises
    ------
    StatusError
        422 for values that cannot be.
    """
    query = request.query
    kind = {"POST": "CreateOptions", "PUT": "UpdateOptions"}.get(request.method, "PatchOptions")
    validation = query.get("fieldValidation") or "Warn"
    if validation not in ("Strict", "Warn", "Ignore"):
        cause = not_supported("fieldValidation", validation, ["", "Ignore", "Strict", "Warn"])
        raise invalid("meta.k8s.io", kind, "", [cause])
    dry_run = query.get("dryRun", "")
    if dry_run not in ("", "All"):
        raise invalid("meta.k8s.io", kind, "", [not_supported("dryRun", [dry_run], ["All"])])
    manager = query.get("fieldManager") or request.headers.get("user-agent", "").partition("/")[0] or "unknown"
    if len(manager) > 128:
        raise bad_request("fieldManager: Too long: may not be more than 128 bytes")
    return WriteOptions(manager, validation, dry_run == "All", request.flag("force"))
