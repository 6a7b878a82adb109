"""Credentials: issued, replaced, listed, suspended, resumed and revoked."""

import json
from typing import Any

import pytest

from chaincode.model.base import Org, Role
from chaincode.model.credential import (
    ATTESTATION_AGE_MS_MAX,
    ATTESTATION_AHEAD_MS_MAX,
    ATTESTATION_TYP,
    CREDENTIAL_MS_MAX,
)
from tests.support.determinism import assert_deterministic
from tests.support.memory_ledger import ReadConflict
from tests.support.people import Person
from tests.support.town import HASH, YEAR_MS, Town, refusal, sha, unit_row

NOW = 1_790_000_000_000


@pytest.fixture
async def town() -> Town:
    """Ann and Ben own 1-1-101; four more owners could sit in a committee with Ann."""
    town = await Town().open()
    rows = [unit_row(f"2-1-10{n}", f"member-{n}") for n in range(4)]
    await town.add_units([unit_row("1-1-101", "ann", "ben"), *rows])
    return town


async def issue(town: Town, person: Person, role: Role = Role.OWNER, **fields: Any) -> Any:
    jws = town.attested(person, role, **fields)
    return await town.call(Org.REGULATOR, "issue_credential", attestation=jws)


def ann(number: int = 1) -> Person:
    return Person("ann", f"cred-{number}")


# --- Issuing ---


async def test_a_credential_says_what_was_attested(town: Town) -> None:
    person = ann()
    jws = town.attested(person, Role.OWNER)
    credential = await town.done(Org.REGULATOR, "issue_credential", attestation=jws)
    said = town.attestation(person, Role.OWNER)
    assert {name: credential[name] for name in said if name in credential} == {
        name: said[name] for name in said if name not in ("channel", "community", "at")
    }
    assert credential["attestation"] == jws
    assert credential["provider_id"] == "police-1"
    assert credential["org"] == "regulator"
    assert credential["issued_at"] == town.ledger.now_ms
    assert credential["replaces"] is None
    assert await town.ask("credential", credential_id="cred-1") == credential


async def test_the_same_attestation_again_gets_the_same_record(town: Town) -> None:
    jws = town.attested(ann(), Role.OWNER)
    first = await town.done(Org.REGULATOR, "issue_credential", attestation=jws)
    state = town.ledger.state()
    town.ledger.now_ms += ATTESTATION_AGE_MS_MAX + 1
    assert await town.done(Org.REGULATOR, "issue_credential", attestation=jws) == first
    assert town.ledger.state() == state


async def test_a_second_signature_over_one_attestation_is_the_same(town: Town) -> None:
    said = town.attestation(ann(), Role.OWNER)
    signed = {town.provider.sign(said, typ=ATTESTATION_TYP).decode() for _ in range(2)}
    assert len(signed) == 2
    found = [
        await town.done(Org.REGULATOR, "issue_credential", attestation=jws)
        for jws in sorted(signed)
    ]
    assert found[0] == found[1]


async def test_a_new_credential_replaces_the_old_at_once(town: Town) -> None:
    await town.issue(ann(1))
    await town.issue(ann(2), device_sha256=sha(77))
    await town.issue(ann(3), account_sha256=sha(88))
    found = (await town.ask("holder_credentials", holder_id="ann"))["credentials"]
    chain = [(one["credential_id"], one["replaces"], one["replaced_by"]) for one in found]
    assert chain == [
        ("cred-3", "cred-2", None),
        ("cred-2", "cred-1", "cred-3"),
        ("cred-1", None, "cred-2"),
    ]


async def test_a_revoked_credential_stays_revoked_when_replaced(town: Town) -> None:
    await town.issue(ann(1))
    change = {"credential_id": "cred-1", "reason": "key-exposed"}
    await town.done(Org.REGULATOR, "revoke_credential", **change)
    await town.issue(ann(2))
    old = await town.ask("credential", credential_id="cred-1")
    assert (old["revoked_at"], old["reason"]) == (town.ledger.now_ms, "key-exposed")
    assert old["replaced_by"] == "cred-2"


