"""Issuing: killed between any steps, unanswered, refused, forged; one credential all the same."""

import asyncio
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chaincode.errors import Conflict, RuleForbids
from chaincode.model.base import Org, Role
from gateway.database import DatabaseUnavailable
from gateway.errors import Busy, OutcomeUnknown
from gateway.identity.attesting import Attesting, NotAsAsked
from gateway.identity.certifications import CERTIFICATION_MS_MAX, Held, Phase
from gateway.identity.flows import Flow
from gateway.identity.issuing import RETRY_MS
from gateway.identity.provider import ProviderUnavailable
from network.ca.errors import CaOutcomeUnknown, CaUnreachable, IdentityDiffers
from tests.gateway.identity.test_certifying import recorded
from tests.support.applicant import Applicant
from tests.support.identity import OTHER, Bureau, Killed, Stumbling, bureau_at
from tests.support.town import DAY_MS, unit_row


def issues(bureau: Bureau) -> int:
    """How many credentials were recorded."""
    return sum(b'"CredentialIssued"' in payload for _, _, payload in bureau.town.ledger.events)


async def certificates(bureau: Bureau, who: Applicant) -> int:
    return len(bureau.ca.issued.get(who.credential_id, []))


KILL_POINTS = [
    "ca",
    "attest",
    "ledger",
    "note_certificate",
    "note_attestation",
    "end",
]


@pytest.mark.parametrize("point", KILL_POINTS)
async def test_killed_after_any_step_it_goes_on(address: str, tmp_path: Path, point: str) -> None:
    async with bureau_at(address, tmp_path) as bureau:
        who = Applicant()
        await bureau.verify(who)
        kill: deque[BaseException] = deque([Killed()])
        parts: dict[str, dict[str, Any]] = {
            "ca": {"ca": Stumbling(bureau.ca, certify=kill)},
            "attest": {"provider": Stumbling(bureau.provider, attest=kill)},
            "ledger": {"ledger": Stumbling(bureau.ledger, transact=kill)},
        }
        usual = {"rows": Stumbling(bureau.rows, **{point: kill})}
        with pytest.raises(Killed):
            await bureau.worker(**parts.get(point, usual)).round()
        assert not kill
        await bureau.worker().round()
        assert (await bureau.status(who)).phase is Phase.ISSUED
        assert (issues(bureau), await certificates(bureau, who)) == (1, 1)
        credential = await recorded(bureau, who)
        assert credential.public_key == who.public_key


async def test_two_workers_issue_one_credential(address: str, tmp_path: Path) -> None:
    async with bureau_at(address, tmp_path) as bureau:
        who = Applicant()
        await bureau.verify(who)
        await bureau.worker().prepare()
        late = bureau.worker()
        rows = await bureau.rows.due(bureau.clock_ms(), 10, attested=True)
        await bureau.worker().round()
        await late._record(who.community, rows)
        await asyncio.gather(*(bureau.worker().round() for _ in range(3)))
        assert (await bureau.status(who)).phase is Phase.ISSUED
        assert (issues(bureau), await certificates(bureau, who)) == (1, 1)


@pytest.mark.parametrize(
    ("part", "trouble"),
    [
        ("ca", CaUnreachable("no")),
        ("ca", CaOutcomeUnknown("?")),
        ("provider", ProviderUnavailable("no")),
        ("ledger", OutcomeUnknown("tx")),
        ("ledger", Busy("no")),
    ],
)
async def test_an_unknown_outcome_is_looked_up_later(
    bureau: Bureau, part: str, trouble: Exception
) -> None:
    who = Applicant()
    await bureau.verify(who)
    call = {"ca": "certify", "provider": "attest", "ledger": "transact"}[part]
    worker = bureau.worker(
        **{part: Stumbling(getattr(bureau, part), **{call: deque([trouble, trouble])})}
    )
    for failures in (0, 1):
        await worker.round()
        row = await bureau.rows.find(who.credential_id)
        assert row is not None
        assert row.phase is Phase.ISSUING
        await worker.round()
        again = await bureau.rows.find(who.credential_id)
        assert again == row, "not before it is due"
        bureau.later(RETRY_MS << failures)
    await worker.round()
    assert (await bureau.status(who)).phase is Phase.ISSUED
    assert (issues(bureau), await certificates(bureau, who)) == (1, 1)


async def test_a_defect_in_one_row_stops_no_other(bureau: Bureau) -> None:
    broken, sound = (
        Applicant(),
        Applicant(name=OTHER["owner_name"], id_no=OTHER["owner_id_no"], unit_id=OTHER["unit"]),
    )
    await bureau.verify(broken)
    await bureau.verify(sound)
    defect = Stumbling(bureau.ca, certify=deque([ZeroDivisionError()]))
    await bureau.worker(ca=defect).round()
    phases = {(await bureau.status(who)).phase for who in (broken, sound)}
    assert phases == {Phase.ISSUING, Phase.ISSUED}


async def test_a_database_that_is_away_ends_the_round_only(bureau: Bureau) -> None:
    who = Applicant()
    await bureau.verify(who)
    rows = Stumbling(bureau.rows, note_certificate=deque([DatabaseUnavailable("gone")]))
    with pytest.raises(DatabaseUnavailable):
        await bureau.worker(rows=rows).round()
    await bureau.worker().round()
    assert (await bureau.status(who)).phase is Phase.ISSUED


# --- What ends it ---


async def ended(bureau: Bureau, who: Applicant) -> str | None:
    status = await bureau.status(who)
    assert status.phase is Phase.REFUSED
    assert status.bindings is None
    assert status.certificate_pem is None
    return status.code


