"""Casting: who speaks for a unit, and which ballot may take the place of which.

One unit is one vote: 《业主大会和业主委员会指导规则》 Art. 23-25. An act may cast for several units
with one answer; either all its ballots count or none does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chaincode.errors import BadInput, Conflict, NotAllowed, NotFound, Refusal, RuleForbids
from chaincode.model.ballot import Ballot, CoSignature, PaperSheet, ProxyGrant, SealedChoice
from chaincode.model.motion import Content, Motion
from chaincode.model.procedure import CoOwner, Revote
from chaincode.model.roll import RollEntry, Sale, Unit, Use
from chaincode.model.rule import DecisionRule
from chaincode.model.tally import UnitWeight
from chaincode.rules.count import ballot_options, require_choices
from chaincode.rules.motion import published, require_casting
from chaincode.rules.motion_draft import in_scope, own_options
from chaincode.rules.paper import resolved
from chaincode.rules.proxy import require_holds, require_in_force, require_proxy
from chaincode.rules.roll import is_owner, owner_ids
from chaincode.rules.sealing import is_sealed
from chaincode.rules.weights import may_vote

# --- Data ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What one signed act asks to be cast: the same choices for each unit, or one seal each."""

    holder_id: str
    credential_id: str
    act_sha256: str
    signed_at: int
    unit_ids: tuple[str, ...]
    choices: tuple[str, ...]
    sealed: tuple[SealedChoice, ...]
    grant_id: str | None
    at: int
    tx_id: str

    def seal(self, index: int) -> SealedChoice | None:
        """The sealed choice of one unit, if the act is sealed."""
        return self.sealed[index] if self.sealed else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One unit of an act with what the ledger has about it."""

    unit: Unit | None
    entry: RollEntry | None
    ballot: Ballot | None
    paper: PaperSheet | None
    co_signatures: tuple[CoSignature, ...] = ()

    @property
    def owner_ids(self) -> tuple[str, ...]:
        """The unit's owners now, sorted."""
        return owner_ids(self.unit) if self.unit else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """What an act records for one unit: its ballot, or a co-owner's part, or both."""

    unit_id: str
    ballot: Ballot | None
    co_signature: CoSignature | None


# --- Acts ---


def cast(
    order: Order,
    motion: Motion | None,
    cases: Sequence[Case],
    grant: ProxyGrant | None,
    left_out: Sequence[Case] = (),
) -> tuple[Cast, ...]:
    """The records of one casting act; `cases` stand in the order of its units.

    `left_out` are the other units of the grant, where the rule wants one answer for all. The owners
    are those of the living register: a buyer votes where the seller has not, with the weight that
    the frozen roll gives the unit.
    Refused, in this order: BadInput as `require_answer`; as `proxy.require_proxy`; NotFound
    `unit/unknown`, NotAllowed `ballot/not-your-unit`; NotFound `motion/unknown`,
    `ballot/unit-not-in-roll`; Conflict as `motion.require_casting` and `proxy.require_in_force`,
    `ballot/seller-voted`, `ballot/owner-voted`, `ballot/already-cast`, `ballot/superseded`;
    RuleForbids `ballot/online-not-allowed`, `ballot/unit-barred`, `ballot/not-the-representative`,
    and as `proxy.require_holds`.
    """
    require_answer(order, motion)
    if order.grant_id is not None:
        grant = require_proxy(grant, order.holder_id)
    for case in cases:
        _require_speaks(order, case, grant)
    if motion is None:
        raise NotFound("motion/unknown")
    for case in cases:
        _require_on_roll(motion, case)
    require_casting(motion, order.at)
    if grant is not None:
        require_in_force(grant, order.at)
    rule = published(motion).rule
    for case in cases:
        _require_replaceable(rule, order, case)
    _require_allowed(rule, order, motion, cases, grant)
    if grant is not None:
        _require_covered(rule, order, motion, cases, left_out, grant)
    return tuple(_cast(rule, order, motion, case, i) for i, case in enumerate(cases))


