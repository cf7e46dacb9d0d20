"""Beside Argo CD: two reconcilers never work at one Application."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.engine.gates import CONTROLLER_SILENT
from reconciler.errors import SyncError
from tests.reconciler.engine.families import APPLICATIONS, Family, application_text, config_text, family

__all__ = ["family"]

AUTOMATED = "automated: {}"


@pytest.fixture
def web(family: Family) -> Family:
    """One Application, web, that syncs by itself."""
    family.write({"web/config.yaml": config_text("web", "one")})
    family.create(application_text("web", family.origin.url, "web", policy=AUTOMATED))
    return family


def write_as_argo_cd(web: Family, body: dict[str, Any]) -> None:
    """As the controller's own status patches; the Go client names itself after its program."""
    web.client.patch(f"{APPLICATIONS}/web?fieldManager=argocd-application-controller", body).expect(200)


def test_what_argo_cd_reconciles_is_left_to_it(web: Family) -> None:
    write_as_argo_cd(web, {"status": {"reconciledAt": "2026-11-23T10:00:00Z"}})
    before = web.client.get(f"{APPLICATIONS}/web").expect()
    (run,) = web.engine.reconcile_automated([web.engine.application("web")])
    assert (run.outcome, run.error) == (None, None)
    assert run.reason.startswith("Argo CD's own controller reconciles it (")
    assert run.reason.endswith('; hand it over with the annotation argocd.argoproj.io/skip-reconcile: "true"')
    assert web.client.get(f"{APPLICATIONS}/web").expect() == before


def test_what_it_hands_over_is_reconciled(web: Family) -> None:
    write_as_argo_cd(web, {"status": {"reconciledAt": "2026-11-23T10:00:00Z"}})
    web.client.patch(
        f"{APPLICATIONS}/web", {"metadata": {"annotations": {"argocd.argoproj.io/skip-reconcile": "true"}}}
    ).expect(200)
    (run,) = web.engine.reconcile_automated([web.engine.application("web")])
    assert run.outcome is not None
    assert run.outcome.result.succeeded


def test_a_controller_that_is_gone_is_not_waited_for(web: Family) -> None:
    write_as_argo_cd(web, {"status": {"reconciledAt": "2026-11-23T10:00:00Z"}})
    web.engine.clock = lambda: datetime.now(UTC) + CONTROLLER_SILENT + timedelta(minutes=1)
    (run,) = web.engine.reconcile_automated([web.engine.application("web")])
    assert run.outcome is not None
    assert run.outcome.result.succeeded


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"operation": {"sync": {"revision": "main"}}}, "requested"),
        (
            {
                "status": {
                    "operationState": {
                        "phase": "Running",
                        "startedAt": "2026-11-23T10:00:00Z",
                        "operation": {"sync": {}},
                    }
                }
            },
            "Running",
        ),
    ],
)
def test_an_operation_of_its_own_goes_first(web: Family, body: dict[str, Any], said: str) -> None:
    write_as_argo_cd(web, body)
    application = web.engine.application("web")
    with pytest.raises(SyncError) as caught:
        web.engine.sync(web.engine.reconcile(application))
    assert str(caught.value) == (
        f"web cannot be synced: Argo CD is at an operation of its own ({said}); wait for its end, or end it with: "
        "gitops-nb app terminate-op web"
    )
