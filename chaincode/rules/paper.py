"""Paper ballots: two clerks read the same, the hand count agrees, and one ballot stands.

Entered by one person, paper is where votes get lost or made; so each sheet is read twice by
different people, and the sum of what was entered must equal what was counted by hand.
"""

from collections import Counter
from collections.abc import Sequence

from chaincode.errors import BadInput, Conflict, NotAllowed, NotFound, RuleForbids
from chaincode.model.ballot import (
    PAPER_ENTRIES_MAX,
    Ballot,
    HandCount,
    PaperContent,
    PaperEntry,
    PaperSheet,
)
from chaincode.model.procedure import CoOwner, Precedence
from chaincode.model.result import HandCheck
from chaincode.model.roll import RollEntry, Unit
from chaincode.model.rule import DecisionRule
from chaincode.rules.roll import owner_ids

# --- Acts ---


def enter(
    rule: DecisionRule, sheet: PaperSheet | None, entry: PaperEntry, motion_id: str, unit_id: str
) -> PaperSheet:
    """The sheet with one clerk's reading; a clerk's newer reading replaces their earlier one.

    Refused: Conflict `paper/agreed-already`, `paper/too-many-readings`.
    """
    if resolved(rule, sheet) is not None:
        raise Conflict("paper/agreed-already")
    earlier = sheet.entries if sheet else ()
    others = [item for item in earlier if item.clerk_id != entry.clerk_id]
    if len(others) >= PAPER_ENTRIES_MAX:
        raise Conflict("paper/too-many-readings", count_max=PAPER_ENTRIES_MAX)
    entries = tuple(sorted([*others, entry], key=lambda item: item.clerk_id))
    return PaperSheet(motion_id=motion_id, unit_id=unit_id, entries=entries)


# --- Guards ---


def require_content(content: PaperContent) -> None:
    """Refuse (BadInput) a reading that contradicts itself.

    Raises `paper/spoiled-with-choices`, `paper/choices-missing`, `paper/signers-unsorted`.
    """
    if content.spoiled and content.choices:
        raise BadInput("paper/spoiled-with-choices")
    if not content.spoiled and not content.choices:
        raise BadInput("paper/choices-missing")
    if tuple(sorted(set(content.signed_by))) != content.signed_by:
        raise BadInput("paper/signers-unsorted")


def require_options(options: Sequence[str], named: Sequence[str]) -> None:
    """Refuse (BadInput `ballot/option-unknown`) a hand count of what is no option."""
    if any(name not in options for name in named):
        raise BadInput("ballot/option-unknown")


def require_signer(content: PaperContent, unit: Unit | None, entry: RollEntry | None) -> None:
    """The sheet is signed by owners of now, or by the sellers when they still were.

    Raises NotFound `unit/unknown`, `ballot/unit-not-in-roll`, NotAllowed `paper/signer-not-owner`.
    """
    if unit is None:
        raise NotFound("unit/unknown")
    if entry is None:
        raise NotFound("ballot/unit-not-in-roll")
    signers = set(content.signed_by)
    owned = signers <= set(entry.owner_ids) and content.received_at < unit.since_at
    if not signers <= set(owner_ids(unit)) and not owned:
        raise NotAllowed("paper/signer-not-owner")


def require_signatures(rule: DecisionRule, content: PaperContent, unit: Unit) -> None:
    """Co-owners sign through their representative or all together, as the rule says.

    Without a named representative all may sign (指导规则 Art. 25). A seller's signatures are the
    clerks' to check. Raises RuleForbids `paper/signature-missing`.
    """
    owners, signers = set(owner_ids(unit)), set(content.signed_by)
    if not signers <= owners or signers == owners:
        return
    if rule.co_owner is CoOwner.ALL_SIGN or unit.representative not in signers:
        raise RuleForbids("paper/signature-missing", owners=len(owners), signed=len(signers))


def require_no_sellers_ballot(content: PaperContent, ballot: Ballot | None) -> None:
    """Refuse (Conflict `ballot/seller-voted`) the buyer's sheet where the seller's ballot stands.

    A seller's sheet that came before the buyer's online ballot is taken: it was first.
    """
    if ballot is None or _same_owner(ballot, content):
        return
    if content.received_at >= ballot.first_at:
        raise Conflict("ballot/seller-voted")


def require_received(
    rule: DecisionRule, content: PaperContent, from_at: int, until_at: int
) -> None:
    """Refuse (RuleForbids) a sheet that the rule does not take, or that came out of time.

    Raises `paper/not-allowed`, `paper/not-in-window`.
    """
    if not rule.channels.paper:
        raise RuleForbids("paper/not-allowed")
    if not from_at <= content.received_at < until_at:
        raise RuleForbids("paper/not-in-window")


