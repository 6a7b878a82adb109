"""Asking for an attestation, and not taking any other than the one asked for."""

from chaincode import jws
from chaincode.codec import decode_unambiguous
from chaincode.errors import Refusal
from chaincode.model.community import Provider as AdmittedProvider
from chaincode.model.credential import ATTESTATION_BYTES_MAX, ATTESTATION_TYP, Attestation
from gateway.errors import GatewayError
from gateway.identity.bindings import Binding, salted_sha256
from gateway.identity.certifications import Certification, Held
from gateway.identity.protocol import AttestationInput
from gateway.identity.provider import Provider
from gateway.identity.signingrequest import certificate_facts
from gateway.ledger import Ledger, ask


class NotAsAsked(GatewayError):
    """The provider attests something else than was asked, or another key signed it."""

    code = "attestation/not-as-asked"


class Attesting:
    """Attestations by the provider that the ledger admits."""

    def __init__(self, provider: Provider, ledger: Ledger) -> None:
        self._provider = provider
        self._ledger = ledger

    async def attest(self, one: Certification, held: Held, channel: str) -> str:
        """The attestation (JWS). Raises NotAsAsked, ProviderError, Refusal, LedgerError."""
        assert one.certificate_pem is not None
        assert one.valid_until_at is not None
        if held.account is None:
            raise NotAsAsked("no step found an account")
        wanted = AttestationInput(
            channel=channel,
            certificate_pem=one.certificate_pem,
            salt=held.salt,
            device=held.device,
            valid_until_at=one.valid_until_at,
        )
        attestation = await self._provider.attest(one.credential_id, wanted)
        said = await self._read(one.community, attestation)
        expected = {
            "channel": channel,
            "community": one.community,
            "credential_id": one.credential_id,
            "holder_id": one.holder_id,
            "role": one.role,
            "company_id": held.company_id,
            "public_key": one.public_key,
            "certificate_sha256": certificate_facts(one.certificate_pem.encode())[0],
            "device_sha256": salted_sha256(held.salt, Binding.DEVICE, held.device),
            "account_sha256": salted_sha256(held.salt, Binding.ACCOUNT, held.account),
            "valid_until_at": one.valid_until_at,
        }
        if any(getattr(said, name) != value for name, value in expected.items()):
            raise NotAsAsked("other fields than asked")
        return attestation

    async def _read(self, community: str, attestation: str) -> Attestation:
        try:
            signed = jws.read(
                attestation.encode("ascii", errors="replace"),
                typ=ATTESTATION_TYP,
                noun="attestation",
                bytes_max=ATTESTATION_BYTES_MAX,
            )
            said = decode_unambiguous(signed.payload, Attestation)
        except Refusal as refusal:
            raise NotAsAsked(refusal.code) from refusal
        admitted = await ask(
            self._ledger, community, "provider", AdmittedProvider, provider_id=signed.kid
        )
        try:
            jws.require_signature(signed, admitted.public_key, noun="attestation")
        except Refusal as refusal:
            raise NotAsAsked(refusal.code) from refusal
        return said
