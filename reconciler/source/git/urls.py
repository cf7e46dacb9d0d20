"""Repository URLs, parsed by ourselves: what Git would read as a helper, an option or another transport never reaches it.

Accepted are ``https://``, ``ssh://``, the scp form ``user@host:path``, and, where the caller allows local repositories,
``file://`` and plain paths.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from reconciler.errors import RepositoryError
from reconciler.source.files.paths import has_control_characters, shown

MAX_LENGTH = 2048

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._%+-]*")
_PATH = re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=:@/-]+")
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:(?P<user>[^/]*)@)?(?P<host>\[[^/]*\]|[^/:@]*)(?::(?P<port>[^/]*))?(?P<path>/.*)?"
)
_SCP = re.compile(r"(?:(?P<user>[^/:@]+)@)?(?P<host>[^/:@]+):(?P<path>.+)")

_SCHEME_NAMES = frozenset({"file", "http", "https", "ssh", "git", "ext"})
_REMEDY = "use https://, ssh://, user@host:path"


@dataclass(frozen=True, slots=True)
class RepositoryURL:
    """A vetted address; ``str()`` is what messages may show: never a user name of https, never a password."""

    scheme: Literal["https", "ssh", "file"]
    user: str
    host: str
    port: int | None
    path: str

    @property
    def is_local(self) -> bool:
        return self.scheme == "file"

    @property
    def fetch_address(self) -> str:
        """What Git is given; it cannot begin with ``-``. The user name of https goes by `user` alone."""
        if self.is_local:
            return self.path
        user = f"{self.user}@" if self.user and self.scheme == "ssh" else ""
        return self._address(user)

    @property
    def origin(self) -> str:
        """Scheme, host and port: what credentials belong to."""
        return f"{self.scheme}://{self.host}{f':{self.port}' if self.port else ''}"

    @property
    def key(self) -> str:
        """SHA-256 of the normalized address, in hex: names the mirror."""
        path = self.path if self.is_local else self.path.rstrip("/").removesuffix(".git")
        port = None if self.port == {"https": 443, "ssh": 22}.get(self.scheme) else self.port
        normalized = f"{self.scheme}://{self.host.lower()}:{port or ''}|{path}"
        return hashlib.sha256(normalized.encode()).hexdigest()

    def _address(self, user: str) -> str:
        # The scp form keeps its path relative to the login's home, which ssh:// cannot say.
        if self.scheme == "ssh" and not self.path.startswith("/"):
            return f"{user}{self.host}:{self.path}"
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{user}{self.host}{port}{self.path}"

    def __str__(self) -> str:
        return (
            self.path if self.is_local else self._address(f"{self.user}@" if self.user and self.scheme == "ssh" else "")
        )


def parse_repository_url(text: str, *, allow_local: bool = False) -> RepositoryURL:
    """Vet a ``repoURL``.

    Raises
    ------
    RepositoryError
        For any other transport, for options, helpers (``ext::``), control characters, passwords, dot segments, and
        local repositories that are not allowed here.
    """
    if not text or len(text) > MAX_LENGTH:
        raise RepositoryError(f"repoURL has {len(text)} characters; expected 1 to {MAX_LENGTH}")
    if has_control_characters(text) or text != text.strip():
        raise RepositoryError(f"repoURL {_masked(text)} holds control characters or outer spaces; {_REMEDY}")
    if text.startswith("-"):
        raise RepositoryError(f"repoURL {_masked(text)} looks like an option; {_REMEDY}")
    if re.match(r"[A-Za-z0-9+.-]*::", text):
        raise RepositoryError(f"repoURL {_masked(text)} names a remote helper, which is refused; {_REMEDY}")
    if "://" in text:
        return _parse_url(text, allow_local=allow_local)
    if ":" in text.partition("/")[0]:
        return _parse_scp(text)
    return _local(text, text, allow_local=allow_local)


def _parse_url(text: str, *, allow_local: bool) -> RepositoryURL:
    match = _URL.fullmatch(text)
    if match is None:
        raise RepositoryError(f"repoURL {_masked(text)} is not a URL; {_REMEDY}")
    scheme, user, host, port, path = (match[name] or "" for name in ("scheme", "user", "host", "port", "path"))
    scheme = scheme.lower()
    if scheme == "file":
        if host not in ("", "localhost") or user or port:
            raise RepositoryError(f"repoURL {_masked(text)} names a host; a file URL is file:///path")
        return _local(unquote(path), text, allow_local=allow_local)
    if scheme not in ("https", "ssh"):
        raise RepositoryError(f"repoURL {_masked(text)}: {scheme}:// is refused; {_REMEDY}")
    if ":" in user:
        raise RepositoryError(
            f"repoURL {_masked(text)} holds a password; remove it and keep it in a Git credential helper"
        )
    if port and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        raise RepositoryError(f"repoURL {_masked(text)}: the port is not a number from 1 to 65535")
    return _remote("https" if scheme == "https" else "ssh", user, host, int(port) if port else None, path, text)


def _parse_scp(text: str) -> RepositoryURL:
    match = _SCP.fullmatch(text)
    # file:/srv/repo is meant as a URL, not as a host of that name.
    if match is None or match["host"].lower() in _SCHEME_NAMES:
        raise RepositoryError(f"repoURL {_masked(text)} is not a repository address; {_REMEDY}")
    return _remote("ssh", match["user"] or "", match["host"], None, match["path"], text)


def _remote(
    scheme: Literal["https", "ssh"], user: str, host: str, port: int | None, path: str, text: str
) -> RepositoryURL:
    segments = path.strip("/").split("/")
    for name, valid in (
        ("host", _HOST.fullmatch(host)),
        ("user name", not user or _USER.fullmatch(user)),
        # Git would hand a path that begins with - to the server's command line as an option.
        (
            "path",
            _PATH.fullmatch(path) and path.strip("/") and not {"..", "."} & {*segments} and not path.startswith("-"),
        ),
    ):
        if not valid:
            raise RepositoryError(f"repoURL {_masked(text)}: the {name} is missing or not allowed; {_REMEDY}")
    return RepositoryURL(scheme, user, host, port, path)


def _local(path: str, text: str, *, allow_local: bool) -> RepositoryURL:
    if not allow_local:
        raise RepositoryError(f"repoURL {_masked(text)} is a local repository, which is not allowed here; {_REMEDY}")
    if not path or has_control_characters(path):
        raise RepositoryError(f"repoURL {_masked(text)} is not a path")
    return RepositoryURL("file", "", "", None, str(Path(path).absolute()))


def _masked(text: str) -> str:
    return shown(re.sub(r"//[^/]*@", "//", text))
