"""The ground of everything: the community, who may vouch for people, the roll, the owners' keys."""

import asyncio
import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

from chaincode.model.base import Module, Org
from gateway.database import open_tables
from gateway.identity import vault
from gateway.identity.rollimport import prepare_import, request_bytes
from gateway.identity.seal import load_key_file
from gateway.identity.vault import Vault
from scripts.hand.errors import Refused
from scripts.hand.guides import SandboxGuide
from scripts.story.clock import now_ms
from scripts.story.people import Owner, co_owned, load_ids, save_ids
from scripts.story.places import ORGS, READY_FILE, ROLL
from scripts.story.settings import identity_database, identity_key_file
from scripts.story.world import HOLDERS, World

CERTIFIED_AT_ONCE: Final = 100
"""Owners who are on their way through the office at the same time."""
CERTIFY_S_MAX: Final = 600.0


async def open_community(world: World) -> None:
    """The regulator opens the community, and admits an identity provider the bank consenting."""
    regulator, bank = world.operator(Org.REGULATOR), world.operator(Org.BANK)
    modules = [Module.VOTING, Module.FUNDS]
    await regulator.state("open_community", channel=world.channel, modules=modules)
    ready = json.loads((world.places.authority / READY_FILE).read_bytes())
    named = {"provider_id": ready["provider_id"], "public_key": ready["public_key"]}
    await regulator.state("register_provider", **named, evidence_sha256=evidence("provider"))
    await bank.state("confirm_provider", **named)
    world.teller.say("The regulator opened the community and named an identity provider,")
    world.teller.say("the bank agreed to it: no single office can invent a voter.")


async def import_roll(world: World) -> None:
    """The bureau's file becomes random ids on the ledger; names stay in the regulator's vault."""
    database = await open_tables(str(identity_database(world.places, Org.REGULATOR)), vault.SCHEMA)
    try:
        key = load_key_file(identity_key_file(world.places, Org.REGULATOR))
        private = await Vault.open(database, key, now_ms)
        request = await prepare_import(world.community, ROLL.read_bytes(), private)
        ids = {one.label: await private.holder_of(one.id_no) or "" for one in world.owners}
    finally:
        await database.close()
    save_ids(world.places.kept / HOLDERS, ids)
    fields: dict[str, Any] = json.loads(request_bytes(request))
    del fields["community"]
    await world.operator(Org.REGULATOR).state("import_roll", **fields)
    area_dm2 = sum(unit.area_dm2 for unit in request.units)
    world.figures |= {"units": len(request.units), "area_dm2": area_dm2, "owners": len(ids)}
    world.teller.say(
        f"{len(request.units)} units, {area_dm2 / 100:,.2f} m2, {len(ids)} owners."
        " No name went onto the ledger."
    )


async def certify_owners(world: World) -> None:
    """Every owner makes a key and has it certified, step by step, by the regulator's gateway."""
    slots = asyncio.Semaphore(CERTIFIED_AT_ONCE)
    office = world.gateways[Org.REGULATOR].only(world.places.url(Org.REGULATOR))
    async with SandboxGuide(world.places.authority) as guide:
        with world.teller.counting("owners certified", len(world.owners)) as one_more:

            async def certify(owner: Owner) -> None:
                async with slots:
                    await world.person(owner).certify(
                        office,
                        world.community,
                        owner.applicant(),
                        guide,
                        wait_s=CERTIFY_S_MAX,
                    )
                    one_more()

            async with asyncio.TaskGroup() as group:
                for owner in world.owners:
                    group.create_task(certify(owner))
    await count_credentials(world)


async def count_credentials(world: World) -> None:
    """How many owners have a credential on the ledger, asked of the ledger."""
    ids = [world.person(owner).credential_id for owner in world.owners]
    found = await world.ask_each("credential", [{"credential_id": one} for one in ids])
    count = sum(one is not None for one in found)
    world.figures["owners_credentialed"] = count
    world.teller.say(f"{count} owners hold a credential; each key was made by its owner.")


def evidence(name: str) -> str:
    """The hash of a document that an office keeps in its files."""
    return sha256(f"demo document: {name}".encode()).hexdigest()


async def name_representatives(world: World) -> None:
    """The owners of each co-owned unit name one of them: both sign, one after the other, since
    each word changes the unit.

    Who did so in a run that was stopped may not do so again within the hour, and need not.
    """
    units = co_owned(world.owners)

    async def name(owner: Owner, unit: str, chosen: Owner) -> None:
        try:
            await world.act(
                world.person(owner),
                ORGS[owner.number % len(ORGS)],
                "name_representative",
                unit_id=unit,
                representative=world.holder(chosen),
            )
        except Refused as refused:
            if refused.code != "unit/named-lately":
                raise

    async def name_all(unit: str, owners: Sequence[Owner]) -> None:
        for owner in owners:
            await name(owner, unit, owners[0])

    async with asyncio.TaskGroup() as group:
        for unit, owners in units.items():
            group.create_task(name_all(unit, owners))
    world.figures["co_owned_units"] = len(units)
    world.teller.say(f"The owners of {len(units)} co-owned units named who speaks for them.")


async def are_represented(world: World) -> bool:
    """Whether every co-owned unit has a representative."""
    asked = [{"unit_id": unit} for unit in co_owned(world.owners)]
    found = await world.ask_each("unit", asked)
    return all(one is not None and one.get("representative") is not None for one in found)


async def are_certified(world: World) -> bool:
    """Whether every owner's credential is known to have been issued."""
    if not await is_imported(world):
        return False
    kept = (world.person(owner).folder.kept() for owner in world.owners)
    return all(one.bindings is not None for one in kept)


async def is_open(world: World) -> bool:
    """Whether the community and its provider are on the ledger."""
    found = await world.ask("provider", {"provider_id": "sandbox-authority"})
    return found is not None and found["confirmed_at"] is not None


async def is_imported(world: World) -> bool:
    """Whether the roll is on the register."""
    return bool(load_ids(world.places.kept / HOLDERS)) and (
        await world.ask("unit", {"unit_id": world.owners[-1].units[-1]}) is not None
    )
