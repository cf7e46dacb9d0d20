from typing import Any

import pytest

from reconciler.errors import GenerationError
from reconciler.model.source import KustomizeOptions
from reconciler.source.kustomize.edit import edit_kustomization, parse_image


def edit(kustomization: dict[str, Any], **options: Any) -> dict[str, Any]:
    return edit_kustomization(
        kustomization, KustomizeOptions.model_validate(options), substitute=str.upper, field="spec.source.kustomize"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nginx:1.2", {"name": "nginx", "newTag": "1.2"}),
        ("nginx@sha256:ab", {"name": "nginx", "digest": "sha256:ab"}),
        ("nginx=registry:5000/web", {"name": "nginx", "newName": "registry:5000/web"}),
        ("registry:5000/nginx:1", {"name": "registry:5000/nginx", "newTag": "1"}),
        ("nginx=web:1", {"name": "nginx", "newName": "web", "newTag": "1"}),
        ("nginx=web:1@sha256:ab", {"name": "nginx", "newName": "web", "newTag": "1", "digest": "sha256:ab"}),
        ("nginx=*:2", {"name": "nginx", "newName": "*", "newTag": "2"}),
        ("nginx=web:*", {"name": "nginx", "newName": "web", "newTag": "*"}),
        ("nginx:1@sha256:ab", {"name": "nginx", "newTag": "1", "digest": "sha256:ab"}),
    ],
)
def test_images(text: str, expected: dict[str, str]) -> None:
    assert parse_image(text, field="f") == expected


@pytest.mark.parametrize("text", ["", "nginx", "registry:5000/nginx", "=web:1", "nginx="])
def test_what_is_no_image(text: str) -> None:
    with pytest.raises(GenerationError, match=r"^f: .*; write name:tag"):
        parse_image(text, field="f")


def test_without_options_nothing_changes() -> None:
    kustomization = {"patches": ["legacy.yaml"], "NamePrefix": "a"}
    assert edit(kustomization) == kustomization


def test_the_inputs_stay_as_they_were() -> None:
    kustomization: dict[str, Any] = {"images": [{"name": "A", "newTag": "1"}], "commonLabels": {"x": "y"}}
    before = str(kustomization)
    edit(kustomization, images=["A:2"], commonLabels={"b": "c"}, replicas=[{"name": "r", "count": 1}])
    assert str(kustomization) == before


def test_names_and_namespace_replace_what_the_file_says() -> None:
    edited = edit({"namePrefix": "old-", "namespace": "old"}, namePrefix="new-", nameSuffix="-s", namespace="new")
    assert edited == {"namePrefix": "new-", "nameSuffix": "-s", "namespace": "new"}


def test_fields_in_another_case_are_the_same_field() -> None:
    assert edit({"NAMEPREFIX": "old-"}, namePrefix="new-") == {"namePrefix": "new-"}
    with pytest.raises(GenerationError, match="holds namePrefix twice"):
        edit({"NAMEPREFIX": "a", "namePrefix": "b"}, nameSuffix="x")


def test_an_image_replaces_the_entry_of_its_name_and_the_list_is_sorted() -> None:
    present = [{"name": "B", "newName": "old", "newTag": "1"}, {"name": "C", "digest": "sha256:1"}]
    edited = edit({"images": present}, images=["b:2", "a=x:1"])
    assert edited["images"] == [
        {"name": "A", "newName": "X", "newTag": "1"},
        {"name": "B", "newTag": "2"},
        {"name": "C", "digest": "sha256:1"},
    ]


def test_an_asterisk_keeps_what_the_file_says() -> None:
    present = [{"name": "A", "newName": "kept", "newTag": "1"}]
    assert edit({"images": present}, images=["A=*:2"])["images"] == [{"name": "A", "newName": "kept", "newTag": "2"}]
    assert edit({"images": present}, images=["A=NEW:*"])["images"] == [{"name": "A", "newName": "NEW", "newTag": "1"}]
    assert edit({}, images=["A=*:2"])["images"] == [{"name": "A", "newTag": "2"}]


def test_the_old_name_of_images_is_read_too() -> None:
    assert edit({"imageTags": [{"name": "a", "newTag": "1"}]}, namePrefix="x") == {
        "images": [{"name": "a", "newTag": "1"}],
        "namePrefix": "x",
    }


