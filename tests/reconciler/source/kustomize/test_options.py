import shutil
from pathlib import Path

import pytest

from reconciler.errors import GenerationError, SpecError
from reconciler.source.kustomize.options import BuildOptions, parse_build_options
from reconciler.source.kustomize.tool import kustomize_command, kustomize_stamp, kustomize_tool
from reconciler.source.settings import SourceSettings, parse_source_settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", BuildOptions()),
        ("--enable-helm", BuildOptions(("--enable-helm",), helm=True)),
        ("--enable-helm=false --network=true", BuildOptions(("--network=true".partition("=")[0],))),
        (
            "--load-restrictor LoadRestrictionsNone\n --enable-helm=true",
            BuildOptions(("--load-restrictor", "LoadRestrictionsNone", "--enable-helm"), helm=True),
        ),
        ("--load-restrictor=none", BuildOptions(("--load-restrictor", "none"))),
        ("--enable-helm --helm-command=helm3", BuildOptions(("--enable-helm",), helm=True, helm_command="helm3")),
        ("--enable-alpha-plugins", BuildOptions(("--enable-alpha-plugins",), launches=True)),
        ("--enable-exec -e A=b", BuildOptions(("--enable-exec", "-e", "A=b"), launches=True)),
        ("--reorder legacy", BuildOptions(("--reorder", "legacy"))),
    ],
)
def test_options_that_are_passed_on(text: str, expected: BuildOptions) -> None:
    assert parse_build_options(text, key="k") == expected


def test_all_others_are_refused_at_once() -> None:
    text = "--output /etc/x -o=y --stack-trace --enable-helm=maybe --helm-command --load-restrictor"
    with pytest.raises(SpecError) as caught:
        parse_build_options(text, key="kustomize.buildOptions.v4")
    assert {violation.path for violation in caught.value.violations} == {"data[kustomize.buildOptions.v4]"}
    for word in ("'--output'", "'/etc/x'", "'-o=y'", "'--stack-trace'", "--enable-helm is true or false"):
        assert word in str(caught.value)
    assert "--helm-command needs a value" in str(caught.value)


def test_a_helm_program_that_is_not_there() -> None:
    with pytest.raises(
        GenerationError, match="the Helm program 'no-such-helm' that kustomize is to run is not installed"
    ):
        BuildOptions(helm=True, helm_command="no-such-helm").helm_arguments()


def test_a_version_has_a_program_and_options_of_its_own(tmp_path: Path) -> None:
    program = tmp_path / "kustomize_4_5_7"
    shutil.copy("/bin/true", program)
    settings = parse_source_settings(
        {
            "kustomize.buildOptions": "--load-restrictor LoadRestrictionsNone",
            "kustomize.buildOptions.v4.5.7": "--reorder none",
            "kustomize.path.v4.5.7": str(program),
            "kustomize.remoteBases": "https://github.com/org/*, https://example.com/*",
        }
    )
    tool = kustomize_tool(settings, "v4.5.7", where="spec.source")
    assert (tool.command, tool.options.arguments) == ((str(program), "build"), ("--reorder", "none"))
    default = kustomize_tool(settings, "", where="spec.source")
    assert default.command == kustomize_command()
    assert default.options.arguments == ("--load-restrictor", "LoadRestrictionsNone")
    assert settings.kustomize_remote_bases == ("https://github.com/org/*", "https://example.com/*")
    stamp = kustomize_stamp(settings)
    assert str(program) in [path for path, _, _ in stamp]
    program.write_bytes(b"#!/bin/sh\n")
    assert kustomize_stamp(settings) != stamp


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (
            "v9",
            r"^spec\.source\.kustomize\.version: kustomize version 'v9' is not registered; set kustomize\.path\.v9 in argocd-cm",
        ),
        ("../x", "is not registered; .* or use one of: gone, relative"),
        ("gone", r"data\[kustomize\.path\.gone\]: '/none' is not the absolute path of a program"),
        ("relative", "'bin/x' is not the absolute path of a program"),
    ],
)
def test_versions_that_cannot_be(version: str, message: str) -> None:
    settings = SourceSettings(kustomize_paths={"gone": "/none", "relative": "bin/x"})
    with pytest.raises(GenerationError, match=message):
        kustomize_tool(settings, version, where="spec.source")
