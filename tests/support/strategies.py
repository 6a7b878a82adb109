"""Hypothesis strategies: communities, ballots and decision rules."""

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from chaincode.model.procedure import Authority, Bar, DeveloperUnsold, Electorate, Initiator
from chaincode.model.rule import (
    Basis,
    Combine,
    Counted,
    DecisionRule,
    FollowMajority,
    HeadSplit,
    Measure,
    MeasureSpec,
    Merge,
    Op,
    Option,
    PassClause,
    Passing,
    Turnout,
    TurnoutClause,
)
from chaincode.model.tally import CastBallot, UnitWeight
from tests.support import oracle

THRESHOLDS = ((1, 4), (1, 3), (1, 2), (2, 3), (3, 4), (67, 100))
ANSWERS = (Option.FOR, Option.AGAINST, Option.ABSTAIN)


@dataclass(frozen=True)
class Vote:
    """A rule, a community, its ballots, and which units were served."""

    rule: DecisionRule
    units: tuple[UnitWeight, ...]
    ballots: tuple[CastBallot, ...]
    served: frozenset[str]

    def with_ballots(self, ballots: tuple[CastBallot, ...]) -> "Vote":
        return replace(self, ballots=ballots)


@st.composite
def unit_lists(draw: st.DrawFn, units_max: int = 12) -> tuple[UnitWeight, ...]:
    """Units of few owners, so that heads have several; areas may be nothing."""
    size = draw(st.integers(0, units_max))
    units = []
    for number in range(size):
        unsold = draw(st.integers(0, 5)) == 0
        owner = draw(st.integers(0, max(size // 2, 1)))
        units.append(
            UnitWeight(
                unit_id=f"u{number}",
                head_id="developer" if unsold else f"h{owner}",
                area_dm2=draw(st.one_of(st.integers(0, 4), st.integers(0, 20_000))),
                entitlement=draw(st.integers(0, 5)),
                share_value=draw(st.integers(0, 5)),
                developer_unsold=unsold,
                in_arrears=draw(st.integers(0, 5)) == 0,
                parking=draw(st.integers(0, 7)) == 0,
            )
        )
    return tuple(units)


@st.composite
def pass_clauses(draw: st.DrawFn, measure: Measure) -> PassClause:
    num, den = draw(st.sampled_from(THRESHOLDS))
    counted = draw(st.sampled_from(Counted))
    basis = draw(st.sampled_from(Basis))
    if counted is Counted.YES_AND_ABSTAIN and basis is Basis.CAST:
        basis = Basis.PARTICIPATING
    ops = (Op.AT_MOST, Op.LESS_THAN) if counted is Counted.NO else (Op.AT_LEAST, Op.MORE_THAN)
    op = draw(st.sampled_from(ops))
    return PassClause(measure=measure, count=counted, op=op, num=num, den=den, basis=basis)


@st.composite
def turnout_clauses(draw: st.DrawFn, measure: Measure) -> TurnoutClause:
    num, den = draw(st.sampled_from(THRESHOLDS))
    op = draw(st.sampled_from((Op.AT_LEAST, Op.MORE_THAN)))
    return TurnoutClause(measure=measure, op=op, num=num, den=den)


@st.composite
def decision_rules(draw: st.DrawFn) -> DecisionRule:
    """Rules for yes-or-no motions over one to three measures."""
    measures = draw(st.lists(st.sampled_from(Measure), min_size=1, max_size=3, unique=True))
    merge = draw(st.sampled_from((Merge.OWNER_SET, Merge.UNIT)))
    turnout = [draw(turnout_clauses(m)) for m in measures if draw(st.booleans())]
    follows = draw(st.integers(0, 3)) == 0
    flags = [draw(st.booleans()) for _ in range(5)]
    return DecisionRule(
        id="random",
        version=1,
        title="Random rule",
        legal_basis=("none",),
        jurisdiction="XX",
        matter_class="random",
        effective_from="2021-01-01",
        measures=tuple(
            MeasureSpec(measure=m, merge=merge if m is Measure.HEADS else Merge.NONE)
            for m in measures
        ),
        turnout=Turnout(combine=draw(st.sampled_from(Combine)), clauses=tuple(turnout)),
        passing=Passing(
            combine=draw(st.sampled_from(Combine)),
            clauses=tuple(draw(pass_clauses(measure)) for measure in measures),
        ),
        authority=Authority(initiators=(Initiator.COMMITTEE,)),
        electorate=Electorate(
            developer_unsold=draw(st.sampled_from(DeveloperUnsold)),
            arrears=draw(st.sampled_from(Bar)),
            parking_counts=flags[0],
        ),
        abstain_participates=flags[1],
        spoiled_participates=flags[2],
        head_split=draw(st.sampled_from(HeadSplit)),
        follow_majority=FollowMajority(
            clause="random clause", requires_served=flags[3], counts_for_turnout=flags[4]
        )
        if follows
        else None,
    )


def answer(unit: UnitWeight, chosen: str) -> CastBallot:
    """The ballot of one unit: an option, or "spoiled"."""
    spoiled = chosen == "spoiled"
    choices = () if spoiled else (str(chosen),)
    return CastBallot(unit_id=unit.unit_id, choices=choices, spoiled=spoiled)


@st.composite
def votes(draw: st.DrawFn, units_max: int = 12) -> Vote:
    """A random rule put to a random community; the oracle says who can have a ballot."""
    rule = draw(decision_rules())
    units = draw(unit_lists(units_max))
    leaning = draw(st.sampled_from(ANSWERS))
    choices = st.sampled_from((*ANSWERS, leaning, leaning, "spoiled", "silent"))
    ballots = []
    for unit in units:
        chosen = draw(choices)
        if chosen != "silent" and oracle.votes_for(rule, unit):
            ballots.append(answer(unit, chosen))
    served = frozenset(unit.unit_id for unit in units if draw(st.booleans()))
    return Vote(rule=rule, units=units, ballots=tuple(ballots), served=served)
