import time

import pytest

from reconciler.errors import GenerationError
from reconciler.source.files.globs import Glob


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
    glob = Glob(pattern, field="f")
    assert [text for text in (*matching, *others) if glob.matches(text)] == matching


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{a", "a { that does not close"),
        ("a}", "a } without {"),
        ("[a", "a [ that does not close"),
        ("{a,b}" * 10, "more than 1000"),
    ],
)
def test_what_is_no_glob(pattern: str, message: str) -> None:
    with pytest.raises(GenerationError, match=message.replace("{", r"\{").replace("[", r"\[")):
        Glob(pattern, field="spec.source.directory.include")


def test_a_hostile_pattern_takes_no_exponential_time() -> None:
    glob = Glob("*a" * 50 + "b", field="f")
    began = time.perf_counter()
    assert not glob.matches("a" * 2000)
    assert time.perf_counter() - began < 5
