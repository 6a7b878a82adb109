"""Funds: how one is opened, and what of its income is the company's."""

from collections.abc import Mapping, Sequence

from chaincode.errors import BadInput, Conflict, RuleForbids
from chaincode.model.base import changed
from chaincode.model.effect import AdoptSalaryRate
from chaincode.model.fund import REFILL_BP, Book, CompanyRate, Fund, FundKind, Payee
from chaincode.rules.book import owners_fen

BASIS_POINTS_ALL = 10_000

# --- Guards ---


def require_rate_dates(from_at: int, until_at: int | None) -> None:
    """Refuse (BadInput ``fund/rate-dates``) a rate that ends before it begins."""
    if until_at is not None and until_at <= from_at:
        raise BadInput("fund/rate-dates")


def require_rate_for_kind(kind: FundKind, basis_points: int) -> None:
    """Refuse (RuleForbids ``fund/rate-not-for-kind``) a company's part of owners' money.

    The maintenance fund and income from common parts are the owners' alone (Art. 281, 282).
    """
    if basis_points and kind is not FundKind.PROPERTY_FEE:
        raise RuleForbids("fund/rate-not-for-kind", kind=kind)


def require_unit_openings(
    kind: FundKind, opening_fen: int, balances: Mapping[str, int], registered: Sequence[str]
) -> None:
    """Refuse (RuleForbids) sub-accounts that are not the register's or not the fund's sum.

    ``fund/no-unit-accounts`` for a fund of another kind, ``fund/no-units`` when the register is
    empty, ``fund/unit-not-on-register``, ``fund/units-do-not-sum``.
    """
    if kind is not FundKind.MAINTENANCE:
        if balances:
            raise RuleForbids("fund/no-unit-accounts", kind=kind)
        return
    if not registered:
        raise RuleForbids("fund/no-units")
    if any(unit_id not in registered for unit_id in balances):
        raise RuleForbids("fund/unit-not-on-register")
    if balances and sum(balances.values()) != opening_fen:
        gap_fen = opening_fen - sum(balances.values())
        raise RuleForbids("fund/units-do-not-sum", gap_fen=gap_fen)


# --- Acts ---


def adopt_rate(fund: Fund, rate: AdoptSalaryRate, decided_by: str) -> Fund:
    """The fund with the company's pay rate that owners adopted.

    Refused: 400 ``fund/rate-dates``, 422 ``fund/rate-not-for-kind``.
    """
    require_rate_dates(rate.from_at, rate.until_at)
    require_rate_for_kind(fund.kind, rate.basis_points)
    adopted = CompanyRate(
        basis_points=rate.basis_points,
        from_at=rate.from_at,
        until_at=rate.until_at,
        decided_by=decided_by,
    )
    return changed(fund, rates=(*fund.rates, adopted))


def confirm_payee(payee: Payee, payee_sha256: str, now_ms: int) -> Payee:
    """The payee whose account and name the bank has confirmed.

    Refused (409 ``payee/other-content``) if the bank confirms another account.
    """
    if payee.payee_sha256 != payee_sha256:
        raise Conflict("payee/other-content")
    return payee if payee.confirmed_at is not None else changed(payee, confirmed_at=now_ms)


# --- Derivations ---


def company_rate_bp(fund: Fund, at: int) -> int:
    """The company's part of an income booked at ``at``, by the rate adopted last that holds then.

    Nothing where no rate holds: the money waits as the owners' until they have decided.
    """
    for rate in reversed(fund.rates):
        if rate.from_at <= at and (rate.until_at is None or at < rate.until_at):
            return rate.basis_points
    return 0


def needs_refill(fund: Fund, book: Book) -> bool:
    """Whether a maintenance fund is below 30 % of the first deposit."""
    below = owners_fen(book) * BASIS_POINTS_ALL < fund.first_deposit_fen * REFILL_BP
    return fund.kind is FundKind.MAINTENANCE and below
