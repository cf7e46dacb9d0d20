"""``kustomize.buildOptions`` of ``argocd-cm``: which options of ``kustomize build`` an operator may set.

An Application has no say in them. Passed on as they are: ``--enable-helm``, ``--helm-debug``, ``--load-restrictor``,
``--enable-alpha-plugins``, ``--enable-exec``, ``--network``, ``--network-name``, ``--as-current-user``, ``--mount``, ``--env``
and ``--reorder``, which only old versions know; ``--helm-command`` as the absolute path of the program. Others are refused:
``--output`` would hide what is built, and ``--helm-kube-version`` and ``--helm-api-versions`` come from the cluster.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import GenerationError, SpecError, Violation
from reconciler.source.files.paths import shown

LAUNCHER_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_SWITCHES = frozenset(
    {
        *("--enable-helm", "--helm-debug", "--enable-alpha-plugins", "--enable-exec"),
        *("--network", "--as-current-user"),
    }
)
_VALUES = frozenset({"--helm-command", "--load-restrictor", "--network-name", "--mount", "--env", "-e", "--reorder"})
_LAUNCHERS = frozenset({"--enable-alpha-plugins", "--enable-exec"})


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """``arguments`` go to the tool; ``helm_command`` is a path, or a name to look for on ``PATH``.

    ``launches``: the operator lets a kustomization start containers or programs of the machine.
    """

    arguments: tuple[str, ...] = ()
    helm: bool = False
    helm_command: str = "helm"
    launches: bool = False

    def helm_arguments(self) -> tuple[str, ...]:
        """The switch for inflation with the program that does it.

        Raises
        ------
        GenerationError
            When there is no such program.
        """
        found = shutil.which(self.helm_command)
        if found is None:
            raise GenerationError(
                f"the Helm program {shown(self.helm_command)} that kustomize is to run is not installed; "
                "put it on PATH, or name it with --helm-command in kustomize.buildOptions"
            )
        return ("--helm-command", str(Path(found).absolute()))


def parse_build_options(text: str, *, key: str) -> BuildOptions:
    """Options as ``argocd-cm`` has them, separated by white space.

    Parameters
    ----------
    key
        The key of ``argocd-cm`` that holds them, for messages.

    Raises
    ------
    SpecError
        All options that are unknown, refused, or without their value.
    """
    arguments: list[str] = []
    on: set[str] = set()
    helm_command = "helm"
    violations = []
    words = iter(text.split())
    for word in words:
        name, separator, value = word.partition("=")
        if name in _SWITCHES:
            if separator and value not in ("true", "false"):
                violations.append(f"{name} is true or false")
            elif value != "false":
                on.add(name)
                arguments.append(name)
        elif name in _VALUES:
            value = value if separator else next(words, "")
            if not value or value.startswith("-"):
                violations.append(f"{name} needs a value")
            elif name == "--helm-command":
                helm_command = value
            else:
                arguments += (name, value)
        else:
            violations.append(f"{shown(word)} is not among the options that are passed on")
    if violations:
        raise SpecError("argocd-cm", [Violation(f"data[{key}]", violation) for violation in violations])
    return BuildOptions(tuple(arguments), "--enable-helm" in on, helm_command, bool(on & _LAUNCHERS))
