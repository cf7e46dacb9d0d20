"""Real OpenPGP and SSH keys for tests, in a private folder, and what they sign."""

import base64
import hashlib
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.repositories import GitRepository

PAST = "20200101T000000"
"""When the keys that have expired since were made, and what they signed."""


@dataclass
class Signers:
    """A GnuPG home and SSH keys. ``keys`` maps a name to the fingerprint that signs; ``primary`` to its primary key's."""

    home: Path
    keys: dict[str, str] = field(default_factory=dict)
    primary: dict[str, str] = field(default_factory=dict)

    def gpg(self, *arguments: str, stdin: bytes = b"", at: str = "") -> bytes:
        """Run gpg in the home, as if it were ``at``."""
        command = ["gpg", "--batch", "--quiet", "--no-tty", "--homedir", str(self.home), "--passphrase", ""]
        command += ["--faked-system-time", f"{at}!"] if at else []
        done = subprocess.run([*command, *arguments], input=stdin, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def add(self, name: str, algorithm: str = "ed25519", expires: str = "never", *, at: str = "") -> str:
        """Make a key that signs itself; its fingerprint."""
        self.gpg("--quick-gen-key", f"{name} <{name}@example.com>", algorithm, "sign", expires, at=at)
        self.keys[name] = self.primary[name] = self._fingerprints(name)[0]
        return self.keys[name]

    def add_subkey(self, name: str, of: str, expires: str = "never", *, at: str = "") -> str:
        """Make a signing sub-key, known by ``name``; its fingerprint."""
        before = set(self._fingerprints(of))
        self.gpg("--quick-add-key", self.primary[of], "ed25519", "sign", expires, at=at)
        (self.keys[name],) = set(self._fingerprints(of)) - before
        self.primary[name] = self.primary[of]
        return self.keys[name]

    def revoke(self, name: str, reason: int) -> None:
        """Revoke a key; 0 gives no reason, 2 says that it was superseded."""
        subkey = self.keys[name] != self.primary[name]
        answers = ("key 1\n" if subkey else "") + f"revkey\ny\n{reason}\n\ny\nsave\n"
        command = ["gpg", "--batch", "--no-tty", "--homedir", str(self.home), "--command-fd=0", "--status-fd=1"]
        done = subprocess.run([*command, "--edit-key", self.primary[name]], input=answers.encode(), capture_output=True)
        assert done.returncode == 0, done.stderr.decode()

    def armor(self, *names: str) -> dict[str, str]:
        """What argocd-gpg-keys-cm would hold for these keys."""
        export = {self.primary[name] for name in names}
        return {key[-16:]: self.gpg("--armor", "--export", key).decode() for key in sorted(export)}

    def sign(self, name: str, payload: bytes, *options: str, at: str = "") -> bytes:
        """A detached signature in armor."""
        return self.gpg(
            *options, "--armor", "--local-user", f"{self.keys[name]}!", "--detach-sign", stdin=payload, at=at
        )

    def ssh_key(self, name: str, kind: str = "ed25519", bits: int = 0) -> Path:
        """The private key of an SSH key pair, made at its first use."""
        path = self.home / f"ssh-{name}-{kind}{bits or ''}"
        if not path.exists():
            size = ["-b", str(bits)] if bits else []
            subprocess.run(
                ["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-C", f"{name}@example.com", "-f", str(path)],
                check=True,
            )
        return path

    def sign_ssh(self, key: Path, payload: bytes, namespace: str = "git", *options: str) -> bytes:
        """An SSH signature in armor."""
        command = ["ssh-keygen", "-Y", "sign", *options, "-n", namespace, "-f", str(key)]
        return subprocess.run(command, input=payload, capture_output=True, check=True).stdout

    def _fingerprints(self, name: str) -> list[str]:
        listing = self.gpg("--with-colons", "--list-keys", f"{name}@example.com").decode().splitlines()
        return [line.split(":")[9].lower() for line in listing if line.startswith("fpr:")]


@contextmanager
def make_signers(home: Path) -> Iterator[Signers]:
    """A GnuPG home at ``home`` with the keys ada and bob; its agent ends with it."""
    home.mkdir(mode=0o700)
    signers = Signers(home)
    try:
        signers.add("ada")
        signers.add("bob")
        yield signers
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], capture_output=True)


