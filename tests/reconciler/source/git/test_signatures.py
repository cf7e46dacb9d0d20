"""Signatures of commits and tags, made by gpg, ssh-keygen and git, verified against policies."""

import random
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GenerationError, RepositoryError
from reconciler.model.project import AppProjectSpec
from reconciler.source import RepositoryCache
from reconciler.source.git.history import HistoryLimits
from reconciler.source.git.keyring import Keyring
from reconciler.source.git.signatures import IntegrityChecker
from reconciler.source.git.ssh_signatures import SshSignatureError, verify_ssh
from reconciler.source.integrity import Method, Mode, SignatureStatus, Verification
from tests.repositories import GitRepository
from tests.signing import PAST, Signers, SoftKey, commit_data, make_signers, public_key, with_signature, write_object

SEAL = "\n\nArgocd-gpg-seal: reviewed\n"


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signers]:
    with make_signers(tmp_path_factory.mktemp("keys") / "gpg") as signers:
        signers.add("carol")
        signers.add_subkey("carol-sub", of="carol")
        signers.add("expired", expires="1d", at=PAST)
        signers.add("halved", at=PAST)
        signers.add_subkey("halved-sub", of="halved", expires="1d", at=PAST)
        yield signers


@pytest.fixture
def origin(tmp_path: Path) -> GitRepository:
    return GitRepository.create(tmp_path / "origin", {"a.yaml": "a: 1\n"})


class Sources:
    """A repository, what is asked of it, and a check."""

    def __init__(self, origin: GitRepository, signers: Signers, cache: RepositoryCache) -> None:
        self.origin = origin
        self.signers = signers
        self.cache = cache
        self.limits = HistoryLimits()

    def commit(self, *parents: str, by: str = "", message: str = "Change\n", ref: str = "refs/heads/main") -> str:
        """A commit, signed ``by`` a key, on the branch."""
        data = commit_data(self.origin, *parents, message=message)
        return write_object(self.origin, "commit", self.signed(data, by), ref)

    def signed(self, data: bytes, by: str) -> bytes:
        return with_signature(data, self.signers.sign(by, data)) if by else data

    def tag(self, name: str, target: str, *, by: str = "", kind: str = "commit") -> str:
        data = f"object {target}\ntype {kind}\ntag {name}\ntagger Tim <tim@example.com> 1767268800 +0000\n\nRelease\n".encode()
        data += self.signers.sign(by, data) if by else b""
        return write_object(self.origin, "tag", data, f"refs/tags/{name}")

    def check(
        self,
        target: str = "main",
        *,
        mode: str = "head",
        keys: Sequence[str] = ("ada",),
        ring: Sequence[str] = ("ada", "bob"),
        now: datetime | None = None,
        **ssh: Any,
    ) -> Verification | None:
        listed = [self.signers.keys.get(key, key) for key in keys]
        policy: dict[str, Any] = {"repos": [{"url": "*"}]} | ssh
        if not ssh:
            policy["gpg"] = {"mode": mode, "keys": listed}
        spec = AppProjectSpec.model_validate({"sourceIntegrity": {"git": {"policies": [policy]}}})
        keyring = Keyring.from_config_map(self.signers.armor(*ring))
        self.cache.close()
        repository = self.cache.open(self.origin.url, allow_local=True)
        checker = IntegrityChecker(spec, keyring, now=now, limits=self.limits)
        revision = repository.resolve(target)
        return checker.check(repository, revision, repo_url=self.origin.url, target_revision=target)

    def refusal(self, target: str = "main", **options: Any) -> str:
        with pytest.raises(GenerationError) as caught:
            self.check(target, **options)
        text = str(caught.value)
        assert text.startswith("spec.source: ")
        assert "\n" not in text
        assert "backtrace" not in text
        return text


@pytest.fixture
def sources(origin: GitRepository, signers: Signers, repositories: RepositoryCache) -> Sources:
    return Sources(origin, signers, repositories)


def test_a_signed_commit_is_verified_and_recorded(sources: Sources, signers: Signers) -> None:
    commit = sources.commit(by="ada")
    found = sources.check()
    assert found == Verification(
        repository=str(sources.origin.path),
        revision=commit,
        mode=Mode.HEAD,
        status=SignatureStatus.GOOD,
        method=Method.GPG,
        key_id=signers.keys["ada"][-16:].upper(),
        signer="ada <ada@example.com>",
        commits=1,
    )
    assert str(found) == f"Good signature from ada <ada@example.com> key {found.key_id}"


