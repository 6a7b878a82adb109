"""The offices' own people: clerks of the regulator, the bank and the property company.

An employer vouches for its staff: the employer's own certificate authority certifies each key, a
second provider on the ledger (the registry of employees) attests it, and the employer's gateway
records the credential. The registry is a sandbox; its key never leaves the demo's folder.
"""

import json
import secrets
from dataclasses import dataclass
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from chaincode.codec import encode
from chaincode.model.base import Org, Role
from chaincode.model.credential import ATTESTATION_TYP, Attestation
from gateway.identity.bindings import Binding, Bindings, account_digest, salted_sha256
from gateway.identity.enrolment import CaEnroller
from gateway.identity.signingrequest import certificate_facts, credential_id, point
from network.ca.server import CA_NAME, REGISTRAR
from scripts.hand.folder import Folder
from scripts.hand.person import Person
from scripts.hand.signing import certificate_request, compact_jws
from scripts.story.clock import YEAR_MS, now_ms
from scripts.story.foundation import evidence
from scripts.story.settings import ca_of
from scripts.story.world import World

REGISTRY: Final = "employees"
OLD_COMPANY: Final = "fuze-property"
NEW_COMPANY: Final = "green-city-property"
VALID_MS: Final = YEAR_MS - 24 * 60 * 60 * 1000
SALT_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Clerk:
    """A post, and who fills it."""

    label: str
    org: Org
    role: Role
    company_id: str | None = None


REGULATOR_CLERK: Final = Clerk(
    label="clerk-regulator", org=Org.REGULATOR, role=Role.REGULATOR_CLERK
)
SECOND_CLERK: Final = Clerk(label="clerk-regulator-2", org=Org.REGULATOR, role=Role.REGULATOR_CLERK)
BANK_CLERK: Final = Clerk(label="clerk-bank", org=Org.BANK, role=Role.BANK_CLERK)
COMPANY_CLERK: Final = Clerk(
    label="clerk-company", org=Org.PROPERTY, role=Role.COMPANY_CLERK, company_id=OLD_COMPANY
)
NEW_COMPANY_CLERK: Final = Clerk(
    label="clerk-new-company", org=Org.PROPERTY, role=Role.COMPANY_CLERK, company_id=NEW_COMPANY
)
FIRST: Final = (REGULATOR_CLERK, SECOND_CLERK, BANK_CLERK, COMPANY_CLERK)


async def employ(world: World) -> None:
    """The registry is admitted, the first company recorded, and every clerk gets a credential."""
    regulator = world.operator(Org.REGULATOR)
    named = {"provider_id": REGISTRY, "public_key": point(_registry_key(world).public_key())}
    await regulator.state("register_provider", **named, evidence_sha256=evidence("registry"))
    await world.operator(Org.BANK).state("confirm_provider", **named)
    await regulator.state(
        "record_company",
        company_id=OLD_COMPANY,
        contract_sha256=evidence("contract with the first company"),
        evidence_sha256=evidence("record of the first company"),
    )
    for clerk in FIRST:
        await certify(world, clerk)
    world.teller.say(f"{len(FIRST)} clerks of regulator, bank and property company have keys.")


async def are_employed(world: World) -> bool:
    """Whether all first clerks have their credentials."""
    for clerk in FIRST:
        person = clerk_of(world, clerk)
        found = await world.ask("credential", {"credential_id": _id(world, person)})
        if found is None:
            return False
    return True


def clerk_of(world: World, clerk: Clerk) -> Person:
    """Who fills a post, with their key."""
    return world.key(clerk.label)


async def certify(world: World, clerk: Clerk) -> Person:
    """Give a clerk a credential; done again, nothing changes."""
    person = clerk_of(world, clerk)
    kid = _id(world, person)
    pem = await _certificate(world, clerk, person.folder, kid)
    kept = person.folder.kept()
    salt = secrets.token_hex(SALT_BYTES)
    bindings = kept.bindings or Bindings(
        salt=salt, device=kept.device, account=account_digest("tel", clerk.label)
    )
    person.folder.keep(
        msgspec.structs.replace(
            kept,
            community=world.community,
            role=str(clerk.role),
            bindings=bindings,
            certificate_pem=pem.decode(),
        )
    )
    if await world.ask("credential", {"credential_id": kid}) is None:
        attestation = _attested(world, clerk, person.folder, kid, bindings, pem)
        await world.operator(clerk.org).state("issue_credential", attestation=attestation)
    return person


async def _certificate(world: World, clerk: Clerk, folder: Folder, kid: str) -> bytes:
    server = ca_of(world.network, clerk.org)
    secret = server.registrar_secret()
    request = certificate_request(folder.key, kid)
    async with CaEnroller(server.client(CA_NAME), REGISTRAR, secret) as enroller:
        return await enroller.certify(kid, request, point(folder.key.public_key()))


def _attested(
    world: World, clerk: Clerk, folder: Folder, kid: str, bindings: Bindings, pem: bytes
) -> str:
    """What the registry says of a clerk, signed."""
    at = now_ms()
    fingerprint, _, until_at = certificate_facts(pem)
    said = Attestation(
        channel=world.channel,
        community=world.community,
        credential_id=kid,
        holder_id=clerk.label,
        role=clerk.role,
        public_key=point(folder.key.public_key()),
        certificate_sha256=fingerprint,
        device_sha256=salted_sha256(bindings.salt, Binding.DEVICE, bindings.device),
        account_sha256=salted_sha256(bindings.salt, Binding.ACCOUNT, bindings.account),
        evidence_sha256=evidence(f"employment of {clerk.label}"),
        valid_from_at=at,
        valid_until_at=min(until_at, at + VALID_MS),
        at=at,
        company_id=clerk.company_id,
    )
    return compact_jws(_registry_key(world), ATTESTATION_TYP, REGISTRY, json.loads(encode(said)))


def _registry_key(world: World) -> ec.EllipticCurvePrivateKey:
    return world.key(REGISTRY).folder.key


def _id(world: World, person: Person) -> str:
    return credential_id(world.community, person.folder.kept().secret)
