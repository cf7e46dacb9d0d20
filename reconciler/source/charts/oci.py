"""OCI registries, API version 2: Helm charts and plain manifests kept as artifacts.

Sources: github.com/opencontainers/distribution-spec, distribution's token authentication, util/oci/client.go and
docs/user-guide/oci.md of Argo CD, pkg/registry of Helm. Everything that is fetched by digest is checked against it.
"""

import hashlib
import json
import re
from typing import Any
from urllib.parse import urlencode

from reconciler.errors import GenerationError, RepositoryError, RevisionError
from reconciler.source.charts.addresses import WebAddress, parse_address
from reconciler.source.charts.artifacts import DIGEST, Artifact, Layer, has_digest, parse_artifact
from reconciler.source.charts.http import Access, HttpClient, Response, basic_authorization, bearer_authorization
from reconciler.source.charts.index import near_versions
from reconciler.source.files.paths import shown
from reconciler.source.versions import is_constraint, max_satisfying

MAX_TAGS = 100_000
MAX_LAYER_BYTES = 64 * 2**20

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_ACCEPT = ", ".join((_MANIFEST, "application/vnd.docker.distribution.manifest.v2+json", *_INDEXES))
_MAX_MANIFEST_BYTES = 4 * 2**20
_MAX_PAGE_BYTES = 8 * 2**20
_MAX_PAGES = 1000
_MAX_TOKEN_BYTES = 2**18
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"(?:oci://|https://)?(?P<host>[^/]+)/(?P<path>{_PART}(?:/{_PART})*)/?")
_PARAMETER = re.compile(r'([A-Za-z_]+)="([^"]*)"')
_NEXT = re.compile(r'<([^<>]*)>\s*;\s*rel="?next"?')


def registry_address(repo_url: str, *, plain_http: bool, field: str = "repoURL") -> tuple[WebAddress, str]:
    """The registry's root and the name of the repository in it, from ``oci://host/path`` or ``host/path``.

    Raises
    ------
    RepositoryError
        When it is no such address.
    """
    match = _REPOSITORY.fullmatch(repo_url)
    if match is None:
        raise RepositoryError(
            f"{field}: {shown(re.sub(r'//[^/]*@', '//', repo_url))} is not the address of an OCI repository; "
            "use oci://host/path in lower case, without a tag"
        )
    # As Docker's own tools have it (oras-go registry/reference.go).
    host = "registry-1.docker.io" if match["host"] == "docker.io" else match["host"]
    return parse_address(f"{'http' if plain_http else 'https'}://{host}/", field=field), match["path"]