def test_a_commit_that_git_itself_signed(sources: Sources, signers: Signers) -> None:
    program = signers.home / "gpg-of-home"
    program.write_text(f'#!/bin/sh\nexec gpg --homedir {signers.home} "$@"\n')
    program.chmod(0o700)
    sources.origin.git("config", "gpg.program", str(program))
    sources.origin.git(
        "commit", "--quiet", "--allow-empty", f"--gpg-sign={signers.keys['ada']}", "--message=Größe\n\nx"
    )
    sources.origin.git("tag", "--sign", f"--local-user={signers.keys['bob']}", "--message=Release", "v1")
    assert sources.check() is not None
    verified = sources.check("v1", keys=["bob"])
    assert verified is not None
    assert (verified.tag, verified.signer, verified.commits) == ("v1", "bob <bob@example.com>", 0)


def test_mode_none_and_other_repositories_are_not_verified(sources: Sources) -> None:
    assert sources.check(mode="none") is None


def test_an_unsigned_commit_is_refused(sources: Sources) -> None:
    head = sources.origin.head
    assert sources.refusal() == (
        f"spec.source: {sources.origin.path} at {head[:7]} does not meet the source integrity policy "
        f"spec.sourceIntegrity.git.policies[0] (mode head): GIT/GPG: Failed verifying revision {head} by "
        "'Ada Example <ada@example.com>': unsigned (key_id=); sign it with an allowed key"
    )


@pytest.mark.parametrize(
    ("by", "ring", "keys", "expected"),
    [
        ("bob", ["ada"], ["ada"], "signed with key not in keyring"),
        ("bob", ["ada"], ["bob"], "signed with key not in keyring"),
        ("bob", ["ada", "bob"], ["ada"], "signed with unallowed key"),
        ("bob", ["ada", "bob"], [], "signed with unallowed key"),
    ],
)
def test_a_key_must_be_in_the_keyring_and_in_the_policy(
    sources: Sources, signers: Signers, by: str, ring: list[str], keys: list[str], expected: str
) -> None:
    sources.commit(by=by)
    text = sources.refusal(ring=ring, keys=keys)
    assert f": {expected} (key_id={signers.keys[by][-16:].upper()})" in text


@pytest.mark.parametrize("form", ["id", "fingerprint", "upper", "subkey", "subkey-id"])
def test_a_key_is_listed_by_id_or_fingerprint_of_itself_or_its_primary_key(
    sources: Sources, signers: Signers, form: str
) -> None:
    sources.commit(by="carol-sub")
    primary, subkey = signers.keys["carol"], signers.keys["carol-sub"]
    listed = {
        "id": primary[-16:],
        "fingerprint": primary,
        "upper": primary[-16:].upper(),
        "subkey": subkey,
        "subkey-id": subkey[-16:],
    }[form]
    verified = sources.check(keys=[listed], ring=["carol"])
    assert verified is not None
    assert verified.key_id == subkey[-16:].upper()


@pytest.mark.parametrize("listed", ["", "short", "foreign-fingerprint"])
def test_a_key_is_not_listed_by_less(sources: Sources, signers: Signers, listed: str) -> None:
    sources.commit(by="ada")
    fingerprint = signers.keys["ada"]
    text = {"": "", "short": fingerprint[-8:], "foreign-fingerprint": "0" * 24 + fingerprint[-16:]}[listed]
    refusal = sources.refusal(keys=[text])
    assert "signed with unallowed key" in refusal
    assert ("no key id of 16 digits" in refusal) == (listed != "foreign-fingerprint")


def test_an_expired_key_is_refused_whenever_it_signed(sources: Sources, signers: Signers) -> None:
    data = commit_data(sources.origin)
    armor = signers.sign("expired", data, at="20200101T120000")
    write_object(sources.origin, "commit", with_signature(data, armor), "refs/heads/main")
    options: dict[str, Any] = {"keys": ["expired"], "ring": ["expired"]}
    assert "signed with expired key, since 2020-01-02 (key_id=" in sources.refusal(**options)
    assert sources.check(**options, now=datetime(2020, 1, 1, 18, tzinfo=UTC)) is not None


