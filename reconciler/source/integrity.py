"""What a project asks of the signatures in its Git sources, and whether a signature meets it.

Source: docs/user-guide/source-integrity-git-gpg.md and util/sourceintegrity/source_integrity_git.go of Argo CD. Its rules:
exactly one policy may match a repository, a pattern that begins with ``!`` takes a repository out of its policy, and
``signatureKeys`` means one policy in mode ``head`` for every Git repository. ``ssh`` beside ``gpg`` is ours.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote

from reconciler.errors import GenerationError
from reconciler.model.project import AppProjectSpec, GitIntegrityPolicy, GpgPolicy, SshPolicy
from reconciler.source.files.globs import read_glob
from reconciler.source.files.paths import shown
from reconciler.source.git.urls import RepositoryURL, parse_repository_url

MAX_PROBLEMS = 10
"""As many as Argo CD reports at most."""
SEAL = "git commit --gpg-sign --trailer='Argocd-gpg-seal: <justification>'"

_POLICIES = "spec.sourceIntegrity.git.policies"
_KEY_ID = re.compile(r"[0-9a-f]{16}")
_FINGERPRINT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SSH_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


class Mode(StrEnum):
    """How far verification goes: not at all, the target revision, or the target revision and its ancestors up to seals."""

    NONE = "none"
    HEAD = "head"
    STRICT = "strict"


class Method(StrEnum):
    """The kind of a signature, by the name of the check in Argo CD's conditions."""

    GPG = "GIT/GPG"
    SSH = "GIT/SSH"


class SignatureStatus(StrEnum):
    """What verification found, in Argo CD's words (util/git/client.go)."""

    GOOD = "signed"
    BAD = "bad signature"
    EXPIRED_SIGNATURE = "expired signature"
    EXPIRED_KEY = "signed with expired key"
    REVOKED_KEY = "signed with revoked key"
    MISSING_KEY = "signed with key not in keyring"
    UNSIGNED = "unsigned"


@dataclass(frozen=True, slots=True)
class Signature:
    """What was found on one commit or tag.

    ``subject`` is the commit id or the tag's name, ``keys`` every fingerprint the signing key goes by (its own and its
    primary key's), ``detail`` what is to add to the status.
    """

    subject: str
    identity: str
    status: SignatureStatus
    method: Method | None = None
    key_id: str = ""
    keys: tuple[str, ...] = ()
    signer: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """The one policy that applies to a repository; None as keys means that this kind of signature does not count."""

    where: str
    mode: Mode
    gpg_keys: tuple[str, ...] | None = None
    ssh_keys: tuple[str, ...] | None = None
    unreadable_keys: tuple[str, ...] = field(default=(), compare=False)

    @property
    def check(self) -> str:
        """The check's name in messages."""
        return str(Method.GPG if self.gpg_keys is not None else Method.SSH)


@dataclass(frozen=True, slots=True)
class Verification:
    """That a source met its project's policy, for the record of a sync.

    ``commits`` is how many commits were verified, which with ``mode: head`` and an annotated ``tag`` is none.
    """

    repository: str
    revision: str
    mode: Mode
    status: SignatureStatus
    method: Method
    key_id: str
    signer: str
    tag: str = ""
    commits: int = 0

    def __str__(self) -> str:
        return f"Good signature from {self.signer or 'unknown signer'} key {self.key_id}"


def find_policy(project: AppProjectSpec, repo_url: str) -> Policy | None:
    """The policy for a Git repository; None where the project asks nothing of it.

    Raises
    ------
    GenerationError
        Several policies match, or the one that does is not valid: a mistake must not switch verification off.
    """
    if project.source_integrity is None:
        keys = tuple(key.key_id for key in project.signature_keys)
        return _policy("spec.signatureKeys", GpgPolicy(mode=Mode.HEAD, keys=keys), None) if keys else None
    matching = [
        (index, policy)
        for index, policy in enumerate(project.source_integrity.git.policies)
        if _covers(policy, repo_url, f"{_POLICIES}[{index}]")
    ]
    if len(matching) > 1:
        numbers = ", ".join(str(index) for index, _ in matching)
        raise GenerationError(
            f"multiple ({len(matching)}) git source integrity policies found for repo URL: {_masked(repo_url)}; "
            f"exclude it from all but one of {_POLICIES} {numbers} by a pattern that begins with !"
        )
    if not matching:
        return None
    index, policy = matching[0]
    return _policy(f"{_POLICIES}[{index}]", policy.gpg, policy.ssh)


def problem_of(policy: Policy, signature: Signature) -> str:
    """Why a signature does not meet a policy, in Argo CD's words; empty when it does."""
    revision = f"Failed verifying revision {signature.subject} by {shown(signature.identity)}"
    if signature.status is not SignatureStatus.GOOD:
        detail = f", {signature.detail}" if signature.detail else ""
        return f"{revision}: {signature.status}{detail} (key_id={signature.key_id})"
    allowed = {Method.GPG: policy.gpg_keys, Method.SSH: policy.ssh_keys}.get(signature.method or Method.GPG)
    if any(_names(listed, signature.keys) for listed in allowed or ()):
        return ""
    return f"{revision}: signed with unallowed key (key_id={signature.key_id})"


