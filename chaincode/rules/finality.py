"""Finality: whether the units not returned yet could still change an outcome.

Ballots already cast are taken as standing. Each clause is `value x den - base x num op 0`, which
is linear in the open weight, so its extremes lie where all of it goes to one answer. Clauses are
judged one by one: "final" is always right, "not final" may be over-careful.
"""

from collections.abc import Sequence

from chaincode.model.rule import (
    BallotKind,
    Basis,
    Combine,
    Counted,
    DecisionRule,
    Measure,
    Option,
    PassClause,
    Passing,
    Turnout,
    TurnoutClause,
)
from chaincode.model.tally import Tally, Weights, weight
from chaincode.rules.clauses import compare

Verdict = bool | None
"""Surely met, surely not met, or open (None)."""

UNDECIDED_HEAD = "takes part, counts to no option"
STAYS_AWAY = "does not take part"
ANSWERS = (Option.FOR, Option.AGAINST, Option.ABSTAIN, UNDECIDED_HEAD, STAYS_AWAY)


def is_final(
    rule: DecisionRule, turnout: Turnout, passing: Passing, tally: Tally, totals: Weights
) -> bool:
    """Whether no completion of the tally can change the outcome under these clauses.

    A tally with nothing open is final. Of elections, choices and ratings an open tally is final
    only when the turnout can no longer be reached.
    """
    if tally.not_returned.lots == 0:
        return True
    quorate = _together(
        turnout.combine, [_turnout_verdict(rule, c, tally, totals) for c in turnout.clauses]
    )
    if quorate is False:
        return True
    if rule.ballot.kind is not BallotKind.DECISION:
        return False
    passed = _together(
        passing.combine, [_pass_verdict(rule, c, tally, totals) for c in passing.clauses]
    )
    return quorate is True and passed is not None


def _together(combine: Combine, verdicts: Sequence[Verdict]) -> Verdict:
    if not verdicts:
        return True
    decisive = combine is Combine.ANY
    if any(verdict is decisive for verdict in verdicts):
        return decisive
    return None if None in verdicts else not decisive


def _turnout_verdict(
    rule: DecisionRule, clause: TurnoutClause, tally: Tally, totals: Weights
) -> Verdict:
    shares = {answer: (_takes_part(rule, answer), 0) for answer in ANSWERS}
    value = weight(tally.participating, clause.measure)
    return _verdict(clause, tally, shares, value, weight(totals, clause.measure))


def _pass_verdict(rule: DecisionRule, clause: PassClause, tally: Tally, totals: Weights) -> Verdict:
    shares = {answer: _pass_share(rule, clause, answer) for answer in ANSWERS}
    cast = {entry.option: weight(entry.cast, clause.measure) for entry in tally.options}
    value = sum(cast[answer] * shares[answer][0] for answer in cast)
    base = {
        Basis.ALL: weight(totals, clause.measure),
        Basis.PARTICIPATING: weight(tally.participating, clause.measure),
        Basis.CAST: cast[Option.FOR] + cast[Option.AGAINST],
    }[clause.basis]
    return _verdict(clause, tally, shares, value, base)


def _takes_part(rule: DecisionRule, answer: str) -> int:
    if answer == Option.ABSTAIN:
        return int(rule.abstain_participates)
    return int(answer != STAYS_AWAY)


def _pass_share(rule: DecisionRule, clause: PassClause, answer: str) -> tuple[int, int]:
    """What one unit of weight with this answer adds to the clause's value and to its base."""
    counted = {
        Counted.YES: (Option.FOR,),
        Counted.NO: (Option.AGAINST,),
        Counted.YES_AND_ABSTAIN: (Option.FOR, Option.ABSTAIN),
    }[clause.count]
    base = {
        Basis.ALL: 0,
        Basis.PARTICIPATING: _takes_part(rule, answer),
        Basis.CAST: int(answer in {Option.FOR, Option.AGAINST}),
    }[clause.basis]
    return int(answer in counted), base


def _verdict(
    clause: TurnoutClause | PassClause,
    tally: Tally,
    shares: dict[str, tuple[int, int]],
    value: int,
    base: int,
) -> Verdict:
    surplus = [v * clause.den - b * clause.num for v, b in shares.values()]
    least, most = _range(clause, tally, surplus, value * clause.den - base * clause.num)
    base_least, base_most = _range(clause, tally, [b for _, b in shares.values()], base)
    ends = [compare(clause.op, least, 0), compare(clause.op, most, 0)]
    if all(ends) and base_least > 0:
        return True
    return False if base_most <= 0 or not any(ends) else None


def _range(
    clause: TurnoutClause | PassClause, tally: Tally, shares: Sequence[int], now: int
) -> tuple[int, int]:
    """The least and the most the amount can become.

    A head with units on both sides of "returned" is counted in `now` and may still move from
    any answer to any other.
    """
    still_open = weight(tally.not_returned, clause.measure)
    moving = tally.partial_heads if clause.measure is Measure.HEADS else 0
    spread = max(shares) - min(shares)
    least = now + still_open * min(shares) - moving * spread
    most = now + still_open * max(shares) + moving * spread
    return least, most