def test_an_expired_sub_key_is_refused_although_its_primary_key_is_valid(sources: Sources, signers: Signers) -> None:
    data = commit_data(sources.origin)
    armor = signers.sign("halved-sub", data, at="20200101T120000")
    write_object(sources.origin, "commit", with_signature(data, armor), "refs/heads/main")
    assert "signed with expired key" in sources.refusal(keys=["halved"], ring=["halved"])


@pytest.mark.parametrize(("name", "reason"), [("stolen", 0), ("retired", 2), ("dropped-sub", 2)])
def test_a_key_that_was_revoked_later_is_refused(
    origin: GitRepository, repositories: RepositoryCache, tmp_path: Path, name: str, reason: int
) -> None:
    with make_signers(tmp_path / "gpg") as signers:
        signers.add(name.removesuffix("-sub"))
        if name.endswith("-sub"):
            signers.add_subkey(name, of=name.removesuffix("-sub"))
        sources = Sources(origin, signers, repositories)
        sources.commit(by=name)
        assert sources.check(keys=[name], ring=[name]) is not None
        signers.revoke(name, reason)
        assert "signed with revoked key (key_id=" in sources.refusal(keys=[name], ring=[name])


def test_an_expired_signature_is_refused(sources: Sources, signers: Signers) -> None:
    data = commit_data(sources.origin)
    armor = signers.sign("ada", data, "--default-sig-expire", "1d")
    write_object(sources.origin, "commit", with_signature(data, armor), "refs/heads/main")
    assert sources.check() is not None
    later = datetime.now(UTC) + timedelta(days=2)
    assert "expired signature" in sources.refusal(now=later)


def test_a_weak_hash_is_refused(sources: Sources, signers: Signers) -> None:
    data = commit_data(sources.origin)
    armor = signers.sign("ada", data, "--digest-algo", "SHA1", "--allow-weak-digest-algos")
    write_object(sources.origin, "commit", with_signature(data, armor), "refs/heads/main")
    assert "bad signature, made with a hash that is too weak" in sources.refusal()


def test_a_weak_key_is_not_used(sources: Sources, signers: Signers) -> None:
    signers.add("weak", "rsa1024")
    sources.commit(by="weak")
    refusal = sources.refusal(keys=["weak"], ring=["weak"])
    assert (
        "not in keyring, whose entry in argocd-gpg-keys-cm cannot be used: Policy rejected asymmetric algo" in refusal
    )


def test_a_broken_entry_of_the_keyring_leaves_the_others(signers: Signers) -> None:
    armor = signers.armor("ada") | {
        "00": "nonsense",
        "01": "",
        "02": signers.gpg("--armor", "--export-secret-keys", "ada").decode(),
    }
    keyring = Keyring.from_config_map(armor)
    assert sorted(keyring.unusable) == ["00", "01", "02"]
    assert "private key" in keyring.unusable["02"]
    assert not any("\n" in text or "PRIVATE KEY" in text for text in keyring.unusable.values())
    found = keyring.verify(b"x", signers.sign("ada", b"x"), now=datetime.now(UTC))
    assert found.status is SignatureStatus.GOOD


def test_the_tag_is_verified_instead_of_its_commit(sources: Sources) -> None:
    unsigned = sources.commit()
    signed = sources.commit(unsigned, by="ada")
    sources.tag("signed", unsigned, by="ada")
    sources.tag("unsigned", signed)
    sources.tag("foreign", signed, by="bob")
    sources.origin.git("tag", "light", signed)
    verified = sources.check("signed")
    assert verified is not None
    assert (verified.tag, verified.revision, verified.commits) == ("signed", unsigned, 0)
    assert sources.check("refs/tags/signed") == verified
    assert "Failed verifying revision tag 'unsigned' by 'Tim <tim@example.com>': unsigned" in sources.refusal(
        "unsigned"
    )
    assert "tag 'foreign' by 'Tim <tim@example.com>': signed with unallowed key" in sources.refusal("foreign")
    assert sources.check("light") is not None
    assert sources.check(signed) is not None
    assert f"revision {unsigned} by" in sources.refusal(unsigned)


def test_a_tag_goes_before_a_branch_of_its_name(sources: Sources) -> None:
    commit = sources.commit(by="ada")
    sources.tag("main", commit)
    assert "tag 'main'" in sources.refusal("main")
    assert sources.check("refs/heads/main") is not None
    assert sources.check("HEAD") is not None


