"""Remote references of a kustomization: told from paths, judged by the operator's setting, fetched by our own code.

Kustomize itself never fetches anything. Source: api/internal/git/repospec.go of kustomize 5.8.
"""

import re
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qs, unquote

from reconciler.errors import GenerationError
from reconciler.source.files.globs import read_glob
from reconciler.source.files.paths import resolve_path, shown
from reconciler.source.files.tree import Tree

SETTING = "kustomize.remoteBases"
MAX_FILE_BYTES = 16 * 2**20

_REMOTE = re.compile(
    r"://|^\s*[\w.+-]*::|^[^/@\s]+@[^/\s]+|^gh:|^github\.com[:/]|[?&](ref|version|timeout|submodules)=|^[\w.-]+:[^\s]",
    re.IGNORECASE,
)
_REMOTE_START = re.compile(r"\s*([\w.+-]+:(//|:)|[^/@\s]+@[^/\s]+:|gh:|github\.com[:/])", re.IGNORECASE)
_HOST = re.compile(
    r"(?P<url>(?P<scheme>https|http|ssh|file)://(?P<authority>[^/]*)/)|(?P<scp>[\w.+-]+@(?P<host>[^/:@\s]+):)"
    r"|(?P<github>github\.com[:/])",
    re.IGNORECASE,
)
_FILE = re.compile(r"https?://[^?#]*/(?P<name>[\w.+@-]+)(\?.*)?", re.IGNORECASE)
_MANIFEST = (".yaml", ".yml", ".json")


class RemoteTrees(Protocol):
    """Gives the files of other repositories, fetched by our own Git code, and notes for the cache what it gave."""

    def __call__(self, url: str, revision: str) -> Tree:
        """The files of the repository at ``url`` as they are at ``revision``; ``HEAD`` where it is empty."""
        ...


@dataclass(frozen=True, slots=True)
class RemoteBase:
    """A folder of another repository."""

    url: str
    path: str
    revision: str


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on a web server."""

    url: str
    name: str


def is_remote(text: str) -> bool:
    """Whether kustomize might take ``text`` for an address; rather too often than too rarely."""
    return _REMOTE.search(text) is not None


def starts_remote(text: str) -> bool:
    """Whether ``text`` begins as an address does."""
    return _REMOTE_START.match(text) is not None


def masked(text: str) -> str:
    """``text`` without the user name and password of an address."""
    return re.sub(r"//[^/\s]*@", "//", text)


def parse_remote(text: str, *, field: str, only_file: bool) -> RemoteBase | RemoteFile:
    """What a remote reference names.

    Kustomize asks a web server for each address first and takes it for a repository afterwards; here its form decides.

    Parameters
    ----------
    only_file
        Whether the field takes no folders.

    Raises
    ------
    GenerationError
        For an address of neither form, with credentials in it, or with ``..``.
    """
    address, _, query = text.partition("?")
    host = _HOST.match(address.removeprefix("git::"))
    rest = address.removeprefix("git::")[host.end() :] if host else ""
    if host is None or not rest.strip("/"):
        raise _refused(
            text, field, "is no address of a repository or file; write https://host/org/repository//path?ref=v1"
        )
    if host["authority"] and "@" in host["authority"] and host["scheme"].lower() != "ssh":
        raise _refused(text, field, "holds credentials; remove them, and set them up for the repository")
    if any(part in (".", "..") for part in unquote(address).replace("\\", "/").split("/")):
        raise _refused(text, field, "holds dot segments; write the path without them")
    parameters = {name: values[-1] for name, values in parse_qs(query).items()}
    plain = host["url"] is not None and host["scheme"].lower() in ("http", "https")
    marked = {"ref", "version"} & parameters.keys() or "//" in rest or ".git" in rest or "_git/" in rest
    file = _FILE.fullmatch(text) if plain else None
    if file and (only_file or (file["name"].endswith(_MANIFEST) and not marked)):
        return RemoteFile(text, file["name"])
    if only_file:
        raise _refused(text, field, "is no file on a web server")
    repository, path = _split(rest, segments=2 if _is_github(host) else 0)
    revision = parameters.get("ref", "") or parameters.get("version", "")
    return RemoteBase(_repository_url(host, repository), resolve_path("", path.strip("/"), field=field), revision)


def require_allowed(remote: RemoteBase | RemoteFile, text: str, allowed: tuple[str, ...], *, field: str) -> None:
    """Check an address against the operator's patterns; ``*`` in them crosses ``/``.

    Raises
    ------
    GenerationError
        When none of them fits; the message names the setting.
    """
    scheme, separator, rest = remote.url.partition("://")
    host, slash, path = rest.partition("/")
    address = f"{scheme.lower()}://{host.lower()}{slash}{path}" if separator else remote.url
    if not any(read_glob(pattern, field=f"argocd-cm: data[{SETTING}]").matches(address) for pattern in allowed):
        raise refused_here(text, field)


def refused_here(text: str, field: str) -> GenerationError:
    """The refusal of an address that no setting allows."""
    return _refused(
        text, field, f"is remote, which is refused; copy it into the repository, or have it allowed with {SETTING}"
    )


def _refused(text: str, field: str, why: str) -> GenerationError:
    return GenerationError(f"{field}: {shown(masked(text))} {why}")


def _is_github(host: re.Match[str]) -> bool:
    name = host["host"] or (host["authority"] or "").rpartition("@")[2] or ("github.com" if host["github"] else "")
    return name.lower() == "github.com"


def _repository_url(host: re.Match[str], repository: str) -> str:
    return f"{'https://github.com/' if host['github'] else host[0]}{repository}"


def _split(rest: str, *, segments: int) -> tuple[str, str]:
    """Repository and folder: at ``_git/`` and one name, at ``//``, after ``.git``, else after that many names."""
    marker = rest.find("_git/")
    if marker >= 0:
        end = rest.find("/", marker + len("_git/"))
        return (rest[:end], rest[end:]) if end >= 0 else (rest, "")
    repository, separator, path = rest.partition("//")
    if separator:
        return repository, path
    suffix = rest.find(".git")
    if suffix >= 0:
        return rest[: suffix + 4], rest[suffix + 4 :]
    parts = rest.split("/")
    if segments and len(parts) > segments:
        return "/".join(parts[:segments]), "/".join(parts[segments:])
    return rest, ""
