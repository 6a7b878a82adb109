"""Who must endorse, and what happens when somebody does not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from gateway.fabric.errors import CommitError, EndorseError
from tests.conformance.conftest import STRICT
from tests.support.gateways import Caller, calling, msp_ids, until_endorsing
from tests.support.network import CHANNEL, RunningNetwork

pytestmark = pytest.mark.fabric

REQUIRED = ("bank", "committee", "property")
BAD_POLICY = "ENDORSEMENT_POLICY_FAILURE"


@asynccontextmanager
async def stopped(network: RunningNetwork, *names: str) -> AsyncIterator[None]:
    """Without these nodes, which come back afterwards whatever happens."""
    try:
        for name in names:
            await network.stop(name)
        yield
    finally:
        await until_endorsing(network)


@pytest.mark.parametrize("channel", [CHANNEL, STRICT])
async def test_every_required_org_endorses(
    fabric_network: RunningNetwork, key: str, channel: str
) -> None:
    """Where a substitute is named, a gateway that is not told whom to ask draws lots."""
    asked = msp_ids(fabric_network, REQUIRED)
    who = {"endorsing_orgs": asked} if channel == CHANNEL else {}
    async with calling(fabric_network, "bank", channel=channel) as bank:
        committed = await bank.submit("put", key, "v", **who)
        assert await bank.endorsers(committed.tx_id) == asked


@pytest.mark.parametrize("missing", REQUIRED)
@pytest.mark.parametrize("channel", [CHANNEL, STRICT])
async def test_one_missing_org_makes_it_invalid(
    fabric_network: RunningNetwork, key: str, channel: str, missing: str
) -> None:
    """A client that names fewer endorsers gets past its gateway, but not past the other peers."""
    asked = msp_ids(fabric_network, [org for org in REQUIRED if org != missing])
    async with calling(fabric_network, asked_org(missing), channel=channel) as caller:
        with pytest.raises(CommitError) as refused:
            await caller.contract.submit("put", key, "v", endorsing_orgs=asked)
        assert (refused.value.code_name, refused.value.retryable) == (BAD_POLICY, False)
        assert await caller.value(key) is None


def asked_org(missing: str) -> str:
    return next(org for org in REQUIRED if org != missing)


@pytest.mark.parametrize("missing", REQUIRED)
async def test_the_regulator_stands_in_for_one_org(
    fabric_network: RunningNetwork, key: str, missing: str
) -> None:
    present = [*(org for org in REQUIRED if org != missing), "regulator"]
    asked = msp_ids(fabric_network, present)
    async with calling(fabric_network, "regulator") as regulator:
        committed = await regulator.contract.submit("put", key, "v", endorsing_orgs=asked)
        assert await regulator.endorsers(committed.tx_id) == asked
        assert await regulator.value(key) == "v"


@pytest.mark.parametrize(
    ("channel", "asked"),
    [
        (CHANNEL, ("bank", "regulator")),
        (CHANNEL, ("regulator",)),
        (CHANNEL, ("bank",)),
        (STRICT, ("bank", "committee", "regulator")),
        (STRICT, ("committee", "property", "regulator")),
    ],
)
async def test_the_regulator_is_worth_one_org_and_none_on_the_strict_channel(
    fabric_network: RunningNetwork, key: str, channel: str, asked: tuple[str, ...]
) -> None:
    orgs = msp_ids(fabric_network, asked)
    async with calling(fabric_network, asked[0], channel=channel) as caller:
        with pytest.raises(CommitError) as refused:
            await caller.contract.submit("put", key, "v", endorsing_orgs=orgs)
        assert refused.value.code_name == BAD_POLICY
        assert await caller.value(key) is None


async def test_with_the_property_peer_stopped(fabric_network: RunningNetwork, key: str) -> None:
    """The vote goes on with the regulator's signature; without a substitute it stops, and says
    so, and is back as soon as the peer is."""
    async with (
        calling(fabric_network, "bank") as bank,
        calling(fabric_network, "bank", channel=STRICT) as strict,
    ):
        async with stopped(fabric_network, "peer0.property", "chaincode0-1.property"):
            committed = await bank.submit("put", key, "v")
            present = ("bank", "committee", "regulator")
            assert await bank.endorsers(committed.tx_id) == msp_ids(fabric_network, present)
            with pytest.raises(EndorseError) as refused:
                await strict.contract.submit("put", key, "v")
            assert refused.value.code in {
                grpc.StatusCode.FAILED_PRECONDITION,
                grpc.StatusCode.ABORTED,
                grpc.StatusCode.UNAVAILABLE,
            }
            assert await strict.value(key) is None
        await strict.submit("put", key, "later")
        assert await strict.value(key) == "later"


async def test_a_key_with_its_own_policy(
    bank: Caller, fabric_network: RunningNetwork, key: str
) -> None:
    """A payout key that bank and committee bound to themselves: fewer cannot change it."""
    both = msp_ids(fabric_network, ("bank", "committee"))
    await bank.submit("put", key, "first")
    await bank.submit("set_policy", key, *both)
    assert await bank.query("policy", key) is not None
    without_bank = msp_ids(fabric_network, ("committee", "property", "regulator"))
    with pytest.raises(CommitError) as refused:
        await bank.contract.submit("put", key, "forged", endorsing_orgs=without_bank)
    assert refused.value.code_name == BAD_POLICY
    assert await bank.value(key) == "first"
    await bank.contract.submit("put", key, "second", endorsing_orgs=both)
    assert await bank.value(key) == "second"


async def test_the_gateway_finds_the_endorsers_of_a_key(
    bank: Caller, fabric_network: RunningNetwork, key: str
) -> None:
    """Also the regulator's, whom the chaincode's own policy does not ask first."""
    await bank.submit("put", key, "first")
    await bank.submit("set_policy", key, "RegulatorMSP")
    committed = await bank.submit("put", key, "second")
    assert "RegulatorMSP" in await bank.endorsers(committed.tx_id)
