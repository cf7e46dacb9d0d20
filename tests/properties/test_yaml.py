from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import SpecError
from reconciler.manifest.yaml import dump_document, load_document, load_documents

SYMBOLS = [*"-?#%@`|>'\"=~\n\t\x85\u2028", "", " x ", "---", "...", "{}", "[]", "<<", "- a", "a: b", "&a", "*a", "!t"]
WORDS = [
    "012",
    "0o14",
    "1e3",
    ".5",
    "0x1f",
    "1_0",
    "12:30:45",
    "2001-01-01",
    "y",
    "no",
    "On",
    "null",
    "a\n",
    "\n a",
    "\ufeffx",
]
TYPED_LOOKING = st.sampled_from(SYMBOLS + WORDS)
TEXT = (
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], include_characters="\n\t"), max_size=40)
    | TYPED_LOOKING
)
# Go writes larger floats without a fraction in decimal, with zeros for the digits that do not identify them.
FLOATS = st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not 2**53 < abs(number) < 2**63)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | FLOATS
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(TEXT, children, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_load_after_dump_is_identity(value: Any) -> None:
    assert load_document(dump_document(value), file="f") == value


@given(st.lists(VALUES.filter(lambda value: value is not None), max_size=3))
def test_streams_keep_their_documents(values: list[Any]) -> None:
    text = "".join(f"---\n{dump_document(value)}" for value in values)
    assert load_documents(text, file="f") == values


@given(st.text(alphabet=st.sampled_from("ab:-?[]{},&*!|>'\"%@#<~01. \n\t\ud800\x00é"), max_size=60))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    problem = ""
    try:
        load_documents(text, file="f")
    except SpecError as error:
        problem = str(error)
    assert not problem or problem.startswith("f:")
    assert "\n" not in problem
