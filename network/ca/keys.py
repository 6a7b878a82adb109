"""Keys and certificate requests made on this side: a private key never travels."""

import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from network.ca.model import ID_LENGTH_MAX


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key, the curve Fabric's default crypto provider takes."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The key as PKCS#8 PEM without a passphrase: for files of mode 0600 only."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def load_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """The P-256 key of a PEM file. Raises ValueError when it is none."""
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ValueError("not a P-256 private key")
    return key


def signing_request(
    common_name: str, key: ec.EllipticCurvePrivateKey, hosts: tuple[str, ...] = ()
) -> str:
    """A PKCS#10 request (PEM) for this name and these host names or IP addresses.

    Raises ValueError for a name that no certificate can carry.
    """
    if not 0 < len(common_name) <= ID_LENGTH_MAX:
        raise ValueError(f"a common name has 1 to {ID_LENGTH_MAX} characters")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if hosts:
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
