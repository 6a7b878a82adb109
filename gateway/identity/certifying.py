"""Certifying a person, step by step, until nothing is left but to issue the credential."""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec

from chaincode.model.base import Id, Org, Record, Role, Sha256, TimeMs
from gateway.errors import Problem
from gateway.identity import flows, signingrequest
from gateway.identity.bindings import Bindings
from gateway.identity.certifications import (
    Certification,
    Certifications,
    Held,
    Phase,
    StepRecord,
    new_salt,
)
from gateway.identity.flows import Flow
from gateway.identity.guessing import Guesses
from gateway.identity.protocol import (
    WRONG_CODE,
    Beginning,
    GivenCode,
    IdNo,
    Name,
    Opening,
    Outcome,
    Pem,
    Step,
    StepAnswer,
    Url,
)
from gateway.identity.provider import (
    Provider,
    ProviderBadAnswer,
    ProviderRefused,
    ProviderUnavailable,
)
from gateway.identity.staff import Staff
from gateway.identity.vault import Purpose, Vault

T = TypeVar("T")

RETRY_AFTER_S: Final = 5
_ELSEWHERE: Final = frozenset({Step.FACE, Step.COUNTER})
"""Steps that go on at the provider, so that news of them must be asked for."""
_NEEDS_URL: Final = frozenset({Step.FACE, Step.ACCOUNT})
_CODE: Final = re.compile(r"\A[a-z0-9-]{1,40}/[a-z0-9-]{1,40}\Z")


class CertificationRequest(Record):
    """Who wants a credential, as what, and the request for their key's certificate."""

    flow: Flow
    role: Role
    name: Name
    id_no: IdNo
    device: Sha256
    """Digest of the device's fingerprint, made by the client."""
    request_pem: Pem
    unit_id: Id | None = None
    """Of owners, and required of them; clerks have none."""


class StepStatus(Record):
    """Where a step stands; `attempt` 0 has not begun."""

    step: Step
    attempt: int
    outcome: Outcome | None
    url: Url | None


class CertificationStatus(Record):
    """Where a certification stands.

    `next_step` is what the person does next. Once issued, `bindings` and `certificate_pem` are
    for the client to keep: without the bindings it cannot log in.
    """

    credential_id: Id
    community: Id
    flow: Flow
    role: Role
    phase: Phase
    code: str | None
    steps: tuple[StepStatus, ...]
    next_step: Step | None
    until_at: TimeMs
    bindings: Bindings | None = None
    certificate_pem: str | None = None


