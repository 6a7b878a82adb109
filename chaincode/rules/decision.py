"""Decide: a rule applied to a tally. The count is in `count`, the thresholds in `clauses`.

First the turnout clauses: not met is INQUORATE, whatever the votes. Then the pass clauses: met is
CARRIED, otherwise LOST. An election applies them to each candidate, a choice to the winner.
"""

from dataclasses import dataclass

from chaincode.errors import RuleForbids
from chaincode.model.rule import BallotKind, DecisionRule, Passing, Turnout
from chaincode.model.tally import ClauseResult, Decision, Outcome, SeatStatus, Tally, Weights
from chaincode.rules.clauses import is_met, passing_results, turnout_results
from chaincode.rules.finality import is_final
from chaincode.rules.seats import candidates, fill_seats, mean_grades, winner

FIRST_CALL = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Quorate:
    """A tally whose turnout is met, and what it is judged by."""

    rule: DecisionRule
    passing: Passing
    tally: Tally
    totals: Weights
    turnout: tuple[ClauseResult, ...]
    final: bool
    seed: str

    def passes(self, results: tuple[ClauseResult, ...]) -> bool:
        return is_met(self.passing.combine, results)


def decide(
    rule: DecisionRule, tally: Tally, totals: Weights, *, call: int = FIRST_CALL, seed: str = ""
) -> Decision:
    """The outcome of a tally under a rule, with both sides of every comparison.

    `totals` are the denominators of the scope (`weights.totals`), `call` is 1, or more for a
    repeated vote, `seed` is `seats.lot_seed` and needed only where a lot decides.
    Raises RuleForbids `rule/call-not-allowed`, BadInput `motion/lot-seed-missing`.
    """
    turnout, passing = terms_of(rule, call)
    results = turnout_results(rule, turnout, tally, totals)
    final = is_final(rule, turnout, passing, tally, totals)
    if not is_met(turnout.combine, results):
        return Decision(outcome=Outcome.INQUORATE, clauses=results, final=final)
    vote = _Quorate(
        rule=rule,
        passing=passing,
        tally=tally,
        totals=totals,
        turnout=results,
        final=final,
        seed=seed,
    )
    match rule.ballot.kind:
        case BallotKind.DECISION:
            return _decide_motion(vote)
        case BallotKind.ELECTION:
            return _decide_election(vote)
        case BallotKind.CHOICE:
            return _decide_choice(vote)
        case BallotKind.RATING:
            return _decide_rating(vote)


def terms_of(rule: DecisionRule, call: int) -> tuple[Turnout, Passing]:
    """What a call needs: the rule's own clauses, or those of its second call.

    Raises RuleForbids `rule/call-not-allowed` for a call the rule does not know.
    """
    if call == FIRST_CALL:
        return rule.turnout, rule.passing
    second = rule.second_call
    if call < FIRST_CALL or second is None or (second.once and call > FIRST_CALL + 1):
        raise RuleForbids("rule/call-not-allowed", rule=rule.id, call=call)
    return second.turnout, second.passing or rule.passing


def _outcome(carried: bool) -> Outcome:
    return Outcome.CARRIED if carried else Outcome.LOST


def _decide_motion(vote: _Quorate) -> Decision:
    results = passing_results(vote.passing, vote.tally, vote.totals)
    return Decision(
        outcome=_outcome(vote.passes(results)),
        clauses=vote.turnout + results,
        final=vote.final,
    )


def _decide_election(vote: _Quorate) -> Decision:
    """Seats are filled only if at least `seats_min` candidates are elected."""
    form = vote.rule.ballot.multi_seat
    if form is None:
        raise RuleForbids("rule/seats-missing", rule=vote.rule.id)
    each = {
        name: passing_results(vote.passing, vote.tally, vote.totals, name)
        for name in candidates(vote.tally)
    }
    met = {name: vote.passes(results) for name, results in each.items()}
    seats = fill_seats(form, vote.tally, met, vote.seed)
    elected = sum(seat.status is SeatStatus.ELECTED for seat in seats)
    carried = elected >= form.seats_min
    return Decision(
        outcome=_outcome(carried),
        clauses=vote.turnout + tuple(result for results in each.values() for result in results),
        final=vote.final,
        seats=seats if carried else (),
        seats_unfilled=form.seats - elected if carried else form.seats,
    )


def _decide_choice(vote: _Quorate) -> Decision:
    """The option ranked first must also meet the pass clauses and lead none-of-these."""
    ranking = vote.rule.ballot.choice_ranking
    if ranking is None:
        raise RuleForbids("rule/ranking-missing", rule=vote.rule.id)
    first = winner(ranking, vote.tally, vote.seed)
    results = passing_results(vote.passing, vote.tally, vote.totals, first) if first else ()
    carried = bool(first) and vote.passes(results)
    return Decision(
        outcome=_outcome(carried),
        clauses=vote.turnout + results,
        final=vote.final,
        chosen=first if first and carried else "",
    )


def _decide_rating(vote: _Quorate) -> Decision:
    """A rating stands when enough took part and somebody graded; it passes or fails nobody."""
    means = mean_grades(vote.rule, vote.tally)
    return Decision(
        outcome=_outcome(any(mean.den for mean in means)),
        clauses=vote.turnout,
        final=vote.final,
        means=means,
    )
