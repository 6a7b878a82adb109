"""Roll arithmetic over random registers: heads, totals, shares, order."""

from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincode.errors import BadInput
from chaincode.model.base import changed
from chaincode.model.roll import Sale, Share, Unit, UnitRow, Use
from chaincode.model.rule import AreaSource
from chaincode.rules.roll import (
    bad_rows,
    conflicting_rows,
    freeze,
    head_id,
    import_units,
    owner_faults,
    require_faultless,
    require_good_rows,
    row_faults,
    settled,
    stated,
    totals,
)

OWNERS = ("ann", "ben", "cleo", "dan", "dev", "dev2")


@st.composite
def splits(draw: st.DrawFn) -> tuple[Share, ...]:
    """Owners whose shares add up to 1."""
    owners = draw(st.lists(st.sampled_from(OWNERS), min_size=1, max_size=4, unique=True))
    weights = draw(st.lists(st.integers(1, 50), min_size=len(owners), max_size=len(owners)))
    return tuple(
        Share(owner_id=owner, num=weight, den=sum(weights))
        for owner, weight in zip(owners, weights, strict=True)
    )


@st.composite
def registers(draw: st.DrawFn) -> tuple[UnitRow, ...]:
    """Up to 12 good rows."""
    rows = []
    for number in range(draw(st.integers(1, 12))):
        building = draw(st.sampled_from("12"))
        sale = draw(st.sampled_from(Sale))
        held = (Share(owner_id=draw(st.sampled_from(("dev", "dev2")))),)
        rows.append(
            UnitRow(
                unit_id=f"{building}-1-{number}",
                building=building,
                entrance=f"{building}-1",
                area_dm2=draw(st.integers(1, 20_000)),
                area_source=draw(st.sampled_from(AreaSource)),
                owners=draw(splits()) if sale is Sale.SOLD else held,
                use=draw(st.sampled_from(Use)),
                sale=sale,
            )
        )
    return tuple(rows)


def units_of(rows: tuple[UnitRow, ...]) -> tuple[Unit, ...]:
    return import_units(rows, {}, now_ms=1)


@given(registers(), st.randoms(use_true_random=False))
def test_a_frozen_roll_does_not_depend_on_order(rows: tuple[UnitRow, ...], random: object) -> None:
    units = list(units_of(rows))
    shuffled = list(units)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert freeze(units) == freeze(shuffled)


@given(registers())
def test_totals_equal_a_naive_count(rows: tuple[UnitRow, ...]) -> None:
    total, entries = freeze(units_of(rows))
    assert [entry.unit_id for entry in entries] == sorted(row.unit_id for row in rows)
    assert total.area_dm2 == sum(row.area_dm2 for row in rows)
    assert total.unit_count == len(rows)
    assert total.owner_count == len({share.owner_id for row in rows for share in row.owners})
    assert total.head_count == naive_heads(rows)
    for parts in (total.buildings, total.sources):
        assert sum(part.area_dm2 for part in parts) == total.area_dm2
        assert sum(part.unit_count for part in parts) == total.unit_count
        assert max(part.head_count for part in parts) <= total.head_count
        assert sum(part.head_count for part in parts) >= total.head_count
        assert [part.part for part in parts] == sorted(part.part for part in parts)
    assert total == totals(entries)


def naive_heads(rows: tuple[UnitRow, ...]) -> int:
    """Equal owner sets are one head; all that developers hold is one, with what that set owns."""
    held = frozenset(s.owner_id for row in rows if row.sale is not Sale.SOLD for s in row.owners)
    sets = {frozenset(s.owner_id for s in row.owners) for row in rows if row.sale is Sale.SOLD}
    return len(sets | {held}) if held else len(sets)


@given(registers())
def test_entries_share_a_head_exactly_when_the_owners_are_the_same(
    rows: tuple[UnitRow, ...],
) -> None:
    _, entries = freeze(units_of(rows))
    for one, other in combinations(entries, 2):
        if one.sale is other.sale is Sale.SOLD:
            assert (one.head_id == other.head_id) == (one.owner_ids == other.owner_ids)
        if Sale.SOLD not in (one.sale, other.sale):
            assert one.head_id == other.head_id


