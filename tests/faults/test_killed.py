"""A part of the network is killed under load: nothing acknowledged is lost, and the load goes on.

The longest time without commits is told at the end of each test (see it with `pytest -rP`).
"""

import re
import urllib.request
from collections import Counter

import pytest

from tests.faults.load import Account, load, verify
from tests.support.gateways import until_endorsing
from tests.support.network import CHANNEL, RunningNetwork

pytestmark = pytest.mark.faults

WRITERS = 8
ALL = ("bank", "committee", "property", "regulator")
SOME = 40
"""Commits that prove that the load goes on."""
GAP_S_MAX = 5.0
"""Aim for an orderer, leader or not; a machine with other work gets three times as long."""
GAP_S_BUSY = 3 * GAP_S_MAX
LEADER = re.compile(rf'^consensus_BFT_leader_id{{channel="{CHANNEL}"}} (\d+)$', re.MULTILINE)
"""Consenters are numbered from 1 in the order of the orderers (orderer metrics)."""


async def through_a_kill(network: RunningNetwork, victim: str, orgs: tuple[str, ...]) -> Account:
    """Load, kill, load goes on without the victim, victim back, load goes on everywhere."""
    async with load(network, orgs, WRITERS) as account:
        await account.until_more(SOME)
        await network.kill(victim)
        await account.until_more(SOME)
        await network.start(victim)
        for org in orgs:
            await account.until_more(SOME // len(orgs), org)
    print(f"{victim}: {account.longest_gap_s():.2f} s without commits, {account}")
    await until_endorsing(network)
    await verify(network, account)
    return account


def leader(network: RunningNetwork) -> str:
    """The orderer that most take for the leader; one that just came back may be behind."""
    nodes = network.topology.orderers
    pages = (_metrics(node.address("operations")) for node in nodes)
    votes = Counter(int(found[1]) for page in pages if (found := LEADER.search(page)))
    ((consenter, count),) = votes.most_common(1)
    assert count >= len(nodes) - 1, votes
    return nodes[consenter - 1].name


def _metrics(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as page:
        return str(page.read().decode())


@pytest.mark.parametrize("org", ALL)
async def test_a_chaincode_service(fabric_network: RunningNetwork, org: str) -> None:
    """The gateways endorse elsewhere: the regulator stands in, or is stood in for."""
    account = await through_a_kill(fabric_network, f"chaincode0-1.{org}", ALL)
    assert not account.unknown


@pytest.mark.parametrize("org", ALL)
async def test_a_peer(fabric_network: RunningNetwork, org: str) -> None:
    """Its own org's writers wait for it, the others go on."""
    account = await through_a_kill(fabric_network, f"peer0.{org}", ALL)
    assert account.longest_gap_s() < GAP_S_BUSY


async def test_the_leading_orderer(fabric_network: RunningNetwork) -> None:
    victim = leader(fabric_network)
    account = await through_a_kill(fabric_network, victim, ALL)
    assert account.longest_gap_s() < GAP_S_BUSY
    assert leader(fabric_network) != victim


async def test_two_orderers_one_after_the_other(fabric_network: RunningNetwork) -> None:
    """Any one may fail, also right after another one came back."""
    leading = leader(fabric_network)
    followers = [node for node in fabric_network.topology.orderers if node.name != leading]
    for node in followers[:2]:
        account = await through_a_kill(fabric_network, node.name, ALL)
        assert account.longest_gap_s() < GAP_S_BUSY
