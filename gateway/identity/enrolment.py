"""Certificates for owners' keys from the regulator's Fabric CA.

Owners are registered as `person`: no MSP takes such a certificate for one of the organisation's
own, so an owner's key signs acts and never a transaction in the regulator's name. An identity is
good for one certificate; a lost answer is looked up, never asked for twice.
"""

import secrets
from types import TracebackType
from typing import Final, Protocol, Self

from gateway.identity.signingrequest import certificate_facts
from network.ca.client import CaClient
from network.ca.errors import AUTHENTICATION_FAILED, CaRefused
from network.ca.model import Credential, Registration, Role

SECRET_BYTES: Final = 24
ENROLMENTS_MAX: Final = 1


class Enroller(Protocol):
    """Who issues certificates. Raises CaError."""

    async def certify(self, credential_id: str, request_pem: str, public_key: str) -> bytes:
        """The one certificate (PEM) of this id and key; the same one when asked again."""
        ...


class CaEnroller:
    """The enrolment CA of the organisation's Fabric CA server; use it as a context manager.

    `registrar_id` may register identities of the type `person`; its key is made at the start and
    stays in memory.
    """

    def __init__(self, ca: CaClient, registrar_id: str, registrar_secret: str) -> None:
        self._ca = ca
        self._registrar_id = registrar_id
        self._registrar_secret = registrar_secret
        self._registrar: Credential | None = None

    async def __aenter__(self) -> Self:
        await self._ca.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._ca.__aexit__(kind, error, trace)

    async def certify(self, credential_id: str, request_pem: str, public_key: str) -> bytes:
        """See `Enroller.certify`."""
        registrar = await self._signer()
        issued = await self._issued(registrar, credential_id, public_key)
        if issued is not None:
            return issued
        secret = secrets.token_urlsafe(SECRET_BYTES)
        registration = Registration(
            enrollment_id=credential_id,
            secret=secret,
            role=Role.PERSON,
            enrollments_max=ENROLMENTS_MAX,
        )
        await self._ca.ensure_registered(registrar, registration)
        try:
            return await self._ca.certify(credential_id, secret, request_pem)
        except CaRefused as refusal:
            if refusal.code != AUTHENTICATION_FAILED:
                raise
            # Another worker was faster, so the one enrolment is spent: take what it got.
            issued = await self._issued(registrar, credential_id, public_key)
            if issued is None:
                raise
            return issued

    async def _signer(self) -> Credential:
        if self._registrar is None:
            enrolled = await self._ca.enroll(self._registrar_id, self._registrar_secret)
            self._registrar = enrolled.credential
        return self._registrar

    async def _issued(
        self, registrar: Credential, credential_id: str, public_key: str
    ) -> bytes | None:
        for pem in await self._ca.certificates(registrar, credential_id):
            if certificate_facts(pem)[1] == public_key:
                return pem
        return None
