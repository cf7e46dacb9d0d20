"""Which kinds there are for us."""

import pytest

from reconciler.cluster.resource_filter import DEFAULT_FILTER, parse_resource_filter
from reconciler.errors import SpecError

HERE = "https://10.0.0.1:6443"

BUILT_IN = {
    ("events.k8s.io", "Event"): True,
    ("metrics.k8s.io", "PodMetrics"): True,
    ("", "Event"): True,
    ("coordination.k8s.io", "Lease"): True,
    ("coordination.k8s.io", "LeaseCandidate"): False,
    ("", "Pod"): False,
    ("discovery.k8s.io", "EndpointSlice"): False,
}


@pytest.mark.parametrize(("kind", "excluded"), BUILT_IN.items(), ids=str)
def test_what_is_excluded_whatever_the_settings(kind: tuple[str, str], excluded: bool) -> None:
    assert DEFAULT_FILTER.excludes(*kind, cluster=HERE) is excluded


EXCLUDE_CILIUM = {
    "resource.exclusions": "- apiGroups: [cilium.io]\n  kinds: [CiliumIdentity]\n  clusters: ['*']\n"
    "- apiGroups: ['*.kyverno.io']\n- kinds: ['*']\n  clusters: ['https://old.*']\n"
}
INCLUDE = {"resource.inclusions": "- apiGroups: ['']\n  kinds: [Pod]\n- kinds: [Deployment]\n"}
CASES = {
    "a kind of a group": (EXCLUDE_CILIUM, "cilium.io", "CiliumIdentity", HERE, True),
    "another kind of it": (EXCLUDE_CILIUM, "cilium.io", "CiliumEndpoint", HERE, False),
    "a glob of groups": (EXCLUDE_CILIUM, "reports.kyverno.io", "PolicyReport", HERE, True),
    "all of a cluster": (EXCLUDE_CILIUM, "apps", "Deployment", "https://old.example.com", True),
    "the same elsewhere": (EXCLUDE_CILIUM, "apps", "Deployment", HERE, False),
    "included by group and kind": (INCLUDE, "", "Pod", HERE, False),
    "included by kind": (INCLUDE, "apps", "Deployment", HERE, False),
    "not included": (INCLUDE, "", "Secret", HERE, True),
    "included, yet always excluded": ({"resource.inclusions": "- kinds: [Event]"}, "", "Event", HERE, True),
    "an exclusion wins": (INCLUDE | {"resource.exclusions": "- kinds: [Pod]"}, "", "Pod", HERE, True),
    "inclusions of another cluster": (
        {"resource.inclusions": "- kinds: [Pod]\n  clusters: [https://else]"},
        "",
        "Secret",
        HERE,
        False,
    ),
}


@pytest.mark.parametrize(("data", "group", "kind", "cluster", "excluded"), CASES.values(), ids=CASES)
def test_settings(data: dict[str, str], group: str, kind: str, cluster: str, excluded: bool) -> None:
    assert parse_resource_filter(data).excludes(group, kind, cluster=cluster) is excluded


def test_no_settings_exclude_nothing_more() -> None:
    assert parse_resource_filter({}) == parse_resource_filter({"resource.exclusions": " \n"}) == DEFAULT_FILTER


WRONG = {
    "no YAML": ("[", r"resource\.exclusions: "),
    "no list": ("apiGroups: [a]", r"resource\.exclusions: must be a list of rules"),
    "no mapping": ("- a", r"resource\.exclusions\[0\]: must be a mapping"),
    "no list of texts": ("- kinds: Pod", r"resource\.exclusions\[0\]\.kinds: must be a list of texts"),
    "a number": ("- kinds: [Pod]\n- apiGroups: [1]", r"resource\.exclusions\[1\]\.apiGroups: must be a list of texts"),
    "no glob": ("- apiGroups: ['{a']", r"resource\.exclusions\[0\]\.apiGroups: .*does not close"),
    "nothing": ("- {}", r"resource\.exclusions\[0\]: names nothing"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_rules_that_are_none(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=f"argocd-cm: {message}"):
        parse_resource_filter({"resource.exclusions": text})