def test_a_version_constraint_stands_for_the_tag_that_it_chooses(sources: Sources) -> None:
    unsigned = sources.commit()
    sources.tag("v1.2.0", unsigned, by="ada")
    sources.tag("v1.3.0", sources.commit(unsigned, by="ada"))
    verified = sources.check("1.2.*")
    assert verified is not None
    assert (verified.tag, verified.revision) == ("v1.2.0", unsigned)
    assert "tag 'v1.3.0' by 'Tim <tim@example.com>': unsigned" in sources.refusal("^1.0")


def test_a_tag_of_a_tag_covers_the_inner_one(sources: Sources) -> None:
    commit = sources.commit()
    inner = sources.tag("inner", commit)
    sources.tag("outer", inner, by="ada", kind="tag")
    verified = sources.check("outer")
    assert verified is not None
    assert (verified.tag, verified.revision) == ("outer", commit)
    assert "tag 'inner'" in sources.refusal("inner")


def test_strict_verifies_all_ancestors(sources: Sources) -> None:
    root = sources.commit(by="ada")
    left, right = sources.commit(root, by="ada"), sources.commit(root, by="bob")
    merge = sources.commit(left, right, by="ada")
    verified = sources.check(mode="strict", keys=["ada", "bob"])
    assert verified is not None
    assert (verified.revision, verified.commits, verified.mode) == (merge, 4, Mode.STRICT)
    refusal = sources.refusal(mode="strict", keys=["ada"])
    assert f"Failed verifying revision {right} by" in refusal
    assert "or approve the history by a seal commit (git commit --gpg-sign --trailer='Argocd-gpg-seal" in refusal


def test_strict_finds_an_unsigned_ancestor_that_head_does_not_see(sources: Sources) -> None:
    unsigned = sources.commit(sources.commit(by="ada"))
    sources.commit(unsigned, by="ada")
    assert sources.check() is not None
    assert f"revision {unsigned} by 'Ada <ada@example.com>': unsigned" in sources.refusal(mode="strict")


def test_strict_verifies_a_tag_and_the_history_behind_it(sources: Sources) -> None:
    unsigned = sources.commit()
    sources.tag("bad", unsigned, by="ada")
    signed = sources.commit(by="ada")
    sources.tag("good", signed, by="bob")
    assert f"revision {unsigned} by" in sources.refusal("bad", mode="strict")
    assert "tag 'good'" in sources.refusal("good", mode="strict")
    verified = sources.check("good", mode="strict", keys=["ada", "bob"])
    assert verified is not None
    assert (verified.tag, verified.signer, verified.commits) == ("good", "bob <bob@example.com>", 1)


@pytest.mark.parametrize(
    "trailer", ["Argocd-gpg-seal: x", "ARGOCD-GPG-SEAL: x", "Signed-off-by: a\nArgocd-gpg-seal: x\nLink: b"]
)
def test_a_seal_ends_the_verification(sources: Sources, trailer: str) -> None:
    unsigned = sources.commit(sources.commit())
    seal = sources.commit(unsigned, by="ada", message=f"Seal\n\n{trailer}\n")
    verified = sources.check(mode="strict")
    assert verified is not None
    assert verified.commits == 1
    sources.commit(seal, by="ada")
    verified = sources.check(mode="strict")
    assert verified is not None
    assert verified.commits == 2


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("", f"Seal{SEAL}"),
        ("bob", f"Seal{SEAL}"),
        ("ada", "Explain the trailer Argocd-gpg-seal: of commits\n"),
        ("ada", f"Quote{SEAL}\nMore text.\n"),
        ("ada", "Seal\n\n> Argocd-gpg-seal: x\n"),
    ],
    ids=["unsigned", "unallowed", "in-a-line", "not-last", "quoted"],
)
def test_what_is_no_seal_does_not_end_it(sources: Sources, by: str, message: str) -> None:
    unsigned = sources.commit()
    sources.commit(sources.commit(unsigned, by=by, message=message), by="ada")
    assert f"revision {unsigned} by" in sources.refusal(mode="strict")


