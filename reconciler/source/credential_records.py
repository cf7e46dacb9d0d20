"""What is known of a repository's login, in types that give no secret away by accident.

Source: pkg/apis/application/v1alpha1/repository_types.go of Argo CD.
"""

import hmac
import re
from dataclasses import dataclass, field, replace
from typing import Literal, NoReturn
from urllib.parse import urlsplit

from reconciler.errors import RepositoryError
from reconciler.source.files.paths import has_control_characters

RepositoryType = Literal["git", "helm", "oci"]

_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22}
_SCP = re.compile(r"(?P<user>[^/:@]+)@(?P<host>[^/:@]+|\[[^]]*\])(?::(?P<path>.*))?")


class SecretText:
    """A text that is shown to nobody: `reveal` is the one way to it.

    It has no ``str()`` and no format, cannot be pickled and is not JSON; ``repr()`` says only that it is there.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """The text, to be handed to what needs it at once."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretText) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(("SecretText", self._text))

    def __repr__(self) -> str:
        return "SecretText(…)" if self._text else "SecretText()"

    def __str__(self) -> str:
        raise TypeError("a secret cannot be printed; reveal() hands it to what needs it")

    def __format__(self, specification: str) -> str:
        raise TypeError("a secret cannot be formatted; reveal() hands it to what needs it")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret cannot be pickled")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")

    def __copy__(self) -> "SecretText":
        return self

    def __deepcopy__(self, memo: object) -> "SecretText":
        return self


_NO_TEXT = SecretText()


_NO_TEXT = SecretText()


@dataclass(frozen=True, slots=True)
class RepositoryCredentials:
    """How to reach one repository; ``insecure`` checks neither certificate nor host key, ``depth`` 0 is the whole history."""

    url: str
    type: RepositoryType = "git"
    name: str = ""
    project: str = ""
    username: SecretText = _NO_TEXT
    password: SecretText = _NO_TEXT
    bearer_token: SecretText = _NO_TEXT
    ssh_private_key: SecretText = _NO_TEXT
    tls_client_cert: str = field(default="", repr=False)
    tls_client_key: SecretText = _NO_TEXT
    insecure: bool = False
    enable_lfs: bool = False
    enable_oci: bool = False
    force_http_basic_auth: bool = False
    insecure_oci_force_http: bool = False
    proxy: SecretText = _NO_TEXT
    no_proxy: str = ""
    github_app_id: int = 0
    github_app_installation_id: int = 0
    github_app_enterprise_base_url: str = ""
    github_app_private_key: SecretText = _NO_TEXT
    gcp_service_account_key: SecretText = _NO_TEXT
    azure_service_principal_client_secret: SecretText = _NO_TEXT
    use_azure_workload_identity: bool = False
    depth: int = 0

    @property
    def has_credentials(self) -> bool:
        """Whether it logs in on its own; if not, it inherits (``HasCredentials``, which leaves out Google's key)."""
        given = (self.username, self.password, self.bearer_token, self.ssh_private_key, self.tls_client_cert)
        app = (self.github_app_private_key, self.azure_service_principal_client_secret)
        return any(given) or any(app) or self.use_azure_workload_identity

    def require_supported(self) -> None:
        """Check that this project knows the kind of login.

        Raises
        ------
        RepositoryError
            For Google's and Azure's own logins, whose tokens only their services give out.
        """
        if any((self.password, self.bearer_token, self.ssh_private_key, self.github_app_private_key)):
            return
        for key, given in (
            ("gcpServiceAccountKey", self.gcp_service_account_key),
            ("useAzureWorkloadIdentity", self.use_azure_workload_identity),
            ("azureServicePrincipalClientSecret", self.azure_service_principal_client_secret),
        ):
            if given:
                raise RepositoryError(
                    f"the credentials of {shown_url(self.url)} log in by {key}, which is not supported; "
                    "set username and password, bearerToken, sshPrivateKey or githubAppPrivateKey"
                )

    def inheriting(self, template: "RepositoryCredentials") -> "RepositoryCredentials":
        """These settings with the template's credentials, as ``CopyCredentialsFrom`` takes them over."""
        filled = {name: getattr(self, name) or getattr(template, name) for name in _INHERITED_IF_EMPTY}
        return replace(self, **filled, **{name: getattr(template, name) for name in _INHERITED})


_INHERITED = ("enable_oci", "insecure_oci_force_http", "force_http_basic_auth", "use_azure_workload_identity")
_INHERITED_IF_EMPTY = (
    "username",
    "password",
    "bearer_token",
    "ssh_private_key",
    "tls_client_cert",
    "tls_client_key",
    "proxy",
    "no_proxy",
    "github_app_id",
    "github_app_installation_id",
    "github_app_enterprise_base_url",
    "github_app_private_key",
    "gcp_service_account_key",
    "azure_service_principal_client_secret",
)


@dataclass(frozen=True, slots=True)
class Address:
    """A URL as far as credentials are chosen by it, in lower case as ``NormalizeGitURL`` has it."""

    scheme: str
    login: str
    host: str
    port: int | None
    path: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Address | None":
        text = text.strip().lower()
        if not text or has_control_characters(text):
            return None
        scp = None if "://" in text else _SCP.fullmatch(text)
        if scp:
            return cls("ssh", scp["user"], scp["host"], None, _segments(scp["path"] or ""))
        if "://" not in text:
            # Helm's OCI registries are written without a scheme.
            text = f"file://{text}" if text.startswith(("/", ".")) else f"none://{text}"
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            return None
        login, _, host = parts.netloc.rpartition("@")
        host = host if port is None else host.removesuffix(f":{port}")
        if port == _DEFAULT_PORTS.get(parts.scheme):
            port = None
        return cls(parts.scheme, login.partition(":")[0], host.removesuffix(":"), port, _segments(parts.path))

    def begins(self, other: "Address") -> bool:
        """Whether ``other`` lies at or below this address."""
        same = (self.scheme, self.host, self.port) == (other.scheme, other.host, other.port)
        # A template without a user serves every user's URL.
        return (
            same and self.login in ("", other.login) and bool(self.host) and other.path[: len(self.path)] == self.path
        )


def shown_url(url: str) -> str:
    """A URL of credentials as messages may show it: without user name and password."""
    return re.sub(r"//[^/]*@", "//", url)


def _segments(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.strip("/").removesuffix(".git").split("/") if part)
