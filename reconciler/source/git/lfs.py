"""Git LFS: the content that a pointer file stands for, had by ``git lfs smudge`` and checked against the pointer.

Source: github.com/git-lfs/git-lfs, docs/spec.md.
"""

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import GenerationError, RepositoryError, RepositoryUnreachableError
from reconciler.source.git.command import Limits, run_git
from reconciler.source.git.failures import last_line
from reconciler.source.git.mirror import Mirror
from reconciler.source.git.urls import RepositoryURL

MAX_POINTER_BYTES = 1024

_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[0-9]-[^\n]*\n)*"
    rb"oid sha256:(?P<oid>[0-9a-f]{64})\nsize (?P<size>[0-9]{1,15})\n?"
)
_NO_ACCESS = re.compile("[Aa]uthenticat|[Aa]uthoriz|credentials|Permission denied|\\b40[13]\\b")
_NO_ANSWER = re.compile("dial tcp|connection refused|no such host|timeout|EOF|\\b5[0-9][0-9]\\b|reset by peer")


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a pointer file says of its content: the SHA-256 in hex and the size in bytes."""

    oid: str
    size: int


def parse_pointer(data: bytes) -> Pointer | None:
    """The pointer that a file is; None for any other file."""
    match = _POINTER.fullmatch(data) if len(data) <= MAX_POINTER_BYTES else None
    return Pointer(match["oid"].decode(), int(match["size"])) if match else None


def read_content(mirror: Mirror, pointer: Pointer, data: bytes, *, limit: int) -> bytes:
    """The content of a pointer file whose bytes are ``data``.

    Raises
    ------
    GenerationError
        When it has more than ``limit`` bytes.
    RepositoryError
        Without git-lfs, or when the server does not give it, or gives another.
    """
    if pointer.size > limit:
        raise GenerationError(f"a Git LFS file of {pointer.size} bytes in {mirror} is over the limit of {limit} bytes")
    content = _stored(mirror, pointer)
    if content is None:
        content = _smudge(mirror, pointer, data)
        if not _is_content(content, pointer):
            raise RepositoryError(
                f"the Git LFS server of {mirror} gives other content than the pointer names (sha256:{pointer.oid[:12]}); "
                "push the file again (git lfs push --all)"
            )
    return content


def _stored(mirror: Mirror, pointer: Pointer) -> bytes | None:
    """What an earlier smudge left in the mirror."""
    path = mirror.path / "lfs" / "objects" / pointer.oid[:2] / pointer.oid[2:4] / pointer.oid
    try:
        with path.open("rb") as file:
            content = file.read(pointer.size + 1)
    except OSError:
        return None
    return content if _is_content(content, pointer) else None


def _is_content(content: bytes, pointer: Pointer) -> bool:
    return len(content) == pointer.size and hashlib.sha256(content).hexdigest() == pointer.oid


def _endpoint(url: RepositoryURL) -> str:
    """The server of the files, which git-lfs would derive in this way."""
    if url.is_local:
        return Path(url.path).as_uri()
    if url.scheme == "ssh":
        return url.fetch_address
    return f"{url.fetch_address.rstrip('/').removesuffix('.git')}.git/info/lfs"


def _smudge(mirror: Mirror, pointer: Pointer, data: bytes) -> bytes:
    if shutil.which("git-lfs") is None:
        raise RepositoryError(
            f"{mirror} keeps files in Git LFS, and git-lfs is not installed or not on PATH; install it"
        )
    settings = {
        # Set here, a .lfsconfig in the repository cannot lead elsewhere.
        "lfs.url": _endpoint(mirror.url),
        "remote.origin.lfsurl": "",
        "lfs.basictransfersonly": "true",
        "lfs.concurrenttransfers": "1",
        "lfs.fetchexclude": "",
        "lfs.fetchinclude": "",
        "lfs.skipdownloaderrors": "false",
        "lfs.transfer.maxretries": "2",
    }
    limits = Limits(mirror.limits.timeout_s, pointer.size + 1, pointer.size + 2**20)
    with mirror.command(settings) as environment:
        done = run_git(
            ["lfs", "smudge"],
            environment=environment,
            where=f"the Git LFS server of {mirror}",
            limits=limits,
            given=data,
            growing=[mirror.path / "lfs" / "incomplete", mirror.path / "lfs" / "tmp"],
        )
    if done.status == 0 and parse_pointer(done.stdout) is None:
        return done.stdout
    where = f"a Git LFS file of {mirror} (sha256:{pointer.oid[:12]})"
    if _NO_ACCESS.search(done.stderr):
        raise RepositoryError(f"{where}: its server refused the credentials; check the repository's Secret")
    if _NO_ANSWER.search(done.stderr):
        raise RepositoryUnreachableError(f"{where} cannot be had: {last_line(done.stderr)}")
    raise RepositoryError(f"{where} cannot be had: {last_line(done.stderr)}")
