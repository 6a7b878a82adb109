"""Opening funds, payees, sub-accounts; what owners see of a fund."""

from typing import Any

import pytest

from chaincode import keys
from chaincode.contract.fund_messages import UnitOpening
from chaincode.errors import BadInput
from chaincode.model.base import Org, changed
from chaincode.model.effect import AdoptSalaryRate
from chaincode.model.fund import EmergencyTerms, FundKind
from chaincode.model.roll import Unit
from tests.support.fund_checks import Snapshot, check
from tests.support.funds import (
    ACCOUNT,
    AREAS,
    COMMUNITY,
    DAY_MS,
    FEE,
    FEE_ACCOUNT,
    MAINTENANCE,
    OPENING_FEN,
    Treasury,
    fund_terms,
    sha,
    treasury,
)


def terms(**fields: Any) -> dict[str, Any]:
    return fund_terms(**{"fund_id": "second", "account_sha256": sha("second"), **fields})


def opening(unit_id: str, balance_fen: int) -> Any:
    return UnitOpening(unit_id=unit_id, balance_fen=balance_fen, first_deposit_fen=balance_fen)


def test_a_fund_opens_with_its_money_shared_by_area_to_the_fen() -> None:
    town = treasury()
    check(Snapshot().read(town))
    assert town.book().free == town.book().bank == OPENING_FEN
    balances = {unit.unit_id: unit.balance_fen for unit in town.units()}
    assert sum(balances.values()) == OPENING_FEN
    assert balances["2-1-P1"] == 0
    assert balances == {
        "1-1-101": 257_135,
        "1-1-102": 232_452,
        "1-2-201": 325_590,
        "2-1-101": 184_826,
        "2-1-P1": 0,
    }


def test_the_same_request_again_gets_the_same_fund() -> None:
    town = treasury()
    first = town.funds()[1]
    town.pass_ms(DAY_MS)
    assert town.run("open_fund", **fund_terms()) == first
    assert len(town.entries()) == 1


def test_units_say_whose_the_opening_is() -> None:
    town = treasury()
    units = (opening("1-1-101", 700), opening("2-1-P1", 301))
    town.run("open_fund", **terms(opening_fen=1_001, units=units))
    balances = {unit.unit_id: unit.balance_fen for unit in town.units("second")}
    assert balances == {**dict.fromkeys(AREAS, 0), "1-1-101": 700, "2-1-P1": 301}
    check(Snapshot().read(town))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"fund_id": MAINTENANCE, "opening_fen": 5}, (409, "fund/exists")),
        ({"fund_id": MAINTENANCE, "company_rate_bp": 1}, (409, "fund/exists")),
        ({"account_sha256": ACCOUNT, "company_rate_bp": 1}, (409, "account/used")),
        ({"company_rate_bp": 1}, (422, "fund/rate-not-for-kind")),
        (
            {"kind": FundKind.COMMON_INCOME, "company_rate_bp": 1},
            (422, "fund/rate-not-for-kind"),
        ),
        (
            {"kind": FundKind.PROPERTY_FEE, "units": (opening("1-1-101", 5),)},
            (422, "fund/no-unit-accounts"),
        ),
        ({"units": (opening("9-9-999", OPENING_FEN),)}, (422, "fund/unit-not-on-register")),
        ({"units": (opening("1-1-101", OPENING_FEN - 1),)}, (422, "fund/units-do-not-sum")),
    ],
)
def test_opening_a_fund_is_refused(fields: dict[str, Any], expected: tuple[int, str]) -> None:
    assert treasury().refused("open_fund", **terms(**fields)) == expected


def test_a_unit_listed_twice_is_bad_input() -> None:
    twice = (opening("1-1-101", 1), opening("1-1-101", 1))
    with pytest.raises(BadInput, match="fund/unit-twice"):
        treasury().run("open_fund", **terms(units=twice))


