"""Count: a frozen roll and its ballots become a tally. Counts only, decides nothing.

Each unit casts one ballot. Areas, lots, entitlements and share values count unit by unit; a head
counts once, however many units it has (see `HeadSplit` for a head whose ballots differ).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from chaincode.errors import BadInput, Conflict, NotFound, RuleForbids
from chaincode.model.rule import BallotKind, DecisionRule, HeadSplit, Option
from chaincode.model.tally import CastBallot, OptionTally, Tally, UnitWeight, Weights, weight
from chaincode.rules.weights import electorate, head_key, may_vote, weigh

Vote = tuple[UnitWeight, tuple[str, ...]]

EXCLUSIVE_OPTIONS = (Option.ABSTAIN, Option.NONE_OF_THESE)


def ballot_options(rule: DecisionRule, motion_options: Sequence[str] = ()) -> tuple[str, ...]:
    """All options of a ballot in its order: the motion's own, the grades, the rule's fixed ones.

    Raises BadInput `ballot/option-repeated`.
    """
    grades = tuple(grade.option for grade in rule.ballot.grades)
    options = (*motion_options, *grades, *(str(option) for option in rule.ballot.options))
    if len(set(options)) != len(options):
        raise BadInput("ballot/option-repeated")
    return options


def require_choices(rule: DecisionRule, options: Sequence[str], choices: Sequence[str]) -> None:
    """Refuse choices that are no valid ballot under the rule.

    One option each, for an election up to `max_choices` candidates; abstain and none-of-these
    stand alone. Raises BadInput `ballot/choices-none`, `ballot/option-unknown`,
    `ballot/option-repeated`, `ballot/choices-too-many`, `ballot/choices-contradict`.
    """
    if not choices:
        raise BadInput("ballot/choices-none")
    if any(choice not in options for choice in choices):
        raise BadInput("ballot/option-unknown")
    if len(set(choices)) != len(choices):
        raise BadInput("ballot/option-repeated")
    seats = rule.ballot.multi_seat
    allowed = seats.max_choices if seats and rule.ballot.kind is BallotKind.ELECTION else 1
    if len(choices) > allowed:
        raise BadInput("ballot/choices-too-many", chosen=len(choices), allowed=allowed)
    if len(choices) > 1 and any(choice in EXCLUSIVE_OPTIONS for choice in choices):
        raise BadInput("ballot/choices-contradict")


def count(
    rule: DecisionRule,
    units: Iterable[UnitWeight],
    ballots: Sequence[CastBallot],
    *,
    motion_options: Sequence[str] = (),
    served: Collection[str] = (),
) -> Tally:
    """Count the ballots of a scope's units under a rule.

    `ballots` hold the one that stands for each unit, in any order; `served` are the ids of units
    whose owner has evidence of service (needed by `FollowMajority`). The result does not depend
    on the order of units or ballots.
    Raises NotFound `ballot/unit-not-in-roll`, Conflict `ballot/counted-twice`, RuleForbids
    `ballot/unit-barred`, BadInput as `require_choices`, and `ballot/spoiled-with-choices`.
    """
    options = ballot_options(rule, motion_options)
    members = electorate(rule, units)
    returned = _returned(rule, members, options, ballots)
    votes = [(unit, ballot.choices) for unit, ballot in returned.values() if not ballot.spoiled]
    spoiled = [unit for unit, ballot in returned.values() if ballot.spoiled]
    open_units = [unit for unit in members if unit.unit_id not in returned]
    taking_part = [unit for unit, choices in votes if _takes_part(rule, choices)]
    if rule.spoiled_participates:
        taking_part += spoiled
    participating = weigh(rule, taking_part)
    returned_units = [unit for unit, _ in returned.values()]
    cast = _option_weights(rule, options, votes)
    followed = _followed(rule, returned_units, open_units, served)
    majority = _majority(rule, cast, participating)
    return Tally(
        options=tuple(
            OptionTally(
                option=option,
                cast=cast[option],
                followed=followed if option == majority else Weights(),
            )
            for option in options
        ),
        participating=participating,
        returned=weigh(rule, returned_units),
        not_returned=_without_heads_of(rule, open_units, returned_units),
        spoiled=_without_heads_of(rule, spoiled, [unit for unit, _ in votes]),
        followed=followed if majority else Weights(),
        ballots_count=len(returned),
        paper_count=sum(ballot.paper for _, ballot in returned.values()),
        spoiled_count=len(spoiled),
        split_heads=sum(
            len({frozenset(c) for _, c in group}) > 1 for group in _by_head(rule, votes)
        ),
        partial_heads=_partial_heads(rule, returned_units, open_units),
    )


def _returned(
    rule: DecisionRule,
    members: Sequence[UnitWeight],
    options: Sequence[str],
    ballots: Sequence[CastBallot],
) -> dict[str, tuple[UnitWeight, CastBallot]]:
    by_id = {unit.unit_id: unit for unit in members}
    returned: dict[str, tuple[UnitWeight, CastBallot]] = {}
    for ballot in ballots:
        unit = by_id.get(ballot.unit_id)
        if unit is None:
            raise NotFound("ballot/unit-not-in-roll", unit=ballot.unit_id)
        if ballot.unit_id in returned:
            raise Conflict("ballot/counted-twice", unit=ballot.unit_id)
        if not may_vote(rule, unit):
            raise RuleForbids("ballot/unit-barred", unit=ballot.unit_id)
        _require_readable(rule, options, ballot)
        returned[ballot.unit_id] = (unit, ballot)
    return returned


def _require_readable(rule: DecisionRule, options: Sequence[str], ballot: CastBallot) -> None:
    if not ballot.spoiled:
        require_choices(rule, options, ballot.choices)
    elif ballot.choices:
        raise BadInput("ballot/spoiled-with-choices", unit=ballot.unit_id)


def _takes_part(rule: DecisionRule, choices: Sequence[str]) -> bool:
    return rule.abstain_participates or Option.ABSTAIN not in choices


def _by_head(rule: DecisionRule, votes: Iterable[Vote]) -> list[list[Vote]]:
    groups: dict[str, list[Vote]] = {}
    for vote in votes:
        groups.setdefault(head_key(rule, vote[0]), []).append(vote)
    return list(groups.values())


def _head_chose(rule: DecisionRule, option: str, votes: Sequence[Vote]) -> bool:
    """Whether the one head of these ballots counts for the option (see `HeadSplit`)."""
    agreeing = [unit.area_dm2 for unit, choices in votes if option in choices]
    if len(agreeing) == len(votes) or rule.head_split is HeadSplit.NEITHER:
        return len(agreeing) == len(votes)
    return 2 * sum(agreeing) > sum(unit.area_dm2 for unit, _ in votes)


def _option_weights(
    rule: DecisionRule, options: Sequence[str], votes: Sequence[Vote]
) -> dict[str, Weights]:
    heads = _by_head(rule, votes)
    weights: dict[str, Weights] = {}
    for option in options:
        chosen = [unit for unit, choices in votes if option in choices]
        weights[option] = Weights(
            area_dm2=sum(unit.area_dm2 for unit in chosen),
            heads=sum(_head_chose(rule, option, head) for head in heads),
            lots=len(chosen),
            entitlement=sum(unit.entitlement for unit in chosen),
            share_value=sum(unit.share_value for unit in chosen),
        )
    return weights


def _without_heads_of(
    rule: DecisionRule, units: Sequence[UnitWeight], others: Sequence[UnitWeight]
) -> Weights:
    """What the units weigh, less the heads that the others already stand for."""
    taken = {head_key(rule, unit) for unit in others}
    own = {head_key(rule, unit) for unit in units} - taken
    whole = weigh(rule, units)
    return Weights(
        area_dm2=whole.area_dm2,
        heads=len(own),
        lots=whole.lots,
        entitlement=whole.entitlement,
        share_value=whole.share_value,
    )


def _followed(
    rule: DecisionRule,
    returned: Sequence[UnitWeight],
    open_units: Sequence[UnitWeight],
    served: Collection[str],
) -> Weights:
    """What would follow a majority: open units that may vote and, if required, were served."""
    terms = rule.follow_majority
    if terms is None:
        return Weights()
    following = [
        unit
        for unit in open_units
        if may_vote(rule, unit) and (not terms.requires_served or unit.unit_id in served)
    ]
    return _without_heads_of(rule, following, returned)


def _majority(
    rule: DecisionRule, cast: Mapping[str, Weights], participating: Weights
) -> str | None:
    """The option with more than half of the participating weight in every measure of the rule.

    An abstention is no opinion that anyone could follow.
    """
    measures = [spec.measure for spec in rule.measures]
    for option, weights in cast.items():
        if option != Option.ABSTAIN and all(
            2 * weight(weights, measure) > weight(participating, measure) for measure in measures
        ):
            return option
    return None


def _partial_heads(
    rule: DecisionRule, returned: Sequence[UnitWeight], open_units: Sequence[UnitWeight]
) -> int:
    begun = {head_key(rule, unit) for unit in returned}
    waiting = {head_key(rule, unit) for unit in open_units if may_vote(rule, unit)}
    return len(begun & waiting)
