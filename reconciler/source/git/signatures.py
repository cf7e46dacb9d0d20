"""Whether a revision meets its project's source integrity policy: signatures of commits and tags, read and verified.

Source: docs/user-guide/source-integrity-git-gpg.md and util/git/client.go (LsSignatures) of Argo CD. What is verified:

- ``head``: the commit; where the target revision names an annotated tag, the tag's own signature instead.
- ``strict``: the tag, the commit, and its ancestors back to seals. A seal is a commit that is signed as the policy asks and
  ends in the trailer ``Argocd-gpg-seal``; what a seal descends from is not verified, except where a verified commit
  branched off from it.
"""

import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconciler.errors import GenerationError, RepositoryError, RevisionError
from reconciler.model.project import AppProjectSpec
from reconciler.source.files.paths import shown
from reconciler.source.git.history import HistoryLimits, open_history
from reconciler.source.git.keyring import Finding, Keyring
from reconciler.source.git.signed_objects import MAX_BYTES, SignedObject, Tag, parse_commit, parse_tag
from reconciler.source.git.ssh_signatures import SshSignatureError, verify_ssh
from reconciler.source.integrity import (
    MAX_PROBLEMS,
    Method,
    Mode,
    Policy,
    Signature,
    SignatureStatus,
    Verification,
    find_policy,
    fingerprint_of,
    problem_of,
    remedy,
)

if TYPE_CHECKING:
    from reconciler.source.git.repository import Repository

MAX_NESTED_TAGS = 10


class IntegrityChecker:
    """The policies of one project and the keys to verify with, for one run: what was verified once is not verified again.

    Parameters
    ----------
    project
        The AppProject's spec.
    keyring
        OpenPGP keys; a signature by any other is refused.
    now
        When keys and signatures must be valid; default: when the checker is made.
    """

    def __init__(
        self,
        project: AppProjectSpec,
        keyring: Keyring | None = None,
        *,
        now: datetime | None = None,
        limits: HistoryLimits | None = None,
    ) -> None:
        self._project = project
        self._keyring = keyring or Keyring()
        self._now = now or datetime.now(UTC)
        self._limits = limits or HistoryLimits()
        self._policies: dict[str, Policy | None] = {}
        self._results: dict[tuple[str, str, str, Policy], Verification | str] = {}
        self._gates: dict[tuple[str, str, str, Policy], threading.Lock] = {}
        self._lock = threading.Lock()

    def applies_to(self, repo_url: str) -> bool:
        """Whether sources from this Git repository are verified. Raises `GenerationError` as `check` does."""
        return self._policy(repo_url) is not None

    def check(
        self,
        repository: "Repository",
        revision: str,
        *,
        repo_url: str,
        target_revision: str,
        tag_prefix: str = "",
        field: str = "spec.source",
    ) -> Verification | None:
        """Verify a resolved revision; None where the project asks nothing of this repository.

        Parameters
        ----------
        revision
            The commit id that ``target_revision`` was resolved to.
        repo_url
            The source's ``repoURL`` as the Application writes it.
        target_revision
            What the source asks for; a version constraint stands for the tag that it chooses.
        tag_prefix
            Which tags a version constraint chooses among, as given to `Repository.resolve`.
        field
            The source in messages.

        Raises
        ------
        GenerationError
            The policy is not met, or it is not valid, or the history is too long to verify.
        RepositoryError, RevisionError when the repository cannot be read.
        """
        policy = self._policy(repo_url)
        if policy is None:
            return None
        tag_id = repository.annotated_tag(target_revision, tag_prefix)
        key = (str(repository), revision, tag_id, policy)
        with self._lock:
            gate = self._gates.setdefault(key, threading.Lock())
        with gate:
            if key not in self._results:
                check = _Check(repository, policy, self._keyring, self._now, self._limits)
                self._results[key] = _outcome(check, revision, tag_id)
            result = self._results[key]
        if isinstance(result, str):
            raise GenerationError(f"{field}: {result}")
        return result

    def _policy(self, repo_url: str) -> Policy | None:
        if repo_url not in self._policies:
            self._policies[repo_url] = find_policy(self._project, repo_url)
        return self._policies[repo_url]


def _outcome(check: "_Check", revision: str, tag_id: str) -> Verification | str:
    """What a check found, or why it refused; a repository that cannot be read is no outcome."""
    try:
        return check.run(revision, tag_id)
    except (RepositoryError, RevisionError):
        raise
    except GenerationError as error:
        return str(error)


