"""Charts and artifacts of one run: each index, tag and archive is asked for once, however many Applications use it."""

import hashlib
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from platformdirs import user_cache_dir

from reconciler.errors import RepositoryError, RevisionError
from reconciler.source.cache_folder import CacheFolder
from reconciler.source.charts.addresses import parse_address
from reconciler.source.charts.artifacts import (
    CHART_LAYER,
    LAYER_MEDIA_TYPES,
    Layer,
    chart_layer,
    content_layer,
    has_digest,
)
from reconciler.source.charts.http import Access, HttpClient
from reconciler.source.charts.index import MAX_INDEX_BYTES, ChartIndex
from reconciler.source.charts.oci import OciRepository, registry_address
from reconciler.source.charts.once import Once
from reconciler.source.charts.repository import ChartRepository
from reconciler.source.credentials import CredentialStore, RepositoryCredentials
from reconciler.source.files.archive import ArchiveStore, read_archive, single_folder
from reconciler.source.files.paths import shown

MAX_ARCHIVE_BYTES = 64 * 2**20
MAX_VALUE_FILE_BYTES = 4 * 2**20

OCI = "oci://"


@dataclass(frozen=True, slots=True)
class ResolvedChart:
    """One version of a chart.

    ``digest`` is ``sha256:…`` of the archive, or of the manifest in a registry; empty where an index has none.
    """

    repo_url: str
    chart: str
    version: str
    digest: str
    _fetch: Callable[[], bytes] = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"chart {self.chart} {self.version} of {_without_login(self.repo_url)}"


@dataclass(frozen=True, slots=True)
class ResolvedArtifact:
    """One artifact of a registry: ``revision`` is the tag (or digest) found, ``digest`` its manifest's ``sha256:…``."""

    url: str
    revision: str
    digest: str
    is_chart: bool
    _fetch: Callable[[], bytes] = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{_without_login(self.url)} at {self.revision}"


