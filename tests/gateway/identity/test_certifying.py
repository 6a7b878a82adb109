"""Certifying step by step: both ways, every refusal, guessing, lost answers."""

from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest

from chaincode.model.base import Role
from chaincode.model.credential import Credential
from gateway.database import Work
from gateway.errors import Problem
from gateway.identity.bindings import Binding, salted_sha256
from gateway.identity.certifications import CERTIFICATION_MS_MAX, Phase
from gateway.identity.flows import STEPS, Flow, offered
from gateway.identity.guessing import FORGET_MS, FREE_TRIES, LOCK_MS
from gateway.identity.protocol import CODE_MS_MAX, CODE_TRIES_MAX, Outcome, Step
from gateway.identity.providerclient import ATTEMPTS_MAX
from gateway.identity.rollfile import Owner
from gateway.ledger import ask
from tests.support.applicant import Applicant
from tests.support.identity import (
    OTHER,
    PHONE,
    Bureau,
    bureau_at,
    fingerprint,
    tel_digest,
    wechat_digest,
)


async def refused(doing: Awaitable[object]) -> tuple[int, str]:
    with pytest.raises(Problem) as problem:
        await doing
    return problem.value.status, problem.value.code


async def recorded(bureau: Bureau, who: Applicant) -> Credential:
    return await ask(
        bureau.ledger, who.community, "credential", Credential, credential_id=who.credential_id
    )


@pytest.mark.parametrize(
    ("flow", "account"), [(Flow.FACE, wechat_digest()), (Flow.COUNTER, tel_digest())]
)
async def test_a_person_is_certified_and_the_ledger_says_so(
    address: str, tmp_path: Path, flow: Flow, account: str
) -> None:
    async with bureau_at(address, tmp_path) as bureau:
        who = Applicant()
        status = await bureau.certify(who, flow)
        assert status.bindings is not None
        assert (status.bindings.device, status.bindings.account) == (who.device, account)
        credential = await recorded(bureau, who)
        (certificate,) = bureau.ca.issued[who.credential_id]
        assert status.certificate_pem == certificate.decode()
        salt = status.bindings.salt
        assert (credential.holder_id, credential.role) == (bureau.holder_id, Role.OWNER)
        assert credential.public_key == who.public_key
        assert credential.certificate_sha256 == fingerprint(certificate)
        assert credential.device_sha256 == salted_sha256(salt, Binding.DEVICE, who.device)
        assert credential.account_sha256 == salted_sha256(salt, Binding.ACCOUNT, account)


async def test_one_way_never_needs_a_face(bureau: Bureau, tmp_path: Path) -> None:
    assert await bureau.certifying.offered() == (Flow.FACE, Flow.COUNTER)
    assert Step.FACE not in STEPS[Flow.COUNTER]
    with pytest.raises(Problem) as problem:
        offered(STEPS[Flow.FACE])
    assert problem.value.code == "certification/no-way-without-face"
    steps = STEPS[Flow.FACE]
    (tmp_path / "other").mkdir()
    async with bureau_at(
        str(tmp_path / "faces.sqlite3"), tmp_path / "other", steps=steps
    ) as faces_only:
        assert await refused(faces_only.open(Applicant())) == (
            503,
            "certification/no-way-without-face",
        )


async def test_a_way_that_the_provider_cannot_go_is_not_offered(tmp_path: Path) -> None:
    address = str(tmp_path / "identity.db")
    async with bureau_at(address, tmp_path, steps=STEPS[Flow.COUNTER]) as bureau:
        assert await bureau.certifying.offered() == (Flow.COUNTER,)
        assert await refused(bureau.open(Applicant())) == (422, "certification/flow-not-offered")
        assert (await bureau.open(Applicant(), Flow.COUNTER)).next_step is Step.ROLL


async def test_the_same_request_again_is_the_same_certification(bureau: Bureau) -> None:
    who = Applicant()
    request = who.request()
    again = [
        await bureau.certifying.open(who.community, who.credential_id, who.secret, request)
        for _ in range(3)
    ]
    assert again[0] == again[1] == again[2]
    other = who.request(Flow.COUNTER)
    opening = bureau.certifying.open(who.community, who.credential_id, who.secret, other)
    assert await refused(opening) == (409, "certification/exists-with-different-content")