def test_a_maintenance_fund_needs_units() -> None:
    town = treasury()
    for unit_id in AREAS:
        transaction = town.ledger.transaction("RegulatorMSP", "remove")
        transaction.delete(keys.unit(COMMUNITY, unit_id))
        transaction.commit()
    assert town.refused("open_fund", **terms()) == (422, "fund/no-units")
    town.run("sync_unit_accounts", fund_id=MAINTENANCE)
    assert [unit.area_dm2 for unit in town.units()] == [0] * len(AREAS)
    # What is paid all the same is shared equally: the bank's word can always be booked.
    budget_id = town.open_budget(1_000)
    town.report(town.ordered_payment(budget_id, 1_000), "settled", amount_fen=1_000)
    check(Snapshot().read(town))


def test_sub_accounts_follow_the_register() -> None:
    town = treasury()
    unit = town.one(keys.unit(COMMUNITY, "1-1-101"), Unit)
    town.put(keys.unit(COMMUNITY, "1-1-101"), changed(unit, area_dm2=1))
    town.put(keys.unit(COMMUNITY, "3-1-101"), changed(unit, unit_id="3-1-101"))
    before = {one.unit_id: one.balance_fen for one in town.units()}
    town.run("sync_unit_accounts", fund_id=MAINTENANCE)
    after = {one.unit_id: (one.area_dm2, one.balance_fen) for one in town.units()}
    assert after["1-1-101"] == (1, before["1-1-101"])
    assert after["3-1-101"] == (9_740, 0)
    state = town.ledger.state()
    town.run("sync_unit_accounts", fund_id=MAINTENANCE)
    assert town.ledger.state() == state
    check(Snapshot().read(town))
    assert town.run("sync_unit_accounts", fund_id=FEE).funds[0].fund_id == FEE
    assert town.refused("sync_unit_accounts", fund_id="x") == (404, "fund/unknown")


def test_emergency_terms_are_stated_anew() -> None:
    town = treasury()
    emergency = EmergencyTerms(fen_max=1, ratify_ms=2)
    given: dict[str, Any] = {"emergency": emergency, "resolution_sha256": sha("local rule")}
    assert town.run("set_emergency_terms", fund_id=FEE, **given).emergency == emergency
    assert town.refused("set_emergency_terms", fund_id="x", **given) == (404, "fund/unknown")


def test_payees_are_named_by_the_company_and_confirmed_by_the_bank() -> None:
    town = treasury()
    named = {"payee_id": "mason", "payee_class": "repair", "payee_sha256": sha("mason")}
    payee = town.run("register_payee", Org.PROPERTY, **named)
    assert town.run("register_payee", Org.PROPERTY, **named) == payee
    for other in ({"payee_class": "facade"}, {"payee_sha256": sha("other")}):
        refused = town.refused("register_payee", Org.PROPERTY, **{**named, **other})
        assert refused == (409, "payee/exists-with-different-content")
    confirm = {"payee_id": "mason", "payee_sha256": sha("mason")}
    unknown = town.refused("confirm_payee", Org.BANK, **{**confirm, "payee_id": "x"})
    assert unknown == (404, "payee/unknown")
    other_account = town.refused("confirm_payee", Org.BANK, **{**confirm, "payee_sha256": sha("x")})
    assert other_account == (409, "payee/other-content")
    confirmed = town.run("confirm_payee", Org.BANK, **confirm)
    town.pass_ms(1)
    assert town.run("confirm_payee", Org.BANK, **confirm) == confirmed
    assert town.ask("payee", payee_id="mason") == confirmed


def spend(town: Treasury) -> str:
    """A settled payment of 400,000, of which 1,000 came back."""
    budget_id = town.open_budget(850_000)
    payment_id = town.ordered_payment(budget_id, 400_001)
    town.report(payment_id, "settled", amount_fen=400_000)
    town.report(payment_id, "returned", amount_fen=1_000, entry_ref="r1")
    return budget_id


def test_the_overview_says_where_every_fen_is() -> None:
    town = treasury()
    spend(town)
    overview = town.ask("fund_overview", fund_id=MAINTENANCE)
    assert (overview.book.free, overview.book.budgeted, overview.book.held) == (
        150_003,
        451_000,
        0,
    )
    assert (overview.spent_fen, overview.unbooked_fen) == (399_000, -399_000)
    assert not overview.needs_refill
    town.pass_ms(400 * DAY_MS)
    assert town.ask("fund_overview", fund_id=MAINTENANCE).spent_fen == 0
    assert len(town.ask("funds").funds) == 2


