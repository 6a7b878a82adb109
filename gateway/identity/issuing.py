"""Issuing credentials: certificate, attestation, ledger; each step may be done again.

    certify  the owner's request is enrolled at the Fabric CA     looked up by id and key first
    attest   the provider signs what the credential will say      gives the same JWS again
    record   `issue_credential` with the attestation              looked up by id first

Each step's outcome is kept before the next begins. Killed anywhere, or left without an answer, the
worker takes the row up again and finds what was done. What will never succeed ends the
certification with its code; everything else is tried again, later and later, for 24 hours.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

import msgspec

from chaincode.codec import decode_stored
from chaincode.errors import NotFound, Refusal
from chaincode.model.base import Role, TimeMs
from chaincode.model.committee import Committee
from chaincode.model.credential import Credential
from gateway.database import DatabaseUnavailable
from gateway.errors import LedgerError, Problem
from gateway.identity.attesting import Attesting, NotAsAsked
from gateway.identity.certifications import Certification, Certifications, Phase
from gateway.identity.certifying import plain_code
from gateway.identity.enrolment import Enroller
from gateway.identity.provider import ProviderBadAnswer, ProviderRefused, ProviderUnavailable
from gateway.identity.signingrequest import certificate_facts
from gateway.ledger import Ledger, ask
from network.ca.errors import CaError, IdentityDiffers

ROWS_MAX: Final = 20
"""How many certifications one round takes up."""
RETRY_MS: Final = 1_000
RETRY_MS_MAX: Final = 5 * 60 * 1000
ROUND_S: Final = 5.0
"""How often the worker looks without being called."""
_PASSING: Final = frozenset({"time/skewed", "attestation/from-the-future", "community/unknown"})
"""Refusals that a later try may not get."""

_log = logging.getLogger(__name__)


class _CommitteeNow(msgspec.Struct, frozen=True):
    committee: Committee


class Issuing:
    """The worker of one gateway; any number of them may run beside each other."""

    def __init__(
        self,
        certifications: Certifications,
        enroller: Enroller,
        attesting: Attesting,
        ledger: Ledger,
        clock_ms: Callable[[], int],
        valid_ms: TimeMs,
    ) -> None:
        self._certifications = certifications
        self._enroller = enroller
        self._attesting = attesting
        self._ledger = ledger
        self._clock_ms = clock_ms
        self._valid_ms = valid_ms
        self._called = asyncio.Event()

    def call(self) -> None:
        """Something may be due."""
        self._called.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._called.clear()
            try:
                await self.round()
            except DatabaseUnavailable:
                _log.warning("the identity database does not answer")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROUND_S):
                    await self._called.wait()

    async def round(self) -> None:
        """Take up everything that is due."""
        due = await self._certifications.due(self._clock_ms(), ROWS_MAX)
        await asyncio.gather(*(self._advance(one) for one in due))

    async def _advance(self, one: Certification) -> None:
        if self._clock_ms() >= one.until_at:
            return await self._refuse(one, "certification/expired")
        try:
            await self._issue(one)
        except (ProviderRefused, NotAsAsked) as error:
            await self._refuse(one, plain_code(error.code))
        except IdentityDiffers:
            await self._refuse(one, "certification/id-taken")
        except Refusal as refusal:
            if refusal.code in _PASSING:
                return await self._postpone(one, refusal.code)
            await self._refuse(one, refusal.code)
        except (CaError, ProviderUnavailable, ProviderBadAnswer, LedgerError) as error:
            await self._postpone(one, type(error).__name__)
        except DatabaseUnavailable:
            raise
        except Problem as problem:  # the person was erased meanwhile
            await self._refuse(one, problem.code)
        except Exception:
            _log.exception("issuing failed")
            await self._postpone(one, "defect")
        return None

    async def _issue(self, one: Certification) -> None:
        one = await self._certified(one)
        one = await self._attested(one)
        assert one.attestation is not None
        recorded = await self._recorded(one, one.attestation)
        if recorded.attestation != one.attestation:
            return await self._refuse(one, "certification/id-taken")
        await self._certifications.end(one, Phase.ISSUED, None)
        _log.info("credential issued")
        return None

    async def _certified(self, one: Certification) -> Certification:
        if one.certificate_pem is not None:
            return one
        pem = await self._enroller.certify(one.credential_id, one.request_pem, one.public_key)
        until_at = await self._valid_until(one, certificate_facts(pem)[2])
        await self._certifications.note_certificate(one, pem.decode(), until_at)
        return await self._again(one)

    async def _attested(self, one: Certification) -> Certification:
        if one.attestation is not None:
            return one
        held = await self._certifications.held(one)
        channel = await self._ledger.channel_of(one.community)
        attestation = await self._attesting.attest(one, held, channel)
        await self._certifications.note_attestation(one, attestation)
        return await self._again(one)

    async def _recorded(self, one: Certification, attestation: str) -> Credential:
        """The credential on the ledger: the one that an earlier try recorded, or a new one."""
        try:
            return await ask(
                self._ledger,
                one.community,
                "credential",
                Credential,
                credential_id=one.credential_id,
            )
        except NotFound as refusal:
            if refusal.code != "credential/not-found":
                raise
        stated = await self._ledger.transact(
            one.community, "issue_credential", {"attestation": attestation}
        )
        return decode_stored(stated.answer, Credential)

    async def _valid_until(self, one: Certification, certificate_until_at: int) -> int:
        """The certificate's end, the office's limit, or for a member the end of the term."""
        until_at = min(certificate_until_at, self._clock_ms() + self._valid_ms)
        if one.role is not Role.COMMITTEE_MEMBER:
            return until_at
        now = await ask(self._ledger, one.community, "committee", _CommitteeNow)
        return min(until_at, now.committee.until_at)

    async def _again(self, one: Certification) -> Certification:
        found = await self._certifications.find(one.credential_id)
        assert found is not None, one.credential_id
        return found

    async def _refuse(self, one: Certification, code: str) -> None:
        await self._certifications.end(one, Phase.REFUSED, code)
        _log.info("certification refused: %s", code)

    async def _postpone(self, one: Certification, code: str) -> None:
        wait_ms = min(RETRY_MS << min(one.failures, RETRY_MS.bit_length()), RETRY_MS_MAX)
        await self._certifications.postpone(one, self._clock_ms() + wait_ms, code)
        _log.warning("issuing is postponed: %s", code)
