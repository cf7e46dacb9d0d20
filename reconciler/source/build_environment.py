"""The build variables of Argo CD and their substitution in the documented fields.

Only these variables exist: the process environment is never read (docs/user-guide/build-environment.md).
"""

import re
from collections.abc import Mapping

from reconciler.model import Application, ApplicationSource
from reconciler.source.target import Capabilities

# As Go's os.Expand reads it: the shell's special names are one character, and what is no name in braces is dropped.
_REFERENCE = re.compile(
    r"\$(?:\{(?P<special>[*#$@!?0-9-])\}|\{(?P<braced>[^}]*)\}|(?P<open>\{)|(?P<short>[*#$@!?0-9-])|(?P<name>[A-Za-z0-9_]+))",
    re.ASCII,
)


def build_variables(
    application: Application, source: ApplicationSource, revision: str, capabilities: Capabilities
) -> dict[str, str]:
    """``ARGOCD_APP_NAME`` and the others for one source at a resolved revision."""
    return {
        "ARGOCD_APP_NAME": application.metadata.name,
        "ARGOCD_APP_NAMESPACE": application.spec.destination.namespace,
        "ARGOCD_APP_PROJECT_NAME": application.spec.project or "default",
        "ARGOCD_APP_REVISION": revision,
        "ARGOCD_APP_REVISION_SHORT": revision[:7],
        "ARGOCD_APP_REVISION_SHORT_8": revision[:8],
        "ARGOCD_APP_SOURCE_PATH": source.path,
        "ARGOCD_APP_SOURCE_REPO_URL": source.repo_url,
        "ARGOCD_APP_SOURCE_TARGET_REVISION": source.target_revision,
        "KUBE_VERSION": capabilities.kube_version.removeprefix("v"),
        "KUBE_API_VERSIONS": ",".join(capabilities.api_versions),
    }


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Replace ``$NAME`` and ``${NAME}``; an unknown name becomes empty, ``$$`` becomes ``$``.

    Source: Env.Envsubst in pkg/apis/application/v1alpha1/types.go of Argo CD.
    """

    def value(match: re.Match[str]) -> str:
        name = match["special"] or match["braced"] or match["short"] or match["name"]
        return "$" if name == "$" else variables.get(name or "", "")

    return _REFERENCE.sub(value, text)
