"""Whose object it is."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cluster.tracking import TrackingId, is_self_referencing, parse_tracking_id, tracked_by, with_tracking
from reconciler.manifest.objects import ResourceKey

TRACKING = "argocd.argoproj.io/tracking-id"


def key(text: str) -> ResourceKey:
    """``group/Kind namespace/name``."""
    kind, place = text.split()
    group, _, short = kind.rpartition("/")
    namespace, _, name = place.rpartition("/")
    return ResourceKey(group, short, namespace, name)


def obj(of: str, **annotations: str) -> dict[str, Any]:
    found = key(of)
    api_version = f"{found.group}/v1" if found.group else "v1"
    metadata = {"name": found.name, "annotations": annotations} | (
        {"namespace": found.namespace} if found.namespace else {}
    )
    return {"apiVersion": api_version, "kind": found.kind, "metadata": metadata}


PARSED = {
    "a kind of a group": ("guestbook:apps/Deployment:web/front", "guestbook", "apps/Deployment web/front"),
    "a core kind": ("guestbook:/ConfigMap:web/front", "guestbook", "ConfigMap web/front"),
    "an application of another namespace": (
        "team_guestbook:/ConfigMap:web/front",
        "team_guestbook",
        "ConfigMap web/front",
    ),
    "a cluster-scoped object without a namespace": ("guestbook:/Namespace:/web", "guestbook", "Namespace /web"),
    "colons in a name": ("guestbook:rbac/Role:web/system:node", "guestbook", "rbac/Role web/system:node"),
}


@pytest.mark.parametrize(("text", "application", "of"), PARSED.values(), ids=PARSED)
def test_parse(text: str, application: str, of: str) -> None:
    assert parse_tracking_id(text) == TrackingId(application, key(of))
    assert str(parse_tracking_id(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "guestbook",
        "guestbook:apps/Deployment",
        "guestbook:Deployment:web/front",
        "guestbook:apps/Deployment:front",
        ":apps/Deployment:web/front",
        "guestbook:apps/Deployment/v1:web/front",
        "guestbook:apps/Deployment:web/front/x",
    ],
)
def test_what_is_no_tracking_id(text: str) -> None:
    assert parse_tracking_id(text) is None
    assert tracked_by(obj("ConfigMap web/a", **{TRACKING: text})) is None


def test_an_object_without_annotations_is_nobody_s() -> None:
    assert tracked_by({"metadata": {"name": "a"}}) is None
    assert tracked_by({"metadata": {"annotations": {TRACKING: "guestbook:/ConfigMap:web/a", "n": 1}}}) is None


SELF = {
    "itself": ("apps/Deployment web/a", "apps/Deployment web/a", True),
    "a copy in another namespace": ("Secret db/a", "Secret web/a", False),
    "a copy under another name": ("Secret web/b", "Secret web/a", False),
    "made by a controller from it": ("Endpoints web/a", "Service web/a", False),
    "the same kind of another group": ("networking.k8s.io/Ingress web/a", "extensions/Ingress web/a", False),
    "cluster-scoped, marked with the destination": ("Namespace a", "Namespace web/a", True),
    "cluster-scoped, marked without": ("Namespace a", "Namespace /a", True),
    "cluster-scoped under another name": ("Namespace b", "Namespace web/a", False),
}


@pytest.mark.parametrize(("live", "named", "expected"), SELF.values(), ids=SELF)
def test_an_annotation_counts_on_the_object_that_it_names(live: str, named: str, expected: bool) -> None:
    assert is_self_referencing(obj(live), TrackingId("guestbook", key(named))) is expected


MARKED = {
    "its own namespace": ("ConfigMap db/a", "guestbook:/ConfigMap:db/a"),
    "the destination's": ("Namespace a", "guestbook:/Namespace:web/a"),
    "a group": ("apps/Deployment db/a", "guestbook:apps/Deployment:db/a"),
}


@pytest.mark.parametrize(("of", "mark"), MARKED.values(), ids=MARKED)
def test_the_mark(of: str, mark: str) -> None:
    given = obj(of, team="a", **{TRACKING: "other:/ConfigMap:x/y"})
    before = copy.deepcopy(given)
    marked = with_tracking(given, application="guestbook", namespace="web")
    assert marked["metadata"]["annotations"] == {"team": "a", TRACKING: mark}
    assert given == before
    tracking = tracked_by(marked)
    assert tracking is not None
    assert (tracking.application, is_self_referencing(marked, tracking)) == ("guestbook", True)


@pytest.mark.parametrize("annotations", [None, {}], ids=["null", "empty"])
def test_an_object_without_annotations_gets_its_mark(annotations: Any) -> None:
    given = {**obj("ConfigMap web/a"), "metadata": {"name": "a", "annotations": annotations}}
    marked = with_tracking(given, application="guestbook", namespace="web")
    assert marked["metadata"]["annotations"] == {TRACKING: "guestbook:/ConfigMap:web/a"}


def test_definitions_are_never_marked() -> None:
    definition = obj("apiextensions.k8s.io/CustomResourceDefinition zebras.zoo")
    assert with_tracking(definition, application="guestbook", namespace="web") is definition


PARTS = st.text(st.characters(codec="ascii", categories=["Ll", "Nd"], include_characters="-."), min_size=1, max_size=8)


@given(PARTS, st.just("") | PARTS, PARTS, st.just("") | PARTS, PARTS)
def test_parse_after_str_is_identity(application: str, group: str, kind: str, namespace: str, name: str) -> None:
    tracking = TrackingId(application, ResourceKey(group, kind, namespace, name))
    assert parse_tracking_id(str(tracking)) == tracking
