"""Commits and annotated tags taken apart as Git does it, byte by byte: what was signed, and the signature.

A signature covers the object without its ``gpgsig`` header, so where such a header may stand decides what Git reads and
what the signer saw. Only the one form that Git itself writes is accepted.

Source: gpg-interface.c and commit.c of Git, gitformat-signature(5).
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.errors import GenerationError
from reconciler.source.integrity import Method

MAX_BYTES = 4 * 2**20
"""Size of a commit or tag."""

_SIGNATURE_HEADERS = (b"gpgsig", b"gpgsig-sha256")
_MARKERS = {
    b"-----BEGIN PGP SIGNATURE-----": Method.GPG,
    b"-----BEGIN PGP MESSAGE-----": Method.GPG,
    b"-----BEGIN SSH SIGNATURE-----": Method.SSH,
    b"-----BEGIN SIGNED MESSAGE-----": None,
}
_SEAL = re.compile(rb"^argocd-gpg-seal[ \t]*:", re.IGNORECASE | re.MULTILINE)
_BLANK_LINE = re.compile(rb"\n[ \t]*\n")


@dataclass(frozen=True, slots=True)
class SignedObject:
    """A commit or tag: what its signature covers, and the signature's armor, which is empty when it has none."""

    object_id: str
    identity: str
    payload: bytes
    armor: bytes

    @property
    def method(self) -> Method | None:
        """The kind of the signature; None for one that is neither OpenPGP nor SSH, or not a single block."""
        first = self.armor.partition(b"\n")[0].rstrip()
        method = _MARKERS.get(first)
        last = first.replace(b"BEGIN", b"END")
        single = self.armor.count(b"-----BEGIN ") == 1 and self.armor.rstrip().endswith(b"\n" + last)
        return method if single else None


@dataclass(frozen=True, slots=True)
class Commit(SignedObject):
    """``is_seal``: the message ends in a paragraph with the trailer ``Argocd-gpg-seal``."""

    parents: tuple[str, ...]
    is_seal: bool


@dataclass(frozen=True, slots=True)
class Tag(SignedObject):
    """``target`` is the id of the ``kind`` of object that the tag names."""

    name: str
    target: str
    kind: str


def parse_commit(object_id: str, data: bytes) -> Commit:
    """Take a commit apart.

    Raises
    ------
    GenerationError
        The bytes are not those of ``object_id``, or not as Git writes a commit.
    """
    what = f"commit {object_id}"
    _check_id(object_id, b"commit", data, what)
    headers, message = _headers(data, what)
    names = [name for name, _ in headers]
    parents = 0
    while names[1 + parents : 2 + parents] == [b"parent"]:
        parents += 1
    _check_order(names, [b"tree", *[b"parent"] * parents, b"author", b"committer"], what)
    ids = [_object_id(value, object_id, what) for _, value in headers[: parents + 1]]
    signature = b"gpgsig" if len(object_id) == 40 else b"gpgsig-sha256"
    armor = next((value for name, value in headers if name == signature), b"")
    return Commit(
        object_id,
        _identity(headers[parents + 1][1]),
        _without_signatures(headers, message),
        armor,
        tuple(ids[1:]),
        _SEAL.search(_BLANK_LINE.split(message.strip())[-1]) is not None,
    )


def parse_tag(object_id: str, data: bytes) -> Tag:
    """Take an annotated tag apart; its signature is the last armor in its message.

    Raises
    ------
    GenerationError
        The bytes are not those of ``object_id``, or not as Git writes a tag.
    """
    what = f"tag {object_id}"
    _check_id(object_id, b"tag", data, what)
    headers, message = _headers(data, what)
    _check_order([name for name, _ in headers], [b"object", b"type", b"tag", b"tagger"], what)
    begin = max((_last_line(message, marker) for marker in _MARKERS), default=-1)
    body, armor = (message, b"") if begin < 0 else (message[:begin], message[begin:])
    values = [value for _, value in headers]
    return Tag(
        object_id,
        _identity(values[3]),
        _without_signatures(headers, body),
        armor,
        values[2].decode("utf-8", "replace"),
        _object_id(values[0], object_id, what),
        values[1].decode("ascii", "replace"),
    )


def _check_id(object_id: str, kind: bytes, data: bytes, what: str) -> None:
    algorithm = "sha1" if len(object_id) == 40 else "sha256"
    digest = hashlib.new(algorithm, b"%s %d\0" % (kind, len(data)) + data, usedforsecurity=False)
    if digest.hexdigest() != object_id:
        raise GenerationError(
            f"the content of {what} does not match its id: the mirror is damaged; delete and fetch it"
        )


def _headers(data: bytes, what: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Names and unfolded values of the headers, in order, and the message; ``None`` never: a message may be empty."""
    head, _, message = data.partition(b"\n\n")
    headers: list[tuple[bytes, bytes]] = []
    folded: list[bytes] = []
    for line in head.removesuffix(b"\n").split(b"\n"):
        if line.startswith(b" ") and headers:
            folded.append(line[1:])
            continue
        if folded:
            headers[-1] = (headers[-1][0], b"\n".join([headers[-1][1], *folded]))
            folded = []
        name, space, value = line.partition(b" ")
        if not space or not name or b"\0" in line:
            raise _malformed(what, "has a line that is no header")
        headers.append((name, value))
    if folded:
        headers[-1] = (headers[-1][0], b"\n".join([headers[-1][1], *folded]))
    return headers, message


def _check_order(names: Sequence[bytes], expected: Sequence[bytes], what: str) -> None:
    """Git stops reading parents at the first other header, so a header in between would hide them from it."""
    if list(names[: len(expected)]) != list(expected):
        raise _malformed(what, f"does not begin with the headers {b', '.join(dict.fromkeys(expected)).decode()}")
    rest = names[len(expected) :]
    if repeated := {*expected, b"parent"} & {*rest}:
        raise _malformed(what, f"has a second {min(repeated).decode()} header")
    for name in _SIGNATURE_HEADERS:
        if rest.count(name) > 1:
            raise _malformed(what, f"has more than one {name.decode()} header")


def _without_signatures(headers: Sequence[tuple[bytes, bytes]], message: bytes) -> bytes:
    kept = [
        b"%s %s\n" % (name, value.replace(b"\n", b"\n ")) for name, value in headers if name not in _SIGNATURE_HEADERS
    ]
    return b"".join(kept) + b"\n" + message


def _last_line(message: bytes, marker: bytes) -> int:
    """Where the last line that begins with ``marker`` begins; -1 when none does."""
    if (position := message.rfind(b"\n" + marker)) >= 0:
        return position + 1
    return 0 if message.startswith(marker) else -1


def _object_id(value: bytes, like: str, what: str) -> str:
    text = value.decode("ascii", "replace")
    if len(text) != len(like) or re.fullmatch("[0-9a-f]+", text) is None:
        raise _malformed(what, "names an object by something that is no id")
    return text


def _identity(value: bytes) -> str:
    """``Name <address>`` of an author or tagger line, without its time."""
    return (
        (value.rpartition(b">")[0] + b">").decode("utf-8", "replace")
        if b">" in value
        else value.decode("utf-8", "replace")
    )


def _malformed(what: str, why: str) -> GenerationError:
    return GenerationError(f"{what} {why}, so its signature cannot be trusted; make the commit or tag again with Git")
