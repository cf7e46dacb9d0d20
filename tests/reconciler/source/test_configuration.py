import pytest

from reconciler.errors import SpecError
from reconciler.source.configuration import parse_source_configuration
from reconciler.source.settings import SourceSettings, parse_source_settings


def config_map(name: str, data: dict[str, str]) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "argocd"}, "data": data}


def test_settings_have_argo_cds_defaults() -> None:
    assert parse_source_settings({}) == SourceSettings(kustomize_options={"": ""})


def test_settings_are_read() -> None:
    settings = parse_source_settings(
        {
            "helm.enable": "false",
            "jsonnet.enable": "FALSE",
            "helm.valuesFileSchemes": "https, S3",
            "kustomize.buildOptions": "--enable-helm",
            "kustomize.buildOptions.v5.0.0": "--load-restrictor LoadRestrictionsNone",
            "kustomize.path.v5.0.0": "/opt/kustomize",
            "kustomize.version.v4.0.0": "/opt/old",
            "accounts.alice": "login",
        }
    )
    assert (settings.helm_enabled, settings.kustomize_enabled, settings.jsonnet_enabled) == (False, True, False)
    assert settings.value_file_schemes == ("https", "s3")
    assert settings.kustomize_options == {"": "--enable-helm", "v5.0.0": "--load-restrictor LoadRestrictionsNone"}
    assert settings.kustomize_paths == {"v5.0.0": "/opt/kustomize", "v4.0.0": "/opt/old"}


def test_parameters_of_the_repo_server() -> None:
    parameters = {
        "reposerver.enable.git.submodule": "false",
        "reposerver.max.combined.directory.manifests.size": "2Mi",
    }
    settings = parse_source_settings({}, parameters)
    assert (settings.submodules, settings.max_directory_bytes) == (False, 2 * 2**20)
    with pytest.raises(
        SpecError, match=r"^argocd-cmd-params-cm: data\[.*manifests\.size\]: 'big' is not a size such as"
    ):
        parse_source_settings({}, {"reposerver.max.combined.directory.manifests.size": "big"})


def test_a_switch_that_is_none() -> None:
    with pytest.raises(SpecError, match=r"^argocd-cm: data\[helm\.enable\]: 'yes' is neither true nor false"):
        parse_source_settings({"helm.enable": "yes"})


def test_configuration_comes_from_config_maps_by_name_and_secrets_by_label() -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "repo", "labels": {"argocd.argoproj.io/secret-type": "repository"}},
        "stringData": {"url": "https://git.example.com/team/app", "username": "u", "password": "canary-4711"},
    }
    configuration = parse_source_configuration(
        [
            config_map("argocd-cm", {"kustomize.enable": "false"}),
            config_map("argocd-tls-certs-cm", {"git.example.com": "PEM"}),
            config_map("argocd-ssh-known-hosts-cm", {"ssh_known_hosts": "git.example.com ssh-ed25519 AAAA"}),
            config_map("argocd-gpg-keys-cm", {"4AEE18F83AFDEB23": "ARMOR"}),
            config_map("other", {"helm.enable": "false"}),
            secret,
        ]
    )
    assert configuration.settings.kustomize_enabled is False
    assert configuration.settings.helm_enabled is True
    assert configuration.credentials.certificate_authority("git.example.com") == "PEM"
    assert configuration.credentials.known_hosts.startswith("git.example.com")
    assert configuration.gpg_keys == {"4AEE18F83AFDEB23": "ARMOR"}
    found = configuration.credentials.find("https://git.example.com/team/app.git")
    assert found is not None
    assert found.password.reveal() == "canary-4711"
    assert "canary-4711" not in repr(configuration)
