"""Versions and constraints, held to Masterminds/semver itself, which Helm's library brings."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.source.versions import (
    is_constraint,
    is_version,
    max_satisfying,
    newest_first,
    parse_version,
    satisfies,
)
from tests.reconciler.source.charts.masterminds import compare

VERSIONS = (
    "0.0.0", "0.0.1", "0.0.2", "0.1.0", "0.1.5", "0.2.0", "1.0.0", "1.0.1-rc.1", "1.0.1", "1.2.0-0", "1.2.0-alpha",
    "1.2.0-alpha.1", "1.2.0-alpha.beta", "1.2.0-beta.2", "1.2.0-beta.11", "1.2.0", "1.2.3+build", "v1.3.0", "1.4", "2",
    "2.0.0-rc.1", "2.0.0", "2.1.0", "3.0.0+a", "10.0.0", "2024.03-LTS-RC19", "01.002.3",
)  # fmt: skip
CONSTRAINTS = (
    "*", "x", "X", "*-0", "1", "1.x", "1.*", "v1.2.*", "1.2.x", "1.2.3", "=1.2.3", "= v1.2", "!=1.2.0", "!=1.2", "!=1",
    "!=*", ">1", ">1.2", ">1.2.0", ">*", ">=1.2", ">=1.2-0", "=>1.2", "<2", "<2.0.0-0", "<=1", "<=1.2", "<=1.2.0", "<=*",
    "=<2", "~1", "~1.2", "~1.2.0", "~>1.2", "~0", "~0.0.0", "~*", "^1", "^1.2", "^1.2.3", "^0", "^0.0", "^0.0.1", "^0.1",
    "^0.1.2", "^*", "^1.2.0-alpha", "1.0 - 2.0", "1 - 2.0.0-rc.1", ">=1, <2", ">=1 <2 !=1.2.0", ">= 1.0.1-0, < 2",
    "^1 || ~2.1", "<1||>=2", "1.2.0-alpha || >2", " 1.2.0 ", "1.2.3+other", "1.x.3", "*.1.2", ">=0-0",
)  # fmt: skip
MALFORMED = (
    "", " ", "||", "1 ||", "main", "1.2.3.4", ">", ">=", "1.2.", "^^1", "> > 1", "1,,2", "1 - ", "a.b.c", "1x", "1|2",
    "v", "-1", "1.2.3-01", "18446744073709551616", ">=1.0.0<2.0.0", "1\n2\v3", "1.0 -2.0 -", "é", "1 " * 257,
)  # fmt: skip


@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_a_constraint_admits_what_the_original_admits(constraint: str) -> None:
    expected = compare([(constraint, version) for version in VERSIONS])

    assert expected is not None, "the original refuses it"
    assert [satisfies(constraint, version) for version in VERSIONS] == expected


@pytest.mark.parametrize("constraint", MALFORMED)
def test_what_the_original_refuses_is_no_constraint(constraint: str) -> None:
    assert compare([(constraint, "1.2.3")]) is None
    assert not satisfies(constraint, "1.2.3")
    assert not is_constraint(constraint)
    assert max_satisfying(constraint, VERSIONS) is None


_numbers = st.sampled_from(["0", "1", "2", "3", "10", "01"])
_wild = st.sampled_from(["0", "1", "2", "x", "X", "*"])
_suffixes = st.sampled_from(
    ["", "", "", "", "-0", "-alpha", "-rc.1", "-rc.2", "-1", "-a-b", "-01", "-rc.1.x", "+b", "-rc.1+b"]
)


def _dotted(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(
        lambda v, numbers, suffix: v + ".".join(numbers) + suffix,
        st.sampled_from(["", "", "v"]),
        st.lists(parts, min_size=1, max_size=3),
        _suffixes,
    )


_operators = st.sampled_from(["", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^"])
_terms = st.builds("{}{}{}".format, _operators, st.sampled_from(["", " "]), _dotted(_numbers | _wild))
_groups = st.builds(
    lambda separator, terms: separator.join(terms),
    st.sampled_from([" ", ", ", ",", " , ", "  "]),
    st.lists(_terms, min_size=1, max_size=3),
) | st.builds("{} - {}".format, _dotted(_numbers | _wild), _dotted(_numbers | _wild))
_constraints = st.lists(_groups, min_size=1, max_size=3).map(" || ".join)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(_constraints, st.lists(_dotted(_numbers), min_size=1, max_size=8))
def test_random_constraints_admit_what_the_original_admits(constraint: str, versions: list[str]) -> None:
    valid = [version for version in versions if parse_version(version) is not None]
    expected = compare([(constraint, version) for version in valid])

    if expected is None:
        assert not any(satisfies(constraint, version) for version in valid)
    else:
        assert [satisfies(constraint, version) for version in valid] == expected


@settings(max_examples=150, deadline=None)
@given(_dotted(_numbers | st.sampled_from(["", "a", "18446744073709551615", "18446744073709551616"])))
def test_a_version_is_what_the_original_takes_for_one(text: str) -> None:
    assert is_version(text) == (compare([("*-0", text)]) is not None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0.5.3", False), ("2024.03-LTS-RC19", False), ("v1.0", False), ("main", False), ("HEAD", False)]
    + [(text, True) for text in ("= 0.5.3", "> 0.5.3", ">0.5.0,<0.7.0", "0.7.*", "*", "1.x")],
)
def test_one_version_is_no_constraint(text: str, expected: bool) -> None:
    """The cases of util/versions/tags_test.go of Argo CD."""
    assert is_constraint(text) is expected


TAGS = ["0.7.1", "0.5.4", "0.5.3", "0.7.2", "0.5.2", "0.5.1", "0.5.0", "2024.03-LTS-RC19", "latest"]


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        ("> 0.5.3", "0.7.2"),
        ("> 0.0.0", "0.7.2"),
        (">0.5.0,<0.7.0", "0.5.4"),
        ("0.7.*", "0.7.2"),
        ("*", "0.7.2"),
        (">=0-0", "2024.03-LTS-RC19"),
        ("0.8.*", None),
    ],
)
def test_the_newest_tag_is_chosen(constraint: str, expected: str | None) -> None:
    """The cases of util/versions/tags_test.go of Argo CD."""
    assert max_satisfying(constraint, TAGS) == expected


def test_of_equal_versions_the_first_is_chosen_as_it_is_spelt() -> None:
    assert max_satisfying("1.*", ["1.0.0", "v1.2", "1.2.0", "1.2.0+b"]) == "v1.2"


def test_versions_are_listed_from_new_to_old_and_others_last() -> None:
    assert newest_first(["1.0.0", "main", "2.0.0-rc.1", "2.0.0", "1.10.0"]) == [
        "2.0.0", "2.0.0-rc.1", "1.10.0", "1.0.0", "main",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["1" + "  1" * 160 + "!", " " * 500 + "!", "1" * 511 + "!", "x-" * 250 + " - ", "1 - " * 120]
)
def test_no_text_makes_the_patterns_slow(text: str) -> None:
    start = time.process_time()

    assert not is_constraint(text)
    assert time.process_time() - start < 1
