"""The Gateway client against real peers: each step, offline signing, endorsing orgs, errors."""

import json
import time
from contextlib import suppress

import grpc
import pytest

from gateway.fabric.client import FabricClient
from gateway.fabric.errors import (
    CommitStatusError,
    EndorseError,
    EvaluateError,
    SubmitError,
    chaincode_response,
)
from gateway.fabric.identity import Identity
from tests.support.gateways import Caller, calling, connection, credentials, msp_ids
from tests.support.network import CHANNEL, RunningNetwork

pytestmark = pytest.mark.fabric

VALID = "VALID"


# --- Steps ---


async def test_evaluate_writes_nothing(bank: Caller, key: str) -> None:
    height = await bank.channel.ledger.height()
    assert await bank.contract.evaluate("put", key, "v") == b""
    assert await bank.value(key) is None
    assert await bank.channel.ledger.height() == height


async def test_submit_answers_what_the_ledger_has(bank: Caller, key: str) -> None:
    committed = await bank.submit("three_reads_two_writes", f"{key}a", f"{key}b", f"{key}c")
    assert json.loads(committed.result) == 0
    assert await bank.value(f"{key}a") == committed.tx_id
    block = await bank.channel.ledger.block(committed.block_number)
    assert block.header.number == committed.block_number
    assert await bank.channel.ledger.block_of(committed.tx_id) == block
    found = await bank.channel.ledger.transaction(committed.tx_id)
    assert found is not None
    assert found.validationCode == 0


async def test_each_step_alone(bank: Caller, key: str) -> None:
    proposal = bank.contract.proposal("put", key, "v")
    transaction = await proposal.endorse()
    assert await bank.value(key) is None
    commit = await transaction.submit()
    status = await commit.status()
    assert proposal.tx_id == transaction.tx_id == commit.tx_id == status.tx_id
    assert status.code_name == VALID
    assert await bank.value(key) == "v"
    assert await bank.channel.commit(proposal.tx_id).status() == status


async def test_submit_without_waiting(bank: Caller, key: str) -> None:
    result, commit = await bank.contract.submit_async("put", key, "v")
    assert result == b""
    assert (await commit.status()).code_name == VALID


async def test_the_same_envelope_twice_is_applied_once(bank: Caller, key: str) -> None:
    transaction = await bank.contract.proposal("put", key, "v").endorse()
    first = await transaction.commit()
    with suppress(SubmitError):  # an orderer may say that it has it already
        await transaction.submit()
    assert await transaction.resolve() == first
    assert len(await bank.query("history", key)) == 1


async def test_a_follower_tells_many(bank: Caller, key: str) -> None:
    async with bank.channel.follower() as follower:
        committed = await bank.contract.submit("put", key, "v", follower=follower)
        assert follower.last_block is not None
        assert follower.last_block >= committed.block_number


async def test_endorsing_orgs_are_asked_and_nobody_else(
    bank: Caller, fabric_network: RunningNetwork
) -> None:
    asked = msp_ids(fabric_network, ("bank", "property", "regulator"))
    committed = await bank.contract.submit("put", "asked", "v", endorsing_orgs=asked)
    assert await bank.endorsers(committed.tx_id) == asked


async def test_a_query_of_another_orgs_peer(bank: Caller, fabric_network: RunningNetwork) -> None:
    proposal = bank.contract.proposal("transaction", endorsing_orgs=["RegulatorMSP"])
    assert json.loads(await proposal.evaluate())["tx_id"] == proposal.tx_id
    assert proposal.tx_id not in fabric_network.log("chaincode0-1.bank")


# --- A key that lives elsewhere ---


