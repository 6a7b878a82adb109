"""Opening a community, and the checks that every call passes first."""

import json
from typing import Any

import pytest

from chaincode.access import Access, Kind
from chaincode.contract.communities import require_module
from chaincode.contract.contract import (
    AHEAD_MS_MAX,
    BEHIND_MS_MAX,
    REQUEST_BYTES_MAX,
    CommonholdContract,
)
from chaincode.errors import NotFound
from chaincode.model.base import Module, Org
from chaincode.model.community import Community
from tests.support.determinism import assert_deterministic
from tests.support.town import Town, refusal


@pytest.fixture
def town() -> Town:
    return Town()


async def open_(town: Town, *modules: str, org: Org = Org.REGULATOR) -> Any:
    return await town.call(org, "open_community", modules=modules)


async def test_a_community_is_opened_once(town: Town) -> None:
    opened = json.loads((await open_(town, "voting", "funds")).payload)
    assert opened == {
        "community": "fuzemen",
        "modules": ["funds", "voting"],
        "opened_at": town.ledger.now_ms,
        "opened_tx": f"{1:064x}",
    }
    state = town.ledger.state()
    assert state == {"fuzemen/community": json.dumps(opened, separators=(",", ":")).encode()}
    assert json.loads((await open_(town, "funds", "voting")).payload) == opened
    assert town.ledger.state() == state
    assert await town.ask("community") == opened
    assert_deterministic(town.ledger)


async def test_two_communities_share_a_channel(town: Town) -> None:
    other = Town(ledger=town.ledger, community="jinshui")
    await open_(town, "voting")
    await open_(other, "funds")
    assert sorted(town.ledger.state()) == ["fuzemen/community", "jinshui/community"]


async def test_opening_is_refused_in_order(town: Town) -> None:
    assert refusal(await open_(town, "magic", org=Org.BANK)) == (400, "input/malformed")
    for modules in ((), ("voting", "voting")):
        outcome = await open_(town, *modules, org=Org.BANK)
        assert refusal(outcome) == (400, "community/bad-modules")
    assert refusal(await open_(town, "voting", org=Org.BANK)) == (403, "caller/org")
    await open_(town, "voting")
    assert refusal(await open_(town, "funds")) == (
        409,
        "community/exists-with-different-modules",
    )


async def test_a_community_that_is_not_here(town: Town) -> None:
    assert refusal(await town.query("community")) == (404, "community/unknown")


def test_a_module_that_is_not_used() -> None:
    community = Community(community="fuzemen", modules=(Module.FUNDS,), opened_at=1, opened_tx="tx")
    rows = {
        module: Access(name="x", kind=Kind.QUERY, module=module, says="")
        for module in (None, Module.FUNDS, Module.VOTING)
    }
    require_module(community, rows[None])
    require_module(community, rows[Module.FUNDS])
    with pytest.raises(NotFound, match="community/module-not-used") as refused:
        require_module(community, rows[Module.VOTING])
    assert refused.value.details == {"module": "voting"}


# --- The entry ---


@pytest.mark.parametrize("function", ["", "nonsense", "name_representative"])
async def test_what_is_no_function(town: Town, function: str) -> None:
    assert refusal(await town.call(Org.REGULATOR, function)) == (400, "call/unknown-function")


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ((), "call/one-argument"),
        ((b"{}", b"{}"), "call/one-argument"),
        ((b" " * (REQUEST_BYTES_MAX + 1),), "call/oversize"),
        ((b" " * REQUEST_BYTES_MAX,), "input/malformed"),
        ((b"",), "input/malformed"),
        ((b"\xff",), "input/malformed"),
        ((b'{"community":"a/b"}',), "input/malformed"),
        ((b'{"community":"fuzemen","extra":1}',), "input/malformed"),
        ((b'{"community":' + b"[" * 100_000,), "input/malformed"),
    ],
)
async def test_what_is_no_request(town: Town, args: tuple[bytes, ...], code: str) -> None:
    outcome = await town.ledger.evaluate("RegulatorMSP", "community", *args)
    assert refusal(outcome) == (400, code)


@pytest.mark.parametrize("off_ms", [-AHEAD_MS_MAX - 1, BEHIND_MS_MAX + 1])
async def test_a_skewed_transaction_is_refused(town: Town, off_ms: int) -> None:
    contract = CommonholdContract(lambda: town.ledger.now_ms + off_ms)
    request = town.request(modules=["voting"])
    transaction = town.ledger.transaction("RegulatorMSP", "open_community", request)
    assert refusal(await contract.answer(transaction)) == (400, "time/skewed")


@pytest.mark.parametrize("off_ms", [-AHEAD_MS_MAX, BEHIND_MS_MAX])
async def test_only_the_transactions_time_is_written(town: Town, off_ms: int) -> None:
    contract = CommonholdContract(lambda: town.ledger.now_ms + off_ms)
    request = town.request(modules=["voting"])
    transaction = town.ledger.transaction("RegulatorMSP", "open_community", request)
    outcome = await contract.answer(transaction)
    assert json.loads(outcome.payload)["opened_at"] == town.ledger.now_ms


async def test_a_query_writes_nothing(town: Town) -> None:
    await open_(town, "voting")
    transaction = town.ledger.transaction("BankMSP", "community", town.request())
    assert (await town.ledger.contract().answer(transaction)).status == 200
    assert (transaction.writes, transaction.event) == ({}, None)
