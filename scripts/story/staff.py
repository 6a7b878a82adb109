"""The offices' own people: clerks of the regulator, the bank and the property companies.

Each office's operator puts its clerks on the register of employment of its own gateway, which
certifies them; the identity provider checks each one against a register of its own.
"""

import asyncio
import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chaincode.model.base import Org, Role
from gateway.identity.flows import STAFF_ROLE
from scripts.hand.certifying import Applicant
from scripts.hand.guides import SandboxGuide
from scripts.hand.person import Person
from scripts.story.foundation import evidence
from scripts.story.places import CLERKS
from scripts.story.world import World

EMPLOYER: Final = {role: org for org, role in STAFF_ROLE.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clerk:
    """Who works at which office; `company_id` is a company clerk's employer."""

    label: str
    applicant: Applicant
    company_id: str | None

    @property
    def org(self) -> Org:
        """The organisation whose gateway certifies them."""
        return EMPLOYER[self.applicant.role]


def read_clerks(path: Path = CLERKS) -> tuple[Clerk, ...]:
    """The clerks, in the order of the file."""
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(
            Clerk(
                label=f"clerk-{number}",
                applicant=Applicant(
                    name=row["name"],
                    id_no=row["id_no"],
                    phone=row["phone"],
                    role=Role(row["role"]),
                ),
                company_id=row["company_id"] or None,
            )
            for number, row in enumerate(csv.DictReader(file), start=1)
        )


REGULATOR_CLERK, SECOND_CLERK, BANK_CLERK, COMPANY_CLERK, NEW_COMPANY_CLERK = read_clerks()
FIRST: Final = (REGULATOR_CLERK, SECOND_CLERK, BANK_CLERK, COMPANY_CLERK)
OLD_COMPANY: Final = str(COMPANY_CLERK.company_id)
NEW_COMPANY: Final = str(NEW_COMPANY_CLERK.company_id)


async def employ(world: World) -> None:
    """The first company is recorded, and every clerk employed and certified."""
    await world.operator(Org.REGULATOR).state(
        "record_company",
        company_id=OLD_COMPANY,
        contract_sha256=evidence("contract with the first company"),
        evidence_sha256=evidence("record of the first company"),
    )
    await asyncio.gather(*(certify(world, clerk) for clerk in FIRST))
    world.teller.say(f"{len(FIRST)} clerks of regulator, bank and property company have keys.")


async def are_employed(world: World) -> bool:
    """Whether the credentials of all first clerks are known to have been issued."""
    kept = (clerk_of(world, clerk).folder.kept() for clerk in FIRST)
    return all(one.bindings is not None for one in kept)


def clerk_of(world: World, clerk: Clerk) -> Person:
    """Who fills a post, with their key."""
    return world.key(clerk.label)


async def certify(world: World, clerk: Clerk) -> Person:
    """The employer's operator enters a clerk, its gateway certifies them; again is the same."""
    person, who = clerk_of(world, clerk), clerk.applicant
    await world.operator(clerk.org).state(
        "engage_staff",
        role=who.role,
        name=who.name,
        id_no=who.id_no,
        company_id=clerk.company_id,
    )
    office = world.gateways[clerk.org].only(world.places.url(clerk.org))
    async with SandboxGuide(world.places.authority) as guide:
        await person.certify(office, world.community, who, guide)
    return person
