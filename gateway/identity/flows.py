"""The ways to be certified, each a list of steps in order.

The court's rules on face recognition (人脸识别司法解释 Art. 10) ask for another way where a person
does not want their face read; so with a provider that has no way without a face nobody is
certified at all (`offered`).
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from chaincode.model.base import Role
from gateway.errors import Problem
from gateway.identity.protocol import Step


class Flow(StrEnum):
    """A way to be certified."""

    FACE = "face"
    """At home, with the phone: the provider compares the face, WeChat is bound."""
    COUNTER = "counter"
    """In person: a clerk at the provider's counter sees person and document; the phone number
    is bound in place of an account."""


STEPS: Final[Mapping[Flow, tuple[Step, ...]]] = {
    Flow.FACE: (Step.ROLL, Step.PERSON, Step.FACE, Step.PHONE, Step.ACCOUNT),
    Flow.COUNTER: (Step.ROLL, Step.PERSON, Step.COUNTER, Step.PHONE),
}
ROLES: Final = frozenset({Role.OWNER, Role.REPRESENTATIVE, Role.COMMITTEE_MEMBER})
"""Whom the regulator certifies by the roll."""


def offered(steps: Iterable[Step]) -> tuple[Flow, ...]:
    """The flows for which a provider has every step.

    Raises Problem 503 ``certification/no-way-without-face`` if each of them needs a face.
    """
    known = set(steps)
    found = tuple(flow for flow in Flow if known.issuperset(STEPS[flow]))
    if all(Step.FACE in STEPS[flow] for flow in found):
        raise Problem(503, "certification/no-way-without-face")
    return found


def next_step(flow: Flow, passed: Iterable[Step]) -> Step | None:
    """The first step that has not passed; None when all have."""
    done = set(passed)
    return next((step for step in STEPS[flow] if step not in done), None)
