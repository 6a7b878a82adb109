"""The sandbox authority: a program of its own, deterministic, and as strict as a real one."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chaincode.model.base import Role
from gateway.identity.flows import STEPS, Flow
from gateway.identity.protocol import (
    VERIFICATION_MS_MAX,
    AttestationInput,
    Beginning,
    GivenCode,
    Opening,
    Outcome,
    Step,
)
from gateway.identity.provider import ProviderRefused
from gateway.identity.providerclient import HttpProvider, ProviderEndpoint
from gateway.identity.sandbox.__main__ import main
from gateway.identity.sandbox.authority import Authority, Refused
from gateway.identity.sandbox.people import read_people
from gateway.identity.sandbox.store import Store
from tests.support.applicant import ID_NO, NAME, UNIT, Applicant, FakeCa
from tests.support.identity import OTHER, PHONE, ROLL

DEADLINE_S = 60.0
WHO = Applicant()
OPENING = Opening(
    community="fuzemen", holder_id="o-1", role=Role.OWNER, public_key=WHO.public_key,
    name=NAME, id_no=ID_NO, unit_id=UNIT, steps=STEPS[Flow.COUNTER],
)  # fmt: skip


class Clock:
    now_ms = 1_790_000_000_000

    def __call__(self) -> int:
        return self.now_ms


def authority(
    seed: str = "1", path: Path | str = ":memory:", clock: Clock | None = None
) -> Authority:
    people = read_people(ROLL)
    made = Authority(Store(path), people, provider_id="a", seed=seed, clock_ms=clock or Clock())
    made.url = "http://127.0.0.1:1"
    return made


def changed(**fields: Any) -> Opening:
    kept = {name: getattr(OPENING, name) for name in Opening.__struct_fields__}
    return Opening(**{**kept, **fields})


def passed(made: Authority, credential_id: str = "c1", opening: Opening = OPENING) -> None:
    """Every step of the counter flow."""
    made.open(credential_id, opening)
    for step in (Step.ROLL, Step.PERSON):
        assert made.begin(credential_id, step, Beginning(attempt=1)).outcome is Outcome.PASSED
    url = made.begin(credential_id, Step.COUNTER, Beginning(attempt=1)).url
    made.attend((url or "").rsplit("/", 1)[1], ID_NO)
    made.begin(credential_id, Step.PHONE, Beginning(attempt=1, phone=PHONE))
    code = made.sent_codes()[-1].code
    answer = made.give_code(credential_id, Step.PHONE, GivenCode(attempt=1, code=code))
    assert answer.outcome is Outcome.PASSED


async def certificate(who: Applicant = WHO) -> str:
    return (await FakeCa().certify("c1", who.signing_request(), who.public_key)).decode()


def asked(pem: str, **fields: Any) -> AttestationInput:
    usual: dict[str, Any] = {
        "channel": "fuzemen", "certificate_pem": pem, "salt": "0" * 32, "device": "1" * 64,
        "valid_until_at": Clock.now_ms + 1000,
    }  # fmt: skip
    return AttestationInput(**{**usual, **fields})


def code_of(call: Any) -> str:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.code


def test_one_seed_gives_the_same_key_codes_and_tickets() -> None:
    one, same, other = authority("1"), authority("1"), authority("2")
    for made in (one, same, other):
        passed(made)
    assert one.info() == same.info() != other.info()
    assert one.sent_codes() == same.sent_codes() != other.sent_codes()


def test_a_ticket_is_good_for_its_own_step_and_attempt_once() -> None:
    made = authority()
    made.open("c1", OPENING)
    for step in (Step.ROLL, Step.PERSON):
        made.begin("c1", step, Beginning(attempt=1))
    first, second = (
        (made.begin("c1", Step.COUNTER, Beginning(attempt=number)).url or "").rsplit("/", 1)[1]
        for number in (1, 2)
    )
    for ticket in (first, second[:-1], ""):
        assert code_of(lambda one=ticket: made.attend(one, ID_NO)) == "step/no-such-ticket"
    assert code_of(lambda: made.show_face(second)) == "step/no-such-ticket"
    made.attend(second, ID_NO)
    assert code_of(lambda: made.attend(second, ID_NO)) == "step/attempt-over"


def test_messages_are_found_by_the_phone_they_went_to() -> None:
    made = authority()
    passed(made)
    assert made.sent_codes(PHONE) == made.sent_codes()
    for other in ("13900000000", "%", "", PHONE[:-1]):
        assert made.sent_codes(other) == []


def test_the_message_marks_the_key_it_vouches_for() -> None:
    made = authority()
    passed(made)
    (sent,) = made.sent_codes()
    assert sent.code in sent.text
    other = authority()
    passed(other, opening=changed(public_key=Applicant().public_key))
    assert other.sent_codes()[0].text != sent.text


@pytest.mark.parametrize(
    ("opening", "code"),
    [
        (changed(steps=(Step.ROLL, Step.PERSON, Step.PHONE)), "verification/too-weak"),
        (changed(steps=(Step.PERSON, Step.COUNTER, Step.PHONE)), "verification/too-weak"),
        (changed(steps=(Step.ROLL, Step.FACE, Step.PHONE)), "verification/too-weak"),
        (changed(steps=(Step.ROLL, Step.PERSON, Step.FACE)), "verification/too-weak"),
    ],
)
def test_it_does_not_verify_by_halves(opening: Opening, code: str) -> None:
    assert code_of(lambda: authority().open("c1", opening)) == code


def test_it_pins_holders_to_persons_both_ways() -> None:
    made = authority()
    made.open("c1", OPENING)
    other_person = changed(id_no=OTHER["owner_id_no"], name=OTHER["owner_name"])
    assert code_of(lambda: made.open("c2", other_person)) == "holder/other-person"
    assert code_of(lambda: made.open("c2", changed(holder_id="o-2"))) == "holder/other-person"
    made.open("c2", changed(community="other", holder_id="o-2"))
    assert code_of(lambda: made.open("c1", changed(unit_id="x"))) == (
        "verification/exists-with-different-content"
    )


async def test_it_attests_the_key_it_verified_and_no_other() -> None:
    made = authority()
    passed(made)
    good = asked(await certificate())

    def attest(wanted: AttestationInput) -> str:
        return made.attest("c1", wanted, forge=False, swap=False)

    other = asked(await certificate(Applicant()))
    assert code_of(lambda: attest(other)) == "certificate/other-key"
    assert code_of(lambda: attest(asked("-"))) == "certificate/malformed"
    over = asked(await certificate(), valid_until_at=1)
    assert code_of(lambda: attest(over)) == "attestation/validity-over"
    first = attest(good)
    assert attest(good) == first
    again = asked(good.certificate_pem, salt="1" * 32)
    assert code_of(lambda: attest(again)) == "attestation/exists-with-different-content"


async def test_it_attests_nothing_before_every_step_passed() -> None:
    made = authority()
    wanted = asked(await certificate())
    attest = lambda: made.attest("c1", wanted, forge=False, swap=False)  # noqa: E731
    assert code_of(attest) == "verification/not-found"
    made.open("c1", OPENING)
    assert code_of(attest) == "verification/not-passed"


def test_steps_are_done_in_order_and_attempts_one_by_one() -> None:
    made = authority()
    made.open("c1", OPENING)
    begin = made.begin
    assert code_of(lambda: begin("c1", Step.PERSON, Beginning(attempt=1))) == "step/not-next"
    assert code_of(lambda: begin("c1", Step.FACE, Beginning(attempt=1))) == "step/not-next"
    assert code_of(lambda: begin("c1", Step.ROLL, Beginning(attempt=2))) == "step/other-attempt"
    begin("c1", Step.ROLL, Beginning(attempt=1))
    other = Beginning(attempt=1, phone=PHONE)
    assert code_of(lambda: begin("c1", Step.ROLL, other)) == "step/exists-with-different-content"
    assert code_of(lambda: begin("c1", Step.ROLL, Beginning(attempt=2))) == "step/passed"
    assert code_of(lambda: made.look("c1", Step.PERSON)) == "step/not-begun"
    assert code_of(lambda: made.show_face("nothing")) == "step/no-such-ticket"


def test_a_verification_is_over_after_a_day() -> None:
    clock = Clock()
    made = authority(clock=clock)
    made.open("c1", OPENING)
    clock.now_ms += VERIFICATION_MS_MAX
    beginning = Beginning(attempt=1)
    assert code_of(lambda: made.begin("c1", Step.ROLL, beginning)) == "verification/over"


async def test_it_remembers_across_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "authority.db"
    passed(authority(path=path))
    wanted = asked(await certificate())
    first = authority(path=path).attest("c1", wanted, forge=False, swap=False)
    assert authority(path=path).attest("c1", wanted, forge=False, swap=False) == first


# --- The program ---


@contextmanager
def program(folder: Path, *more: str) -> Iterator[dict[str, Any]]:
    """The sandbox in a process of its own; ended by its pid."""
    roll = folder / "roll.csv"
    roll.write_bytes(ROLL)
    data = folder / "data"
    command = [sys.executable, "-m", "gateway.identity.sandbox", "--data", str(data)]
    process = subprocess.Popen([*command, "serve", "--roll", str(roll), *more])
    try:
        ready = data / "sandbox.json"
        deadline = time.monotonic() + DEADLINE_S
        while not ready.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            os.sched_yield()
        yield json.loads(ready.read_text())
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
        assert not ready.exists()
    finally:
        process.kill()
        process.wait()


async def test_the_program_serves_and_obeys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"

    def told(*words: str) -> str:
        assert main(["--data", str(data), *words]) == 0
        return capsys.readouterr().out

    with program(tmp_path, "--without", "face") as ready:
        token_file = data / "gateway.token"
        assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
        endpoint = ProviderEndpoint(url=ready["url"], token=token_file.read_text())
        async with HttpProvider(endpoint) as provider:
            info = await provider.info()
            assert (info.provider_id, info.public_key) == (
                ready["provider_id"], ready["public_key"],
            )  # fmt: skip
            assert Step.FACE not in info.steps
            await provider.open("c1", OPENING)
            await provider.begin("c1", Step.ROLL, Beginning(attempt=1))
            told("rule", "mismatch", "--step", "person")
            answer = await provider.begin("c1", Step.PERSON, Beginning(attempt=1))
            assert answer.outcome is Outcome.MISMATCH
            await provider.begin("c1", Step.PERSON, Beginning(attempt=2))
            answer = await provider.begin("c1", Step.COUNTER, Beginning(attempt=1))
            told("attend", (answer.url or "").rsplit("/", 1)[1], ID_NO)
            assert (await provider.look("c1", Step.COUNTER)).outcome is Outcome.PASSED
            await provider.begin("c1", Step.PHONE, Beginning(attempt=1, phone=PHONE))
            (sent,) = json.loads(told("codes"))
            given = GivenCode(attempt=1, code=sent["code"])
            assert (await provider.give_code("c1", Step.PHONE, given)).outcome is Outcome.PASSED
            assert main(["--data", str(data), "face", "nothing"]) == 1
            assert "step/no-such-ticket" in capsys.readouterr().err
        stranger = ProviderEndpoint(url=ready["url"], token="x")
        async with HttpProvider(stranger) as provider:
            with pytest.raises(ProviderRefused) as refused:
                await provider.info()
            assert (refused.value.status, refused.value.code) == (401, "http/unauthorized")


def test_a_bad_roll_is_named_line_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roll = tmp_path / "roll.csv"
    roll.write_bytes(ROLL.replace(b"1/1", b"x"))
    data = str(tmp_path / "data")
    assert main(["--data", data, "serve", "--roll", str(roll)]) == 2
    assert capsys.readouterr().err.startswith("line 2: share")
    assert main(["--data", data, "codes"]) == 1
