import pytest

from reconciler.sandbox.documents import load_discovery
from reconciler.sandbox.resources import Catalog, Resource
from reconciler.sandbox.selectors import (
    matches_selector,
    object_predicate,
    parse_label_selector,
    selector_text,
)
from reconciler.sandbox.status import StatusError


def resource(plural: str, group: str = "") -> Resource:
    catalog = Catalog()
    catalog.add_discovery(load_discovery()["apis" if group else "api"])
    found = catalog.find(group, "v1", plural)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("selector", "labels", "selected"),
    [
        ("a=b", {"a": "b"}, True),
        ("a==b", {"a": "c"}, False),
        ("a!=b", {}, True),
        ("a!=b", {"a": "b"}, False),
        ("a", {"a": ""}, True),
        ("!a", {"a": ""}, False),
        ("a in (b, c)", {"a": "c"}, True),
        ("a in (b,c),d", {"a": "c"}, False),
        ("a notin (b)", {}, True),
        ("a notin (b)", {"a": "b"}, False),
        ("n>3", {"n": "4"}, True),
        ("n<3", {"n": "4"}, False),
        ("n>3", {"n": "x"}, False),
        ("", {}, True),
        ("example.com/a=b,x", {"example.com/a": "b", "x": "1"}, True),
    ],
)
def test_label_selectors(selector: str, labels: dict[str, str], selected: bool) -> None:
    assert parse_label_selector(selector)(labels) is selected


@pytest.mark.parametrize("selector", ["a b", "a in", "a in (b", "=b"])
def test_unreadable_label_selectors_are_refused(selector: str) -> None:
    with pytest.raises(StatusError, match="unable to parse requirement"):
        parse_label_selector(selector)


@pytest.mark.parametrize(
    ("fields", "selected"),
    [
        ("metadata.name=x", True),
        ("metadata.name!=x", False),
        ("status.phase=Running,spec.nodeName=n", True),
        ("status.phase!=Running", False),
        ("spec.hostNetwork=false", True),
    ],
)
def test_field_selectors_of_pods(fields: str, selected: bool) -> None:
    pod = {"metadata": {"name": "x"}, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}}
    assert object_predicate(resource("pods"), "", fields)(pod) is selected


def test_fields_that_are_not_indexed_are_refused() -> None:
    with pytest.raises(StatusError, match=r'"data\.a" is not a known field selector: only "metadata\.name"'):
        object_predicate(resource("configmaps"), "", "data.a=b")
    with pytest.raises(StatusError, match=r"field label not supported: spec\.foo"):
        object_predicate(resource("pods"), "", "spec.foo=b")
    with pytest.raises(StatusError, match="invalid selector: 'x'; can't understand 'x'"):
        object_predicate(resource("pods"), "", "x")


def test_selectors_of_specs() -> None:
    expressions = [{"key": "a", "operator": "In", "values": ["b"]}, {"key": "c", "operator": "DoesNotExist"}]
    selector = {"matchLabels": {"x": "y"}, "matchExpressions": expressions}
    assert matches_selector(selector, {"x": "y", "a": "b"})
    assert not matches_selector(selector, {"x": "y", "a": "b", "c": ""})
    assert not matches_selector(None, {"x": "y"})
    assert matches_selector({}, None)
    assert selector_text(selector) == "x=y,a in (b),!c"
