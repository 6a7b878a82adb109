"""An identity on disk: who it is, where its key lies, how long it lasts."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from network.ca.keys import load_key
from network.ca.model import Credential
from network.msp import TLS_CERT, TLS_KEY, is_pair, key_name


class IdentityBroken(Exception):
    """The folder does not hold a usable identity; it is to be enrolled again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A certificate and its private key's place. `msp_id` is empty for a TLS identity."""

    msp_id: str
    cert_pem: bytes = field(repr=False)
    key_path: Path

    @classmethod
    def from_msp(cls, msp_id: str, folder: Path) -> Self:
        """The identity of an MSP folder. Raises IdentityBroken."""
        cert_pem = _read(folder / "signcerts" / "cert.pem")
        try:
            key_path = folder / "keystore" / key_name(cert_pem)
        except ValueError as error:
            raise IdentityBroken(f"{folder}: the certificate is not readable") from error
        return cls(msp_id=msp_id, cert_pem=cert_pem, key_path=key_path).checked()

    @classmethod
    def from_tls(cls, folder: Path) -> Self:
        """The TLS identity of a folder made by `write_tls`. Raises IdentityBroken."""
        cert_pem = _read(folder / TLS_CERT)
        return cls(msp_id="", cert_pem=cert_pem, key_path=folder / TLS_KEY).checked()

    def checked(self) -> Self:
        """This identity, if its certificate and key are readable and belong together.

        Raises IdentityBroken otherwise.
        """
        key_pem = _read(self.key_path)
        try:
            belongs = is_pair(self.cert_pem, key_pem)
        except ValueError as error:
            raise IdentityBroken(f"{self.key_path}: {error}") from error
        if not belongs:
            raise IdentityBroken(f"{self.key_path} is not the certificate's key")
        return self

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate, parsed."""
        return x509.load_pem_x509_certificate(self.cert_pem)

    @property
    def expires_at(self) -> datetime:
        """When the certificate ends, UTC."""
        return self.certificate.not_valid_after_utc

    @property
    def serial(self) -> str:
        """The serial number in hex, as a CA's revocation wants it."""
        return f"{self.certificate.serial_number:x}"

    @property
    def aki(self) -> str:
        """The issuer's key id in hex, as a CA's revocation wants it; empty when there is none."""
        try:
            extension = self.certificate.extensions.get_extension_for_class(
                x509.AuthorityKeyIdentifier
            )
        except x509.ExtensionNotFound:
            return ""
        return (extension.value.key_identifier or b"").hex()

    def days_left(self, now: datetime | None = None) -> int:
        """Whole days until the certificate ends; negative once it has."""
        return (self.expires_at - (now or datetime.now(UTC))) // timedelta(days=1)

    def key(self) -> EllipticCurvePrivateKey:
        """The private key, read now and kept nowhere."""
        return load_key(_read(self.key_path))

    def credential(self) -> Credential:
        """This identity as the signer of a request to its CA."""
        return Credential(cert_pem=self.cert_pem, key=self.key())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise IdentityBroken(f"{path}: {error.strerror}") from error
