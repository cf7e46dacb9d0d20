import time

import pytest

from reconciler.diff.globs import glob_matches


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
    ],
)
def test_globs(pattern: str, text: str, expected: bool) -> None:
    assert glob_matches(pattern, text) is expected


@pytest.mark.parametrize(
    "pattern", ["*a" * 200 + "b", "{a,b}" * 40, "{" * 500, "[" * 500], ids=["stars", "choices", "open", "sets"]
)
def test_no_pattern_takes_long(pattern: str) -> None:
    start = time.process_time()
    assert not glob_matches(pattern, "a" * 250)
    assert time.process_time() - start < 1