class Certifying:
    """The office's side of certifying. Every method raises Problem as README.md lists."""

    def __init__(
        self,
        vault: Vault,
        certifications: Certifications,
        guesses: Guesses,
        provider: Provider,
        clock_ms: Callable[[], int],
        on_verified: Callable[[], None],
        roles: frozenset[Role] = flows.roles_of(Org.REGULATOR),
    ) -> None:
        self._vault = vault
        self._certifications = certifications
        self._guesses = guesses
        self._provider = provider
        self._clock_ms = clock_ms
        self._on_verified = on_verified
        self._roles = roles
        self._staff = Staff(vault)

    async def offered(self, role: Role = Role.OWNER) -> tuple[Flow, ...]:
        """The ways to be certified in a role; one of them needs no face."""
        if role not in self._roles:
            raise Problem(422, "certification/role-not-offered")
        return flows.offered((await _asked(self._provider.info())).steps, role)

    async def open(
        self, community: str, credential_id: str, secret: str, request: CertificationRequest
    ) -> CertificationStatus:
        """Begin a certification; the same request again is the same certification.

        A name, code and unit that do not belong together are answered alike whichever is wrong,
        so that nobody learns who is on the roll.
        """
        if signingrequest.credential_id(community, secret) != credential_id:
            raise Problem(400, "certification/bad-id")
        content_index = self._vault.index(
            "certification", msgspec.json.encode((community, request)).decode()
        )
        one = await self._certifications.find(credential_id)
        if one is None:
            new = await self._new(community, credential_id, secret, request, content_index)
            one = await self._certifications.add(*new)
        if one.content_index != content_index:
            raise Problem(409, "certification/exists-with-different-content")
        return await self._status(one)

    async def status(self, credential_id: str, secret: str) -> CertificationStatus:
        """Where it stands; asks the provider for news of what goes on there."""
        one = await self._find(credential_id, secret)
        steps = await self._certifications.steps(credential_id)
        step = _next(one, steps)
        record = steps.get(step) if step else None
        if one.phase is Phase.VERIFYING and record and record.step in _ELSEWHERE:
            try:
                answer = await _asked(self._provider.look(credential_id, record.step))
            except Problem:
                return await self._status(one)
            await self._note(one, answer)
        return await self._status(await self._find(credential_id, secret))

    async def begin(
        self, credential_id: str, secret: str, step: Step, beginning: Beginning
    ) -> CertificationStatus:
        """Begin an attempt at the next step; the same attempt again is answered again."""
        one = await self._find(credential_id, secret)
        steps = await self._certifications.steps(credential_id)
        if _has_passed(steps.get(step), beginning.attempt):
            return await self._status(one)
        record = _at(one, steps, step)
        _require_attempt(record, beginning.attempt)
        if step in _NEEDS_URL and beginning.redirect_uri is None:
            raise Problem(400, "step/needs-redirect")
        if record is None and step is flows.steps_of(one.flow, one.role)[0]:
            await self._open_at_provider(one)
        if step is Step.PHONE:
            await self._prepare_phone(one, record, beginning)
        answer = await _asked(self._provider.begin(credential_id, step, beginning))
        await self._note(one, answer)
        return await self._status(await self._find(credential_id, secret))

    async def give_code(
        self, credential_id: str, secret: str, step: Step, given: GivenCode
    ) -> CertificationStatus:
        """Hand over the code that was sent to the phone, or that OAuth gave back."""
        one = await self._find(credential_id, secret)
        steps = await self._certifications.steps(credential_id)
        if _has_passed(steps.get(step), given.attempt):
            return await self._status(one)
        record = _at(one, steps, step)
        if record is None or record.attempt != given.attempt:
            raise Problem(409, "step/other-attempt", {"attempt": record.attempt if record else 0})
        if record.outcome is not Outcome.PENDING:
            raise Problem(409, "step/attempt-over", {"attempt": record.attempt})
        await self._guesses.spend("code", credential_id)
        answer = await _asked(self._given(credential_id, step, given))
        await self._note(one, answer)
        if answer.outcome is Outcome.PASSED:
            await self._guesses.clear("code", credential_id)
        return await self._status(await self._find(credential_id, secret))

    # --- Helpers ---

    async def _new(
        self,
        community: str,
        credential_id: str,
        secret: str,
        request: CertificationRequest,
        content_index: str,
    ) -> tuple[Certification, Held]:
        if request.flow not in await self.offered(request.role):
            raise Problem(422, "certification/flow-not-offered")
        if (request.role in flows.OWNER_ROLES) != (request.unit_id is not None):
            raise Problem(400, "certification/bad-unit")
        public_key, pem = signingrequest.read_request(request.request_pem, credential_id)
        holder_id, company_id = await self._matched(community, credential_id, request)
        return Certification(
            credential_id=credential_id,
            secret_sha256=_sha256(secret),
            content_index=content_index,
            community=community,
            role=request.role,
            flow=request.flow,
            holder_id=holder_id,
            unit_id=request.unit_id,
            public_key=public_key,
            request_pem=pem,
            opened_at=self._clock_ms(),
        ), Held(salt=new_salt(), device=request.device, company_id=company_id)

    async def _matched(
        self, community: str, credential_id: str, request: CertificationRequest
    ) -> tuple[str, str | None]:
        """The holder id of who asks, and the company that a clerk is of."""
        await self._guesses.spend("id-no", request.id_no)
        holder_id, company_id = await self._registered(community, request)
        person = holder_id and await self._vault.person(
            holder_id, Purpose.CERTIFY, f"certification/{credential_id}"
        )
        if not person or not _same_name(person.name or "", request.name):
            raise Problem(422, "person/not-matched")
        await self._guesses.clear("id-no", request.id_no)
        return person.holder_id, company_id

    async def _registered(
        self, community: str, request: CertificationRequest
    ) -> tuple[str | None, str | None]:
        """Owners are known from the roll, clerks from the office's own register."""
        if request.role in flows.OWNER_ROLES:
            return await self._vault.holder_of(request.id_no), None
        member = await self._staff.find(community, request.role, request.id_no)
        return (None, None) if member is None else (member.holder_id, member.company_id)

    async def _find(self, credential_id: str, secret: str) -> Certification:
        """The certification, for who has its secret; to others there is none."""
        one = await self._certifications.find(credential_id)
        if one is None or not hmac.compare_digest(one.secret_sha256, _sha256(secret)):
            raise Problem(404, "certification/not-found")
        if one.phase is Phase.VERIFYING and self._clock_ms() >= one.until_at:
            await self._certifications.end([one], Phase.REFUSED, "certification/expired")
            return await self._find(credential_id, secret)
        return one

    async def _open_at_provider(self, one: Certification) -> None:
        person = await self._vault.person(
            one.holder_id, Purpose.CERTIFY, f"certification/{one.credential_id}"
        )
        if person is None or person.id_no is None or person.name is None:
            raise Problem(409, "certification/person-erased")
        opening = Opening(
            community=one.community,
            holder_id=one.holder_id,
            role=one.role,
            public_key=one.public_key,
            name=person.name,
            id_no=person.id_no,
            unit_id=one.unit_id,
            steps=flows.steps_of(one.flow, one.role),
            company_id=(await self._certifications.held(one)).company_id,
        )
        await _asked(self._provider.open(one.credential_id, opening))

    async def _prepare_phone(
        self, one: Certification, record: StepRecord | None, beginning: Beginning
    ) -> None:
        """Keep the phone of a new attempt; sending codes is limited for each number."""
        if beginning.phone is None:
            raise Problem(400, "step/needs-phone")
        if record is not None and record.attempt == beginning.attempt:
            if (await self._certifications.held(one)).phone != beginning.phone:
                raise Problem(409, "step/other-attempt", {"attempt": record.attempt})
            return
        await self._guesses.spend("phone", beginning.phone)
        await self._certifications.note_phone(one, beginning.phone)

    async def _given(self, credential_id: str, step: Step, given: GivenCode) -> StepAnswer:
        """Give the code; if the answer is lost, look how the attempt stands now."""
        try:
            return await self._provider.give_code(credential_id, step, given)
        except ProviderRefused as refused:
            if refused.code == WRONG_CODE:
                raise Problem(422, "step/wrong-code") from None
            raise
        except ProviderUnavailable:
            answer = await self._provider.look(credential_id, step)
            if answer.attempt != given.attempt or answer.outcome is Outcome.PENDING:
                raise
            return answer

    async def _note(self, one: Certification, answer: StepAnswer) -> None:
        await self._certifications.note_step(one, answer, self._clock_ms())
        if answer.step is Step.PHONE and answer.outcome is Outcome.PASSED:
            held = await self._certifications.held(one)
            await self._guesses.clear("phone", held.phone or "")
        self._on_verified()

    async def _status(self, one: Certification) -> CertificationStatus:
        known = await self._certifications.steps(one.credential_id)
        bindings = await self._bindings(one) if one.phase is Phase.ISSUED else None
        return CertificationStatus(
            credential_id=one.credential_id,
            community=one.community,
            flow=one.flow,
            role=one.role,
            phase=one.phase,
            code=one.code if one.phase is Phase.REFUSED else None,
            steps=tuple(
                _step_status(step, known.get(step)) for step in flows.steps_of(one.flow, one.role)
            ),
            next_step=_next(one, known) if one.phase is Phase.VERIFYING else None,
            until_at=one.until_at,
            bindings=bindings,
            certificate_pem=one.certificate_pem if one.phase is Phase.ISSUED else None,
        )

    async def _bindings(self, one: Certification) -> Bindings | None:
        held = await self._certifications.held(one)
        if held.account is None:
            return None
        return Bindings(salt=held.salt, device=held.device, account=held.account)