class OciRepository:
    """One repository of a registry; tokens are kept as long as this object lives."""

    def __init__(self, client: HttpClient, access: Access, registry: WebAddress, path: str) -> None:
        self._client = client
        self._access = access
        self._registry = registry
        self._path = path
        self._authorization = ""

    def __str__(self) -> str:
        port = "" if self._registry.port in (80, 443) else f":{self._registry.port}"
        return f"oci://{self._registry.host}{port}/{self._path}"

    def tags(self) -> list[str]:
        """All tags, in the registry's order.

        Raises
        ------
        RepositoryError
            When there are more than `MAX_TAGS`, or the registry refuses.
        """
        address = self._registry.join(f"/v2/{self._path}/tags/list?n=1000")
        tags: list[str] = []
        for _ in range(_MAX_PAGES):
            response = self._get(address, _MAX_PAGE_BYTES)
            if response.status == 404:
                raise RepositoryError(f"there is no repository {self}; check the address")
            page = _json(response, str(self)).get("tags") or []
            if not isinstance(page, list) or not all(isinstance(tag, str) for tag in page):
                raise RepositoryError(f"{self} answers with a list of tags that is none")
            tags += page
            if len(tags) > MAX_TAGS:
                raise RepositoryError(f"{self} has more than {MAX_TAGS} tags; name an exact tag or digest")
            link = _NEXT.search(response.headers.get("link", ""))
            if link is None:
                return tags
            address = address.join(link[1])
            if address.origin != self._registry.origin:
                raise RepositoryError(f"{self} continues its list of tags on another server, which is refused")
        raise RepositoryError(f"{self} lists its tags on more than {_MAX_PAGES} pages; name an exact tag or digest")

    def resolve(self, revision: str, *, field: str = "targetRevision") -> tuple[str, Artifact]:
        """The artifact of a tag or digest, else of the newest tag that a constraint admits, and that tag.

        A tag's ``_`` stands for the ``+`` of a version, which tags cannot hold.

        Raises
        ------
        RevisionError
            When there is none; near tags are suggested.
        """
        tag = revision.replace("+", "_")
        if DIGEST.fullmatch(revision) or _TAG.fullmatch(tag):
            artifact = self._artifact(revision if DIGEST.fullmatch(revision) else tag)
            if artifact is not None:
                return revision, artifact
        elif not is_constraint(revision):
            raise RevisionError(f"{field}: {shown(revision)} is not a tag, digest or constraint; name a tag of {self}")
        if DIGEST.fullmatch(revision):
            raise RevisionError(f"{field}: there is no {shown(revision)} in {self}; name a tag or another digest")
        versions = [tag.replace("_", "+") for tag in self.tags()]
        # Of a revision that is one version, only that tag is meant.
        found = max_satisfying(revision, versions) if is_constraint(revision) else None
        artifact = self._artifact(found.replace("+", "_")) if found else None
        if found is None or artifact is None:
            raise RevisionError(
                f"{field}: there is no tag {shown(revision)} in {self}{near_versions(revision, versions)}"
            )
        return found, artifact

    def blob(self, layer: Layer, *, limit: int = MAX_LAYER_BYTES) -> bytes:
        """The bytes of a layer.

        Raises
        ------
        RepositoryError
            When they are not those of the digest, too many, or not there.
        """
        if layer.size > limit:
            raise RepositoryError(f"a layer of {self} has {layer.size} bytes, over the limit of {limit} bytes")
        response = self._get(self._registry.join(f"/v2/{self._path}/blobs/{layer.digest}"), limit)
        if response.status != 200:
            raise RepositoryError(f"{self} has no blob {layer.digest[:19]}, which its manifest names; push it again")
        if not has_digest(response.body, layer.digest):
            raise RepositoryError(f"{self} gave other bytes than those of {layer.digest[:19]}, which is refused")
        return response.body

    def _artifact(self, reference: str) -> Artifact | None:
        address = self._registry.join(f"/v2/{self._path}/manifests/{reference}")
        response = self._get(address, _MAX_MANIFEST_BYTES, accept=_ACCEPT)
        if response.status == 404:
            return None
        manifest = _json(response, str(self))
        digest = "sha256:" + hashlib.sha256(response.body).hexdigest()
        told = response.headers.get("docker-content-digest", "")
        for wanted in (reference if DIGEST.fullmatch(reference) else "", told):
            if wanted and (not DIGEST.fullmatch(wanted) or not has_digest(response.body, wanted)):
                raise RepositoryError(f"{self} gave another manifest than {shown(wanted[:19])}, which is refused")
        media_type = str(manifest.get("mediaType") or response.headers.get("content-type", "").partition(";")[0])
        if media_type in _INDEXES or "manifests" in manifest:
            raise GenerationError(
                f"{shown(reference)} in {self} is an image index; name the digest of one of its manifests instead"
            )
        return parse_artifact(manifest, digest, f"{shown(reference)} in {self}")

    def _get(self, address: WebAddress, limit: int, *, accept: str = "application/json, */*") -> Response:
        for attempt in (1, 2):
            headers = {"Accept": accept}
            if self._authorization:
                headers["Authorization"] = self._authorization
            response = self._client.get(address, self._access, limit=limit, headers=headers)
            if response.status in (200, 404):
                return response
            # Only the registry itself may ask for a login, not where it redirects to.
            if response.status != 401 or attempt == 2 or response.address.origin != self._registry.origin:
                break
            self._authorization = self._log_in(response.headers.get("www-authenticate", ""))
            if not self._authorization:
                break
        if response.status in (401, 403):
            raise RepositoryError(
                f"{self} refused the credentials, or does not exist; check the address and the repository's Secret"
            )
        raise RepositoryError(f"{self} answers with status {response.status}; check the address")

    def _log_in(self, challenge: str) -> str:
        """The ``Authorization`` that a challenge asks for; empty when we have none."""
        credentials = self._access.credentials
        scheme, _, rest = challenge.partition(" ")
        if credentials and credentials.bearer_token:
            return bearer_authorization(credentials.bearer_token.reveal(), self)
        basic = basic_authorization(credentials) if credentials else ""
        if scheme.lower() != "bearer":
            return basic if scheme.lower() == "basic" else ""
        parameters = {name.lower(): value for name, value in _PARAMETER.findall(rest)}
        realm = parse_address(parameters.get("realm", ""), field=f"the token service of {self}")
        asked = {"service": parameters.get("service", ""), "scope": f"repository:{self._path}:pull"}
        separator = "&" if "?" in realm.target else "?"
        address = realm.join(
            realm.target + separator + urlencode({key: value for key, value in asked.items() if value})
        )
        return bearer_authorization(self._token(address, basic), self)

    def _token(self, address: WebAddress, basic: str) -> str:
        near = _belong_together(self._registry.host, address.host)
        # Credentials go to a token service of the registry's own domain only; others may give out anonymous tokens.
        headers = {"Authorization": basic} if basic else {}
        access = Access(
            address.origin if near else None,
            self._access.credentials if near else None,
            self._access.plain_http and address.host == self._registry.host,
        )
        response = self._client.get(address, access, limit=_MAX_TOKEN_BYTES, headers=headers)
        if response.status != 200:
            raise RepositoryError(
                f"{self}: its token service {address} refused the credentials; check the repository's Secret"
            )
        answer = _json(response, str(address))
        token = answer.get("token") or answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise RepositoryError(f"{self}: its token service {address} gave no token")
        return token


def _belong_together(registry: str, service: str) -> bool:
    """The same host, or hosts of one domain, as registry-1.docker.io and auth.docker.io."""
    if registry == service:
        return True
    parents = [host.rpartition(".")[0] and host.split(".")[-2:] for host in (registry, service)]
    return bool(parents[0]) and parents[0] == parents[1] and not service.split(".")[-1].isdigit() and "[" not in service


def _json(response: Response, where: str) -> dict[str, Any]:
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        document = None
    if response.status != 200 or not isinstance(document, dict):
        raise RepositoryError(f"{where} answers with what is no registry's answer; check the address")
    return document
