"""The build variables of Argo CD and their substitution in the documented fields.

Only these variables exist: the process environment is never read (docs/user-guide/build-environment.md).
"""

import re
from collections.abc import Mapping

from reconciler.model import Application, ApplicationSource
from reconciler.source.target import Capabilities

_REFERENCE = re.compile(r"\$(?:\$|\{([^}]*)\}|([A-Za-z0-9_]+))")


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
    """Replace ``$NAME`` and ``${NAME}``; an unknown name becomes empty, ``$$`` becomes ``$`` (Go's os.Expand)."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return variables.get(match[1] if match[1] is not None else match[2], "")

    return _REFERENCE.sub(value, text)
