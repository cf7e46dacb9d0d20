"""Repository addresses as a project's ``sourceRepos`` compare them."""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

_SSH: Final = re.compile(r"(ssh://)?[^/:]*?@[^@]+")
_KEPT: Final = "%/:?#[]@!$&'()*+,;=~"
_DEFAULT_PORTS: Final = {"https": ":443", "http": ":80", "ssh": ":22"}


@lru_cache(maxsize=4096)
def normalized_address(url: str) -> str:
    """An address, or a pattern of addresses, in the one spelling in which they are compared.

    In lower case, without outer blanks, ``.git`` and ``ssh://``; ``git@host:path`` is ``git@host/path``; what a URL has to
    escape is escaped, braces among it, so that ``{a,b}`` in a pattern allows nothing.

    Source: NormalizeGitURL in util/git/git.go of Argo CD 3.6. There, what Go cannot parse becomes an empty text, so that any
    two such addresses are equal; here they stay different.
    """
    text = url.strip().lower()
    if _SSH.fullmatch(text):
        if not text.startswith("ssh://"):
            text = text.replace(":", "/", 1)
        text = text.removeprefix("ssh://")
    return quote(text.removesuffix(".git"), safe=_KEPT)


@lru_cache(maxsize=4096)
def resolved_address(url: str) -> str:
    """What an address leads to, for rules that refuse: other spellings of a refused repository are refused as well.

    Beyond `normalized_address` without user name (but for SSH), default port, escapes, doubled or final slashes; and
    ``ssh://git@host:path``, an example of docs/user-guide/projects.md that Argo CD cannot parse, means ``git@host:path``.
    """
    text = url.strip().lower()
    if "://" not in text and _SSH.fullmatch(text):
        text = f"ssh://{text.replace(':', '/', 1)}"
    scheme, separator, rest = text.partition("://")
    if not separator:
        return _path(text)
    authority, slash, path = rest.partition("/")
    if scheme == "ssh":
        host, colon, port = authority.partition(":")
        if colon and not port.isdigit():
            authority, slash, path = host, "/", f"{port}/{path}"
    else:
        authority = authority.rpartition("@")[2]
    authority = authority.removesuffix(_DEFAULT_PORTS.get(scheme, "\0"))
    return f"{scheme}://{authority}{slash}{_path(path).lstrip('/')}".rstrip("/")


def _path(path: str) -> str:
    return re.sub("//+", "/", unquote(path)).rstrip("/").removesuffix(".git").rstrip("/")