def test_replicas_are_replaced_by_name() -> None:
    edited = edit(
        {"replicas": [{"name": "a", "count": 1}, {"name": "b", "count": 1}]},
        replicas=[{"name": "a", "count": 3}, {"name": "c", "count": "2"}],
    )
    assert edited["replicas"] == [{"name": "a", "count": 3}, {"name": "b", "count": 1}, {"name": "c", "count": 2}]
    with pytest.raises(GenerationError, match="the count of 'a' is not a number"):
        edit({}, replicas=[{"name": "a", "count": "many"}])


def test_labels_that_are_there_already_must_be_forced() -> None:
    present = {"commonLabels": {"team": "a", "tier": "web"}}
    with pytest.raises(
        GenerationError, match=r"commonLabels: team is already in the kustomization file; set forceCommonLabels: true"
    ):
        edit(present, commonLabels={"team": "b"})
    assert edit(present, commonLabels={"team": "b"}, forceCommonLabels=True) == {
        "commonLabels": {"team": "B", "tier": "web"}
    }, "build variables are put into labels"


@pytest.mark.parametrize(
    ("present", "options", "expected"),
    [
        ([{"pairs": {"a": "b"}}], {}, [{"pairs": {"a": "b", "c": "D"}}]),
        (
            [{"pairs": {"a": "b"}}],
            {"labelIncludeTemplates": True},
            [{"pairs": {"a": "b"}}, {"pairs": {"c": "D"}, "includeTemplates": True}],
        ),
        (
            [{"pairs": {"a": "b"}, "includeSelectors": True}],
            {},
            [{"pairs": {"a": "b"}, "includeSelectors": True}, {"pairs": {"c": "D"}}],
        ),
        ([{"pairs": {"c": "b"}}], {"forceCommonLabels": True}, [{"pairs": {"c": "D"}}]),
    ],
    ids=["joined", "with templates", "beside selectors", "forced"],
)
def test_labels_without_selectors(present: list[Any], options: dict[str, Any], expected: list[Any]) -> None:
    edited = edit({"labels": present}, commonLabels={"c": "d"}, labelWithoutSelector=True, **options)
    assert edited == {"labels": expected}


def test_labels_that_cannot_be() -> None:
    with pytest.raises(GenerationError, match="commonLabels: a is already in the kustomization file"):
        edit({"labels": [{"pairs": {"a": "b"}}]}, commonLabels={"a": "c"}, labelWithoutSelector=True)
    with pytest.raises(GenerationError, match="labelIncludeTemplates needs labelWithoutSelector"):
        edit({}, commonLabels={"a": "c"}, labelIncludeTemplates=True)


def test_annotations() -> None:
    assert edit({}, commonAnnotations={"a": "$x"}) == {"commonAnnotations": {"a": "$x"}}
    assert edit({}, commonAnnotations={"a": "$x"}, commonAnnotationsEnvsubst=True) == {"commonAnnotations": {"a": "$X"}}
    with pytest.raises(GenerationError, match="set forceCommonAnnotations: true"):
        edit({"commonAnnotations": {"a": "b"}}, commonAnnotations={"a": "c"})


def test_patches_and_components_are_added() -> None:
    edited = edit(
        {"patches": [{"path": "a.yaml"}], "components": ["x"]},
        patches=[
            {
                "patch": "- op: remove",
                "target": {"kind": "Deployment", "labelSelector": "a=b"},
                "options": {"allowNameChange": True},
            }
        ],
        components=["x", "y"],
    )
    assert edited["patches"] == [
        {"path": "a.yaml"},
        {
            "patch": "- op: remove",
            "target": {"kind": "Deployment", "labelSelector": "a=b"},
            "options": {"allowNameChange": True},
        },
    ]
    assert edited["components"] == ["x", "y"]


@pytest.mark.parametrize(
    ("kustomization", "message"),
    [
        ({"patches": ["legacy.yaml"]}, "patches of the kustomization file is not a list of mappings"),
        ({"images": [{"name": ["x"]}]}, "images of the kustomization file is not a list of mappings"),
        ({"replicas": {"a": 1}}, "replicas of the kustomization file is not a list of mappings"),
        ({"imageTags": "x"}, "imageTags of the kustomization file is not a list of mappings"),
        ({"components": "x"}, "components of the kustomization file is not a list of paths"),
    ],
)
def test_a_malformed_list_is_reported(kustomization: dict[str, Any], message: str) -> None:
    with pytest.raises(GenerationError, match=message):
        edit(kustomization, namePrefix="x")
