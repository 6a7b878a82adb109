"""Rules as data checked once, before a community adopts one or a motion pins it.

A rule that contradicts itself, or that nothing or everything could meet, is refused here, so that
counting and deciding need not ask again.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

from chaincode.errors import RuleForbids
from chaincode.model.procedure import Authority, ProxyTerms, Secrecy, Times
from chaincode.model.rule import (
    BallotForm,
    BallotKind,
    Basis,
    Counted,
    DecisionRule,
    Measure,
    Merge,
    Op,
    Option,
    PassClause,
    Passing,
    RankBy,
    Ranking,
    TieBreak,
    Turnout,
    TurnoutClause,
)

FIXED_OPTIONS: Final[Mapping[BallotKind, tuple[str, ...]]] = {
    BallotKind.DECISION: (Option.FOR, Option.AGAINST, Option.ABSTAIN),
    BallotKind.ELECTION: (Option.NONE_OF_THESE, Option.ABSTAIN),
    BallotKind.CHOICE: (Option.NONE_OF_THESE, Option.ABSTAIN),
    BallotKind.RATING: (Option.ABSTAIN,),
}
LEAST = (Op.AT_LEAST, Op.MORE_THAN)
SEATS_MAX = 99
PERCENT_MAX = 100


def validate_rule(rule: DecisionRule) -> None:
    """Refuse a rule that contradicts itself.

    Raises RuleForbids with a code `rule/...`; the checks run in the order of the rule's parts:
    basis and dates, measures, turnout, second call, passing, ballot, follow-majority, procedure.
    """
    _validate_basis(rule)
    _validate_measures(rule)
    _validate_turnout(rule, rule.turnout)
    _validate_second_call(rule)
    _validate_passing(rule, rule.passing)
    _validate_ballot(rule.ballot)
    _validate_rankings(rule)
    _validate_follow_majority(rule)
    _validate_procedure(rule)


def in_force(rule: DecisionRule, on: str) -> bool:
    """Whether the rule is in force on an ISO date; its last day is included."""
    return rule.effective_from <= on and (rule.effective_to is None or on <= rule.effective_to)


def _require(condition: bool, code: str, **details: int | str) -> None:
    if not condition:
        raise RuleForbids(code, **details)


def _validate_basis(rule: DecisionRule) -> None:
    _require(rule.version > 0, "rule/version-out-of-range", version=rule.version)
    cited = [basis for basis in rule.legal_basis if basis.strip()]
    _require(
        bool(cited) and len(cited) == len(rule.legal_basis),
        "rule/legal-basis-missing",
        rule=rule.id,
    )
    for day in (rule.effective_from, rule.effective_to or rule.effective_from):
        _require(_is_date(day), "rule/date-unreadable", date=day)
    ends = rule.effective_to
    _require(ends is None or rule.effective_from <= ends, "rule/dates-contradict", rule=rule.id)
    _require(rule.superseded_by != rule.id, "rule/supersedes-itself", rule=rule.id)


def _is_date(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True


def _validate_measures(rule: DecisionRule) -> None:
    names = [spec.measure for spec in rule.measures]
    _require(bool(names), "rule/measure-missing", rule=rule.id)
    _require(len(set(names)) == len(names), "rule/measure-repeated", rule=rule.id)
    for spec in rule.measures:
        merges = spec.merge is not Merge.NONE
        is_heads = spec.measure is Measure.HEADS
        _require(merges or not is_heads, "rule/merge-missing", measure=spec.measure.value)
        _require(is_heads or not merges, "rule/merge-not-for-measure", measure=spec.measure.value)
        is_area = spec.measure is Measure.AREA
        _require(is_area or not spec.sources, "rule/source-not-for-measure", measure=spec.measure)


def _validate_threshold(rule: DecisionRule, clause: TurnoutClause | PassClause) -> None:
    """The ratio is between 0 and 1, and neither always nor never met."""
    known = [spec.measure for spec in rule.measures]
    _require(clause.measure in known, "rule/measure-unknown", measure=clause.measure.value)
    num, den = clause.num, clause.den
    _require(den > 0 and 0 <= num <= den, "rule/threshold-out-of-range", num=num, den=den)
    always = (clause.op is Op.AT_LEAST and num == 0) or (clause.op is Op.AT_MOST and num == den)
    never = (clause.op is Op.MORE_THAN and num == den) or (clause.op is Op.LESS_THAN and num == 0)
    _require(not always, "rule/threshold-always-met", num=num, den=den)
    _require(not never, "rule/threshold-never-met", num=num, den=den)


def _validate_turnout(rule: DecisionRule, turnout: Turnout) -> None:
    for clause in turnout.clauses:
        _validate_threshold(rule, clause)
        _require(clause.op in LEAST, "rule/operator-not-for-turnout", measure=clause.measure.value)
    _require_distinct([str(clause) for clause in turnout.clauses])


def _require_distinct(clauses: list[str]) -> None:
    _require(len(set(clauses)) == len(clauses), "rule/clause-repeated")


def _validate_second_call(rule: DecisionRule) -> None:
    if rule.second_call is None:
        return
    # Without a turnout no first call is ever inquorate, so no second one is ever due.
    _require(bool(rule.turnout.clauses), "rule/second-call-without-turnout", rule=rule.id)
    _require(rule.second_call.after_ms > 0, "rule/second-call-without-delay", rule=rule.id)
    _validate_turnout(rule, rule.second_call.turnout)
    _validate_passing(rule, rule.second_call.passing or rule.passing)


def _validate_passing(rule: DecisionRule, passing: Passing) -> None:
    clauses = passing.clauses
    if rule.ballot.kind is BallotKind.RATING:
        _require(not clauses, "rule/passing-not-for-kind", kind=rule.ballot.kind.value)
        return
    _require(bool(clauses), "rule/passing-missing", rule=rule.id)
    for clause in clauses:
        _validate_threshold(rule, clause)
        _validate_counted(rule.ballot.kind, clause)
    _require_distinct([str(clause) for clause in clauses])


def _validate_counted(kind: BallotKind, clause: PassClause) -> None:
    """Yes needs a least share, no a greatest one; candidates have only a yes."""
    is_no = clause.count is Counted.NO
    _require(is_no != (clause.op in LEAST), "rule/operator-not-for-count", count=clause.count.value)
    mixed = clause.count is Counted.YES_AND_ABSTAIN and clause.basis is Basis.CAST
    _require(not mixed, "rule/basis-not-for-count", count=clause.count.value)
    if kind is BallotKind.DECISION:
        return
    _require(clause.count is Counted.YES, "rule/count-not-for-kind", kind=kind.value)
    summed = kind is BallotKind.ELECTION and clause.basis is Basis.CAST
    _require(not summed, "rule/basis-not-for-kind", kind=kind.value)


def _validate_ballot(form: BallotForm) -> None:
    options = list(form.options)
    for option in FIXED_OPTIONS[form.kind]:
        _require(option in options, "rule/option-missing", option=str(option))
    for option in options:
        _require(option in FIXED_OPTIONS[form.kind], "rule/option-not-for-kind", option=option)
    _require(len(set(options)) == len(options), "rule/option-repeated")
    is_election = form.kind is BallotKind.ELECTION
    _require((form.multi_seat is not None) == is_election, "rule/seats-not-for-kind")
    is_choice = form.kind is BallotKind.CHOICE
    _require((form.choice_ranking is not None) == is_choice, "rule/ranking-not-for-kind")
    _validate_grades(form)
    if form.multi_seat is not None:
        seats = form.multi_seat
        _require(1 <= seats.seats <= SEATS_MAX, "rule/seats-out-of-range", seats=seats.seats)
        _require(1 <= seats.seats_min <= seats.seats, "rule/seats-min-out-of-range")
        _require(1 <= seats.max_choices <= SEATS_MAX, "rule/max-choices-out-of-range")
        _require(seats.alternates_max <= SEATS_MAX, "rule/alternates-out-of-range")
        _require(TieBreak.LOT in seats.ranking.ties, "rule/ties-without-lot")


def _validate_grades(form: BallotForm) -> None:
    names = [grade.option for grade in form.grades]
    scores = [grade.score for grade in form.grades]
    is_rating = form.kind is BallotKind.RATING
    _require(is_rating or not names, "rule/grades-not-for-kind", kind=form.kind.value)
    _require(not is_rating or len(names) > 1, "rule/grades-missing", kind=form.kind.value)
    distinct = len(set(names)) == len(names) and len(set(scores)) == len(scores)
    _require(distinct, "rule/grade-repeated")
    _require(not any(name in form.options for name in names), "rule/option-repeated")


def _validate_rankings(rule: DecisionRule) -> None:
    seats = rule.ballot.multi_seat
    for ranking in (seats.ranking if seats else None, rule.ballot.choice_ranking):
        if ranking is not None:
            _validate_ranking(rule, ranking)


def _validate_ranking(rule: DecisionRule, ranking: Ranking) -> None:
    ties = ranking.ties
    _require(len(set(ties)) == len(ties), "rule/tie-repeated")
    _require(TieBreak.LOT not in ties[:-1], "rule/lot-not-last")
    known = [spec.measure.value for spec in rule.measures]
    ranked = ranking.by.value.split("+") if ranking.by is RankBy.AREA_HEADS else [ranking.by.value]
    used = [*ranked, *(tie.value for tie in ties if tie is not TieBreak.LOT)]
    for measure in used:
        _require(measure in known, "rule/measure-unknown", measure=measure)


def _validate_follow_majority(rule: DecisionRule) -> None:
    if rule.follow_majority is None:
        return
    _require(bool(rule.follow_majority.clause.strip()), "rule/follow-majority-without-clause")
    followable = rule.ballot.kind in (BallotKind.DECISION, BallotKind.CHOICE)
    _require(followable, "rule/follow-majority-not-for-kind", kind=rule.ballot.kind.value)


def _validate_procedure(rule: DecisionRule) -> None:
    # The mode is reserved: sums without single ballots are not built.
    _require(rule.secrecy is not Secrecy.SECRET, "rule/secrecy-not-available")
    _require(rule.channels.online or rule.channels.paper, "rule/channel-missing")
    _validate_proxy(rule.proxy)
    _validate_times(rule.times)
    _validate_authority(rule.authority)


def _validate_proxy(proxy: ProxyTerms) -> None:
    capped = proxy.cap_count or proxy.cap_percent or proxy.cap_count_lots_max
    _require(proxy.allowed or not capped, "rule/proxy-cap-without-proxy")
    _require(proxy.cap_percent <= PERCENT_MAX, "rule/proxy-cap-out-of-range")
    large = proxy.cap_count_lots_max > 0
    _require(not large or proxy.cap_count > 0, "rule/proxy-cap-contradicts")
    _require(large == (proxy.cap_percent > 0), "rule/proxy-cap-contradicts")


def _validate_times(times: Times) -> None:
    bounded = times.window_max_ms > 0
    _require(not bounded or times.window_min_ms <= times.window_max_ms, "rule/window-contradicts")
    extends = (times.extension_ms > 0) == (times.extensions_max > 0)
    _require(extends, "rule/extension-contradicts")


def _validate_authority(authority: Authority) -> None:
    _require(bool(authority.initiators), "rule/initiator-missing")
    _require(len(set(authority.initiators)) == len(authority.initiators), "rule/initiator-repeated")
    share_ok = 0 < authority.petition_num <= authority.petition_den
    _require(share_ok, "rule/petition-out-of-range")
    steps = authority.approvals_before_open
    _require(len(set(steps)) == len(steps), "rule/approval-repeated")
