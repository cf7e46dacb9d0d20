"""Global projects: what projects with certain labels inherit (``globalProjects`` of argocd-cm).

Source: docs/user-guide/projects.md (Configuring Global Projects), GetGlobalProjects and mergeVirtualProject in
util/argo/argo.go of Argo CD 3.6. There a selector that cannot be read, or a global project that is missing, silently ends the
inheritance, and with it what the others refuse; here it is an error.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.errors import SpecError, Violation
from reconciler.manifest.yaml import load_documents
from reconciler.model import AppProject

KEY: Final = "globalProjects"
_OPERATORS: Final = ("In", "NotIn", "Exists", "DoesNotExist")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One of ``matchExpressions``; ``operator`` as in a Kubernetes label selector."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        if self.operator == "Exists":
            return self.key in labels
        if self.operator == "DoesNotExist":
            return self.key not in labels
        # As in Kubernetes, what has no such label is not in the values.
        return (self.key in labels and labels[self.key] in self.values) is (self.operator == "In")


@dataclass(frozen=True, slots=True)
class GlobalProject:
    """Projects that satisfy all ``requirements`` inherit from ``project_name``; without any, all projects do."""

    project_name: str
    requirements: tuple[Requirement, ...] = ()

    def is_for(self, project: AppProject) -> bool:
        return project.name != self.project_name and all(
            requirement.matches(project.metadata.labels) for requirement in self.requirements
        )


def parse_global_projects(data: Mapping[str, str]) -> tuple[GlobalProject, ...]:
    """The global projects in the data of ``argocd-cm``.

    Raises
    ------
    SpecError
        For text that is no list of ``projectName`` and ``labelSelector``, with every violation.
    """
    text = data.get(KEY) or ""
    entries = [entry for document in load_documents(text, file=f"argocd-cm {KEY}") for entry in _entries(document)]
    violations: list[Violation] = []
    found = [_global_project(entry, f"data.{KEY}[{index}]", violations) for index, entry in enumerate(entries)]
    if violations:
        raise SpecError("argocd-cm", violations)
    return tuple(found)


def inherit_global_projects(
    project: AppProject, settings: Iterable[GlobalProject], find: Callable[[str], AppProject | None]
) -> AppProject:
    """The project with all that it inherits.

    Lists are put together. As upstream, a project without ``namespaceResourceWhitelist`` allows all kinds until it inherits
    one.

    Raises
    ------
    SpecError
        When a global project does not exist.
    """
    spec = project.spec
    for setting in settings:
        if not setting.is_for(project):
            continue
        inherited = find(setting.project_name)
        if inherited is None:
            raise SpecError(
                "argocd-cm",
                [
                    Violation(
                        f"data.{KEY}", f"there is no AppProject {setting.project_name}, which {project.name} inherits"
                    )
                ],
            )
        more = inherited.spec
        kinds = (*(spec.namespace_resource_whitelist or ()), *(more.namespace_resource_whitelist or ()))
        update = {
            name: (*getattr(spec, name), *getattr(more, name))
            for name in (
                *("cluster_resource_whitelist", "cluster_resource_blacklist", "namespace_resource_blacklist"),
                *("sync_windows", "source_repos", "destinations", "destination_service_accounts"),
            )
        }
        whitelist = kinds if kinds or spec.namespace_resource_whitelist is not None else None
        spec = spec.model_copy(update={**update, "namespace_resource_whitelist": whitelist})
    return project if spec is project.spec else project.model_copy(update={"spec": spec})


def _entries(document: Any) -> list[Any]:
    if document is None:
        return []
    if not isinstance(document, list):
        raise SpecError("argocd-cm", [Violation(f"data.{KEY}", "must be a list of projectName and labelSelector")])
    return document


def _global_project(entry: Any, where: str, violations: list[Violation]) -> GlobalProject:
    entry = entry if isinstance(entry, Mapping) else {}
    name, selector = entry.get("projectName"), entry.get("labelSelector") or {}
    if not isinstance(name, str) or not name:
        violations.append(Violation(f"{where}.projectName", "is required"))
    if not isinstance(selector, Mapping):
        violations.append(Violation(f"{where}.labelSelector", "must be a label selector"))
        return GlobalProject(str(name))
    labels = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or []
    if not isinstance(labels, Mapping) or not all(isinstance(value, str) for value in labels.values()):
        violations.append(Violation(f"{where}.labelSelector.matchLabels", "must be texts by label"))
        labels = {}
    if not isinstance(expressions, list):
        violations.append(Violation(f"{where}.labelSelector.matchExpressions", "must be a list"))
        expressions = []
    requirements = [Requirement(key, "In", frozenset({value})) for key, value in labels.items()]
    for index, expression in enumerate(expressions):
        requirements.append(_requirement(expression, f"{where}.labelSelector.matchExpressions[{index}]", violations))
    return GlobalProject(str(name), tuple(requirements))


def _requirement(expression: Any, where: str, violations: list[Violation]) -> Requirement:
    expression = expression if isinstance(expression, Mapping) else {}
    key, operator, values = expression.get("key"), expression.get("operator"), expression.get("values") or []
    if not isinstance(key, str) or not key:
        violations.append(Violation(f"{where}.key", "is required"))
    if operator not in _OPERATORS:
        violations.append(Violation(f"{where}.operator", f"must be one of {', '.join(_OPERATORS)}"))
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        violations.append(Violation(f"{where}.values", "must be a list of texts"))
        values = []
    elif (operator in ("In", "NotIn")) is not bool(values):
        violations.append(Violation(f"{where}.values", "are for In and NotIn, which need them"))
    return Requirement(str(key), str(operator), frozenset(values))
