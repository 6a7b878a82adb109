"""Opening sealed ballots: the cryptography of `chaincode.rules.sealing`, for all ballots at once.

P-256 ECDH, HKDF (RFC 5869) and AES-GCM give every endorser the same bytes; nothing here draws.
"""

from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chaincode.errors import BadInput
from chaincode.model.ballot import Ballot, SealedChoice
from chaincode.model.result import UnopenedReason
from chaincode.rules.sealing import (
    IV_BYTES,
    KEY_BYTES,
    Plain,
    context,
    from_bytes,
    read_base64url,
    write_base64url,
)

CURVE = ec.SECP256R1


def require_point(public_key: str) -> ec.EllipticCurvePublicKey:
    """Read an uncompressed P-256 point; BadInput ``trustee/bad-key``."""
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(CURVE(), read_base64url(public_key))
    except ValueError:
        raise BadInput("trustee/bad-key") from None


def require_seals(sealed: Sequence[SealedChoice]) -> None:
    """Refuse (BadInput ``ballot/bad-seal``) a seal that could never open."""
    for seal in sealed:
        try:
            require_point(seal.ephemeral_key)
        except BadInput:
            raise BadInput("ballot/bad-seal") from None


def public_key_of(private_key: str) -> str:
    """The public key of a private one; BadInput ``trustee/bad-key``."""
    point = load_private_key(private_key).public_key()
    data = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return write_base64url(data)


def load_private_key(private_key: str) -> ec.EllipticCurvePrivateKey:
    """Read a P-256 scalar; BadInput ``trustee/bad-key``."""
    try:
        return ec.derive_private_key(int.from_bytes(read_base64url(private_key), "big"), CURVE())
    except ValueError:
        raise BadInput("trustee/bad-key") from None


def open_all(
    ballots: Sequence[Ballot], private_keys: Sequence[str]
) -> dict[str, Plain | UnopenedReason]:
    """What each sealed ballot holds, by unit; keys stand in the trustees' order."""
    trustees = [load_private_key(key) for key in private_keys]
    return {
        ballot.unit_id: _open(ballot, ballot.sealed, trustees)
        for ballot in ballots
        if ballot.sealed is not None
    }


def _open(
    ballot: Ballot, seal: SealedChoice, trustees: Sequence[ec.EllipticCurvePrivateKey]
) -> Plain | UnopenedReason:
    ephemeral = require_point(seal.ephemeral_key)
    secret = b"".join(trustee.exchange(ec.ECDH(), ephemeral) for trustee in trustees)
    derived = HKDF(
        algorithm=hashes.SHA256(),
        length=KEY_BYTES + IV_BYTES,
        salt=read_base64url(seal.ephemeral_key),
        info=context(ballot.motion_id, ballot.unit_id),
    ).derive(secret)
    cipher, iv = AESGCM(derived[:KEY_BYTES]), derived[KEY_BYTES:]
    bound = bytes.fromhex(seal.commitment)
    try:
        return from_bytes(cipher.decrypt(iv, read_base64url(seal.ciphertext), bound))
    except InvalidTag:
        return UnopenedReason.UNREADABLE
