"""A throw-away certificate authority for tests that need certificates but no Fabric CA."""

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from network.ca.keys import key_pem, new_key

DAY = dt.timedelta(days=1)


class Root:
    """A self-signed root that issues leaves."""

    def __init__(self, name: str = "root") -> None:
        self.key = new_key()
        self.name = _name(name)
        self.certificate = self._sign(self.name, self.key, DAY, ca=True)
        self.pem = _pem(self.certificate)

    def issue(
        self,
        name: str,
        *,
        key: ec.EllipticCurvePrivateKey | None = None,
        valid: dt.timedelta = DAY,
        host: str | None = None,
    ) -> tuple[bytes, bytes]:
        """A certificate and its key, both PEM."""
        key = key or new_key()
        return _pem(self._sign(_name(name), key, valid, host=host)), key_pem(key)

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        valid: dt.timedelta,
        *,
        ca: bool = False,
        host: str | None = None,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 10 * DAY)
            .not_valid_after(now + valid)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(issuer_id, critical=False)
        )
        if host is not None:
            names = x509.SubjectAlternativeName([x509.DNSName(host)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
