"""Compares one Application: render, list, predict, conclude."""

import contextlib
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from reconciler.cluster import Connection, Discovery, discover
from reconciler.cluster.schemas import SchemaCache
from reconciler.diff.normalize import normalize_target
from reconciler.diff.records import Comparison, ResourceComparison
from reconciler.diff.respect import respect_ignored
from reconciler.diff.rules import CompareRules
from reconciler.diff.secrets import Masker
from reconciler.diff.settings import compare_rules
from reconciler.engine.concluding import Concluder, Conclusion, Grounds, application_key, source_types
from reconciler.engine.judging import Judge, Mark, Subject
from reconciler.engine.listing import BatchLive, Listed, LiveSource, seldom_collecting_garbage
from reconciler.engine.projects import Permits, permits_all
from reconciler.engine.questions import Preparation, Question, refused_keys, unseen_before, wanted_places
from reconciler.engine.records import Reconciliation
from reconciler.engine.settings import EngineSettings, parse_engine_settings
from reconciler.engine.views import Decoded, LiveObject, Views, Wanted
from reconciler.errors import ReconcilerError
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey
from reconciler.model import Application
from reconciler.source import Capabilities, Generator, Sources, Target, revisions_of
from reconciler.sync.prepare import PreparedTarget, prepare_target
from reconciler.terms import ConditionType

if TYPE_CHECKING:
    from reconciler.engine.following import Followed

__all__ = ["Comparer", "application_key"]


