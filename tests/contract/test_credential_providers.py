"""Identity providers: named by the regulator, confirmed by a second office, ended."""

from typing import Any

import pytest

from chaincode.model.base import Org, Role
from tests.support.people import Person, b64
from tests.support.town import HASH, Town, refusal, sha, unit_row

NOW = 1_790_000_000_000


@pytest.fixture
async def town() -> Town:
    """Ann and Ben own 1-1-101 together."""
    town = await Town().open()
    rows = [unit_row(f"2-1-10{n}", f"member-{n}") for n in range(4)]
    await town.add_units([unit_row("1-1-101", "ann", "ben"), *rows])
    return town


async def issue(town: Town, person: Person, role: Role = Role.OWNER, **fields: Any) -> Any:
    jws = town.attested(person, role, **fields)
    return await town.call(Org.REGULATOR, "issue_credential", attestation=jws)


def ann(number: int = 1) -> Person:
    return Person("ann", f"cred-{number}")


# --- Providers ---


async def name_provider(town: Town, org: Org = Org.REGULATOR, **fields: Any) -> Any:
    key = Person("p", "p").public_key
    request = {"provider_id": "bank-id", "public_key": key, "evidence_sha256": HASH, **fields}
    return await town.call(org, "register_provider", **request)


async def test_a_provider_attests_once_a_second_office_has_confirmed_it(town: Town) -> None:
    other = Person("provider", "bank-id")
    request = {"provider_id": "bank-id", "public_key": other.public_key}
    await town.done(Org.REGULATOR, "register_provider", **request, evidence_sha256=HASH)
    town.provider = other
    jws = town.attested(ann(), Role.OWNER)
    outcome = await town.call(Org.REGULATOR, "issue_credential", attestation=jws)
    assert refusal(outcome) == (403, "provider/not-confirmed")
    assert refusal(await town.call(Org.REGULATOR, "confirm_provider", **request)) == (
        403,
        "caller/org",
    )
    confirmed = await town.done(Org.COMMITTEE, "confirm_provider", **request)
    assert (confirmed["confirmed_by"], confirmed["confirmed_at"]) == ("committee", NOW)
    assert await town.done(Org.PROPERTY, "confirm_provider", **request) == confirmed
    await town.done(Org.REGULATOR, "issue_credential", attestation=jws)


async def test_an_ended_provider_attests_no_more(town: Town) -> None:
    await town.issue(ann(1))
    ended = await town.done(Org.REGULATOR, "end_provider", provider_id="police-1")
    town.ledger.now_ms += 1
    assert await town.done(Org.REGULATOR, "end_provider", provider_id="police-1") == ended
    assert await town.ask("provider", provider_id="police-1") == ended
    assert refusal(await issue(town, ann(2))) == (403, "provider/not-active")
    assert (await town.ask("credential", credential_id="cred-1"))["revoked_at"] is None
    request = {"provider_id": "police-1", "public_key": town.provider.public_key}
    outcome = await town.call(Org.BANK, "confirm_provider", **request)
    assert refusal(outcome) == (409, "provider/ended")


async def test_what_an_ended_provider_attested_keeps_its_answer(town: Town) -> None:
    jws = town.attested(ann(), Role.OWNER)
    first = await town.done(Org.REGULATOR, "issue_credential", attestation=jws)
    await town.done(Org.REGULATOR, "end_provider", provider_id="police-1")
    assert await town.done(Org.REGULATOR, "issue_credential", attestation=jws) == first
    forged = ".".join((*jws.split(".")[:2], b64(bytes(64))))
    outcome = await town.call(Org.REGULATOR, "issue_credential", attestation=forged)
    assert refusal(outcome) == (403, "attestation/forged")


async def test_naming_a_provider_is_refused_in_order(town: Town) -> None:
    key = Person("p", "p").public_key
    assert refusal(await name_provider(town, Org.BANK, public_key="AA")) == (
        400,
        "provider/bad-key",
    )
    outcome = await name_provider(town, Org.BANK, community="nowhere")
    assert refusal(outcome) == (403, "caller/org")
    outcome = await name_provider(town, community="nowhere")
    assert refusal(outcome) == (404, "community/unknown")
    first = await name_provider(town, public_key=key)
    state = town.ledger.state()
    assert (await name_provider(town, public_key=key)).payload == first.payload
    assert town.ledger.state() == state
    for changed in ({"public_key": town.provider.public_key}, {"evidence_sha256": sha(1)}):
        outcome = await name_provider(town, **{"public_key": key, **changed})
        assert refusal(outcome) == (409, "provider/exists-with-different-content")


async def test_confirming_and_ending_are_refused_in_order(town: Town) -> None:
    unknown = {"provider_id": "x", "public_key": "AA"}
    outcome = await town.call(Org.PLATFORM, "confirm_provider", **unknown)
    assert refusal(outcome) == (403, "caller/org")
    outcome = await town.call(Org.BANK, "confirm_provider", **unknown)
    assert refusal(outcome) == (404, "provider/not-found")
    await town.done(Org.REGULATOR, "end_provider", provider_id="police-1")
    outcome = await town.call(Org.BANK, "confirm_provider", provider_id="police-1", public_key="AA")
    assert refusal(outcome) == (409, "provider/other-key")
    outcome = await town.call(Org.BANK, "end_provider", provider_id="x")
    assert refusal(outcome) == (403, "caller/org")
    outcome = await town.call(Org.REGULATOR, "end_provider", provider_id="x")
    assert refusal(outcome) == (404, "provider/not-found")
    assert refusal(await town.query("provider", provider_id="x")) == (404, "provider/not-found")
