"""What the gateway's own parts raise; the chaincode's refusals pass through as they are.

GatewayError
├── Problem          an answer with status, code and details, made by the gateway itself
├── NotReady         a part cannot serve now (readiness only)
│   └── PartlyReady      some channels cannot be served, others can
└── LedgerError      a call of the ledger did not end as asked
    ├── Busy             turned away unread; nothing happened
    ├── NotEndorsed      too few endorsements, or no peer; nothing happened
    ├── NotApplied       in a block and not applied; `retryable` when another came first
    └── OutcomeUnknown   may be committed or not; ask by transaction id
"""

from collections.abc import Mapping, Sequence
from typing import Final

from chaincode.errors import Detail

FAULTS_TOLD_MAX: Final = 10
"""Of faults of the same kind, so many are named and the others counted."""


class GatewayError(Exception):
    """Base of what the gateway raises on purpose."""


class Problem(GatewayError):
    """An answer that is no success: HTTP status, a code ``noun/condition``, and details.

    Details hold ids and numbers only. `retry_after_s` becomes the Retry-After header.
    """

    def __init__(
        self,
        status: int,
        code: str,
        /,
        details: Mapping[str, Detail] | None = None,
        *,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.details = dict(details or {})
        self.retry_after_s = retry_after_s


class NotReady(GatewayError):
    """A part cannot serve now; the text says why and goes to the operator."""


class PartlyReady(NotReady):
    """Some channels cannot be served and others can: no reason to send nobody here any more."""


def require_some(channels_count: int, faults: Sequence[str]) -> None:
    """Raises PartlyReady when some of the channels have a fault, NotReady when all have."""
    if not faults:
        return
    told = "; ".join(faults[:FAULTS_TOLD_MAX])
    if len(faults) > FAULTS_TOLD_MAX:
        told += f"; and {len(faults) - FAULTS_TOLD_MAX} more"
    raise (PartlyReady if len(faults) < channels_count else NotReady)(told)


class LedgerError(GatewayError):
    """A call of the ledger did not end as asked."""


class Busy(LedgerError):
    """The peer or this connection turned the call away unread: send it again later."""


class NotEndorsed(LedgerError):
    """Nothing happened. `retryable` when the peers were only a block apart; `is_defect` when the
    chaincode itself failed on what it was given."""

    def __init__(self, reason: str, *, retryable: bool = False, is_defect: bool = False) -> None:
        super().__init__(reason)
        self.retryable = retryable
        self.is_defect = is_defect


class NotApplied(LedgerError):
    """The transaction is in a block and was not applied. Nothing of it happened.

    `reason` is Fabric's name of the code.
    """

    def __init__(self, tx_id: str, reason: str, *, retryable: bool) -> None:
        super().__init__(f"{tx_id}: {reason}")
        self.tx_id = tx_id
        self.reason = reason
        self.retryable = retryable


class OutcomeUnknown(LedgerError):
    """The transaction may be committed or not; it is asked for by its id."""

    def __init__(self, tx_id: str) -> None:
        super().__init__(tx_id)
        self.tx_id = tx_id
