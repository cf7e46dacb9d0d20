"""What a render looked at: the inputs that decide whether it must be done again.

A render is a function of the Application's source options, the tools' versions, and what it looked at in the trees, the
build variables and the cluster's capabilities. `Observations` collects the latter three while the render runs.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from reconciler.errors import GenerationError
from reconciler.source.files.paths import shown

Looked = tuple[str, str, str]
"""``kind``, ``path`` and ``id``: what lay at a path, links not followed.

``file`` and ``link`` with the id of their content; ``names`` with a digest of the names and kinds in a folder, but nothing
of what they hold; ``is`` with ``file`` or ``folder``: no more than that such a thing was there; ``nothing`` with no id.
"""


@dataclass(slots=True)
class Observations:
    """Collected by one render.

    ``trees`` by their name: empty for the source's own, ``$name`` for a referenced source. ``capabilities``: whether the
    render may have asked for the cluster's. ``downloads``: what was asked of which server, and a digest of the answer.
    """

    trees: dict[str, set[Looked]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    capabilities: bool = False
    downloads: dict[tuple[str, ...], str] = field(default_factory=dict)

    def tree(self, name: str) -> set[Looked]:
        """The set that the tree of that name adds to."""
        return self.trees.setdefault(name, set())


class ObservedVariables(Mapping[str, str]):
    """Build variables that note which of them were asked for; only those belong to a render's inputs."""

    def __init__(self, variables: Mapping[str, str], observations: Observations) -> None:
        self._variables = variables
        self._observations = observations

    def __getitem__(self, name: str) -> str:
        value = self._variables[name]
        self._observations.variables[name] = value
        return value

    def __contains__(self, name: object) -> bool:
        # Which names exist never changes; only their values do.
        return name in self._variables

    def __iter__(self) -> Iterator[str]:
        self._observations.variables.update(self._variables)
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


class Downloads(Protocol):
    """What a render may fetch from Helm repositories, registries and web servers; `ChartRepositories` is one."""

    def archive(self, repo_url: str, chart: str, version: str, *, project: str, pass_credentials: bool) -> bytes:
        """The packaged chart of the newest version that fits ``version``."""
        ...

    def value_file(self, url: str) -> bytes:
        """A value file from a web server."""
        ...


class ObservedDownloads:
    """Downloads that note a digest of every answer; without a server behind, each is refused.

    Parameters
    ----------
    revisions
        Gives the commit of a Git repository's URL and revision.
    """

    def __init__(
        self,
        downloads: Downloads | None,
        observations: Observations,
        *,
        revisions: Callable[[str, str], str] | None = None,
    ) -> None:
        self._downloads = downloads
        self._observations = observations
        self._revisions = revisions

    def commit(self, url: str, revision: str) -> str:
        """The commit of another Git repository at a revision."""
        return self._get(("revision", url, revision)).decode()

    def archive(self, repo_url: str, chart: str, version: str, *, project: str, pass_credentials: bool) -> bytes:
        return self._get(("archive", repo_url, chart, version, project, "credentials" if pass_credentials else ""))

    def value_file(self, url: str) -> bytes:
        return self._get(("value file", url))

    def digest(self, download: tuple[str, ...]) -> str:
        """Digest of what the download brings now."""
        return hashlib.sha256(self._fetch(download)).hexdigest()

    def _get(self, download: tuple[str, ...]) -> bytes:
        data = self._fetch(download)
        self._observations.downloads[download] = hashlib.sha256(data).hexdigest()
        return data

    def _fetch(self, download: tuple[str, ...]) -> bytes:
        if download[0] == "revision" and self._revisions is not None:
            return self._revisions(download[1], download[2]).encode()
        if self._downloads is None:
            raise GenerationError(f"{download[0]} {shown(download[1])} cannot be fetched: downloads are off here")
        if download[0] == "value file":
            return self._downloads.value_file(download[1])
        _, repo_url, chart, version, project, credentials = download
        return self._downloads.archive(repo_url, chart, version, project=project, pass_credentials=bool(credentials))
