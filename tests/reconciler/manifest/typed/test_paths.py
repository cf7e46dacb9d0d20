import pytest

from reconciler.errors import SpecError
from reconciler.manifest import FieldPath, ItemKey, ItemValue

OBJECT = {
    "metadata": {"labels": {"app.kubernetes.io/name": "web", "a~b": "x"}, "finalizers": ["f", "g"]},
    "spec": {
        "containers": [
            {"name": "log", "ports": [{"containerPort": 80, "protocol": "TCP"}]},
            {"name": "web", "image": "i", "args": ["-v"]},
        ]
    },
}

FORMS = [
    ("$", "", (), ""),
    ("$.spec.containers", ".spec.containers", ("f:spec", "f:containers"), "/spec/containers"),
    (
        '$.spec.containers[name="web"].image',
        '.spec.containers[name="web"].image',
        ("f:spec", "f:containers", 'k:{"name":"web"}', "f:image"),
        "/spec/containers/1/image",
    ),
    (
        '$.spec.containers[name="log"].ports[containerPort=80,protocol="TCP"]',
        '.spec.containers[name="log"].ports[containerPort=80,protocol="TCP"]',
        ("f:spec", "f:containers", 'k:{"name":"log"}', "f:ports", 'k:{"containerPort":80,"protocol":"TCP"}'),
        "/spec/containers/0/ports/0",
    ),
    (
        '$.metadata.labels["app.kubernetes.io/name"]',
        ".metadata.labels.app.kubernetes.io/name",
        ("f:metadata", "f:labels", "f:app.kubernetes.io/name"),
        "/metadata/labels/app.kubernetes.io~1name",
    ),
    (
        '$.metadata.labels["a~b"]',
        ".metadata.labels.a~b",
        ("f:metadata", "f:labels", "f:a~b"),
        "/metadata/labels/a~0b",
    ),
    (
        '$.metadata.finalizers[="g"]',
        '.metadata.finalizers[="g"]',
        ("f:metadata", "f:finalizers", 'v:"g"'),
        "/metadata/finalizers/1",
    ),
    (
        "$.spec.containers[1].args[0]",
        ".spec.containers[1].args[0]",
        ("f:spec", "f:containers", "i:1", "f:args", "i:0"),
        "/spec/containers/1/args/0",
    ),
]


@pytest.mark.parametrize(("text", "server", "elements", "pointer"), FORMS, ids=[form[0] for form in FORMS])
def test_forms(text: str, server: str, elements: tuple[str, ...], pointer: str) -> None:
    path = FieldPath.parse(text)
    assert str(path) == text
    assert path.server_text() == server
    assert path.elements() == elements
    assert FieldPath.of(elements) == path
    assert path.pointer(OBJECT) == pointer


def test_a_path_is_a_tuple_of_its_steps() -> None:
    path = FieldPath.parse('$.a[name="x"][=1][2]')
    assert path == ("a", ItemKey((("name", "x"),)), ItemValue(1), 2)
    assert path.is_below(FieldPath(("a",)))
    assert not FieldPath(("a",)).is_below(path)
    assert FieldPath(("a",)).child("b").item(0).append(ItemValue("v")) == ("a", "b", 0, ItemValue("v"))
    assert repr(path) == "FieldPath('$.a[name=\"x\"][=1][2]')"


@pytest.mark.parametrize(
    "text", ["$.spec.missing", '$.spec.containers[name="no"]', "$.spec.containers[5]", "$.spec[0]"]
)
def test_what_is_not_there_has_no_pointer(text: str) -> None:
    assert FieldPath.parse(text).pointer(OBJECT) is None
    assert FieldPath.parse(text).value(OBJECT, "default") == "default"


def test_value() -> None:
    assert FieldPath.parse('$.spec.containers[name="web"].image').value(OBJECT) == "i"


@pytest.mark.parametrize("text", ["", "spec", ".spec", "$spec", "$.", "$.a[", "$.a[x]", '$.a["x]', "$.a b", "$.a.b."])
def test_refuses_what_is_no_path(text: str) -> None:
    with pytest.raises(SpecError, match=r"is not a field path such as \$\.spec"):
        FieldPath.parse(text)


@pytest.mark.parametrize("text", ["$.a[name=x]", "$.a[=x]"])
def test_refuses_values_that_are_no_json(text: str) -> None:
    with pytest.raises(SpecError, match="'x' is not a JSON value in a field path"):
        FieldPath.parse(text)
