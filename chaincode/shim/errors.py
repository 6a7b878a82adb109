"""Errors of the shim.

ShimError
├── PeerError              the peer answered ERROR
├── ProtocolError          the peer's message cannot be understood; nothing may be concluded from it
├── ProposalError          the transaction's proposal or its creator cannot be read
├── MessageTooLargeError   a message would exceed what a peer accepts
└── UsageError             the contract asks for what Fabric does not allow
    ├── KeyFormatError
    ├── ReadOnlyError
    └── EventAlreadySetError

SettingsError              the service cannot start; lists every finding
"""

from collections.abc import Sequence


class ShimError(Exception):
    """Base of every error a contract may meet while it talks to the peer."""


class PeerError(ShimError):
    """The peer refused a request; `request` is the request's type, `text` the peer's own words.

    The text may name keys, so it belongs neither in a log nor on the ledger.
    """

    def __init__(self, request: str, text: str) -> None:
        super().__init__(f"{request}: {text}")
        self.request = request
        self.text = text


class ProtocolError(ShimError):
    """The peer's message is not one this side of the protocol can receive now."""


class ProposalError(ShimError):
    """The signed proposal, its header or its creator's certificate cannot be read."""


class MessageTooLargeError(ShimError):
    """A message would be larger than `MAX_MESSAGE_BYTES`; it was not sent."""


class UsageError(ShimError):
    """The contract asks for what Fabric does not allow; the peer was not asked."""


class KeyFormatError(UsageError):
    """A key, a range or a part of a composite key is not well formed."""


class ReadOnlyError(UsageError):
    """A transaction that ran a paginated or private-data query may not write, nor the reverse."""


class EventAlreadySetError(UsageError):
    """Fabric records one event per transaction; a second one would replace the first."""


class SettingsError(Exception):
    """The service's settings cannot be used; `findings` has one plain sentence for each reason."""

    def __init__(self, findings: Sequence[str]) -> None:
        super().__init__("; ".join(findings))
        self.findings = tuple(findings)
