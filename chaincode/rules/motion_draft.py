"""What may be put to the owners: the content of a motion held against its rule and the roll."""

from collections.abc import Collection, Sequence

from chaincode.errors import BadInput, RuleForbids
from chaincode.model.committee import CommitteeTerms
from chaincode.model.effect import AdoptRule, Effect, ReplaceCompany, SeatCommittee, UseFund
from chaincode.model.motion import Content, MotionScope
from chaincode.model.procedure import Bar, Host, Initiator, RollAsOf, Scope, Secrecy
from chaincode.model.roll import RollEntry
from chaincode.model.rule import BallotKind, DecisionRule, Option
from chaincode.rules.count import ballot_options
from chaincode.rules.templates import validate_rule

CHOICE_OPTIONS_MIN = 2
RESERVED_OPTIONS = frozenset(Option)


def own_options(content: Content) -> tuple[str, ...]:
    """The options that the motion adds to those of its rule."""
    return tuple(option.option for option in content.options)


# --- Form ---


def require_form(content: Content) -> None:
    """Refuse (BadInput) what no rule could allow.

    Raises `motion/scope-contradicts`, `motion/option-reserved`, `motion/option-repeated`,
    `motion/attachment-repeated`, `motion/payee-contradicts`, `motion/term-contradicts`.
    """
    _require_scope_form(content.scope)
    names = own_options(content)
    if any(name in RESERVED_OPTIONS for name in names):
        raise BadInput("motion/option-reserved")
    if len(set(names)) != len(names):
        raise BadInput("motion/option-repeated")
    hashes = [document.sha256 for document in content.attachments]
    if len(set(hashes)) != len(hashes):
        raise BadInput("motion/attachment-repeated")
    if content.effect is not None:
        _require_effect_form(content.effect)


def _require_scope_form(scope: MotionScope) -> None:
    whole = scope.kind is Scope.COMMUNITY
    if whole == bool(scope.ids) or len(set(scope.ids)) != len(scope.ids):
        raise BadInput("motion/scope-contradicts")


def _require_effect_form(effect: Effect) -> None:
    if isinstance(effect, UseFund) and (effect.payee_id is None) == (effect.payee_class is None):
        raise BadInput("motion/payee-contradicts")
    if isinstance(effect, SeatCommittee) and effect.term_from_at >= effect.term_until_at:
        raise BadInput("motion/term-contradicts")


def texts(content: Content) -> tuple[str, ...]:
    """Everything in the content that owners read on the ledger; the word filter reads it too."""
    labels = tuple(option.label for option in content.options)
    purpose = (content.effect.purpose,) if isinstance(content.effect, UseFund) else ()
    return (content.title, *labels, *purpose)


# --- Rule ---


def require_fits(rule: DecisionRule, content: Content, initiator: Initiator) -> None:
    """Refuse (RuleForbids) a motion that its rule does not allow.

    Raises `motion/initiator-not-allowed`, `motion/held-elsewhere`, `motion/scope-not-of-rule`,
    `motion/options-not-for-kind`, `motion/too-few-options`, `motion/label-names-candidate`,
    `motion/label-missing`, `motion/effect-not-for-kind`, and as `validate_rule` for a rule to be
    adopted; BadInput `ballot/option-repeated`.
    """
    if initiator not in rule.authority.initiators:
        raise RuleForbids("motion/initiator-not-allowed", initiator=initiator)
    if rule.authority.host is not Host.SYSTEM:
        raise RuleForbids("motion/held-elsewhere", host=rule.authority.host)
    if content.scope.kind is not rule.electorate.scope:
        raise RuleForbids("motion/scope-not-of-rule", scope=rule.electorate.scope)
    _require_options(rule, content)
    ballot_options(rule, own_options(content))
    if content.effect is not None:
        _require_effect(rule, content.effect)


def _require_options(rule: DecisionRule, content: Content) -> None:
    """Decisions and ratings have only the rule's options; candidates are ids without names."""
    kind, options = rule.ballot.kind, content.options
    if kind in (BallotKind.DECISION, BallotKind.RATING) and options:
        raise RuleForbids("motion/options-not-for-kind", kind=kind)
    if len(options) < _options_min(rule):
        raise RuleForbids("motion/too-few-options", least=_options_min(rule))
    if kind is BallotKind.ELECTION and any(option.label for option in options):
        raise RuleForbids("motion/label-names-candidate")
    if kind is BallotKind.CHOICE and not all(option.label.strip() for option in options):
        raise RuleForbids("motion/label-missing")


