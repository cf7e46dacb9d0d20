"""Argo CD's own configuration as far as sources need it: settings, credentials, certificates, known hosts, signing keys.

Source: docs/operator-manual/declarative-setup.md of Argo CD 3.6.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.manifest.objects import Manifest, name_of
from reconciler.source.credentials import CredentialStore
from reconciler.source.settings import DEFAULT_SETTINGS, SourceSettings, parse_source_settings

SETTINGS = "argocd-cm"
PARAMETERS = "argocd-cmd-params-cm"
TLS_CERTIFICATES = "argocd-tls-certs-cm"
KNOWN_HOSTS = "argocd-ssh-known-hosts-cm"
GPG_KEYS = "argocd-gpg-keys-cm"
CONFIG_MAPS = (SETTINGS, PARAMETERS, TLS_CERTIFICATES, KNOWN_HOSTS, GPG_KEYS)
REPOSITORY_SECRETS = "argocd.argoproj.io/secret-type in (repository,repo-creds)"
"""Label selector of the Secrets."""


@dataclass(frozen=True, slots=True)
class SourceConfiguration:
    """``gpg_keys`` are armored public keys by their id.

    ``data`` and ``parameters`` are those of ``argocd-cm`` and ``argocd-cmd-params-cm`` as they stand, for others to read.
    """

    settings: SourceSettings = DEFAULT_SETTINGS
    credentials: CredentialStore = field(default_factory=CredentialStore)
    gpg_keys: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict, repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)


def parse_source_configuration(objects: Iterable[Manifest]) -> SourceConfiguration:
    """The configuration in Argo CD's ConfigMaps and Secrets; other objects are passed over.

    Raises
    ------
    SpecError
        For a setting that does not validate. A Secret that does not stops only the repositories it is for.
    """
    found = list(objects)
    data = {name_of(entry): _data(entry) for entry in found if entry.get("kind") == "ConfigMap"}
    return SourceConfiguration(
        settings=parse_source_settings(data.get(SETTINGS, {}), data.get(PARAMETERS, {})),
        credentials=CredentialStore(
            (entry for entry in found if entry.get("kind") == "Secret"),
            tls_certificates=data.get(TLS_CERTIFICATES, {}),
            known_hosts=data.get(KNOWN_HOSTS, {}).get("ssh_known_hosts", ""),
        ),
        gpg_keys=data.get(GPG_KEYS, {}),
        data=data.get(SETTINGS, {}),
        parameters=data.get(PARAMETERS, {}),
    )


def _data(config_map: Manifest) -> dict[str, str]:
    data = config_map.get("data")
    return {str(key): str(value) for key, value in data.items()} if isinstance(data, Mapping) else {}
