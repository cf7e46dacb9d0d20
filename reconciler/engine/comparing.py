"""Compares one Application: render, list, predict, conclude."""

import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from reconciler.cluster import Connection, Discovery, discover
from reconciler.cluster.schemas import SchemaCache
from reconciler.diff.normalize import normalize_target
from reconciler.diff.records import Comparison, Health, ResourceComparison
from reconciler.diff.respect import respect_ignored
from reconciler.diff.rules import CompareRules
from reconciler.diff.secrets import Masker
from reconciler.diff.settings import compare_rules
from reconciler.engine.judging import Judge, Subject
from reconciler.engine.listing import BatchLive, Wanted
from reconciler.engine.records import Reconciliation
from reconciler.engine.settings import EngineSettings, parse_engine_settings
from reconciler.errors import ReconcilerError
from reconciler.health import aggregate_health
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey, namespace_of
from reconciler.model import Application
from reconciler.source import Capabilities, Generator, SourcedManifest, Sources, Target, revisions_of
from reconciler.sync.plan import prunable
from reconciler.sync.prepare import PreparedTarget, prepare_target
from reconciler.terms import ARGO_GROUP, HealthStatus, SyncStatus

log = logging.getLogger(__name__)

Place = tuple[str, str, str]


def application_key(application: Application, namespace: str) -> ResourceKey:
    """The Application's own key; ``namespace`` stands in where a file leaves it out."""
    return ResourceKey(ARGO_GROUP, "Application", application.metadata.namespace or namespace, application.name)


