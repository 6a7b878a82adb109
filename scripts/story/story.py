"""The steps of the story, in order: each knows how to ask the ledger whether it has been done."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from scripts.story import election, foundation, staff
from scripts.story.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One step. `play` may be run again; it is left out where `is_done` says so."""

    name: str
    title: str
    is_done: Callable[[World], Awaitable[bool]]
    play: Callable[[World], Awaitable[None]]


SCENES: Final = (
    Scene(
        name="community",
        title="The regulator opens the community",
        is_done=foundation.is_open,
        play=foundation.open_community,
    ),
    Scene(
        name="roll",
        title="The housing bureau's roll is imported",
        is_done=foundation.is_imported,
        play=foundation.import_roll,
    ),
    Scene(
        name="credentials",
        title="Every owner makes a key and has it certified",
        is_done=foundation.are_certified,
        play=foundation.certify_owners,
    ),
    Scene(
        name="staff",
        title="The offices' clerks get their credentials",
        is_done=staff.are_employed,
        play=staff.employ,
    ),
    Scene(
        name="representatives",
        title="Co-owners name who speaks for their unit",
        is_done=foundation.are_represented,
        play=foundation.name_representatives,
    ),
    Scene(
        name="rules",
        title="The community's first rules",
        is_done=election.are_rules_stated,
        play=election.state_rules,
    ),
    Scene(
        name="election",
        title="The owners elect a committee of seven",
        is_done=election.is_elected,
        play=election.elect,
    ),
)