@pytest.mark.parametrize("action", ["forge", "swap"])
async def test_another_attestation_than_asked_for_is_not_sent(bureau: Bureau, action: str) -> None:
    who = Applicant()
    await bureau.verify(who)
    await bureau.say(action, call="attest")
    await bureau.issuing.round()
    assert await ended(bureau, who) == "attestation/not-as-asked"
    assert issues(bureau) == 0
    assert "issue_credentials" not in [name for name, _ in bureau.ledger.calls]


async def test_an_attestation_that_is_no_jws_is_not_sent(bureau: Bureau) -> None:
    who = Applicant()
    await bureau.verify(who)

    class Nonsense:
        async def attest(self, *_: object) -> str:
            return "a.b.c"

    await bureau.worker(provider=Nonsense()).round()
    assert await ended(bureau, who) == "attestation/not-as-asked"


async def test_a_flow_without_an_account_attests_nothing(bureau: Bureau) -> None:
    who = Applicant()
    await bureau.verify(who)
    row = await bureau.rows.find(who.credential_id)
    assert row is not None
    certified = replace(row, certificate_pem="", valid_until_at=1)
    attesting = Attesting(bureau.provider, bureau.ledger)
    with pytest.raises(NotAsAsked):
        await attesting.attest(certified, Held(salt="0" * 32, device=who.device), "fuzemen")


@pytest.mark.parametrize(
    "refusal",
    [Conflict("credential/key-in-use"), RuleForbids("credential/valid-too-long", ms_max=1)],
)
async def test_the_ledgers_no_is_final(bureau: Bureau, refusal: Exception) -> None:
    who = Applicant()
    await bureau.verify(who)

    class Refusing:
        def __getattr__(self, name: str) -> Any:
            return getattr(bureau.ledger, name)

        async def transact(self, *_: object, **__: object) -> None:
            raise refusal

    await bureau.worker(ledger=Refusing()).round()
    assert await ended(bureau, who) == refusal.code  # type: ignore[attr-defined]


async def test_who_left_the_register_meanwhile_gets_no_credential(bureau: Bureau) -> None:
    who = Applicant()
    await bureau.verify(who)
    await bureau.town.done(
        Org.REGULATOR, "transfer_unit", unit_id=who.unit_id, version=1,
        owners=[{"owner_id": "o-new", "num": 1, "den": 1}], evidence_sha256="1" * 64,
        at=bureau.town.ledger.now_ms,
    )  # fmt: skip
    await bureau.issuing.round()
    assert await ended(bureau, who) == "holder/not-on-register"


async def test_a_provider_that_ended_attests_no_more(bureau: Bureau) -> None:
    who = Applicant()
    await bureau.verify(who)
    await bureau.town.done(Org.REGULATOR, "end_provider", provider_id="sandbox-authority")
    await bureau.issuing.round()
    assert await ended(bureau, who) == "provider/not-active"


async def test_an_id_registered_otherwise_is_not_ours(bureau: Bureau) -> None:
    who = Applicant()
    await bureau.verify(who)
    bureau.ca.before.append(IdentityDiffers("another role"))
    await bureau.issuing.round()
    assert await ended(bureau, who) == "certification/id-taken"


async def test_it_is_given_up_after_a_day(bureau: Bureau) -> None:
    who = Applicant()
    await bureau.verify(who)
    bureau.later(CERTIFICATION_MS_MAX)
    await bureau.issuing.round()
    assert await ended(bureau, who) == "certification/expired"
    assert await certificates(bureau, who) == 0


async def test_a_person_erased_meanwhile_gets_nothing(bureau: Bureau) -> None:
    who = Applicant()
    await bureau.verify(who)
    await bureau.vault.erase(bureau.holder_id)
    await bureau.issuing.round()
    assert await ended(bureau, who) == "certification/person-erased"
    assert issues(bureau) == 0


# --- How long it is valid ---


async def test_it_ends_with_its_certificate(bureau: Bureau) -> None:
    who = Applicant()
    bureau.ca.days = 30
    await bureau.certify(who)
    assert (await recorded(bureau, who)).valid_until_at == 1_788_220_800_000 + 30 * DAY_MS


async def test_a_members_ends_with_the_term(bureau: Bureau) -> None:
    who = Applicant()
    await bureau.verify_as(who, Role.COMMITTEE_MEMBER)
    until_at = bureau.town.ledger.now_ms + 90 * DAY_MS
    members = [bureau.holder_id, "o-2", "o-3", "o-4", "o-5"]
    await bureau.town.add_units(unit_row(f"1-1-{owner}", owner) for owner in members[1:])
    await bureau.town.seat(members, until_at=until_at)
    await bureau.issuing.round()
    credential = await recorded(bureau, who)
    assert (credential.role, credential.valid_until_at) == (Role.COMMITTEE_MEMBER, until_at)


async def test_a_member_without_a_committee_is_refused(bureau: Bureau) -> None:
    who = Applicant()
    await bureau.verify_as(who, Role.COMMITTEE_MEMBER)
    await bureau.issuing.round()
    assert await ended(bureau, who) == "committee/none"


async def test_certifying_again_replaces_the_credential(bureau: Bureau) -> None:
    old, new = Applicant(), Applicant()
    await bureau.certify(old)
    await bureau.certify(new, Flow.COUNTER)
    assert (await recorded(bureau, old)).replaced_by == new.credential_id
    assert (await recorded(bureau, new)).replaces == old.credential_id
