"""What an AppProject permits: sources, destinations and kinds. Every answer is a value with its reason.

Source: pkg/apis/application/v1alpha1/app_project_types.go, ValidatePermissions in util/argo/argo.go, validateSyncPermissions
in controller/sync.go, and docs/user-guide/projects.md of Argo CD 3.6.

Where the code grants more than the documentation says, the documentation counts:

- Rules that begin with ``!`` only refuse. In the code a lone ``!x`` permits everything but x.
- A destination's ``!namespace`` refuses also where the cluster matches by name, in the code only where it matches by server;
  and ``!server`` with ``!namespace`` refuses the namespace on that server too, which the code lets pass.
- A source rule with ``!`` refuses other spellings of the repository (see `resolved_address`), in the code only the same text.
- ``permitOnlyProjectScopedClusters`` asks that the destination itself is the project's. In the code a cluster of the project
  with the same name, elsewhere, will do.
- ``*`` in the middle of a pattern stands for what is there: in the code ``p1/*/web`` matches ``p1/web``, and ``?`` nothing.
- A rule that refuses and whose pattern is broken refuses all; in the code it refuses nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from reconciler.access.repositories import normalized_address, resolved_address
from reconciler.globs import GlobError, glob_matches, path_matches, require_glob
from reconciler.manifest.objects import ResourceKey
from reconciler.model import Application, AppProject
from reconciler.model.base import ObjectMeta
from reconciler.model.project import AppProjectSpec, ClusterGroupKind, GroupKind, ProjectDestination
from reconciler.patterns.evaluate import PatternAnswer

DEFAULT_PROJECT: Final = "default"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer; ``reason`` is empty when it is permitted."""

    reason: str = ""

    @property
    def permitted(self) -> bool:
        return not self.reason


PERMITTED: Final = Verdict()


@dataclass(frozen=True, slots=True)
class DestinationCluster:
    """The cluster that requests will go to, resolved: both its server URL and its name.

    ``projects`` are those whose own the cluster is (``project`` in its Secrets).
    """

    server: str
    name: str = ""
    projects: frozenset[str] = frozenset()


PatternMatcher = Callable[[str, str], PatternAnswer]
"""Whether a regular expression of an AppProject is found in a text; evaluated outside of the run's own process."""

_UNANSWERED: Final = PatternAnswer(False)

IMPLICIT_DEFAULT: Final = AppProject.model_construct(
    api_version="argoproj.io/v1alpha1",
    kind="AppProject",
    metadata=ObjectMeta(name=DEFAULT_PROJECT),
    spec=AppProjectSpec(
        source_repos=("*",),
        destinations=(ProjectDestination(server="*", namespace="*"),),
        cluster_resource_whitelist=(ClusterGroupKind(group="*", kind="*"),),
    ),
    status={},
)
"""The project ``default`` as Argo CD creates it at its start, where there is none."""


def effective_project(name: str, found: AppProject | None) -> AppProject | None:
    """The project of that name; None, which permits nothing, when there is none. ``default`` is always there."""
    return IMPLICIT_DEFAULT if found is None and name == DEFAULT_PROJECT else found


def permits_source(project: AppProject, repo_url: str) -> Verdict:
    """Whether an Application may read a repository, chart repository or registry."""
    reason = f"application repo {_shown(repo_url)} is not permitted in project '{project.name}'"
    address = normalized_address(repo_url)
    refusing = [rule[1:] for rule in project.spec.source_repos if rule.startswith("!")]
    if any(
        _refuses(normalized_address(rule), address, separator="/")
        or _refuses(resolved_address(rule), resolved_address(repo_url), separator="/")
        for rule in refusing
    ):
        return Verdict(f"{reason}: a rule of sourceRepos refuses it")
    allowing = [normalized_address(rule) for rule in project.spec.source_repos if not rule.startswith("!")]
    if any(rule == "*" or glob_matches(rule, address, separator="/") for rule in allowing):
        return PERMITTED
    if refusing and not allowing:
        return Verdict(f"{reason}: its rules only refuse; add the repositories that are allowed, or '*'")
    return Verdict(reason)


def permits_destination(project: AppProject, cluster: DestinationCluster, namespace: str) -> Verdict:
    """Whether a project's Applications may use a namespace of a cluster."""
    reason = (
        f"application destination server '{cluster.server}' and namespace '{namespace}' do not match any of the allowed "
        f"destinations in project '{project.name}'"
    )
    allowed = False
    for rule in project.spec.destinations:
        parts = [part for part in (rule.server, rule.name, rule.namespace) if part.startswith("!")]
        if not parts:
            allowed = allowed or (
                _matches_cluster(rule, cluster, glob_matches) and glob_matches(rule.namespace, namespace)
            )
        elif _destination_refused(rule, cluster, namespace):
            return Verdict(f"{reason}: the rule with {', '.join(parts)} refuses it")
    if not allowed:
        return Verdict(reason)
    if project.spec.permit_only_project_scoped_clusters and project.name not in cluster.projects:
        return Verdict(f"{reason}: the cluster is not the project's own (permitOnlyProjectScopedClusters)")
    return PERMITTED