async def test_two_credentials_at_once_do_not_both_come_into_force(town: Town) -> None:
    contract, endorsed = town.ledger.contract(), []
    for number in (1, 2):
        request = town.request(attestation=town.attested(ann(number), Role.OWNER))
        endorsed.append(town.ledger.transaction("RegulatorMSP", "issue_credential", request))
        assert (await contract.answer(endorsed[-1])).status == 200
    endorsed[0].commit()
    with pytest.raises(ReadConflict):
        endorsed[1].commit()


async def test_owners_see_every_credential_ever_issued_for_their_unit(town: Town) -> None:
    for person in (ann(1), ann(2), Person("ben", "cred-ben")):
        await town.issue(person)
    sale = {"unit_id": "1-1-101", "version": 1, "at": town.ledger.now_ms, "evidence_sha256": HASH}
    owners = [{"owner_id": "zed", "num": 1, "den": 1}]
    await town.done(Org.REGULATOR, "transfer_unit", **sale, owners=owners)
    await town.issue(Person("zed", "cred-zed"))
    found = (await town.ask("unit_credentials", unit_id="1-1-101"))["credentials"]
    assert [one["credential_id"] for one in found] == ["cred-2", "cred-1", "cred-ben", "cred-zed"]
    removal = {"unit_id": "1-1-101", "version": 2, "reason": "clerical-error"}
    await town.done(Org.REGULATOR, "remove_unit", **removal, evidence_sha256=HASH)
    assert (await town.ask("unit_credentials", unit_id="1-1-101"))["credentials"] == found
    assert refusal(await town.query("unit_credentials", unit_id="x")) == (404, "unit/unknown")
    assert await town.ask("holder_credentials", holder_id="x") == {"credentials": []}


