"""Whose object it is."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cluster.tracking import (
    TrackingId,
    TrackingMethod,
    TrackingSettings,
    application_of,
    is_managed_by,
    is_self_referencing,
    parse_tracking_id,
    parse_tracking_settings,
    tracked_by,
    with_tracking,
)
from reconciler.errors import SpecError
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


# The methods.

INSTALLATION = "argocd.argoproj.io/installation-id"
BOTH = TrackingSettings(TrackingMethod.ANNOTATION_AND_LABEL)
LABEL = TrackingSettings(TrackingMethod.LABEL, "shop.example.com/app")
OURS = TrackingSettings(installation_id="ours")


def test_settings_and_their_defaults() -> None:
    assert parse_tracking_settings({}) == TrackingSettings()
    data = {
        "application.resourceTrackingMethod": "label",
        "application.instanceLabelKey": "shop.example.com/app",
        "installationID": "ours",
    }
    assert parse_tracking_settings(data) == TrackingSettings(TrackingMethod.LABEL, "shop.example.com/app", "ours")


def test_settings_that_cannot_be() -> None:
    data = {"application.resourceTrackingMethod": "magic", "application.instanceLabelKey": "a b"}
    with pytest.raises(SpecError) as caught:
        parse_tracking_settings(data)
    assert str(caught.value) == (
        "argocd-cm: application.instanceLabelKey: 'a b' cannot be the key of a label; "
        "application.resourceTrackingMethod: 'magic' is not one of annotation, annotation+label, label"
    )


def marked(settings: TrackingSettings, application: str = "guestbook") -> dict[str, Any]:
    return with_tracking(obj("apps/Deployment web/front"), application=application, namespace="web", settings=settings)


def test_a_label_alone() -> None:
    found = marked(LABEL)
    assert found["metadata"]["labels"] == {"shop.example.com/app": "guestbook"}
    assert TRACKING not in found["metadata"]["annotations"]
    assert application_of(found, LABEL) == "guestbook"
    assert is_managed_by(found, "guestbook", LABEL)
    assert not is_managed_by(found, "guestbook", TrackingSettings())


def test_a_label_alone_is_not_cut_so_that_nobody_looks_for_another_name() -> None:
    assert marked(LABEL, "a" * 70)["metadata"]["labels"]["shop.example.com/app"] == "a" * 70


def test_both_and_only_the_annotation_counts() -> None:
    found = marked(BOTH)
    assert found["metadata"]["labels"] == {"app.kubernetes.io/instance": "guestbook"}
    found["metadata"]["labels"]["app.kubernetes.io/instance"] = "another"
    assert application_of(found, BOTH) == "guestbook"


CUT = {"a" * 70: "a" * 63, "a" * 62 + "-b": "a" * 62, "a" * 60 + "_.-bcd": "a" * 60, "short": "short", "---": ""}


@pytest.mark.parametrize(("name", "value"), CUT.items())
def test_a_label_beside_an_annotation_is_cut_to_what_a_label_may_hold(name: str, value: str) -> None:
    assert marked(BOTH, name)["metadata"]["labels"]["app.kubernetes.io/instance"] == value


def test_objects_of_another_installation_are_not_ours() -> None:
    theirs = marked(TrackingSettings(installation_id="theirs"))
    assert theirs["metadata"]["annotations"][INSTALLATION] == "theirs"
    assert tracked_by(theirs, OURS) is None
    assert tracked_by(theirs) is None
    assert application_of(marked(OURS), OURS) == "guestbook"
    assert application_of(marked(TrackingSettings()), OURS) == ""


def test_without_an_installation_id_a_manifest_loses_the_mark() -> None:
    given = obj("apps/Deployment web/front", **{INSTALLATION: "theirs"})
    found = with_tracking(given, application="guestbook", namespace="web")
    assert INSTALLATION not in found["metadata"]["annotations"]
    assert given["metadata"]["annotations"] == {INSTALLATION: "theirs"}


def test_a_copy_is_not_managed_and_a_moved_object_is() -> None:
    copy_of = obj("apps/Deployment web/copy", **{TRACKING: "guestbook:apps/Deployment:web/front"})
    assert application_of(copy_of) == "guestbook"
    assert not is_managed_by(copy_of, "guestbook")
    moved = obj("networking.k8s.io/Ingress web/front", **{TRACKING: "guestbook:extensions/Ingress:web/front"})
    old = obj("extensions/Ingress web/front")
    assert not is_managed_by(moved, "guestbook")
    assert is_managed_by(moved, "guestbook", target=old)
    assert not is_managed_by(moved, "other", target=old)
