import time

import pytest

from reconciler.globs import GlobError, glob_matches, parse_path_glob, path_matches, require_glob


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("apps", "apps", True),
        ("apps", "app", False),
        ("", "", True),
        ("", "apps", False),
        ("*", "", True),
        ("*", "apps", True),
        ("*.crossplane.io", "ec2.aws.crossplane.io", True),
        ("*.crossplane.io", "crossplane.io", False),
        ("*.io", "a.io.b", False),
        ("Depl?yment", "Deployment", True),
        ("?", "", False),
        ("[DS]*Set", "DaemonSet", True),
        ("[DS]*Set", "ReplicaSet", False),
        ("[A-C]ron", "Bron", True),
        ("[!A-C]ron", "Bron", False),
        ("[!A-C]ron", "Dron", True),
        ("{Deployment,StatefulSet}", "StatefulSet", True),
        ("{Deployment,StatefulSet}", "DaemonSet", False),
        ("{a,b{c,d}}*", "bdx", True),
        ("{apps,}", "", True),
        (r"\*", "*", True),
        (r"\*", "a", False),
        ("a.c", "abc", False),
        ("[", "[x", False),
        ("{a", "a", False),
        ("a\\", "a", False),
        ("x" * 300, "x" * 300, True),
        ("a}", "a}", True),
        ("a,b", "a,b", True),
        (r"{a\,b,c}", "a,b", True),
        ("{[,],b}", ",", True),
        ("[abc-e]", "-", True),
        ("[abc-e]", "d", False),
        (r"[a\]b]", "]", True),
        ("[^a]", "^", True),
        ("*{a*,x}*b", "zaqqb", True),
        ("{,a}{,a}{,a}", "aa", True),
        ("{,a}{,a}{,a}", "aaaa", False),
    ],
)
def test_globs(pattern: str, text: str, expected: bool) -> None:
    assert glob_matches(pattern, text) is expected


@pytest.mark.parametrize(
    "pattern",
    ["*a" * 200 + "b", "{a,b}" * 40, "{,a}" * 500 + "b", "{" * 500 + "a" + "}" * 500, "{" * 500, "[" * 500],
    ids=["stars", "choices", "empty choices", "nested", "open", "sets"],
)
def test_no_pattern_takes_long(pattern: str) -> None:
    start = time.process_time()
    assert not glob_matches(pattern, "a" * 250)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("https://github.com/*", "https://github.com/org", True),
        ("https://github.com/*", "https://github.com/org/shop", False),
        ("https://github.com/**", "https://github.com/org/shop", True),
        ("https://github.com/my-*/*", "https://github.com/my-team/shop", True),
        ("https://github.com/my-*/*", "https://github.com/team/shop", False),
        ("https://**/shop", "https://a/b/c/shop", True),
        ("**/a*b/**", "x/y/aqb/z", True),
        ("**/a*b/**", "x/y/aq/b/z", False),
        ("*[!x]*b", "a/b", True),
        ("a?b", "a/b", False),
    ],
)
def test_a_separator_stops_one_star_but_not_two(pattern: str, text: str, expected: bool) -> None:
    assert glob_matches(pattern, text, separator="/") is expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("Deploy*", "Deployment", True),
        ("*", "", True),
        ("?", "", False),
        ("*", "a/b", False),
        ("[A-C]ron", "Bron", True),
        ("[^A-C]ron", "Bron", False),
        ("[^A-C]ron", "Dron", True),
        ("[AB]ron", "Bron", True),
        ("[!B]ron", "!ron", True),
        (r"\*", "*", True),
        (r"[\]]", "]", True),
        ("{a,b}", "a", False),
        ("{a,b}", "{a,b}", True),
        ("a.c", "abc", False),
    ],
)
def test_path_style_matches_as_go_does(pattern: str, text: str, expected: bool) -> None:
    assert path_matches(pattern, text) is expected


@pytest.mark.parametrize("pattern", ["[", "[]", "[a", "[]a]", "[-x]", "[x-]", "a\\", "[^]", "[\\"])
def test_a_broken_path_pattern_is_an_error(pattern: str) -> None:
    with pytest.raises(GlobError):
        path_matches(pattern, "a")


@pytest.mark.parametrize("pattern", ["[", "{a", "a\\", "{a,[}", "[a-cx]", "[z-a]", "[]a]", "[!]", "a*" * 3000])
def test_a_broken_glob_is_an_error_to_whom_it_matters(pattern: str) -> None:
    assert not glob_matches(pattern, "a")
    with pytest.raises(GlobError):
        require_glob(pattern, "a")


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("[!a]", "b", True),
        ("[^a]", "a", False),
        ("[a-]", "-", True),
        ("[-a]", "-", True),
        ("[a-c-e]", "-", True),
        ("[a-c-e]", "d", False),
    ],
)
def test_classes_as_doublestar_has_them(pattern: str, text: str, expected: bool) -> None:
    assert parse_path_glob(pattern, dialect="doublestar").matches(text) is expected