# --- Who may begin ---


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "王某某"},
        {"id_no": "410102199103124299"},
        {"name": OTHER["owner_name"]},
        {"id_no": OTHER["owner_id_no"]},
    ],
)
async def test_who_does_not_match_learns_nothing_else(
    bureau: Bureau, changes: dict[str, str]
) -> None:
    assert await refused(bureau.open(Applicant(**changes))) == (422, "person/not-matched")


async def test_names_may_be_written_with_other_code_points(bureau: Bureau) -> None:
    assert (await bureau.open(Applicant(name="王某 "))).next_step is Step.ROLL


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"role": Role.BANK_CLERK}, (422, "certification/role-not-offered")),
        ({"request_pem": "-"}, (400, "certification/bad-request")),
    ],
)
async def test_what_is_not_offered(
    bureau: Bureau, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert await refused(bureau.open(Applicant(), **changes)) == expected


async def test_the_id_belongs_to_the_secret(bureau: Bureau) -> None:
    who, other = Applicant(), Applicant()
    await bureau.open(who)
    request = who.request()
    stolen = bureau.certifying.open(who.community, who.credential_id, other.secret, request)
    assert await refused(stolen) == (400, "certification/bad-id")
    elsewhere = bureau.certifying.open("other", who.credential_id, who.secret, request)
    assert await refused(elsewhere) == (400, "certification/bad-id")
    for secret in (other.secret, ""):
        looking = bureau.certifying.status(who.credential_id, secret)
        assert await refused(looking) == (404, "certification/not-found")
    assert await refused(bureau.status(other)) == (404, "certification/not-found")


async def test_a_certification_ends_after_a_day(bureau: Bureau) -> None:
    who = Applicant()
    await bureau.open(who)
    await bureau.pass_step(who, Step.ROLL)
    bureau.later(CERTIFICATION_MS_MAX)
    status = await bureau.status(who)
    assert (status.phase, status.code) == (Phase.REFUSED, "certification/expired")
    assert await refused(bureau.begin(who, Step.PERSON)) == (409, "certification/not-verifying")


# --- Steps ---


async def test_steps_come_in_order(bureau: Bureau) -> None:
    who = Applicant()
    await bureau.open(who)
    for step in (Step.PERSON, Step.FACE, Step.PHONE, Step.ACCOUNT, Step.COUNTER):
        assert await refused(bureau.begin(who, step)) == (409, "step/not-next")
    assert await refused(bureau.give(who, Step.PHONE, "1")) == (409, "step/not-next")
    await bureau.pass_step(who, Step.ROLL)
    await bureau.pass_step(who, Step.PERSON)
    assert (await bureau.status(who)).next_step is Step.FACE


async def test_a_passed_step_stays_passed(bureau: Bureau) -> None:
    who = Applicant()
    await bureau.open(who)
    first = await bureau.begin(who, Step.ROLL)
    await bureau.say("mismatch", step="roll")
    assert await bureau.begin(who, Step.ROLL) == first
    assert await refused(bureau.begin(who, Step.ROLL, 2)) == (409, "step/not-next")


async def test_a_person_who_owns_another_unit_goes_no_further(bureau: Bureau) -> None:
    who = Applicant(unit_id=OTHER["unit"])
    await bureau.open(who)
    status = await bureau.begin(who, Step.ROLL)
    assert status.steps[0].outcome is Outcome.MISMATCH
    assert status.next_step is Step.ROLL
    assert await refused(bureau.begin(who, Step.PERSON)) == (409, "step/not-next")


async def test_another_face_may_try_again(bureau: Bureau) -> None:
    who = Applicant()
    await bureau.open(who)
    for step in (Step.ROLL, Step.PERSON):
        await bureau.pass_step(who, step)
    status = await bureau.begin(who, Step.FACE)
    bureau.authority.show_face(bureau.ticket(status, Step.FACE), is_own=False)
    status = await bureau.status(who)
    assert (status.steps[2].outcome, status.next_step) == (Outcome.MISMATCH, Step.FACE)
    assert await refused(bureau.begin(who, Step.FACE, 3)) == (409, "step/other-attempt")
    await bureau.pass_step(who, Step.FACE, 2)


async def test_a_clerk_sees_another_document(bureau: Bureau) -> None:
    who = Applicant()
    await bureau.open(who, Flow.COUNTER)
    for step in (Step.ROLL, Step.PERSON):
        await bureau.pass_step(who, step)
    status = await bureau.begin(who, Step.COUNTER)
    bureau.authority.attend(bureau.ticket(status, Step.COUNTER), OTHER["owner_id_no"])
    assert (await bureau.status(who)).steps[2].outcome is Outcome.MISMATCH
    await bureau.pass_step(who, Step.COUNTER, 2)


async def _at_phone(bureau: Bureau, who: Applicant) -> None:
    await bureau.open(who)
    for step in (Step.ROLL, Step.PERSON, Step.FACE):
        await bureau.pass_step(who, step)


async def test_steps_say_what_they_need(bureau: Bureau) -> None:
    who = Applicant()
    await _at_phone(bureau, who)
    assert await refused(bureau.begin(who, Step.PHONE, phone=None)) == (400, "step/needs-phone")
    await bureau.pass_step(who, Step.PHONE)
    beginning = bureau.begin(who, Step.ACCOUNT, redirect_uri=None)
    assert await refused(beginning) == (400, "step/needs-redirect")


async def test_a_code_is_sent_once_per_attempt(bureau: Bureau) -> None:
    who = Applicant()
    await _at_phone(bureau, who)
    await bureau.begin(who, Step.PHONE)
    await bureau.begin(who, Step.PHONE)
    (sent,) = bureau.authority.sent_codes()
    assert sent.phone == PHONE
    other = bureau.begin(who, Step.PHONE, phone="13900000000")
    assert await refused(other) == (409, "step/other-attempt")
    assert await refused(bureau.give(who, Step.PHONE, sent.code, 2)) == (409, "step/other-attempt")


async def test_wrong_codes_lock_the_attempt(bureau: Bureau) -> None:
    who = Applicant()
    await _at_phone(bureau, who)
    await bureau.begin(who, Step.PHONE)
    for _ in range(CODE_TRIES_MAX - 1):
        assert await refused(bureau.give(who, Step.PHONE, "000")) == (422, "step/wrong-code")
    status = await bureau.give(who, Step.PHONE, "000")
    assert status.steps[3].outcome is Outcome.LOCKED
    assert await refused(bureau.give(who, Step.PHONE, "000")) == (409, "step/attempt-over")
    await bureau.begin(who, Step.PHONE, 2)
    right = bureau.authority.sent_codes()[-1].code
    assert await refused(bureau.give(who, Step.PHONE, right, 2)) == (429, "identity/locked")
    bureau.later(LOCK_MS)
    assert (await bureau.give(who, Step.PHONE, right, 2)).next_step is Step.ACCOUNT


async def test_a_code_is_good_for_a_while(bureau: Bureau) -> None:
    who = Applicant()
    await _at_phone(bureau, who)
    await bureau.begin(who, Step.PHONE)
    bureau.later(CODE_MS_MAX)
    status = await bureau.give(who, Step.PHONE, bureau.authority.sent_codes()[-1].code)
    assert status.steps[3].outcome is Outcome.EXPIRED


async def test_guessing_names_is_slowed_down_more_and_more(bureau: Bureau) -> None:
    wrong = {"name": "张三"}
    for _ in range(FREE_TRIES):
        assert await refused(bureau.open(Applicant(**wrong))) == (422, "person/not-matched")
    with pytest.raises(Problem) as problem:
        await bureau.open(Applicant())
    assert (problem.value.code, problem.value.retry_after_s) == ("identity/locked", 60)
    bureau.later(LOCK_MS)
    assert await refused(bureau.open(Applicant(**wrong))) == (422, "person/not-matched")
    bureau.later(LOCK_MS)
    assert await refused(bureau.open(Applicant())) == (429, "identity/locked")
    bureau.later(LOCK_MS)
    await bureau.guesses.prune()
    assert (await bureau.open(Applicant())).next_step is Step.ROLL
    assert await refused(bureau.open(Applicant(**wrong))) == (422, "person/not-matched")


async def test_old_guesses_are_forgotten(bureau: Bureau) -> None:
    for _ in range(FREE_TRIES):
        await refused(bureau.open(Applicant(name="张三")))
    await bureau.guesses.prune()
    assert await refused(bureau.open(Applicant())) == (429, "identity/locked")
    bureau.later(FORGET_MS + 1)
    await bureau.guesses.prune()

    async def left(work: Work) -> int:
        return len(await work.rows("SELECT * FROM guess"))

    assert await bureau.database.run(left) == 0


async def test_one_person_one_holder_at_the_authority(bureau: Bureau) -> None:
    who = Applicant()
    await bureau.verify(who)
    await bureau.vault.erase(bureau.holder_id)

    async def again(changes: Any) -> str:
        ids = await changes.ids_of([Owner(who.id_no, who.name, "person", "")])
        return str(ids[who.id_no])

    assert await bureau.vault.change(again) != bureau.holder_id
    other = Applicant()
    await bureau.open(other)
    with pytest.raises(Problem) as problem:
        await bureau.begin(other, Step.ROLL)
    assert (problem.value.status, problem.value.code) == (422, "provider/refused")
    assert problem.value.details == {"reason": "holder/other-person"}


# --- The provider's bad days ---


async def test_a_step_waits_for_a_provider_that_is_away(bureau: Bureau) -> None:
    who = Applicant()
    await bureau.open(who)
    await bureau.say("unavailable", count=ATTEMPTS_MAX, call="begin")
    assert await refused(bureau.begin(who, Step.ROLL)) == (503, "provider/unavailable")
    assert (await bureau.status(who)).next_step is Step.ROLL
    assert (await bureau.begin(who, Step.ROLL)).next_step is Step.PERSON


async def test_an_attempt_whose_answer_is_lost_is_not_begun_twice(bureau: Bureau) -> None:
    who = Applicant()
    await _at_phone(bureau, who)
    await bureau.say("lose", call="begin")
    status = await bureau.begin(who, Step.PHONE)
    assert (status.steps[3].attempt, status.steps[3].outcome) == (1, Outcome.PENDING)
    assert len(bureau.authority.sent_codes()) == 1


async def test_a_code_whose_answer_is_lost_is_looked_up(bureau: Bureau) -> None:
    who = Applicant()
    await _at_phone(bureau, who)
    await bureau.begin(who, Step.PHONE)
    await bureau.say("lose", call="code")
    status = await bureau.give(who, Step.PHONE, bureau.authority.sent_codes()[-1].code)
    assert status.next_step is Step.ACCOUNT


async def test_a_code_that_never_arrived_may_be_given_again(bureau: Bureau) -> None:
    who = Applicant()
    await _at_phone(bureau, who)
    await bureau.begin(who, Step.PHONE)
    await bureau.say("unavailable", call="code")
    code = bureau.authority.sent_codes()[-1].code
    assert await refused(bureau.give(who, Step.PHONE, code)) == (503, "provider/unavailable")
    assert (await bureau.give(who, Step.PHONE, code)).next_step is Step.ACCOUNT


async def test_garbage_is_not_believed(bureau: Bureau) -> None:
    who = Applicant()
    await bureau.open(who)
    await bureau.say("garbage", call="begin")
    assert await refused(bureau.begin(who, Step.ROLL)) == (502, "provider/bad-answer")


async def test_a_slow_provider_is_given_up(tmp_path: Path) -> None:
    address = str(tmp_path / "identity.db")
    async with bureau_at(address, tmp_path, timeout_s=0.1) as bureau:
        who = Applicant()
        await bureau.open(who)
        await bureau.say("slow", call="begin", count=3, seconds=5)
        assert await refused(bureau.begin(who, Step.ROLL)) == (503, "provider/unavailable")


async def test_news_may_wait_while_the_provider_is_away(bureau: Bureau) -> None:
    who = Applicant()
    await bureau.open(who)
    for step in (Step.ROLL, Step.PERSON):
        await bureau.pass_step(who, step)
    status = await bureau.begin(who, Step.FACE)
    await bureau.say("unavailable", call="look", count=3)
    assert await bureau.status(who) == status