def _cast(rule: DecisionRule, order: Order, motion: Motion, case: Case, index: int) -> Cast:
    assert case.unit is not None, order.act_sha256
    unit_id = case.unit.unit_id
    if not _needs_all(rule, case):
        ballot = _ballot(order, motion, case, index)
        return Cast(unit_id=unit_id, ballot=ballot, co_signature=None)
    own = CoSignature(
        motion_id=motion.motion_id,
        unit_id=unit_id,
        holder_id=order.holder_id,
        act_sha256=order.act_sha256,
        signed_at=order.signed_at,
        at=order.at,
        tx_id=order.tx_id,
        choices=order.choices,
        sealed=order.seal(index),
    )
    agree = _all_agree(own, case)
    ballot_or_none = _ballot(order, motion, case, index) if agree else None
    return Cast(unit_id=unit_id, ballot=ballot_or_none, co_signature=own)


def _ballot(order: Order, motion: Motion, case: Case, index: int) -> Ballot:
    assert case.unit is not None, order.act_sha256
    return Ballot(
        motion_id=motion.motion_id,
        unit_id=case.unit.unit_id,
        owner_ids=case.owner_ids,
        cast_by=order.holder_id,
        credential_id=order.credential_id,
        act_sha256=order.act_sha256,
        signed_at=order.signed_at,
        first_at=_first_at(order, case.ballot),
        at=order.at,
        tx_id=order.tx_id,
        choices=order.choices,
        sealed=order.seal(index),
        grant_id=order.grant_id,
    )


def _first_at(order: Order, earlier: Ballot | None) -> int:
    """An owner's own ballot after a proxy's is their first."""
    if earlier is None or (earlier.grant_id is None) != (order.grant_id is None):
        return order.at
    return earlier.first_at


def _all_agree(own: CoSignature, case: Case) -> bool:
    """Whether every present co-owner wants this same ballot."""
    wishes = {sign.holder_id: (sign.choices, sign.sealed) for sign in case.co_signatures}
    wishes[own.holder_id] = (own.choices, own.sealed)
    wanted = (own.choices, own.sealed)
    return all(wishes.get(owner) == wanted for owner in case.owner_ids)


# --- Guards, in the order they run ---


def require_form(
    unit_ids: Sequence[str], choices: Sequence[str], sealed: Sequence[SealedChoice]
) -> None:
    """Refuse (BadInput) an act that is unreadable by itself.

    Raises `ballot/unit-repeated`, `ballot/choice-or-seal`, `ballot/sealed-count`.
    """
    if len(set(unit_ids)) != len(unit_ids):
        raise BadInput("ballot/unit-repeated")
    if bool(choices) == bool(sealed):
        raise BadInput("ballot/choice-or-seal")
    if sealed and len(sealed) != len(unit_ids):
        raise BadInput("ballot/sealed-count", sealed=len(sealed), units=len(unit_ids))


def require_answer(order: Order, motion: Motion | None) -> None:
    """Refuse (BadInput) an answer that the motion's ballot does not offer.

    Raises `ballot/must-be-sealed`, `ballot/must-not-be-sealed`, and as `count.require_choices`.
    """
    if motion is None or motion.publication is None:
        return
    sealed = is_sealed(motion.publication)
    if sealed and not order.sealed:
        raise BadInput("ballot/must-be-sealed")
    if not sealed and order.sealed:
        raise BadInput("ballot/must-not-be-sealed")
    if not sealed:
        rule = motion.publication.rule
        require_choices(rule, options_of(motion), order.choices)


def _require_speaks(order: Order, case: Case, grant: ProxyGrant | None) -> None:
    if case.unit is None:
        raise NotFound("unit/unknown")
    if not speaks(order, case, grant):
        raise NotAllowed("ballot/not-your-unit", unit=case.unit.unit_id)


def speaks(order: Order, case: Case, grant: ProxyGrant | None) -> bool:
    """Whether the act's signer, or who gave them the grant, owns the unit now."""
    return case.unit is not None and is_owner(case.unit, _principal(order, grant))


def _principal(order: Order, grant: ProxyGrant | None) -> str:
    """The owner an act speaks for: its signer, or who gave the signer a proxy."""
    if grant is None:
        return order.holder_id
    return grant.grantor_id


def _require_on_roll(motion: Motion, case: Case) -> None:
    if motion.roll is None:
        return
    if case.entry is None or not in_scope(motion.content.scope, case.entry):
        raise NotFound("ballot/unit-not-in-roll")


