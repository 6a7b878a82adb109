"""Gathering what was cast for a motion: for the count, and for those who look."""

from collections.abc import Sequence
from dataclasses import dataclass

from chaincode import keys
from chaincode.contract.motions import roll_of
from chaincode.contract.opening import open_all
from chaincode.contract.trustees import releases
from chaincode.model.ballot import Ballot, OpenedBallot, PaperSheet, Service
from chaincode.model.motion import Motion
from chaincode.model.result import CountedBallot, UnopenedReason
from chaincode.model.roll import RollEntry
from chaincode.rules.ballot import options_of
from chaincode.rules.motion import pinned, published
from chaincode.rules.result import Opened, Standing, counted_ballots, standing
from chaincode.rules.sealing import Plain, full_set, is_sealed, mask_of, read_base64url
from chaincode.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Everything cast for a motion: the one ballot of each unit that stands, sealed ones closed."""

    roll: tuple[RollEntry, ...]
    sheets: tuple[PaperSheet, ...]
    stands: tuple[Standing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What the standing ballots are: sealed ones opened as far as they can be."""

    opened: Opened
    ballots: tuple[CountedBallot, ...]


async def gather(world: World, motion: Motion) -> Cast:
    """All ballots of a motion with its pinned roll; 409 ``motion/roll-not-pinned``.

    After the close nothing of it changes but by paper that is still entered; after the count
    nothing at all.
    """
    community, motion_id = world.community, motion.motion_id
    roll = await roll_of(world, pinned(motion).roll_id)
    online = await world.scan(keys.ballots(community, motion_id), Ballot)
    paper = await world.scan(keys.paper_sheets(community, motion_id), PaperSheet)
    sheets = tuple(sheet for _, sheet in paper)
    stands = standing(motion, [ballot for _, ballot in online], sheets)
    return Cast(roll=roll, sheets=sheets, stands=stands)


async def read(world: World, motion: Motion, stands: Sequence[Standing]) -> Read:
    """The ballots that stand as they are counted now."""
    opened = await _opened(world, motion, stands)
    return Read(opened=opened, ballots=counted_ballots(motion, stands, opened))


async def _opened(world: World, motion: Motion, stands: Sequence[Standing]) -> Opened:
    """What sealed ballots hold: as their owners opened them, otherwise by the trustees' keys."""
    if not is_sealed(published(motion)):
        return {}
    sealed = [item.ballot for item in stands if item.ballot is not None]
    private_keys = full_set(await releases(world, motion))
    opened: dict[str, Plain | UnopenedReason] = {}
    if private_keys is not None:
        opened.update(open_all(sealed, private_keys))
    prefix = keys.opened_ballots(world.community, motion.motion_id)
    for _, own in await world.scan(prefix, OpenedBallot):
        mask = mask_of(options_of(motion), own.choices)
        opened[own.unit_id] = Plain(salt=read_base64url(own.salt), mask=mask)
    return opened


async def served_units(world: World, motion: Motion) -> frozenset[str]:
    """The units for which there is evidence that the notice was served."""
    found = await world.scan(keys.services(world.community, motion.motion_id), Service)
    return frozenset(record.unit_id for _, record in found)
