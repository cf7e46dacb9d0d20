"""One Helm chart repository: its index, asked for with the answer of the last run at hand, and its archives."""

import hashlib
import json
import re

from reconciler.errors import RepositoryError
from reconciler.source.cache_folder import CacheFolder
from reconciler.source.charts.addresses import WebAddress, parse_address
from reconciler.source.charts.http import Access, HttpClient, Response, basic_authorization, bearer_authorization
from reconciler.source.charts.index import ChartIndex
from reconciler.source.credentials import RepositoryCredentials

INDEX = "index.yaml"


class ChartRepository:
    """A repository at an ``http(s)://`` address; made for one run.

    Parameters
    ----------
    folder
        Where indexes are kept between runs.
    """

    def __init__(
        self, url: str, credentials: RepositoryCredentials | None, client: HttpClient, folder: CacheFolder
    ) -> None:
        self._root = parse_address(re.sub(r"/*(\?|$)", r"/\1", url, count=1))
        self._credentials = credentials
        self._client = client
        self._folder = folder
        # Without TLS only where the operator keeps a Secret for just that address.
        self._plain_http = credentials is not None and self._root.scheme == "http"

    def __str__(self) -> str:
        return str(self._root).rstrip("/")

    def index(self, *, limit: int) -> ChartIndex:
        """The index as it is now, of at most ``limit`` bytes; an unchanged one is not sent again.

        Raises
        ------
        RepositoryError
            When the repository refuses us, or is none.
        """
        address = self._index_address()
        user = self._credentials.username.reveal() if self._credentials else ""
        key = hashlib.sha256(json.dumps([address.url, user]).encode()).hexdigest()
        known = self._folder.read_entry(key) or b"{}\n"
        head, _, body = known.partition(b"\n")
        headers = {name: value for name, value in json.loads(head).items() if body}
        response = self._get(address, limit, self._access(address, pass_credentials=False), headers, compressed=True)
        if response.status != 304:
            self._check(response, f"{self} is not a chart repository: it has no {INDEX}; check repoURL")
            body = response.body
            self._folder.write_entry(key, json.dumps(_validators(response)).encode() + b"\n" + body)
        return ChartIndex(body, name=str(self))

    def archive(self, reference: str, *, limit: int, pass_credentials: bool) -> bytes:
        """The bytes at an address of the index, relative or absolute.

        Parameters
        ----------
        pass_credentials
            Log in to another server, too, where the archive is on one (``helm.passCredentials``).

        Raises
        ------
        RepositoryError
            When it is not there, or refused.
        """
        query = self._root.target.partition("?")[2]
        # A relative address keeps the repository's query, which may be its signature (ResolveReferenceURL of Helm).
        is_relative = "://" not in reference and "?" not in reference
        address = self._root.join(f"{reference}?{query}" if query and is_relative else reference)
        access = self._access(address, pass_credentials=pass_credentials)
        response = self._get(address, limit, access, {}, compressed=False)
        self._check(response, f"{address} is not there, although the index of {self} names it")
        return response.body

    def _index_address(self) -> WebAddress:
        path, question, query = self._root.target.partition("?")
        return self._root.join(f"{path}{INDEX}{question}{query}")

    def _access(self, address: WebAddress, *, pass_credentials: bool) -> Access:
        origin = address.origin if pass_credentials else self._root.origin
        return Access(origin, self._credentials, self._plain_http)

    def _get(
        self, address: WebAddress, limit: int, access: Access, headers: dict[str, str], *, compressed: bool
    ) -> Response:
        credentials = access.owner(address)
        authorization = basic_authorization(credentials) if credentials else ""
        if credentials and credentials.bearer_token and not authorization:
            authorization = bearer_authorization(credentials.bearer_token.reveal(), self)
        if authorization:
            headers = headers | {"Authorization": authorization}
        return self._client.get(address, access, limit=limit, headers=headers, compressed=compressed)

    def _check(self, response: Response, missing: str) -> None:
        if response.status in (401, 403):
            raise RepositoryError(f"{self} refused the credentials; check the repository's Secret")
        if response.status in (404, 410):
            raise RepositoryError(missing)
        if response.status != 200:
            raise RepositoryError(f"{response.address} answers with status {response.status}; check repoURL")


def _validators(response: Response) -> dict[str, str]:
    """The headers that ask whether the answer is still the same."""
    pairs = {"If-None-Match": "etag", "If-Modified-Since": "last-modified"}
    return {asked: response.headers[told] for asked, told in pairs.items() if response.headers.get(told)}
