"""Server-side diff: asks the API server, by dry-run, what an apply of each object would leave."""

import hashlib
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import orjson

from reconciler.cluster.connection import Connection
from reconciler.cluster.discovery import ApiResource
from reconciler.cluster.write import apply_object
from reconciler.diff.client_side import migrated_ownership
from reconciler.diff.compare import predict
from reconciler.diff.normalize import normalize_target
from reconciler.diff.server_side import ServerAnswer
from reconciler.errors import ClusterError, ClusterUnreachableError, ForbiddenError, ReconcilerError
from reconciler.manifest import OpenApi
from reconciler.manifest.objects import Manifest, ResourceKey, is_secret, metadata_of
from reconciler.threads import Lane

PARALLEL_REQUESTS: Final = 8
_CACHED: Final = 20_000
_WEBHOOK: Final = re.compile(r'admission webhook "([^"]{1,253})"|failed calling webhook "([^"]{1,253})"')
_POLICY: Final = re.compile(r"(ValidatingAdmissionPolicy|MutatingAdmissionPolicy) '([^']{1,253})'")
# Admission plugins answer 403 too; only the authorizer says who cannot do what.
_NOT_ALLOWED: Final = re.compile(r': User "[^"]*" cannot [a-z]+ resource')


@dataclass(frozen=True, slots=True)
class DryRun:
    """An object to ask about: as it would be applied, and as it is."""

    resource: ApiResource
    target: Manifest
    live: Manifest


class ServerSideDiff:
    """Dry-runs of one cluster; an answer is kept until target or live change."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._answers: dict[tuple[str, str, str, str], ServerAnswer] = {}
        self._lock = threading.Lock()

    def ask(self, requests: Iterable[DryRun], openapi: OpenApi) -> dict[ResourceKey, ServerAnswer]:
        """What the API server answers, by key: one request an object, several at a time, none for what is known already.

        A request that fails is answered with its reason: which webhook, which verb, which field.
        """
        wanted = list(requests)
        if not wanted:
            return {}
        with Lane(PARALLEL_REQUESTS) as pool:
            answers = pool.map(lambda request: self._answer(request, openapi), wanted)
            return {ResourceKey.of(request.target): answer for request, answer in zip(wanted, answers, strict=True)}

    def forget(self) -> None:
        """Ask anew: schemas, webhooks or policies have changed."""
        with self._lock:
            self._answers.clear()

    def _answer(self, request: DryRun, openapi: OpenApi) -> ServerAnswer:
        metadata = metadata_of(request.live)
        digest = hashlib.sha256(orjson.dumps(request.target, option=orjson.OPT_SORT_KEYS)).hexdigest()
        version = str(metadata.get("resourceVersion") or "")
        key = (request.resource.openapi_path, digest, str(metadata.get("uid") or ""), version)
        known = self._answers.get(key)
        if known is not None:
            return known
        try:
            target = normalize_target(request.target)
            found = apply_object(self._connection, request.resource, target, dry_run=True)
            answer = ServerAnswer(_without_what_left_git(found, request, openapi))
        except ClusterError as error:
            answer = ServerAnswer(None, _reason(error, request))
        if answer.object is not None and version:
            with self._lock:
                if len(self._answers) >= _CACHED:
                    self._answers.clear()
                self._answers[key] = answer
        return answer


def _without_what_left_git(answer: Manifest, request: DryRun, openapi: OpenApi) -> Manifest:
    """The answer without what a sync removes after it has migrated the live object's ownership; a dry-run cannot do that."""
    owned = migrated_ownership(request.live, openapi)
    if owned is request.live:
        return answer
    metadata = {**metadata_of(answer), "managedFields": metadata_of(owned).get("managedFields")}
    migrated = {**answer, "metadata": metadata}
    try:
        return predict(migrated, request.target, openapi)
    except ReconcilerError:
        return answer


def _reason(error: ClusterError, request: DryRun) -> str:
    """Why there is no answer; of a Secret nothing is repeated but names, as a refusal may quote its values."""
    webhook, policy = _WEBHOOK.search(str(error)), _POLICY.search(str(error))
    by = f"admission webhook {webhook[1] or webhook[2]}" if webhook else f"{policy[1]} {policy[2]}" if policy else ""
    if isinstance(error, ForbiddenError) and not by and _NOT_ALLOWED.search(str(error)):
        allow = f"allow the verb patch on {request.resource.plural}"
        return f"server-side diff is not allowed: {error}; {allow}, or leave ServerSideDiff out"
    if isinstance(error, ClusterUnreachableError) and not by:
        return f"server-side diff: {error}"
    text = (
        f"status {error.status}{f' {error.reason}' if error.reason else ''}"
        if is_secret(request.target)
        else str(error)
    )
    return f"server-side diff was refused{f' by {by}' if by else ''}: {text}"
