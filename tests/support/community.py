"""A community ready to vote: units, owners with credentials, a committee, clerks and rules.

`Commons` adds to `Town` the steps of a motion, each through the real contract, so that a test
says only what it is about. Times move by setting `ledger.now_ms`, or, where the clock may be a
real one, by `ledger.reach`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chaincode import codec
from chaincode.contract.contract import Outcome
from chaincode.model.base import Org, Role
from chaincode.model.rule import DecisionRule
from chaincode.rules.sealing import Plain, commitment, context, mask_of, to_bytes
from chaincode.templates import load_templates
from tests.support.people import Person, b64
from tests.support.town import DAY_MS, HASH, Town, sha, unit_row

OWNERS_COUNT = 6
HOUR_MS = 60 * 60 * 1000
NOTICE_MS = 15 * DAY_MS
WINDOW_MS = 7 * DAY_MS
OBJECTION_MS = 7 * DAY_MS
DOCUMENT = {"sha256": sha(7), "bytes_count": 1_200, "media_type": "application/pdf"}


def template(template_id: str, **changes: Any) -> dict[str, Any]:
    """A rule that ships, as JSON, with some fields changed; dictionaries are merged."""
    rule: dict[str, Any] = json.loads(codec.encode(load_templates()[template_id]))
    for name, value in changes.items():
        merges = isinstance(value, dict) and isinstance(rule.get(name), dict)
        rule[name] = {**rule[name], **value} if merges else value
    return rule


def without_reviews(template_id: str = "cn-278-ordinary", **changes: Any) -> dict[str, Any]:
    """A rule without review steps and without paper, so that a test needs neither."""
    authority = {"approvals_before_open": [], **changes.pop("authority", {})}
    channels = {"paper": False, **changes.pop("channels", {})}
    return template(template_id, authority=authority, channels=channels, **changes)


def as_rule(data: Mapping[str, Any]) -> DecisionRule:
    """The record of a rule given as JSON."""
    return codec.decode(json.dumps(data), DecisionRule)


@dataclass
class Trustee:
    """An organisation's key pair for sealed ballots."""

    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def public_key(self) -> str:
        point = self.key.public_key()
        return b64(point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    @property
    def private_key(self) -> str:
        return b64(self.key.private_numbers().private_value.to_bytes(32, "big"))


def seal(
    motion_id: str,
    unit_id: str,
    options: Sequence[str],
    choices: Sequence[str],
    trustees: Sequence[Trustee],
    salt: bytes = bytes(32),
) -> dict[str, str]:
    """A sealed choice as a voter's device makes it."""
    plain = Plain(salt=salt, mask=mask_of(options, choices))
    return seal_plain(motion_id, unit_id, plain, trustees)


def seal_plain(
    motion_id: str, unit_id: str, plain: Plain, trustees: Sequence[Trustee]
) -> dict[str, str]:
    """The same for any plaintext, also one that is no valid ballot."""
    ephemeral = Trustee()
    committed = commitment(motion_id, unit_id, plain)
    secret = b"".join(ephemeral.key.exchange(ec.ECDH(), one.key.public_key()) for one in trustees)
    point = ephemeral.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    derived = HKDF(
        algorithm=hashes.SHA256(), length=44, salt=point, info=context(motion_id, unit_id)
    ).derive(secret)
    sealed = AESGCM(derived[:32]).encrypt(derived[32:], to_bytes(plain), bytes.fromhex(committed))
    return {
        "commitment": committed,
        "ephemeral_key": ephemeral.public_key,
        "ciphertext": b64(sealed),
    }


@dataclass
class Commons(Town):
    """A town with the usual people; motions move step by step."""

    clerks: dict[str, Person] = field(default_factory=dict)

    # --- Setting up ---

    async def settle(
        self,
        rows: Iterable[dict[str, Any]] | None = None,
        rules: Iterable[Mapping[str, Any]] | None = None,
    ) -> "Commons":
        """Open with units `1-1-1`.. owned by `o1`.., rules, and two of the regulator's clerks."""
        await self.open()
        units = list(rows) if rows is not None else usual_rows()
        await self.add_units(units)
        for owner in sorted({share["owner_id"] for row in units for share in row["owners"]}):
            await self.owner(owner)
        await self.staffed()
        for rule in rules if rules is not None else (without_reviews(),):
            await self.done(Org.REGULATOR, "set_matter_rule", rule=self.timed(rule))
        return self

    async def staffed(self) -> None:
        """Two of the regulator's clerks get credentials."""
        for name in ("clerk-a", "clerk-b"):
            person = Person(name, f"cred-{name}")
            self.clerks[name] = await self.issue(person, Role.REGULATOR_CLERK)

    def timed(self, rule: Mapping[str, Any]) -> dict[str, Any]:
        """The rule with periods that this ledger's clock can wait for: here, its own."""
        return dict(rule)

    async def seated(self, *members: str) -> "Commons":
        """Seat the founding committee."""
        await self.seat(members or ("o1", "o2", "o3", "o4", "o5"))
        return self

    # --- A motion's way ---

    def content(self, matter_class: str = "ordinary", **fields: Any) -> dict[str, Any]:
        return {
            "title": "Repair the gate",
            "text": DOCUMENT,
            "matter_class": matter_class,
            **fields,
        }

    async def drafted(self, motion_id: str = "m1", **content: Any) -> Any:
        """A motion drafted by the regulator."""
        return await self.done(
            Org.REGULATOR,
            "draft_official_motion",
            motion_id=motion_id,
            content=self.content(**content),
        )

    @property
    def notice_ms(self) -> int:
        """From the notice to the opening."""
        return NOTICE_MS

    def notice(self, motion_id: str = "m1", **fields: Any) -> dict[str, Any]:
        """What publishing asks: fifteen days of notice, seven days of voting."""
        opens_at = self.ledger.now_ms + self.notice_ms
        return {
            "motion_id": motion_id,
            "notice": DOCUMENT,
            "opens_at": opens_at,
            "closes_at": opens_at + self.ledger.period_ms,
            **fields,
        }

    async def published(self, motion_id: str = "m1", **fields: Any) -> Any:
        return await self.done(Org.REGULATOR, "publish_motion", **self.notice(motion_id, **fields))

    async def open_motion(self, motion_id: str = "m1", **content: Any) -> Any:
        """A motion drafted, published and open for ballots."""
        await self.drafted(motion_id, **content)
        motion = await self.published(motion_id)
        await self.ledger.reach(motion["publication"]["opens_at"])
        return motion

    def ballot(self, owner: str, *units: str, motion_id: str = "m1", **fields: Any) -> bytes:
        """A casting act of a person of the town."""
        answer = {} if "sealed" in fields else {"choices": ["for"]}
        return self.act(
            self.people[owner],
            "cast_ballot",
            **{"motion_id": motion_id, "unit_ids": list(units), **answer, **fields},
        )

    async def cast(self, owner: str, *units: str, **fields: Any) -> Outcome:
        return await self.carry(self.ballot(owner, *units, **fields))

    async def acted(self, person: Person | str, act: str, **fields: Any) -> Outcome:
        who = self.people[person] if isinstance(person, str) else person
        return await self.carry(self.act(who, act, **fields))

    async def agreed(self, *acts: bytes) -> None:
        """Acts that must all be accepted."""
        codes = [code for _, code in await self.answers(*acts)]
        assert codes == ["accepted"] * len(acts), codes

    async def ended(self, motion_id: str = "m1") -> int:
        """Move to the end of the window."""
        view = await self.ask("motion", motion_id=motion_id)
        await self.ledger.reach(view["closes_at"])
        return self.ledger.now_ms

    async def closed(self, motion_id: str = "m1") -> Any:
        await self.ended(motion_id)
        return await self.done(Org.PROPERTY, "close_motion", motion_id=motion_id)

    async def counted(self, motion_id: str = "m1") -> Any:
        """The preliminary result."""
        await self.closed(motion_id)
        return await self.done(Org.PROPERTY, "count_motion", motion_id=motion_id)

    async def final(self, motion_id: str = "m1") -> Any:
        """The certificate, when nobody objects."""
        await self.counted(motion_id)
        view = await self.ask("motion", motion_id=motion_id)
        await self.ledger.reach(view["motion"]["counted"]["objections_until_at"])
        return await self.done(Org.PROPERTY, "finalise_motion", motion_id=motion_id)

    async def carried(self, motion_id: str = "m1", **content: Any) -> Any:
        """A motion that everybody voted for, final and ready for its effect."""
        await self.open_motion(motion_id, **content)
        for owner, units in (await self.owned()).items():
            await self.agreed(self.ballot(owner, *units, motion_id=motion_id))
        return await self.final(motion_id)

    async def owned(self) -> dict[str, list[str]]:
        """The units that each person owns alone."""
        units: dict[str, list[str]] = {}
        for owner in self.people:
            found = (await self.ask("owned_units", owner_id=owner))["units"]
            alone = [unit["unit_id"] for unit in found if len(unit["owners"]) == 1]
            if alone:
                units[owner] = alone
        return units

    async def phase(self, motion_id: str = "m1") -> str:
        return str((await self.ask("motion", motion_id=motion_id))["phase"])

    # --- Paper ---

    def paper(self, unit: str, *signers: str, clerk: str = "clerk-a", **fields: Any) -> bytes:
        """One clerk's reading of a sheet; `choices`, `spoiled` and so on in `fields`."""
        motion_id = fields.pop("motion_id", "m1")
        content = {
            "signed_by": list(signers),
            "choices": [] if fields.get("spoiled") else ["for"],
            "spoiled": False,
            "scan_sha256": sha(9),
            "received_at": self.ledger.now_ms,
            **fields,
        }
        return self.act(
            self.clerks[clerk],
            "enter_paper",
            motion_id=motion_id,
            unit_id=unit,
            content=content,
        )

    def hand_counts(
        self, motion_id: str = "m1", /, spoiled: int = 0, **options: int
    ) -> tuple[bytes, bytes]:
        """Both clerks' own count; options by name."""
        return (
            self.hand_count("clerk-a", motion_id, spoiled, **options),
            self.hand_count("clerk-b", motion_id, spoiled, **options),
        )

    def hand_count(
        self, clerk: str, motion_id: str = "m1", /, spoiled: int = 0, **options: int
    ) -> bytes:
        """One clerk's own count."""
        return self.act(
            self.clerks[clerk],
            "record_hand_count",
            motion_id=motion_id,
            sheets_count=sum(options.values()) + spoiled,
            spoiled_count=spoiled,
            options=[
                {"option": name, "sheets_count": count} for name, count in sorted(options.items())
            ],
            evidence_sha256=HASH,
        )

    # --- Sales ---

    async def sell(self, unit: str, *buyers: str, at: int | None = None) -> None:
        """Transfer a unit; buyers get credentials."""
        now = await self.ask("unit", unit_id=unit)
        await self.done(
            Org.REGULATOR,
            "transfer_unit",
            unit_id=unit,
            version=now["version"],
            owners=[{"owner_id": buyer, "num": 1, "den": len(buyers)} for buyer in buyers],
            at=self.ledger.now_ms if at is None else at,
            evidence_sha256=HASH,
        )
        for buyer in buyers:
            if buyer not in self.people:
                await self.owner(buyer)


async def paper_town(**rule: Any) -> Commons:
    """A town with an open motion whose rule takes paper."""
    channels = {"paper": True, **rule.pop("channels", {})}
    town = await Commons().settle(rules=[without_reviews(channels=channels, **rule)])
    await town.open_motion()
    return town


def usual_rows() -> list[dict[str, Any]]:
    """Six units of 100 m2, each of one owner, in two buildings."""
    return [
        unit_row(f"{1 + number // 3}-1-{number + 1}", f"o{number + 1}")
        for number in range(OWNERS_COUNT)
    ]


UNITS = tuple(row["unit_id"] for row in usual_rows())
