"""MSP and TLS folders as Fabric reads them.

Source: Fabric docs, "Membership Service Providers (MSP)", and `msp/configbuilder.go`. Every file
appears whole; an equal file is left alone; keys are mode 0600 in folders of mode 0700.
"""

from collections.abc import Sequence
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from network.ca.keys import load_key
from network.files import PRIVATE_FILE, private_folder, sync_folder, write_atomic

NODE_OUS = ("client", "peer", "admin", "orderer")
CONFIG_FILE = "config.yaml"
TLS_CERT, TLS_KEY, TLS_ROOTS = "server.crt", "server.key", "ca.crt"


def write_msp(
    folder: Path,
    *,
    cert_pem: bytes,
    key_pem: bytes | None,
    ca_certs: Sequence[bytes],
    tls_ca_certs: Sequence[bytes] = (),
    intermediate_certs: Sequence[bytes] = (),
    crls: Sequence[bytes] = (),
    node_ous: bool = True,
) -> bool:
    """Write the MSP of one identity; True when something changed.

    The key is named after its public half and arrives before the certificate, older keys go after
    it: whenever Fabric reads the folder, the certificate's key is there. `key_pem` None keeps the
    key of the folder (a renewal for the same key). Raises ValueError when the key that would then
    be there is not the certificate's, OSError.
    """
    private_folder(folder)
    keystore = private_folder(folder / "keystore")
    key_file = key_name(cert_pem)
    if key_pem is None:
        key_pem = _kept_key(keystore / key_file)
    if not is_pair(cert_pem, key_pem):
        raise ValueError(f"{folder}: the private key is not the certificate's")
    added = write_atomic(keystore / key_file, key_pem, PRIVATE_FILE)
    public = org_msp(
        folder,
        ca_certs=ca_certs,
        tls_ca_certs=tls_ca_certs,
        intermediate_certs=intermediate_certs,
        crls=crls,
        node_ous=node_ous,
    )
    signed = sync_folder(folder / "signcerts", {"cert.pem": cert_pem})
    removed = sync_folder(keystore, {key_file: key_pem}, PRIVATE_FILE)
    return added or public or signed or removed


def org_msp(
    folder: Path,
    *,
    ca_certs: Sequence[bytes],
    tls_ca_certs: Sequence[bytes] = (),
    intermediate_certs: Sequence[bytes] = (),
    crls: Sequence[bytes] = (),
    node_ous: bool = True,
) -> bool:
    """Write an organisation's public MSP, for a channel's configuration; True when it changed.

    Raises ValueError without a CA certificate, OSError.
    """
    if not ca_certs:
        raise ValueError(f"{folder}: an MSP needs at least one CA certificate")
    parts = (
        ("cacerts", "ca", ca_certs),
        ("intermediatecerts", "intermediate", intermediate_certs),
        ("tlscacerts", "tlsca", tls_ca_certs),
        ("crls", "crl", crls),
    )
    changed = [
        sync_folder(folder / name, {f"{stem}-{index}.pem": pem for index, pem in enumerate(pems)})
        for name, stem, pems in parts
    ]
    changed.append(write_atomic(folder / CONFIG_FILE, _node_ous(enabled=node_ous)))
    return any(changed)


def write_tls(
    folder: Path, *, cert_pem: bytes, key_pem: bytes | None, ca_certs: Sequence[bytes]
) -> bool:
    """Write a TLS pair and the roots it belongs to; True when something changed.

    `key_pem` None keeps the folder's key, the way to renew without a moment in which the pair does
    not match; after a renewal with a new key that was cut off midway `is_pair` is false, and the
    pair is to be issued again. Raises ValueError when the key is not the certificate's, OSError.
    """
    private_folder(folder)
    if key_pem is None:
        key_pem = _kept_key(folder / TLS_KEY)
    if not is_pair(cert_pem, key_pem):
        raise ValueError(f"{folder}: the private key is not the certificate's")
    changed = [
        write_atomic(folder / TLS_KEY, key_pem, PRIVATE_FILE),
        write_atomic(folder / TLS_CERT, cert_pem),
        write_atomic(folder / TLS_ROOTS, b"".join(ca_certs)),
    ]
    return any(changed)


def key_name(cert_pem: bytes) -> str:
    """The file name Fabric's key store gives the certificate's key: its SKI, the SHA-256 of the
    uncompressed public point (`bccsp/sw/ecdsakey.go`).
    """
    point = (
        x509.load_pem_x509_certificate(cert_pem)
        .public_key()
        .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    )
    digest = hashes.Hash(hashes.SHA256())
    digest.update(point)
    return f"{digest.finalize().hex()}_sk"


def is_pair(cert_pem: bytes, key_pem: bytes) -> bool:
    """Whether the certificate is for this private key. Raises ValueError when one is unreadable."""
    certified = x509.load_pem_x509_certificate(cert_pem).public_key()
    return certified == load_key(key_pem).public_key()


def _kept_key(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ValueError(f"{path.parent}: no private key there for the certificate") from error


def _node_ous(*, enabled: bool) -> bytes:
    """NodeOUs: the role is the OU that the CA put into the certificate, under any of the roots."""
    config: dict[str, object] = {"Enable": enabled}
    if enabled:
        for role in NODE_OUS:
            config[f"{role.capitalize()}OUIdentifier"] = {"OrganizationalUnitIdentifier": role}
    return yaml.safe_dump({"NodeOUs": config}, sort_keys=False).encode()
