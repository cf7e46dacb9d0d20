"""Credentials of repositories, as Argo CD keeps them: Secrets labelled ``repository`` or ``repo-creds``, TLS and SSH ConfigMaps.

Sources: docs/operator-manual/declarative-setup.md and util/db/repository_secrets.go of Argo CD. It compares prefixes as
text, so that its ``https://host/org`` also serves ``https://host/organisation``; here a prefix ends where a path segment
ends.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.errors import SpecError
from reconciler.source.credential_records import Address, RepositoryCredentials, SecretText
from reconciler.source.credential_secrets import SecretFields, mapping_of, name_of

__all__ = ["CredentialStore", "RepositoryCredentials", "SecretText"]

log = logging.getLogger(__name__)

TYPE_LABEL = "argocd.argoproj.io/secret-type"


class CredentialStore:
    """All credentials of one Argo CD installation.

    Parameters
    ----------
    secrets
        Secret manifests with ``data`` (base64) or ``stringData``; those of other kinds and labels are passed over.
    tls_certificates
        Data of ``argocd-tls-certs-cm``: host to PEM certificates.
    known_hosts
        The key ``ssh_known_hosts`` of ``argocd-ssh-known-hosts-cm``.

    A Secret that does not validate is kept as its error in ``problems``, and stops only those who need it.
    """

    def __init__(
        self,
        secrets: Iterable[Mapping[str, Any]] = (),
        *,
        tls_certificates: Mapping[str, str] | None = None,
        known_hosts: str = "",
    ) -> None:
        self._repositories: list[tuple[Address, str, RepositoryCredentials | SpecError]] = []
        self._templates: list[tuple[Address, RepositoryCredentials | SpecError]] = []
        self._certificates = {host.lower(): pem for host, pem in (tls_certificates or {}).items()}
        self.known_hosts = known_hosts
        self.problems: tuple[SpecError, ...] = ()
        for secret in sorted(secrets, key=name_of):
            self._add(secret)

    def __repr__(self) -> str:
        return f"CredentialStore({len(self._repositories)} repositories, {len(self._templates)} templates)"

    def find(self, url: str, project: str = "") -> RepositoryCredentials | None:
        """The credentials for a repository's URL, None when there are none.

        A ``repository`` Secret of that URL, the project's own before that of all; where it has no credentials, those of
        the ``repo-creds`` Secret with the longest URL that begins like it.

        Raises
        ------
        SpecError
            When the Secret that serves the URL does not validate.
        """
        address = Address.of(url)
        if address is None:
            return None
        own = next(
            (
                credentials
                for wanted in dict.fromkeys((project, ""))
                for known, scope, credentials in self._repositories
                if known == address and scope == wanted
            ),
            None,
        )
        if isinstance(own, SpecError):
            raise own
        if own is not None and own.has_credentials:
            return own
        template = self._template(address)
        if template is None:
            return own
        settings = own or RepositoryCredentials(url, template.type)
        return settings.inheriting(template)

    def certificate_authority(self, host: str) -> str:
        """PEM certificates to trust for a host (without port); empty when the system's own count."""
        return self._certificates.get(host.lower(), "")

    def _template(self, address: Address) -> RepositoryCredentials | None:
        fitting = [(len(prefix.path), found) for prefix, found in self._templates if prefix.begins(address)]
        _, best = max(fitting, key=lambda pair: pair[0], default=(0, None))
        if isinstance(best, SpecError):
            raise best
        return best

    def _add(self, secret: Mapping[str, Any]) -> None:
        labels = mapping_of(mapping_of(secret.get("metadata")).get("labels"))
        kind = labels.get(TYPE_LABEL)
        if kind not in ("repository", "repo-creds"):
            return
        fields = SecretFields(secret)
        credentials: RepositoryCredentials | SpecError = fields.credentials(template=kind == "repo-creds")
        address = Address.of(fields.text("url"))
        if fields.violations:
            credentials = SpecError(f"Secret {name_of(secret)}", fields.violations)
            log.warning("%s", credentials)
            self.problems += (credentials,)
        if address is None:
            return
        if kind == "repo-creds":
            self._templates.append((address, credentials))
        else:
            self._repositories.append((address, fields.text("project"), credentials))
