"""Who signs: an MSP identity and a function that signs digests with its P-256 key."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fabric_protos.msp import identities_pb2

from gateway.fabric.errors import BadIdentity, NotSigned

Signer = Callable[[bytes], bytes]
"""SHA-256 digest (32 bytes) -> ECDSA P-256 signature, DER."""

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order of the P-256 group (SEC 2, 2.4.2)."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An X.509 identity of an organisation: its MSP id and its certificate (PEM)."""

    msp_id: str
    certificate_pem: bytes

    def creator(self) -> bytes:
        """The `msp.SerializedIdentity` that goes into every message."""
        message = identities_pb2.SerializedIdentity(
            mspid=self.msp_id, id_bytes=self.certificate_pem
        )
        return bytes(message.SerializeToString())


def low_s(signature: bytes) -> bytes:
    """The same P-256 signature with s <= n/2: Fabric refuses the other of the two forms.

    Raises BadIdentity when it is no DER signature or out of range.
    """
    try:
        r, s = utils.decode_dss_signature(signature)
    except ValueError as error:
        raise BadIdentity("signature is not DER (SEQUENCE of r and s)") from error
    if not (0 < r < P256_ORDER and 0 < s < P256_ORDER):
        raise BadIdentity("signature is not a P-256 one: r or s out of range")
    if s <= P256_ORDER // 2:
        return signature
    return utils.encode_dss_signature(r, P256_ORDER - s)


def ecdsa_signer(key: ec.EllipticCurvePrivateKey) -> Signer:
    """A signer with a key held in this process. Raises BadIdentity for another curve than P-256."""
    if not isinstance(key.curve, ec.SECP256R1):
        raise BadIdentity(f"key is on {key.curve.name}, Fabric identities here use P-256")
    algorithm = ec.ECDSA(utils.Prehashed(SHA256()))

    def sign(digest: bytes) -> bytes:
        return low_s(key.sign(digest, algorithm))

    return sign


def load_identity(msp_id: str, certificate: Path, key: Path) -> tuple[Identity, Signer]:
    """Read a certificate and its private key (both PEM).

    Raises BadIdentity when a file is missing or unreadable, or when key and certificate differ.
    """
    try:
        pem = certificate.read_bytes()
        public = x509.load_pem_x509_certificate(pem).public_key()
    except (OSError, ValueError) as error:
        raise BadIdentity(f"cannot read certificate {certificate}") from error
    try:
        private = load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        raise BadIdentity(f"cannot read private key {key}") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise BadIdentity(f"private key {key} is not an elliptic-curve key")
    if private.public_key() != public:
        raise BadIdentity(f"private key {key} does not belong to certificate {certificate}")
    return Identity(msp_id, pem), ecdsa_signer(private)


class Signing:
    """Bytes to be signed, here or elsewhere; signed once, so a resend is the same message."""

    __slots__ = ("_signature", "_signer", "message")

    def __init__(self, message: bytes, signer: Signer | None, signature: bytes = b"") -> None:
        self.message = message
        self._signer = signer
        self._signature = signature

    @property
    def digest(self) -> bytes:
        """SHA-256 of the message: what an outside signer has to sign."""
        return sha256(self.message).digest()

    def accept(self, signature: bytes) -> None:
        """Take a DER signature over `digest` that was made elsewhere."""
        self._signature = low_s(signature)

    def signature(self) -> bytes:
        """The signature, made now if there is none yet. Raises NotSigned without a signer."""
        if not self._signature:
            if self._signer is None:
                raise NotSigned("no signer was given and no signature was accepted")
            self._signature = self._signer(self.digest)
        return self._signature

    def signature_if_any(self) -> bytes:
        """The signature if it exists already, else empty bytes."""
        return self._signature
