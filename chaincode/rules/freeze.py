"""Freezing money in dispute: who may, with what share of the owners, for how long, who may lift.

No statute orders this on a ledger. The share is that of owners who may demand a meeting
(物业管理条例 Art. 13); that owners may look into a use of their money and stop it follows from
their rights in common (Civil Code Art. 280-282).
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from chaincode.errors import BadInput, Conflict, NotAllowed, RuleForbids
from chaincode.model.base import changed
from chaincode.model.freeze import (
    FREEZE_MS_MAX,
    FREEZE_MS_MIN,
    Freeze,
    FreezeOrder,
    Freezer,
    FreezeTerms,
    Frozen,
    LiftOrder,
    Support,
)
from chaincode.model.roll import RollEntry

RANK: Final = {
    Freezer.OWNERS: 0,
    Freezer.COMMITTEE: 0,
    Freezer.REGULATOR: 1,
    Freezer.ARBITRATION: 2,
}
"""Who stands above whom; of the same rank only whoever set a freeze lifts it."""

Subject = tuple[Frozen, str]
"""What money belongs to: a fund, a budget or a payment, with its id."""

# --- Guards ---


def require_terms(terms: FreezeTerms) -> None:
    """Refuse (BadInput ``freeze/bad-terms``) a share that cannot be met, or a bad length."""
    share = 1 <= terms.num <= terms.den
    if not (share and FREEZE_MS_MIN <= terms.freeze_ms_max <= FREEZE_MS_MAX):
        raise BadInput("freeze/bad-terms")


def require_lasts(order: FreezeOrder, terms: FreezeTerms, now_ms: int) -> None:
    """Refuse (RuleForbids ``freeze/over``, ``freeze/too-long``) an end passed or too far off."""
    if order.until_at <= now_ms:
        raise RuleForbids("freeze/over", until_at=order.until_at)
    if order.until_at - now_ms > terms.freeze_ms_max:
        raise RuleForbids("freeze/too-long", ms_max=terms.freeze_ms_max)


def require_supported(support: Support, terms: FreezeTerms) -> None:
    """Refuse (RuleForbids ``freeze/too-few``) what too few owners support."""
    if not is_supported(support, terms):
        raise RuleForbids("freeze/too-few", heads=support.heads, of_heads=support.of_heads)


def require_not_frozen(
    freezes: Iterable[Freeze], subjects: Collection[Subject], now_ms: int
) -> None:
    """Refuse (Conflict ``payment/frozen``) a hold or order while any of its money is frozen."""
    for freeze in freezes:
        if is_in_force(freeze, now_ms) and subject_of(freeze) in subjects:
            until_at = freeze.order.until_at
            raise Conflict("payment/frozen", freeze=freeze.freeze_id, until_at=until_at)


# --- Acts ---


def lift(freeze: Freeze, by: Freezer, order: LiftOrder, *, now_ms: int, tx_id: str) -> Freeze:
    """The freeze lifted by whoever set it or stands above.

    Refused: NotAllowed ``freeze/not-yours-to-lift``, Conflict ``freeze/not-in-force``.
    """
    if by is not freeze.by and RANK[by] <= RANK[freeze.by]:
        raise NotAllowed("freeze/not-yours-to-lift", by=freeze.by)
    if not is_in_force(freeze, now_ms):
        raise Conflict("freeze/not-in-force")
    return changed(freeze, lifted_at=now_ms, lifted_tx=tx_id, lifted_by=by, lift=order)


# --- Derivations ---


def is_in_force(freeze: Freeze, now_ms: int) -> bool:
    """Whether the freeze holds money still; it runs out by itself."""
    return freeze.lifted_at is None and now_ms < freeze.order.until_at


def subject_of(freeze: Freeze) -> Subject:
    """What the freeze is on."""
    return freeze.order.frozen, freeze.order.subject_id


def support_of(entries: Sequence[RollEntry], supporters: Collection[str]) -> Support:
    """What the units weigh of which an owner supports; one co-owner speaks for the unit."""
    supporting = [one for one in entries if any(owner in supporters for owner in one.owner_ids)]
    return Support(
        heads=len({one.head_id for one in supporting}),
        area_dm2=sum(one.area_dm2 for one in supporting),
        of_heads=len({one.head_id for one in entries}),
        of_area_dm2=sum(one.area_dm2 for one in entries),
    )


def is_supported(support: Support, terms: FreezeTerms) -> bool:
    """Whether the share is reached, in heads or, if the terms take it, in area."""
    by_heads = support.heads * terms.den >= terms.num * support.of_heads > 0
    by_area = support.area_dm2 * terms.den >= terms.num * support.of_area_dm2 > 0
    return by_heads or (terms.by_area and by_area)
