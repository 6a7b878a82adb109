"""Results: what was counted, what follows, who objected, and the certificate of it all."""

from enum import StrEnum

from chaincode.model.base import AreaDm2, Count, Id, Record, Sha256, TimeMs
from chaincode.model.motion import Motion
from chaincode.model.tally import Decision, Tally, Weights


class Channel(StrEnum):
    """How the ballot that stands arrived."""

    ONLINE = "online"
    PROXY = "proxy"
    PAPER = "paper"


class CountedBallot(Record):
    """The ballot that stands for one unit, as it was counted."""

    unit_id: Id
    channel: Channel
    act_sha256: str
    """The act's hash; for paper the hashes of the agreeing entries, sorted, joined by `+`."""
    choices: tuple[Id, ...]
    spoiled: bool
    commitment: Sha256 | None = None
    salt: str | None = None
    """Of a sealed ballot that was opened: with it anybody checks the commitment."""


class UnopenedReason(StrEnum):
    """Why a sealed ballot could not be read and counts as spoiled."""

    KEY_MISSING = "key-missing"
    UNREADABLE = "unreadable"
    MISMATCH = "commitment-mismatch"
    INVALID_CHOICE = "invalid-choice"


class UnopenedBallot(Record):
    """A sealed ballot that counts as spoiled, and why."""

    unit_id: Id
    reason: UnopenedReason


class HandCheck(StrEnum):
    """Whether the paper ballots entered are those counted by hand."""

    NO_PAPER = "no-paper"
    """The rule takes no paper."""
    AGREED = "agreed"
    MISSING = "missing"
    """Too few clerks had counted when the time for the result was over."""
    DIFFERS = "differs"


class Result(Record):
    """The preliminary result: every figure and the hash over all ballots; written once.

    `ballots_sha256` is explained in `chaincode.rules.certificate.ballots_sha256`. The ballots
    themselves stay under their own keys; the query `counted_ballots` lists them as counted.
    """

    motion_id: Id
    roll_id: Sha256
    totals: Weights
    tally: Tally
    decision: Decision
    ballots_sha256: Sha256
    served_count: Count
    unopened: tuple[UnopenedBallot, ...]
    hand_check: HandCheck
    unresolved_paper: tuple[Id, ...]
    """Units with a paper ballot that no two clerks had read alike by then; it is not counted."""
    at: TimeMs
    tx_id: str


class ObjectionAnswer(StrEnum):
    """What the regulator found; an upheld objection voids the motion."""

    DISMISSED = "dismissed"
    UPHELD = "upheld"


class Objection(Record):
    """An owner's objection to a preliminary result (异议); one per owner and motion."""

    motion_id: Id
    holder_id: Id
    evidence_sha256: Sha256
    act_sha256: Sha256
    at: TimeMs
    tx_id: str
    answer: ObjectionAnswer | None = None
    answer_sha256: Sha256 | None = None
    answered_at: TimeMs | None = None


class Certificate(Record):
    """The document of a final result (表决结果): motion with its whole rule, figures, objections.

    It holds nothing that names a person.
    """

    motion: Motion
    result_sha256: Sha256
    """Hash of the canonical bytes of the `Result`."""
    ballots_sha256: Sha256
    roll_id: Sha256
    tally: Tally
    decision: Decision
    totals: Weights
    unopened: tuple[UnopenedBallot, ...]
    hand_check: HandCheck
    unresolved_paper: tuple[Id, ...]
    objections: tuple[Objection, ...]
    lapsed_count: Count
    """Objections that the regulator left unanswered until the rule's time for it was over."""
    at: TimeMs
    tx_id: str


BOARD_ROWS_MAX = 1_000
"""Rows of one page of the board or of the counted ballots."""


class BoardState(StrEnum):
    """What the public board tells of a unit's ballot."""

    NOT_RETURNED = "not-returned"
    RETURNED = "returned"
    COMMITTED = "committed"
    SHOWN = "shown"


class BoardRow(Record):
    """One unit on the public board (公示): number, area, choice or commitment; never a name."""

    unit_id: Id
    area_dm2: AreaDm2
    state: BoardState
    choices: tuple[Id, ...] = ()
    spoiled: bool = False
    paper: bool = False
    commitment: Sha256 | None = None


class CountedBallots(Record):
    """A page of the ballots as they were counted, by unit id; `ballots_sha256` is over all."""

    motion_id: Id
    ballots_sha256: Sha256
    ballots: tuple[CountedBallot, ...]
    next_after: Id | None


class Board(Record):
    """A page of the board, by unit id; `next_after` goes into the next query."""

    motion_id: Id
    rows: tuple[BoardRow, ...]
    next_after: Id | None


class Receipt(Record):
    """What an owner checks: the ballot on record for a unit, and whether it was counted.

    `counted` is None before the count. `place` is the ballot's place in the tally, from 1.
    """

    motion_id: Id
    unit_id: Id
    act_sha256: str
    tx_id: str
    at: TimeMs
    choices: tuple[Id, ...]
    commitment: Sha256 | None
    earlier_count: Count
    counted: bool | None
    place: Count | None
    ballots_sha256: Sha256 | None
