"""The steps of the story, in order: each knows how to ask the ledger whether it has been done."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from scripts.story import company, election, finish, foundation, funds, gate, payments, staff
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
    Scene(
        name="funds",
        title="Three funds are opened at the bank",
        is_done=funds.are_funds_open,
        play=funds.open_funds,
    ),
    Scene(
        name="salary",
        title="The owners adopt the salary system",
        is_done=funds.is_salary_adopted,
        play=funds.adopt_salary,
    ),
    Scene(
        name="request",
        title="The company asks for CNY 8,500.00 to repair the gate",
        is_done=gate.is_reviewed,
        play=gate.ask_owners,
    ),
    Scene(
        name="vote",
        title="The owners vote: on phones, by proxy, on paper, or not at all",
        is_done=gate.is_voted,
        play=gate.vote,
    ),
    Scene(
        name="payments",
        title="The company spends it in two payments",
        is_done=payments.are_paid,
        play=payments.pay,
    ),
    Scene(
        name="one-fen-more",
        title="A third payment, of one fen",
        is_done=payments.is_refused,
        play=payments.ask_for_more,
    ),
    Scene(
        name="company",
        title="The owners replace the company",
        is_done=company.is_replaced,
        play=company.replace,
    ),
    Scene(
        name="open-vote",
        title="One more motion stays open, for you",
        is_done=finish.is_vote_left,
        play=finish.leave_a_vote,
    ),
    Scene(
        name="figures",
        title="What the ledger says",
        is_done=payments.never,
        play=finish.tell,
    ),
    Scene(
        name="verify",
        title="Everything is verified from one exported file",
        is_done=payments.never,
        play=finish.verify,
    ),
)
