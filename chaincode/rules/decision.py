"""Decide: a rule applied to a tally. The count is in `count`, the thresholds in `clauses`.

First the turnout clauses: not met is INQUORATE, whatever the votes. Then the pass clauses: met is
CARRIED, otherwise LOST. An election applies them to each candidate, a choice to the winner.
"""

from chaincode.errors import RuleForbids
from chaincode.model.rule import BallotKind, DecisionRule, Turnout
from chaincode.model.tally import ClauseResult, Decision, Outcome, SeatStatus, Tally, Weights
from chaincode.rules.clauses import is_met, passing_results, turnout_results
from chaincode.rules.finality import is_final
from chaincode.rules.seats import candidates, fill_seats, mean_grades, winner

FIRST_CALL = 1


def decide(
    rule: DecisionRule, tally: Tally, totals: Weights, *, call: int = FIRST_CALL, seed: str = ""
) -> Decision:
    """The outcome of a tally under a rule, with both sides of every comparison.

    `totals` are the denominators of the scope (`weights.totals`), `call` is 1, or more for a
    repeated vote, `seed` is `seats.lot_seed` and needed only where a lot decides.
    Raises RuleForbids `rule/call-not-allowed`, BadInput `motion/lot-seed-missing`.
    """
    turnout = turnout_for(rule, call)
    clauses = turnout_results(rule, turnout, tally, totals)
    final = is_final(rule, turnout, tally, totals)
    if not is_met(turnout.combine, clauses):
        return Decision(outcome=Outcome.INQUORATE, clauses=clauses, final=final)
    match rule.ballot.kind:
        case BallotKind.DECISION:
            return _decide_motion(rule, tally, totals, clauses, final)
        case BallotKind.ELECTION:
            return _decide_election(rule, tally, totals, clauses, final, seed)
        case BallotKind.CHOICE:
            return _decide_choice(rule, tally, totals, clauses, final, seed)
        case BallotKind.RATING:
            return _decide_rating(rule, tally, clauses, final)


def turnout_for(rule: DecisionRule, call: int) -> Turnout:
    """The turnout a call needs: the rule's own, or that of its second call.

    Raises RuleForbids `rule/call-not-allowed` for a call the rule does not know.
    """
    if call == FIRST_CALL:
        return rule.turnout
    second = rule.second_call
    if call < FIRST_CALL or second is None or (second.once and call > FIRST_CALL + 1):
        raise RuleForbids("rule/call-not-allowed", rule=rule.id, call=call)
    return second.turnout


def _outcome(carried: bool) -> Outcome:
    return Outcome.CARRIED if carried else Outcome.LOST


def _decide_motion(
    rule: DecisionRule,
    tally: Tally,
    totals: Weights,
    turnout: tuple[ClauseResult, ...],
    final: bool,
) -> Decision:
    passing = passing_results(rule, tally, totals)
    carried = is_met(rule.passing.combine, passing)
    return Decision(outcome=_outcome(carried), clauses=turnout + passing, final=final)


def _decide_election(
    rule: DecisionRule,
    tally: Tally,
    totals: Weights,
    turnout: tuple[ClauseResult, ...],
    final: bool,
    seed: str,
) -> Decision:
    """Seats are filled only if at least `seats_min` candidates are elected."""
    form = rule.ballot.multi_seat
    if form is None:
        raise RuleForbids("rule/seats-missing", rule=rule.id)
    each = {name: passing_results(rule, tally, totals, name) for name in candidates(tally)}
    met = {name: is_met(rule.passing.combine, results) for name, results in each.items()}
    seats = fill_seats(form, tally, met, seed)
    elected = sum(seat.status is SeatStatus.ELECTED for seat in seats)
    carried = elected >= form.seats_min
    return Decision(
        outcome=_outcome(carried),
        clauses=turnout + tuple(result for results in each.values() for result in results),
        final=final,
        seats=seats if carried else (),
        seats_unfilled=form.seats - elected if carried else form.seats,
    )


def _decide_choice(
    rule: DecisionRule,
    tally: Tally,
    totals: Weights,
    turnout: tuple[ClauseResult, ...],
    final: bool,
    seed: str,
) -> Decision:
    """The option ranked first must also meet the pass clauses and lead none-of-these."""
    ranking = rule.ballot.choice_ranking
    if ranking is None:
        raise RuleForbids("rule/ranking-missing", rule=rule.id)
    first = winner(ranking, tally, seed)
    passing = passing_results(rule, tally, totals, first) if first else ()
    carried = first is not None and is_met(rule.passing.combine, passing)
    return Decision(
        outcome=_outcome(carried),
        clauses=turnout + passing,
        final=final,
        chosen=first if first and carried else "",
    )


def _decide_rating(
    rule: DecisionRule, tally: Tally, turnout: tuple[ClauseResult, ...], final: bool
) -> Decision:
    """A rating stands when enough took part and somebody graded; it passes or fails nobody."""
    means = mean_grades(rule, tally)
    graded = any(mean.den for mean in means)
    return Decision(outcome=_outcome(graded), clauses=turnout, final=final, means=means)
