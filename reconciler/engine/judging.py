"""One resource at a time: compared by the rules, asked of the API server where that is wanted, and assessed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from reconciler.cluster import ApiResource, Connection
from reconciler.cluster.dry_run import DryRun, ServerSideDiff
from reconciler.cluster.schemas import SchemaCache
from reconciler.cluster.tracking import TrackingSettings, application_of, is_managed_by
from reconciler.diff.compare import compare_resource
from reconciler.diff.records import Health, ResourceComparison
from reconciler.diff.rules import CompareRules
from reconciler.diff.secrets import Masker
from reconciler.diff.server_side import ServerAnswer, needs_server
from reconciler.diff.settings import asks_server
from reconciler.engine.views import LiveObject
from reconciler.health import Customizations, assess_health
from reconciler.jq.evaluate import JqEvaluator
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey
from reconciler.sync.order import sync_wave
from reconciler.sync.plan import ignores_extraneous, prunable
from reconciler.terms import HealthStatus, SyncStatus


@dataclass(frozen=True)
class Subject:
    """An object to compare: ``target`` as it will be applied, ``found`` as it is, and what is known against it.

    ``reason`` says why the live object, or its kind, cannot be known; ``refused`` that the project does not permit to.
    """

    key: ResourceKey
    target: Manifest
    found: LiveObject | None
    resource: ApiResource | None
    reason: str = ""
    refused: bool = False

    @cached_property
    def live(self) -> Manifest | None:
        """The live object, decoded when it is first asked for."""
        return self.found.load() if self.found is not None else None


@dataclass(frozen=True, slots=True)
class Mark:
    """What an Application's objects are marked with: its tracking name, in the way that is set."""

    application: str
    tracking: TrackingSettings

    def other_owner(self, live: Manifest) -> str:
        """Another Application that an object is marked as part of, as messages name it; empty when there is none.

        A mark that names another object is a copy's, which makes nobody an owner. In controller/state.go of Argo CD 3.6 it
        does: there, a copy that somebody made by hand is a shared resource.
        """
        marked = application_of(live, self.tracking)
        if marked == self.application or not is_managed_by(live, marked, self.tracking):
            return ""
        return marked.replace("_", "/")


@dataclass(frozen=True, slots=True)
class _Verdict:
    """A verdict, what it was made from, and whether another run may find it otherwise although that is the same."""

    target: Manifest
    inputs: Any
    compared: ResourceComparison
    may_pass: bool


