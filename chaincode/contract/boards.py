"""What everybody may look at: turnout, the board, a ballot's receipt, the ballots as counted."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from chaincode import keys
from chaincode.contract.ballot_messages import (
    BallotRequest,
    BuildingTurnout,
    PageRequest,
    Turnout,
    VoteWeight,
)
from chaincode.contract.drafts import load_motion
from chaincode.contract.handlers import Call, Handler
from chaincode.contract.motion_messages import MotionRequest
from chaincode.contract.tallies import gather, read
from chaincode.errors import NotFound
from chaincode.model.ballot import Ballot
from chaincode.model.motion import Motion
from chaincode.model.result import (
    BOARD_ROWS_MAX,
    Board,
    BoardRow,
    CountedBallot,
    CountedBallots,
    Receipt,
    Result,
)
from chaincode.model.roll import RollEntry
from chaincode.model.tally import UnitWeight
from chaincode.rules.ballot import unit_weight
from chaincode.rules.certificate import board_row, place_of
from chaincode.rules.motion import phase, pinned, published
from chaincode.rules.motion_draft import in_scope
from chaincode.rules.result import units_of
from chaincode.rules.weights import electorate, head_key, in_electorate, may_vote, weigh
from chaincode.world import World

Row = TypeVar("Row", BoardRow, CountedBallot)


async def turnout(world: World, _call: Call, request: MotionRequest) -> Turnout:
    """Who took part so far, in all and by building; 404 ``motion/unknown``, 409
    ``motion/roll-not-pinned``."""
    motion = await load_motion(world, request.motion_id)
    gathered = await gather(world, motion)
    rule = published(motion).rule
    units = electorate(rule, units_of(motion, gathered.roll))
    returned = {item.unit_id for item in gathered.stands}
    voted = [unit for unit in units if unit.unit_id in returned]
    building_of = {entry.unit_id: entry.building for entry in gathered.roll}
    buildings = tuple(
        BuildingTurnout(
            building=building,
            returned=weigh(rule, _inside(voted, building_of, building)),
            totals=weigh(rule, _inside(units, building_of, building)),
        )
        for building in sorted({building_of[unit.unit_id] for unit in units})
    )
    return Turnout(
        motion_id=motion.motion_id,
        returned=weigh(rule, voted),
        totals=pinned(motion).totals,
        buildings=buildings,
    )


async def vote_weight(world: World, _call: Call, request: BallotRequest) -> VoteWeight:
    """What a unit counts for; 404 ``motion/unknown``, ``ballot/unit-not-in-roll``."""
    motion = await load_motion(world, request.motion_id)
    entry = await _entry(world, motion, request.unit_id)
    rule, unit = published(motion).rule, unit_weight(motion.content, entry)
    return VoteWeight(
        motion_id=motion.motion_id,
        unit_id=entry.unit_id,
        area_dm2=entry.area_dm2,
        head_id=head_key(rule, unit).split("/", maxsplit=1)[1],
        counts=in_electorate(rule, unit),
        may_vote=may_vote(rule, unit),
    )


async def board(world: World, call: Call, request: PageRequest) -> Board:
    """The public board by unit: area, and choice or commitment as the motion says; never a name.

    404 ``motion/unknown``, 409 ``motion/roll-not-pinned``.
    """
    motion = await load_motion(world, request.motion_id)
    gathered = await gather(world, motion)
    stage = phase(motion, call.now_ms)
    told = await read(world, motion, gathered.stands)
    by_unit = {ballot.unit_id: ballot for ballot in told.ballots}
    rule = published(motion).rule
    rows = [
        board_row(motion, stage, entry, by_unit.get(entry.unit_id))
        for entry in gathered.roll
        if in_scope(motion.content.scope, entry)
        and in_electorate(rule, unit_weight(motion.content, entry))
    ]
    page, next_after = _page(rows, request)
    return Board(motion_id=motion.motion_id, rows=page, next_after=next_after)


async def counted_ballots(world: World, _call: Call, request: PageRequest) -> CountedBallots:
    """The ballots as they were counted, for a verifier; 404 ``motion/unknown``,
    ``result/unknown``."""
    motion = await load_motion(world, request.motion_id)
    result = await world.load(
        keys.result(world.community, motion.motion_id), Result, "result/unknown"
    )
    told = await read(world, motion, (await gather(world, motion)).stands)
    page, next_after = _page(told.ballots, request)
    return CountedBallots(
        motion_id=motion.motion_id,
        ballots_sha256=result.ballots_sha256,
        ballots=page,
        next_after=next_after,
    )


async def ballot_receipt(world: World, _call: Call, request: BallotRequest) -> Receipt:
    """The ballot on record for a unit, and whether it was counted and where.

    404 ``motion/unknown``, ``ballot/unknown``.
    """
    motion = await load_motion(world, request.motion_id)
    key = keys.ballot(world.community, motion.motion_id, request.unit_id)
    ballot = await world.load(key, Ballot, "ballot/unknown")
    result = await world.find(keys.result(world.community, motion.motion_id), Result)
    place, counted = None, None
    if result is not None:
        stands = (await gather(world, motion)).stands
        counted = any(item.ballot == ballot for item in stands)
        place = place_of(stands, request.unit_id) if counted else None
    return Receipt(
        motion_id=motion.motion_id,
        unit_id=ballot.unit_id,
        act_sha256=ballot.act_sha256,
        tx_id=ballot.tx_id,
        at=ballot.at,
        choices=ballot.choices,
        commitment=ballot.sealed.commitment if ballot.sealed else None,
        earlier_count=len(await world.history(key, Ballot)) - 1,
        counted=counted,
        place=place,
        ballots_sha256=result.ballots_sha256 if result else None,
    )


# --- Helpers ---


async def _entry(world: World, motion: Motion, unit_id: str) -> RollEntry:
    if motion.roll is None:
        raise NotFound("ballot/unit-not-in-roll")
    key = keys.roll_entry(world.community, motion.roll.roll_id, unit_id)
    entry = await world.find(key, RollEntry)
    if entry is None or not in_scope(motion.content.scope, entry):
        raise NotFound("ballot/unit-not-in-roll")
    return entry


def _inside(
    units: Sequence[UnitWeight], building_of: Mapping[str, str], building: str
) -> list[UnitWeight]:
    return [unit for unit in units if building_of[unit.unit_id] == building]


def _page(rows: Sequence[Row], request: PageRequest) -> tuple[tuple[Row, ...], str | None]:
    """The rows after the asked id, and the id to ask after for more."""
    limit = min(request.limit, BOARD_ROWS_MAX)
    after = [row for row in rows if row.unit_id > request.after]
    page = tuple(after[:limit])
    more = len(after) > limit and bool(page)
    return page, page[-1].unit_id if more else None


HANDLERS: Final[Mapping[str, Handler]] = {
    "turnout": Handler(request=MotionRequest, run=turnout),
    "vote_weight": Handler(request=BallotRequest, run=vote_weight),
    "board": Handler(request=PageRequest, run=board),
    "counted_ballots": Handler(request=PageRequest, run=counted_ballots),
    "ballot_receipt": Handler(request=BallotRequest, run=ballot_receipt),
}
