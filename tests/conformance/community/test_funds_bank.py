"""From the owners' vote to the bank statement: real peers, the gateway's own ledger, a real bank
program; and one payment submitted a thousand times."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chaincode import codec
from chaincode.access import MSP_OF
from chaincode.model.act import ACCEPTED, Answers
from chaincode.model.base import Org
from gateway.ledger import FabricLedger
from gateway.settings import FabricSection
from network.places import person_msp
from tests.scenarios.money import BUDGET_FEN, approved, book, budgeted, funded, held, phase, request
from tests.support.bank import OPENING_FEN
from tests.support.bank_bridge import Counter, bank_counter
from tests.support.fund_checks import Snapshot, check
from tests.support.funds import Treasury
from tests.support.network import RunningNetwork
from tests.support.real_ledger import RealLedger
from tests.support.real_town import RealTown
from tests.support.town import refusal

pytestmark = pytest.mark.fabric

SUBMITS = 1_000
PATIENCE_S = 60.0


@pytest.fixture
async def counter(
    community_network: RunningNetwork, town: RealTown, tmp_path: Path
) -> AsyncIterator[Counter]:
    """The bank's bridge, with the bank's own gateway identity."""
    bank = community_network.org("bank")
    msp = person_msp(bank.org, "gateway")
    roots = tmp_path / "roots.pem"
    roots.write_bytes(b"".join(peer.tls_root for peer in bank.peers))
    section = FabricSection(
        msp_id=bank.msp_id,
        peers=tuple(peer.address for peer in bank.peers),
        tls_roots_file=roots,
        certificate_file=next((msp / "signcerts").iterdir()),
        key_file=next((msp / "keystore").iterdir()),
        channels=(town.ledger.channel_id,),
        chaincode=community_network.chaincode,
    )
    async with (
        FabricLedger(section) as ledger,
        bank_counter(ledger, town.community, tmp_path, patience_s=PATIENCE_S) as counter,
    ):
        yield counter


def real(town: RealTown) -> RealLedger:
    assert isinstance(town.ledger, RealLedger)
    return town.ledger


async def test_owners_vote_and_the_bank_pays(town: RealTown, counter: Counter) -> None:
    await funded(town)
    await budgeted(town)
    await held(town)
    rounds = await counter.day()
    assert [one.left for one in rounds] == [()] * len(rounds)
    assert rounds[0].sent == ("p1",)
    assert await real(town).catch_up(town.community) == []
    assert {"order_payment", "report_payment", "record_statement"} <= real(town).called
    assert await phase(town) == "settled"
    found = await book(town)
    assert found["bank"] == found["free"] == counter.balance_fen == OPENING_FEN - BUDGET_FEN
    assert (await town.ask("bank_exceptions"))["exceptions"] == []
    over = await town.carry(request(town, "p2", 7))
    assert refusal(over) == (422, "budget/exceeded")
    assert '"gap_fen": 7' in over.message
    check(Snapshot().read(Treasury(ledger=town.ledger)))


async def test_a_thousand_submits_of_one_payment_pay_once(town: RealTown, counter: Counter) -> None:
    """The clerk's application sends one request a thousand times, through three gateways; the bank
    its order and the bridge runs beside itself. Each happens once."""
    await funded(town)
    await budgeted(town)
    ledger = real(town)
    once = (town.community.encode(), request(town))
    orgs = [MSP_OF[org] for org in (Org.PROPERTY, Org.COMMITTEE, Org.REGULATOR)]
    answers = await ledger.storm(
        [(orgs[number % 3], "submit_acts", once) for number in range(SUBMITS)]
    )
    assert (len(answers), len(set(answers))) == (SUBMITS, 1)
    (answer,) = codec.decode_stored(answers[0], Answers).answers
    assert answer.code == ACCEPTED
    await ledger.catch_up(town.community)
    entries = (await town.ask("payments", fund_id="repair"))["payments"]
    assert [row["phase"] for row in entries] == ["requested"]
    await approved(town)
    rounds = await asyncio.gather(*(counter.run() for _ in range(10)))
    assert [one.left for one in rounds] == [()] * len(rounds)
    await counter.day()
    await ledger.catch_up(town.community)
    assert await phase(town) == "settled"
    assert counter.balance_fen == OPENING_FEN - BUDGET_FEN
    assert len(counter.sandbox.admin("state")["payments"]) == 1
    causes = [one["cause"] for one in (await town.ask("fund_entries", fund_id="repair"))["entries"]]
    assert causes == ["opening", "budget-opened", "hold", "settlement"]
