"""The options of ``app set`` and ``app unset``: names and meanings as argocd's.

What each does is in `reconciler.model.editing`, by the same names. They are a table, because a signature of seventy
parameters would say less.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer

_F = TypeVar("_F", bound=Callable[..., Any])

TEXT: Final = str | None
TEXTS: Final = list[str] | None
FLAG: Final = bool | None
COUNT: Final = int | None
FILE: Final = Path | None


@dataclass(frozen=True, slots=True)
class SpecOption:
    """One option; ``short`` is a letter with its dash."""

    name: str
    type: Any
    help: str
    metavar: str | None = None
    short: str = ""

    @property
    def parameter(self) -> str:
        return self.name.replace("-", "_")

    def annotated(self) -> Any:
        names = f"--{self.name}/--no-{self.name}" if self.type == FLAG else f"--{self.name}"
        words = (names, self.short) if self.short else (names,)
        return Annotated[self.type, typer.Option(*words, help=self.help, metavar=self.metavar, show_default=False)]


PAIR: Final = "NAME=VALUE"
SET_OPTIONS: Final = (
    SpecOption("repo", TEXT, "Address of the repository.", "URL"),
    SpecOption("path", TEXT, "Folder in the repository."),
    SpecOption("revision", TEXT, "Branch, tag, commit or version to track."),
    SpecOption("helm-chart", TEXT, "Name of the chart, of a repository of charts.", "CHART"),
    SpecOption("tag-prefix", TEXT, "What tags begin with, before the version that is tracked.", "PREFIX"),
    SpecOption("ref", TEXT, "Name by which other sources refer to this one."),
    SpecOption("dest-server", TEXT, "Address of the cluster to deploy to.", "URL"),
    SpecOption("dest-name", TEXT, "Name of the cluster to deploy to.", "NAME"),
    SpecOption("dest-namespace", TEXT, "Namespace to deploy to.", "NAME"),
    SpecOption("project", TEXT, "Project of the Application.", "NAME"),
    SpecOption("revision-history-limit", COUNT, "How many syncs its status keeps for rollbacks."),
    SpecOption("sync-policy", TEXT, "automated, or none.", "POLICY"),
    SpecOption("auto-prune", FLAG, "Automated syncs delete what Git no longer holds."),
    SpecOption("self-heal", FLAG, "Automated syncs undo changes of others."),
    SpecOption("allow-empty", FLAG, "Automated syncs may delete everything."),
    SpecOption("sync-option", TEXTS, "Add a sync option; with ! before it, take it out.", "[!]NAME=VALUE"),
    SpecOption("sync-retry-limit", COUNT, "How often a failed sync is tried again; 0 for never."),
    SpecOption("sync-retry-backoff-duration", TEXT, "What the waits grow from, such as 5s.", "DURATION"),
    SpecOption("sync-retry-backoff-max-duration", TEXT, "The longest wait, such as 3m.", "DURATION"),
    SpecOption("sync-retry-backoff-factor", COUNT, "By what each wait is longer than the one before."),
    SpecOption("sync-retry-refresh", FLAG, "Try the newest revision again, not the one that failed."),
    SpecOption("parameter", TEXTS, "Set a parameter of a Helm chart.", PAIR, "-p"),
    SpecOption("values", TEXTS, "Value files, in place of those there are; may be repeated.", "FILE"),
    SpecOption(
        "values-literal-file", FILE, "File of this machine, whose values the Application then holds itself.", "FILE"
    ),
    SpecOption("ignore-missing-value-files", FLAG, "Pass over value files that are not there."),
    SpecOption("release-name", TEXT, "Name of the release.", "NAME"),
    SpecOption("helm-set", TEXTS, "Set a parameter.", PAIR),
    SpecOption("helm-set-string", TEXTS, "Set a parameter that is a text whatever it looks like.", PAIR),
    SpecOption("helm-set-file", TEXTS, "Set a parameter from a file of the repository.", "NAME=PATH"),
    SpecOption("helm-version", TEXT, "Version of Helm.", "VERSION"),
    SpecOption("helm-namespace", TEXT, "Namespace that the chart sees.", "NAME"),
    SpecOption("helm-kube-version", TEXT, "Kubernetes version that the chart sees.", "VERSION"),
    SpecOption("helm-api-versions", TEXTS, "APIs that the chart sees; may be repeated.", "API"),
    SpecOption("helm-pass-credentials", FLAG, "Send credentials to every host that the repository leads to."),
    SpecOption("helm-skip-crds", FLAG, "Leave out the chart's definitions of custom resources."),
    SpecOption("helm-skip-schema-validation", FLAG, "Do not check values by the chart's schema."),
    SpecOption("helm-skip-tests", FLAG, "Leave out the chart's tests."),
    SpecOption("kustomize-image", TEXTS, "Set an image, such as nginx:1.29 or web=registry/web:2.", "IMAGE"),
    SpecOption("kustomize-replica", TEXTS, "Set a count of replicas.", "NAME=COUNT"),
    SpecOption("kustomize-namespace", TEXT, "Namespace of all objects.", "NAME"),
    SpecOption("kustomize-version", TEXT, "Version of kustomize.", "VERSION"),
    SpecOption("kustomize-kube-version", TEXT, "Kubernetes version that charts see.", "VERSION"),
    SpecOption("kustomize-api-versions", TEXTS, "APIs that charts see; may be repeated.", "API"),
    SpecOption("kustomize-common-label", TEXTS, "Labels of all objects, in place of those there are.", PAIR),
    SpecOption("kustomize-common-annotation", TEXTS, "Annotations of all objects, in place of those there are.", PAIR),
    SpecOption("kustomize-label-without-selector", FLAG, "Labels are left out of selectors."),
    SpecOption("kustomize-label-include-templates", FLAG, "Labels are put on templates of pods."),
    SpecOption("kustomize-force-common-label", FLAG, "Labels win over those of the objects."),
    SpecOption("kustomize-force-common-annotation", FLAG, "Annotations win over those of the objects."),
    SpecOption("ignore-missing-components", FLAG, "Pass over components that are not there."),
    SpecOption("nameprefix", TEXT, "What all names begin with.", "PREFIX"),
    SpecOption("namesuffix", TEXT, "What all names end with.", "SUFFIX"),
    SpecOption("directory-recurse", FLAG, "Read folders below the folder as well."),
    SpecOption("directory-include", TEXT, "Only files that match.", "GLOB"),
    SpecOption("directory-exclude", TEXT, "No files that match.", "GLOB"),
    SpecOption("directory-disable-extension-filter", FLAG, "Read files of any extension that are included."),
    SpecOption("jsonnet-tla-str", TEXTS, "Set a top-level argument to a text.", PAIR),
    SpecOption("jsonnet-tla-code", TEXTS, "Set a top-level argument to code.", PAIR),
    SpecOption("jsonnet-ext-var-str", TEXTS, "Set an external variable to a text.", PAIR),
    SpecOption("jsonnet-ext-var-code", TEXTS, "Set an external variable to code.", PAIR),
    SpecOption("jsonnet-libs", TEXTS, "Add a folder of libraries.", "PATH"),
    SpecOption("config-management-plugin", TEXT, "Plugin that makes the manifests.", "NAME"),
    SpecOption("plugin-env", TEXTS, "Set a variable of the plugin's environment.", PAIR),
)

UNSET_OPTIONS: Final = (
    SpecOption("parameter", TEXTS, "Take out a parameter of a Helm chart.", "NAME", "-p"),
    SpecOption("values", TEXTS, "Take out a value file.", "FILE"),
    SpecOption("values-literal", bool, "Take out the values that the Application holds itself."),
    SpecOption("ignore-missing-value-files", bool, "Missing value files are errors again."),
    SpecOption("pass-credentials", bool, "Credentials are sent to the repository's own host only."),
    SpecOption("kustomize-image", TEXTS, "Take out an image, by the name that it overrides.", "NAME"),
    SpecOption("kustomize-replica", TEXTS, "Take out a count of replicas.", "NAME"),
    SpecOption("kustomize-namespace", bool, "Take out the namespace of all objects."),
    SpecOption("kustomize-version", bool, "Take out the version of kustomize."),
    SpecOption("nameprefix", bool, "Take out what all names begin with."),
    SpecOption("namesuffix", bool, "Take out what all names end with."),
    SpecOption("ignore-missing-components", bool, "Missing components are errors again."),
    SpecOption("plugin-env", TEXTS, "Take out a variable of the plugin's environment.", "NAME"),
    SpecOption("ref", bool, "Take out the name by which other sources refer to this one."),
)


def with_options(options: Sequence[SpecOption]) -> Callable[[_F], _F]:
    """Give a command that takes ``**given`` the options of a table."""

    def decorate(command: _F) -> _F:
        signature = inspect.signature(command)
        fixed = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        added = [
            inspect.Parameter(
                option.parameter,
                inspect.Parameter.KEYWORD_ONLY,
                default=False if option.type is bool else None,
                annotation=option.annotated(),
            )
            for option in options
        ]
        command.__signature__ = signature.replace(parameters=[*fixed, *added])  # type: ignore[attr-defined]
        return command

    return decorate


def given_options(options: Sequence[SpecOption], values: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, by name; a switch that is turned off is given too."""
    found = {option.name: (option, values[option.parameter]) for option in options}
    return {
        name: value
        for name, (option, value) in found.items()
        if (value is True if option.type is bool else value is not None and value != [])
    }


SWITCHES: Final = frozenset({"cascade"} | {option.name for option in SET_OPTIONS if option.type == FLAG})
_SWITCH_WORD: Final = re.compile(r"--([a-z-]+)=(true|false)")


def plain_switches(words: Sequence[str]) -> list[str]:
    """Switches with a value, as argocd takes them: ``--self-heal=false`` is ``--no-self-heal``."""
    found: list[str] = []
    for index, word in enumerate(words):
        match = _SWITCH_WORD.fullmatch(word)
        if word == "--":
            return [*found, *words[index:]]
        if match and match[1] in SWITCHES:
            word = f"--{match[1]}" if match[2] == "true" else f"--no-{match[1]}"
        found.append(word)
    return found
