"""Commits and tags that look signed: moved, hidden, doubled and nested signatures, and objects that lie about themselves."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_ssh_private_key
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.errors import GenerationError
from reconciler.model.project import AppProjectSpec
from reconciler.source import RepositoryCache
from reconciler.source.git.keyring import Keyring
from reconciler.source.git.signatures import IntegrityChecker
from reconciler.source.git.signed_objects import parse_commit, parse_tag
from reconciler.source.git.ssh_signatures import SshSignatureError, verify_ssh
from reconciler.source.integrity import Method, SignatureStatus, Verification
from tests.repositories import GitRepository
from tests.signing import (
    Signers,
    SoftKey,
    commit_data,
    make_signers,
    ssh_armor,
    ssh_signed,
    wire,
    with_signature,
    write_object,
)


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signers]:
    with make_signers(tmp_path_factory.mktemp("keys") / "gpg") as signers:
        yield signers


@pytest.fixture
def origin(tmp_path: Path) -> GitRepository:
    return GitRepository.create(tmp_path / "origin", {"a.yaml": "a: 1\n"})


@pytest.fixture
def check(origin: GitRepository, signers: Signers, tmp_path: Path) -> Callable[..., Verification | None]:
    """Verify a target revision of the origin, as it is now, by a policy that allows ada."""

    def verify(target: str = "main", mode: str = "head", ring: dict[str, str] | None = None) -> Verification | None:
        gpg = {"mode": mode, "keys": [signers.keys["ada"]]}
        policies = [{"repos": [{"url": "*"}], "gpg": gpg}]
        spec = AppProjectSpec.model_validate({"sourceIntegrity": {"git": {"policies": policies}}})
        keyring = Keyring.from_config_map(signers.armor("ada", "bob") if ring is None else ring)
        with RepositoryCache(tmp_path / "mirrors") as cache:
            repository = cache.open(origin.url, allow_local=True)
            revision = repository.resolve(target)
            return IntegrityChecker(spec, keyring).check(
                repository, revision, repo_url=origin.url, target_revision=target
            )

    return verify


@pytest.fixture
def refusal(check: Callable[..., Any]) -> Callable[..., str]:
    def refuse(target: str = "main", **options: Any) -> str:
        with pytest.raises(GenerationError) as caught:
            check(target, **options)
        assert str(caught.value).isprintable()
        return str(caught.value)

    return refuse


def signed_commit(origin: GitRepository, signers: Signers, *parents: str, message: str = "Change\n") -> bytes:
    data = commit_data(origin, *parents, message=message)
    return with_signature(data, signers.sign("ada", data))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\n\nChange", b"\n\nchange"),
        (b"author Ada", b"author Eve"),
        (b"1767268800 +0000\ngpgsig", b"1767268801 +0000\ngpgsig"),
        (b"Change\n", b"Change\n\n"),
        (b"Change\n", b"Change"),
        (b"\n\nChange", b"\nencoding latin1\n\nChange"),
        (b"\ncommitter", b"\nparent HEAD\ncommitter"),
    ],
)
def test_a_changed_commit_is_refused(
    origin: GitRepository, signers: Signers, refusal: Callable[..., str], old: bytes, new: bytes
) -> None:
    data = signed_commit(origin, signers)
    changed = data.replace(old, new.replace(b"HEAD", origin.head.encode()), 1)
    assert changed != data
    write_object(origin, "commit", changed, "refs/heads/main")
    text = refusal()
    assert "bad signature" in text or "its signature cannot be trusted" in text


def test_another_tree_or_parent_under_a_signature_is_refused(
    origin: GitRepository, signers: Signers, refusal: Callable[..., str]
) -> None:
    first = origin.head
    second = origin.commit({"a.yaml": "a: 2\n"})
    data = signed_commit(origin, signers, first)
    trees = [origin.git("rev-parse", f"{commit}^{{tree}}").encode() for commit in (second, first)]
    for old, new in ((trees[0], trees[1]), (first.encode(), second.encode())):
        write_object(origin, "commit", data.replace(old, new, 1), "refs/heads/main")
        assert "bad signature" in refusal()


def test_the_signature_of_another_commit_is_refused(
    origin: GitRepository, signers: Signers, refusal: Callable[..., str]
) -> None:
    armor = signers.sign("ada", commit_data(origin, message="Approved\n"))
    write_object(origin, "commit", with_signature(commit_data(origin, message="Evil\n"), armor), "refs/heads/main")
    assert "bad signature" in refusal()


def test_a_signature_header_does_not_hide_the_parents(
    origin: GitRepository, signers: Signers, refusal: Callable[..., str]
) -> None:
    """Without the header the bytes are what was signed, but Git reads no parents behind it: unsigned history would be gone."""
    data = commit_data(origin, origin.head)
    armor = signers.sign("ada", data).rstrip(b"\n").replace(b"\n", b"\n ")
    tree, _, rest = data.partition(b"\n")
    hidden = tree + b"\ngpgsig " + armor + b"\n" + rest
    commit = write_object(origin, "commit", hidden, "refs/heads/main")
    assert origin.git("rev-list", commit) == commit
    for mode in ("head", "strict"):
        assert "does not begin with the headers tree, author, committer" in refusal(mode=mode)


@pytest.mark.parametrize("order", ["good-first", "good-last"])
def test_two_signature_headers_are_refused(
    origin: GitRepository, signers: Signers, refusal: Callable[..., str], order: str
) -> None:
    data = commit_data(origin)
    armors = [signers.sign("ada", data), signers.sign("bob", data)]
    for armor in armors if order == "good-last" else reversed(armors):
        data = with_signature(data, armor)
    write_object(origin, "commit", data, "refs/heads/main")
    assert "has more than one gpgsig header, so its signature cannot be trusted" in refusal()


@pytest.mark.parametrize(
    "join", [lambda a, b: a + b, lambda a, b: b + a, lambda a, b: a + b"\n" + b, lambda a, b: b"text\n" + a]
)
def test_more_than_one_armor_in_a_signature_is_refused(
    origin: GitRepository, signers: Signers, refusal: Callable[..., str], join: Callable[[bytes, bytes], bytes]
) -> None:
    data = commit_data(origin)
    armor = join(signers.sign("ada", data), signers.sign("bob", data))
    write_object(origin, "commit", with_signature(data, armor), "refs/heads/main")
    assert "bad signature, neither one OpenPGP nor one SSH signature" in refusal()


def test_the_header_for_the_other_hash_is_no_signature(
    origin: GitRepository, signers: Signers, refusal: Callable[..., str]
) -> None:
    data = commit_data(origin)
    forged = with_signature(data, signers.sign("ada", data), b"gpgsig-sha256")
    write_object(origin, "commit", forged, "refs/heads/main")
    assert ": unsigned (key_id=)" in refusal()


@pytest.mark.parametrize("where", ["mergetag", "message", "author", "x-gpgsig"])
def test_a_signature_elsewhere_in_a_commit_is_none(
    origin: GitRepository, signers: Signers, refusal: Callable[..., str], where: str
) -> None:
    armor = signers.sign("ada", commit_data(origin))
    folded = armor.rstrip(b"\n").replace(b"\n", b"\n ")
    data = {
        "mergetag": lambda: commit_data(origin, extra=b"mergetag object 0\n type commit\n gpgsig " + folded + b"\n"),
        "message": lambda: commit_data(origin, message=f"Change\n\ngpgsig {armor.decode()}"),
        "author": lambda: commit_data(origin, author="gpgsig -----BEGIN PGP SIGNATURE-----"),
        "x-gpgsig": lambda: commit_data(origin, extra=b"x-gpgsig " + folded + b"\n"),
    }[where]()
    write_object(origin, "commit", data, "refs/heads/main")
    assert ": unsigned (key_id=)" in refusal()


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"\nauthor", b"\ntree 0\nauthor", "does not begin with the headers"),
        (b"\ngpgsig", b"\nauthor Eve <e@x> 0 +0000\ngpgsig", "has a second author header"),
        (b"\ngpgsig", b"\nparent " + b"0" * 40 + b"\ngpgsig", "has a second parent header"),
        (b"\ngpgsig", b"\ntree " + b"0" * 40 + b"\ngpgsig", "has a second tree header"),
        (b"\ngpgsig", b"\nnothing\ngpgsig", "has a line that is no header"),
        (b"\ngpgsig", b"\nnote a\0b\ngpgsig", "has a line that is no header"),
    ],
)
def test_headers_that_git_would_not_write_are_refused(
    origin: GitRepository, signers: Signers, old: bytes, new: bytes, why: str
) -> None:
    data = signed_commit(origin, signers).replace(old, new, 1)
    with pytest.raises(GenerationError, match=why):
        parse_commit(hashlib.sha1(b"commit %d\0" % len(data) + data).hexdigest(), data)


def test_names_in_a_refusal_are_quoted(origin: GitRepository, refusal: Callable[..., str]) -> None:
    author = "Ada\x1b[2K\u202e\r' (key_id=0): signed"
    write_object(origin, "commit", commit_data(origin, author=author), "refs/heads/main")
    text = refusal()
    assert "\\x1b[2K\\u202e\\r" in text
    assert ": unsigned (key_id=)" in text


def test_an_object_that_is_not_what_its_id_says_is_refused(origin: GitRepository, signers: Signers) -> None:
    """Git does not compare when it reads from a pack."""
    with pytest.raises(GenerationError, match="does not match its id: the mirror is damaged"):
        parse_commit(origin.head, signed_commit(origin, signers))
    tag = f"object {origin.head}\ntype commit\ntag v1\ntagger T <t@x> 1767268800 +0000\n\nRelease\n".encode()
    with pytest.raises(GenerationError, match="does not match its id: the mirror is damaged"):
        parse_tag(origin.head, tag)
    assert parse_tag(write_object(origin, "tag", tag), tag).name == "v1"


def test_a_replacement_of_the_commit_does_not_count(
    origin: GitRepository, signers: Signers, refusal: Callable[..., str], tmp_path: Path
) -> None:
    commit = write_object(origin, "commit", commit_data(origin), "refs/heads/main")
    good = write_object(origin, "commit", signed_commit(origin, signers), "refs/heads/good")
    refusal()
    (mirror,) = (path for path in (tmp_path / "mirrors").iterdir() if path.is_dir())
    for folder in (mirror, origin.path / ".git"):
        (folder / "refs/replace").mkdir()
        (folder / "refs/replace" / commit).write_text(f"{good}\n")
    for mode in ("head", "strict"):
        assert f"revision {commit} by" in refusal(mode=mode)


def test_a_tag_that_names_another_commit_than_was_signed_is_refused(
    origin: GitRepository, signers: Signers, refusal: Callable[..., str]
) -> None:
    first, second = origin.head, origin.commit({"a.yaml": "a: 2\n"})
    data = f"object {first}\ntype commit\ntag v1\ntagger T <t@x> 1767268800 +0000\n\nRelease\n".encode()
    signed = data + signers.sign("ada", data)
    write_object(origin, "tag", signed.replace(first.encode(), second.encode()), "refs/tags/v1")
    assert "tag 'v1' by 'T <t@x>': bad signature" in refusal("v1")


@pytest.mark.parametrize("form", ["unsigned-after", "x509", "quoted", "cut"])
def test_a_tag_whose_last_words_are_no_signature_is_refused(
    origin: GitRepository, signers: Signers, refusal: Callable[..., str], form: str
) -> None:
    data = f"object {origin.head}\ntype commit\ntag v1\ntagger T <t@x> 1767268800 +0000\n\nRelease\n".encode()
    armor = signers.sign("ada", data)
    end = {
        "unsigned-after": armor + b"More\n",
        "x509": b"-----BEGIN SIGNED MESSAGE-----\nAAAA\n-----END SIGNED MESSAGE-----\n",
        "quoted": b"> " + armor.replace(b"\n", b"\n> "),
        "cut": armor.partition(b"-----END")[0],
    }[form]
    write_object(origin, "tag", data + end, "refs/tags/v1")
    text = refusal("v1")
    assert ("unsigned" if form == "quoted" else "bad signature, neither one OpenPGP nor one SSH signature") in text


def test_a_signature_that_claims_another_key_is_refused(
    origin: GitRepository, signers: Signers, refusal: Callable[..., str]
) -> None:
    data = commit_data(origin)
    raw = signers.gpg("--dearmor", stdin=signers.sign("bob", data))
    ours, theirs = bytes.fromhex(signers.keys["ada"]), bytes.fromhex(signers.keys["bob"])
    forged = raw.replace(theirs, ours).replace(theirs[-8:], ours[-8:])
    assert forged != raw
    armor = signers.gpg("--enarmor", stdin=forged).replace(b"PGP ARMORED FILE", b"PGP SIGNATURE")
    armor = b"\n".join(line for line in armor.split(b"\n") if not line.startswith(b"Comment:"))
    write_object(origin, "commit", with_signature(data, armor), "refs/heads/main")
    assert f"bad signature (key_id={signers.keys['ada'][-16:].upper()})" in refusal()


def test_the_name_of_an_entry_in_the_keyring_proves_nothing(
    origin: GitRepository, signers: Signers, refusal: Callable[..., str]
) -> None:
    data = commit_data(origin)
    write_object(origin, "commit", with_signature(data, signers.sign("bob", data)), "refs/heads/main")
    (armor,) = signers.armor("bob").values()
    assert "signed with unallowed key" in refusal(ring={signers.keys["ada"][-16:].upper(): armor})


def test_a_signature_over_text_is_refused(origin: GitRepository, signers: Signers, refusal: Callable[..., str]) -> None:
    """Such a signature holds for every form of line ends."""
    data = commit_data(origin)
    armor = signers.sign("ada", data, "--textmode")
    write_object(origin, "commit", with_signature(data, armor), "refs/heads/main")
    assert "bad signature, made over text" in refusal()


def test_an_enormous_commit_is_refused(origin: GitRepository, refusal: Callable[..., str]) -> None:
    write_object(origin, "commit", commit_data(origin, message="x" * (5 * 2**20)), "refs/heads/main")
    for mode in ("head", "strict"):
        assert "4194304" in refusal(mode=mode)


def test_no_byte_of_a_signed_commit_can_be_changed(signers: Signers, tmp_path_factory: pytest.TempPathFactory) -> None:
    origin = GitRepository.create(tmp_path_factory.mktemp("fuzz") / "origin", {"a.yaml": "a: 1\n"})
    good = signed_commit(origin, signers, origin.head)
    payload = parse_commit(hashlib.sha1(b"commit %d\0" % len(good) + good).hexdigest(), good).payload
    keyring = Keyring.from_config_map(signers.armor("ada"))
    verified = []

    @given(st.integers(0, len(good) - 1), st.binary(max_size=3), st.integers(0, 3))
    @example(0, b"", 0)
    def mutate(position: int, inserted: bytes, removed: int) -> None:
        data = good[:position] + inserted + good[position + removed :]
        try:
            commit = parse_commit(hashlib.sha1(b"commit %d\0" % len(data) + data).hexdigest(), data)
        except GenerationError:
            return
        if commit.method is not Method.GPG:
            return
        finding = keyring.verify(commit.payload, commit.armor, now=datetime.now(UTC))
        if finding.status is SignatureStatus.GOOD:
            assert commit.payload == payload
            assert commit.parents == (origin.head,)
            verified.append(position)

    mutate()
    assert 0 in verified


@pytest.mark.parametrize("hash_name", ["md5", "sha1", "sha384", "sha3_512"])
def test_an_ssh_signature_with_another_hash_is_refused(hash_name: str) -> None:
    with pytest.raises(SshSignatureError, match="neither SHA-256 nor SHA-512"):
        verify_ssh(b"payload", SoftKey().sign(b"payload", hash_name=hash_name))


@pytest.mark.parametrize(("bits", "algorithm"), [(1024, b"rsa-sha2-256"), (2048, b"ssh-rsa")])
def test_a_weak_rsa_signature_is_refused(signers: Signers, bits: int, algorithm: bytes) -> None:
    path = signers.ssh_key("weak", "rsa", bits)
    key = load_ssh_private_key(path.read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    raw = key.sign(ssh_signed(b"payload"), PKCS1v15(), SHA1() if algorithm == b"ssh-rsa" else SHA256())
    numbers = key.public_key().public_numbers()
    public = wire(b"ssh-rsa", *(n.to_bytes(n.bit_length() // 8 + 1, "big") for n in (numbers.e, numbers.n)))
    with pytest.raises(SshSignatureError, match="fewer than 2048 bits or its hash is SHA-1"):
        verify_ssh(b"payload", ssh_armor(public, wire(algorithm, raw)))


@given(st.binary(max_size=200))
@example(b"")
@example(b"SSHSIG")
@example(b"SSHSIG\0\0\0\1" + b"\xff" * 8)
@example(b"SSHSIG\0\0\0\1" + wire(b"", b"git", b"", b"sha512", b""))
@example(b"SSHSIG\0\0\0\1" + wire(wire(b"ssh-ed25519", b"short"), b"git", b"", b"sha512", wire(b"ssh-ed25519", b"x")))
@example(b"SSHSIG\0\0\0\1" + wire(wire(b"ssh-ed25519", b"k" * 32), b"git", b"", b"sha512", wire(b"ssh-rsa", b"x")))
def test_a_broken_ssh_signature_is_refused(blob: bytes) -> None:
    armor = b"-----BEGIN SSH SIGNATURE-----\n" + base64.encodebytes(blob) + b"-----END SSH SIGNATURE-----\n"
    with pytest.raises(SshSignatureError):
        verify_ssh(b"payload", armor)


@given(st.binary(max_size=300))
@example(b"-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n")
@example(b"\x88\x00")
def test_a_broken_openpgp_signature_is_refused(armor: bytes) -> None:
    finding = Keyring().verify(b"payload", armor, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert finding.status in (SignatureStatus.BAD, SignatureStatus.MISSING_KEY)
    assert "\n" not in finding.detail
