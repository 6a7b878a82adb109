"""An owner's phone, as far as tests need one, and a CA in memory that certifies its key."""

import json
import secrets
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from chaincode.acts import ACT_TYP
from chaincode.model.base import Role
from gateway.identity.bindings import Bindings
from gateway.identity.certifying import CertificationRequest
from gateway.identity.flows import Flow
from gateway.identity.login import LOGIN_TYP
from gateway.identity.signingrequest import credential_id, point
from tests.gateway.identity.test_rollfile import GOOD
from tests.support.people import b64

ID_NO = GOOD["owner_id_no"]
NAME = GOOD["owner_name"]
UNIT = GOOD["unit"]


@dataclass
class Applicant:
    """An owner's phone: its key, its secret, and what it sees of itself."""

    community: str = "fuzemen"
    name: str = NAME
    id_no: str = ID_NO
    unit_id: str = UNIT
    device: str = field(default_factory=lambda: secrets.token_hex(32))
    secret: str = field(default_factory=lambda: secrets.token_hex(16))
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    bindings: Bindings | None = None

    @property
    def credential_id(self) -> str:
        return credential_id(self.community, self.secret)

    @property
    def public_key(self) -> str:
        return point(self.key.public_key())

    def signing_request(self, **changes: Any) -> str:
        """A PKCS#10 request; `name`, `key`, `more`, `extensions` change it."""
        parts = [x509.NameAttribute(NameOID.COMMON_NAME, changes.get("name", self.credential_id))]
        builder = x509.CertificateSigningRequestBuilder(
            x509.Name([*parts, *changes.get("more", ())])
        )
        for extension in changes.get("extensions", ()):
            builder = builder.add_extension(extension, critical=False)
        request = builder.sign(changes.get("key", self.key), hashes.SHA256())
        return request.public_bytes(Encoding.PEM).decode()

    def request(self, flow: Flow = Flow.FACE, **changes: Any) -> CertificationRequest:
        fields = {
            "flow": flow,
            "role": Role.OWNER,
            "name": self.name,
            "id_no": self.id_no,
            "unit_id": self.unit_id,
            "device": self.device,
            "request_pem": self.signing_request(),
        }
        return CertificationRequest(**{**fields, **changes})  # type: ignore[arg-type]

    def statement(
        self,
        challenge: dict[str, Any],
        *,
        key: ec.EllipticCurvePrivateKey | None = None,
        header: dict[str, str] | None = None,
        **changes: Any,
    ) -> str:
        """A login statement, signed."""
        assert self.bindings is not None
        said = {
            "audience": challenge["audience"],
            "community": self.community,
            "nonce": challenge["nonce"],
            "bindings": {
                "salt": self.bindings.salt,
                "device": self.bindings.device,
                "account": self.bindings.account,
            },
            **changes,
        }
        protected = {"alg": "ES256", "typ": LOGIN_TYP, "kid": self.credential_id, **(header or {})}
        return sign(protected, said, key or self.key)

    def act(self, act: str, *, channel: str, at: int, **fields: Any) -> bytes:
        """A signed act."""
        said = {
            "act": act, "channel": channel, "community": self.community, "at": at,
            "nonce": secrets.token_hex(16), **fields,
        }  # fmt: skip
        protected = {"alg": "ES256", "typ": ACT_TYP, "kid": self.credential_id}
        return sign(protected, said, self.key).encode()


def sign(header: dict[str, str], said: dict[str, Any], key: ec.EllipticCurvePrivateKey) -> str:
    """A compact JWS, as a browser would make it."""
    signing_input = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(said).encode())}"
    der = key.sign(signing_input.encode(), ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(der)
    return f"{signing_input}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


@dataclass
class FakeCa:
    """A CA in memory that issues one certificate per id; `troubles` come after the deed."""

    issued: dict[str, list[bytes]] = field(default_factory=dict)
    before: deque[BaseException] = field(default_factory=deque)
    after: deque[BaseException] = field(default_factory=deque)
    days: int = 365
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    async def certify(self, credential_id: str, request_pem: str, public_key: str) -> bytes:
        if self.before:
            raise self.before.popleft()
        request = x509.load_pem_x509_csr(request_pem.encode())
        assert point(request.public_key()) == public_key  # type: ignore[arg-type]
        issued = self.issued.setdefault(credential_id, [])
        if not issued:
            issued.append(self._sign(request))
        if self.after:
            raise self.after.popleft()
        return issued[0]

    def _sign(self, request: x509.CertificateSigningRequest) -> bytes:
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
        start = datetime(2026, 9, 1, tzinfo=UTC)
        builder = x509.CertificateBuilder(
            issuer, request.subject, request.public_key(), x509.random_serial_number(),
            start, start + timedelta(days=self.days),
        )  # fmt: skip
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)