class Comparer:
    """Answers what differs between Git and one cluster; keeps its discovery, schemas and sources between questions.

    Parameters are those of `reconciler.engine.Reconciler`.
    """

    def __init__(
        self,
        connection: Connection,
        sources: Sources,
        *,
        namespace: str,
        clock: Callable[[], datetime],
        follow: bool = False,
        permits: Permits = permits_all,
    ) -> None:
        self.connection = connection
        self._permits = permits
        self.sources = sources
        self.namespace = namespace
        self.clock = clock
        self.schemas = SchemaCache(connection)
        self._discovered: Discovery | None = None
        self._settings: tuple[Any, EngineSettings] | None = None
        self._known_rules: dict[tuple[str, str], tuple[Application, EngineSettings, CompareRules]] = {}
        self._prepared: dict[tuple[str, str], Preparation] = {}
        self.masker = Masker(secrets.token_bytes(32))
        self._judge = Judge(connection, self.schemas, self.masker)
        self._concluder = Concluder(namespace=namespace, clock=clock)
        self._views = Views()
        self._paths: set[str] = set()
        self.followed = _followed(connection) if follow else None
        self._live: LiveSource = self.followed or Listed(connection)

    def close(self) -> None:
        """End all watches; questions are answered by lists from here on."""
        if self.followed is not None:
            self._live = Listed(self.connection)
            self.followed.close()
            self.followed = None

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

    def prepare(self, application: Application, *, revision: str | None = None) -> None:
        """Render ahead of a comparison, which finds it while nothing has changed; errors as `generate`."""
        self._question(application, revision)

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
        return self._answer(question, self._batch([question]))

    @seldom_collecting_garbage()
    def reconcile_all(
        self, applications: Sequence[Application], *, revision: str | None = None
    ) -> list[Reconciliation | Comparison]:
        """Render, list and compare many, each at ``revision`` or its own: each kind is listed once for all of them.

        One that cannot be compared is an Unknown comparison with its reason, and keeps none of the others back.
        """
        asked: list[Question | Comparison] = []
        for application in applications:
            try:
                asked.append(self._question(application, revision))
            except ReconcilerError as error:
                asked.append(self.unknown(application, str(error)))
        questions = [entry for entry in asked if isinstance(entry, Question)]
        live = self._batch(questions)
        live.find_namespaces(entry.application.spec.destination.namespace for entry in questions)
        answers: list[Reconciliation | Comparison] = []
        for entry in asked:
            try:
                answers.append(self._answer(entry, live) if isinstance(entry, Question) else entry)
            except ReconcilerError as error:
                assert isinstance(entry, Question)
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
        identity = _identity(application)
        known = self._known_rules.get(identity)
        if known is None or known[0] is not application or known[1] is not self.settings:
            known = (application, self.settings, compare_rules(application, self.settings.rules))
            self._known_rules[identity] = known
        return known[2]

    def unknown(
        self, application: Application, reason: str, reason_type: ConditionType = ConditionType.COMPARISON
    ) -> Comparison:
        """The answer for an Application that cannot be compared."""
        return self._concluder.unknown(application, reason, reason_type)

    def tracking_name(self, application: Application) -> str:
        """Applications outside Argo CD's namespace mark their objects with ``<namespace>_<name>``."""
        namespace = application.metadata.namespace or self.namespace
        return application.name if namespace == self.namespace else f"{namespace}_{application.name}"

    def _question(self, application: Application, revision: str | None) -> Question:
        """The target, prepared, and what has to be listed to compare it."""
        target = self.generate(application, revision=revision)
        identity = _identity(application)
        known = self._prepared.get(identity)
        if known is None or not known.is_of(target, application, self.discovery, self.settings):
            prepared = self._prepare(application, target)
            places = wanted_places(application, prepared, self.discovery, is_excluded=self.is_excluded)
            wanted = tuple(dict.fromkeys(places))
            known = Preparation(target.manifests, application, self.discovery, self.settings, prepared, wanted)
            self._prepared[identity] = known
        return Question(application, target, known.prepared, known.wanted)

    def _prepare(self, application: Application, target: Target) -> PreparedTarget:
        known = self._prepared.get(_identity(application))
        if known is not None and known.is_of_target(target, application, self.discovery, self.settings):
            return known.prepared
        return prepare_target(
            [sourced.manifest for sourced in target.manifests],
            self.discovery,
            application=self.tracking_name(application),
            namespace=application.spec.destination.namespace,
            tracking=self.settings.tracking,
            is_excluded=self.is_excluded,
        )

    def is_excluded(self, group: str, kind: str) -> bool:
        """Whether a kind is none of Argo CD's business (``resource.exclusions``)."""
        return self.settings.resources.excludes(group, kind, cluster=self.connection.server)

    def _batch(self, questions: Sequence[Question]) -> BatchLive:
        """What the cluster holds of all that is wanted; listed when it is first looked into."""
        wanted = tuple(dict.fromkeys(pair for question in questions for pair in question.wanted))
        # Each question says itself what cannot be loaded.
        with contextlib.suppress(ReconcilerError):
            self._load_schemas(wanted)
        return BatchLive(
            self.connection,
            self.discovery,
            wanted,
            source=self._live,
            views=self._views,
            tracking=self.settings.tracking,
        )

    def _load_schemas(self, wanted: Iterable[Wanted]) -> None:
        """Have the schemas of all kinds; of those that changed, nothing that is held counts any more."""
        paths = {resource.openapi_path for resource, _ in wanted}
        self.schemas.load(paths - self._paths)
        changed = set()
        for path in sorted(paths & self._paths):
            before = self.schemas.generation
            self.schemas.load([path])
            if self.schemas.generation != before:
                changed.add(path)
        self._paths |= paths
        if changed:
            # A new default shows in objects whose version stays what it was.
            resources = [resource for resource in self.discovery.resources if resource.openapi_path in changed]
            self._live.forget(resources)
            self._views.forget(resources)

    def _answer(self, question: Question, live: BatchLive) -> Reconciliation:
        application, prepared = question.application, question.prepared
        self.schemas.load({resource.openapi_path for resource, _ in question.wanted})
        tracked = live.tracked.get(self.tracking_name(application), ())
        refused = refused_keys(question, tracked, self._permits(application, self.discovery))
        tracked = [found for found in tracked if found.key not in refused]
        grounds = self._grounds(question, live, tracked, refused)
        conclusion = self._concluder.recall(application, grounds)
        if conclusion is None:
            conclusion = self._compare(question, live, tracked, refused)
            if all(self._judge.remembers(_identity(application), key) for key in prepared.resources):
                self._concluder.keep(application, grounds, conclusion)
        return Reconciliation(
            application=application,
            comparison=conclusion.comparison,
            targets=prepared.resources,
            hooks=prepared.hooks,
            live=Decoded(conclusion.held, lambda key: live.find(key, prepared.kinds.get(key))),
            namespace_exists=live.namespace_exists(application.spec.destination.namespace),
        )

    def _grounds(
        self, question: Question, live: BatchLive, tracked: Sequence[LiveObject], refused: Mapping[ResourceKey, str]
    ) -> Grounds:
        application, target = question.application, question.target
        views = (live.views[pair].stamp for pair in question.wanted)
        return Grounds(
            (application, question.prepared, self._rules(application), self.settings, *views, *tracked),
            (
                self.schemas.generation,
                self._judge.generation,
                target.revisions,
                target.warnings,
                source_types(target),
                refused,
            ),
        )

    def _compare(
        self, question: Question, live: BatchLive, tracked: Sequence[LiveObject], refused: Mapping[ResourceKey, str]
    ) -> Conclusion:
        application, prepared, rules = question.application, question.prepared, self._rules(question.application)
        failed = {
            (resource.gvk.group, resource.gvk.kind, namespace): str(error)
            for resource, namespace in question.wanted
            if (error := live.error_of((resource, namespace)))
        }
        subjects = [
            Subject(
                key,
                obj,
                live.find(key, prepared.kinds.get(key)) if key not in refused else None,
                prepared.kinds.get(key),
                refused.get(key)
                or self._why_unknown(key, obj, prepared)
                or failed.get((key.group, key.kind, key.namespace), ""),
                refused=key in refused,
            )
            for key, obj in prepared.resources.items()
        ]
        mark = Mark(self.tracking_name(application), self.settings.tracking)
        compared = self._judge.compare(_identity(application), subjects, rules, self.settings.customizations, mark=mark)
        extra = self._extra(application, prepared, tracked)
        permit = self._permits(application, self.discovery)
        unseen = (
            entry
            for entry in unseen_before(application, prepared, failed, self.discovery, is_excluded=self.is_excluded)
            if not permit(entry.key)
        )
        resources = sorted([*compared, *extra, *unseen], key=lambda entry: entry.key)
        held = (*prepared.resources, *map(ResourceKey.of, prepared.hooks), *(entry.key for entry in extra))
        return Conclusion(
            self._concluder.conclude(application, question.target, resources, prepared.conditions, rules),
            tuple(key for key in held if key not in refused),
        )

    def _why_unknown(self, key: ResourceKey, obj: Manifest, prepared: PreparedTarget) -> str:
        return self.discovery.why_unknown(GroupVersionKind.of(obj)) if key in prepared.unknown else ""

    def _extra(
        self, application: Application, target: PreparedTarget, tracked: Sequence[LiveObject]
    ) -> list[ResourceComparison]:
        """Live objects that bear our mark and that the target no longer holds."""
        hooks = {ResourceKey.of(hook) for hook in target.hooks}
        verdicts = (
            self._judge.compare_extra(_identity(application), found, self.settings.customizations)
            for found in tracked
            if found.key not in target.resources and found.key not in hooks
        )
        return [verdict for verdict in verdicts if verdict is not None]


def _followed(connection: Connection) -> "Followed":
    from reconciler.engine.following import Followed

    return Followed(connection)


def _identity(application: Application) -> tuple[str, str]:
    return (application.metadata.namespace, application.name)