@dataclass(slots=True)
class _Check:
    """One verification; ``failed`` is the first signature that does not do."""

    repository: "Repository"
    policy: Policy
    keyring: Keyring
    now: datetime
    limits: HistoryLimits
    problems: list[str] = field(default_factory=list)
    reported_keys: set[str] = field(default_factory=set)
    failed: Signature | None = None

    def run(self, revision: str, tag_id: str) -> Verification:
        tag = self._tag(tag_id, revision) if tag_id else None
        commits = 0
        signature = None
        if tag is not None:
            signature = self._judge(tag, shown_name(tag))
        if self.policy.mode is Mode.STRICT:
            tip, commits = self._history(revision)
            signature = signature or tip
        elif tag is None:
            data = self.repository.read_object(revision, kind="commit", limit=MAX_BYTES)
            signature, commits = self._judge(parse_commit(revision, data), revision), 1
        if self.failed is not None:
            raise GenerationError(
                f"{self.repository} at {revision[:7]} does not meet the source integrity policy {self.policy.where} "
                f"(mode {self.policy.mode}): {self.policy.check}: {'; '.join(self.problems)}; "
                f"{remedy(self.policy, self.failed)}"
            )
        assert signature is not None
        assert signature.method is not None
        return Verification(
            repository=str(self.repository),
            revision=revision,
            mode=self.policy.mode,
            status=signature.status,
            method=signature.method,
            key_id=signature.key_id,
            signer=signature.signer,
            tag=tag.name if tag else "",
            commits=commits,
        )

    def _tag(self, tag_id: str, revision: str) -> Tag:
        """The tag, which must lead to ``revision``; a tag of a tag covers the inner one by its id."""
        outer = tag = self._read_tag(tag_id)
        for _ in range(MAX_NESTED_TAGS):
            if tag.kind != "tag":
                break
            tag = self._read_tag(tag.target)
        if tag.kind != "commit" or tag.target != revision:
            raise GenerationError(
                f"{shown_name(outer)} of {self.repository} does not name commit {revision[:7]}; fetch again and retry"
            )
        return outer

    def _read_tag(self, tag_id: str) -> Tag:
        return parse_tag(tag_id, self.repository.read_object(tag_id, kind="tag", limit=MAX_BYTES))

    def _history(self, tip: str) -> tuple[Signature | None, int]:
        """Verify ``tip`` and its ancestors; the signature of ``tip`` and how many were verified.

        Children come before parents, so that all which leads to a commit is known when it comes: ``wanted`` are parents of
        verified commits, ``sealed`` those that a seal descends from. A commit that is both is verified, as Argo CD does
        (``rev-list --boundary``), but its parents are not.
        """
        wanted, sealed = {tip}, set[str]()
        first: Signature | None = None
        count = 0
        with open_history(self.repository, tip, self.limits) as history:
            for object_id, data in history:
                commit = parse_commit(object_id, data)
                if object_id not in wanted:
                    sealed.update(commit.parents)
                    continue
                wanted.discard(object_id)
                signature = self._judge(commit, object_id)
                first = first or signature
                count += 1
                seals = commit.is_seal and not problem_of(self.policy, signature)
                (sealed if seals or object_id in sealed else wanted).update(commit.parents)
                if not wanted or len(self.problems) >= MAX_PROBLEMS:
                    break
        if wanted and not self.problems:
            raise GenerationError(
                f"the history of {self.repository} at {tip[:7]} is not complete: commit {min(wanted)[:7]} is missing, so "
                "mode strict cannot be verified; fetch the whole history, or seal it after that commit"
            )
        return first, count

    def _judge(self, signed: SignedObject, subject: str) -> Signature:
        signature = self._verify(signed, subject)
        problem = problem_of(self.policy, signature)
        if problem:
            self.failed = self.failed or signature
            # One bad key must not fill the list; unsigned commits may each have another author.
            if not signature.key_id or signature.key_id not in self.reported_keys:
                self.problems.append(problem)
                self.reported_keys.add(signature.key_id)
        return signature

    def _verify(self, signed: SignedObject, subject: str) -> Signature:
        found = Signature(subject, signed.identity, SignatureStatus.UNSIGNED)
        if not signed.armor.strip():
            return found
        method = signed.method
        if method is None:
            detail = "neither one OpenPGP nor one SSH signature"
            return replace(found, status=SignatureStatus.BAD, detail=detail)
        finding = (
            self.keyring.verify(signed.payload, signed.armor, now=self.now)
            if method is Method.GPG
            else _verify_ssh(signed.payload, signed.armor)
        )
        return replace(
            found,
            method=method,
            status=finding.status,
            key_id=finding.key_id,
            keys=finding.fingerprints,
            signer=finding.signer,
            detail=finding.detail,
        )


def _verify_ssh(payload: bytes, armor: bytes) -> Finding:
    try:
        fingerprint = fingerprint_of(verify_ssh(payload, armor))
    except SshSignatureError as error:
        return Finding(SignatureStatus.BAD, detail=str(error))
    return Finding(SignatureStatus.GOOD, fingerprint, (fingerprint,))


def shown_name(tag: Tag) -> str:
    """A tag in messages."""
    return f"tag {shown(tag.name)}"
