"""Argo CD's cluster Secrets: other clusters by server URL and by name.

Source: docs/operator-manual/declarative-setup.md (Clusters), util/db/cluster.go and ClusterConfig in
pkg/apis/application/v1alpha1/types.go of Argo CD 3.6.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from reconciler.errors import SpecError, Violation
from reconciler.manifest.objects import Manifest, annotations_of, metadata_of, name_of
from reconciler.source.credential_records import SecretText

CLUSTER_SECRETS: Final = "argocd.argoproj.io/secret-type=cluster"
"""Label selector of the Secrets."""

_NO_SECRET: Final = SecretText()


@dataclass(frozen=True, slots=True)
class ExecProvider:
    """A command that logs in; it runs only where the operator allows it by name."""

    command: str
    api_version: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, SecretText] = field(default_factory=dict)
    install_hint: str = ""


@dataclass(frozen=True, slots=True)
class ClusterRecord:
    """One cluster. ``namespaces`` empty means all; with some, cluster-scoped objects count only by ``cluster_resources``."""

    server: str
    name: str
    secret_name: str = ""
    secret_version: str = ""
    project: str = ""
    namespaces: tuple[str, ...] = ()
    cluster_resources: bool = False
    shard: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    username: SecretText = _NO_SECRET
    password: SecretText = _NO_SECRET
    bearer_token: SecretText = _NO_SECRET
    insecure: bool = False
    server_name: str = ""
    ca_data: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: SecretText = _NO_SECRET
    proxy_url: SecretText = _NO_SECRET
    disable_compression: bool = False
    exec_provider: ExecProvider | None = None
    aws_cluster_name: str = ""

    def manages(self, namespace: str) -> bool:
        """Whether objects of a namespace, empty for cluster-scoped ones, are ours to manage in this cluster."""
        if not self.namespaces:
            return True
        return namespace in self.namespaces if namespace else self.cluster_resources


def parse_cluster(secret: Manifest) -> ClusterRecord:
    """The cluster in a Secret.

    Raises
    ------
    SpecError
        With every violation; names fields, never values.
    """
    where = f"cluster Secret {name_of(secret)}"
    reader = _Reader(where)
    data = reader.data(secret)
    config = reader.config(data.get("config", ""))
    tls = reader.mapping(config, "tlsClientConfig")
    server = reader.server(data.get("server", ""))
    record = ClusterRecord(
        server=server,
        name=data.get("name", "") or server,
        secret_name=name_of(secret),
        secret_version=str(metadata_of(secret).get("resourceVersion") or ""),
        project=data.get("project", ""),
        namespaces=tuple(part.strip() for part in data.get("namespaces", "").split(",") if part.strip()),
        cluster_resources=data.get("clusterResources", "") == "true",
        shard=reader.shard(data.get("shard", "")),
        labels={str(key): str(value) for key, value in (metadata_of(secret).get("labels") or {}).items()},
        annotations=annotations_of(secret),
        username=SecretText(reader.text(config, "username")),
        password=SecretText(reader.text(config, "password")),
        bearer_token=SecretText(reader.text(config, "bearerToken")),
        insecure=reader.switch(tls, "insecure"),
        server_name=reader.text(tls, "serverName"),
        ca_data=reader.pem(tls, "caData"),
        certificate=reader.pem(tls, "certData"),
        key=SecretText(reader.pem(tls, "keyData")),
        proxy_url=SecretText(reader.proxy(config)),
        disable_compression=reader.switch(config, "disableCompression"),
        exec_provider=reader.exec_provider(config),
        aws_cluster_name=reader.text(reader.mapping(config, "awsAuthConfig"), "clusterName"),
    )
    reader.check(record)
    return record


def parse_clusters(secrets: Iterable[Manifest]) -> tuple[tuple[ClusterRecord, ...], tuple[str, ...]]:
    """The clusters by server, and why some Secrets hold none; one that is wrong keeps no other back."""
    records: list[ClusterRecord] = []
    problems: list[str] = []
    for secret in sorted(secrets, key=name_of):
        try:
            records.append(parse_cluster(secret))
        except SpecError as error:
            problems.append(str(error))
    return tuple(sorted(records, key=lambda record: (record.server, record.secret_name))), tuple(problems)


class _Reader:
    """Reads fields and collects what is wrong with them."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._violations: list[Violation] = []

    def wrong(self, path: str, message: str) -> None:
        self._violations.append(Violation(path, message))

    def data(self, secret: Manifest) -> dict[str, str]:
        """All of ``data``, decoded; what is not base64 of UTF-8 is wrong."""
        found: dict[str, str] = {}
        given = secret.get("data")
        for key, value in (given if isinstance(given, Mapping) else {}).items():
            try:
                found[key] = base64.b64decode(str(value), validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                self.wrong(f"data.{key}", "must be base64 of a UTF-8 text")
        return found

    def config(self, text: str) -> Mapping[str, Any]:
        if not text:
            return {}
        try:
            config = json.loads(text)
        except (ValueError, RecursionError):
            config = None
        if not isinstance(config, dict):
            self.wrong("config", "must be a JSON object")
            return {}
        return config

    def server(self, text: str) -> str:
        try:
            parts = urlsplit(text)
            _ = parts.port
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("https", "http") or not parts.hostname or not text.isprintable() or " " in text:
            self.wrong("server", "must be the URL of an API server, such as https://10.0.0.1:6443")
        elif "@" in parts.netloc or parts.query or parts.fragment:
            self.wrong("server", "must hold no login, query or fragment; credentials belong into config")
        return text.rstrip("/")

    def shard(self, text: str) -> int | None:
        # Upstream warns of another text and goes on without.
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None

    def mapping(self, config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        value = config.get(key)
        if value is not None and not isinstance(value, dict):
            self.wrong(f"config.{key}", "must be an object")
        return value if isinstance(value, dict) else {}

    def text(self, config: Mapping[str, Any], key: str) -> str:
        value = config.get(key)
        if value is not None and (not isinstance(value, str) or not _is_header_text(value)):
            self.wrong(f"config.{key}", "must be a text without control characters")
            return ""
        return value or ""

    def switch(self, config: Mapping[str, Any], key: str) -> bool:
        value = config.get(key)
        if value is not None and not isinstance(value, bool):
            self.wrong(f"config.{key}", "must be true or false")
        return value is True

    def pem(self, tls: Mapping[str, Any], key: str) -> str:
        """Go writes bytes in JSON as base64."""
        value = tls.get(key)
        if not value:
            return ""
        try:
            return base64.b64decode(value, validate=True).decode("ascii")
        except (binascii.Error, UnicodeDecodeError, TypeError, ValueError):
            self.wrong(f"config.tlsClientConfig.{key}", "must be base64 of a PEM text")
            return ""

    def proxy(self, config: Mapping[str, Any]) -> str:
        text = self.text(config, "proxyUrl")
        if text and urlsplit(text).scheme not in ("http", "https", "socks5"):
            self.wrong("config.proxyUrl", "must begin with http://, https:// or socks5://")
            return ""
        return text

    def exec_provider(self, config: Mapping[str, Any]) -> ExecProvider | None:
        entry = self.mapping(config, "execProviderConfig")
        if not entry:
            return None
        environment, arguments = entry.get("env") or {}, entry.get("args") or []
        if not isinstance(environment, dict) or not all(isinstance(value, str) for value in environment.values()):
            self.wrong("config.execProviderConfig.env", "must be an object of texts")
            environment = {}
        if not isinstance(arguments, list) or not all(isinstance(value, str) for value in arguments):
            self.wrong("config.execProviderConfig.args", "must be a list of texts")
            arguments = []
        return ExecProvider(
            command=self.text(entry, "command"),
            api_version=self.text(entry, "apiVersion"),
            arguments=tuple(arguments),
            environment={key: SecretText(value) for key, value in environment.items()},
            install_hint=self.text(entry, "installHint"),
        )

    def check(self, record: ClusterRecord) -> None:
        """What fits together; then raise what is wrong."""
        if record.insecure and record.ca_data:
            self.wrong("config.tlsClientConfig", "insecure and caData exclude each other")
        if bool(record.certificate) != bool(record.key):
            self.wrong("config.tlsClientConfig", "certData and keyData belong together")
        if self._violations:
            raise SpecError(self._where, self._violations)


def _is_header_text(text: str) -> bool:
    """A line break in a token would add a header of its own."""
    return all(character.isprintable() for character in text)
