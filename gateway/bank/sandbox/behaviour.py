"""What the sandbox can be told to do, to whom, and how often."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from gateway.bank.sandbox.store import Store


class Action(StrEnum):
    """How the bank misbehaves, or just disappoints."""

    REJECT = "reject"  # with `reason`
    PART = "part"  # reject with `reason`; the rest of the batch is not listed in the report
    DELAY = "delay"  # settle `steps` later
    RETURN = "return"  # settle, and send the money back `steps` later with `reason`
    REPEAT = "repeat"  # every message about it comes `steps` times more
    REORDER = "reorder"  # every message about it comes in shuffled order, up to `steps` late


class Subject(StrEnum):
    """What a rule looks at."""

    ORDER = "order"
    CREDIT = "credit"
    STATEMENT = "statement"


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Applies `action` to the next `count` subjects that match; None matches any."""

    action: Action
    subject: Subject = Subject.ORDER
    subject_id: str | None = None
    amount_fen: int | None = None
    count: int = 1
    reason: str = "MS03"
    steps: int = 1

    def __post_init__(self) -> None:
        """Raises ValueError on a rule that could not be carried out."""
        if self.count < 1 or not 0 <= self.steps <= 100:
            raise ValueError("count from 1, steps from 0 to 100")
        if not (self.reason.isascii() and self.reason.isalnum() and len(self.reason) == 4):
            raise ValueError("reason is a code of four letters or digits")
        only_messages = self.subject is not Subject.ORDER
        if only_messages and self.action not in (Action.REPEAT, Action.REORDER):
            raise ValueError("only messages about orders can do that")


def add_rule(store: Store, rule: Rule) -> None:
    """Puts a rule in force, after the ones before it."""
    content = msgspec.json.encode(rule)
    store.run("INSERT INTO rule (rule, left_count) VALUES (?, ?)", content, rule.count)


def use_rules(
    store: Store, subject: Subject, subject_id: str, amount_fen: int
) -> dict[Action, Rule]:
    """The rules that apply to this subject, one per action, the oldest first; each is used up."""
    applied: dict[Action, Rule] = {}
    rows = store.all("SELECT rule_id, rule FROM rule WHERE left_count > 0 ORDER BY rule_id")
    for rule_id, content in rows:
        rule = msgspec.json.decode(content, type=Rule)
        fits = (
            rule.subject is subject
            and rule.subject_id in (None, subject_id)
            and rule.amount_fen in (None, amount_fen)
        )
        if fits and rule.action not in applied:
            applied[rule.action] = rule
            store.run("UPDATE rule SET left_count = left_count - 1 WHERE rule_id = ?", rule_id)
    return applied
