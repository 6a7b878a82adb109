"""Certificates for the tests of this folder: TLS on both sides, and clients of a Fabric CA."""

import datetime
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fabric_protos.msp import identities_pb2

from chaincode.shim.creator import FABRIC_CA_ATTRIBUTES
from chaincode.shim.tls import TlsFiles

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    certificate: bytes
    key: bytes


class Authority:
    """A certificate authority that lives as long as a test."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self._own = self._build(self._name, self._key, is_ca=True, extension=None)

    @property
    def certificate(self) -> bytes:
        return self._own.public_bytes(serialization.Encoding.PEM)

    def issue(self, name: str, extension: bytes | None = None) -> Pair:
        """Issue a certificate for `name` at 127.0.0.1, with Fabric CA's extension if given."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._build(_name(name), key, is_ca=False, extension=extension)
        return Pair(
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )

    def _build(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        is_ca: bool,
        extension: bytes | None,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        )
        if extension is not None:
            unrecognized = x509.UnrecognizedExtension(FABRIC_CA_ATTRIBUTES, extension)
            builder = builder.add_extension(unrecognized, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def write_tls(folder: Path, pair: Pair, client_ca: bytes) -> TlsFiles:
    """Write a service's TLS files."""
    files = TlsFiles(
        certificate=folder / "tls.crt", key=folder / "tls.key", client_ca=folder / "clients.crt"
    )
    files.certificate.write_bytes(pair.certificate)
    files.key.write_bytes(pair.key)
    files.client_ca.write_bytes(client_ca)
    return files


def client_credentials(root: bytes, pair: Pair | None) -> grpc.ChannelCredentials:
    """A peer's side of mutual TLS; without a pair it shows no certificate."""
    if pair is None:
        return grpc.ssl_channel_credentials(root)
    return grpc.ssl_channel_credentials(root, pair.key, pair.certificate)


def identity(pair: Pair, msp_id: str = "BankMSP") -> bytes:
    """The creator field of a proposal."""
    return bytes(
        identities_pb2.SerializedIdentity(
            mspid=msp_id, id_bytes=pair.certificate
        ).SerializeToString()
    )


def ca_extension(attributes: Mapping[str, str]) -> bytes:
    """What Fabric CA writes into a certificate."""
    return json.dumps({"attrs": dict(attributes)}).encode()


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
