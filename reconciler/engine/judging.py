"""One resource at a time: compared by the rules, asked of the API server where that is wanted, and assessed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconciler.cluster import ApiResource, Connection
from reconciler.cluster.dry_run import DryRun, ServerSideDiff
from reconciler.cluster.schemas import SchemaCache
from reconciler.diff.compare import compare_resource
from reconciler.diff.records import Health, ResourceComparison
from reconciler.diff.rules import CompareRules
from reconciler.diff.secrets import Masker
from reconciler.diff.server_side import ServerAnswer
from reconciler.diff.settings import asks_server
from reconciler.health import Customizations, assess_health
from reconciler.jq.evaluate import JqEvaluator
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey, metadata_of
from reconciler.sync.order import sync_wave
from reconciler.sync.plan import ignores_extraneous
from reconciler.terms import HealthStatus, SyncStatus


@dataclass(frozen=True, slots=True)
class Subject:
    """An object to compare: ``target`` as it will be applied, ``live`` as it is, and what is known against it.

    ``reason`` says why the live object cannot be known; ``unknown_kind`` that the cluster does not know the kind.
    """

    key: ResourceKey
    target: Manifest
    live: Manifest | None
    resource: ApiResource | None
    reason: str = ""
    unknown_kind: bool = False


class Judge:
    """Compares resources, and remembers each verdict until one of its sides, the schemas or the rules change."""

    def __init__(self, connection: Connection, schemas: SchemaCache, masker: Masker) -> None:
        self._schemas = schemas
        self._masker = masker
        self.jq = JqEvaluator()
        self._server = ServerSideDiff(connection)
        self._known: dict[tuple[str, str, ResourceKey], tuple[Manifest, Any, ResourceComparison]] = {}

    def forget(self) -> None:
        """Ask the API server anew: schemas, webhooks or policies may have changed; try every expression again."""
        self._server.forget()
        self.jq = JqEvaluator()

    def compare(
        self,
        application: tuple[str, str],
        subjects: Sequence[Subject],
        rules: CompareRules,
        customizations: Customizations,
    ) -> list[ResourceComparison]:
        """The verdict on each subject, in their order; ``application`` is its namespace and name."""
        found: list[ResourceComparison] = []
        anew: dict[int, Any] = {}
        for index, subject in enumerate(subjects):
            inputs = self._inputs(subject, rules, customizations)
            known = self._known.get((*application, subject.key))
            if known is not None and known[0] is subject.target and known[1] == inputs:
                found.append(known[2])
            else:
                found.append(self._compare(subject, rules))
                anew[index] = inputs
        for index, answer in self._ask(subjects, found, anew, rules).items():
            found[index] = self._compare(subjects[index], rules, answer)
        for index, inputs in anew.items():
            subject = subjects[index]
            found[index] = self._assessed(found[index], subject.live, customizations)
            self._known[(*application, subject.key)] = (subject.target, inputs, found[index])
        return found

    def compare_extra(self, key: ResourceKey, live: Manifest, customizations: Customizations) -> ResourceComparison:
        """The verdict on a live object that the target no longer holds."""
        version = GroupVersionKind.of(live).version
        compared = compare_resource(key, version, None, live, openapi=self._schemas.openapi, masker=self._masker)
        return replace(
            self._assessed(compared, live, customizations),
            requires_pruning=True,
            ignore_extraneous=ignores_extraneous(live),
            wave=sync_wave(live),
        )

    def _inputs(self, subject: Subject, rules: CompareRules, customizations: Customizations) -> Any:
        live = metadata_of(subject.live) if subject.live is not None else {}
        return (
            subject.reason,
            subject.unknown_kind,
            self._schemas.generation,
            rules.digest,
            id(customizations),
            live.get("uid"),
            live.get("resourceVersion"),
        )

    def _compare(self, subject: Subject, rules: CompareRules, answer: ServerAnswer | None = None) -> ResourceComparison:
        gvk = GroupVersionKind.of(subject.target)
        reason = subject.reason
        if subject.unknown_kind:
            reason = f"the cluster does not know the kind {gvk}; install its CustomResourceDefinition first"
        if reason:
            return ResourceComparison(
                subject.key,
                gvk.version,
                SyncStatus.UNKNOWN,
                target=self._masker.mask_object(subject.target),
                reason=reason,
                wave=sync_wave(subject.target),
            )
        return compare_resource(
            subject.key,
            gvk.version,
            subject.target,
            subject.live,
            openapi=self._schemas.openapi,
            masker=self._masker,
            wave=sync_wave(subject.target),
            rules=rules,
            jq=self.jq,
            answer=answer,
        )

    def _ask(
        self,
        subjects: Sequence[Subject],
        found: Sequence[ResourceComparison],
        anew: Mapping[int, Any],
        rules: CompareRules,
    ) -> dict[int, ServerAnswer]:
        """The API server's own answers, where server-side diff is asked for."""
        wanted: dict[int, DryRun] = {}
        for index in anew:
            subject = subjects[index]
            known = found[index].status is not SyncStatus.UNKNOWN
            if (
                known
                and asks_server(rules, subject.target)
                and subject.live is not None
                and subject.resource is not None
            ):
                wanted[index] = DryRun(subject.resource, subject.target, subject.live)
        answers = self._server.ask(wanted.values(), self._schemas.openapi)
        return {index: answers[ResourceKey.of(request.target)] for index, request in wanted.items()}

    def _assessed(
        self, compared: ResourceComparison, live: Manifest | None, customizations: Customizations
    ) -> ResourceComparison:
        if live is not None:
            return replace(compared, health=assess_health(live, customizations=customizations))
        if compared.status is SyncStatus.UNKNOWN:
            return compared
        return replace(compared, health=Health(HealthStatus.MISSING))
