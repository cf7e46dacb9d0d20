import pytest

from reconciler.manifest.quantity import canonical_quantity

# As kube-apiserver v1.37.2 stores them.
CASES = [
    ("0.5", "500m"),
    ("500m", "500m"),
    (0.1, "100m"),
    (2, "2"),
    ("2.0", "2"),
    ("1000", "1k"),
    ("1500", "1500"),
    ("1.500", "1.500"),
    ("01", "01"),
    ("1000000", "1M"),
    ("1024Mi", "1Gi"),
    ("1536Mi", "1536Mi"),
    ("1023Ki", "1023Ki"),
    ("0.5Ki", "512"),
    ("1.5Ki", "1536"),
    ("1.5Gi", "1536Mi"),
    ("2e3", "2e3"),
    ("2E3", "2E3"),
    ("2000e0", "2e3"),
    ("1e1", "10"),
    ("0", "0"),
    ("-0", "0"),
    ("0Gi", "0"),
    ("+1", "+1"),
    ("-500m", "-500m"),
    (".5", "500m"),
    ("5.", "5."),
    ("9223372036854775808", "9223372036854775808"),
    ("9Ei", "9223372036854775807"),
    ("100E", "100E"),
]
ROUNDED = [("0.0001Ki", "103m"), ("0.0000000001", "1m"), ("1.0000000001", "1001m"), ("1n", "1m"), ("1500u", "2m")]


@pytest.mark.parametrize(("value", "expected"), CASES, ids=str)
def test_canonical_form(value: str | float, expected: str) -> None:
    assert canonical_quantity(value) == expected
    assert canonical_quantity(value, milli=True) == expected


@pytest.mark.parametrize(("value", "expected"), ROUNDED)
def test_lists_of_resources_have_thousandths_at_most(value: str, expected: str) -> None:
    assert canonical_quantity(value, milli=True) == expected


def test_others_have_billionths_at_most() -> None:
    assert canonical_quantity("0.0000000001") == "1n"
    assert canonical_quantity("1.0000000001") == "1000000001n"
    assert canonical_quantity("1n") == "1n"


@pytest.mark.parametrize("value", ["", "abc", "1 Gi", "1gi", "--1", "1e", "e3", "1.2.3", "Ki", True])
def test_what_is_no_quantity_comes_back(value: str) -> None:
    assert canonical_quantity(value) is value
