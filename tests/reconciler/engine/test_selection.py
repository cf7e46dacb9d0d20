"""Which objects are meant by parts of a key."""

import pytest

from reconciler.engine.selection import Selection
from reconciler.errors import NotFoundError, UsageError
from reconciler.manifest.objects import ResourceKey

WEB = ResourceKey("apps", "Deployment", "shop", "web")
API = ResourceKey("apps", "Deployment", "shop", "api")
OLD = ResourceKey("extensions", "Deployment", "shop", "web")
POD = ResourceKey("", "Pod", "shop", "web")
ROLE = ResourceKey("rbac", "ClusterRole", "", "web")
KEYS = (WEB, API, POD, ROLE)


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), KEYS),
        (Selection(kind="Deployment"), (WEB, API)),
        (Selection(name="web"), (WEB, POD, ROLE)),
        (Selection(group=""), (POD,)),
        (Selection(namespace="shop", name="web"), (WEB, POD)),
        (Selection.of(ROLE), (ROLE,)),
        (Selection(kind="Service"), ()),
    ],
)
def test_what_matches(selection: Selection, expected: tuple[ResourceKey, ...]) -> None:
    assert tuple(key for key in KEYS if selection.matches(key)) == expected


def test_only_a_full_name_is_a_key() -> None:
    assert Selection.of(WEB).key == WEB
    assert Selection.of(POD).key == POD
    assert Selection("Deployment", None, "shop", "web").key is None
    assert Selection.of(ROLE).key is None


def test_choosing() -> None:
    deployments = Selection(kind="Deployment")
    assert deployments.choose(KEYS, several=True) == [API, WEB]
    assert Selection.of(WEB).choose(KEYS, several=False) == [WEB]
    with pytest.raises(UsageError) as several:
        deployments.choose(KEYS, several=False)
    assert str(several.value) == (
        "2 objects match Deployment */*: Deployment.apps shop/api, Deployment.apps shop/web; "
        "name one, or take all with --all"
    )
    with pytest.raises(NotFoundError, match=r"nothing that the application manages matches Service\.core \*/web"):
        Selection("Service", "core", name="web").choose(KEYS, several=True)
    with pytest.raises(UsageError, match=r"Deployment \*/web is of several groups: apps, extensions; choose one"):
        Selection("Deployment", name="web").choose([WEB, OLD], several=True)
