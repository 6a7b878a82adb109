"""The certificate and the public board: what everybody may check, without a name in it."""

import hashlib
from collections.abc import Sequence
from typing import Final

from chaincode.model.motion import Motion, Phase
from chaincode.model.result import (
    BoardRow,
    BoardState,
    Certificate,
    Channel,
    CountedBallot,
    Objection,
    Result,
)
from chaincode.model.roll import RollEntry
from chaincode.rules.motion import pinned, published
from chaincode.rules.result import Standing, unanswered
from chaincode.rules.sealing import is_sealed

SPOILED: Final = "spoiled"
NOTHING: Final = "-"


def ballots_sha256(ballots: Sequence[CountedBallot]) -> str:
    """The hash over all counted ballots; a verifier makes it from the list alone.

    One line for each ballot in ascending order of unit ids (by their ASCII bytes), five fields
    parted by one tab (0x09), each line ended by one newline (0x0A):

        unit id, act hash, channel, choices, commitment

    `act hash` is lower-case hex; for paper the hashes of the agreeing entries, sorted, joined by
    `+`. `channel` is `online`, `proxy` or `paper`. `choices` are the options in the order they were
    cast (for a sealed ballot: the ballot's order), joined by `,`; or `spoiled`. `commitment` is
    lower-case hex, or `-` for a ballot that was not sealed. No ballot at all hashes no byte.
    """
    digest = hashlib.sha256()
    for ballot in sorted(ballots, key=lambda item: item.unit_id):
        choices = SPOILED if ballot.spoiled else ",".join(ballot.choices)
        fields = (
            ballot.unit_id,
            ballot.act_sha256,
            ballot.channel,
            choices,
            ballot.commitment or NOTHING,
        )
        digest.update("\t".join(fields).encode() + b"\n")
    return digest.hexdigest()


def certificate(
    motion: Motion, result: Result, result_sha256: str, objections: Sequence[Objection]
) -> Certificate:
    """The document of a final result; the motion in it holds the whole rule."""
    assert motion.finalised is not None, motion.motion_id
    return Certificate(
        motion=motion,
        result_sha256=result_sha256,
        ballots_sha256=result.ballots_sha256,
        roll_id=pinned(motion).roll_id,
        tally=result.tally,
        decision=result.decision,
        totals=result.totals,
        unopened=result.unopened,
        hand_check=result.hand_check,
        unresolved_paper=result.unresolved_paper,
        objections=tuple(objections),
        lapsed_count=unanswered(objections),
        at=motion.finalised.at,
        tx_id=motion.finalised.tx_id,
    )


def board_row(
    motion: Motion, stage: Phase, entry: RollEntry, ballot: CountedBallot | None
) -> BoardRow:
    """One row of the board: while owners vote only who took part, afterwards what they chose.

    Until the count a sealed ballot shows its commitment, so that its owner can see it stand.
    """
    row = BoardRow(unit_id=entry.unit_id, area_dm2=entry.area_dm2, state=BoardState.NOT_RETURNED)
    if ballot is None:
        return row
    is_shown = stage in (Phase.PRELIMINARY, Phase.FINAL, Phase.VOID) and motion.counted is not None
    if not is_shown:
        sealed = is_sealed(published(motion)) and ballot.commitment is not None
        return BoardRow(
            unit_id=entry.unit_id,
            area_dm2=entry.area_dm2,
            state=BoardState.COMMITTED if sealed else BoardState.RETURNED,
            commitment=ballot.commitment,
        )
    return BoardRow(
        unit_id=entry.unit_id,
        area_dm2=entry.area_dm2,
        state=BoardState.SHOWN,
        choices=ballot.choices,
        spoiled=ballot.spoiled,
        paper=ballot.channel is Channel.PAPER,
        commitment=ballot.commitment,
    )


def place_of(stands: Sequence[Standing], unit_id: str) -> int:
    """The place in the tally of a unit's ballot, from 1."""
    return [item.unit_id for item in stands].index(unit_id) + 1
