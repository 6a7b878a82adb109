"""The chaincode service: Commonhold's contract behind the shim, set up from the environment."""

import logging
import os
import sys
import time

from chaincode.contract.contract import CommonholdContract
from chaincode.shim.contract import Response
from chaincode.shim.server import run
from chaincode.shim.stub import Stub


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


def main() -> int:
    """Serve until told to stop; the exit status is the shim's."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    return run(Service(CommonholdContract(_clock_ms)), os.environ)


if __name__ == "__main__":
    sys.exit(main())
