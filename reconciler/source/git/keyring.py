"""The OpenPGP keys that may sign: what ``argocd-gpg-keys-cm`` holds."""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Self

from reconciler.source.files.paths import has_control_characters
from reconciler.source.integrity import SignatureStatus, key_id

if TYPE_CHECKING:
    from pysequoia import Cert
    from pysequoia.packet import Packet

CONFIG_MAP = "argocd-gpg-keys-cm"

_WEAK_HASHES = re.compile(r"MD5|SHA1|RipeMD", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """What an OpenPGP signature is worth: ``fingerprints`` are the signing key's and its primary key's."""

    status: SignatureStatus
    key_id: str = ""
    fingerprints: tuple[str, ...] = ()
    signer: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Key:
    """A primary key or sub-key; ``expires`` and ``revoked`` are the stricter of its own and its primary key's."""

    fingerprint: str
    primary: str
    expires: datetime | None
    revoked: bool
    signer: str
    certificate: "Cert"


class Keyring:
    """Public keys in armor, read at the first signature. Only keys in it count, whatever a policy lists.

    Source: docs/user-guide/source-integrity-git-gpg.md ("a very simple trust model": a key in the keyring is trusted).
    """

    def __init__(self, armors: Mapping[str, str] | None = None) -> None:
        self._armors = dict(armors or {})

    @classmethod
    def from_config_map(cls, data: Mapping[str, str]) -> Self:
        """From the ``data`` of the ConfigMap ``argocd-gpg-keys-cm``: key id to armored public key."""
        return cls(data)

    @property
    def unusable(self) -> Mapping[str, str]:
        """Entries that hold no usable public key, and why; signatures of such a key are of none in the keyring."""
        return self._read[1]

    def verify(self, payload: bytes, armor: bytes, *, now: datetime) -> Finding:
        """Verify a detached signature.

        As with GnuPG, and stricter than OpenPGP asks for, a key that is expired or revoked at ``now`` does not count even
        for what it signed before: whoever holds it can set the date of a signature.
        """
        import pysequoia

        try:
            signature = pysequoia.Sig.from_bytes(armor)
            issuer = signature.issuer_fingerprint or signature.issuer_key_id or ""
            weak = _WEAK_HASHES.search(str(signature.hash_algorithm))
            binary = signature.signature_type == pysequoia.packet.SignatureType.Binary
            expires = signature.expiration
        except (RuntimeError, ValueError, OverflowError):
            return Finding(SignatureStatus.BAD, detail="which cannot be read")
        shown_id = (issuer if len(issuer) == 16 else key_id(issuer)).upper()
        key = self._find(issuer)
        if key is None:
            reason = self.unusable.get(shown_id) or self.unusable.get(shown_id.lower())
            detail = f"whose entry in {CONFIG_MAP} cannot be used: {reason}" if reason else ""
            return Finding(SignatureStatus.MISSING_KEY, shown_id, detail=detail)
        names = (key.fingerprint, key.primary)
        if key.revoked:
            return Finding(SignatureStatus.REVOKED_KEY, shown_id, names, key.signer)
        if key.expires is not None and key.expires <= now:
            return Finding(SignatureStatus.EXPIRED_KEY, shown_id, names, key.signer, f"since {key.expires:%Y-%m-%d}")
        if expires is not None and expires <= now:
            return Finding(SignatureStatus.EXPIRED_SIGNATURE, shown_id, names, key.signer)
        if weak or not binary:
            detail = "made with a hash that is too weak" if weak else "made over text, not over bytes"
            return Finding(SignatureStatus.BAD, shown_id, names, key.signer, detail)
        try:
            verified = pysequoia.verify(
                bytes=payload, store=lambda _: [key.certificate], signature=signature
            ).valid_sigs
        except (RuntimeError, ValueError):
            return Finding(SignatureStatus.BAD, shown_id, names, key.signer)
        # What the signature says of its issuer is not signed; only what verified it counts.
        if {(valid.signing_key, valid.certificate) for valid in verified} != {names}:
            return Finding(SignatureStatus.BAD, shown_id, names, key.signer, "by another key than it names")
        return Finding(SignatureStatus.GOOD, shown_id, names, key.signer)

    def _find(self, issuer: str) -> _Key | None:
        keys = self._read[0]
        if len(issuer) != 16:
            return keys.get(issuer)
        matching = [key for fingerprint, key in keys.items() if key_id(fingerprint) == issuer]
        return matching[0] if len(matching) == 1 else None

    @cached_property
    def _read(self) -> tuple[dict[str, _Key], dict[str, str]]:
        keys: dict[str, _Key] = {}
        unusable: dict[str, str] = {}
        for name, armor in sorted(self._armors.items()):
            try:
                keys |= {key.fingerprint: key for key in _parse(armor)}
            except (RuntimeError, ValueError) as error:
                # The rest of such a message is a back-trace.
                unusable[name] = str(error).partition("\n")[0]
        return keys, unusable


def _parse(armor: str) -> list[_Key]:
    """The keys of an armored block, which may hold several certificates."""
    from pysequoia import Cert

    if "PRIVATE KEY" in armor:
        raise ValueError("holds a private key; put the public key here, and replace the key: it was exposed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        certificates = Cert.split_bytes(armor.encode())
    if not certificates:
        raise ValueError("holds no public key")
    return [key for certificate in certificates for key in _keys_of(certificate)]


def _keys_of(certificate: "Cert") -> list[_Key]:
    """The primary key and its sub-keys; ``Cert`` itself tells expiry and revocation of the primary key alone."""
    from pysequoia.packet import PacketPile, SignatureType, Tag

    primary, signer = certificate.fingerprint, _signer(certificate)
    keys = [_Key(primary, primary, certificate.expiration, certificate.is_revoked, signer, certificate)]
    groups: list[tuple[Packet, list[Packet]]] = []
    for packet in PacketPile.from_bytes(bytes(certificate)):
        if packet.tag == Tag.PublicSubkey:
            groups.append((packet, []))
        elif packet.tag == Tag.Signature and groups:
            groups[-1][1].append(packet)
    for subkey, signatures in groups:
        bindings = [each for each in signatures if each.signature_type == SignatureType.SubkeyBinding]
        revoked = any(each.signature_type == SignatureType.SubkeyRevocation for each in signatures)
        ends = [end for end in (_end(subkey, bindings), certificate.expiration) if end is not None]
        keys.append(
            _Key(
                subkey.fingerprint or "",
                primary,
                min(ends, default=None),
                revoked or certificate.is_revoked,
                signer,
                certificate,
            )
        )
    return keys


def _end(subkey: "Packet", bindings: "list[Packet]") -> datetime | None:
    """When a sub-key expires: the newest binding says it."""
    newest = max(bindings, key=lambda each: (each.signature_created is not None, each.signature_created), default=None)
    if newest is None or newest.key_validity_period is None or subkey.key_created is None:
        return None
    return subkey.key_created + newest.key_validity_period


def _signer(certificate: "Cert") -> str:
    names = [str(user_id) for user_id in certificate.user_ids]
    return names[0] if names and not has_control_characters(names[0]) else ""
