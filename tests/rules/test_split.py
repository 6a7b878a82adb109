"""Shares by area sum to the amount, to the fen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincode.errors import RuleForbids
from chaincode.model.unitaccount import UnitAccount, UnitShare, UnitShares
from chaincode.rules.split import split_by_area
from chaincode.rules.unitledger import lessened, shares_borne, shares_by_area

AREAS = st.dictionaries(st.text("abc123", min_size=1), st.integers(0, 10**6), min_size=1)


@given(fen=st.integers(0, 10**12), areas=AREAS)
def test_shares_sum_and_differ_from_the_exact_part_by_less_than_a_fen(
    fen: int, areas: dict[str, int]
) -> None:
    total = sum(areas.values())
    if total == 0:
        with pytest.raises(RuleForbids, match="split/no-area"):
            split_by_area(fen, areas)
        return
    parts = split_by_area(fen, areas)
    assert sum(parts.values()) == fen
    assert set(parts) == set(areas)
    for unit, part in parts.items():
        assert abs(part * total - fen * areas[unit]) < total
        assert areas[unit] or part == 0


def test_equal_remainders_go_to_the_unit_that_sorts_first() -> None:
    assert split_by_area(100, {"c": 1, "a": 1, "b": 1}) == {"a": 34, "b": 33, "c": 33}


def account(unit_id: str, area_dm2: int) -> UnitAccount:
    return UnitAccount(
        fund_id="f",
        unit_id=unit_id,
        area_dm2=area_dm2,
        first_deposit_fen=0,
        balance_fen=0,
        tx_id="",
    )


def test_units_without_any_area_share_equally() -> None:
    assert shares_by_area(5, [account("a", 0), account("b", 0)]) == {"a": 3, "b": 2}


@given(
    borne=st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any),
    parts=st.lists(st.integers(1, 10**6), max_size=6),
)
def test_what_comes_back_is_never_more_than_was_borne_and_all_of_it_at_the_end(
    borne: list[int], parts: list[int]
) -> None:
    shares = tuple(UnitShare(unit_id=f"u{i}", fen=fen) for i, fen in enumerate(borne))
    left = UnitShares(fund_id="f", reference="p", shares=shares)
    total = sum(borne)
    for part in [*parts, total]:
        fen = min(part, total)
        if fen == 0:
            break
        back = shares_borne(fen, left)
        assert sum(back.values()) == fen
        left = lessened(left, back)
        total -= fen
        assert all(share.fen >= 0 for share in left.shares)
    assert sum(share.fen for share in left.shares) == total == 0