@given(splits(), st.randoms(use_true_random=False))
def test_shares_have_one_spelling(owners: tuple[Share, ...], random: object) -> None:
    shuffled = list(owners)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    row = unit(owners)
    one = settled(row)
    assert one == settled(changed(row, owners=tuple(shuffled))) == settled(one)
    assert sum(Fraction(share.num, share.den) for share in one.owners) == 1
    assert [share.owner_id for share in one.owners] == sorted(share.owner_id for share in owners)


@given(splits(), st.integers(-3, 3).filter(bool))
def test_a_share_that_is_off_by_anything_is_refused(owners: tuple[Share, ...], by: int) -> None:
    assert owner_faults(owners, None) == ()
    first = owners[0]
    off = changed(first, num=max(1, first.num * 1000 + by), den=first.den * 1000)
    assert owner_faults((off, *owners[1:]), None) == ("unit/shares-not-one",)


@given(registers())
def test_what_was_imported_conflicts_with_nothing(rows: tuple[UnitRow, ...]) -> None:
    assert bad_rows(rows) == ()
    require_good_rows(rows)
    register = {one.unit_id: one for one in units_of(rows)}
    assert conflicting_rows(rows, register) == ()
    assert import_units(rows, register, now_ms=2) == ()
    assert [stated(one) for one in register.values()] == [settled(row) for row in rows]


@given(registers(), st.data())
def test_any_other_content_conflicts(rows: tuple[UnitRow, ...], data: st.DataObject) -> None:
    register = {one.unit_id: one for one in units_of(rows)}
    index = data.draw(st.integers(0, len(rows) - 1))
    other = changed(rows[index], area_dm2=rows[index].area_dm2 + 1)
    found = conflicting_rows((*rows[:index], other, *rows[index + 1 :]), register)
    assert [(bad.index, bad.code) for bad in found] == [
        (index, "unit/exists-with-different-content")
    ]


# --- Examples ---


def unit(owners: tuple[Share, ...], **fields: object) -> UnitRow:
    row = UnitRow(
        unit_id="1-1-1",
        building="1",
        entrance="1-1",
        area_dm2=1,
        area_source=AreaSource.REGISTERED,
        owners=owners,
    )
    return changed(row, **fields)


def test_a_head_of_one_is_that_owner_and_of_several_has_an_id_of_its_own() -> None:
    assert head_id(("ann",)) == "ann"
    pair = head_id(("ann", "ben"))
    assert pair == head_id(("ben", "ann"))
    assert pair.startswith("set-")
    assert len(pair) == 44
    assert len({pair, head_id(("ann", "cleo")), head_id(("ann", "ben", "cleo"))}) == 3


def test_the_developers_own_unit_and_its_unsold_ones_are_one_head() -> None:
    dev = (Share(owner_id="dev"),)
    rows = (
        unit(dev, unit_id="a", sale=Sale.UNSOLD),
        unit(dev, unit_id="b", sale=Sale.UNDELIVERED),
        unit(dev, unit_id="c"),
        unit((Share(owner_id="ann"),), unit_id="d"),
    )
    total, entries = freeze(units_of(rows))
    assert [entry.head_id for entry in entries] == ["dev", "dev", "dev", "ann"]
    assert (total.head_count, total.unsold_unit_count) == (2, 2)


def test_owning_alone_and_with_another_are_two_heads() -> None:
    rows = (
        unit((Share(owner_id="ann"),), unit_id="a"),
        unit((Share(owner_id="ann", den=2), Share(owner_id="ben", den=2)), unit_id="b"),
    )
    assert freeze(units_of(rows))[0].head_count == 2


def test_faults_come_in_a_fixed_order() -> None:
    twice = (Share(owner_id="set-x"), Share(owner_id="set-x"))
    row = unit(twice, area_dm2=0, representative="ann")
    codes = (
        "unit/owner-twice",
        "unit/owner-id-reserved",
        "unit/shares-not-one",
        "unit/representative-not-owner",
        "unit/zero-area",
    )
    assert row_faults(row) == codes
    for number, code in enumerate(codes):
        with pytest.raises(BadInput, match=code):
            require_faultless(codes[number:])
    require_faultless(())
