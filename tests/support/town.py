"""A community on the fake ledger: opened, with a provider, a roll and people who can sign.

Everything goes through the real contract, as the organisations' own transactions would.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from chaincode.access import MSP_OF
from chaincode.contract.contract import Outcome
from chaincode.errors import parse_refusal
from chaincode.model.base import Org, Role
from chaincode.model.credential import ATTESTATION_TYP
from tests.support.memory_ledger import FakeLedger
from tests.support.people import Person

DAY_MS = 24 * 60 * 60 * 1000
YEAR_MS = 365 * DAY_MS
COMMUNITY = "fuzemen"
HASH = "0" * 64


def sha(number: int) -> str:
    """A made-up hash."""
    return f"{number:064x}"


def unit_row(unit_id: str, *owners: str, area_dm2: int = 10_000, **fields: Any) -> dict[str, Any]:
    """A unit as an import states it; "3-1-502" stands in entrance "3-1" of building "3"."""
    parts = unit_id.split("-")
    shares = [{"owner_id": owner, "num": 1, "den": len(owners)} for owner in owners]
    return {
        "unit_id": unit_id,
        "building": parts[0],
        "entrance": "-".join(parts[:2]),
        "area_dm2": area_dm2,
        "area_source": "registered",
        "owners": shares,
        **fields,
    }


def refusal(outcome: Outcome) -> tuple[int, str]:
    """Status and code of a refused call; fails for any other answer."""
    found = parse_refusal(outcome.status, outcome.message)
    assert found is not None, outcome
    return found.status, found.code


@dataclass
class Town:
    """One community; ``people`` are those with credentials, by holder id."""

    ledger: FakeLedger = field(default_factory=FakeLedger)
    community: str = COMMUNITY
    people: dict[str, Person] = field(default_factory=dict)
    provider: Person = field(default_factory=lambda: Person("provider", "police-1"))

    # --- Calls ---

    async def call(self, org: Org, function: str, **fields: Any) -> Outcome:
        """Submit a transaction and commit it when endorsed."""
        return await self.ledger.submit(MSP_OF[org], function, self.request(**fields))

    async def ask(self, function: str, **fields: Any) -> Any:
        """Run a query; the answer as plain JSON."""
        outcome = await self.query(function, **fields)
        assert outcome.status == 200, outcome
        return json.loads(outcome.payload)

    async def query(self, function: str, **fields: Any) -> Outcome:
        """Run a query as the regulator."""
        msp_id = MSP_OF[Org.REGULATOR]
        return await self.ledger.evaluate(msp_id, function, self.request(**fields))

    async def done(self, org: Org, function: str, **fields: Any) -> Any:
        """Submit a transaction that must be endorsed; the answer as plain JSON."""
        outcome = await self.call(org, function, **fields)
        assert outcome.status == 200, outcome
        return json.loads(outcome.payload)

    def request(self, **fields: Any) -> bytes:
        return json.dumps({"community": self.community, **fields}).encode()

    # --- Acts ---

    def act(self, person: Person, act: str, **fields: Any) -> bytes:
        """An act of this community signed now."""
        place = {"channel": self.ledger.channel_id, "community": self.community}
        return person.act(act, **{**place, "at": self.ledger.now_ms, **fields})

    async def carry(self, *acts: bytes, org: Org = Org.PROPERTY) -> Outcome:
        """Submit signed acts through an organisation's gateway."""
        return await self.ledger.submit(MSP_OF[org], "submit_acts", self.community.encode(), *acts)

    async def answers(self, *acts: bytes) -> list[tuple[int, str]]:
        """Status and code of each act of a batch that is endorsed."""
        outcome = await self.carry(*acts)
        assert outcome.status == 200, outcome
        return [(one["status"], one["code"]) for one in json.loads(outcome.payload)["answers"]]

    # --- Setting up ---

    async def open(self, *modules: str) -> "Town":
        """Open the community with a confirmed provider."""
        await self.done(Org.REGULATOR, "open_community", modules=modules or ("voting", "funds"))
        named = {"provider_id": "police-1", "public_key": self.provider.public_key}
        await self.done(Org.REGULATOR, "register_provider", **named, evidence_sha256=HASH)
        await self.done(Org.BANK, "confirm_provider", **named)
        return self

    async def add_units(self, rows: Iterable[dict[str, Any]]) -> Any:
        """Put units on the register."""
        return await self.done(Org.REGULATOR, "import_roll", units=list(rows), evidence_sha256=HASH)

    def attestation(self, person: Person, role: Role, **fields: Any) -> dict[str, Any]:
        """What the provider says of a person."""
        now_ms = self.ledger.now_ms
        return {
            "channel": self.ledger.channel_id,
            "community": self.community,
            "credential_id": person.credential_id,
            "holder_id": person.holder_id,
            "role": role,
            "public_key": person.public_key,
            "certificate_sha256": sha(1),
            "device_sha256": sha(2),
            "account_sha256": sha(3),
            "evidence_sha256": sha(4),
            "valid_from_at": now_ms,
            "valid_until_at": now_ms + YEAR_MS,
            "at": now_ms,
            **fields,
        }

    def attested(self, person: Person, role: Role, **fields: Any) -> str:
        """The same, signed by the provider."""
        said = self.attestation(person, role, **fields)
        return self.provider.sign(said, typ=ATTESTATION_TYP).decode()

    async def issue(
        self, person: Person, role: Role = Role.OWNER, org: Org = Org.REGULATOR, **fields: Any
    ) -> Person:
        """Give a person a credential."""
        jws = self.attested(person, role, **fields)
        await self.done(org, "issue_credential", attestation=jws)
        self.people[person.holder_id] = person
        return person

    async def owner(self, holder_id: str) -> Person:
        """A person on the register, with a credential."""
        return await self.issue(Person(holder_id, f"cred-{holder_id}"))

    async def seat(self, members: Iterable[str], **fields: Any) -> Any:
        """Record the founding committee."""
        members = list(members)
        now_ms = self.ledger.now_ms
        request = {
            "members": members,
            "seat_count": len(members),
            "from_at": now_ms,
            "until_at": now_ms + YEAR_MS,
            "evidence_sha256": HASH,
            **fields,
        }
        return await self.done(Org.REGULATOR, "seat_founding_committee", **request)
