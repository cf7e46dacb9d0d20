"""What Git's messages mean: the one place where its text is read. Nothing of it that could hold a secret is repeated."""

import re

from reconciler.errors import RepositoryError, RepositoryUnreachableError

_NO_REPOSITORY = (
    "does not appear to be a git repository",
    "not found",
    "[Nn]ot a git repository",
    "does not exist",
    "not valid: is this a git repository",
)
_NO_ACCESS = (
    "Permission denied",
    "Authentication failed",
    "could not read (Username|Password)",
    "error: 40[13]",
    "terminal prompts disabled",
)
_NO_ANSWER = (
    "Could not resolve",
    "[Ff]ailed to connect",
    "Couldn't connect",
    "Connection (refused|timed out|reset|closed)",
    "timed out",
    "No route to host",
    "Network is unreachable",
    "early EOF",
    "unexpected disconnect",
    "hung up",
    r"error: 5\d\d",
    "[Oo]peration too slow",
    "SSL|TLS",
    "unable to access",
)
_OWN_DAMAGE = (
    "corrupt",
    "bad object",
    "bad packed object",
    "invalid index-pack",
    "packfile .* (is truncated|cannot be)",
    "inflate",
    "missing (blob|tree|necessary objects)",
    "unable to read (tree|sha1)",
)

_CUT_OFF = ("early EOF", "unexpected disconnect", "hung up", "RPC failed", "transfer closed")
"""Then Git finds fault with the pack as well, of which it has only a part."""

_MEANINGS: tuple[tuple[tuple[str, ...], type[RepositoryError], str], ...] = (
    (("on the remote side",), RepositoryError, "is damaged on its server; repair it there (git fsck)"),
    (("dubious ownership",), RepositoryError, "belongs to another user; add it to Git's safe.directory"),
    (
        ("certificate (problem|verif|subject|is not)", "certificate verif", "server verification failed"),
        RepositoryError,
        "has a certificate that is not trusted; add its authority to argocd-tls-certs-cm or to the system's",
    ),
    (
        ("Host key verification failed",),
        RepositoryError,
        "has a host key that is not known; add it to known_hosts or argocd-ssh-known-hosts-cm",
    ),
    (
        _NO_ACCESS,
        RepositoryError,
        "refused the credentials, or does not exist; check the address and your Git credential helper or SSH agent",
    ),
    (_NO_REPOSITORY, RepositoryError, "is not a Git repository; check repoURL"),
    (("transport '[^']*' not allowed",), RepositoryError, "asked for a transport that is refused"),
    (("mismatched algorithms",), RepositoryError, "uses SHA-256 object names, which are not supported"),
    (_NO_ANSWER, RepositoryUnreachableError, "cannot be reached; check the address and the network"),
    (
        ("Could not read from remote",),
        RepositoryUnreachableError,
        "cannot be read; check the address, the network and your SSH agent",
    ),
)


def is_own_damage(stderr: str) -> bool:
    """Whether a message points at our own mirror rather than at the remote or at what came of it."""
    others = re.search("|".join((*_CUT_OFF, "on the remote side")), stderr)
    return others is None and re.search("|".join(_OWN_DAMAGE), stderr) is not None


STALE_LOCK = re.compile(r"\.lock': File exists")
"""A lock file in our own mirror."""

REFUSED_OBJECT = re.compile("not our ref|couldn't find remote ref|does not advertise|unadvertised object")
"""The remote has no such ref or commit."""


def explain(stderr: str, where: str) -> RepositoryError:
    """The error for a fetch that failed, in one line of ours."""
    for patterns, error, meaning in _MEANINGS:
        if re.search("|".join(patterns), stderr):
            return error(f"{where} {meaning}")
    return RepositoryError(f"{where} cannot be fetched: {last_line(stderr)}")


def last_line(stderr: str) -> str:
    """The last ``fatal:`` or ``error:`` line, printable, without user names or passwords, at most 200 characters."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines or ["no reason given"]
    text = re.sub(r"//[^/\s]*@", "//", telling[-1])
    return "".join(character if character.isprintable() else "?" for character in text)[:200]