async def test_every_step_signed_elsewhere(fabric_network: RunningNetwork, key: str) -> None:
    org = fabric_network.org("committee")
    identity, signer = credentials(org, "user")
    async with connection(org) as over:
        client = FabricClient(over, identity)
        contract = client.channel(CHANNEL).contract(fabric_network.chaincode)
        drafted = contract.proposal("put", key, "v")
        proposal = client.proposal_from_bytes(drafted.to_bytes(), signer(drafted.digest))
        endorsed = await proposal.endorse()
        transaction = client.transaction_from_bytes(endorsed.to_bytes(), signer(endorsed.digest))
        pending = await transaction.submit()
        commit = client.commit_from_bytes(pending.to_bytes(), signer(pending.digest))
        assert (await commit.status()).code_name == VALID
        request = client.channel(CHANNEL).chaincode_events_request(
            fabric_network.chaincode, start_block=0
        )
        request.accept(signer(request.digest))
        events = client.chaincode_events_from_bytes(request.to_bytes()).events()
        await events.open()
        await events.aclose()


@pytest.mark.parametrize("step", ["proposal", "transaction"])
async def test_a_signature_of_somebody_else_is_refused(
    fabric_network: RunningNetwork, key: str, step: str
) -> None:
    org = fabric_network.org("bank")
    identity, signer = credentials(org, "gateway")
    _, stranger = credentials(fabric_network.org("committee"), "gateway")
    async with connection(org) as over:
        client = FabricClient(over, identity)
        contract = client.channel(CHANNEL).contract(fabric_network.chaincode)
        proposal = contract.proposal("put", key, "v")
        proposal.accept((stranger if step == "proposal" else signer)(proposal.digest))
        if step == "proposal":
            with pytest.raises(EndorseError):
                await proposal.endorse()
            return
        transaction = await proposal.endorse()
        transaction.accept(stranger(transaction.digest))
        with pytest.raises(SubmitError):
            await transaction.submit()
    async with calling(fabric_network, "bank") as bank:
        assert await bank.value(key) is None


# --- Errors in the network's own words ---


async def test_an_unknown_channel_and_an_unknown_chaincode(bank: Caller) -> None:
    for contract in (
        bank.client.channel("no-such-channel").contract("commonhold"),
        bank.channel.contract("no-such-chaincode"),
    ):
        with pytest.raises(EvaluateError) as refused:
            await contract.evaluate("get", "a")
        assert chaincode_response(refused.value) is None
        with pytest.raises(EndorseError):
            await contract.submit("put", "a", "v")


async def test_a_stranger_is_refused(fabric_network: RunningNetwork) -> None:
    """The committee's certificate under the bank's name."""
    identity, signer = credentials(fabric_network.org("committee"))
    org = fabric_network.org("bank")
    async with connection(org) as over:
        client = FabricClient(over, Identity("BankMSP", identity.certificate_pem), signer)
        contract = client.channel(CHANNEL).contract(fabric_network.chaincode)
        with pytest.raises(EvaluateError) as refused:
            await contract.evaluate("get", "a")
        assert chaincode_response(refused.value) is None


@pytest.mark.parametrize("minutes", [-3, 3])
async def test_a_proposal_from_another_time_is_refused(
    fabric_network: RunningNetwork, minutes: int
) -> None:
    """Peers bear two minutes (`timing.time_window`)."""

    def elsewhen() -> int:
        return time.time_ns() + minutes * 60 * 10**9

    async with calling(fabric_network, "bank", now_ns=elsewhen) as bank:
        with pytest.raises(EndorseError) as refused:
            await bank.contract.submit("put", "a", "v")
    assert "timestamp" in str(refused.value)


async def test_each_peers_own_words_are_kept(bank: Caller, fabric_network: RunningNetwork) -> None:
    with pytest.raises(EndorseError) as refused:
        await bank.contract.submit("refuse", "409", "own words")
    known = {org.msp_id for org in fabric_network.topology.orgs.values()}
    assert refused.value.details
    for detail in refused.value.details:
        assert detail.msp_id in known
        assert "chaincode response 409, own words" in detail.message


async def test_a_transaction_that_does_not_come_is_not_waited_for(bank: Caller) -> None:
    with pytest.raises(CommitStatusError) as timed_out:
        await bank.channel.commit("0" * 64).status(timeout_s=0.5)
    # The peer's own cancellation may arrive just before the deadline here.
    expected = {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
    assert timed_out.value.code in expected
    assert await bank.channel.ledger.transaction("0" * 64) is None
