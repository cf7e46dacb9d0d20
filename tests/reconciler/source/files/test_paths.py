import pytest

from reconciler.errors import GenerationError
from reconciler.source.files.paths import join, parent_of, resolve_path, shown


@pytest.mark.parametrize(
    ("base", "text", "expected"),
    [
        ("", "apps/web", "apps/web"),
        ("", ".", ""),
        ("apps", "./web//x/", "apps/web/x"),
        ("apps/web", "../base", "apps/base"),
        ("apps/web", "../..", ""),
        ("a", "b..c/...", "a/b..c/..."),
    ],
)
def test_paths_inside(base: str, text: str, expected: str) -> None:
    assert resolve_path(base, text, field="f") == expected


def test_a_leading_slash_means_the_root_where_it_is_allowed() -> None:
    assert resolve_path("apps/web", "/values/x.yaml", field="f", from_root=True) == "values/x.yaml"
    with pytest.raises(GenerationError, match=r"spec.source.path: '/etc' is absolute"):
        resolve_path("", "/etc", field="spec.source.path")


@pytest.mark.parametrize(("base", "text"), [("", ".."), ("a", "../../b"), ("a/b", "c/../../../../d"), ("", "x/../..")])
def test_paths_that_leave_the_repository(base: str, text: str) -> None:
    with pytest.raises(GenerationError, match=r"^f: .* leaves the repository"):
        resolve_path(base, text, field="f")


@pytest.mark.parametrize("text", ["a\nb", "a\0b", "a\x1b[31m", "a\u202eb"])
def test_control_characters_are_refused_and_shown_escaped(text: str) -> None:
    with pytest.raises(GenerationError, match="holds control characters") as caught:
        resolve_path("", text, field="f")
    assert str(caught.value).isprintable()


def test_helpers() -> None:
    assert (join("", "a"), join("a", ""), join("a", "b")) == ("a", "a", "a/b")
    assert (parent_of("a/b/c"), parent_of("a")) == ("a/b", "")
    assert len(shown("x" * 5000)) < 210
