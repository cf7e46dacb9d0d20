"""Paths inside a repository: one resolver for all that an Application or a file in a repository may name.

Paths are relative to the repository's root, ``/``-separated, without ``.`` or ``..``; the root itself is ``""``.
"""

import unicodedata

from reconciler.errors import GenerationError

SHOWN_LENGTH = 200


def shown(text: str) -> str:
    """``text`` as it may appear in a message: quoted, on one line, control characters escaped, at most 200 characters."""
    return repr(text if len(text) <= SHOWN_LENGTH else text[:SHOWN_LENGTH] + "…")


def has_control_characters(text: str) -> bool:
    """Whether ``text`` holds a control, format (bidirectional), surrogate or unassigned character."""
    return any(unicodedata.category(character).startswith("C") for character in text)


def resolve_path(base: str, text: str, *, field: str, from_root: bool = False) -> str:
    """The path that ``text`` names as seen from the folder ``base``.

    Parameters
    ----------
    field
        Field or file that names the path; begins the message.
    from_root
        Let a leading ``/`` mean the repository's root, as in ``helm.valueFiles``; otherwise such a path is refused.

    Raises
    ------
    GenerationError
        When the path leaves the repository. The comparison is by path component, so ``/repo-x`` is not in ``/repo``.
    """
    if has_control_characters(text):
        raise GenerationError(f"{field}: {shown(text)} holds control characters; name a path inside the repository")
    if text.startswith("/"):
        if not from_root:
            raise GenerationError(f"{field}: {shown(text)} is absolute; name a path relative to the repository's root")
        base, text = "", text.lstrip("/")
    parts = base.split("/") if base else []
    for part in text.split("/"):
        if part == "..":
            if not parts:
                raise GenerationError(f"{field}: {shown(text)} leaves the repository; name a path inside it")
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def join(base: str, name: str) -> str:
    """``base`` and ``name``, either of which may be empty."""
    return f"{base}/{name}" if base and name else base or name


def parent_of(path: str) -> str:
    return path.rpartition("/")[0]