def remedy(policy: Policy, signature: Signature) -> str:
    """What to do about the first problem."""
    advice = {
        SignatureStatus.GOOD: f"add the key to {policy.where} if it is trusted",
        SignatureStatus.MISSING_KEY: "add the public key to argocd-gpg-keys-cm if it is trusted",
        SignatureStatus.UNSIGNED: "sign it with an allowed key",
    }.get(signature.status, "sign it again with a key that is valid")
    if policy.mode is Mode.STRICT:
        advice += f", or approve the history by a seal commit ({SEAL})"
    if policy.unreadable_keys:
        listed = ", ".join(map(shown, policy.unreadable_keys[:3]))
        advice += f"; {policy.where} lists {listed}, which is no key id of 16 digits, fingerprint or SSH public key"
    return advice


def _policy(where: str, gpg: GpgPolicy | None, ssh: SshPolicy | None) -> Policy | None:
    if gpg is None and ssh is None:
        raise GenerationError(f"{where}: names no verification; set gpg or ssh, with mode none to verify nothing")
    modes: dict[str, Mode] = {}
    for name, method in (("gpg", gpg), ("ssh", ssh)):
        if method is not None and (mode := _mode(method.mode, f"{where}.{name}.mode")) is not Mode.NONE:
            modes[name] = mode
    if not modes:
        return None
    if len({*modes.values()}) > 1:
        raise GenerationError(f"{where}: gpg.mode is {modes['gpg']} and ssh.mode is {modes['ssh']}; give both one mode")
    gpg_keys = gpg.keys if gpg is not None and "gpg" in modes else None
    ssh_keys = ssh.keys if ssh is not None and "ssh" in modes else None
    unreadable = [key for key in gpg_keys or () if not (_KEY_ID.fullmatch(key.lower()) or _is_fingerprint(key))]
    unreadable += [key for key in ssh_keys or () if not _ssh_fingerprint(key)]
    return Policy(
        where,
        next(iter(modes.values())),
        None if gpg_keys is None else tuple(key.lower() for key in gpg_keys),
        None if ssh_keys is None else tuple(filter(None, map(_ssh_fingerprint, ssh_keys))),
        tuple(unreadable),
    )


def _mode(text: str, where: str) -> Mode:
    try:
        return Mode(text)
    except ValueError:
        raise GenerationError(f"{where}: unknown mode {shown(text)}; write none, head or strict") from None


def _covers(policy: GitIntegrityPolicy, repo_url: str, where: str) -> bool:
    """Whether a policy is for a repository. Another spelling of an address must not lead out of a policy.

    So patterns that take in are compared in lower case with every spelling, those that leave out only as they are written.
    """
    spellings = _spellings(repo_url)
    covered = False
    for index, repo in enumerate(policy.repos):
        pattern = f"{where}.repos[{index}].url"
        if repo.url.startswith("!"):
            glob = read_glob(repo.url[1:], field=pattern)
            if any(map(glob.matches, spellings)):
                return False
        else:
            glob = read_glob(repo.url.lower(), field=pattern)
            covered = covered or any(glob.matches(spelling.lower()) for spelling in spellings)
    return covered


def _spellings(repo_url: str) -> list[str]:
    """The URL as written, and the other ways to write the same address."""
    try:
        url = parse_repository_url(repo_url, allow_local=True)
    except GenerationError:
        return [repo_url]
    if url.is_local:
        return [repo_url, url.path, f"file://{url.path}"]
    return [repo_url, *(f"{form}{end}" for form in _remote_forms(url) for end in ("", ".git", "/"))]


def _remote_forms(url: RepositoryURL) -> list[str]:
    default = {"https": 443, "ssh": 22}[url.scheme]
    host = url.host.lower() if url.port in (None, default) else f"{url.host.lower()}:{url.port}"
    path = re.sub("/{2,}", "/", unquote(url.path)).rstrip("/").removesuffix(".git")
    if url.scheme == "https":
        return [f"https://{host}{path}", f"https://{host}:443{path}"] if ":" not in host else [f"https://{host}{path}"]
    user = f"{url.user}@" if url.user else ""
    relative = path.lstrip("/")
    return [f"ssh://{user}{host}/{relative}", f"{user}{host}:{relative}", f"{user}{host}:/{relative}"]


def _names(listed: str, keys: Sequence[str]) -> bool:
    """Whether a policy's key id or fingerprint is one of a key's fingerprints."""
    return any(listed in (key, key_id(key)) for key in keys)


def key_id(fingerprint: str) -> str:
    """The 16-digit key id in an OpenPGP fingerprint: its end up to version 4, its beginning from version 6."""
    return fingerprint[:16] if len(fingerprint) == 64 else fingerprint[-16:]


def _is_fingerprint(text: str) -> bool:
    return _FINGERPRINT.fullmatch(text.lower()) is not None


def _ssh_fingerprint(text: str) -> str:
    """``SHA256:…`` of an OpenSSH public key line, or the text when it is one already; empty when it is neither."""
    if _SSH_FINGERPRINT.fullmatch(text):
        return text
    kind, _, rest = text.strip().partition(" ")
    try:
        blob = base64.b64decode(rest.split()[0], validate=True) if rest.split() else b""
    except (binascii.Error, ValueError):
        return ""
    # A line with options or a principal in front begins with something else than the key's own type.
    return fingerprint_of(blob) if blob.startswith(len(kind).to_bytes(4, "big") + kind.encode()) else ""


def fingerprint_of(blob: bytes) -> str:
    """``SHA256:…`` of an SSH public key in wire form, as ``ssh-keygen -l`` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _masked(repo_url: str) -> str:
    return shown(re.sub(r"//[^/]*@", "//", repo_url))
