"""Connections to the clusters that Applications name as their destination, made when they are first asked for."""

import base64
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import urllib3

from reconciler.cluster.cluster_secrets import CLUSTER_SECRETS, ClusterRecord, parse_clusters
from reconciler.cluster.connection import POOL_SIZE, Connection
from reconciler.cluster.discovery import ApiResource
from reconciler.cluster.exec_credentials import ExecCredential, require_allowed
from reconciler.cluster.live import list_objects
from reconciler.errors import ClusterError, ForbiddenError, NotFoundError
from reconciler.manifest.objects import GroupVersionKind, Manifest
from reconciler.terms import IN_CLUSTER_SERVER

IN_CLUSTER_NAME: Final = "in-cluster"
_SECRETS: Final = ApiResource(GroupVersionKind("", "v1", "Secret"), "secrets", True, frozenset({"list"}))


class ClusterSecrets:
    """The clusters that are known in Argo CD's namespace; the connected one is ``in-cluster``.

    Parameters
    ----------
    read
        Reads the Secrets; called at the first question that the connected cluster does not answer, and after `forget`.
    exec_allowed
        Commands that a Secret's ``execProviderConfig`` may run, by exactly the text that stands there.
    """

    def __init__(
        self,
        here: Connection,
        read: Callable[[], Iterable[Manifest]],
        *,
        exec_allowed: frozenset[str] = frozenset(),
    ) -> None:
        self._here = here
        self._read = read
        self._exec_allowed = exec_allowed
        self._lock = threading.Lock()
        self._records: tuple[ClusterRecord, ...] | None = None
        self._problems: tuple[str, ...] = ()
        self._connections: dict[tuple[str, str], Connection] = {}

    @property
    def records(self) -> tuple[ClusterRecord, ...]:
        """All clusters by server, the connected one among them."""
        records = self._load()
        if any(record.server == IN_CLUSTER_SERVER for record in records):
            return records
        return tuple(sorted((*records, _here()), key=lambda record: record.server))

    @property
    def problems(self) -> tuple[str, ...]:
        """Why some Secrets hold no cluster that could be used."""
        self._load()
        return self._problems

    def forget(self) -> None:
        """Read the Secrets anew; connections whose Secret is the same are kept."""
        with self._lock:
            self._records = None

    def record(self, *, server: str = "", name: str = "") -> ClusterRecord:
        """The cluster of a destination, by exactly one of server URL and name.

        Raises
        ------
        NotFoundError
            When there is none, or a name stands for several.
        """
        server = server.rstrip("/")
        if server in (IN_CLUSTER_SERVER, self._here.server) or (not server and name == IN_CLUSTER_NAME):
            # A Secret may rename the connected cluster; asking for it by its address needs none.
            return _here()
        records = self._load()
        found = [entry for entry in records if (entry.server == server if server else entry.name == name)]
        if len(found) > 1:
            if server:
                return found[0]
            servers = ", ".join(entry.server for entry in found)
            raise NotFoundError(f"several clusters are named {name}: {servers}; name the destination by server")
        if not found:
            known = ", ".join(sorted({IN_CLUSTER_NAME, *(entry.name for entry in records)}))
            raise NotFoundError(
                f"no cluster {server or name} is known; there are {known}"
                + (f". Not readable: {'; '.join(self._problems)}" if self._problems else "")
            )
        return found[0]

    def connect(self, *, server: str = "", name: str = "") -> Connection:
        """The connection to a destination's cluster, the same one for the same Secret.

        Raises
        ------
        NotFoundError
            When no such cluster is known.
        ClusterError
            When its Secret cannot be used; see `connect_cluster`.
        """
        record = self.record(server=server, name=name)
        if record.server == IN_CLUSTER_SERVER:
            return self._here
        key = (record.secret_name, record.secret_version)
        with self._lock:
            if key not in self._connections:
                self._connections[key] = connect_cluster(record, exec_allowed=self._exec_allowed)
            return self._connections[key]

    def _load(self) -> tuple[ClusterRecord, ...]:
        with self._lock:
            if self._records is None:
                self._records, self._problems = parse_clusters(self._read())
            return self._records


