"""Compares one Application: render, list, predict, conclude."""

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Final

from reconciler.cluster import ApiResource, Connection, Discovery, Listing, discover, get_object, list_many
from reconciler.cluster.schemas import SchemaCache
from reconciler.cluster.tracking import is_self_referencing, tracked_by
from reconciler.diff.compare import compare_resource
from reconciler.diff.records import Comparison, Health, ResourceComparison
from reconciler.diff.secrets import Masker
from reconciler.engine.records import Reconciliation
from reconciler.errors import SpecError, Violation
from reconciler.health import aggregate_health, assess_health
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey, namespace_of
from reconciler.model import Application
from reconciler.source import Capabilities, Generator, Sources, Target, revisions_of
from reconciler.sync.order import sync_wave
from reconciler.sync.plan import ignores_extraneous, prunable
from reconciler.sync.prepare import PreparedTarget, prepare_target
from reconciler.terms import ARGO_GROUP, IN_CLUSTER_SERVER, HealthStatus, SyncStatus

log = logging.getLogger(__name__)

CLUSTER_NAMES: Final = ("in-cluster",)
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
        self.masker = Masker(secrets.token_bytes(32))

    @cached_property
    def discovery(self) -> Discovery:
        return discover(self.connection)

    @cached_property
    def generator(self) -> Generator:
        """What renders Applications, for the capabilities of this cluster."""
        capabilities = Capabilities(self.discovery.kube_version, self.discovery.api_versions)
        return self.sources.generator(capabilities, namespace=self.namespace)

    def begin_run(self) -> None:
        """Read sources, kinds and schemas anew."""
        self.sources.begin_run()
        self.forget_kinds()

    def forget_kinds(self) -> None:
        """Look up kinds and schemas anew: a custom resource definition has changed."""
        self.__dict__.pop("discovery", None)
        self.__dict__.pop("generator", None)
        self.schemas.forget()

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
        self._check_destination(application)
        if application.spec.ignore_differences:
            log.warning(
                "%s: spec.ignoreDifferences is not applied yet: the fields it names show as differences",
                application.name,
            )
        target = self.generate(application, revision=revision)
        prepared = prepare_target(
            [sourced.manifest for sourced in target.manifests],
            self.discovery,
            application=self._tracking_name(application),
            namespace=application.spec.destination.namespace,
        )
        listings = self._list(application, prepared)
        live = {ResourceKey.of(obj): obj for listing in listings for obj in listing.objects}
        failed = {
            (listing.resource.gvk.group, listing.resource.gvk.kind, listing.namespace): str(listing.error)
            for listing in listings
            if listing.error
        }
        self.schemas.load({listing.resource.openapi_path for listing in listings})
        compared = [self._compare(key, obj, live.get(key), prepared, failed) for key, obj in prepared.resources.items()]
        compared += self._extra(application, prepared, live)
        compared.sort(key=lambda entry: entry.key)
        return Reconciliation(
            application=application,
            comparison=self._conclude(application, target, compared, prepared.warnings),
            targets=prepared.resources,
            hooks=prepared.hooks,
            live=live,
            namespace_exists=self._namespace_exists(application.spec.destination.namespace),
        )

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

    def _check_destination(self, application: Application) -> None:
        destination = application.spec.destination
        here = (IN_CLUSTER_SERVER, self.connection.server)
        server = destination.server.rstrip("/")
        if (server and server not in here) or (destination.name and destination.name not in CLUSTER_NAMES):
            field_name = "server" if server else "name"
            raise SpecError(
                f"Application {application.name}",
                [
                    Violation(
                        f"spec.destination.{field_name}",
                        f"{server or destination.name} is not the connected cluster ({self.connection.server}, also known as "
                        f"{IN_CLUSTER_SERVER} or in-cluster); choose its context with --context",
                    )
                ],
            )

    def _tracking_name(self, application: Application) -> str:
        """Applications outside Argo CD's namespace mark their objects with ``<namespace>_<name>``."""
        namespace = application.metadata.namespace or self.namespace
        return application.name if namespace == self.namespace else f"{namespace}_{application.name}"

    def _list(self, application: Application, target: PreparedTarget) -> list[Listing]:
        """List the kinds of the target and of what the application held before, in the namespaces where it did."""
        wanted: set[tuple[ApiResource, str]] = set()
        for obj in [*target.resources.values(), *target.hooks]:
            resource = self.discovery.find(GroupVersionKind.of(obj))
            if resource is not None:
                wanted.add((resource, namespace_of(obj)))
        for entry in application.status.get("resources") or ():
            gvk = GroupVersionKind(entry.get("group", ""), entry.get("version", ""), entry.get("kind", ""))
            held = self.discovery.find(gvk) or self.discovery.preferred(gvk.group, gvk.kind)
            if held is not None:
                wanted.add((held, entry.get("namespace", "") if held.namespaced else ""))
        return list_many(self.connection, sorted(wanted, key=lambda pair: (pair[0].gvk, pair[1])))

    def _compare(
        self,
        key: ResourceKey,
        obj: Manifest,
        live: Manifest | None,
        target: PreparedTarget,
        failed: Mapping[Place, str],
    ) -> ResourceComparison:
        version, wave = GroupVersionKind.of(obj).version, sync_wave(obj)
        shown = self.masker.mask_object(obj)
        if key in target.unknown:
            text = f"the cluster does not know the kind {GroupVersionKind.of(obj)}; install its CustomResourceDefinition first"
            return ResourceComparison(key, version, SyncStatus.UNKNOWN, target=shown, reason=text, wave=wave)
        reason = failed.get((key.group, key.kind, key.namespace))
        if reason:
            return ResourceComparison(key, version, SyncStatus.UNKNOWN, target=shown, reason=reason, wave=wave)
        compared = compare_resource(
            key, version, obj, live, openapi=self.schemas.openapi, masker=self.masker, wave=wave
        )
        return replace(compared, health=assess_health(live) if live is not None else Health(HealthStatus.MISSING))

    def _extra(
        self, application: Application, target: PreparedTarget, live: Mapping[ResourceKey, Manifest]
    ) -> list[ResourceComparison]:
        """Live objects that bear our mark and that the target no longer holds."""
        name = self._tracking_name(application)
        hooks = {ResourceKey.of(hook) for hook in target.hooks}
        extra = []
        for key, obj in live.items():
            tracking = tracked_by(obj)
            ours = tracking is not None and tracking.application == name and is_self_referencing(obj, tracking)
            if not ours or key in target.resources or key in hooks or not prunable(obj):
                continue
            compared = compare_resource(
                key, GroupVersionKind.of(obj).version, None, obj, openapi=self.schemas.openapi, masker=self.masker
            )
            extra.append(
                replace(
                    compared,
                    health=assess_health(obj),
                    requires_pruning=True,
                    ignore_extraneous=ignores_extraneous(obj),
                    wave=sync_wave(obj),
                )
            )
        return extra

    def _conclude(
        self, application: Application, target: Target, resources: Sequence[ResourceComparison], warnings: Sequence[str]
    ) -> Comparison:
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
            warnings=(*target.warnings, *warnings),
            reason=unknown,
            source_types=tuple(source.source_type.value for source in target.sources if source.source_type),
        )

    def _namespace_exists(self, name: str) -> bool:
        resource = self.discovery.find(GroupVersionKind("", "v1", "Namespace"))
        return (
            not name or resource is None or get_object(self.connection, resource, namespace="", name=name) is not None
        )
