from types import SimpleNamespace

import pytest

from gitops_nb.walkthroughs import DriftExample
from reconciler.errors import UsageError


@pytest.mark.parametrize("name", ["in-cluster", "team-sandbox", "gitops-nb-sandbox-2"])
def test_the_example_touches_no_cluster_but_the_sandbox(name: str) -> None:
    # Nothing but the name: a request would fail on the attribute that is not there.
    session = SimpleNamespace(reconciler=SimpleNamespace(connection=SimpleNamespace(name=name)))
    with pytest.raises(UsageError, match="the example is for a sandbox cluster"):
        DriftExample(session)  # type: ignore[arg-type]