def permits_resource(
    project: AppProject, key: ResourceKey, cluster: DestinationCluster, *, namespaced: bool
) -> Verdict:
    """Whether an object may be written or deleted; ``key`` and ``cluster`` are those of the request itself.

    Parameters
    ----------
    namespaced
        What the cluster says of the kind. A namespaced object is judged by its own namespace, not the Application's.
    """
    spec = project.spec
    refused = Verdict(f"resource {key.group}:{key.kind} is not permitted in project {project.name}")
    if not namespaced:
        listed = any(_lists(rule, key) for rule in spec.cluster_resource_whitelist)
        return PERMITTED if listed and not _blacklists(spec.cluster_resource_blacklist, key) else refused
    allowed = spec.namespace_resource_whitelist
    if allowed is not None and not any(_lists(rule, key) for rule in allowed):
        return refused
    if _blacklists(spec.namespace_resource_blacklist, key):
        return refused
    if not permits_destination(project, cluster, key.namespace).permitted:
        return Verdict(f"namespace {key.namespace} is not permitted in project '{project.name}'")
    return PERMITTED


def permits_application_namespace(
    project: AppProject, namespace: str, *, control_namespace: str, matcher: PatternMatcher | None = None
) -> Verdict:
    """Whether Applications of a namespace may belong to the project (``sourceNamespaces``).

    Argo CD's own namespace always may. A rule ``/…/`` is a regular expression, found anywhere in the name; one that cannot be
    evaluated, or any without a ``matcher``, permits nothing.

    Source: IsAppNamespacePermitted in pkg/apis/application/v1alpha1/app_project_types.go of Argo CD 3.6, and
    docs/operator-manual/app-any-namespace.md.
    """
    if namespace in ("", control_namespace):
        return PERMITTED
    reason = f"application in namespace '{namespace}' is not allowed to use project '{project.name}'"
    problems = []
    for rule in project.spec.source_namespaces:
        if len(rule) > 2 and rule.startswith("/") and rule.endswith("/"):
            answer = _UNANSWERED if matcher is None else matcher(rule[1:-1], namespace)
            if answer.found:
                return PERMITTED
            problems += [f"sourceNamespaces: {rule} {answer.problem}"] if answer.problem else []
        elif glob_matches(rule, namespace):
            return PERMITTED
    return Verdict("; ".join([reason, *problems]))


def refusals(
    project: AppProject | None,
    application: Application,
    cluster: DestinationCluster,
    *,
    control_namespace: str,
    matcher: PatternMatcher | None = None,
) -> tuple[str, ...]:
    """All reasons for which a project does not permit an Application as it is written; none when it does.

    Its objects are judged one by one by `permits_resource`.

    Parameters
    ----------
    project
        With what it inherits from global projects; None when there is no such project, which permits nothing.
    """
    if project is None:
        return (f"Application referencing project {application.project} which does not exist",)
    verdicts = [
        permits_application_namespace(
            project, application.metadata.namespace, control_namespace=control_namespace, matcher=matcher
        ),
        *(permits_source(project, url) for url in dict.fromkeys(_repositories(application))),
        permits_destination(project, cluster, application.spec.destination.namespace),
    ]
    return tuple(verdict.reason for verdict in verdicts if not verdict.permitted)


def _repositories(application: Application) -> Iterator[str]:
    hydrator = application.spec.source_hydrator
    if hydrator is not None:
        yield hydrator.dry_source.repo_url
        yield hydrator.sync_source.repo_url or hydrator.dry_source.repo_url
    for source in application.sources:
        yield source.repo_url


def _destination_refused(rule: ProjectDestination, cluster: DestinationCluster, namespace: str) -> bool:
    """Each part with ``!`` refuses what it names, where the parts without it match."""
    if rule.namespace.startswith("!"):
        elsewhere = rule.model_copy(
            update={part: "" for part in ("server", "name") if getattr(rule, part).startswith("!")}
        )
        clusters = not (elsewhere.server or elsewhere.name) or _matches_cluster(elsewhere, cluster, glob_matches)
        if clusters and _refuses(rule.namespace[1:], namespace):
            return True
        here = True
    else:
        here = glob_matches(rule.namespace, namespace)
    return here and any(
        part.startswith("!") and bool(value) and _refuses(part[1:], value)
        for part, value in ((rule.server, cluster.server), (rule.name, cluster.name))
    )


def _matches_cluster(
    rule: ProjectDestination, cluster: DestinationCluster, matches: Callable[[str, str], bool]
) -> bool:
    return any(
        bool(value) and matches(part, value)
        for part, value in ((rule.server, cluster.server), (rule.name, cluster.name))
    )


def _refuses(pattern: str, text: str, *, separator: str = "") -> bool:
    try:
        return pattern == "*" or require_glob(pattern, text, separator=separator)
    except GlobError:
        return True


def _lists(rule: GroupKind, key: ResourceKey) -> bool:
    try:
        return _names(rule, key)
    except GlobError:
        return False


def _blacklists(rules: Iterable[GroupKind], key: ResourceKey) -> bool:
    for rule in rules:
        try:
            if _names(rule, key):
                return True
        except GlobError:
            return True
    return False


def _names(rule: GroupKind, key: ResourceKey) -> bool:
    name = rule.name if isinstance(rule, ClusterGroupKind) else ""
    patterns = [(rule.kind, key.kind), (rule.group, key.group), *([(name, key.name)] if name else [])]
    # All of them are read: a broken one counts even where another does not match.
    matched = [path_matches(pattern, text) for pattern, text in patterns]
    return all(matched)


def _shown(repo_url: str) -> str:
    """Without user name and password, as Git's messages are."""
    scheme, separator, rest = repo_url.partition("://")
    if separator and scheme.lower() != "ssh":
        authority, slash, path = rest.partition("/")
        return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
    return repo_url