async def _asked(asking: Awaitable[T]) -> T:
    """What the provider answers; what goes wrong as a Problem."""
    try:
        return await asking
    except ProviderUnavailable:
        raise Problem(503, "provider/unavailable", retry_after_s=RETRY_AFTER_S) from None
    except ProviderRefused as refused:
        raise Problem(422, "provider/refused", {"reason": plain_code(refused.code)}) from None
    except ProviderBadAnswer as error:
        raise Problem(502, "provider/bad-answer") from error


def plain_code(code: str) -> str:
    """A code from outside, unless it is none: then it could be anything, a name included."""
    return code if _CODE.match(code) else "provider/unreadable-code"


def _has_passed(record: StepRecord | None, attempt: int) -> bool:
    return record is not None and record.outcome is Outcome.PASSED and record.attempt == attempt


def _at(one: Certification, steps: dict[Step, StepRecord], step: Step) -> StepRecord | None:
    """The latest attempt at this step, which must be the certification's next."""
    if one.phase is not Phase.VERIFYING:
        raise Problem(409, "certification/not-verifying")
    if step is not _next(one, steps):
        raise Problem(409, "step/not-next")
    return steps.get(step)


def _require_attempt(record: StepRecord | None, attempt: int) -> None:
    """The attempt goes on, or is the one after the latest, which did not pass."""
    latest = record.attempt if record else 0
    if attempt not in (latest, latest + 1) or not attempt:
        raise Problem(409, "step/other-attempt", {"attempt": latest})


def _next(one: Certification, steps: dict[Step, StepRecord]) -> Step | None:
    passed = [record.step for record in steps.values() if record.outcome is Outcome.PASSED]
    return flows.next_step(one.flow, one.role, passed)


def _step_status(step: Step, record: StepRecord | None) -> StepStatus:
    if record is None:
        return StepStatus(step=step, attempt=0, outcome=None, url=None)
    return StepStatus(step=step, attempt=record.attempt, outcome=record.outcome, url=record.url)


def _same_name(known: str, given: str) -> bool:
    one, two = (unicodedata.normalize("NFKC", text).strip() for text in (known, given))
    return hmac.compare_digest(one.encode(), two.encode())


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
