"""Voting by written grant: whom it binds, for what, how long, and how many one proxy may hold.

物业管理条例 Art. 12: owners may vote by proxy. A grant names units of its grantor, so nobody can
hand on what they hold for another.
"""

from collections.abc import Collection, Sequence

from chaincode.errors import BadInput, Conflict, NotAllowed, NotFound, RuleForbids
from chaincode.model.ballot import ProxyGrant
from chaincode.model.base import changed
from chaincode.model.procedure import ProxyTerms
from chaincode.model.roll import Unit
from chaincode.model.rule import DecisionRule
from chaincode.rules.roll import is_owner

# --- Acts ---


def grant(new: ProxyGrant, existing: ProxyGrant | None, units: Sequence[Unit | None]) -> ProxyGrant:
    """The grant to record; `units` stand in the order of its unit ids.

    Refused: BadInput `proxy/to-self`; NotFound `unit/unknown`; NotAllowed `proxy/not-your-unit`;
    Conflict `proxy/exists`, `proxy/over`.
    """
    if new.proxy_id == new.grantor_id:
        raise BadInput("proxy/to-self")
    for unit in units:
        if unit is None:
            raise NotFound("unit/unknown")
        if not is_owner(unit, new.grantor_id):
            raise NotAllowed("proxy/not-your-unit", unit=unit.unit_id)
    if existing is not None:
        raise Conflict("proxy/exists")
    if new.until_at <= new.at:
        raise Conflict("proxy/over")
    return new


def revoke(held: ProxyGrant, holder_id: str, now_ms: int) -> ProxyGrant:
    """The grant revoked by who gave it; what was cast under it stands until the owner casts.

    Refused: NotAllowed `proxy/not-yours`, Conflict `proxy/revoked`.
    """
    if held.grantor_id != holder_id:
        raise NotAllowed("proxy/not-yours")
    if held.revoked_at is not None:
        raise Conflict("proxy/revoked")
    return changed(held, revoked_at=now_ms)


# --- Guards ---


def require_form(unit_ids: Sequence[str], from_at: int, until_at: int) -> None:
    """Refuse (BadInput `proxy/unit-repeated`, `proxy/period-contradicts`) a torn grant."""
    if len(set(unit_ids)) != len(unit_ids):
        raise BadInput("proxy/unit-repeated")
    if from_at >= until_at:
        raise BadInput("proxy/period-contradicts")


def require_proxy(held: ProxyGrant | None, holder_id: str) -> ProxyGrant:
    """The grant if it was given to this person.

    Raises NotFound `proxy/unknown`, NotAllowed `proxy/not-yours`.
    """
    if held is None:
        raise NotFound("proxy/unknown")
    if held.proxy_id != holder_id:
        raise NotAllowed("proxy/not-yours")
    return held


def require_in_force(held: ProxyGrant, now_ms: int) -> None:
    """Refuse (Conflict) a grant that is revoked, expired or not begun.

    Raises `proxy/revoked`, `proxy/not-in-force`.
    """
    if held.revoked_at is not None:
        raise Conflict("proxy/revoked")
    if not held.from_at <= now_ms < held.until_at:
        raise Conflict("proxy/not-in-force")


def require_holds(
    rule: DecisionRule,
    held: ProxyGrant,
    motion_id: str,
    unit_ids: Collection[str],
    *,
    splits: bool,
    co_owned: bool,
) -> None:
    """Refuse a proxy for what the grant or the rule does not cover.

    Without split mandate all units of a grant get one answer in one act; `splits` says that the
    act leaves out one that it could have named. Where all co-owners must
    sign, one of them cannot send a proxy alone.
    Raises RuleForbids `proxy/not-allowed`, `proxy/other-motion`,
    `proxy/unit-not-granted`, `proxy/expiry-too-long`, `proxy/mandate-split`,
    `proxy/all-owners-must-sign`.
    """
    terms = rule.proxy
    if not terms.allowed:
        raise RuleForbids("proxy/not-allowed")
    if held.motion_id not in (None, motion_id):
        raise RuleForbids("proxy/other-motion")
    if any(unit not in held.unit_ids for unit in unit_ids):
        raise RuleForbids("proxy/unit-not-granted")
    if terms.expiry_ms_max and held.until_at - held.from_at > terms.expiry_ms_max:
        raise RuleForbids("proxy/expiry-too-long", most_ms=terms.expiry_ms_max)
    if not terms.split_mandate and splits:
        raise RuleForbids("proxy/mandate-split", granted=len(held.unit_ids))
    if co_owned:
        raise RuleForbids("proxy/all-owners-must-sign")


def require_within_cap(terms: ProxyTerms, held_count: int, lots: int) -> None:
    """Refuse (RuleForbids `proxy/cap-exceeded`) more units than one proxy may vote for.

    `held_count` includes those of this act; `lots` are all units of the motion's electorate. New
    South Wales: one where there are at most 20 lots, else 5 % of the lots.
    """
    most = cap(terms, lots)
    if most is not None and held_count > most:
        raise RuleForbids("proxy/cap-exceeded", held=held_count, most=most)


def cap(terms: ProxyTerms, lots: int) -> int | None:
    """How many units one proxy may vote for; None without a cap."""
    if terms.cap_count_lots_max and lots > terms.cap_count_lots_max:
        return lots * terms.cap_percent // 100
    return terms.cap_count or None
