"""Seats and choices: candidates and options put in order, ties separated, seats filled.

A lot is drawn from public data that was pinned before the vote: SHA-256 over the motion's id, the
roll's hash and the candidate's id; the lower value wins. Anyone can draw it again.
"""

import hashlib
from collections.abc import Mapping, Sequence

from chaincode.errors import BadInput
from chaincode.model.rule import DecisionRule, Measure, MultiSeat, Option, RankBy, Ranking, TieBreak
from chaincode.model.tally import (
    MeanGrade,
    SeatResult,
    SeatStatus,
    Tally,
    weight,
)
from chaincode.rules.clauses import option_weights, participating

Key = tuple[int, ...]


def lot_seed(motion_id: str, roll_sha256: str) -> str:
    """What lots of a motion are drawn from; both parts are fixed when the motion is noticed."""
    return f"{motion_id}|{roll_sha256}"


def lot(seed: str, candidate: str) -> int:
    """The lot of one candidate, a 256-bit number; the lower one wins."""
    return int(hashlib.sha256(f"{seed}|{candidate}".encode()).hexdigest(), 16)


def candidates(tally: Tally) -> tuple[str, ...]:
    """The options that can win: all but abstain and none-of-these."""
    reserved = (Option.ABSTAIN, Option.NONE_OF_THESE)
    return tuple(entry.option for entry in tally.options if entry.option not in reserved)


def rank_value(ranking: Ranking, tally: Tally, option: str) -> int:
    """What the option is ranked by; higher is better.

    AREA_HEADS is the sum of the shares of participating area and participating heads, brought to
    their common denominator.
    """
    weights = option_weights(tally, option)
    if ranking.by is RankBy.AREA_HEADS:
        base = participating(tally)
        return weights.area_dm2 * base.heads + weights.heads * base.area_dm2
    return weight(weights, Measure(ranking.by.value))


def leads_none_of_these(ranking: Ranking, tally: Tally, option: str) -> bool:
    """Whether the option ranks strictly above none-of-these."""
    nota = rank_value(ranking, tally, Option.NONE_OF_THESE)
    return rank_value(ranking, tally, option) > nota


def in_order(ranking: Ranking, tally: Tally, seed: str) -> tuple[tuple[Key, str], ...]:
    """Candidates best first, each with its key before the lot; the lot orders equal keys.

    Raises BadInput `motion/lot-seed-missing` when a lot must be drawn without a seed.
    """
    keys = [(_key(ranking, tally, candidate), candidate) for candidate in candidates(tally)]
    draws = TieBreak.LOT in ranking.ties
    if draws and not seed and len({key for key, _ in keys}) < len(keys):
        raise BadInput("motion/lot-seed-missing")
    lots = {candidate: lot(seed, candidate) if draws else 0 for _, candidate in keys}
    return tuple(sorted(keys, key=lambda item: (item[0], lots[item[1]], item[1])))


def fill_seats(
    form: MultiSeat,
    tally: Tally,
    threshold_met: Mapping[str, bool],
    seed: str,
) -> tuple[SeatResult, ...]:
    """Rank all candidates, then give seats and alternates' places to those over the threshold.

    `threshold_met` says of each candidate whether its pass clauses are met.
    """
    ordered = in_order(form.ranking, tally, seed)
    results: list[SeatResult] = []
    placed = 0
    for index, (_, candidate) in enumerate(ordered):
        eligible = threshold_met[candidate] and (
            not form.nota_blocks or leads_none_of_these(form.ranking, tally, candidate)
        )
        status = _status(form, placed) if eligible else SeatStatus.BELOW_THRESHOLD
        placed += eligible
        results.append(
            SeatResult(
                candidate=candidate, rank=index + 1, status=status, by_lot=_tied(ordered, index)
            )
        )
    return tuple(results)


def winner(ranking: Ranking, tally: Tally, seed: str) -> str | None:
    """The option ranked first, if it is ahead of none-of-these and not tied without a lot."""
    ordered = in_order(ranking, tally, seed)
    if not ordered or (TieBreak.LOT not in ranking.ties and _tied(ordered, 0)):
        return None
    first = ordered[0][1]
    return first if leads_none_of_these(ranking, tally, first) else None


def mean_grades(rule: DecisionRule, tally: Tally) -> tuple[MeanGrade, ...]:
    """The mean grade in each measure: sum of score x weight over the weight that graded."""
    weights = {grade.option: option_weights(tally, grade.option) for grade in rule.ballot.grades}
    return tuple(
        MeanGrade(
            measure=spec.measure,
            num=sum(
                grade.score * weight(weights[grade.option], spec.measure)
                for grade in rule.ballot.grades
            ),
            den=sum(weight(graded, spec.measure) for graded in weights.values()),
        )
        for spec in rule.measures
    )


def _key(ranking: Ranking, tally: Tally, candidate: str) -> Key:
    weights = option_weights(tally, candidate)
    ties: dict[TieBreak, int] = {
        TieBreak.AREA: weights.area_dm2,
        TieBreak.HEADS: weights.heads,
    }
    return (
        -rank_value(ranking, tally, candidate),
        *(-ties[tie] for tie in ranking.ties if tie in ties),
    )


def _tied(ordered: Sequence[tuple[Key, str]], index: int) -> bool:
    neighbours = [*ordered[max(index - 1, 0) : index], *ordered[index + 1 : index + 2]]
    return any(key == ordered[index][0] for key, _ in neighbours)


def _status(form: MultiSeat, placed: int) -> SeatStatus:
    if placed < form.seats:
        return SeatStatus.ELECTED
    if placed < form.seats + form.alternates_max:
        return SeatStatus.ALTERNATE
    return SeatStatus.NOT_ELECTED
