"""What sync options mean, and which mean nothing."""

from typing import Any

import pytest

from reconciler.model import Application, parse_application
from reconciler.sync.options import (
    ApplicationOptions,
    Permission,
    ResourceOptions,
    application_options,
    application_warnings,
    merged_options,
    resource_options,
    resource_warnings,
)
from reconciler.sync.run_options import parse_wave_delay

OPTIONS = "argocd.argoproj.io/sync-options"


def application(*options: str, **annotations: str) -> Application:
    return parse_application(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "guestbook", "annotations": annotations},
            "spec": {
                "project": "default",
                "destination": {"server": "https://kubernetes.default.svc", "namespace": "web"},
                "source": {"repoURL": "https://git.example.com/apps.git", "path": "guestbook"},
                "syncPolicy": {"syncOptions": list(options)},
            },
        }
    )


def obj(options: str = "") -> dict[str, Any]:
    return {"kind": "ConfigMap", "metadata": {"name": "a", "annotations": {OPTIONS: options} if options else {}}}


APPLICATIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...], ApplicationOptions]] = {
    "none": ((), (), ApplicationOptions()),
    "several, with blanks": (
        (" CreateNamespace=true ", "FailOnSharedResource=true", "RespectIgnoreDifferences=true"),
        (),
        ApplicationOptions(create_namespace=True, fail_on_shared_resource=True, respect_ignore_differences=True),
    ),
    "switched off": (("CreateNamespace=false", "ApplyOutOfSyncOnly=false"), (), ApplicationOptions()),
    "no migration": (("ClientSideApplyMigration=false",), (), ApplicationOptions(migration_manager="")),
    "propagation": (("PrunePropagationPolicy=orphan",), (), ApplicationOptions(propagation="Orphan")),
    "no such propagation": (("PrunePropagationPolicy=none",), (), ApplicationOptions()),
    "the sync's own word wins": (
        ("ApplyOutOfSyncOnly=true", "CreateNamespace=true"),
        ("ApplyOutOfSyncOnly=false",),
        ApplicationOptions(create_namespace=True),
    ),
}


@pytest.mark.parametrize(("given", "more", "expected"), APPLICATIONS.values(), ids=APPLICATIONS)
def test_options_of_an_application(given: tuple[str, ...], more: tuple[str, ...], expected: ApplicationOptions) -> None:
    found = application_options(application(*given), more)
    for name in ApplicationOptions.__slots__:
        if name != "texts":
            assert getattr(found, name) == getattr(expected, name), name


def test_another_manager_of_client_side_applies() -> None:
    marks = {"argocd.argoproj.io/client-side-apply-migration-manager": "helm"}
    assert application_options(application(**marks)).migration_manager == "helm"
    assert application_options(application()).migration_manager == "kubectl-client-side-apply"


RESOURCES: dict[str, tuple[str, tuple[str, ...], ResourceOptions]] = {
    "none": ("", (), ResourceOptions()),
    "of the application": ("", ("Replace=true", "CreateNamespace=true"), ResourceOptions(replace=True)),
    "of the object": ("Force=true, Validate=false", (), ResourceOptions(force=True, validate=False)),
    "the object's word wins": ("Replace=false,Prune=true", ("Replace=true", "Prune=false"), ResourceOptions()),
    "others stay": (
        "Prune=confirm",
        ("Prune=false", "PruneLast=true"),
        ResourceOptions(prune=Permission.CONFIRM, prune_last=True),
    ),
    "of two words the careful one": ("Delete=true,Delete=confirm", (), ResourceOptions(delete=Permission.CONFIRM)),
    "of three words the most careful one": (
        "Prune=confirm,Prune=false,Prune=true",
        (),
        ResourceOptions(prune=Permission.NO),
    ),
    "server-side apply is what we do": ("ServerSideApply=false", ("ServerSideApply=true",), ResourceOptions()),
    "a missing kind": (
        "SkipDryRunOnMissingResource=true",
        (),
        ResourceOptions(skip_dry_run_on_missing=True),
    ),
    "in another case": ("replace=True", (), ResourceOptions()),
}


@pytest.mark.parametrize(("own", "general", "expected"), RESOURCES.values(), ids=RESOURCES)
def test_options_of_an_object(own: str, general: tuple[str, ...], expected: ResourceOptions) -> None:
    assert resource_options(merged_options(obj(own), frozenset(general))) == expected


WARNINGS = {
    "known ones": (("CreateNamespace=true", "Prune=confirm", "ServerSideApply=true"), []),
    "unknown ones": (
        ("Prune", "Rebase=true"),
        [
            "spec.syncPolicy.syncOptions: sync option Prune is ignored; Prune may be confirm, false or true",
            "spec.syncPolicy.syncOptions: sync option Rebase=true is ignored: there is no option Rebase",
        ],
    ),
    "a value that cannot be": (
        ("PruneLast=last",),
        ["spec.syncPolicy.syncOptions: sync option PruneLast=last is ignored; PruneLast may be false or true"],
    ),
    "one that changes nothing": (
        ("ServerSideApply=false",),
        ["spec.syncPolicy.syncOptions: ServerSideApply=false changes nothing: every apply is a server-side one"],
    ),
}


@pytest.mark.parametrize(("given", "expected"), WARNINGS.values(), ids=WARNINGS)
def test_options_that_mean_nothing(given: tuple[str, ...], expected: list[str]) -> None:
    assert application_warnings(given) == expected


def test_options_that_mean_nothing_on_an_object() -> None:
    assert resource_warnings(obj("Prune=false,CreateNamespace=true,Colour=red"), "ConfigMap web/a") == [
        "ConfigMap web/a: sync option Colour=red is ignored: there is no option Colour",
        "ConfigMap web/a: sync option CreateNamespace=true is ignored: only the Application may set CreateNamespace",
    ]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2", 2.0), (" 10 ", 10.0), ("", 0.0), ("-1", 0.0), ("2s", 0.0), ("1.5", 0.0), ("\u0662", 0.0)],
)
def test_the_pause_between_waves(text: str, seconds: float) -> None:
    assert parse_wave_delay(text) == seconds