def read_cluster_secrets(connection: Connection, *, namespace: str) -> tuple[Manifest, ...]:
    """The cluster Secrets of Argo CD's namespace; none, where they may not be read."""
    try:
        return list_objects(connection, _SECRETS, namespace=namespace, labels=CLUSTER_SECRETS).objects
    except ForbiddenError:
        return ()


def connect_cluster(record: ClusterRecord, *, exec_allowed: frozenset[str] = frozenset()) -> Connection:
    """A connection with the credentials of a cluster Secret. Nothing is sent yet.

    Raises
    ------
    ForbiddenError
        For a login command that is not among ``exec_allowed``.
    ClusterError
        For AWS's own login, and for certificates that cannot be used.
    """
    if record.aws_cluster_name:
        raise ClusterError(
            f"cluster {record.name}: awsAuthConfig is not supported; give its Secret a bearerToken, or an "
            "execProviderConfig with a command that you allow, such as aws eks get-token"
        )
    exec_credential = None
    if record.exec_provider is not None:
        program = require_allowed(record.exec_provider, exec_allowed, cluster=record.name)
        exec_credential = ExecCredential(record.exec_provider, program, cluster=record.name)
    return Connection(_SecretAccess(record, _pool(record), exec_credential), name=record.name)


def _here() -> ClusterRecord:
    return ClusterRecord(IN_CLUSTER_SERVER, IN_CLUSTER_NAME)


@dataclass(frozen=True, slots=True)
class _SecretAccess:
    record: ClusterRecord
    pool: urllib3.PoolManager
    exec_credential: ExecCredential | None

    @property
    def server(self) -> str:
        return self.record.server

    def headers(self) -> dict[str, str]:
        record = self.record
        headers = {"User-Agent": "gitops-nb"}
        if not record.disable_compression:
            headers["Accept-Encoding"] = "gzip"
        if self.exec_credential is not None:
            headers["Authorization"] = f"Bearer {self.exec_credential.token().reveal()}"
        elif record.bearer_token:
            headers["Authorization"] = f"Bearer {record.bearer_token.reveal()}"
        elif record.username:
            login = f"{record.username.reveal()}:{record.password.reveal()}"
            headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        return headers


def _pool(record: ClusterRecord) -> urllib3.PoolManager:
    how: dict[str, Any] = {"maxsize": POOL_SIZE}
    if record.server.startswith("https:"):
        how["ssl_context"] = _tls(record)
        if record.server_name:
            how |= {"server_hostname": record.server_name}
            how |= {} if record.insecure else {"assert_hostname": record.server_name}
    proxy = record.proxy_url.reveal()
    if proxy.startswith("socks5:"):
        from urllib3.contrib.socks import SOCKSProxyManager

        return SOCKSProxyManager(proxy.replace("socks5:", "socks5h:", 1), **how)
    return urllib3.ProxyManager(proxy, **how) if proxy else urllib3.PoolManager(**how)


def _tls(record: ClusterRecord) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if record.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        if record.ca_data:
            # Only this authority counts, not those of the system as well.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cadata=record.ca_data)
        if record.certificate:
            _load_client_certificate(context, record)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ClusterError(
            f"cluster {record.name}: a certificate or key of its Secret cannot be used; see config.tlsClientConfig"
        ) from error
    return context


def _load_client_certificate(context: ssl.SSLContext, record: ClusterRecord) -> None:
    """Python reads keys from files only: they exist for this moment, in a folder that is ours alone."""
    with tempfile.TemporaryDirectory(prefix="gitops-nb-tls-") as folder:
        file = Path(folder) / "client.pem"
        file.touch(mode=0o600)
        file.write_text(f"{record.certificate}\n{record.key.reveal()}\n")
        # With an encrypted key OpenSSL would ask the terminal.
        context.load_cert_chain(file, password="")


def known_clusters(records: Iterable[ClusterRecord]) -> Mapping[str, str]:
    """Server URLs by cluster name, without names that stand for several."""
    found: dict[str, set[str]] = {}
    for record in records:
        found.setdefault(record.name, set()).add(record.server)
    return {name: next(iter(servers)) for name, servers in sorted(found.items()) if len(servers) == 1}
