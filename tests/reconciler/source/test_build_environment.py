import pytest

from reconciler.source.build_environment import build_variables, substitute
from tests.reconciler.source.support import CAPABILITIES, application

VARIABLES = {"ARGOCD_APP_NAME": "web", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$ARGOCD_APP_NAME", "web"),
        ("x-${ARGOCD_APP_NAME}-y", "x-web-y"),
        ("$ARGOCD_APP_NAME.yaml", "web.yaml"),
        ("$$ARGOCD_APP_NAME", "$ARGOCD_APP_NAME"),
        ("$$$ARGOCD_APP_NAME", "$web"),
        ("$HOME/${PATH}", "/"),
        ("costs 5$", "costs 5$"),
        ("a$-b", "ab"),
        ("$1x$*y$#z", "xyz"),
        ("${$}A ${-}b", "$A b"),
        ("${}a${ARGOCD_APP_NAME", "aARGOCD_APP_NAME"),
        ("$é $.x $/ $", "$é $.x $/ $"),
        ("${ARGOCD APP NAME}x", "x"),
        ("$ARGOCD_APP_NAMEx", ""),
    ],
)
def test_substitution(text: str, expected: str) -> None:
    assert substitute(text, VARIABLES) == expected


def test_the_documented_variables() -> None:
    app = application({"repoURL": "https://host/repo", "path": "apps/web", "targetRevision": "main"})
    variables = build_variables(app, app.sources[0], "0123456789abcdef", CAPABILITIES)
    assert variables == {
        "ARGOCD_APP_NAME": "web",
        "ARGOCD_APP_NAMESPACE": "demo",
        "ARGOCD_APP_PROJECT_NAME": "default",
        "ARGOCD_APP_REVISION": "0123456789abcdef",
        "ARGOCD_APP_REVISION_SHORT": "0123456",
        "ARGOCD_APP_REVISION_SHORT_8": "01234567",
        "ARGOCD_APP_SOURCE_PATH": "apps/web",
        "ARGOCD_APP_SOURCE_REPO_URL": "https://host/repo",
        "ARGOCD_APP_SOURCE_TARGET_REVISION": "main",
        "KUBE_VERSION": "1.37.2",
        "KUBE_API_VERSIONS": "v1,apps/v1,apps/v1/Deployment,networking.k8s.io/v1",
    }
