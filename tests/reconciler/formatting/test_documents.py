from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reconciler.formatting.documents import live_and_target_lines, manifest_lines, neat_manifest
from reconciler.manifest.yaml import load_document
from tests.data.gitops_nb import guestbook


def test_keys_come_in_kubernetes_order_and_lists_as_kubectl_writes_them() -> None:
    manifest = {
        "spec": {"b": [{"image": "web:1", "name": "web", "args": ["-v", ""]}, [1, [2]], {}], "a": None},
        "kind": "Thing",
        "metadata": {"labels": {"x": "1"}, "namespace": "shop", "name": "web"},
        "apiVersion": "v1",
    }
    assert manifest_lines(manifest) == [
        "apiVersion: v1",
        "kind: Thing",
        "metadata:",
        "  name: web",
        "  namespace: shop",
        "  labels:",
        '    x: "1"',
        "spec:",
        "  a: null",
        "  b:",
        "  - name: web",
        "    args:",
        "    - -v",
        '    - ""',
        "    image: web:1",
        "  - - 1",
        "    - - 2",
        "  - {}",
    ]


def test_a_text_with_tabs_and_trailing_blanks_keeps_its_lines() -> None:
    assert manifest_lines({"data": {"conf": "a {\n\tb \n}\n", "end": "x\ny", "more": "x\ny\n\n"}}) == [
        "data:",
        "  conf: |",
        "    a {",
        "    \tb ",
        "    }",
        "  end: |-",
        "    x",
        "    y",
        "  more: |+",
        "    x",
        "    y",
        "    ",
    ]


def test_hidden_characters_are_shown_in_keys_values_and_texts() -> None:
    lines = manifest_lines({"data": {"k\u202e": "v\x1b", "t": "one\u2066\ntwo\r\n"}})
    assert lines == ["data:", '  k\\u202e: "v\\e"', "  t: |", "    one\\u2066", "    two\\r"]


def test_neat_leaves_out_what_the_api_server_writes() -> None:
    deployment = guestbook.comparison().resources[0].live
    assert deployment is not None
    annotated = {
        **deployment,
        "metadata": {
            **deployment["metadata"],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
        },
    }
    neat = neat_manifest(annotated)
    assert sorted(neat) == ["apiVersion", "kind", "metadata", "spec"]
    assert sorted(neat["metadata"]) == ["labels", "name", "namespace"]
    assert annotated["metadata"]["annotations"]


def test_an_absent_side_has_no_lines() -> None:
    missing, extra = guestbook.comparison().resources[3:5]
    assert live_and_target_lines(missing)[0] == []
    assert live_and_target_lines(extra)[1] == []


def test_the_predicted_object_is_shown_rather_than_the_target() -> None:
    resource = guestbook.comparison().resources[0]
    assert live_and_target_lines(replace(resource, target={"kind": "Bare"}))[1] == live_and_target_lines(resource)[1]
    assert live_and_target_lines(replace(resource, target={"kind": "Bare"}, predicted=None))[1] == ["kind: Bare"]


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]))
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc.-/", min_size=1), inner, max_size=3),
)


@given(st.dictionaries(st.text("abc", min_size=1), _VALUES, min_size=1, max_size=4))
def test_lines_of_printable_values_read_back_as_the_same_object(manifest: dict[str, object]) -> None:
    assert load_document("\n".join(manifest_lines(manifest, neat=False)), file="lines") == manifest