def public_key(key: Path) -> str:
    """The public key line of an SSH key."""
    return key.with_suffix(".pub").read_text().strip()


def write_object(repository: GitRepository, kind: str, data: bytes, ref: str = "") -> str:
    """Write an object byte by byte, whatever Git would say of it, let ``ref`` name it, and return its id."""
    content = f"{kind} {len(data)}\0".encode() + data
    object_id = hashlib.sha1(content).hexdigest()
    file = repository.path / ".git" / "objects" / object_id[:2] / object_id[2:]
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(zlib.compress(content))
    if ref:
        (repository.path / ".git" / ref).parent.mkdir(parents=True, exist_ok=True)
        (repository.path / ".git" / ref).write_text(f"{object_id}\n")
    return object_id


def commit_data(
    repository: GitRepository, *parents: str, message: str = "Change\n", extra: bytes = b"", author: str = "Ada"
) -> bytes:
    """The bytes of an unsigned commit of the first commit's tree."""
    tree = repository.git("rev-parse", "main^{tree}")
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"{who} {author} <ada@example.com> 1767268800 +0000" for who in ("author", "committer")]
    return "\n".join(lines).encode() + b"\n" + extra + b"\n" + message.encode()


def with_signature(data: bytes, armor: bytes, header: bytes = b"gpgsig") -> bytes:
    """A commit with a signature header, as Git writes it."""
    head, _, message = data.partition(b"\n\n")
    return head + b"\n" + header + b" " + armor.rstrip(b"\n").replace(b"\n", b"\n ") + b"\n\n" + message


def wire(*strings: bytes) -> bytes:
    """Strings as SSH writes them, each after its length."""
    return b"".join(len(text).to_bytes(4, "big") + text for text in strings)


def ssh_armor(public: bytes, signature: bytes, *, hash_name: bytes = b"sha512", namespace: bytes = b"git") -> bytes:
    """The container of PROTOCOL.sshsig, in armor."""
    blob = b"SSHSIG" + (1).to_bytes(4, "big") + wire(public, namespace, b"", hash_name, signature)
    return b"-----BEGIN SSH SIGNATURE-----\n" + base64.encodebytes(blob) + b"-----END SSH SIGNATURE-----\n"


def ssh_signed(payload: bytes, *, hash_name: str = "sha512", namespace: bytes = b"git") -> bytes:
    """What an SSH key signs for ``payload``."""
    return b"SSHSIG" + wire(namespace, b"", hash_name.encode(), hashlib.new(hash_name, payload).digest())


@dataclass(frozen=True)
class SoftKey:
    """An Ed25519 SSH key in this process, which signs a hundred commits while ssh-keygen starts."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    kind: bytes = b"ssh-ed25519"
    application: bytes = b""

    @property
    def public(self) -> bytes:
        raw = self.key.public_key().public_bytes_raw()
        return wire(self.kind, raw, *([self.application] if self.application else []))

    @property
    def line(self) -> str:
        return f"{self.kind.decode()} {base64.b64encode(self.public).decode()} soft@example.com"

    def sign(self, payload: bytes, *, hash_name: str = "sha512", namespace: bytes = b"git", flags: int = 1) -> bytes:
        signed, tail = ssh_signed(payload, hash_name=hash_name, namespace=namespace), b""
        if self.application:
            tail = bytes([flags]) + (7).to_bytes(4, "big")
            signed = hashlib.sha256(self.application).digest() + tail + hashlib.sha256(signed).digest()
        signature = wire(self.kind, self.key.sign(signed)) + tail
        return ssh_armor(self.public, signature, hash_name=hash_name.encode(), namespace=namespace)