class ChartRepositories:
    """Helm repositories and OCI registries; one a run. Safe to share between threads.

    Parameters
    ----------
    credentials
        What Argo CD's Secrets and ConfigMaps hold; None: no credentials.
    directory
        Folder for indexes and archives between runs (default: in the user's cache folder), made with mode 0700.
    client
        The HTTP client; None for one with the default limits.
    max_index_bytes
        Limit of an index.
    layer_media_types
        What artifacts may hold (``ARGOCD_REPO_SERVER_OCI_LAYER_MEDIA_TYPES``).
    """

    def __init__(
        self,
        credentials: CredentialStore | None = None,
        directory: Path | None = None,
        *,
        client: HttpClient | None = None,
        max_index_bytes: int = MAX_INDEX_BYTES,
        layer_media_types: Sequence[str] = LAYER_MEDIA_TYPES,
    ) -> None:
        self._credentials = credentials or CredentialStore()
        self._folder = CacheFolder(directory or Path(user_cache_dir("gitops-nb")) / "charts")
        self._client = client or HttpClient(certificate_authority=self._credentials.certificate_authority)
        self._max_index_bytes = max_index_bytes
        self._layer_media_types = tuple(layer_media_types)
        self._once = Once()

    def resolve(
        self, repo_url: str, chart: str, target_revision: str, *, project: str = "", pass_credentials: bool = False
    ) -> ResolvedChart:
        """The version of a chart that ``targetRevision`` names or admits; an exact spelling comes first, as in Helm.

        ``repo_url`` is a registry where it begins with ``oci://`` or has no scheme, or where its Secret says
        ``enableOCI`` (util/helm/client.go of Argo CD).

        Parameters
        ----------
        project
            The Application's, whose own credentials come before others.
        pass_credentials
            Log in where the archive is, too, if that is another server.

        Raises
        ------
        RevisionError
            No such chart or version; near ones are suggested.
        RepositoryError
            Not a chart repository, or one that refuses us or does not answer.
        """
        if not target_revision:
            raise RevisionError(
                f"targetRevision is empty; name a version of chart {shown(chart)}, such as 1.2.3 or 1.*"
            )
        return self._once.get(
            ("chart", repo_url, chart, target_revision, project, pass_credentials),
            lambda: self._resolve(repo_url, chart, target_revision, project, pass_credentials=pass_credentials),
        )

    def open(self, resolved: ResolvedChart) -> tuple[ArchiveStore, str]:
        """The chart's files and the id of the folder that holds ``Chart.yaml``.

        Raises
        ------
        GenerationError
            When the archive cannot be had, or is refused.
        """
        preferred = resolved.chart.rpartition("/")[2]
        store = self._unpacked(resolved, resolved._fetch)
        return store, single_folder(store, preferred=preferred)

    def archive(
        self, repo_url: str, chart: str, version: str, *, project: str = "", pass_credentials: bool = False
    ) -> bytes:
        """The packaged chart of the newest version that fits ``version``; empty admits every release.

        Raises
        ------
        GenerationError
            As `resolve`, and when the archive cannot be had.
        """
        return self.resolve(
            repo_url, chart, version or "*", project=project, pass_credentials=pass_credentials
        )._fetch()

    def resolve_artifact(self, url: str, revision: str, *, project: str = "") -> ResolvedArtifact:
        """The artifact of an ``oci://`` repository that a tag, digest or constraint names.

        Raises
        ------
        RevisionError
            No such tag or digest.
        RepositoryError
            Not a registry, or one that refuses us or does not answer.
        GenerationError
            An artifact of another kind than plain manifests or a chart.
        """
        if not revision:
            raise RevisionError(f"targetRevision is empty; name a tag or digest of {_without_login(url)}")
        return self._once.get(
            ("artifact", url, revision, project), lambda: self._resolve_artifact(url, revision, project)
        )

    def open_artifact(self, resolved: ResolvedArtifact) -> tuple[ArchiveStore, str]:
        """The artifact's files and the id of their root: of a chart, the folder that holds ``Chart.yaml``.

        Raises
        ------
        GenerationError
            When the layer cannot be had, or is refused.
        """
        store = self._unpacked(resolved, resolved._fetch)
        return store, single_folder(store) if resolved.is_chart else store.root_id

    def value_file(self, url: str) -> bytes:
        """A value file from an ``http(s)://`` address, without credentials, as Helm fetches it.

        Raises
        ------
        RepositoryError
            When it cannot be had.
        """
        return self._once.get(("value file", url), lambda: self._value_file(url))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _resolve(
        self, repo_url: str, chart: str, target_revision: str, project: str, *, pass_credentials: bool
    ) -> ResolvedChart:
        credentials = self._find(repo_url, project)
        if "://" not in repo_url or repo_url.startswith(OCI) or (credentials is not None and credentials.enable_oci):
            return self._resolve_in_registry(repo_url, chart, target_revision, project)
        repository = ChartRepository(repo_url, credentials, self._client, self._folder)
        index: ChartIndex = self._once.get(
            ("index", repo_url, project), lambda: repository.index(limit=self._max_index_bytes)
        )
        entry = index.find(chart, target_revision)

        def download() -> bytes:
            if entry.urls[0].startswith(OCI):
                return self._from_registry(entry.urls[0], project)
            return repository.archive(entry.urls[0], limit=MAX_ARCHIVE_BYTES, pass_credentials=pass_credentials)

        digest = f"sha256:{entry.digest}" if entry.digest else ""
        key = ("archive", str(repository), chart, entry, project, pass_credentials)
        return ResolvedChart(
            repo_url, chart, entry.version, digest, lambda: self._blob(key, digest, download, f"{repository}")
        )

    def _resolve_in_registry(self, repo_url: str, chart: str, target_revision: str, project: str) -> ResolvedChart:
        repository = self._registry(f"{repo_url.rstrip('/')}/{chart}", repo_url, project)
        version, artifact = repository.resolve(target_revision)
        layer = chart_layer(artifact, f"{shown(version)} in {repository}")
        return ResolvedChart(repo_url, chart, version, artifact.digest, self._layer(repository, layer))

    def _resolve_artifact(self, url: str, revision: str, project: str) -> ResolvedArtifact:
        repository = self._registry(url, url, project)
        tag, artifact = repository.resolve(revision)
        layer = content_layer(artifact, f"{shown(tag)} in {repository}", media_types=self._layer_media_types)
        return ResolvedArtifact(
            url, tag, artifact.digest, layer.media_type == CHART_LAYER, self._layer(repository, layer)
        )

    def _from_registry(self, reference: str, project: str) -> bytes:
        """A chart that an index keeps in a registry: ``oci://host/path:tag``."""
        url, _, tag = reference.rpartition(":")
        repository = self._registry(url, url, project)
        _, artifact = repository.resolve(tag)
        return self._layer(repository, chart_layer(artifact, f"{shown(tag)} in {repository}"))()

    def _registry(self, url: str, repo_url: str, project: str) -> OciRepository:
        credentials = self._find(repo_url, project)
        plain_http = credentials is not None and credentials.insecure_oci_force_http
        registry, path = registry_address(url, plain_http=plain_http)
        access = Access(registry.origin, credentials, plain_http)
        return self._once.get(
            ("registry", url, repo_url, project), lambda: OciRepository(self._client, access, registry, path)
        )

    def _find(self, repo_url: str, project: str) -> RepositoryCredentials | None:
        """Registries are written with ``oci://`` and without; credentials of either kind serve both."""
        found = self._credentials.find(repo_url, project)
        if found is None and (repo_url.startswith(OCI) or "://" not in repo_url):
            other = repo_url.removeprefix(OCI) if repo_url.startswith(OCI) else OCI + repo_url
            found = self._credentials.find(other, project)
        return found

    def _layer(self, repository: OciRepository, layer: Layer) -> Callable[[], bytes]:
        key = ("layer", str(repository), layer.digest)
        return lambda: self._blob(key, layer.digest, lambda: repository.blob(layer), str(repository))

    def _blob(self, key: Hashable, digest: str, download: Callable[[], bytes], where: str) -> bytes:
        """Bytes by their digest: from the folder, else downloaded, verified and kept there."""
        data = self._cached(digest) if digest else None
        if data is None:
            # Downloaded once a run also where the folder cannot be written, or nothing is known of the bytes beforehand.
            data = self._once.get(key, lambda: self._downloaded(digest, download, where))
        return data

    def _cached(self, digest: str) -> bytes | None:
        data = self._folder.read_entry(hashlib.sha256(digest.encode()).hexdigest())
        return data if data is not None and has_digest(data, digest) else None

    def _downloaded(self, digest: str, download: Callable[[], bytes], where: str) -> bytes:
        data = download()
        if digest and not has_digest(data, digest):
            raise RepositoryError(
                f"{where} gave other bytes than its index says (digest {digest[:19]}…), which is refused"
            )
        if digest:
            self._folder.write_entry(hashlib.sha256(digest.encode()).hexdigest(), data)
        return data

    def _unpacked(self, resolved: ResolvedChart | ResolvedArtifact, fetch: Callable[[], bytes]) -> ArchiveStore:
        return self._once.get(("files", resolved), lambda: read_archive(fetch(), name=str(resolved)))

    def _value_file(self, url: str) -> bytes:
        address = parse_address(url, field="valueFiles")
        response = self._client.get(address, Access(plain_http=address.scheme == "http"), limit=MAX_VALUE_FILE_BYTES)
        if response.status != 200:
            raise RepositoryError(f"value file {address} answers with status {response.status}; check the address")
        return response.body


def _without_login(url: str) -> str:
    return re.sub(r"//[^/]*@", "//", url).partition("?")[0]
