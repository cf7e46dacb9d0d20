"""The keys of Argo CD's repository Secrets, read and checked (util/db/repository_secrets.go of Argo CD)."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from reconciler.errors import Violation
from reconciler.source.credential_records import Address, RepositoryCredentials, RepositoryType, SecretText
from reconciler.source.files.paths import has_control_characters

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]")
_NO_PROXY = re.compile(r"[A-Za-z0-9.*:/_\[\], -]*")
_TRUTH = dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True) | dict.fromkeys(
    ("", "0", "f", "F", "FALSE", "false", "False"), False
)
"""What Go's strconv.ParseBool reads."""
_NOT_IN_TEMPLATES = ("name", "project", "insecure", "enable_lfs", "depth")
"""Keys that a ``repo-creds`` Secret does not have."""


class SecretFields:
    """The keys of one Secret, and what is wrong with them."""

    def __init__(self, secret: Mapping[str, Any]) -> None:
        self.violations: list[Violation] = []
        self._texts: dict[str, str] = {}
        for key, value in mapping_of(secret.get("data")).items():
            self._take(f"data.{key}", key, value, encoded=True)
        for key, value in mapping_of(secret.get("stringData")).items():
            self._take(f"stringData.{key}", key, value, encoded=False)

    def text(self, key: str) -> str:
        return self._texts.get(key, "").strip()

    def credentials(self, *, template: bool) -> RepositoryCredentials:
        """The record; ``violations`` says whether it may be used."""
        if Address.of(self.text("url")) is None:
            self._wrong("url", "is missing or is not a URL")
        kind = self.text("type").lower() or "git"
        if kind not in ("git", "helm", "oci"):
            self._wrong("type", "is none of git, helm, oci")
        read = RepositoryCredentials(
            url=self.text("url"),
            type=cast("RepositoryType", kind),
            name=self.text("name"),
            project=self.text("project"),
            username=self._line("username"),
            password=self._line("password"),
            bearer_token=self._line("bearerToken"),
            ssh_private_key=self._pem("sshPrivateKey", "PRIVATE KEY"),
            tls_client_cert=self._pem("tlsClientCertData", "CERTIFICATE").reveal(),
            tls_client_key=self._pem("tlsClientCertKey", "PRIVATE KEY"),
            insecure=self._truth("insecure") | self._truth("insecureIgnoreHostKey"),
            enable_lfs=self._truth("enableLfs"),
            enable_oci=self._truth("enableOCI"),
            force_http_basic_auth=self._truth("forceHttpBasicAuth"),
            insecure_oci_force_http=self._truth("insecureOCIForceHttp"),
            proxy=self._checked("proxy", _is_proxy, "is not http, https, socks5 or socks5h://host:port"),
            no_proxy=self._checked("noProxy", _is_no_proxy, "is not a list of hosts with commas between").reveal(),
            github_app_id=self._number("githubAppID"),
            github_app_installation_id=self._number("githubAppInstallationID"),
            github_app_enterprise_base_url=self._checked(
                "githubAppEnterpriseBaseUrl", _is_https, "is not an https URL"
            ).reveal(),
            github_app_private_key=self._pem("githubAppPrivateKey", "PRIVATE KEY"),
            gcp_service_account_key=SecretText(self.text("gcpServiceAccountKey")),
            azure_service_principal_client_secret=SecretText(self.text("azureServicePrincipalClientSecret")),
            use_azure_workload_identity=self._truth("useAzureWorkloadIdentity"),
            depth=self._number("depth"),
        )
        self._check_pairs(read)
        blank = RepositoryCredentials(read.url)
        return replace(read, **{name: getattr(blank, name) for name in _NOT_IN_TEMPLATES}) if template else read

    def _check_pairs(self, read: RepositoryCredentials) -> None:
        if bool(read.tls_client_cert) != bool(read.tls_client_key):
            self._wrong("tlsClientCertData", "and tlsClientCertKey belong together; one is missing")
        if read.github_app_private_key and not read.github_app_id:
            self._wrong("githubAppID", "is missing beside githubAppPrivateKey")

    def _take(self, path: str, key: str, value: object, *, encoded: bool) -> None:
        try:
            if not isinstance(value, str):
                raise ValueError
            self._texts[key] = base64.b64decode("".join(value.split()), validate=True).decode() if encoded else value
        except (ValueError, binascii.Error):
            self.violations.append(Violation(path, "is not base64 of UTF-8 text" if encoded else "is not a string"))

    def _wrong(self, key: str, message: str) -> None:
        self.violations.append(Violation(key, message))

    def _line(self, key: str) -> SecretText:
        """One line; the newline that ``echo`` leaves at its end is no part of it."""
        text = self._texts.get(key, "").rstrip("\r\n")
        # Another line would be another answer in Git's protocol.
        if any(character in text for character in "\r\n\0"):
            self._wrong(key, "holds a line break or a NUL")
        return SecretText(text)

    def _pem(self, key: str, label: str) -> SecretText:
        text = self.text(key)
        if text and not re.match(rf"-----BEGIN [A-Z0-9 ]*{label}-----\s", text):
            self._wrong(key, f"does not begin with a PEM header of a {label.lower()}")
        return SecretText(f"{text}\n" if text else "")

    def _truth(self, key: str) -> bool:
        if self.text(key) not in _TRUTH:
            self._wrong(key, "is neither true nor false")
        return _TRUTH.get(self.text(key), False)

    def _number(self, key: str) -> int:
        text = self.text(key)
        if text and not re.fullmatch(r"[0-9]{1,18}", text, re.ASCII):
            self._wrong(key, "is not a whole number of 0 or more")
            return 0
        return int(text or 0)

    def _checked(self, key: str, valid: Callable[[str], bool], message: str) -> SecretText:
        text = self.text(key)
        if text and not valid(text):
            self._wrong(key, message)
        return SecretText(text)


def _is_proxy(text: str) -> bool:
    """Host and port by strict grammar: SSH hands them to a command (CVE-2026-55797)."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    login, _, address = parts.netloc.rpartition("@")
    plain = not has_control_characters(unquote(login)) and parts.path in ("", "/") and not parts.query + parts.fragment
    host = address if port is None else address.removesuffix(f":{port}")
    return plain and parts.scheme in ("http", "https", "socks5", "socks5h") and _HOST.fullmatch(host) is not None


def _is_no_proxy(text: str) -> bool:
    return _NO_PROXY.fullmatch(text) is not None


def _is_https(text: str) -> bool:
    address = Address.of(text)
    return address is not None and address.scheme == "https" and _HOST.fullmatch(address.host) is not None


def mapping_of(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def name_of(secret: Mapping[str, Any]) -> str:
    metadata = mapping_of(secret.get("metadata"))
    return f"{metadata.get('namespace') or ''}/{metadata.get('name') or ''}".lstrip("/")