def _options_min(rule: DecisionRule) -> int:
    seats = rule.ballot.multi_seat
    if seats is not None:
        return seats.seats_min
    return CHOICE_OPTIONS_MIN if rule.ballot.kind is BallotKind.CHOICE else 0


def _require_effect(rule: DecisionRule, effect: Effect) -> None:
    """A yes-or-no motion brings about its effect, an election seats a committee."""
    seats = isinstance(effect, SeatCommittee)
    wanted = BallotKind.ELECTION if seats else BallotKind.DECISION
    if rule.ballot.kind is not wanted:
        raise RuleForbids("motion/effect-not-for-kind", kind=rule.ballot.kind)
    if isinstance(effect, AdoptRule):
        validate_rule(effect.rule)


# --- Roll ---


def in_scope(scope: MotionScope, entry: RollEntry) -> bool:
    """Whether the motion is put to the unit."""
    return scope.kind is Scope.COMMUNITY or _place(scope.kind, entry) in scope.ids


def _place(kind: Scope, entry: RollEntry) -> str:
    """What a scope of this kind names the unit by."""
    if kind is Scope.BUILDINGS:
        return entry.building
    return entry.entrance if kind is Scope.ENTRANCES else entry.unit_id


def require_in_roll(content: Content, roll: Sequence[RollEntry]) -> None:
    """Refuse (RuleForbids) a motion that names what the roll does not have.

    Raises `motion/scope-not-in-roll`, `motion/conflicted-not-in-scope`,
    `motion/fund-unit-not-in-scope`.
    """
    known = {_place(content.scope.kind, entry) for entry in roll}
    if any(name not in known for name in content.scope.ids):
        raise RuleForbids("motion/scope-not-in-roll")
    members = {entry.unit_id for entry in roll if in_scope(content.scope, entry)}
    if any(unit not in members for unit in content.conflicted_unit_ids):
        raise RuleForbids("motion/conflicted-not-in-scope")
    effect = content.effect
    if isinstance(effect, UseFund) and any(unit not in members for unit in effect.unit_ids):
        raise RuleForbids("motion/fund-unit-not-in-scope")


def needs_funds(content: Content) -> bool:
    """Whether only a community that uses the funds module can bring the effect about."""
    if isinstance(content.effect, ReplaceCompany):
        return bool(content.effect.accounts)
    return not isinstance(content.effect, AdoptRule | SeatCommittee | None)


def require_candidates(rule: DecisionRule, content: Content, roll: Collection[RollEntry]) -> None:
    """Refuse a candidate who is no owner, or who is in arrears where that bars candidacy.

    Candidates are owners: 物业管理条例 Art. 16. Raises RuleForbids
    `motion/candidate-not-an-owner`, `motion/candidate-in-arrears`.
    """
    if rule.ballot.kind is not BallotKind.ELECTION:
        return
    owners = {owner for entry in roll for owner in entry.owner_ids}
    debtors = {owner for entry in roll if entry.in_arrears for owner in entry.owner_ids}
    for candidate in own_options(content):
        if candidate not in owners:
            raise RuleForbids("motion/candidate-not-an-owner", candidate=candidate)
        if rule.electorate.arrears is not Bar.NONE and candidate in debtors:
            raise RuleForbids("motion/candidate-in-arrears", candidate=candidate)


def require_seats(
    rule: DecisionRule, effect: SeatCommittee, terms: CommitteeTerms, now_ms: int
) -> None:
    """Refuse (RuleForbids `motion/seats-contradict`) an election whose committee cannot be seated.

    5 to 11 members, an odd number, five years at most, unless the committee's terms say otherwise.
    """
    form = rule.ballot.multi_seat
    seats, seats_min = (form.seats, form.seats_min) if form else (0, 0)
    fits = terms.seats_min <= seats_min <= seats <= terms.seats_max
    lasts = effect.term_until_at - effect.term_from_at <= terms.term_ms_max
    ahead = effect.term_until_at > now_ms
    if not (fits and lasts and ahead) or (terms.odd and seats % 2 == 0):
        raise RuleForbids("motion/seats-contradict", seats=seats, seats_min=seats_min)


def seals(rule: DecisionRule) -> bool:
    """Whether ballots under the rule are sealed until the end."""
    return rule.secrecy is Secrecy.SEALED_THEN_NAMED


def pins_at_notice(rule: DecisionRule) -> bool:
    """Whether the roll is pinned with the notice; otherwise it is when the window opens."""
    return rule.electorate.roll_as_of is not RollAsOf.OPEN
