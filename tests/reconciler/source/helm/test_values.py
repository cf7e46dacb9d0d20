"""Value files: which, in what order, from where."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from reconciler.errors import GenerationError
from reconciler.source.files.doublestar import matching_files
from reconciler.source.helm.values import read_values
from reconciler.source.settings import SourceSettings
from tests.reconciler.source.helm.charts import Files, chart_yaml, request_for, tree_of

FILES = {
    "chart/Chart.yaml": chart_yaml(),
    "chart/values.yaml": "own: 1\n",
    "chart/envs/a.yaml": "a",
    "chart/envs/z.yaml": "z",
    "chart/envs/nested/c.yaml": "c",
    "chart/envs/nested/deep/d.yaml": "d",
    "chart/envs/web/w.yaml": "w",
    "chart/envs/note.txt": "n",
    "shared/common.yaml": "common",
    "other/values.yaml": "other",
}
BELOW = ["envs/nested/c.yaml", "envs/nested/deep/d.yaml", "envs/web/w.yaml"]


def names(*value_files: str, files: Files = FILES, **options: Any) -> list[str]:
    request = request_for(files, valueFiles=list(value_files), **options)
    assert request.source.helm is not None
    return [name for name, _ in read_values(request, request.source.helm).texts]


@pytest.mark.parametrize(
    ("value_files", "expected"),
    [
        (["envs/*.yaml"], ["envs/a.yaml", "envs/z.yaml"]),
        (["envs/**/*.yaml"], ["envs/a.yaml", "envs/z.yaml", *BELOW]),
        (["envs/**"], ["envs/a.yaml", *BELOW[:2], "envs/note.txt", BELOW[2], "envs/z.yaml"]),
        (["envs/*/[cw].yaml"], ["envs/nested/c.yaml", "envs/web/w.yaml"]),
        (["envs/?.yaml", "values.yaml"], ["envs/a.yaml", "envs/z.yaml", "values.yaml"]),
        (["envs/*.{yaml,txt}"], ["envs/a.yaml", "envs/note.txt", "envs/z.yaml"]),
        (["envs/$ARGOCD_APP_NAME/*.yaml"], ["envs/web/w.yaml"]),
        (["envs/*.yaml", "envs/a.yaml"], ["envs/z.yaml", "envs/a.yaml"]),
        (["envs/z.yaml", "envs/*.yaml", "envs/**/*.yaml"], ["envs/z.yaml", "envs/a.yaml", *BELOW]),
        (["envs/a.yaml", "envs/z.yaml", "./envs/../envs/a.yaml"], ["envs/a.yaml", "envs/z.yaml"]),
        (["/shared/*.yaml", "../other/values.yaml"], ["/shared/common.yaml", "/other/values.yaml"]),
    ],
)  # fmt: skip
def test_patterns_and_their_order(value_files: list[str], expected: list[str]) -> None:
    assert names(*value_files) == [
        name.removeprefix("/") if name.startswith("/") else f"chart/{name}" for name in expected
    ]


def test_a_pattern_without_a_match() -> None:
    with pytest.raises(GenerationError) as caught:
        names("env/*.yaml")
    assert str(caught.value) == (
        "spec.source.helm.valueFiles[0]: 'env/*.yaml' matches no file in memory at 1.0.0 (looked for 'chart/env/*.yaml'); "
        "correct it, or set ignoreMissingValueFiles"
    )
    assert names("env/*.yaml", "none.yaml", "values.yaml", ignoreMissingValueFiles=True) == ["chart/values.yaml"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("envs/[a.yaml", r"valueFiles\[0\]: '\[a\.yaml' has a \[ that does not close"),
        ("../../*.yaml", r"'\.\./\.\./\*\.yaml' leaves the repository"),
        ("{a,b}" * 11 + "*", "spells more than 1000 alternatives"),
        ("*a" * 600, "has more than 1024 characters"),
    ],
)
def test_bad_patterns(pattern: str, message: str) -> None:
    with pytest.raises(GenerationError, match=message):
        names(pattern)


def test_a_pattern_that_looks_at_too_much() -> None:
    tree = tree_of({f"{'d/' * depth}{'x' * 200}.yaml": "" for depth in range(30)})
    with pytest.raises(GenerationError, match=r"looks at too many files; narrow the pattern"):
        matching_files(tree, "**/" * 12 + "*x" * 60, field="f")


def test_value_files_of_another_source() -> None:
    other = {"envs/a.yaml": "a", "envs/b.yaml": "b", "envs/web.yaml": "w"}
    references = {"values": other, "ARGOCD_APP_NAME": {"named.yaml": "n"}}

    def found(*value_files: str) -> list[str]:
        return names(*value_files, references=references)

    assert found("$values/envs/b.yaml", "$values/envs/*.yaml") == ["envs/b.yaml", "envs/a.yaml", "envs/web.yaml"]
    assert found("$values/envs/$ARGOCD_APP_NAME.yaml", "values.yaml") == ["envs/web.yaml", "chart/values.yaml"]
    assert found("$values//envs/a.yaml") == ["envs/a.yaml"], "its own root, not that of the chart's repository"
    assert found("$ARGOCD_APP_NAME/named.yaml") == ["named.yaml"], "a source comes before a build variable"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("$other/a.yaml", r"is in a source that is not there; give one of spec\.sources ref: other \(there are: \$values\)$"),
        ("$values/", r"'\$values/' names no file after the ref"),
        ("$values/none.yaml", r"there is no '\$values/none\.yaml' in values at 1\.0\.0 \(looked for 'none\.yaml'\)"),
        ("$values/../a.yaml", "leaves the repository"),
        ("$values/https://h/x.yaml", r"there is no '\$values/https://h/x\.yaml' in values"),
    ],
)  # fmt: skip
def test_value_files_of_another_source_that_are_not_there(name: str, message: str) -> None:
    for options in ({"valueFiles": [name]}, {"fileParameters": [{"name": "x", "path": name}]}):
        request = request_for(FILES, references={"values": {"a.yaml": "a"}}, **options)
        assert request.source.helm is not None
        with pytest.raises(GenerationError, match=message):
            read_values(request, request.source.helm)


class Web:
    """Downloads that know value files by their address."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def archive(self, repo_url: str, chart: str, version: str, *, project: str, pass_credentials: bool) -> bytes:
        raise AssertionError

    def value_file(self, url: str) -> bytes:
        return self._files[url]


