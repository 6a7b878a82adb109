"""The chaincode service: Commonhold's contract behind the shim, set up from the environment."""

import asyncio
import os
import time

from chaincode.contract.contract import CommonholdContract
from chaincode.shim.server import Settings, serve
from chaincode.shim.stub import Response, Stub


class Service:
    """Hands the shim's transactions to the contract."""

    def __init__(self, contract: CommonholdContract) -> None:
        self._contract = contract

    async def invoke(self, stub: Stub) -> Response:
        """Answer one transaction."""
        outcome = await self._contract.answer(stub)
        return Response(status=outcome.status, payload=outcome.payload, message=outcome.message)


def _clock_ms() -> int:
    return time.time_ns() // 1_000_000


def main() -> None:
    """Serve until told to stop."""
    service = Service(CommonholdContract(_clock_ms))
    asyncio.run(serve(service, Settings.from_environment(os.environ)))


if __name__ == "__main__":
    main()
