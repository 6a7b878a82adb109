"""What the sandbox authority can be told to do wrong, at which call, and how often."""

from enum import StrEnum
from typing import Annotated

import msgspec

from chaincode.model.base import Record
from gateway.identity.protocol import Step

SLOW_S_MAX = 60.0


class Action(StrEnum):
    """How it disappoints."""

    MISMATCH = "mismatch"
    """The step that is begun does not match."""
    UNAVAILABLE = "unavailable"
    """It answers 503 and does nothing."""
    LOSE = "lose"
    """It does what is asked, and the answer is lost."""
    SLOW = "slow"
    """It answers after `seconds`."""
    GARBAGE = "garbage"
    """Its answer is not of the protocol."""
    FORGE = "forge"
    """Another key signs the attestation."""
    SWAP = "swap"
    """It attests another holder than was asked for."""


class Call(StrEnum):
    """What it is asked."""

    INFO = "info"
    OPEN = "open"
    BEGIN = "begin"
    CODE = "code"
    LOOK = "look"
    ATTEST = "attest"


class Rule(Record):
    """Applies to the next `count` calls that match; None matches any."""

    action: Action
    call: Call | None = None
    step: Step | None = None
    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    seconds: Annotated[float, msgspec.Meta(ge=0, le=SLOW_S_MAX)] = 1.0


class Behaviour:
    """The rules in force, used up in the order they were given."""

    def __init__(self) -> None:
        self._left: list[tuple[Rule, int]] = []

    def add(self, rule: Rule) -> None:
        """Put a rule in force."""
        self._left.append((rule, rule.count))

    def next(self, call: Call, step: Step | None) -> Rule | None:
        """The rule for this call, one use of it spent; None: behave."""
        for place, (rule, left) in enumerate(self._left):
            if rule.call in (None, call) and rule.step in (None, step):
                self._left[place : place + 1] = [(rule, left - 1)] if left > 1 else []
                return rule
        return None
