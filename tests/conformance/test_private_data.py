"""Private data stays with its org: values in the collection, only hashes on everybody's ledger.

Every org has an implicit collection (Fabric docs, "Private data"), so no collection has to be
configured. The values travel in the transient map.
"""

import hashlib

import pytest

from gateway.fabric.errors import CommitError
from tests.support.gateways import Caller

pytestmark = pytest.mark.fabric

BANK_ONLY = "_implicit_org_BankMSP"
BY_BANK = ["BankMSP"]
NO_STALL_S = 3.0
"""A peer does not wait for the private data of a transaction that is invalid anyway."""
SECRET = "62-2-账号".encode()


async def keep(bank: Caller, key: str, value: bytes = SECRET) -> str:
    committed = await bank.contract.submit(
        "private_put", BANK_ONLY, key, transient={"value": value}, endorsing_orgs=BY_BANK
    )
    return committed.tx_id


async def test_the_own_org_reads_it_back(bank: Caller, key: str) -> None:
    await keep(bank, key)
    assert await bank.contract.evaluate("private_get", BANK_ONLY, key) == SECRET
    found = await bank.query("private_get_many", BANK_ONLY, f"{key}x", key)
    assert found == [None, SECRET.decode()]
    assert await bank.query("private_scan", BANK_ONLY, key, f"{key}~") == [[key, SECRET.decode()]]
    assert await bank.refusal("private_get", BANK_ONLY, f"{key}x") == (404, "no such key")
    assert await bank.value(key) is None


async def test_other_orgs_see_its_hash_and_nothing_else(
    bank: Caller, committee: Caller, key: str
) -> None:
    tx_id = await keep(bank, key)
    await committee.channel.commit(tx_id).status()
    digest = hashlib.sha256(SECRET).hexdigest()
    assert await committee.query("private_hash", BANK_ONLY, key) == digest
    status, message = await committee.refusal("private_get", BANK_ONLY, key)
    assert status == 500
    assert SECRET.decode() not in message
    assert await committee.query("private_scan", BANK_ONLY, key, f"{key}~") == []


async def test_the_owners_peer_answers_whoever_may_call_it(
    bank: Caller, committee: Caller, key: str
) -> None:
    """A trap of implicit collections: nothing in Fabric keeps another org's client from asking the
    owner's peer, so a contract that keeps secrets there has to look at the caller itself."""
    await keep(bank, key)
    found = await committee.contract.evaluate("private_get", BANK_ONLY, key, endorsing_orgs=BY_BANK)
    assert found == SECRET


async def test_the_value_is_in_no_block(bank: Caller, key: str) -> None:
    block = await bank.channel.ledger.block_of(await keep(bank, key))
    assert SECRET not in block.SerializeToString()
    assert hashlib.sha256(SECRET).digest() in block.SerializeToString()


async def test_the_block_stream_with_private_data_has_it(
    bank: Caller, committee: Caller, key: str
) -> None:
    for caller, is_member in ((bank, True), (committee, False)):
        start = await caller.channel.ledger.height()
        async with caller.channel.blocks_with_private_data(start_block=start) as blocks:
            await keep(bank, key, f"{SECRET.decode()}{is_member}".encode())
            block = await anext(blocks)
        assert bool(block.private_data_map) is is_member


async def test_another_org_can_neither_write_into_it_nor_hold_up_its_peer(
    bank: Caller, committee: Caller, key: str
) -> None:
    await keep(bank, key)
    with pytest.raises(CommitError) as refused:
        await committee.contract.submit(
            "private_put",
            BANK_ONLY,
            key,
            transient={"value": b"forged"},
            endorsing_orgs=["CommitteeMSP"],
        )
    assert refused.value.code_name == "ENDORSEMENT_POLICY_FAILURE"
    await bank.channel.commit(refused.value.tx_id).status(timeout_s=NO_STALL_S)
    assert await bank.contract.evaluate("private_get", BANK_ONLY, key) == SECRET


@pytest.mark.parametrize("function", ["private_delete", "private_purge"])
async def test_delete_and_purge(bank: Caller, key: str, function: str) -> None:
    await keep(bank, key)
    await bank.contract.submit(function, BANK_ONLY, key, endorsing_orgs=BY_BANK)
    assert await bank.refusal("private_get", BANK_ONLY, key) == (404, "no such key")
    assert await bank.query("private_hash", BANK_ONLY, key) is None


async def test_a_key_level_policy_in_a_collection(bank: Caller, key: str) -> None:
    await keep(bank, key)
    assert await bank.query("private_policy", BANK_ONLY, key) is None
    orgs = ("BankMSP", "CommitteeMSP")
    await bank.contract.submit("private_set_policy", BANK_ONLY, key, *orgs, endorsing_orgs=BY_BANK)
    assert await bank.query("private_policy", BANK_ONLY, key) is not None
    with pytest.raises(CommitError) as refused:
        await keep(bank, key, b"alone")
    assert refused.value.code_name == "ENDORSEMENT_POLICY_FAILURE"
    assert await bank.contract.evaluate("private_get", BANK_ONLY, key) == SECRET


async def test_without_the_transient_value_it_is_refused(bank: Caller, key: str) -> None:
    refusal = await bank.refusal("private_put", BANK_ONLY, key)
    assert refusal == (400, "the transient map has no value")
