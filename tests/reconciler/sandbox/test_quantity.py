from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.sandbox.quantity import canonical_quantity, quantity_value
from reconciler.sandbox.status import StatusError

CANONICAL = {
    "1": "1",
    "0": "0",
    "0.5": "500m",
    ".5": "500m",
    "1000m": "1",
    "1500m": "1500m",
    "2000": "2k",
    "1024Mi": "1Gi",
    "1.5Gi": "1536Mi",
    "1025Ki": "1025Ki",
    "0.5Ki": "512",
    "1e3": "1e3",
    "12e-1": "1200e-3",
    "-1": "-1",
    "0.1m": "100u",
    "0.0000000001": "1n",
}


@pytest.mark.parametrize(("given_text", "canonical"), CANONICAL.items())
def test_the_canonical_form(given_text: str, canonical: str) -> None:
    assert canonical_quantity(given_text) == canonical


def test_numbers_are_quantities_too() -> None:
    assert (canonical_quantity(2), canonical_quantity(0.25)) == ("2", "250m")


@pytest.mark.parametrize("text", ["", "x", "1x", "--1", "1 Gi", ".", "1Gi2", True, "١"])
def test_what_is_none_is_refused(text: object) -> None:
    with pytest.raises(StatusError, match="quantities must match the regular expression"):
        canonical_quantity(text)


@given(st.integers(0, 10**12), st.sampled_from(["", "m", "k", "M", "G", "Ki", "Mi", "Gi"]))
def test_canonical_form_keeps_the_value_and_is_final(number: int, suffix: str) -> None:
    text = f"{number}{suffix}"
    canonical = canonical_quantity(text)
    assert quantity_value(canonical) == quantity_value(text)
    assert canonical_quantity(canonical) == canonical


def test_the_value_of_what_is_none_is_zero() -> None:
    assert (quantity_value("x"), quantity_value("1e3"), quantity_value("250m")) == (0, 1000, Fraction(1, 4))
