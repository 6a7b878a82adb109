"""Values that go to and come from a Fabric CA."""

from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

UNLIMITED = -1
"""Enrolments without limit."""
ID_LENGTH_MAX = 64
"""Characters of an enrolment id: it becomes a common name (RFC 5280, ub-common-name)."""


class Role(StrEnum):
    """The type of an identity, which the CA writes into the certificate as its OU (NodeOUs)."""

    CLIENT = "client"
    PEER = "peer"
    ORDERER = "orderer"
    ADMIN = "admin"
    PERSON = "person"
    """Somebody certified by the organisation who may not speak for it: an MSP with node OUs takes
    no such certificate for one of its own (`msp/mspimplvalidate.go`), so it signs no transaction.
    """


class Reason(StrEnum):
    """Why a certificate is revoked (RFC 5280, 5.3.1), in the CA's spelling."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "keycompromise"
    AFFILIATION_CHANGED = "affiliationchanged"
    SUPERSEDED = "superseded"
    CESSATION = "cessationofoperation"
    PRIVILEGE_WITHDRAWN = "privilegewithdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A certificate (PEM) with its private key: who signs a request to the CA."""

    cert_pem: bytes
    key: EllipticCurvePrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A registered fact about an identity; with `in_cert` every certificate carries it."""

    name: str
    value: str
    in_cert: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """An identity to be known to the CA; `secret` is made by the caller."""

    enrollment_id: str
    secret: str = field(repr=False)
    role: Role
    attributes: tuple[Attribute, ...] = ()
    enrollments_max: int = UNLIMITED
    """How often the secret may be used."""

    def __post_init__(self) -> None:
        """Refuse ids that the CA would take but could never find or enrol again."""
        if not 0 < len(self.enrollment_id) <= ID_LENGTH_MAX or set(self.enrollment_id) & set("/:"):
            raise ValueError(f"an id has 1 to {ID_LENGTH_MAX} characters and neither / nor :")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredIdentity:
    """What the CA knows of an identity (without the attributes it adds itself)."""

    enrollment_id: str
    role: str
    attributes: tuple[Attribute, ...]
    enrollments_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrollment:
    """A certificate the CA issued, the key made here, and the CA's chain (PEM, root last)."""

    cert_pem: bytes
    key: EllipticCurvePrivateKey = field(repr=False)
    chain_pem: bytes

    @property
    def credential(self) -> Credential:
        """This certificate as the signer of further requests."""
        return Credential(cert_pem=self.cert_pem, key=self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaInfo:
    """What a CA says of itself."""

    name: str
    version: str
    chain_pem: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokedCert:
    """A revoked certificate; both values in lower-case hex."""

    serial: str
    aki: str
