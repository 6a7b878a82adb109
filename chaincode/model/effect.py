"""What a carried motion brings about: one tagged record per kind.

A motion carries at most one effect. It is applied once, by `apply_effect`, when the motion is
final and carried. The voting module applies AdoptRule and SeatCommittee, the funds module the
others.
"""

from typing import Annotated

import msgspec

from chaincode.model.base import Count, Id, PositiveFen, Record, Sha256, ShortText, TimeMs
from chaincode.model.rule import DecisionRule

BASIS_POINTS_MAX = 10_000
BasisPoints = Annotated[int, msgspec.Meta(ge=0, le=BASIS_POINTS_MAX)]


class UseFund(Record, tag_field="kind", tag="use_fund"):
    """A budget of one fund (使用资金): at most `amount_fen`, for a purpose, until a day.

    Exactly one of `payee_id` and `payee_class` is given. `unit_ids` are the units debited; empty
    means all units of the motion's scope.
    """

    fund_id: Id
    amount_fen: PositiveFen
    purpose: ShortText
    valid_until_at: TimeMs
    payee_id: Id | None = None
    payee_class: Id | None = None
    unit_ids: tuple[Id, ...] = ()


class AdoptRule(Record, tag_field="kind", tag="adopt_rule"):
    """The community's own rule for one matter class (议事规则), in place of the one before."""

    rule: DecisionRule


class SeatCommittee(Record, tag_field="kind", tag="seat_committee"):
    """The elected take the committee's seats (业主委员会) for a term; the old powers end."""

    term_from_at: TimeMs
    term_until_at: TimeMs


class FundAccount(Record):
    """The account that a fund is to lie in; only its salted hash is on the ledger."""

    fund_id: Id
    account_sha256: Sha256


class ReplaceCompany(Record, tag_field="kind", tag="replace_company"):
    """Another property company (物业服务企业) serves the community from a day on.

    `accounts` are those in its name that funds lie in from then on.
    """

    company_id: Id
    contract_sha256: Sha256
    from_at: TimeMs
    accounts: tuple[FundAccount, ...] = ()


class ReplaceAccount(Record, tag_field="kind", tag="replace_account"):
    """Another bank account holds a fund; only the account's salted hash is on the ledger."""

    fund_id: Id
    account_sha256: Sha256
    from_at: TimeMs


class AdoptSalaryRate(Record, tag_field="kind", tag="adopt_salary_rate"):
    """Under the salary system (酬金制): the company's pay as a share of the property fee."""

    fund_id: Id
    basis_points: BasisPoints
    from_at: TimeMs
    until_at: TimeMs


class DelegateLimit(Record, tag_field="kind", tag="delegate_limit"):
    """What the committee may spend from a fund without a vote: per budget, in all, how often."""

    fund_id: Id
    amount_fen_max: PositiveFen
    total_fen_max: PositiveFen
    count_max: Count
    from_at: TimeMs
    until_at: TimeMs


class RatifyBudget(Record, tag_field="kind", tag="ratify_budget"):
    """Owners agree afterwards to an emergency budget (Civil Code Art. 281)."""

    budget_id: Id


Effect = (
    UseFund
    | AdoptRule
    | SeatCommittee
    | ReplaceCompany
    | ReplaceAccount
    | AdoptSalaryRate
    | DelegateLimit
    | RatifyBudget
)
