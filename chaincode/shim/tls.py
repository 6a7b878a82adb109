"""Mutual TLS: who this service is, and whose clients (the peers) may connect.

New files take effect with the next handshake; running streams stay up.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files: the service's certificate chain and key, and the CA of the peers' certificates."""

    certificate: Path
    key: Path
    client_ca: Path

    def findings(self) -> list[str]:
        """Return a sentence for everything that keeps these files from being used."""
        try:
            _checked(self.read())
        except OSError as problem:
            return [f"{problem.filename} cannot be read: {problem.strerror}"]
        except ValueError as problem:
            return [f"the TLS files of {self.certificate.name}: {problem}"]
        return []

    def read(self) -> "Material":
        """Return the files' content.

        Raises:
            OSError: a file cannot be read.
        """
        return Material(
            certificate=self.certificate.read_bytes(),
            key=self.key.read_bytes(),
            client_ca=self.client_ca.read_bytes(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The files' content at one moment."""

    certificate: bytes
    key: bytes
    client_ca: bytes

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        """Return it in gRPC's form."""
        return grpc.ssl_server_certificate_configuration(
            [(self.key, self.certificate)], root_certificates=self.client_ca
        )


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Return credentials that demand a client certificate and follow changes of the files.

    Raises:
        OSError, ValueError: the files cannot be used.
    """
    material = _checked(files.read())
    return grpc.dynamic_ssl_server_credentials(
        material.configuration(), _Reloader(files, material), require_client_authentication=True
    )


class _Reloader:
    """Asked by gRPC at each handshake, from its own thread, what to use for it."""

    def __init__(self, files: TlsFiles, material: Material) -> None:
        self._files = files
        self._material = material

    def __call__(self) -> grpc.ServerCertificateConfiguration:
        try:
            material = self._files.read()
            if material != self._material:
                self._material = _checked(material)
                logger.info("new TLS files are in use")
        except (OSError, ValueError) as problem:
            logger.warning("new TLS files are not used yet: %s", problem)
        return self._material.configuration()


def _checked(material: Material) -> Material:
    """Refuse files that are half written or do not belong together."""
    leaf, *_ = _certificates(material.certificate, "the certificate")
    _certificates(material.client_ca, "the client CA")
    if leaf.public_key() != _private_key(material.key).public_key():
        raise ValueError("the key does not belong to the certificate")
    return material


def _certificates(pem: bytes, name: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise ValueError(f"{name} is not PEM") from None


def _private_key(pem: bytes) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise ValueError("the key is not an unencrypted PEM key") from None
