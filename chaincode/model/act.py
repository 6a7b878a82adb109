"""What the ledger keeps of acts, and how each of a batch is answered."""

from typing import Final

from chaincode.model.base import Record, Sha256, TimeMs

ACCEPTED = "accepted"
ACT_BYTES_MAX: Final = 64 * 1024
"""One act, as sent. Attachments travel by hash, so texts are all it holds."""
ACT_AGE_MS_MAX: Final = 15 * 60 * 1000
"""How long after signing an act may be submitted."""
ACT_AHEAD_MS_MAX: Final = 120 * 1000
"""How far a person's clock may run ahead of the transaction's."""


class ActRecord(Record):
    """An accepted act of one credential, under its nonce; the JWS itself is in the block."""

    act: str
    sha256: Sha256
    tx_id: str
    at: TimeMs


class Answer(Record):
    """What became of one act or attestation of a batch, in the batch's order."""

    sha256: str
    """Its identity, or an empty string when it could not be read."""
    status: int
    code: str
    details: dict[str, int | str]
    tx_id: str
    """The transaction that first accepted it; empty when it is refused."""


class Answers(Record):
    """The answers to a batch."""

    answers: tuple[Answer, ...]
