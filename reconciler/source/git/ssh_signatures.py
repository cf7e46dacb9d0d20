"""SSH signatures as ``ssh-keygen -Y sign`` and Git make them.

``sshsig`` reads the container; keys and signatures are checked by ``cryptography``, so that ECDSA and hardware keys are
verified as well and weak hashes are not.

Source: PROTOCOL.sshsig and PROTOCOL.u2f of OpenSSH.
"""

import base64
import hashlib
from collections.abc import Iterator

NAMESPACE = b"git"
MIN_RSA_BITS = 2048

_HASHES = {b"sha256": "sha256", b"sha512": "sha512"}
_USER_PRESENT = 0x01


class SshSignatureError(Exception):
    """Why an SSH signature does not hold."""


def verify_ssh(payload: bytes, armor: bytes) -> bytes:
    """The public key, in wire form, whose signature over ``payload`` in the namespace ``git`` the armor holds.

    Raises
    ------
    SshSignatureError
        Not a signature, of another namespace, over other bytes, or by means that are too weak.
    """
    from sshsig.sshsig import SshsigSignature, SshsigWrapper

    try:
        signature = SshsigSignature.from_armored(armor)
    except (ValueError, NotImplementedError) as error:
        raise SshSignatureError("not an SSH signature") from error
    if signature.namespace != NAMESPACE:
        raise SshSignatureError("made for another purpose than Git")
    algorithm = _HASHES.get(signature.hash_algo)
    if algorithm is None:
        raise SshSignatureError("its hash is neither SHA-256 nor SHA-512")
    digest = hashlib.new(algorithm, payload).digest()
    signed = SshsigWrapper(namespace=NAMESPACE, hash_algo=signature.hash_algo, hash=digest).to_bytes()
    _verify(signature.public_key, signature.signature, signed)
    return signature.public_key


def _verify(key_blob: bytes, signature: bytes, signed: bytes) -> None:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    try:
        kind, key_fields = _first(key_blob)
        algorithm, signature_fields = _first(signature)
        # Certificates hold a key of their own and name who may sign for whom; nobody asked for that here.
        if b"-cert-" in kind:
            raise SshSignatureError("made with a certificate, which is not supported")
        key = load_ssh_public_key(kind + b" " + base64.b64encode(key_blob))
        if kind.startswith(b"sk-"):
            signature_fields, signed = _hardware(list(_strings(key_fields))[-1], signature_fields, signed)
        _check(key, kind, algorithm, next(_strings(signature_fields)), signed)
    except InvalidSignature:
        raise SshSignatureError("over other content, or by another key") from None
    except (ValueError, UnsupportedAlgorithm, StopIteration) as error:
        raise SshSignatureError("its key or signature cannot be read") from error


def _check(key: object, kind: bytes, algorithm: bytes, signature: bytes, signed: bytes) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    if isinstance(key, rsa.RSAPublicKey):
        rsa_hash = {b"rsa-sha2-256": hashes.SHA256(), b"rsa-sha2-512": hashes.SHA512()}.get(algorithm)
        if rsa_hash is None or key.key_size < MIN_RSA_BITS:
            raise SshSignatureError(f"its RSA key has fewer than {MIN_RSA_BITS} bits or its hash is SHA-1")
        key.verify(signature, signed, padding.PKCS1v15(), rsa_hash)
    elif algorithm != kind:
        raise SshSignatureError("its algorithm is not that of its key")
    elif isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, signed)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        r, s = (int.from_bytes(number, "big") for number in _strings(signature))
        curve_hash = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[key.curve.key_size]
        key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(curve_hash))
    else:
        raise SshSignatureError("made with a kind of key that is not supported")


def _hardware(application: bytes, fields: bytes, signed: bytes) -> tuple[bytes, bytes]:
    """The signature's own fields and what a security key signs: application, flags and counter around the hash."""
    raw, rest = _first(fields)
    if len(rest) != 5:
        raise SshSignatureError("its hardware signature is incomplete")
    if not rest[0] & _USER_PRESENT:
        raise SshSignatureError("made by a hardware key without its user being there")
    wrapped = hashlib.sha256(application).digest() + rest + hashlib.sha256(signed).digest()
    return len(raw).to_bytes(4, "big") + raw, wrapped


def _first(data: bytes) -> tuple[bytes, bytes]:
    """The first length-prefixed string of ``data``, and the rest."""
    size = int.from_bytes(data[:4], "big")
    if len(data) < 4 + size:
        raise ValueError("a string ends early")
    return data[4 : 4 + size], data[4 + size :]


def _strings(data: bytes) -> Iterator[bytes]:
    while data:
        text, data = _first(data)
        yield text
