"""The sandbox authority's own rules: what it checks before it attests.

It is independent of the gateway that asks: it has its own registers, it pins each holder id to the
first person it stood for, and it attests no key but the one for which the person was verified.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from chaincode.codec import encode
from chaincode.model.base import Role, changed
from chaincode.model.credential import Attestation
from gateway.identity.bindings import Binding, account_digest, salted_sha256
from gateway.identity.protocol import (
    CODE_MS_MAX,
    CODE_TRIES_MAX,
    VERIFICATION_MS_MAX,
    WRONG_CODE,
    AttestationInput,
    Beginning,
    GivenCode,
    Opening,
    Outcome,
    ProviderInfo,
    Step,
    StepAnswer,
)
from gateway.identity.sandbox.people import Known, derived, usual_account
from gateway.identity.sandbox.signing import SigningKey
from gateway.identity.sandbox.store import Attempt, Pin, SentCode, Store, Ticket, Verification
from gateway.identity.signingrequest import certificate_facts

OWNER_ROLES: Final = frozenset({Role.OWNER, Role.REPRESENTATIVE, Role.COMMITTEE_MEMBER})
CODE_DIGITS: Final = 6
KEY_CODE_CHARS: Final = 8


class Refused(Exception):
    """The authority says no."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class Authority:
    """The authority. `people` are its registers; the same seed gives the same codes and key."""

    def __init__(
        self,
        store: Store,
        people: Mapping[str, Known],
        *,
        provider_id: str,
        seed: str,
        clock_ms: Callable[[], int],
        steps: tuple[Step, ...] = tuple(Step),
    ) -> None:
        self._store = store
        self._people = people
        self._seed = seed
        self._clock_ms = clock_ms
        self._provider_id = provider_id
        self._key = SigningKey(seed, provider_id)
        self._steps = steps
        self.url = ""
        """Where people reach it; set once it listens."""

    def info(self) -> ProviderInfo:
        """Who it is."""
        return ProviderInfo(
            provider_id=self._provider_id, public_key=self._key.public_key, steps=self._steps
        )

    def open(self, credential_id: str, opening: Opening) -> None:
        """Open a verification; the same again is the same."""
        known = self._store.find(Verification, credential_id)
        if known is not None:
            if known.opening != opening:
                raise Refused(409, "verification/exists-with-different-content")
            return
        self._require_strong(opening)
        place = _register_of(opening)
        self._pin(f"{place}/holder/{opening.holder_id}", opening.id_no)
        self._pin(f"{place}/person/{opening.id_no}", opening.holder_id)
        verification = Verification(opening=opening, opened_at=self._clock_ms())
        self._store.save(credential_id, verification)

    def begin(
        self, credential_id: str, step: Step, beginning: Beginning, *, mismatch: bool = False
    ) -> StepAnswer:
        """Begin an attempt at the next step; `mismatch` lets it fail."""
        opening = self._open(credential_id).opening
        known = self._store.find(Attempt, _place(credential_id, step))
        latest = known.beginning.attempt if known else 0
        if known is not None and latest == beginning.attempt:
            if known.beginning != beginning:
                raise Refused(409, "step/exists-with-different-content")
            return known.answer
        if beginning.attempt != latest + 1:
            raise Refused(409, "step/other-attempt")
        if known is not None and known.answer.outcome is Outcome.PASSED:
            raise Refused(409, "step/passed")
        self._require_next(credential_id, opening, step)
        attempt = self._attempt(credential_id, opening, step, beginning)
        if mismatch:
            failed = changed(attempt.answer, outcome=Outcome.MISMATCH, url=None, account=None)
            attempt = changed(attempt, answer=failed)
        self._store.save(_place(credential_id, step), attempt)
        return attempt.answer

    def give_code(self, credential_id: str, step: Step, given: GivenCode) -> StepAnswer:
        """Take a code; a wrong one counts."""
        self._open(credential_id)
        attempt = self._attempted(credential_id, step)
        if attempt.beginning.attempt != given.attempt:
            raise Refused(409, "step/other-attempt")
        if attempt.answer.outcome is not Outcome.PENDING or attempt.code is None:
            return attempt.answer
        if self._clock_ms() >= attempt.begun_at + CODE_MS_MAX:
            return self._answered(attempt, Outcome.EXPIRED)
        if given.code == attempt.code:
            return self._answered(attempt, Outcome.PASSED)
        attempt = changed(attempt, tries=attempt.tries + 1)
        if attempt.tries >= CODE_TRIES_MAX:
            return self._answered(attempt, Outcome.LOCKED)
        self._store.save(_place(credential_id, step), attempt)
        raise Refused(422, WRONG_CODE)

    def look(self, credential_id: str, step: Step) -> StepAnswer:
        """Where the latest attempt at a step stands."""
        return self._attempted(credential_id, step).answer

    def attest(
        self, credential_id: str, asked: AttestationInput, *, forge: bool, swap: bool
    ) -> str:
        """Attest what was verified; the same again is the same JWS."""
        verification = self._open(credential_id)
        if verification.attestation is not None:
            if verification.asked != asked:
                raise Refused(409, "attestation/exists-with-different-content")
            return verification.attestation
        attestation = self._attestation(credential_id, verification.opening, asked)
        if swap:
            attestation = changed(attestation, holder_id="o-somebody-else")
        key = SigningKey(f"not {self._seed}", self._provider_id) if forge else self._key
        signed = key.sign(attestation)
        self._store.save(credential_id, changed(verification, asked=asked, attestation=signed))
        return signed

    # --- What people do ---

    def show_face(self, ticket: str, *, is_own: bool = True) -> None:
        """The person holds a face before the camera: theirs, or another's."""
        attempt = self._waiting(ticket, Step.FACE)
        self._answered(attempt, Outcome.PASSED if is_own else Outcome.MISMATCH)

    def sign_in(self, ticket: str, account: str | None = None) -> tuple[str, str]:
        """The person signs in to their messaging account: where to go back to, with which code."""
        attempt = self._waiting(ticket, Step.ACCOUNT)
        opening = self._open(attempt.credential_id).opening
        chosen = account or usual_account(self._seed, opening.id_no)
        digest = account_digest("wechat", chosen)
        code = derived(self._seed, "oauth", ticket, chosen)[:32]
        self._store.save(
            _place(attempt.credential_id, Step.ACCOUNT), changed(attempt, code=code, account=digest)
        )
        return attempt.beginning.redirect_uri or "", code

    def attend(self, ticket: str, document_no: str) -> None:
        """A clerk at the counter looks at the person and reads their document."""
        attempt = self._waiting(ticket, Step.COUNTER)
        is_same = self._open(attempt.credential_id).opening.id_no == document_no
        self._answered(attempt, Outcome.PASSED if is_same else Outcome.MISMATCH)

    def sent_codes(self, phone: str | None = None) -> list[SentCode]:
        """The short messages that went out: all, or those to one phone."""
        return self._store.all(SentCode) if phone is None else self._store.sent_to(phone)

    # --- Checks ---

    def _require_strong(self, opening: Opening) -> None:
        steps = set(opening.steps)
        needed = {Step.PERSON, Step.PHONE}
        if opening.role in OWNER_ROLES:
            needed.add(Step.ROLL)
        else:
            needed.add(Step.EMPLOYMENT)
        if not steps >= needed or not steps & {Step.FACE, Step.COUNTER}:
            raise Refused(422, "verification/too-weak")
        if not steps <= set(self._steps):
            raise Refused(422, "verification/step-not-offered")

    def _pin(self, place: str, value: str) -> None:
        known = self._store.find(Pin, place)
        if known is not None and known.other != value:
            raise Refused(409, "holder/other-person")
        self._store.save(place, Pin(other=value))

    def _open(self, credential_id: str) -> Verification:
        known = self._store.find(Verification, credential_id)
        if known is None:
            raise Refused(404, "verification/not-found")
        if self._clock_ms() >= known.opened_at + VERIFICATION_MS_MAX:
            raise Refused(409, "verification/over")
        return known

    def _require_next(self, credential_id: str, opening: Opening, step: Step) -> None:
        for earlier in opening.steps:
            if earlier is step:
                return
            attempt = self._store.find(Attempt, _place(credential_id, earlier))
            if attempt is None or attempt.answer.outcome is not Outcome.PASSED:
                break
        raise Refused(409, "step/not-next")

    def _attempted(self, credential_id: str, step: Step) -> Attempt:
        attempt = self._store.find(Attempt, _place(credential_id, step))
        if attempt is None:
            raise Refused(404, "step/not-begun")
        return attempt

    def _waiting(self, ticket: str, step: Step) -> Attempt:
        known = self._store.find(Ticket, ticket)
        attempt = self._store.find(Attempt, known.place) if known else None
        if attempt is None or attempt.answer.step is not step or not _shows(attempt, ticket):
            raise Refused(404, "step/no-such-ticket")
        if attempt.answer.outcome is not Outcome.PENDING:
            raise Refused(409, "step/attempt-over")
        return attempt

    # --- Steps ---

    def _attempt(
        self, credential_id: str, opening: Opening, step: Step, beginning: Beginning
    ) -> Attempt:
        person = self._people.get(opening.id_no)
        is_person = person is not None and person.name == opening.name
        outcome, url, code, account = Outcome.PENDING, None, None, None
        match step:
            case Step.PERSON:
                outcome = Outcome.PASSED if is_person else Outcome.MISMATCH
            case Step.ROLL:
                owns = is_person and person is not None and opening.unit_id in person.units
                outcome = Outcome.PASSED if owns else Outcome.MISMATCH
            case Step.EMPLOYMENT:
                post = (opening.role, opening.company_id)
                is_clerk = is_person and person is not None and post in person.posts
                outcome = Outcome.PASSED if is_clerk else Outcome.MISMATCH
            case Step.PHONE:
                if not person or not beginning.phone or person.phone not in ("", beginning.phone):
                    outcome = Outcome.MISMATCH
                else:
                    code = self._send(credential_id, opening, beginning)
                    account = account_digest("tel", beginning.phone)
            case Step.FACE | Step.ACCOUNT | Step.COUNTER:
                ticket = derived(self._seed, step, credential_id, beginning.attempt)[:32]
                url = f"{self.url}/{step}/{ticket}"
                self._store.save(ticket, Ticket(place=_place(credential_id, step)))
        answer = StepAnswer(step=step, attempt=beginning.attempt, outcome=outcome, url=url)
        return Attempt(
            credential_id=credential_id,
            beginning=beginning,
            answer=answer,
            begun_at=self._clock_ms(),
            code=code,
            account=account,
        )

    def _send(self, credential_id: str, opening: Opening, beginning: Beginning) -> str:
        """The code that goes to the phone, with a mark of the key that it vouches for."""
        number = int(derived(self._seed, "code", credential_id, beginning.attempt), 16)
        code = str(number % 10**CODE_DIGITS).zfill(CODE_DIGITS)
        mark = hashlib.sha256(opening.public_key.encode()).hexdigest()[:KEY_CODE_CHARS]
        text = f"验证码 {code}（密钥 {mark}）。请核对手机上的密钥标记，勿告知他人。"
        sent = SentCode(phone=beginning.phone or "", text=text, code=code)
        self._store.save(f"{credential_id}/{beginning.attempt}", sent)
        return code

    def _answered(self, attempt: Attempt, outcome: Outcome) -> StepAnswer:
        """Note how an attempt ended. A phone is the account where no other is bound."""
        account = attempt.account if outcome is Outcome.PASSED else None
        opening = self._open(attempt.credential_id).opening
        if attempt.answer.step is Step.PHONE and Step.ACCOUNT in opening.steps:
            account = None
        answer = changed(attempt.answer, outcome=outcome, account=account)
        place = _place(attempt.credential_id, answer.step)
        self._store.save(place, changed(attempt, answer=answer))
        return answer

    def _attestation(
        self, credential_id: str, opening: Opening, asked: AttestationInput
    ) -> Attestation:
        attempts = [self._store.find(Attempt, _place(credential_id, s)) for s in opening.steps]
        passed = [one for one in attempts if one and one.answer.outcome is Outcome.PASSED]
        if len(passed) != len(opening.steps):
            raise Refused(409, "verification/not-passed")
        account = next(one.answer.account for one in passed[::-1] if one.answer.account)
        try:
            certificate_sha256, public_key, _ = certificate_facts(asked.certificate_pem.encode())
        except ValueError:
            raise Refused(400, "certificate/malformed") from None
        if public_key != opening.public_key:
            raise Refused(422, "certificate/other-key")
        now_ms = self._clock_ms()
        if asked.valid_until_at <= now_ms:
            raise Refused(422, "attestation/validity-over")
        return Attestation(
            channel=asked.channel,
            community=opening.community,
            credential_id=credential_id,
            holder_id=opening.holder_id,
            role=opening.role,
            public_key=public_key,
            certificate_sha256=certificate_sha256,
            device_sha256=salted_sha256(asked.salt, Binding.DEVICE, asked.device),
            account_sha256=salted_sha256(asked.salt, Binding.ACCOUNT, account),
            evidence_sha256=self._evidence(credential_id, opening, passed),
            valid_from_at=now_ms,
            valid_until_at=asked.valid_until_at,
            at=now_ms,
            company_id=opening.company_id,
        )

    def _evidence(self, credential_id: str, opening: Opening, passed: list[Attempt]) -> str:
        """A salted hash of what the authority keeps in its own files."""
        salt = derived(self._seed, "evidence", credential_id)
        record = b"\n".join([encode(opening), *(msgspec.json.encode(one) for one in passed)])
        return hashlib.sha256(salt.encode() + record).hexdigest()


def _register_of(opening: Opening) -> str:
    """A person is one holder in a community as an owner, and one more in each role as a clerk."""
    is_owner = opening.role in OWNER_ROLES
    return opening.community if is_owner else f"{opening.community}/{opening.role}"


def _shows(attempt: Attempt, ticket: str) -> bool:
    """Whether the attempt gave out this ticket; a later one at the same step has another."""
    return (attempt.answer.url or "").endswith(f"/{ticket}")


def _place(credential_id: str, step: Step) -> str:
    return f"{credential_id}/{step}"
