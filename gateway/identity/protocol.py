"""The identity provider's HTTP protocol as types; README.md says what each call means.

Imported by both ends: the gateway's client (`providerclient`) and the sandbox.
"""

from enum import StrEnum
from typing import Annotated, Final

import msgspec

from chaincode.model.base import Id, Record, Role, Sha256, TimeMs
from gateway.identity.bindings import Salt

MESSAGE_BYTES_MAX: Final = 64 * 1024
PEM_CHARS_MAX: Final = 8 * 1024
ATTEMPTS_MAX: Final = 5
"""How often one step of one verification may be begun."""
CODE_TRIES_MAX: Final = 5
"""How many wrong codes one attempt forgives."""
CODE_MS_MAX: Final = 5 * 60 * 1000
"""How long a code sent to a phone is good."""
WRONG_CODE: Final = "code/wrong"
"""The refusal (422) of a code that is not the one; the attempt goes on."""
VERIFICATION_MS_MAX: Final = 24 * 60 * 60 * 1000
"""How long after its opening a verification may be attested."""

Attempt = Annotated[int, msgspec.Meta(ge=1, le=ATTEMPTS_MAX)]
Phone = Annotated[str, msgspec.Meta(pattern=r"\A\+?[0-9]{5,20}\Z")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
IdNo = Annotated[str, msgspec.Meta(pattern=r"\A[0-9A-Z]{6,20}\Z")]
Code = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9._-]{1,256}\Z")]
Url = Annotated[str, msgspec.Meta(pattern=r"\Ahttps?://[!-~]{1,1000}\Z")]
Pem = Annotated[str, msgspec.Meta(max_length=PEM_CHARS_MAX)]


class Step(StrEnum):
    """One thing a provider checks."""

    ROLL = "roll"
    """The housing bureau's roll names this person as an owner of this unit."""
    EMPLOYMENT = "employment"
    """A register of employment names this person as a clerk in this role, of this company."""
    PERSON = "person"
    """The population register knows this name with this identity code."""
    FACE = "face"
    """A live face matches the register's picture; done at the provider's own page."""
    PHONE = "phone"
    """A code sent to the person's own phone came back."""
    ACCOUNT = "account"
    """The person signed in to their messaging account (OAuth 2.0, RFC 6749, 4.1)."""
    COUNTER = "counter"
    """A clerk at the provider's counter saw the person and their document."""


class Outcome(StrEnum):
    """How an attempt at a step ended."""

    PENDING = "pending"
    PASSED = "passed"
    MISMATCH = "mismatch"
    EXPIRED = "expired"
    LOCKED = "locked"
    """Too many wrong codes: this attempt takes no more."""


class ProviderInfo(Record):
    """Answer of GET /v1/provider."""

    provider_id: Id
    public_key: str
    steps: tuple[Step, ...]


class Opening(Record):
    """Body of PUT /v1/verifications/{credential_id}: whom to verify, and for which key."""

    community: Id
    holder_id: Id
    role: Role
    public_key: str
    name: Name
    id_no: IdNo
    unit_id: Id | None
    steps: tuple[Step, ...]
    company_id: Id | None = None
    """Of a company's clerk; the attestation says it."""


class Opened(Record):
    """Answer of that: the same verification is open already, or is now."""

    credential_id: Id


class Beginning(Record):
    """Body of PUT .../steps/{step}: begin an attempt, or hear of it again."""

    attempt: Attempt
    phone: Phone | None = None
    redirect_uri: Url | None = None


class GivenCode(Record):
    """Body of POST .../steps/{step}/code: what the person typed, or what OAuth gave back."""

    attempt: Attempt
    code: Code


class StepAnswer(Record):
    """Where an attempt at a step stands.

    `url` is where the person goes on (face, account, or the ticket to show at the counter);
    `account` is the digest of the account that a passed step found (`bindings.account_digest`).
    """

    step: Step
    attempt: Attempt
    outcome: Outcome
    url: Url | None = None
    account: Sha256 | None = None


class AttestationInput(Record):
    """Body of POST .../attestation; the rest the provider knows from its own checks."""

    channel: str
    certificate_pem: Pem
    salt: Salt
    device: Sha256
    valid_until_at: TimeMs


class AttestationAnswer(Record):
    """Answer of POST .../attestation: a JWS, type ``commonhold-attestation+jws``."""

    attestation: str


class RefusedAnswer(Record):
    """Answer of every refusal."""

    code: str
