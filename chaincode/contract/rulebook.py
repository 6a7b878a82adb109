"""The decision rules of a community, and the words that its texts may not hold."""

from collections.abc import Mapping
from typing import Final

from chaincode import keys
from chaincode.contract.handlers import Call, Handler, Request
from chaincode.contract.motion_messages import (
    MatterRequest,
    RuleAdopted,
    RuleList,
    SetMatterRule,
    SetWords,
    WordsSet,
)
from chaincode.errors import Conflict, NotFound, RuleForbids
from chaincode.model.motion import MatterRule, WordList
from chaincode.model.rule import DecisionRule
from chaincode.rules.calendar import iso_date
from chaincode.rules.templates import in_force, validate_rule
from chaincode.rules.wordfilter import fold_words
from chaincode.templates import load_templates
from chaincode.world import World

# --- Transactions ---


async def set_matter_rule(world: World, call: Call, request: SetMatterRule) -> MatterRule:
    """State the starting rule of a matter class; what owners adopted, only owners replace.

    The same request again gets the same record. Refused unless exactly one of template and rule
    is given (400 ``rule/template-or-rule``); if there is no such template (404
    ``rule/template-unknown``); the owners adopted their own rule (409 ``rule/adopted-by-owners``);
    the rule contradicts itself (422, codes ``rule/...``) or is not in force (422
    ``rule/not-in-force``).
    """
    rule = request.rule or _template(request.template_id or "")
    existing = await world.find(keys.matter_rule(world.community, rule.matter_class), MatterRule)
    if existing is not None and existing.motion_id is not None:
        raise Conflict("rule/adopted-by-owners", motion=existing.motion_id)
    validate_rule(rule)
    require_in_force(rule, call.now_ms)
    if existing is not None and existing.rule == rule:
        return existing
    return put_matter_rule(world, call, rule, motion_id=None)


async def set_words(world: World, call: Call, request: SetWords) -> WordList:
    """State the word list anew; motions drafted before are not read again.

    Refused if there are more than 5,000 words (400 ``words/too-many``) or one of which folding
    leaves nothing (400 ``words/empty``).
    """
    words = WordList(words=fold_words(request.words), at=call.now_ms, tx_id=call.tx_id)
    world.save(keys.word_list(world.community), words)
    world.emit(WordsSet(community=world.community, words_count=len(words.words)))
    return words


# --- Queries ---


async def matter_rule(world: World, _call: Call, request: MatterRequest) -> MatterRule:
    """The rule in force for a matter class; 404 ``rule/unknown``."""
    return await rule_for(world, request.matter_class)


async def matter_rules(world: World, _call: Call, _request: Request) -> RuleList:
    """All rules of the community by matter class."""
    found = await world.scan(keys.matter_rules(world.community), MatterRule)
    return RuleList(rules=tuple(record.rule for _, record in found))


async def rule_templates(_world: World, _call: Call, _request: Request) -> RuleList:
    """The rules that ship, by id."""
    return RuleList(rules=tuple(load_templates().values()))


async def words(world: World, _call: Call, _request: Request) -> WordList:
    """The word list as it is compared; 404 ``words/none``."""
    return await world.load(keys.word_list(world.community), WordList, "words/none")


# --- For other modules ---


async def rule_for(world: World, matter_class: str) -> MatterRule:
    """The rule of a matter class; 404 ``rule/unknown``."""
    key = keys.matter_rule(world.community, matter_class)
    return await world.load(key, MatterRule, "rule/unknown")


async def word_list(world: World) -> tuple[str, ...]:
    """The folded words that texts may not hold; none where no list was stated."""
    found = await world.find(keys.word_list(world.community), WordList)
    return found.words if found else ()


def require_in_force(rule: DecisionRule, now_ms: int) -> None:
    """Refuse (422 ``rule/not-in-force``) a rule that is not in force at that time."""
    if not in_force(rule, iso_date(now_ms)):
        raise RuleForbids("rule/not-in-force", rule=rule.id, version=rule.version)


def put_matter_rule(
    world: World, call: Call, rule: DecisionRule, *, motion_id: str | None
) -> MatterRule:
    """Write the rule of its matter class; the one before stays in the key's history."""
    record = MatterRule(rule=rule, motion_id=motion_id, at=call.now_ms, tx_id=call.tx_id)
    world.save(keys.matter_rule(world.community, rule.matter_class), record)
    world.emit(
        RuleAdopted(
            community=world.community,
            matter_class=rule.matter_class,
            rule_id=rule.id,
            version=rule.version,
        )
    )
    return record


# --- Helpers ---


def _template(template_id: str) -> DecisionRule:
    rule = load_templates().get(template_id)
    if rule is None:
        raise NotFound("rule/template-unknown")
    return rule


HANDLERS: Final[Mapping[str, Handler]] = {
    "set_matter_rule": Handler(request=SetMatterRule, run=set_matter_rule),
    "set_words": Handler(request=SetWords, run=set_words),
    "matter_rule": Handler(request=MatterRequest, run=matter_rule),
    "matter_rules": Handler(request=Request, run=matter_rules),
    "rule_templates": Handler(request=Request, run=rule_templates),
    "words": Handler(request=Request, run=words),
}
