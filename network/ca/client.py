"""An asyncio client of the Fabric CA REST API.

Every request names its CA in the query, so the signed path says which CA it was meant for.
"""

import json
from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import quote, urlencode

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.x509.oid import NameOID

from network.ca import answers
from network.ca.errors import (
    ALREADY_REVOKED,
    IDENTITY_UNKNOWN,
    AlreadyRegistered,
    CaOutcomeUnknown,
    CaRefused,
    IdentityDiffers,
)
from network.ca.http import ATTEMPTS_MAX, TIMEOUT_S, Authorize, CaHttp
from network.ca.keys import new_key, signing_request
from network.ca.model import (
    CaInfo,
    Credential,
    Enrollment,
    Reason,
    RegisteredIdentity,
    Registration,
    RevokedCert,
)
from network.ca.token import auth_token, basic_token

API = "/api/v1"
ROOT_AFFILIATION = "."
"""How a registration says: no affiliation, so the certificate's only OU is the role."""


class CaClient:
    """Requests to one CA of a Fabric CA server. Use `async with`; all methods raise CaError."""

    def __init__(
        self,
        url: str,
        ca_name: str,
        tls_root_pem: bytes,
        *,
        timeout_s: float = TIMEOUT_S,
        attempts_max: int = ATTEMPTS_MAX,
    ) -> None:
        self.ca_name = ca_name
        self._http = CaHttp(url, tls_root_pem, timeout_s=timeout_s, attempts_max=attempts_max)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self._http.__aexit__(*raised)

    async def info(self) -> CaInfo:
        """The CA's name, version and chain; needs no identity, so it serves as a health check."""
        result = await self._call("GET", "cainfo", None, None, repeatable=True)
        return answers.read_info(result)

    async def enroll(
        self,
        enrollment_id: str,
        secret: str,
        *,
        key: EllipticCurvePrivateKey | None = None,
        hosts: tuple[str, ...] = (),
        profile: str = "",
        attributes: Sequence[str] | None = None,
    ) -> Enrollment:
        """A certificate for a registered identity; `key` is made here when none is given.

        `attributes` names the registered ones to put in; None = those registered for that.
        After CaOutcomeUnknown one use of the secret may be spent on a certificate nobody has:
        asking again is safe as long as the identity's budget lasts.
        """
        key = key or new_key()
        request = _enrollment_request(enrollment_id, key, hosts, profile, attributes)
        result = await self._call(
            "POST",
            "enroll",
            request,
            lambda *_: basic_token(enrollment_id, secret),
            repeatable=False,
        )
        return answers.read_enrollment(result, key)

    async def certify(self, enrollment_id: str, secret: str, request_pem: str) -> bytes:
        """A certificate (PEM) for a key that stays with its owner, who made the PKCS#10 request.

        The request's common name must be the id. After CaOutcomeUnknown look for it with
        `certificates`; raises CaBadAnswer for a certificate of another key.
        """
        request = {"certificate_request": request_pem}
        result = await self._call(
            "POST",
            "enroll",
            request,
            lambda *_: basic_token(enrollment_id, secret),
            repeatable=False,
        )
        return answers.read_certified(result, request_pem)

    async def certificates(self, caller: Credential, enrollment_id: str) -> tuple[bytes, ...]:
        """Every certificate (PEM) ever issued to an identity."""
        result = await self._call(
            "GET", "certificates", None, _signed(caller), repeatable=True, id=enrollment_id
        )
        return answers.read_certificates(result)

    async def reenroll(
        self,
        holder: Credential,
        *,
        key: EllipticCurvePrivateKey | None = None,
        hosts: tuple[str, ...] = (),
        profile: str = "",
    ) -> Enrollment:
        """A new certificate for the holder of a valid one; for the same key unless one is given.

        Needs no secret and spends no enrolment, so a lost answer is simply asked for again.
        """
        key = key or holder.key
        request = _enrollment_request(_common_name(holder.cert_pem), key, hosts, profile, None)
        result = await self._call("POST", "reenroll", request, _signed(holder), repeatable=True)
        return answers.read_enrollment(result, key)

    async def register(self, registrar: Credential, registration: Registration) -> None:
        """Make an identity known. Raises AlreadyRegistered when its id is taken."""
        request = {
            "id": registration.enrollment_id,
            "type": registration.role.value,
            "secret": registration.secret,
            "max_enrollments": registration.enrollments_max,
            "affiliation": ROOT_AFFILIATION,
            "attrs": [
                {"name": attribute.name, "value": attribute.value, "ecert": attribute.in_cert}
                for attribute in registration.attributes
            ],
        }
        await self._call("POST", "register", request, _signed(registrar), repeatable=False)

    async def ensure_registered(self, registrar: Credential, registration: Registration) -> None:
        """Register, or find the identity registered alike and give it this secret.

        So a run that was killed between registering and enrolling can start again.
        Raises IdentityDiffers when the id has another role, other attributes or another budget.
        """
        try:
            await self.register(registrar, registration)
        except (AlreadyRegistered, CaOutcomeUnknown):
            known = await self._find(registrar, registration.enrollment_id)
            if known is None:
                return await self.register(registrar, registration)
            _require_alike(known, registration)
            await self.set_secret(registrar, registration.enrollment_id, registration.secret)

    async def set_secret(self, registrar: Credential, enrollment_id: str, secret: str) -> None:
        """Replace an identity's secret; the count of its uses stays."""
        path = f"identities/{quote(enrollment_id, safe='')}"
        await self._call("PUT", path, {"secret": secret}, _signed(registrar), repeatable=True)

    async def revoke_identity(
        self, revoker: Credential, enrollment_id: str, reason: Reason
    ) -> tuple[RevokedCert, ...]:
        """Revoke every certificate of an identity and close it for good.

        Returns those revoked by this request: none when it is repeated.
        """
        request = {"id": enrollment_id, "reason": reason.value}
        result = await self._call("POST", "revoke", request, _signed(revoker), repeatable=True)
        return answers.read_revoked(result)

    async def revoke_certificate(
        self, revoker: Credential, serial: str, aki: str, reason: Reason
    ) -> None:
        """Revoke one certificate, named by serial and authority key id (hex).

        One that is revoked already stays so.
        """
        request = {"serial": serial, "aki": aki, "reason": reason.value}
        try:
            await self._call("POST", "revoke", request, _signed(revoker), repeatable=True)
        except CaRefused as refusal:
            if refusal.code != ALREADY_REVOKED:
                raise

    async def crl(self, revoker: Credential) -> bytes:
        """The CA's list of revoked, unexpired certificates, signed now (PEM)."""
        result = await self._call("POST", "gencrl", {}, _signed(revoker), repeatable=True)
        return answers.read_crl(result)

    async def identities(self, registrar: Credential) -> tuple[RegisteredIdentity, ...]:
        """Every identity that the registrar may manage."""
        result = await self._call("GET", "identities", None, _signed(registrar), repeatable=True)
        return answers.read_identities(result)

    async def identity(self, registrar: Credential, enrollment_id: str) -> RegisteredIdentity:
        """One identity. Raises CaRefused with code 63 when there is none."""
        path = f"identities/{quote(enrollment_id, safe='')}"
        result = await self._call("GET", path, None, _signed(registrar), repeatable=True)
        return answers.read_identity(result)

    async def remove_identity(self, registrar: Credential, enrollment_id: str) -> None:
        """Forget an identity and revoke its certificates; its id is free again.

        Raises CaRefused when there is none.
        """
        path = f"identities/{quote(enrollment_id, safe='')}"
        await self._call("DELETE", path, None, _signed(registrar), repeatable=False)

    async def _find(self, registrar: Credential, enrollment_id: str) -> RegisteredIdentity | None:
        try:
            return await self.identity(registrar, enrollment_id)
        except CaRefused as refusal:
            if refusal.code != IDENTITY_UNKNOWN:
                raise
            return None

    async def _call(
        self,
        method: str,
        path: str,
        request: dict[str, Any] | None,
        authorize: Authorize | None,
        *,
        repeatable: bool,
        **query: str,
    ) -> dict[str, Any]:
        body = b"" if request is None else json.dumps(request).encode()
        whole = f"{API}/{path}?{urlencode({'ca': self.ca_name, **query})}"
        return await self._http.call(method, whole, body, authorize, repeatable=repeatable)


def _signed(signer: Credential) -> Authorize:
    return lambda method, path, body: auth_token(signer, method, path, body)


def _enrollment_request(
    common_name: str,
    key: EllipticCurvePrivateKey,
    hosts: tuple[str, ...],
    profile: str,
    attributes: Sequence[str] | None,
) -> dict[str, Any]:
    request: dict[str, Any] = {
        "certificate_request": signing_request(common_name, key, hosts),
        "profile": profile,
    }
    if attributes is not None:
        request["attr_reqs"] = [{"name": name, "optional": False} for name in attributes]
    return request


def _common_name(cert_pem: bytes) -> str:
    subject = x509.load_pem_x509_certificate(cert_pem).subject
    return str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _require_alike(known: RegisteredIdentity, asked: Registration) -> None:
    wanted = tuple(sorted(asked.attributes, key=lambda attribute: attribute.name))
    differences = [
        what
        for what, same in (
            ("role", known.role == asked.role.value),
            ("attributes", known.attributes == wanted),
            ("enrolment budget", known.enrollments_max == asked.enrollments_max),
        )
        if not same
    ]
    if differences:
        raise IdentityDiffers(
            f"{asked.enrollment_id} is registered with another {' and '.join(differences)}"
        )