class Judge:
    """Compares resources, and remembers each verdict until one of its sides, the schemas or the rules change.

    What the API server refused to answer is asked again at every comparison.
    """

    def __init__(self, connection: Connection, schemas: SchemaCache, masker: Masker) -> None:
        self._schemas = schemas
        self._masker = masker
        self.jq = JqEvaluator()
        self._server = ServerSideDiff(connection)
        #: Raised whenever a verdict was forgotten that a new run may find otherwise.
        self.generation = 0
        self._known: dict[tuple[str, str, ResourceKey], _Verdict] = {}
        self._known_extra: dict[tuple[str, str, ResourceKey], tuple[Any, ResourceComparison | None]] = {}

    def forget(self) -> None:
        """Ask the API server anew: schemas, webhooks or policies may have changed; try every expression again."""
        self._server.forget()
        self.jq = JqEvaluator()
        kept = {key: verdict for key, verdict in list(self._known.items()) if not verdict.may_pass}
        self.generation += len(kept) != len(self._known)
        self._known = kept

    def remembers(self, application: tuple[str, str], key: ResourceKey) -> bool:
        """Whether the last verdict on a resource holds until one of its sides changes."""
        return (*application, key) in self._known

    def compare(
        self,
        application: tuple[str, str],
        subjects: Sequence[Subject],
        rules: CompareRules,
        customizations: Customizations,
        *,
        mark: Mark,
    ) -> list[ResourceComparison]:
        """The verdict on each subject, in their order; ``application`` is its namespace and name, ``mark`` its objects'."""
        found: list[ResourceComparison] = []
        anew: dict[int, Any] = {}
        for index, subject in enumerate(subjects):
            inputs = (
                subject.reason,
                rules.digest,
                mark,
                *self._inputs(subject.found, customizations),
            )
            known = self._known.get((*application, subject.key))
            if known is not None and known.target is subject.target and known.inputs == inputs:
                found.append(known.compared)
            else:
                found.append(self._compare(subject, rules))
                anew[index] = inputs
        answers = self._ask(subjects, found, anew, rules)
        for index, answer in answers.items():
            found[index] = self._compare(subjects[index], rules, answer)
        for index, inputs in anew.items():
            subject = subjects[index]
            found[index] = self._assessed(found[index], subject.live, customizations)
            if subject.live is not None:
                found[index] = replace(found[index], shared_with=mark.other_owner(subject.live))
            key = (*application, subject.key)
            if index in answers and answers[index].object is None:
                self._known.pop(key, None)
            else:
                may_pass = index in answers or found[index].status is SyncStatus.UNKNOWN
                self._known[key] = _Verdict(subject.target, inputs, found[index], may_pass)
        return found

    def compare_extra(
        self, application: tuple[str, str], found: LiveObject, customizations: Customizations
    ) -> ResourceComparison | None:
        """The verdict on a live object that the target no longer holds; None where it is not ours to prune."""
        inputs = self._inputs(found, customizations)
        known = self._known_extra.get((*application, found.key))
        if known is not None and known[0] == inputs:
            return known[1]
        live = found.load()
        verdict = self._extra(found.key, live, customizations) if prunable(live) else None
        self._known_extra[(*application, found.key)] = (inputs, verdict)
        return verdict

    def _extra(self, key: ResourceKey, live: Manifest, customizations: Customizations) -> ResourceComparison:
        version = GroupVersionKind.of(live).version
        compared = compare_resource(key, version, None, live, openapi=self._schemas.openapi, masker=self._masker)
        return replace(
            self._assessed(compared, live, customizations),
            requires_pruning=True,
            ignore_extraneous=ignores_extraneous(live),
            wave=sync_wave(live),
        )

    def _inputs(self, found: LiveObject | None, customizations: Customizations) -> tuple[Any, ...]:
        """What a verdict on a live object depends on, but for its target."""
        raw = found.raw if found is not None else None
        # Computed objects, such as those of a metrics API, have no version: each reading is another object.
        version = (raw.version or object()) if raw is not None else None
        return (self._schemas.generation, id(customizations), raw.uid if raw is not None else None, version)

    def _compare(self, subject: Subject, rules: CompareRules, answer: ServerAnswer | None = None) -> ResourceComparison:
        gvk = GroupVersionKind.of(subject.target)
        if subject.reason:
            return ResourceComparison(
                subject.key,
                gvk.version,
                SyncStatus.UNKNOWN,
                target=self._masker.mask_object(subject.target),
                reason=subject.reason,
                health=Health(HealthStatus.MISSING) if subject.refused else None,
                wave=sync_wave(subject.target),
                refused=subject.refused,
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
        """The API server's own answers, where server-side diff is asked for or nothing else can tell."""
        openapi = self._schemas.openapi
        wanted: dict[int, DryRun] = {}
        for index in anew:
            subject = subjects[index]
            if subject.reason or subject.live is None or subject.resource is None:
                continue
            known = found[index].status is not SyncStatus.UNKNOWN
            if (known and asks_server(rules, subject.target)) or needs_server(subject.target, subject.live, openapi):
                wanted[index] = DryRun(subject.resource, subject.target, subject.live)
        answers = self._server.ask(wanted.values(), openapi)
        return {index: answers[ResourceKey.of(request.target)] for index, request in wanted.items()}

    def _assessed(
        self, compared: ResourceComparison, live: Manifest | None, customizations: Customizations
    ) -> ResourceComparison:
        if live is not None:
            return replace(compared, health=assess_health(live, customizations=customizations))
        if compared.status is SyncStatus.UNKNOWN:
            return compared
        return replace(compared, health=Health(HealthStatus.MISSING))
