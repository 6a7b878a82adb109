"""A contract's answer to one transaction."""

from dataclasses import dataclass

OK = 200
FAILED = 500
"""Status of a transaction whose contract raised an exception."""
REFUSED_FROM = 400
"""An endorser signs answers below this status and refuses all others."""
STATUS_END = 600


@dataclass(frozen=True, slots=True)
class Response:
    """A contract's answer to one transaction.

    `status` is 200 to 599; below 400 the peer endorses and the buffered writes are sent. `payload`
    is the result, `message` the reason of a refusal; both reach the client.
    Source: fabric-chaincode-go `shim/response.go`.
    """

    status: int
    payload: bytes = b""
    message: str = ""

    def __post_init__(self) -> None:
        if not OK <= self.status < STATUS_END:
            raise ValueError("a response's status is from 200 to 599")

    @property
    def is_endorsed(self) -> bool:
        """Whether the peer will endorse the transaction."""
        return self.status < REFUSED_FROM
