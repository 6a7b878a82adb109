"""A town with a committee, and what its members and the regulator do."""

from typing import Any

from chaincode.contract.committees import seat_elected
from chaincode.contract.handlers import Call
from chaincode.model.base import Org
from chaincode.model.committee import Committee
from chaincode.world import World
from tests.support.town import DAY_MS, HASH, YEAR_MS, Town, refusal, sha, unit_row

NOW = 1_790_000_000_000
FIVE = ["m0", "m1", "m2", "m3", "m4"]


def founding(**fields: Any) -> dict[str, Any]:
    return {
        "members": FIVE,
        "seat_count": 5,
        "from_at": NOW,
        "until_at": NOW + YEAR_MS,
        "evidence_sha256": HASH,
        **fields,
    }


async def sell(town: Town, owner: str) -> None:
    request = {"unit_id": f"1-1-{owner}", "version": 1, "at": town.ledger.now_ms}
    owners = [{"owner_id": "stranger", "num": 1, "den": 1}]
    await town.done(Org.REGULATOR, "transfer_unit", **request, owners=owners, evidence_sha256=HASH)


async def elect(town: Town, members: list[str], **fields: Any) -> Committee:
    """What the end of an election does, committed like a transaction."""
    transaction = town.ledger.transaction("RegulatorMSP", "freeze_roll")
    now_ms = town.ledger.now_ms
    call = Call(org=Org.REGULATOR, tx_id=transaction.tx_id, channel="fuzemen", now_ms=now_ms)
    world = World(transaction, town.community)
    request = {"motion_id": "motion-1", "alternates": [], "seat_count": len(members)}
    request |= {"until_at": now_ms + YEAR_MS, **fields}
    seated = await seat_elected(world, call, members=members, **request)
    world.flush()
    transaction.commit()
    return seated


async def town_of_nine() -> Town:
    """Nine owners, m0 to m8, with credentials; nobody is seated."""
    town = await Town().open()
    owners = [f"m{number}" for number in range(9)]
    await town.add_units([unit_row(f"1-1-{owner}", owner) for owner in owners])
    for owner in owners:
        await town.owner(owner)
    return town


async def town_with_committee() -> Town:
    """m0 to m4 are the committee, m5 and m6 its alternates."""
    town = await town_of_nine()
    await town.seat(FIVE, alternates=["m5", "m6"])
    return town


async def end(town: Town, holder: str, reason: str = "resigned", org: Org = Org.REGULATOR) -> Any:
    request = {"holder_id": holder, "reason": reason, "evidence_sha256": sha(9)}
    return await town.call(org, "end_seat", **request)


async def send(town: Town, holder: str, act: str, **fields: Any) -> tuple[int, str]:
    outcome = await town.carry(town.act(town.people[holder], act, **fields))
    return (200, "accepted") if outcome.status == 200 else refusal(outcome)


async def open_(town: Town, holder: str, decision: str = "d1", **fields: Any) -> tuple[int, str]:
    request = {"decision_id": decision, "subject": "motion", "subject_id": "motion-7"}
    request |= {"content_sha256": sha(6), "until_at": NOW + 30 * DAY_MS, **fields}
    return await send(town, holder, "open_committee_decision", **request)


async def answer(
    town: Town, holder: str, decision: str = "d1", verdict: str = "approve", content: int = 6
) -> tuple[int, str]:
    request = {"decision_id": decision, "verdict": verdict, "content_sha256": sha(content)}
    return await send(town, holder, "answer_committee_decision", **request)


async def phase(town: Town, decision: str = "d1") -> str:
    return str((await town.ask("committee_decision", decision_id=decision))["phase"])
