"""The cluster's OpenAPI v3 documents, kept on disk by the hash that the server gives them."""

import hashlib
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import orjson
import platformdirs

from reconciler.cluster.connection import Connection
from reconciler.errors import ClusterError
from reconciler.manifest import OpenApi
from reconciler.threads import Lane

PARALLEL_DOCUMENTS: Final = 4
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class SchemaCache:
    """Loads documents when they are asked for; one file a document, named by its content hash.

    Parameters
    ----------
    directory
        Where documents are kept; the user's cache directory when None.
    """

    def __init__(self, connection: Connection, *, directory: Path | None = None) -> None:
        self._connection = connection
        self._directory = directory or Path(platformdirs.user_cache_dir("gitops-nb")) / "openapi"
        self._index: dict[str, str] | None = None
        self._loaded: set[str] = set()
        self._addresses: dict[str, str] = {}
        self._lock = threading.Lock()
        self.openapi = OpenApi({})
        #: Raised whenever a document came or changed.
        self.generation = 0

    def load(self, paths: Iterable[str]) -> OpenApi:
        """Make sure that the documents of these paths (``apis/apps/v1``) are there; a path the server lacks is left out."""
        with self._lock:
            wanted = sorted(set(paths) - self._loaded)
            if not wanted:
                return self.openapi
            # The address holds the content's hash.
            same = {path for path in wanted if self._addresses.get(path, "") == self._paths().get(path)}
            self._loaded |= same
            wanted = [path for path in wanted if path not in same]
            with Lane(PARALLEL_DOCUMENTS) as pool:
                documents = list(pool.map(self._document, wanted))
            for path, document in zip(wanted, documents, strict=True):
                if document is not None:
                    self.openapi.add(path, document)
                    self._addresses[path] = self._paths()[path]
                    self.generation += 1
                self._loaded.add(path)
            return self.openapi

    def forget(self) -> None:
        """Read the index anew at the next load: a custom resource definition has changed."""
        self._index = None
        self._loaded.clear()

    def _document(self, path: str) -> Any | None:
        url = self._paths().get(path)
        if url is None:
            return None
        parts = urlsplit(url)
        server_hash = parse_qs(parts.query).get("hash", [""])[0]
        if not server_hash:
            return self._connection.get(parts.path)
        name = hashlib.sha256(f"{path} {server_hash}".encode()).hexdigest()
        file = self._directory / f"{name}.json"
        try:
            return orjson.loads(file.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            pass
        try:
            document = self._connection.get(parts.path, query={"hash": server_hash})
        except ClusterError as error:
            if error.status not in REDIRECTS:
                raise
            # The document has changed since the index was read: what it is now, under a hash that is not known here.
            return self._connection.get(parts.path)
        self._keep(file, orjson.dumps(document))
        return document

    def _paths(self) -> dict[str, str]:
        if self._index is None:
            index = self._connection.get("/openapi/v3")
            self._index = {path: entry["serverRelativeURL"] for path, entry in index["paths"].items()}
        return self._index

    def _keep(self, file: Path, data: bytes) -> None:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=self._directory, delete=False) as part:
            part.write(data)
        Path(part.name).replace(file)