def test_value_files_from_the_web() -> None:
    address = "https://example.com/web/[v].yaml?sig=abc"
    request = request_for(
        FILES,
        downloads=Web({address: b"a: 1\n"}),
        valueFiles=["https://example.com/$ARGOCD_APP_NAME/[v].yaml?sig=abc", "values.yaml"],
        fileParameters=[{"name": "x", "path": address}],
    )
    assert request.source.helm is not None
    values = read_values(request, request.source.helm)
    assert values.texts == [("https://example.com/web/[v].yaml", "a: 1\n"), ("chart/values.yaml", "own: 1\n")]
    assert values.file_parameters == [("x", "a: 1\n")]
    assert list(request.observations.downloads) == [("value file", address)]


@pytest.mark.parametrize(
    ("address", "schemes", "shown"),
    [
        ("https://u:p@example.com/x?sig=s", ("http",), "https://example.com/x"),
        ("file:///etc/passwd", ("http", "https", "file"), "file:///etc/passwd"),
        ("s3://bucket/x", ("http", "https"), "s3://bucket/x"),
        ("HTTP://example.com/x", (), "HTTP://example.com/x"),
    ],
)
def test_addresses_that_are_not_allowed(address: str, schemes: tuple[str, ...], shown: str) -> None:
    request = request_for(FILES, downloads=Web({}), valueFiles=[address], ignoreMissingValueFiles=True)
    request = replace(request, settings=SourceSettings(value_file_schemes=schemes))
    assert request.source.helm is not None
    with pytest.raises(GenerationError) as caught:
        read_values(request, request.source.helm)
    assert str(caught.value) == (
        f"spec.source.helm.valueFiles[0]: {shown!r}: the scheme {address.partition(':')[0]} is not allowed; "
        "copy the file into the repository, or allow it with helm.valuesFileSchemes"
    )


def test_a_value_file_that_is_not_text() -> None:
    with pytest.raises(GenerationError, match=r"^chart/values\.yaml: not UTF-8 text; save the file as UTF-8$"):
        names("values.yaml", files=FILES | {"chart/values.yaml": b"\xff\xfe"})