def test_a_branch_beside_a_seal_is_verified_down_to_where_it_left(sources: Sources) -> None:
    """Argo CD lists the commit where a branch left sealed history as well (rev-list --boundary), but nothing before it."""
    root = sources.commit()
    fork = sources.commit(root, by="ada")
    seal = sources.commit(sources.commit(fork), by="ada", message=f"Seal{SEAL}")
    side = sources.commit(fork, by="ada")
    sources.commit(seal, side, by="ada")
    verified = sources.check(mode="strict")
    assert verified is not None
    assert verified.commits == 4  # merge, seal, side, fork
    sources.commit(seal, sources.commit(root, by="ada", message="Beside\n"), by="ada")
    refusal = sources.refusal(mode="strict")
    assert refusal.count("Failed verifying") == 1
    assert f"revision {root} by" in refusal


def test_problems_are_listed_ten_at_most_and_once_for_each_key(sources: Sources) -> None:
    tip = ""
    for _ in range(12):
        tip = sources.commit(*([tip] if tip else []), message=f"After {tip}\n")
    assert sources.refusal(mode="strict").count("unsigned") == 10
    tip = sources.commit(by="bob")
    sources.commit(tip, by="bob")
    assert sources.refusal(mode="strict").count("unallowed") == 1


def test_a_history_over_the_limit_is_refused_and_the_limit_named(sources: Sources) -> None:
    sources.commit(sources.commit(sources.commit(by="ada"), by="ada"), by="ada")
    sources.limits = HistoryLimits(commits=2)
    assert "has more than 2 commits to verify; seal it by" in sources.refusal(mode="strict")
    sources.limits = HistoryLimits(commits=3)
    assert sources.check(mode="strict") is not None


def test_a_history_that_takes_too_long_is_ended(sources: Sources) -> None:
    sources.commit(by="ada")
    sources.limits = HistoryLimits(seconds=0)
    assert "took more than 0 s, after 0 commits; seal it" in sources.refusal(mode="strict")


def test_a_shallow_history_is_not_taken_for_a_whole_one(
    signers: Signers, origin: GitRepository, repositories: RepositoryCache, tmp_path: Path
) -> None:
    sources = Sources(origin, signers, repositories)
    seal = sources.commit(sources.commit(), by="ada", message=f"Seal{SEAL}")
    signed = sources.commit(seal, by="ada")
    cut = []
    for depth in (1, 2):
        shallow = tmp_path / f"shallow-{depth}"
        command = ["git", "clone", "--quiet", "--no-checkout", f"--depth={depth}", origin.url, str(shallow)]
        subprocess.run(command, check=True, capture_output=True)
        cut.append(Sources(GitRepository(shallow), signers, repositories))
    assert f"at {signed[:7]} is not complete: commit {seal[:7]} is missing" in cut[0].refusal(mode="strict")
    verified = cut[1].check(mode="strict")
    assert verified is not None
    assert verified.commits == 2


def test_a_result_is_kept_for_the_run(sources: Sources, signers: Signers) -> None:
    sources.commit(by="ada")
    spec = AppProjectSpec.model_validate({"signatureKeys": [{"keyID": signers.keys["ada"][-16:]}]})
    checker = IntegrityChecker(spec, Keyring.from_config_map(signers.armor("ada")))
    repository = sources.cache.open(sources.origin.url, allow_local=True)
    asked = {"repo_url": sources.origin.url, "target_revision": "main"}
    first = checker.check(repository, sources.origin.head, **asked)
    assert first is not None
    assert checker.check(repository, sources.origin.head, **asked) is first
    assert checker.applies_to(sources.origin.url)


@pytest.mark.parametrize(
    ("kind", "bits"), [("ed25519", 0), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521), ("rsa", 2048)]
)
def test_ssh_signatures(sources: Sources, signers: Signers, kind: str, bits: int) -> None:
    key = signers.ssh_key("ada", kind, bits)
    configured = ["-c", "gpg.format=ssh", "-c", f"user.signingkey={key}"]
    sources.origin.git(*configured, "commit", "--quiet", "--allow-empty", "--gpg-sign", "--message=Change")
    sources.origin.git(*configured, "tag", "--sign", "--message=Release", "v1")
    line = subprocess.run(["ssh-keygen", "-lf", f"{key}.pub"], capture_output=True, text=True, check=True).stdout
    fingerprint = line.split()[1]
    for listed in (public_key(key), fingerprint):
        verified = sources.check(ssh={"mode": "head", "keys": [listed]})
        assert verified is not None
        assert (verified.method, verified.key_id) == (Method.SSH, fingerprint)
    assert sources.check("v1", ssh={"mode": "head", "keys": [fingerprint]}) is not None
    other = public_key(signers.ssh_key("bob"))
    refusal = sources.refusal(ssh={"mode": "head", "keys": [other]})
    assert f"GIT/SSH: Failed verifying revision {sources.origin.head} by" in refusal
    assert f"signed with unallowed key (key_id={fingerprint})" in refusal