def require_hand_count(
    rule: DecisionRule, sheets: Sequence[PaperSheet], hands: Sequence[HandCount]
) -> None:
    """Refuse (Conflict) to count while paper is unresolved or differs from the hand count.

    Where the rule takes paper the clerks always state what they counted, were it nothing; so
    nobody can count before the paper has been entered. As two read each sheet, two must have
    counted what was entered: one alone could leave out what is still in the box.
    Raises `paper/unresolved`, `paper/hand-count-missing`, `paper/hand-count-differs`.
    """
    waiting = unresolved(rule, sheets)
    if waiting:
        raise Conflict("paper/unresolved", unit=waiting[0], count=len(waiting))
    check = hand_check(rule, sheets, hands)
    if check is HandCheck.MISSING:
        raise Conflict("paper/hand-count-missing", given=len(hands), needed=_clerks(rule))
    if check is HandCheck.DIFFERS:
        raise Conflict("paper/hand-count-differs", entered=len(_entered(rule, sheets)))


def _equals(hand: HandCount, entered: Sequence[PaperContent]) -> bool:
    counted = Counter(choice for content in entered for choice in content.choices)
    stated = {item.option: item.sheets_count for item in hand.options}
    options = {*counted, *stated}
    return (
        hand.sheets_count == len(entered)
        and hand.spoiled_count == sum(content.spoiled for content in entered)
        and all(counted[option] == stated.get(option, 0) for option in options)
    )


# --- Derivations ---


def unresolved(rule: DecisionRule, sheets: Sequence[PaperSheet]) -> tuple[str, ...]:
    """The units whose sheet was begun to be entered and does not stand, sorted."""
    return tuple(sorted(sheet.unit_id for sheet in sheets if resolved(rule, sheet) is None))


def hand_check(
    rule: DecisionRule, sheets: Sequence[PaperSheet], hands: Sequence[HandCount]
) -> HandCheck:
    """Whether enough clerks counted by hand what was entered; `hands` are of different clerks."""
    if not rule.channels.paper:
        return HandCheck.NO_PAPER
    if len(hands) < _clerks(rule):
        return HandCheck.MISSING
    entered = _entered(rule, sheets)
    agreed = sum(_equals(hand, entered) for hand in hands)
    return HandCheck.AGREED if agreed >= _clerks(rule) else HandCheck.DIFFERS


def _clerks(rule: DecisionRule) -> int:
    return 2 if rule.channels.double_entry else 1


def _entered(rule: DecisionRule, sheets: Sequence[PaperSheet]) -> list[PaperContent]:
    return [content for sheet in sheets if (content := resolved(rule, sheet))]


def agreeing(sheet: PaperSheet) -> tuple[PaperEntry, ...]:
    """The first two entries with the same content, in the order of clerk ids; or none."""
    for index, first in enumerate(sheet.entries):
        for second in sheet.entries[index + 1 :]:
            if first.content == second.content:
                return (first, second)
    return ()


def standing_entries(rule: DecisionRule, sheet: PaperSheet) -> tuple[PaperEntry, ...]:
    """The entries a sheet stands on: two that agree, or one where the rule asks for one."""
    if rule.channels.double_entry:
        return agreeing(sheet)
    return sheet.entries[:1]


def resolved(rule: DecisionRule, sheet: PaperSheet | None) -> PaperContent | None:
    """What the sheet says, once it is entered as the rule asks."""
    entries = standing_entries(rule, sheet) if sheet else ()
    return entries[0].content if entries else None


def paper_stands(rule: DecisionRule, ballot: Ballot | None, content: PaperContent) -> bool:
    """Whether the paper ballot stands, and not the online one.

    A spoiled sheet takes no valid ballot away. Of a seller's and a buyer's ballot the earlier
    stands. An owner's own sheet stands against a proxy's online ballot.
    """
    if ballot is None:
        return True
    if content.spoiled:
        return False
    if not _same_owner(ballot, content):
        return content.received_at < ballot.first_at
    if ballot.grant_id is not None and rule.proxy.owner_overrides:
        return True
    precedence = rule.channels.precedence
    if precedence is Precedence.LATEST:
        return content.received_at > ballot.at
    if precedence is Precedence.FIRST:
        return content.received_at < ballot.first_at
    return precedence is Precedence.PAPER


def _same_owner(ballot: Ballot, content: PaperContent) -> bool:
    return any(signer in ballot.owner_ids for signer in content.signed_by)
