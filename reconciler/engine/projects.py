"""The AppProjects of one run: read once, with what they inherit, and asked before anything is rendered or written."""

from collections.abc import Callable

from reconciler.access import (
    DestinationCluster,
    effective_project,
    inherit_global_projects,
    parse_global_projects,
    permits_resource,
    refusals,
)
from reconciler.cluster.discovery import Discovery
from reconciler.errors import AccessDeniedError
from reconciler.manifest.objects import ResourceKey
from reconciler.model import Application, AppProject
from reconciler.patterns.evaluate import PatternEvaluator

ReadProject = Callable[[str], AppProject | None]
Permits = Callable[[Application, Discovery], Callable[[ResourceKey], str]]
"""Of an Application and its cluster's kinds: why its project does not let it manage an object, empty when it does."""


def permits_all(_application: Application, _discovery: Discovery) -> Callable[[ResourceKey], str]:
    """What is permitted where there are no projects."""
    return lambda _key: ""


class Projects:
    """Answers what projects permit.

    Parameters
    ----------
    read
        The AppProject of that name, None when there is none.
    settings
        The data of ``argocd-cm``, for the global projects.
    namespace
        Argo CD's own namespace.
    """

    def __init__(self, read: ReadProject, settings: Callable[[], dict[str, str]], *, namespace: str) -> None:
        self._read = read
        self._settings = settings
        self._namespace = namespace
        self._found: dict[str, AppProject | None] = {}
        self._effective: dict[str, AppProject | None] = {}
        self._patterns = PatternEvaluator()

    def begin_run(self) -> None:
        """Read all projects anew."""
        self._found.clear()
        self._effective.clear()
        self._patterns = PatternEvaluator()

    def read(self, name: str) -> AppProject | None:
        """The AppProject as it is written."""
        if name not in self._found:
            self._found[name] = self._read(name)
        return self._found[name]

    def effective(self, name: str) -> AppProject | None:
        """With what it inherits; ``default`` is always there, and None permits nothing.

        Raises
        ------
        SpecError
            When the global projects of ``argocd-cm`` cannot be read, or one of them is not there.
        """
        if name not in self._effective:
            project = effective_project(name, self.read(name))
            if project is not None:
                project = inherit_global_projects(project, parse_global_projects(self._settings()), self.read)
            self._effective[name] = project
        return self._effective[name]

    def require(self, application: Application, cluster: DestinationCluster) -> None:
        """Refuse an Application whose sources or destination its project does not permit.

        Raises
        ------
        AccessDeniedError
            With all reasons.
        SpecError
            As `effective`.
        """
        project = self.effective(application.project)
        reasons = refusals(project, application, cluster, control_namespace=self._namespace, matcher=self._patterns)
        if reasons:
            remedy = "choose another project in spec.project, or extend this one"
            raise AccessDeniedError(f"Application {application.name}: {'; '.join(reasons)}; {remedy}")

    def permit(
        self, application: Application, cluster: DestinationCluster, discovery: Discovery
    ) -> Callable[[ResourceKey], str]:
        """Why the Application's project does not let it manage an object, empty when it does."""
        project = self.effective(application.project)

        def reason(key: ResourceKey) -> str:
            if project is None:
                return f"there is no project {application.project}"
            resource = discovery.preferred(key.group, key.kind)
            namespaced = resource.namespaced if resource is not None else bool(key.namespace)
            return permits_resource(project, key, cluster, namespaced=namespaced).reason

        return reason