def test_gpg_and_ssh_together_accept_either_kind(sources: Sources, signers: Signers) -> None:
    key = signers.ssh_key("ada")
    root = sources.commit(by="ada")
    data = commit_data(sources.origin, root)
    write_object(sources.origin, "commit", with_signature(data, signers.sign_ssh(key, data)), "refs/heads/main")
    gpg = {"mode": "strict", "keys": [signers.keys["ada"]]}
    ssh = {"mode": "strict", "keys": [public_key(key)]}
    verified = sources.check(gpg=gpg, ssh=ssh)
    assert verified is not None
    assert verified.commits == 2
    assert "signed with unallowed key (key_id=SHA256:" in sources.refusal(gpg=gpg)
    assert "signed with unallowed key (key_id=" in sources.refusal(ssh=ssh)


def test_an_ssh_signature_of_another_namespace_or_over_other_content_is_refused(
    sources: Sources, signers: Signers
) -> None:
    key = signers.ssh_key("ada")
    ssh = {"mode": "head", "keys": [public_key(key)]}
    data = commit_data(sources.origin)
    for armor, expected in [
        (signers.sign_ssh(key, data, "file"), "bad signature, made for another purpose than Git"),
        (signers.sign_ssh(key, data + b"x"), "bad signature, over other content, or by another key"),
        (b"-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n", "bad signature, not an SSH signature"),
    ]:
        write_object(sources.origin, "commit", with_signature(data, armor), "refs/heads/main")
        assert expected in sources.refusal(ssh=ssh)


def test_a_mirror_that_cannot_be_read_is_no_verdict(sources: Sources, signers: Signers) -> None:
    sources.commit(by="ada")
    spec = AppProjectSpec.model_validate({"signatureKeys": [{"keyID": signers.keys["ada"][-16:]}]})
    checker = IntegrityChecker(spec, Keyring.from_config_map(signers.armor("ada")))
    repository = sources.cache.open(sources.origin.url, allow_local=True)
    with pytest.raises(RepositoryError, match="cannot be read"):
        checker.check(repository, "0" * 40, repo_url=sources.origin.url, target_revision="0" * 40)


@pytest.mark.parametrize("flags", [1, 5])
def test_a_hardware_key_signs_in_the_presence_of_its_user(flags: int) -> None:
    key = SoftKey(kind=b"sk-ssh-ed25519@openssh.com", application=b"ssh:")
    assert verify_ssh(b"payload", key.sign(b"payload", flags=flags)) == key.public
    with pytest.raises(SshSignatureError, match="without its user"):
        verify_ssh(b"payload", key.sign(b"payload", flags=flags & ~1))
    with pytest.raises(SshSignatureError, match="over other content"):
        verify_ssh(b"other", key.sign(b"payload", flags=flags))


def test_what_strict_verifies_is_what_git_lists(sources: Sources) -> None:
    """Argo CD verifies ``git rev-list --boundary <tip> --not <seals>``, and a tip that is a seal alone."""
    choice = random.Random(4)
    key = SoftKey()
    tips: list[tuple[str, list[str]]] = []
    for number in range(12):
        commits: list[str] = []
        seals: list[str] = []
        for step in range(9):
            parents = choice.sample(commits[-4:], min(len(commits), choice.choice([1, 1, 2])))
            seal = choice.random() < 0.25
            data = commit_data(sources.origin, *parents, message=f"{number}.{step}{SEAL if seal else ''}")
            ref = f"refs/heads/graph-{number}"
            commits.append(write_object(sources.origin, "commit", with_signature(data, key.sign(data)), ref))
            seals += commits[-1:] if seal else []
        tips.append((ref, seals))
    for ref, seals in tips:
        tip = sources.origin.git("rev-parse", ref)
        reachable = sources.origin.git("rev-list", tip).split()
        stops = [seal for seal in seals if seal in reachable]
        alone = tip in stops
        listed = 1 if alone else len(sources.origin.git("rev-list", "--boundary", tip, "--not", *stops).split())
        verified = sources.check(ref, ssh={"mode": "strict", "keys": [key.line]})
        assert verified is not None
        assert verified.commits == listed
