"""Asking for a credential over HTTP: both ways, every way it fails, and going on after it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chaincode.model.base import Org, Role
from gateway.identity.protocol import Outcome, Step
from scripts.hand.certifying import Applicant, StepFailed, key_mark
from scripts.hand.errors import BadInput, HandError, NotKnown, Refused, Unreachable
from scripts.hand.gateways import Gateways
from scripts.hand.guides import AskingGuide, SandboxGuide
from scripts.hand.person import Person
from tests.hand.desks import FACE, NEIGHBOUR, OWNER, Desks, desks_at
from tests.support.ports import free_port


class OtherGuide(SandboxGuide):
    """At the sandbox, but with one thing done otherwise."""

    codes: tuple[str, ...] = ()
    document_no = ""
    stops: type[BaseException] | None = None

    async def read_code(self, phone: str, mark: str) -> str:
        if self.stops:
            raise self.stops
        if self.codes:
            code, self.codes = self.codes[0], self.codes[1:]
            return code
        return await super().read_code(phone, mark)

    async def attend(self, url: str, applicant: Applicant) -> None:
        who = replace(applicant, id_no=self.document_no or applicant.id_no)
        await super().attend(url, who)


async def certify(
    desks: Desks,
    gateways: Gateways,
    person: Person,
    who: Applicant = OWNER,
    change: Callable[[OtherGuide], None] = lambda _: None,
    **more: Any,
) -> str:
    async with OtherGuide(desks.sandbox) as guide:
        change(guide)
        return await person.certify(gateways, "fuzemen", who, guide, **more)


async def failed(doing: Awaitable[object]) -> HandError:
    with pytest.raises(HandError) as error:
        await doing
    return error.value


async def refused(doing: Awaitable[object]) -> tuple[int, str]:
    error = await failed(doing)
    assert isinstance(error, Refused), error
    return error.status, error.code


async def test_asking_again_is_asking_for_the_same_credential(
    desks: Desks, gateways: Gateways
) -> None:
    person = desks.person()
    found = await certify(desks, gateways, person)
    assert await certify(desks, gateways, person) == found
    kept = Person.open(person.folder.path).folder.kept()
    assert kept.bindings is not None
    assert (kept.community, kept.role) == ("fuzemen", "owner")
    assert "BEGIN CERTIFICATE" in kept.certificate_pem


async def test_nothing_that_names_the_person_stays_in_the_folder(
    desks: Desks, gateways: Gateways
) -> None:
    person = desks.person()
    await certify(desks, gateways, person)
    for file in person.folder.path.rglob("*"):
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        for word in (OWNER.name, OWNER.id_no, OWNER.phone):
            assert word not in text
    assert OWNER.name not in repr(OWNER)
    assert OWNER.id_no not in repr(OWNER)


async def test_who_was_stopped_goes_on(desks: Desks, gateways: Gateways) -> None:
    person = desks.person()

    def stop(guide: OtherGuide) -> None:
        guide.stops = asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await certify(desks, gateways, person, change=stop)
    again = Person.open(person.folder.path)
    assert await certify(desks, gateways, again) == again.credential_id


# --- Refusals ---


@pytest.mark.parametrize(
    "changes", [{"name": "王某某"}, {"id_no": NEIGHBOUR.id_no}, {"id_no": "410102199103124299"}]
)
async def test_who_is_not_on_the_roll(
    desks: Desks, gateways: Gateways, changes: dict[str, str]
) -> None:
    asking = certify(desks, gateways, desks.person(), replace(OWNER, **changes))  # type: ignore[arg-type]
    assert await refused(asking) == (422, "person/not-matched")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"unit_id": None}, (400, "certification/bad-unit")),
        ({"unit_id": "not a unit"}, (400, "input/malformed")),
        ({"phone": "call me"}, (400, "input/malformed")),
        ({"role": Role.BANK_CLERK}, (422, "certification/role-not-offered")),
        ({"role": Role.COMPANY_CLERK, "unit_id": None}, (422, "certification/role-not-offered")),
        ({"role": Role.COMMITTEE_MEMBER}, (422, "committee/none")),
    ],
)
async def test_what_is_not_certified(
    desks: Desks, gateways: Gateways, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    asking = certify(desks, gateways, desks.person(), replace(OWNER, **changes))
    assert await refused(asking) == expected


async def test_a_document_of_somebody_else(desks: Desks, gateways: Gateways) -> None:
    person = desks.person()

    def other(guide: OtherGuide) -> None:
        guide.document_no = NEIGHBOUR.id_no

    error = await failed(certify(desks, gateways, person, change=other))
    assert isinstance(error, StepFailed)
    assert (error.code, str(Outcome.MISMATCH) in error.code) == ("step/mismatch", True)
    assert await certify(desks, gateways, person) == person.credential_id


async def test_a_unit_of_somebody_else(desks: Desks, gateways: Gateways) -> None:
    asking = certify(desks, gateways, desks.person(), replace(OWNER, unit_id=NEIGHBOUR.unit_id))
    assert await refused(asking) == (422, "step/mismatch")


async def test_wrong_codes_are_asked_for_again(desks: Desks, gateways: Gateways) -> None:
    def mistype(*codes: str) -> Callable[[OtherGuide], None]:
        return lambda guide: setattr(guide, "codes", codes)

    person = desks.person()
    await certify(desks, gateways, person, change=mistype("000000", " 111111 "))
    other = desks.person("neighbour")
    three = mistype("000000", "111111", "222222")
    asking = certify(desks, gateways, other, NEIGHBOUR, three)
    assert await refused(asking) == (422, "step/wrong-code")


async def test_another_steps_of_mine_fail_and_the_next_try_passes(
    desks: Desks, gateways: Gateways
) -> None:
    person = desks.person()
    for step in (Step.ROLL, Step.FACE, Step.ACCOUNT):
        await desks.bureau.say("mismatch", call="begin", step=step)
        assert await refused(certify(desks, gateways, person, FACE)) == (422, "step/mismatch")
    assert await certify(desks, gateways, person, FACE) == person.credential_id


async def test_an_attestation_that_is_not_as_asked(desks: Desks, gateways: Gateways) -> None:
    await desks.bureau.say("forge", call="attest")
    asking = certify(desks, gateways, desks.person())
    assert await refused(asking) == (422, "attestation/not-as-asked")


async def test_a_provider_that_is_away(desks: Desks, tmp_path: Path) -> None:
    await desks.bureau.say("unavailable", count=1000)
    async with Gateways(desks.both, patience_s=0.5) as gateways:
        asking = certify(desks, gateways, desks.person())
        assert await refused(asking) == (503, "provider/unavailable")


async def test_a_folder_is_for_one_community(desks: Desks, gateways: Gateways) -> None:
    person = desks.person()
    await certify(desks, gateways, person)
    asking = person.certify(gateways, "elsewhere", OWNER, desks.guide)
    assert isinstance(await failed(asking), BadInput)


async def test_a_gateway_that_certifies_nobody(desks: Desks) -> None:
    async with Gateways([desks.bank.address], patience_s=1) as gateways:
        asking = certify(desks, gateways, desks.person())
        assert await refused(asking) == (404, "certification/not-offered")


async def test_nobody_there(desks: Desks) -> None:
    async with Gateways([f"http://127.0.0.1:{free_port()}"], patience_s=0.1) as gateways:
        asking = certify(desks, gateways, desks.person())
        assert isinstance(await failed(asking), Unreachable)


async def test_the_office_is_found_among_the_gateways(desks: Desks) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    async with Gateways([nobody, desks.bank.address, desks.regulator.address]) as gateways:
        person = desks.person()
        assert await certify(desks, gateways, person) == person.credential_id


async def test_what_takes_too_long_is_not_known(desks: Desks, gateways: Gateways) -> None:
    await desks.bureau.say("unavailable", call="attest", count=1000)
    person = desks.person()
    error = await failed(certify(desks, gateways, person, wait_s=3))
    assert isinstance(error, NotKnown)
    assert "run the same command again" in str(error)
    assert person.folder.kept().bindings is None


async def test_the_sandbox_shows_no_message_about_another_key(
    desks: Desks, gateways: Gateways
) -> None:
    person = desks.person()
    await certify(desks, gateways, person)
    mark = key_mark(person.folder)
    assert (await desks.guide.read_code(OWNER.phone, mark)).isdigit()
    for phone, shown in ((OWNER.phone, "ffffffff"), ("13900000000", mark)):
        assert await refused(desks.guide.read_code(phone, shown)) == (404, "sandbox/no-message")
    assert await refused(desks.guide.show_face("http://x/face/none")) == (
        404,
        "step/no-such-ticket",
    )


def test_no_sandbox(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no sandbox authority"):
        SandboxGuide(tmp_path)


# --- A person who is told what to do ---


class Reader:
    """What was said, and what is answered."""

    def __init__(self, desks: Desks) -> None:
        self.desks = desks
        self.loop = asyncio.get_running_loop()
        self.said: list[str] = []
        self.tasks: set[asyncio.Task[None]] = set()

    def say(self, text: str) -> None:
        """Do at once what is asked."""
        self.said.append(text)
        url = text.rsplit(" ", 1)[1]
        task = asyncio.get_running_loop().create_task(self._do(url))
        self.tasks.add(task)

    def ask(self, question: str) -> str:
        """Called outside the loop, as whatever waits for a person is."""
        self.said.append(question)
        return asyncio.run_coroutine_threadsafe(self._code(), self.loop).result()

    async def _code(self) -> str:
        return self.desks.bureau.authority.sent_codes()[-1].code

    async def _do(self, url: str) -> None:
        session = self.desks.bureau.sandbox.session
        if "/face/" in url:
            async with session.post(url) as page:
                assert page.status == 200
        elif "/account/" in url:
            async with session.get(url) as page:
                assert "完成" in await page.text()
        else:
            self.desks.bureau.authority.attend(url.rsplit("/", 1)[1], OWNER.id_no)


@pytest.mark.parametrize("who", [OWNER, FACE])
async def test_a_person_is_told_step_by_step(
    desks: Desks, gateways: Gateways, who: Applicant
) -> None:
    reader, person = Reader(desks), desks.person()
    async with AskingGuide(reader.say, reader.ask) as guide:
        await person.certify(gateways, "fuzemen", who, guide)
    await asyncio.gather(*reader.tasks)
    assert any(key_mark(person.folder) in text for text in reader.said)
    assert len(reader.said) == (3 if who is FACE else 2)


async def test_who_does_not_answer_is_told_so(desks: Desks, gateways: Gateways) -> None:
    def ask(_: str) -> str:
        raise BadInput("nobody answers")

    reader = Reader(desks)
    async with AskingGuide(reader.say, ask) as guide:
        asking = desks.person().certify(gateways, "fuzemen", OWNER, guide)
        assert isinstance(await failed(asking), BadInput)
    await asyncio.gather(*reader.tasks)


async def test_only_the_browser_that_was_sent_away_brings_a_code(desks: Desks) -> None:
    reader = Reader(desks)
    async with AskingGuide(lambda _: None, reader.ask) as guide:
        session = desks.bureau.sandbox.session
        signing_in = asyncio.create_task(guide.sign_in("http://127.0.0.1/account/x"))
        root = guide.redirect_uri.rpartition("/")[0]
        async with session.get(f"{root}/guess?code=evil") as page:
            assert page.status == 404
        async with session.get(guide.redirect_uri) as page:
            assert page.status == 200
        assert not signing_in.done()
        for code in ("right", "late"):
            async with session.get(f"{guide.redirect_uri}?code={code}"):
                pass
        assert await signing_in == "right"


# --- Clerks ---


@pytest.mark.parametrize(
    ("org", "role"),
    [
        (Org.PROPERTY, Role.COMPANY_CLERK),
        (Org.BANK, Role.BANK_CLERK),
        (Org.ARBITRATION, Role.ARBITRATOR),
        (Org.REGULATOR, Role.REGULATOR_CLERK),
    ],
)
async def test_a_clerk_asks_the_employer(tmp_path: Path, org: Org, role: Role) -> None:
    async with desks_at(tmp_path, office=org) as desks:
        clerk = await desks.engaged(role)
        async with Gateways(desks.both) as gateways:
            person = desks.person("clerk")
            await certify(desks, gateways, person, clerk)
            session = await person.log_in(gateways)
            assert session.role == role
            stranger = replace(clerk, id_no=OWNER.id_no, name=OWNER.name)
            asking = certify(desks, gateways, desks.person("stranger"), stranger)
            assert await refused(asking) == (422, "person/not-matched")
