"""Clauses: each threshold of a rule compared by cross-multiplied integers, never by division.

`value op num/den x base` is compared as `value x den op base x num`. A clause whose base is
nothing is not met: nobody decides for an electorate, or a count, of zero weight.
"""

from collections.abc import Sequence

from chaincode.model.rule import (
    Basis,
    Combine,
    Counted,
    DecisionRule,
    Op,
    Option,
    PassClause,
    Passing,
    Turnout,
    TurnoutClause,
)
from chaincode.model.tally import ClauseResult, Stage, Tally, Weights, weight
from chaincode.rules.weights import add


def compare(op: Op, left: int, right: int) -> bool:
    """Whether `left op right` holds."""
    match op:
        case Op.AT_LEAST:
            return left >= right
        case Op.MORE_THAN:
            return left > right
        case Op.AT_MOST:
            return left <= right
        case Op.LESS_THAN:
            return left < right


def option_weights(tally: Tally, option: str) -> Weights:
    """What stands for one option, by ballots and by following the majority."""
    for entry in tally.options:
        if entry.option == option:
            return add(entry.cast, entry.followed)
    return Weights()


def participating(tally: Tally) -> Weights:
    """The base of a pass clause: those taking part, and those who follow the majority."""
    return add(tally.participating, tally.followed)


def is_met(combine: Combine, results: Sequence[ClauseResult]) -> bool:
    """Whether the clauses together are met; no clause at all asks for nothing."""
    if combine is Combine.ANY and results:
        return any(result.met for result in results)
    return all(result.met for result in results)


def turnout_results(
    rule: DecisionRule, turnout: Turnout, tally: Tally, totals: Weights
) -> tuple[ClauseResult, ...]:
    """Each turnout clause: participating weight out of all in the scope."""
    follow = rule.follow_majority
    took_part = tally.participating
    if follow is not None and follow.counts_for_turnout:
        took_part = participating(tally)
    return tuple(
        _result(clause, "", weight(took_part, clause.measure), weight(totals, clause.measure))
        for clause in turnout.clauses
    )


def passing_results(
    passing: Passing, tally: Tally, totals: Weights, option: str = Option.FOR
) -> tuple[ClauseResult, ...]:
    """Each pass clause for one option: FOR of a decision, a candidate, one of several."""
    return tuple(
        _result(clause, str(option), _counted(tally, clause, option), _base(tally, totals, clause))
        for clause in passing.clauses
    )


def _counted(tally: Tally, clause: PassClause, option: str) -> int:
    yes = weight(option_weights(tally, option), clause.measure)
    match clause.count:
        case Counted.YES:
            return yes
        case Counted.NO:
            return weight(option_weights(tally, Option.AGAINST), clause.measure)
        case Counted.YES_AND_ABSTAIN:
            return yes + weight(option_weights(tally, Option.ABSTAIN), clause.measure)


def _base(tally: Tally, totals: Weights, clause: PassClause) -> int:
    match clause.basis:
        case Basis.ALL:
            return weight(totals, clause.measure)
        case Basis.PARTICIPATING:
            return weight(participating(tally), clause.measure)
        case Basis.CAST:
            return sum(
                weight(option_weights(tally, entry.option), clause.measure)
                for entry in tally.options
                if entry.option != Option.ABSTAIN
            )


def _result(clause: TurnoutClause | PassClause, option: str, value: int, base: int) -> ClauseResult:
    passing = clause if isinstance(clause, PassClause) else None
    left, right = value * clause.den, base * clause.num
    return ClauseResult(
        stage=Stage.PASSING if passing else Stage.TURNOUT,
        option=option,
        measure=clause.measure,
        count=passing.count if passing else None,
        basis=passing.basis if passing else None,
        op=clause.op,
        num=clause.num,
        den=clause.den,
        value=value,
        base=base,
        left=left,
        right=right,
        met=base > 0 and compare(clause.op, left, right),
    )
