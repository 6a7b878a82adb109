"""What the shim asks of a contract."""

from typing import Protocol

from chaincode.shim.response import Response
from chaincode.shim.stub import Stub

__all__ = ["Contract", "Response"]


class Contract(Protocol):
    """The rules behind the service."""

    async def invoke(self, stub: Stub) -> Response:
        """Carry out the transaction `stub` describes and say what became of it.

        An exception that leaves this method is answered as status 500 with a fixed text.
        """
        ...