STAFF = {
    Role.COMPANY_CLERK: Org.PROPERTY,
    Role.BANK_CLERK: Org.BANK,
    Role.REGULATOR_CLERK: Org.REGULATOR,
    Role.ARBITRATOR: Org.ARBITRATION,
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("org", [Org.REGULATOR, Org.PROPERTY, Org.BANK, Org.ARBITRATION])
async def test_each_role_has_one_issuer(town: Town, role: Role, org: Org) -> None:
    jws = town.attested(Person("nobody", "cred-1"), role)
    outcome = await town.call(org, "issue_credential", attestation=jws)
    if STAFF.get(role, Org.REGULATOR) is not org:
        assert refusal(outcome) == (403, "credential/other-issuer")
    elif role in STAFF:
        assert json.loads(outcome.payload)["org"] == org
    else:
        place = "not-seated" if role is Role.COMMITTEE_MEMBER else "not-on-register"
        assert refusal(outcome) == (404, f"holder/{place}")


@pytest.mark.parametrize("org", [Org.COMMITTEE, Org.PLATFORM])
async def test_other_organisations_issue_nothing(town: Town, org: Org) -> None:
    outcome = await town.call(org, "issue_credential", attestation=town.attested(ann(), Role.OWNER))
    assert refusal(outcome) == (403, "caller/org")


async def test_a_company_cannot_replace_an_owners_credential(town: Town) -> None:
    await town.issue(ann(1))
    jws = town.attested(ann(2), Role.COMPANY_CLERK)
    outcome = await town.call(Org.PROPERTY, "issue_credential", attestation=jws)
    assert refusal(outcome) == (409, "holder/of-another-org")
    assert (await town.ask("credential", credential_id="cred-1"))["replaced_by"] is None


async def test_who_has_no_seat_has_no_members_credential(town: Town) -> None:
    outcome = await issue(town, ann(), Role.COMMITTEE_MEMBER)
    assert refusal(outcome) == (404, "holder/not-seated")


async def test_a_members_credential_ends_with_the_term(town: Town) -> None:
    members = ["ann", *(f"member-{n}" for n in range(4))]
    await town.seat(members)
    outcome = await issue(
        town, ann(), Role.COMMITTEE_MEMBER, valid_until_at=town.ledger.now_ms + YEAR_MS + 1
    )
    assert refusal(outcome) == (422, "credential/beyond-term")
    assert (await issue(town, ann(), Role.COMMITTEE_MEMBER)).status == 200


async def test_the_edges_of_time(town: Town) -> None:
    now_ms = town.ledger.now_ms
    await town.issue(ann(1), at=now_ms - ATTESTATION_AGE_MS_MAX)
    await town.issue(ann(2), at=now_ms + ATTESTATION_AHEAD_MS_MAX)
    await town.issue(ann(3), valid_from_at=now_ms, valid_until_at=now_ms + CREDENTIAL_MS_MAX)
    await town.issue(ann(4), valid_from_at=now_ms - 5, valid_until_at=now_ms + 1)


# --- Suspend, resume, revoke ---


async def change(town: Town, function: str, org: Org = Org.REGULATOR, **fields: Any) -> Any:
    request = {"credential_id": "cred-1", "reason": "under-inquiry", **fields}
    return await town.call(org, f"{function}_credential", **request)


async def test_standing_changes_with_reasons(town: Town) -> None:
    await town.issue(ann())
    seen = []
    for function, reason in [
        ("resume", "inquiry-closed"),
        ("suspend", "under-inquiry"),
        ("suspend", "own-request"),
        ("resume", "inquiry-closed"),
        ("revoke", "died"),
        ("revoke", "died"),
    ]:
        town.ledger.now_ms += 1
        one = json.loads((await change(town, function, reason=reason)).payload)
        seen.append((one["suspended_at"], one["revoked_at"], one["reason"]))
    start = NOW
    assert seen == [
        (None, None, None),
        (start + 2, None, "under-inquiry"),
        (start + 2, None, "under-inquiry"),
        (None, None, "inquiry-closed"),
        (None, start + 5, "died"),
        (None, start + 5, "died"),
    ]
    events = [json.loads(one[2])[0]["event"] for one in town.ledger.events[-3:]]
    assert events == ["CredentialSuspended", "CredentialResumed", "CredentialRevoked"]


@pytest.mark.parametrize("function", ["suspend", "resume", "revoke"])
async def test_standing_changes_are_refused_in_order(town: Town, function: str) -> None:
    clerk = Person("clerk", "cred-1")
    await town.issue(clerk, Role.COMPANY_CLERK, Org.PROPERTY)
    unknown = {"credential_id": "cred-9"}
    bad = await change(town, function, Org.COMMITTEE, reason="because")
    assert refusal(bad) == (400, "input/malformed")
    outcome = await change(town, function, Org.COMMITTEE, **unknown)
    assert refusal(outcome) == (403, "caller/org")
    outcome = await change(town, function, Org.BANK, **unknown)
    assert refusal(outcome) == (403, "credential/other-issuer")
    assert refusal(await change(town, function, Org.BANK)) == (403, "credential/other-issuer")
    outcome = await change(town, function, **unknown)
    assert refusal(outcome) == (404, "credential/not-found")
    assert (await change(town, function, Org.PROPERTY)).status == 200


@pytest.mark.parametrize("function", ["suspend", "resume", "revoke"])
async def test_a_credential_that_is_over_stays_so(town: Town, function: str) -> None:
    await town.issue(ann(1))
    await town.issue(ann(2))
    assert refusal(await change(town, function)) == (409, "credential/already-replaced")
    await change(town, "revoke", credential_id="cred-2", reason="died")
    outcome = await change(town, function, credential_id="cred-2")
    assert refusal(outcome) == (409, "credential/already-revoked")


async def test_the_regulator_revokes_a_clerk(town: Town) -> None:
    await town.issue(Person("clerk", "cred-1"), Role.COMPANY_CLERK, Org.PROPERTY)
    one = json.loads((await change(town, "revoke", reason="company-replaced")).payload)
    assert one["reason"] == "company-replaced"
    assert refusal(await town.query("credential", credential_id="x")) == (
        404,
        "credential/not-found",
    )


async def test_endorsers_agree_on_credentials(town: Town) -> None:
    await town.issue(ann(1))
    await change(town, "suspend")
    await town.issue(ann(2))
    await issue(town, Person("ben", "cred-2"))
    await town.done(Org.REGULATOR, "end_provider", provider_id="police-1")
    assert_deterministic(town.ledger)
