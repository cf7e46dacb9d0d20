"""The names of Leases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cluster.lease_record import lease_name


@pytest.mark.parametrize(
    ("namespace", "application", "name"),
    [
        ("argocd", "shop", "gitops-nb.argocd.shop"),
        ("argocd", "shop.eu-1", "gitops-nb.argocd.shop.eu-1"),
        ("argocd", "x" * 200, f"gitops-nb.argocd.{'x' * 200}"),
        ("argocd", "x" * 253, "gitops-nb-f941e49511f269d0020c8fe406e1b2c1e658e3cb"),
        ("argocd", "Shop", "gitops-nb-"),
        ("argocd", "shop-", "gitops-nb-"),
        ("argo.cd", "shop", "gitops-nb-"),
        ("argocd", "", "gitops-nb-"),
    ],
    ids=["plain", "dots", "long", "too-long", "capital", "dash", "dotted-namespace", "empty"],
)
def test_the_name_of_a_lease(namespace: str, application: str, name: str) -> None:
    made = lease_name(namespace, application)
    assert made.startswith(name) if name == "gitops-nb-" else made == name
    assert len(made) <= 253


NAMES = st.text(alphabet="ab.-", max_size=6)


@given(first=st.tuples(NAMES, NAMES), second=st.tuples(NAMES, NAMES))
def test_no_two_applications_share_a_lease(first: tuple[str, str], second: tuple[str, str]) -> None:
    assert (lease_name(*first) == lease_name(*second)) is (first == second)
