"""Signed acts through the real contract: attacks, time, standing, role, order of the checks."""

import pytest

from chaincode.model.act import ACT_AGE_MS_MAX, ACT_AHEAD_MS_MAX, ACT_BYTES_MAX
from chaincode.model.base import Org, Role
from chaincode.rules.roll import NAMING_PAUSE_MS
from tests.support.act_attacks import (
    ATTACKS,
    HEADER,
    NONCE,
    altered,
    co_owned_town,
    naming,
    payload,
    with_header,
)
from tests.support.people import Person
from tests.support.town import DAY_MS, YEAR_MS, Town, refusal


@pytest.fixture
async def town() -> Town:
    return await co_owned_town()


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_is_refused(town: Town, attack: str) -> None:
    make, status, code = ATTACKS[attack]
    before = town.ledger.state()
    assert refusal(await town.carry(make(town))) == (status, code)
    assert town.ledger.state() == before


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_does_not_spoil_its_neighbours(town: Town, attack: str) -> None:
    make, status, code = ATTACKS[attack]
    good = naming(town)
    ben = naming(town, "ben")
    answers = await town.answers(good, make(town), ben)
    assert answers == [(200, "accepted"), (status, code), (200, "accepted")]
    assert (await town.ask("unit", unit_id="1-1-101"))["representative"] == "ann"


async def test_an_act_of_the_largest_size_is_read(town: Town) -> None:
    filler = b"a" * (ACT_BYTES_MAX - 2) + b".."
    assert refusal(await town.carry(filler)) == (400, "act/malformed")


async def test_the_edges_of_time_are_inside(town: Town) -> None:
    old = naming(town, at=town.ledger.now_ms - ACT_AGE_MS_MAX)
    ahead = naming(town, "ben", at=town.ledger.now_ms + ACT_AHEAD_MS_MAX)
    assert await town.answers(old, ahead) == [(200, "accepted"), (200, "accepted")]


# --- Standing and role ---


@pytest.mark.parametrize(
    ("function", "standing"),
    [("suspend_credential", "suspended"), ("revoke_credential", "revoked")],
)
async def test_a_credential_out_of_force_acts_no_more(
    town: Town, function: str, standing: str
) -> None:
    change = {"credential_id": "cred-ann", "reason": "device-lost"}
    await town.done(Org.REGULATOR, function, **change)
    assert refusal(await town.carry(naming(town))) == (403, f"credential/{standing}")


async def test_a_resumed_credential_acts_again(town: Town) -> None:
    change = {"credential_id": "cred-ann", "reason": "under-inquiry"}
    await town.done(Org.REGULATOR, "suspend_credential", **change)
    await town.done(Org.REGULATOR, "resume_credential", **change)
    assert await town.answers(naming(town)) == [(200, "accepted")]


async def test_a_replaced_credential_acts_no_more(town: Town) -> None:
    old = town.people["ann"]
    await town.issue(Person("ann", "cred-ann-2"))
    act = town.act(old, "name_representative", unit_id="1-1-101", representative="ann")
    assert refusal(await town.carry(act)) == (403, "credential/replaced")
    assert await town.answers(naming(town)) == [(200, "accepted")]


async def test_validity_begins_and_ends(town: Town) -> None:
    start = town.ledger.now_ms
    later = {"valid_from_at": start + DAY_MS, "valid_until_at": start + 2 * DAY_MS}
    await town.issue(Person("ann", "cred-ann-2"), **later)
    seen = []
    for now_ms in (0, DAY_MS - 1, DAY_MS, 2 * DAY_MS - 1, 2 * DAY_MS):
        town.ledger.now_ms = start + now_ms
        outcome = await town.carry(naming(town))
        seen.append("accepted" if outcome.status == 200 else refusal(outcome)[1])
    early, late = "credential/not-yet-valid", "credential/expired"
    assert seen == [early, early, "accepted", "accepted", late]


async def test_a_clerk_is_no_owner(town: Town) -> None:
    clerk = await town.issue(Person("clerk", "cred-clerk"), Role.COMPANY_CLERK, Org.PROPERTY)
    act = town.act(clerk, "name_representative", unit_id="1-1-101", representative="ann")
    assert refusal(await town.carry(act)) == (403, "caller/role")


async def test_any_organisation_carries_an_act(town: Town) -> None:
    for number, org in enumerate(Org):
        act = naming(town, nonce=f"{number:032x}")
        assert (await town.carry(act, org=org)).status == 200
        town.ledger.now_ms += NAMING_PAUSE_MS


async def test_an_unknown_organisation_carries_nothing(town: Town) -> None:
    outcome = await town.ledger.submit("EvilMSP", "submit_acts", b"fuzemen", naming(town))
    assert refusal(outcome) == (403, "caller/org")


# --- Order of the checks ---


async def test_checks_come_in_order(town: Town) -> None:
    """Each act has two faults; the check that comes first answers."""
    year_ago = town.ledger.now_ms - YEAR_MS
    stranger = Person("ann", "cred-ann")
    clerk = await town.issue(Person("clerk", "cred-clerk"), Role.COMPANY_CLERK, Org.PROPERTY)
    used = naming(town, nonce=NONCE)
    await town.carry(used)
    ordered = [
        (b"a" * ACT_BYTES_MAX + b"..", "act/oversize"),
        (with_header(town, {**HEADER, "alg": "none", "x": 1}), "input/malformed"),
        (with_header(town, {**HEADER, "alg": "none", "typ": "JWT"}), "act/algorithm"),
        (altered(with_header(town, {**HEADER, "typ": "JWT"}), 2, lambda _: b""), "act/type"),
        (naming(town, channel="other", community="other"), "act/other-channel"),
        (naming(town, community="other", at=year_ago), "act/other-community"),
        (town.act(town.people["ann"], "nonsense", at=year_ago), "act/too-old"),
        (town.act(town.people["ann"], "nonsense", x=1), "act/unknown"),
        (stranger.sign(payload(town, x=1)), "input/malformed"),
        (stranger.sign(payload(town), kid="cred-nobody"), "credential/unknown"),
        (stranger.sign(payload(town, nonce=NONCE)), "act/forged"),
        (clerk.sign(payload(town, unit_id="9-9-999")), "caller/role"),
        (naming(town, nonce=NONCE, unit_id="9-9-999"), "act/nonce-used"),
    ]
    for act, code in ordered:
        assert refusal(await town.carry(act))[1] == code
    await town.done(Org.REGULATOR, "revoke_credential", credential_id="cred-ann", reason="died")
    revoked = naming(town, nonce=NONCE, unit_id="9-9-999")
    assert refusal(await town.carry(revoked))[1] == "credential/revoked"
    assert refusal(await town.carry(stranger.sign(payload(town))))[1] == "act/forged"
