"""Who may freeze and lift, with what share, for how long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincode.errors import BadInput, Conflict, NotAllowed, RuleForbids
from chaincode.model.freeze import (
    DAY_MS,
    FREEZE_MS_MAX,
    Freeze,
    FreezeOrder,
    Freezer,
    FreezeReason,
    FreezeTerms,
    Frozen,
    LiftOrder,
    LiftReason,
    Support,
)
from chaincode.model.roll import RollEntry
from chaincode.model.rule import AreaSource
from chaincode.rules import freeze as rule

NOW = 1_790_000_000_000
HASH = "0" * 64
LIFT = LiftOrder(reason=LiftReason.UNFOUNDED, evidence_sha256=HASH)


def order(until_at: int = NOW + DAY_MS, **fields: object) -> FreezeOrder:
    given = {
        "frozen": Frozen.FUND,
        "subject_id": "f",
        "reason": FreezeReason.AUDIT,
        "evidence_sha256": HASH,
        "until_at": until_at,
        **fields,
    }
    return FreezeOrder(**given)  # type: ignore[arg-type]


def freeze(by: Freezer = Freezer.REGULATOR, **fields: object) -> Freeze:
    return Freeze(freeze_id="z", by=by, order=order(**fields), set_at=NOW, set_tx="t")  # type: ignore[arg-type]


def entry(unit_id: str, area_dm2: int, *owners: str, head: str = "") -> RollEntry:
    return RollEntry(
        unit_id=unit_id,
        building="1",
        entrance="1-1",
        area_dm2=area_dm2,
        area_source=AreaSource.REGISTERED,
        head_id=head or "-".join(owners),
        owner_ids=owners,
    )


@pytest.mark.parametrize(
    "terms",
    [
        FreezeTerms(num=0),
        FreezeTerms(num=6, den=5),
        FreezeTerms(num=1, den=0),
        FreezeTerms(freeze_ms_max=DAY_MS - 1),
        FreezeTerms(freeze_ms_max=FREEZE_MS_MAX + 1),
    ],
)
def test_terms_that_cannot_be_met_are_refused(terms: FreezeTerms) -> None:
    with pytest.raises(BadInput, match="freeze/bad-terms"):
        rule.require_terms(terms)


@pytest.mark.parametrize(
    "terms",
    [
        FreezeTerms(),
        FreezeTerms(num=1, den=1, freeze_ms_max=DAY_MS),
        FreezeTerms(freeze_ms_max=FREEZE_MS_MAX),
    ],
)
def test_terms_at_their_bounds_are_taken(terms: FreezeTerms) -> None:
    rule.require_terms(terms)


def test_a_freeze_ends_after_now_and_within_the_terms() -> None:
    terms = FreezeTerms(freeze_ms_max=2 * DAY_MS)
    rule.require_lasts(order(NOW + 1), terms, NOW)
    rule.require_lasts(order(NOW + 2 * DAY_MS), terms, NOW)
    with pytest.raises(RuleForbids, match="freeze/over"):
        rule.require_lasts(order(NOW), terms, NOW)
    with pytest.raises(RuleForbids, match="freeze/too-long"):
        rule.require_lasts(order(NOW + 2 * DAY_MS + 1), terms, NOW)


@pytest.mark.parametrize(
    ("heads", "area_dm2", "terms", "enough"),
    [
        (1, 0, FreezeTerms(), True),
        (0, 0, FreezeTerms(), False),
        (0, 199, FreezeTerms(), False),
        (0, 200, FreezeTerms(), True),
        (0, 1_000, FreezeTerms(by_area=False), False),
        (5, 0, FreezeTerms(num=1, den=1), True),
        (4, 999, FreezeTerms(num=1, den=1), False),
    ],
)
def test_the_share_is_reached_in_heads_or_in_area(
    heads: int, area_dm2: int, terms: FreezeTerms, enough: bool
) -> None:
    support = Support(heads=heads, area_dm2=area_dm2, of_heads=5, of_area_dm2=1_000)
    assert rule.is_supported(support, terms) is enough
    if enough:
        rule.require_supported(support, terms)
        return
    with pytest.raises(RuleForbids, match="freeze/too-few"):
        rule.require_supported(support, terms)


def test_nobody_is_no_share_of_nobody() -> None:
    assert not rule.is_supported(
        Support(heads=0, area_dm2=0, of_heads=0, of_area_dm2=0), FreezeTerms()
    )


def test_one_co_owner_speaks_for_the_unit_and_one_head_counts_once() -> None:
    entries = [
        entry("u1", 100, "a", "b"),
        entry("u2", 200, "a", "b"),
        entry("u3", 300, "c"),
        entry("u4", 400, "d"),
    ]
    assert rule.support_of(entries, {"b", "c", "stranger"}) == Support(
        heads=2, area_dm2=600, of_heads=3, of_area_dm2=1_000
    )


LIFTERS = {
    Freezer.OWNERS: {Freezer.OWNERS, Freezer.REGULATOR, Freezer.ARBITRATION},
    Freezer.COMMITTEE: {Freezer.COMMITTEE, Freezer.REGULATOR, Freezer.ARBITRATION},
    Freezer.REGULATOR: {Freezer.REGULATOR, Freezer.ARBITRATION},
    Freezer.ARBITRATION: {Freezer.ARBITRATION},
}


@pytest.mark.parametrize("set_by", Freezer)
@pytest.mark.parametrize("by", Freezer)
def test_only_who_set_it_or_stands_above_lifts_a_freeze(set_by: Freezer, by: Freezer) -> None:
    found = freeze(set_by)
    if by in LIFTERS[set_by]:
        lifted = rule.lift(found, by, LIFT, now_ms=NOW, tx_id="t2")
        assert (lifted.lifted_by, lifted.lift, lifted.lifted_tx) == (by, LIFT, "t2")
        assert not rule.is_in_force(lifted, NOW)
        return
    with pytest.raises(NotAllowed, match="freeze/not-yours-to-lift"):
        rule.lift(found, by, LIFT, now_ms=NOW, tx_id="t2")


def test_what_is_over_or_lifted_is_not_lifted() -> None:
    lifted = rule.lift(freeze(), Freezer.REGULATOR, LIFT, now_ms=NOW, tx_id="t")
    for one in (lifted, freeze(until_at=NOW)):
        with pytest.raises(Conflict, match="freeze/not-in-force"):
            rule.lift(one, Freezer.REGULATOR, LIFT, now_ms=NOW, tx_id="t")


@given(
    kinds=st.lists(st.sampled_from([*Frozen]), max_size=5),
    names=st.lists(st.sampled_from(["f", "b", "p"]), min_size=5, max_size=5),
    ends=st.lists(st.integers(-2, 2), min_size=5, max_size=5),
)
def test_money_is_frozen_while_any_freeze_of_it_is_in_force(
    kinds: list[Frozen], names: list[str], ends: list[int]
) -> None:
    made = [
        freeze(frozen=kind, subject_id=name, until_at=NOW + end)
        for kind, name, end in zip(kinds, names, ends, strict=False)
    ]
    subjects = {(Frozen.FUND, "f"), (Frozen.BUDGET, "b"), (Frozen.PAYMENT, "p")}
    expected = any(
        end > 0 and name == kind.value[0]
        for kind, name, end in zip(kinds, names, ends, strict=False)
    )
    refusal = None
    try:
        rule.require_not_frozen(made, subjects, NOW)
    except Conflict as error:
        refusal = error.code
    assert refusal == ("payment/frozen" if expected else None)