class Comparer:
    """Answers what differs between Git and one cluster; keeps its discovery, schemas and sources between questions.

    Parameters are those of `reconciler.engine.Reconciler`.
    """

    def __init__(
        self, connection: Connection, sources: Sources, *, namespace: str, clock: Callable[[], datetime]
    ) -> None:
        self.connection = connection
        self.sources = sources
        self.namespace = namespace
        self.clock = clock
        self.schemas = SchemaCache(connection)
        self._discovered: Discovery | None = None
        self._settings: tuple[Any, EngineSettings] | None = None
        self._known_rules: dict[tuple[str, str], tuple[Application, EngineSettings, CompareRules]] = {}
        self._prepared: dict[tuple[str, str], _Prepared] = {}
        self.masker = Masker(secrets.token_bytes(32))
        self._judge = Judge(connection, self.schemas, self.masker)

    @cached_property
    def discovery(self) -> Discovery:
        """The cluster's kinds; the same object as before while they are the same."""
        found = discover(self.connection)
        if self._discovered is None or not self._discovered.equals(found):
            self._discovered = found
        return self._discovered

    @cached_property
    def generator(self) -> Generator:
        """What renders Applications, for the capabilities of this cluster."""
        capabilities = Capabilities(self.discovery.kube_version, self.discovery.api_versions)
        return self.sources.generator(capabilities, namespace=self.namespace)

    @property
    def settings(self) -> EngineSettings:
        """What Argo CD's configuration says; the same object while it says the same."""
        configuration = self.sources.configuration
        said = (configuration.data, configuration.parameters)
        if self._settings is None or self._settings[0] != said:
            self._settings = (said, parse_engine_settings(*said))
        return self._settings[1]

    def begin_run(self) -> None:
        """Read kinds and schemas anew; what did not change is not compared again."""
        self.forget_kinds()

    def forget_kinds(self) -> None:
        """Look up kinds and schemas anew: a custom resource definition has changed."""
        self.__dict__.pop("discovery", None)
        self.__dict__.pop("generator", None)
        self.schemas.forget()
        self._judge.forget()

    def generate(self, application: Application, *, revision: str | None = None) -> Target:
        """The target manifests at ``revision``, or at the Application's own target revision."""
        revisions = revisions_of(application, revision) if revision else None
        return self.generator.generate(application, revisions=revisions)

    def reconcile(self, application: Application, *, revision: str | None = None) -> Reconciliation:
        """Render, list and compare one Application.

        Raises
        ------
        GenerationError, SpecError
            When there is no target to compare with.
        ClusterError
            When the cluster cannot be asked.
        """
        question = self._question(application, revision)
        return self._answer(
            question, BatchLive(self.connection, self.discovery, question.wanted, self.settings.tracking)
        )

    def reconcile_all(self, applications: Sequence[Application]) -> list[Reconciliation | Comparison]:
        """Render, list and compare many: each kind is listed once for all of them.

        One that cannot be compared is an Unknown comparison with its reason, and keeps none of the others back.
        """
        asked: list[_Question | Comparison] = []
        for application in applications:
            try:
                asked.append(self._question(application, None))
            except ReconcilerError as error:
                asked.append(self.unknown(application, str(error)))
        questions = [entry for entry in asked if isinstance(entry, _Question)]
        wanted = [pair for entry in questions for pair in entry.wanted]
        live = BatchLive(self.connection, self.discovery, wanted, self.settings.tracking)
        live.find_namespaces(entry.application.spec.destination.namespace for entry in questions)
        answers: list[Reconciliation | Comparison] = []
        for entry in asked:
            try:
                answers.append(self._answer(entry, live) if isinstance(entry, _Question) else entry)
            except ReconcilerError as error:
                assert isinstance(entry, _Question)
                answers.append(self.unknown(entry.application, str(error)))
        return answers

    def to_apply(self, reconciliation: Reconciliation, key: ResourceKey) -> Manifest:
        """The object as a sync applies it: text of a Secret as data, and, where the sync option says so, ignored fields
        as they are in the cluster.

        Raises
        ------
        SpecError
            When an ignore rule cannot be evaluated.
        """
        target, rules = reconciliation.targets[key], self._rules(reconciliation.application)
        if rules.respect:
            target = respect_ignored(
                target, reconciliation.live.get(key), rules=rules, openapi=self.schemas.openapi, jq=self._judge.jq
            )
        return normalize_target(target)

    def _rules(self, application: Application) -> CompareRules:
        """The rules of an Application, made once for the object: their digest takes long."""
        identity = (application.metadata.namespace, application.name)
        known = self._known_rules.get(identity)
        if known is None or known[0] is not application or known[1] is not self.settings:
            known = (application, self.settings, compare_rules(application, self.settings.rules))
            self._known_rules[identity] = known
        return known[2]

    def unknown(self, application: Application, reason: str) -> Comparison:
        """The answer for an Application that cannot be compared."""
        return Comparison(
            application=application.name,
            namespace=application.metadata.namespace or self.namespace,
            project=application.project,
            destination=application.spec.destination.server or application.spec.destination.name,
            revisions=(),
            status=SyncStatus.UNKNOWN,
            health=Health(HealthStatus.UNKNOWN),
            compared_at=self.clock(),
            reason=reason,
        )

    def tracking_name(self, application: Application) -> str:
        """Applications outside Argo CD's namespace mark their objects with ``<namespace>_<name>``."""
        namespace = application.metadata.namespace or self.namespace
        return application.name if namespace == self.namespace else f"{namespace}_{application.name}"

    def _question(self, application: Application, revision: str | None) -> "_Question":
        """The target, prepared, and what has to be listed to compare it."""
        target = self.generate(application, revision=revision)
        prepared = self._prepare(application, target)
        return _Question(application, target, prepared, frozenset(self._wanted(application, prepared)))

    def _prepare(self, application: Application, target: Target) -> PreparedTarget:
        identity = (application.metadata.namespace, application.name)
        known = self._prepared.get(identity)
        if known is not None and known.made_of(target, application, self.discovery, self.settings):
            return known.prepared
        prepared = prepare_target(
            [sourced.manifest for sourced in target.manifests],
            self.discovery,
            application=self.tracking_name(application),
            namespace=application.spec.destination.namespace,
            tracking=self.settings.tracking,
            is_excluded=self._is_excluded,
        )
        self._prepared[identity] = _Prepared(
            target.manifests, application.spec.destination.namespace, self.discovery, self.settings, prepared
        )
        return prepared

    def _is_excluded(self, group: str, kind: str) -> bool:
        return self.settings.resources.excludes(group, kind, cluster=self.connection.server)

    def _wanted(self, application: Application, target: PreparedTarget) -> Iterator[Wanted]:
        """The kinds of the target and of what the application held before, in the namespaces where it did."""
        for obj in [*target.resources.values(), *target.hooks]:
            resource = self.discovery.find(GroupVersionKind.of(obj))
            if resource is not None:
                yield resource, namespace_of(obj)
        for entry in application.status.get("resources") or ():
            gvk = GroupVersionKind(entry.get("group", ""), entry.get("version", ""), entry.get("kind", ""))
            held = self.discovery.find(gvk) or self.discovery.preferred(gvk.group, gvk.kind)
            if held is not None and not self._is_excluded(gvk.group, gvk.kind):
                yield held, entry.get("namespace", "") if held.namespaced else ""

    def _answer(self, question: "_Question", live: BatchLive) -> Reconciliation:
        application, prepared = question.application, question.prepared
        self.schemas.load({resource.openapi_path for resource, _ in question.wanted})
        failed = {
            (resource.gvk.group, resource.gvk.kind, namespace): str(error)
            for resource, namespace in question.wanted
            if (error := live.error_of((resource, namespace)))
        }
        objects = live.objects
        rules = self._rules(application)
        subjects = [
            Subject(
                key,
                obj,
                objects.get(key),
                prepared.kinds.get(key),
                failed.get((key.group, key.kind, key.namespace), ""),
                key in prepared.unknown,
            )
            for key, obj in prepared.resources.items()
        ]
        identity = (application.metadata.namespace, application.name)
        compared = self._judge.compare(identity, subjects, rules, self.settings.customizations)
        extra = self._extra(application, prepared, live)
        hooks = [ResourceKey.of(hook) for hook in prepared.hooks]
        held = [*prepared.resources, *hooks, *(entry.key for entry in extra)]
        resources = sorted([*compared, *extra], key=lambda entry: entry.key)
        return Reconciliation(
            application=application,
            comparison=self._conclude(application, question.target, resources, prepared.warnings, rules),
            targets=prepared.resources,
            hooks=prepared.hooks,
            live={key: objects[key] for key in held if key in objects},
            namespace_exists=live.namespace_exists(application.spec.destination.namespace),
        )

    def _extra(self, application: Application, target: PreparedTarget, live: BatchLive) -> list[ResourceComparison]:
        """Live objects that bear our mark and that the target no longer holds."""
        hooks = {ResourceKey.of(hook) for hook in target.hooks}
        return [
            self._judge.compare_extra(key, live.objects[key], self.settings.customizations)
            for key in live.tracked.get(self.tracking_name(application), ())
            if key not in target.resources and key not in hooks and prunable(live.objects[key])
        ]

    def _conclude(
        self,
        application: Application,
        target: Target,
        resources: Sequence[ResourceComparison],
        warnings: Sequence[str],
        rules: CompareRules,
    ) -> Comparison:
        unused = rules.unused(resources)
        counted = [entry for entry in resources if not (entry.requires_pruning and entry.ignore_extraneous)]
        unknown = next((f"{entry.key}: {entry.reason}" for entry in counted if entry.status is SyncStatus.UNKNOWN), "")
        differs = any(entry.status is SyncStatus.OUT_OF_SYNC for entry in counted)
        status = SyncStatus.UNKNOWN if unknown else SyncStatus.OUT_OF_SYNC if differs else SyncStatus.SYNCED
        return Comparison(
            application=application.name,
            namespace=application.metadata.namespace or self.namespace,
            project=application.project,
            destination=application.spec.destination.server or application.spec.destination.name,
            revisions=target.revisions,
            status=status,
            health=aggregate_health(resources, application=application_key(application, self.namespace)),
            compared_at=self.clock(),
            resources=tuple(resources),
            warnings=(*target.warnings, *warnings, *rules.problems, *map(str, unused)),
            reason=unknown,
            source_types=tuple(source.source_type.value for source in target.sources if source.source_type),
            unused_rules=unused,
        )


@dataclass(frozen=True, slots=True)
class _Question:
    """An application that is ready to be compared, and what has to be listed for it."""

    application: Application
    target: Target
    prepared: PreparedTarget
    wanted: frozenset[Wanted]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A prepared target, and what it was made of."""

    manifests: tuple[SourcedManifest, ...]
    namespace: str
    discovery: Discovery
    settings: EngineSettings
    prepared: PreparedTarget

    def made_of(self, target: Target, application: Application, discovery: Discovery, settings: EngineSettings) -> bool:
        return (
            self.manifests is target.manifests
            and self.namespace == application.spec.destination.namespace
            and self.discovery is discovery
            and self.settings is settings
        )