def test_below_thirty_percent_of_the_first_deposit_the_fund_needs_a_refill() -> None:
    town = treasury()
    budget_id = town.open_budget(OPENING_FEN)
    threshold = OPENING_FEN - OPENING_FEN * 3 // 10 - 1
    town.report(town.ordered_payment(budget_id, threshold), "settled", amount_fen=threshold)
    assert not town.ask("fund_overview", fund_id=MAINTENANCE).needs_refill
    town.report(town.ordered_payment(budget_id, 1), "settled", amount_fen=1)
    assert town.ask("fund_overview", fund_id=MAINTENANCE).needs_refill


def test_a_unit_sees_every_posting_with_its_balance() -> None:
    town = treasury()
    spend(town)
    view = town.ask("unit_account", fund_id=MAINTENANCE, unit_id="1-1-101")
    assert [posting.fen for posting in view.postings] == [257, -102_854, 257_135]
    assert [posting.balance_fen for posting in view.postings] == [154_538, 154_281, 257_135]
    assert view.account.balance_fen == 154_538


def test_entries_come_page_by_page() -> None:
    town = treasury()
    spend(town)
    first = town.ask("fund_entries", fund_id=MAINTENANCE, limit=2)
    rest = town.ask("fund_entries", fund_id=MAINTENANCE, after=first.next_after)
    assert [*first.entries, *rest.entries] == town.entries()
    assert rest.next_after is None


def test_queries_name_what_is_unknown() -> None:
    town = treasury()
    for name in ("fund_overview", "fund_entries", "fund_budgets", "waiting_lines"):
        assert town.refused(name, fund_id="x") == (404, "fund/unknown")
    unit = town.refused("unit_account", fund_id=MAINTENANCE, unit_id="x")
    assert unit == (404, "fund/unit-without-account")


def salary(**fields: Any) -> AdoptSalaryRate:
    given = {"basis_points": 1_500, "from_at": 0, "until_at": 2**50, **fields}
    return AdoptSalaryRate(fund_id=given.pop("fund_id", FEE), **given)


def adopt(town: Treasury, resolution_id: str, effect: AdoptSalaryRate) -> None:
    town.run(
        "record_resolution",
        resolution_id=resolution_id,
        resolution_sha256=sha(resolution_id),
        effect=effect,
    )


def test_owners_adopt_the_companys_pay_rate_from_a_day_on() -> None:
    town = treasury()
    now = town.now_ms
    adopt(town, "salary", salary(from_at=now + 10, until_at=now + 20))
    rates = []
    for _ in range(3):
        rates.append(town.ask("fund_overview", fund_id=FEE).company_rate_bp)
        town.pass_ms(10)
    assert rates == [10_000, 1_500, 10_000]


def test_where_no_rate_holds_nothing_is_the_companys() -> None:
    assert treasury().ask("fund_overview", fund_id=MAINTENANCE).company_rate_bp == 0


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"until_at": 0}, (400, "fund/rate-dates")),
        ({"fund_id": "x"}, (404, "fund/unknown")),
        ({"fund_id": MAINTENANCE}, (422, "fund/rate-not-for-kind")),
    ],
)
def test_a_rate_is_refused(fields: dict[str, Any], expected: tuple[int, str]) -> None:
    town = treasury()
    effect = salary(**fields)
    given: dict[str, Any] = {
        "resolution_id": "salary",
        "resolution_sha256": sha("s"),
        "effect": effect,
    }
    assert town.refused("record_resolution", **given) == expected


def test_an_unknown_account_has_no_statements() -> None:
    town = treasury()
    assert town.ask("statements", account_sha256=FEE_ACCOUNT).statements == ()
    assert town.refused("statements", account_sha256=sha("x")) == (404, "account/unknown")