def _require_replaceable(rule: DecisionRule, order: Order, case: Case) -> None:
    """What a unit's earlier ballots leave open to a new one."""
    _require_not_sellers(rule, case)
    if _needs_all(rule, case):
        _require_newer_signature(order, case)
    earlier = case.ballot
    if earlier is None:
        return
    own_over_proxy = rule.proxy.owner_overrides and earlier.grant_id is not None
    if own_over_proxy and order.grant_id is None:
        return
    if rule.proxy.owner_overrides and earlier.grant_id is None and order.grant_id is not None:
        raise Conflict("ballot/owner-voted", unit=earlier.unit_id)
    if rule.revote is Revote.IRREVOCABLE:
        raise Conflict("ballot/already-cast", unit=earlier.unit_id)
    if order.signed_at <= earlier.signed_at:
        raise Conflict("ballot/superseded", unit=earlier.unit_id)


def _require_not_sellers(rule: DecisionRule, case: Case) -> None:
    """A ballot that an earlier owner cast or handed in stands; the buyer has none."""
    sheet = resolved(rule, case.paper)
    by_seller = case.ballot is not None and case.ballot.owner_ids != case.owner_ids
    on_paper = sheet is not None and not any(s in case.owner_ids for s in sheet.signed_by)
    if by_seller or on_paper:
        raise Conflict("ballot/seller-voted")


def _require_newer_signature(order: Order, case: Case) -> None:
    for sign in case.co_signatures:
        if sign.holder_id == order.holder_id and order.signed_at <= sign.signed_at:
            raise Conflict("ballot/superseded", unit=sign.unit_id)


def _require_allowed(
    rule: DecisionRule,
    order: Order,
    motion: Motion,
    cases: Sequence[Case],
    grant: ProxyGrant | None,
) -> None:
    if not rule.channels.online:
        raise RuleForbids("ballot/online-not-allowed")
    for case in cases:
        require_not_barred(motion, case.entry)
        _require_representative(rule, case, _principal(order, grant))


def _require_covered(
    rule: DecisionRule,
    order: Order,
    motion: Motion,
    cases: Sequence[Case],
    left_out: Sequence[Case],
    grant: ProxyGrant,
) -> None:
    require_holds(
        rule,
        grant,
        motion.motion_id,
        order.unit_ids,
        splits=any(_may_cast(rule, order, motion, case, grant) for case in left_out),
        co_owned=any(_needs_all(rule, case) for case in cases),
    )


def _may_cast(
    rule: DecisionRule, order: Order, motion: Motion, case: Case, grant: ProxyGrant
) -> bool:
    """Whether the act could have named this unit as well: the motion is put to it, the grantor
    still owns it and has not voted for it."""
    try:
        _require_speaks(order, case, grant)
        _require_on_roll(motion, case)
        _require_replaceable(rule, order, case)
        _require_allowed(rule, order, motion, (case,), grant)
    except Refusal:
        return False
    return True


def require_not_barred(motion: Motion, entry: RollEntry | None) -> None:
    """Refuse (RuleForbids `ballot/unit-barred`) a unit whose vote the rule takes away."""
    assert entry is not None, motion.motion_id
    if not may_vote(published(motion).rule, unit_weight(motion.content, entry)):
        raise RuleForbids("ballot/unit-barred", unit=entry.unit_id)


def _require_representative(rule: DecisionRule, case: Case, owner: str) -> None:
    """Co-owners choose one of them to vote (指导规则 Art. 25), unless the rule has all sign."""
    assert case.unit is not None, owner
    if len(case.unit.owners) == 1 or rule.co_owner is CoOwner.ALL_SIGN:
        return
    if case.unit.representative != owner:
        raise RuleForbids("ballot/not-the-representative", unit=case.unit.unit_id)


def _needs_all(rule: DecisionRule, case: Case) -> bool:
    return rule.co_owner is CoOwner.ALL_SIGN and len(case.owner_ids) > 1


# --- Derivations ---


def options_of(motion: Motion) -> tuple[str, ...]:
    """All options of the motion's ballot in its order."""
    return ballot_options(published(motion).rule, own_options(motion.content))


def unit_weight(content: Content, entry: RollEntry) -> UnitWeight:
    """A unit of the frozen roll as the count of this motion sees it."""
    return UnitWeight(
        unit_id=entry.unit_id,
        head_id=entry.head_id,
        area_dm2=entry.area_dm2,
        entitlement=entry.entitlement,
        share_value=entry.share_value,
        developer_unsold=entry.sale is not Sale.SOLD,
        in_arrears=entry.in_arrears,
        conflicted=entry.unit_id in content.conflicted_unit_ids,
        parking=entry.use is Use.PARKING,
    )
