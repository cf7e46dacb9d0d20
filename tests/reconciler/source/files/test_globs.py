import time

import pytest

from reconciler.errors import GenerationError
from reconciler.source.files.globs import read_glob


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*.yaml", ["a.yaml", "sub/a.yaml"], ["a.yml", "a.yaml.bak"]),
        ("{config.yaml,env-use2/*}", ["config.yaml", "env-use2/a/b"], ["env-use1/a", "sub/config.yaml"]),
        ("a?c", ["abc", "a/c"], ["ac", "abbc"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "x"]),
        ("[!a-c]x", ["dx", "-x"], ["ax"]),
        ("{a,{b,c}d}*", ["a", "bd", "cdx"], ["b", "d"]),
        (r"\*.yaml", ["*.yaml"], ["a.yaml"]),
        ("**/x", ["a/b/x", "/x"], ["x"]),
        ("*a*b*", ["ab", "xaxbx"], ["ba"]),
        ("", [""], ["a"]),
    ],
)
def test_what_a_glob_matches(pattern: str, matching: list[str], others: list[str]) -> None:
    glob = read_glob(pattern, field="f")
    assert [text for text in (*matching, *others) if glob.matches(text)] == matching


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{a", "a { that does not close"),
        ("[a", "a [ that does not close"),
        ("[a-cx]", "a class that is no range"),
        ("[!]x]", "an empty class"),
        ("a\\", "ends with"),
        ("a" * 5000, "more than 4096 characters"),
    ],
)
def test_what_is_no_glob(pattern: str, message: str) -> None:
    with pytest.raises(GenerationError, match=message.replace("{", r"\{").replace("[", r"\[")):
        read_glob(pattern, field="spec.source.directory.include")


def test_a_hostile_pattern_takes_no_exponential_time() -> None:
    glob = read_glob("*a" * 50 + "b", field="f")
    began = time.perf_counter()
    assert not glob.matches("a" * 2000)
    assert time.perf_counter() - began < 5
