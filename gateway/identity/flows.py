"""The ways to be certified, each a list of steps in order.

The court's rules on face recognition (人脸识别司法解释 Art. 10) ask for another way where a person
does not want their face read; so with a provider that has no way without a face nobody is
certified at all (`offered`).
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from chaincode.model.base import Org, Role
from gateway.errors import Problem
from gateway.identity.protocol import Step


class Flow(StrEnum):
    """A way to be certified."""

    FACE = "face"
    """At home, with the phone: the provider compares the face, WeChat is bound."""
    COUNTER = "counter"
    """In person: a clerk at the provider's counter sees person and document; the phone number
    is bound in place of an account."""


_Steps = Mapping[Flow, tuple[Step, ...]]

STEPS: Final[_Steps] = {
    Flow.FACE: (Step.ROLL, Step.PERSON, Step.FACE, Step.PHONE, Step.ACCOUNT),
    Flow.COUNTER: (Step.ROLL, Step.PERSON, Step.COUNTER, Step.PHONE),
}
"""Of owners, who are on the roll."""
STAFF_STEPS: Final[_Steps] = {
    Flow.FACE: (Step.EMPLOYMENT, Step.PERSON, Step.FACE, Step.PHONE, Step.ACCOUNT),
    Flow.COUNTER: (Step.EMPLOYMENT, Step.PERSON, Step.COUNTER, Step.PHONE),
}
"""Of clerks, who are on their employer's register."""
OWNER_ROLES: Final = frozenset({Role.OWNER, Role.REPRESENTATIVE, Role.COMMITTEE_MEMBER})
STAFF_ROLE: Final[Mapping[Org, Role]] = {
    Org.REGULATOR: Role.REGULATOR_CLERK,
    Org.PROPERTY: Role.COMPANY_CLERK,
    Org.BANK: Role.BANK_CLERK,
    Org.ARBITRATION: Role.ARBITRATOR,
}
"""The clerks that each office employs and certifies; the ledger takes them from nobody else."""


def roles_of(org: Org) -> frozenset[Role]:
    """Whom an office certifies: the regulator owners by the roll, every employer its clerks."""
    clerks = frozenset({STAFF_ROLE[org]} if org in STAFF_ROLE else ())
    return clerks | OWNER_ROLES if org is Org.REGULATOR else clerks


def steps_of(flow: Flow, role: Role) -> tuple[Step, ...]:
    """The steps of a flow, in order."""
    return (STEPS if role in OWNER_ROLES else STAFF_STEPS)[flow]


def offered(steps: Iterable[Step], role: Role = Role.OWNER) -> tuple[Flow, ...]:
    """The flows for which a provider has every step that the role needs.

    Raises Problem 503 ``certification/no-way-without-face`` if each of them needs a face.
    """
    known = set(steps)
    found = tuple(flow for flow in Flow if known.issuperset(steps_of(flow, role)))
    if all(Step.FACE in STEPS[flow] for flow in found):
        raise Problem(503, "certification/no-way-without-face")
    return found


def next_step(flow: Flow, role: Role, passed: Iterable[Step]) -> Step | None:
    """The first step that has not passed; None when all have."""
    done = set(passed)
    return next((step for step in steps_of(flow, role) if step not in done), None)
