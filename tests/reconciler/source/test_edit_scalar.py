import pytest

from reconciler.errors import SpecError
from reconciler.source.edit_scalar import EditableFile

CHILDREN = """\
# Two children, and what is between them.
apiVersion: argoproj.io/v1alpha1   # the API
kind: Application
metadata: {name: web}
spec:
  source:
    repoURL: https://a/b   # trailing
    targetRevision:   main      # ← what is deployed
    path: "ü/…"
---
# nothing here
---
kind: List
items:
- kind: Application
  metadata:
    name: 'api'
  spec:
    sources:
    - repoURL: https://a/b
      path: x
    - {repoURL: "https://a/c", "targetRevision": "v1"}
"""
WEB = ("spec", "source", "targetRevision")


def edited(text: str, path: tuple[str | int, ...], value: str, *, document: int = 0) -> str:
    file = EditableFile(text.encode(), file="a.yaml")
    return file.with_values(document, {path: value}, after="repoURL").decode()


def test_objects_are_found_in_documents_and_lists() -> None:
    file = EditableFile(CHILDREN.encode(), file="a.yaml")
    found = [(document, path, file.value(document, (*path, "metadata", "name"))) for document, path in file.objects()]
    assert found == [(0, (), "web"), (2, (), ""), (2, ("items", 0), "api")]


def test_only_the_value_changes() -> None:
    assert edited(CHILDREN, WEB, "feature/x") == CHILDREN.replace("  main  ", "  feature/x  ")
    assert edited(CHILDREN.replace("\n", "\r\n"), WEB, "v2") == CHILDREN.replace("  main  ", "  v2  ").replace(
        "\n", "\r\n"
    )
    assert edited("\ufeff" + CHILDREN, WEB, "v2") == "\ufeff" + CHILDREN.replace("  main  ", "  v2  ")


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("main", "feature/x", "feature/x"),
        ("main", "1.2", '"1.2"'),
        ("main", "1234567", '"1234567"'),
        ("main", "null", '"null"'),
        ("main", "2026-01-01", '"2026-01-01"'),
        ("main", ">=1.2 <2", '">=1.2 <2"'),
        ("main", "a#b: c", '"a#b: c"'),
        ("main", "x\ny: z", '"x\\ny: z"'),
        ("'main'", "it's", "'it''s'"),
        ('"main"', 'say "x"', '"say \\"x\\""'),
        ("'1.2'", "1.3", "'1.3'"),
        ("", "v1", "v1"),
    ],
)
def test_the_quotes_are_kept_and_added_where_a_text_needs_them(before: str, value: str, after: str) -> None:
    text = f"kind: A\nspec:\n  source: {{repoURL: x, targetRevision: {before}, path: y}}\n"
    assert edited(text, WEB, value) == text.replace(f"targetRevision: {before}", f"targetRevision: {after}")
    block = f"kind: A\nspec:\n  source:\n    targetRevision: {before} # why\n    path: y\n"
    if before:
        assert edited(block, WEB, value) == block.replace(f": {before} #", f": {after} #")


def test_a_missing_value_is_written_behind_another() -> None:
    path = ("items", 0, "spec", "sources", 0, "targetRevision")
    line = "    - repoURL: https://a/b\n"
    assert edited(CHILDREN, path, "v2", document=2) == CHILDREN.replace(line, f"{line}      targetRevision: v2\n")
    text = "spec: {source: {repoURL: x, path: y}}"
    assert edited(text, WEB, "v2") == "spec: {source: {repoURL: x, targetRevision: v2, path: y}}"
    text = '{"spec": {"source": {"repoURL": "x"}}}'
    assert edited(text, WEB, "v2") == '{"spec": {"source": {"repoURL": "x", "targetRevision": "v2"}}}'
    text = "spec:\n  source:\n    repoURL: x"
    assert edited(text, WEB, "v2") == f"{text}\n    targetRevision: v2"


def test_json_stays_json() -> None:
    text = '{\n\t"kind": "Application", "spec": {"source": {"targetRevision": "main", "é": 1}}\n}\n'
    assert edited(text, WEB, "v2") == text.replace("main", "v2")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{repoURL: x, targetRevision: &rev main}", "a.yaml:2: spec.source.targetRevision carries the anchor &rev"),
        ("{repoURL: &rev main, targetRevision: *rev}", "is an alias of &rev; change it by hand"),
        ("{repoURL: x, targetRevision: !!str main}", "carries the tag tag:yaml.org,2002:str"),
        ("\n    targetRevision: |\n      main\n", "a.yaml:3: spec.source.targetRevision is a text of several lines"),
        ("\n    targetRevision: 'a\n\n      b'\n", "is a text of several lines"),
        ("{path: y}", "spec.source.targetRevision is missing and cannot be added"),
        ("{path: y, targetRevision: {a: b}}", "spec.source.targetRevision is not a text; change it by hand"),
    ],
)
def test_what_cannot_be_changed_alone(source: str, message: str) -> None:
    with pytest.raises(SpecError, match=message.replace("{", r"\{").replace("*", r"\*") if message else ""):
        edited(f"kind: A\nspec: {{source: {source}}}" if source[0] == "{" else f"spec:\n  source:{source}", WEB, "v2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a: \xff", "not UTF-8"),
        (b"a: [", "a.yaml:1"),
        (b"[" * 600, "nested more than"),
        (b'{"a": 1}{"b": 2}', "more than one JSON object"),
    ],
)
def test_files_that_cannot_be_read(text: bytes, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        EditableFile(text, file="a.yaml")
