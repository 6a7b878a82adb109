"""One certificate per identity at the CA, however often and by whomever it is asked for."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.identity.enrolment import CaEnroller
from gateway.identity.signingrequest import certificate_facts
from network.build import ensure_binaries
from network.ca.errors import AUTHENTICATION_FAILED, CaOutcomeUnknown, CaRefused, IdentityDiffers
from network.ca.model import Registration, Role
from network.ca.server import CA_NAME, REGISTRAR
from tests.support.applicant import Applicant
from tests.support.real_ca import RunningCa, prepared

pytestmark = pytest.mark.fabric
CHECKOUT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def running_ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCa]:
    """A Fabric CA server."""
    made = prepared(tmp_path_factory.mktemp("ca"), ensure_binaries(CHECKOUT, print))
    try:
        asyncio.run(made.start())
        yield made
    finally:
        asyncio.run(made.stop())


def enroller(running: RunningCa) -> CaEnroller:
    client = running.server.client(CA_NAME)
    return CaEnroller(client, REGISTRAR, running.server.registrar_secret())


async def certify(made: CaEnroller, who: Applicant) -> bytes:
    return await made.certify(who.credential_id, who.signing_request(), who.public_key)


async def test_the_same_certificate_again(running_ca: RunningCa) -> None:
    who = Applicant()
    async with enroller(running_ca) as one, enroller(running_ca) as two:
        first = await certify(one, who)
        assert await certify(one, who) == await certify(two, who) == first
    assert certificate_facts(first)[1] == who.public_key


async def test_another_key_gets_no_certificate_under_a_spent_id(running_ca: RunningCa) -> None:
    who = Applicant()
    other = Applicant(secret=who.secret)
    assert other.credential_id == who.credential_id
    async with enroller(running_ca) as made:
        await certify(made, who)
        with pytest.raises(CaRefused) as refused:
            await certify(made, other)
    assert refused.value.code == AUTHENTICATION_FAILED


async def test_a_lost_answer_is_looked_up(
    running_ca: RunningCa, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = Applicant()
    async with enroller(running_ca) as made:
        asked = made._ca.certify

        async def lose(*args: str) -> bytes:
            await asked(*args)
            raise CaOutcomeUnknown("lost")

        monkeypatch.setattr(made._ca, "certify", lose)
        with pytest.raises(CaOutcomeUnknown):
            await certify(made, who)
        found = await certify(made, who)
    assert certificate_facts(found)[1] == who.public_key


async def test_the_faster_workers_certificate_is_taken(
    running_ca: RunningCa, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = Applicant()
    async with enroller(running_ca) as slow, enroller(running_ca) as fast:
        asked = slow._ca.ensure_registered
        taken: list[bytes] = []

        async def overtaken(*args: object) -> None:
            taken.append(await certify(fast, who))
            await asked(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(slow._ca, "ensure_registered", overtaken)
        assert await certify(slow, who) == taken[0]


async def test_an_id_of_another_kind_is_left_alone(running_ca: RunningCa) -> None:
    who = Applicant()
    async with enroller(running_ca) as made:
        registrar = await made._signer()
        peer = Registration(enrollment_id=who.credential_id, secret="s", role=Role.PEER)
        await made._ca.register(registrar, peer)
        with pytest.raises(IdentityDiffers):
            await certify(made, who)
