"""Issuing credentials: certificate, attestation, ledger; each step may be done again.

    certify  the owner's request is enrolled at the Fabric CA     looked up by id and key first
    attest   the provider signs what the credential will say      gives the same JWS again
    record   `issue_credentials` with the attestations            the same one gets its first answer

Each step's outcome is kept before the next begins. Killed anywhere, or left without an answer, the
worker takes the row up again and does what is left. What will never succeed ends the certification
with its code; everything else is tried again, later and later, for 24 hours.

Certifying and attesting go on beside recording, and what was attested meanwhile goes into the next
transaction: alone when little is to do, by the hundred when much is.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from chaincode.codec import decode_stored
from chaincode.errors import Refusal
from chaincode.model.act import ACCEPTED, Answer, Answers
from chaincode.model.base import Role, TimeMs
from chaincode.model.committee import Committee
from chaincode.model.credential import ATTESTATIONS_PER_TRANSACTION_MAX
from gateway.database import DatabaseUnavailable
from gateway.errors import LedgerError, NotEndorsed, Problem
from gateway.identity.attesting import Attesting, NotAsAsked
from gateway.identity.certifications import Certification, Certifications, Phase
from gateway.identity.certifying import plain_code
from gateway.identity.enrolment import Enroller
from gateway.identity.provider import ProviderBadAnswer, ProviderRefused, ProviderUnavailable
from gateway.identity.signingrequest import certificate_facts
from gateway.ledger import Ledger, ask
from network.ca.errors import CaError, IdentityDiffers

PREPARED_MAX: Final = 200
"""How many certifications are taken up at once to be certified and attested."""
AT_ONCE_MAX: Final = 20
"""How many of them ask the CA or the provider at the same time."""
RECORDED_MAX: Final = ATTESTATIONS_PER_TRANSACTION_MAX
"""How many credentials one round records, those of a community in one transaction."""
RETRY_MS: Final = 1_000
RETRY_MS_MAX: Final = 5 * 60 * 1000
ROUND_S: Final = 5.0
"""How often the worker looks without being called."""
_PASSING: Final = frozenset({"time/skewed", "attestation/from-the-future", "community/unknown"})
"""Refusals that a later try may not get."""

_OWN_WORDS: Final = {"credential/exists-with-different-content": "certification/id-taken"}

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
        self._verified = asyncio.Event()
        self._attested_some = asyncio.Event()

    def call(self) -> None:
        """Something may be due."""
        self._verified.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(self.prepare, PREPARED_MAX, self._verified))
            group.create_task(self._repeat(self.record, RECORDED_MAX, self._attested_some))

    async def round(self) -> None:
        """Take up everything that is due."""
        await self.prepare()
        await self.record()

    async def prepare(self) -> int:
        """Have certified and attested what is due; gives how many were taken up."""
        due = await self._certifications.due(self._clock_ms(), PREPARED_MAX, attested=False)
        slots = asyncio.Semaphore(AT_ONCE_MAX)

        async def prepare(one: Certification) -> None:
            async with slots:
                await self._prepare(one)

        await asyncio.gather(*map(prepare, due))
        return len(due)

    async def record(self) -> int:
        """Record the credentials that are attested and due; gives how many were taken up."""
        due = await self._certifications.due(self._clock_ms(), RECORDED_MAX, attested=True)
        by_community: dict[str, list[Certification]] = {}
        for one in due:
            if not await self._is_expired(one):
                by_community.setdefault(one.community, []).append(one)
        await asyncio.gather(*(self._record(*item) for item in by_community.items()))
        return len(due)

    async def _repeat(
        self, work: Callable[[], Awaitable[int]], count_max: int, called: asyncio.Event
    ) -> None:
        while True:
            called.clear()
            try:
                if await work() == count_max:
                    continue  # more may be due
            except DatabaseUnavailable:
                _log.warning("the identity database does not answer")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROUND_S):
                    await called.wait()

    async def _is_expired(self, one: Certification) -> bool:
        is_over = self._clock_ms() >= one.until_at
        if is_over:
            await self._refuse(one, "certification/expired")
        return is_over

    # --- Certificate and attestation ---

    async def _prepare(self, one: Certification) -> None:
        if await self._is_expired(one):
            return
        try:
            await self._attest(await self._certified(one))
        except (ProviderRefused, NotAsAsked) as error:
            await self._refuse(one, plain_code(error.code))
        except IdentityDiffers:
            await self._refuse(one, "certification/id-taken")
        except Refusal as refusal:
            await self._refused(one, refusal.code)
        except (CaError, ProviderUnavailable, ProviderBadAnswer, LedgerError) as error:
            await self._postpone(one, type(error).__name__)
        except DatabaseUnavailable:
            raise
        except Problem as problem:  # the person was erased meanwhile
            await self._refuse(one, problem.code)
        except Exception:
            _log.exception("issuing failed")
            await self._postpone(one, "defect")

    async def _certified(self, one: Certification) -> Certification:
        if one.certificate_pem is not None:
            return one
        pem = await self._enroller.certify(one.credential_id, one.request_pem, one.public_key)
        until_at = await self._valid_until(one, certificate_facts(pem)[2])
        await self._certifications.note_certificate(one, pem.decode(), until_at)
        return await self._again(one)

    async def _attest(self, one: Certification) -> None:
        held = await self._certifications.held(one)
        channel = await self._ledger.channel_of(one.community)
        attestation = await self._attesting.attest(one, held, channel)
        await self._certifications.note_attestation(one, attestation)
        self._attested_some.set()

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

    # --- The ledger ---

    async def _record(self, community: str, rows: Sequence[Certification]) -> None:
        """Record all in one transaction; each row ends, or waits, as its own answer says."""
        attestations = [one.attestation for one in rows]
        try:
            stated = await self._ledger.transact(
                community, "issue_credentials", {"attestations": attestations}
            )
            answers = decode_stored(stated.answer, Answers).answers
            assert len(answers) == len(rows)
        except Refusal as refusal:
            for one in rows:
                await self._refused(one, refusal.code)
        except LedgerError as error:
            await self._not_recorded(community, rows, error)
        except Exception:
            _log.exception("recording failed")
            for one in rows:
                await self._postpone(one, "defect")
        else:
            await self._answered(rows, answers)

    async def _not_recorded(
        self, community: str, rows: Sequence[Certification], error: LedgerError
    ) -> None:
        """All are tried again later; if one of them may be at fault, in halves and at once."""
        if isinstance(error, NotEndorsed) and error.is_defect and len(rows) > 1:
            middle = len(rows) // 2
            await self._record(community, rows[:middle])
            await self._record(community, rows[middle:])
            return
        for one in rows:
            await self._postpone(one, type(error).__name__)

    async def _answered(self, rows: Sequence[Certification], answers: Sequence[Answer]) -> None:
        pairs = list(zip(rows, answers, strict=True))
        issued = [one for one, answer in pairs if answer.code == ACCEPTED]
        await self._certifications.end(issued, Phase.ISSUED, None)
        _log.info("credentials issued: %d", len(issued))
        for one, answer in pairs:
            if answer.code != ACCEPTED:
                await self._refused(one, answer.code)

    # --- How a row ends or waits ---

    async def _refused(self, one: Certification, code: str) -> None:
        """The ledger refused it, for now or for good."""
        if code in _PASSING:
            return await self._postpone(one, code)
        return await self._refuse(one, _OWN_WORDS.get(code, code))

    async def _refuse(self, one: Certification, code: str) -> None:
        await self._certifications.end([one], Phase.REFUSED, code)
        _log.info("certification refused: %s", code)

    async def _postpone(self, one: Certification, code: str) -> None:
        wait_ms = min(RETRY_MS << min(one.failures, RETRY_MS.bit_length()), RETRY_MS_MAX)
        await self._certifications.postpone(one, self._clock_ms() + wait_ms, code)
        _log.warning("issuing is postponed: %s", code)
