"""One transaction in which the regulator stands in for a silent organisation."""

import asyncio
import json

from gateway.fabric.backoff import retry_conflicts
from gateway.fabric.errors import EndorseError
from tests.support.gateways import Caller, calling
from tests.support.network import RunningNetwork
from tests.support.people import Person

SILENT = "peer0.property"
NOTICED_S_MAX = 60.0
"""How long the others may take to see that a peer is gone."""
POLL_S = 0.2


async def one_substitution(network: RunningNetwork, channel: str) -> None:
    """Opens a community with all three; a provider while the company's peer is silent."""
    async with calling(network, "regulator", channel=channel) as regulator:
        opened = json.dumps({"community": channel, "modules": ["voting"]})
        await retry_conflicts(lambda: regulator.contract.submit("open_community", opened))
        await network.stop(SILENT)
        point = Person("p1", "cred-p1").public_key
        named = {"provider_id": "p1", "public_key": point, "evidence_sha256": "0" * 64}
        request = json.dumps({"community": channel, **named})
        async with asyncio.timeout(NOTICED_S_MAX):
            while not await _submitted(regulator, request):
                await asyncio.sleep(POLL_S)
    await network.up()


async def _submitted(regulator: Caller, request: str) -> bool:
    """Whether the others endorsed without the silent one."""
    try:
        await regulator.contract.submit("register_provider", request)
    except EndorseError:
        return False
    return True
