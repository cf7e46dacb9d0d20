"""Kinds as an API server lists them."""

from typing import Any

import pytest

from reconciler.cluster.discovery import ApiResource, Discovery, parse_discovery
from reconciler.errors import InvalidObjectError
from reconciler.manifest.objects import GroupVersionKind

CORE: dict[str, Any] = {
    "kind": "APIGroupDiscoveryList",
    "apiVersion": "apidiscovery.k8s.io/v2",
    "items": [
        {
            "metadata": {"creationTimestamp": None},
            "versions": [
                {
                    "version": "v1",
                    "freshness": "Current",
                    "resources": [
                        {
                            "resource": "pods",
                            "responseKind": {"group": "", "version": "v1", "kind": "Pod"},
                            "scope": "Namespaced",
                            "singularResource": "pod",
                            "verbs": ["get", "list"],
                            "subresources": [
                                {"subresource": "status", "verbs": ["get"]},
                                {"subresource": "log", "verbs": ["get"]},
                            ],
                        },
                        {
                            "resource": "namespaces",
                            "responseKind": {"group": "", "version": "", "kind": "Namespace"},
                            "scope": "Cluster",
                            "verbs": ["get"],
                        },
                    ],
                }
            ],
        }
    ],
}


def group(name: str, *versions: str, freshness: str = "Current", kind: str = "Zebra") -> dict[str, Any]:
    entry = {"resource": "zebras", "responseKind": {"kind": kind}, "scope": "Namespaced", "verbs": ["list"]}
    return {
        "metadata": {"name": name},
        "versions": [{"version": version, "freshness": freshness, "resources": [entry]} for version in versions],
    }


def test_resources_of_the_core_group() -> None:
    resources, stale = parse_discovery([CORE])
    assert resources == [
        ApiResource(
            GroupVersionKind("", "v1", "Pod"), "pods", True, frozenset({"get", "list"}), frozenset({"status", "log"})
        ),
        ApiResource(GroupVersionKind("", "v1", "Namespace"), "namespaces", False, frozenset({"get"})),
    ]
    assert stale == []


def test_versions_come_in_the_server_s_order_of_preference() -> None:
    resources, _ = parse_discovery([CORE, {"items": [group("zoo", "v2", "v1", "v1beta1")]}])
    discovery = Discovery(resources)
    preferred = discovery.preferred("zoo", "Zebra")
    assert preferred is not None
    assert preferred.gvk == GroupVersionKind("zoo", "v2", "Zebra")
    assert discovery.find(GroupVersionKind("zoo", "v1", "Zebra")) is not None
    assert discovery.find(GroupVersionKind("zoo", "v3", "Zebra")) is None
    assert discovery.preferred("park", "Zebra") is None


def test_a_group_that_did_not_answer_is_stale_and_not_absent() -> None:
    down = {"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1beta1", "freshness": "Stale"}]}
    resources, stale = parse_discovery([CORE, {"items": [down, group("zoo", "v1", freshness="Stale")]}])
    assert stale == ["metrics.k8s.io", "zoo"]
    # What was known of a stale group before stays usable.
    assert [resource.gvk.kind for resource in resources] == ["Pod", "Namespace", "Zebra"]
    assert Discovery(resources, stale_groups=stale).stale_groups == {"metrics.k8s.io", "zoo"}


@pytest.mark.parametrize("document", [{}, {"items": None}, {"items": []}, {"items": [{"metadata": {"name": "x"}}]}])
def test_documents_without_kinds(document: dict[str, Any]) -> None:
    assert parse_discovery([document]) == ([], [])


def test_what_helm_asks_for() -> None:
    resources, _ = parse_discovery([CORE, {"items": [group("zoo", "v1", "v1beta1")]}])
    assert Discovery(resources).api_versions == (
        "v1",
        "v1/Namespace",
        "v1/Pod",
        "zoo/v1",
        "zoo/v1/Zebra",
        "zoo/v1beta1",
        "zoo/v1beta1/Zebra",
    )


PODS = ApiResource(GroupVersionKind("", "v1", "Pod"), "pods", True, frozenset())
ZEBRAS = ApiResource(GroupVersionKind("zoo", "v1", "Zebra"), "zebras", True, frozenset())
NAMESPACES = ApiResource(GroupVersionKind("", "v1", "Namespace"), "namespaces", False, frozenset())

PATHS = {
    "a core collection": (PODS.path(), "/api/v1/pods"),
    "in a namespace": (PODS.path(namespace="web"), "/api/v1/namespaces/web/pods"),
    "one object": (PODS.path(namespace="web", name="a"), "/api/v1/namespaces/web/pods/a"),
    "a kind of a group": (ZEBRAS.path(namespace="web", name="z"), "/apis/zoo/v1/namespaces/web/zebras/z"),
    "a cluster-scoped object": (NAMESPACES.path(name="web"), "/api/v1/namespaces/web"),
    "a cluster-scoped kind takes no namespace": (NAMESPACES.path(namespace="x", name="web"), "/api/v1/namespaces/web"),
    "a name cannot add a query": (PODS.path(namespace="a?b", name="c#d"), "/api/v1/namespaces/a%3Fb/pods/c%23d"),
    "of an object": (PODS.path_of({"metadata": {"name": "a", "namespace": "web"}}), "/api/v1/namespaces/web/pods/a"),
}


@pytest.mark.parametrize(("found", "expected"), PATHS.values(), ids=PATHS)
def test_paths(found: str, expected: str) -> None:
    assert found == expected


@pytest.mark.parametrize("name", [".", "..", "../secrets/s", "a/b", "%2e%2e"])
def test_a_name_cannot_climb(name: str) -> None:
    for place in ({"name": name}, {"namespace": name, "name": "a"}):
        with pytest.raises(InvalidObjectError, match=r"cannot be a name or namespace: it may not be \. or \.\."):
            PODS.path(**place)


def test_keys_of_the_openapi_documents() -> None:
    assert (PODS.openapi_path, ZEBRAS.openapi_path) == ("api/v1", "apis/zoo/v1")


def test_why_a_kind_is_not_known() -> None:
    found = Discovery([], stale_groups=["custom.metrics.k8s.io"])
    assert found.why_unknown(GroupVersionKind("custom.metrics.k8s.io", "v1", "Gauge")) == (
        "the API server behind the group custom.metrics.k8s.io does not answer, so that custom.metrics.k8s.io/v1 Gauge is not "
        "known; see kubectl get apiservices"
    )
    assert found.why_unknown(GroupVersionKind("a.b", "v1", "C")) == (
        "the cluster does not know the kind a.b/v1 C; install its CustomResourceDefinition first"
    )
