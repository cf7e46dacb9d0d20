"""Which Applications and which of their objects a command is about."""

import pytest

from reconciler.cli.selecting import ResourcePattern, choose
from reconciler.errors import UsageError
from reconciler.manifest.objects import ResourceKey
from tests.reconciler.cli.conftest import Call

WEB = ResourceKey("apps", "Deployment", "shop", "web")
API = ResourceKey("apps", "Deployment", "other", "api")
SERVICE = ResourceKey("", "Service", "shop", "web")
ROLE = ResourceKey("rbac.authorization.k8s.io", "ClusterRole", "", "web")
KEYS = [WEB, API, SERVICE, ROLE]

CHOSEN = {
    "one": (["apps:Deployment:web"], [WEB]),
    "one of the core group": ([":Service:web"], [SERVICE]),
    "of a namespace": (["apps:Deployment:other/*"], [API]),
    "any namespace": (["apps:Deployment:*/web"], [WEB]),
    "any kind": (["*:*:web"], [WEB, SERVICE, ROLE]),
    "several": (["apps:Deployment:web", ":Service:*"], [WEB, SERVICE]),
    "all but": (["!*:Service:*"], [WEB, API, ROLE]),
    "some but": (["apps:*:*", "!*:*:api"], [WEB]),
    "the exclusion wins": (["apps:Deployment:web", "!apps:Deployment:web"], []),
    "none": ([":Deployment:web"], []),
}


@pytest.mark.parametrize(("words", "expected"), CHOSEN.values(), ids=CHOSEN)
def test_objects_are_chosen_by_patterns(words: list[str], expected: list[ResourceKey]) -> None:
    assert choose(KEYS, [ResourcePattern.parse(word) for word in words]) == expected


@pytest.mark.parametrize("text", ["web", "Deployment:web", "apps::web", "apps:Deployment:", "a:b:c/d/e", "a:b:c:d"])
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(UsageError, match="expected GROUP:KIND:NAME or GROUP:KIND:NAMESPACE/NAME"):
        ResourcePattern.parse(text)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("app sync", "name an Application, choose some with -l LABELS, or give a file with -f FILE"),
        ("app sync shop -l team=web", "names and -l both choose Applications; give one of them"),
        ("app wait -l team=web -f a.yaml", "-l and -f both choose Applications; give one of them"),
        ("app sync shop other -f a.yaml", "names and -f both choose Applications; give one of them"),
        ("app delete -y", "name an Application, choose some with -l LABELS, or give a file with -f FILE"),
        ("app sync shop --async", "--async: there is no server that would go on with it"),
        (
            "app sync shop --plan absent.json",
            "absent.json: No such file or directory; give a file that app plan --out wrote",
        ),
        (
            "app delete shop",
            "a deletion is asked for at a terminal, and there is none; say --yes to do it without asking",
        ),
        (
            "app wait shop --delete --sync",
            "--delete waits for the end of Applications of the cluster, and stands alone",
        ),
        ("app wait shop --resource web", "--resource web: expected GROUP:KIND:NAME"),
    ],
)
def test_wrong_use_needs_no_cluster_to_be_told(call: Call, words: str, message: str) -> None:
    status, out, err = call(*words.split())
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {message}")
