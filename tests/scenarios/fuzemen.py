"""The 994 owners of the Fuzemen roll vote in batches; tally and hash are worked out apart.

Some vote again, by proxy, on paper, spoiled or for co-owned units; some stay away. Who does what
is drawn once from a seed. What is expected is kept in plain dictionaries and counted by the oracle.
"""

import asyncio
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from chaincode import codec
from chaincode.acts import ACTS_PER_TRANSACTION_MAX
from chaincode.model.base import Org
from chaincode.model.roll import UnitRow
from chaincode.model.tally import CastBallot, Tally, UnitWeight, Weights
from gateway.database import open_tables
from gateway.identity import vault
from gateway.identity.rollimport import ImportRollRequest, prepare_import, request_bytes
from gateway.identity.seal import Key
from gateway.identity.vault import Vault
from tests.scenarios.motions import counted_ballots
from tests.support import oracle
from tests.support.community import Commons, as_rule, without_reviews
from tests.support.town import DAY_MS, HASH

ROLL = Path(__file__).parents[1] / "data" / "fuzemen" / "roll.csv"
MOTION = "lifts"
SEED = 278
EXTENSION_MS = 10_000
BATCHES_AHEAD = 3
"""The window is extended while it has no room for so many of the slowest batch."""
OPTIONS = ("for", "against", "abstain")
WAYS = {"online": 58, "again": 10, "proxy": 7, "paper": 8, "spoiled": 2, "away": 15}


@dataclass(frozen=True)
class Standing:
    """The ballot of a unit that must be counted, as the voters' side knows it."""

    choice: str
    channel: str
    act_sha256: str


@dataclass
class Vote:
    """What everybody does, and what must come of it."""

    town: Commons
    units: dict[str, UnitRow]
    wards: dict[str, list[str]]
    """The units that each person votes for."""
    rng: random.Random = field(default_factory=lambda: random.Random(SEED))
    stands: dict[str, Standing] = field(default_factory=dict)
    grants: list[bytes] = field(default_factory=list)
    first: list[bytes] = field(default_factory=list)
    later: list[tuple[str, list[str], str]] = field(default_factory=list)
    """Who votes again, for which units, and how."""
    slowest_s: float = 1.0

    # --- The plan ---

    def plan(self) -> None:
        """Draw what each person does and sign it."""
        ways = self.rng.choices(tuple(WAYS), tuple(WAYS.values()), k=len(self.wards))
        for (person, units), way in zip(self.wards.items(), ways, strict=True):
            choice = self.rng.choices(OPTIONS, (60, 30, 10))[0]
            if way in ("online", "again"):
                self._cast(person, units, choice)
            if way == "again":
                self.later.append((person, units, self.rng.choice(OPTIONS)))
            if way == "proxy":
                self._proxy(person, units, choice)
            if way in ("paper", "spoiled"):
                self._paper(units, "spoiled" if way == "spoiled" else choice)

    def _proxy(self, person: str, units: list[str], choice: str) -> None:
        proxy = self.rng.choice([one for one in self.wards if one != person])
        now_ms = self.town.ledger.now_ms
        grant_id = f"g-{person}"
        terms = {
            "grant_id": grant_id,
            "proxy_id": proxy,
            "unit_ids": units,
            "evidence_sha256": HASH,
            "from_at": now_ms - DAY_MS,
            "until_at": now_ms + DAY_MS,
        }
        self.grants.append(self.town.act(self.town.people[person], "grant_proxy", **terms))
        self._cast(proxy, units, choice, grant_id=grant_id)

    def _paper(self, units: list[str], choice: str) -> None:
        for unit in units:
            said: dict[str, Any] = (
                {"spoiled": True} if choice == "spoiled" else {"choices": [choice]}
            )
            said["received_at"] = self.town.ledger.now_ms
            signers = sorted(share.owner_id for share in self.units[unit].owners)
            sheets = [
                self.town.paper(unit, *signers, clerk=clerk, motion_id=MOTION, **said)
                for clerk in ("clerk-a", "clerk-b")
            ]
            self.first += sheets
            hashes = "+".join(sorted(map(_act_sha256, sheets)))
            self.stands[unit] = Standing(choice, "paper", hashes)

    def _cast(self, person: str, units: list[str], choice: str, **fields: Any) -> None:
        said = {"motion_id": MOTION, "choices": [choice], **fields}
        act = self.town.ballot(person, *units, **said)
        self.first.append(act)
        channel = "proxy" if fields else "online"
        self.stands |= dict.fromkeys(units, Standing(choice, channel, _act_sha256(act)))

    # --- What happens ---

    async def name_representatives(self) -> None:
        """All owners of each co-owned unit name the same one of them."""
        acts = [
            self.town.act(
                self.town.people[share.owner_id],
                "name_representative",
                unit_id=unit.unit_id,
                representative=unit.owners[0].owner_id,
            )
            for unit in self.units.values()
            if len(unit.owners) > 1
            for share in unit.owners
        ]
        for batch in _batches(acts):
            await self._carry(batch)

    async def begin(self) -> dict[str, Any]:
        """Put the motion and wait until it is open; the rule it pins."""
        await self.town.done(Org.REGULATOR, "set_matter_rule", rule=_rule(self.town))
        await self.town.drafted(MOTION)
        opens_at = self.town.ledger.now_ms + self.town.notice_ms
        closes_at = opens_at + EXTENSION_MS
        motion = await self.town.published(MOTION, opens_at=opens_at, closes_at=closes_at)
        await self.town.ledger.reach(opens_at)
        self.plan()
        rule: dict[str, Any] = motion["publication"]["rule"]
        return rule

    async def send(self, acts: Sequence[bytes]) -> None:
        """Carry acts in full batches, each in an open window; all must be accepted."""
        for batch in _batches(acts):
            await self._keep_open()
            await self._carry(batch)

    async def _carry(self, batch: Sequence[bytes]) -> None:
        begun = time.monotonic()
        await self.town.agreed(*batch)
        self.slowest_s = max(self.slowest_s, time.monotonic() - begun)

    async def _keep_open(self) -> None:
        """Extend the window, as the committee may, until there is time for the next batches."""
        closes_at = (await self.town.ask("motion", motion_id=MOTION))["closes_at"]
        needed_ms = int(self.slowest_s * 1000) * BATCHES_AHEAD
        while closes_at - self.town.ledger.now_ms < needed_ms:
            motion = await self.town.done(Org.COMMITTEE, "extend_motion", motion_id=MOTION)
            closes_at = motion["extensions"][-1]["closes_at"]

    async def happen(self) -> None:
        """Everybody votes; who votes again does so after all others."""
        await self.send(self.grants)
        await self.send(self.first)
        await self.town.ledger.reach(self.town.ledger.now_ms + 2)
        self.first.clear()
        for person, units, choice in self.later:
            self._cast(person, units, choice)
        await self.send(self.first)

    # --- What must come of it ---

    def expected(self, rule: dict[str, Any]) -> dict[str, Any]:
        """The oracle's tally of the plan."""
        ballots = [
            CastBallot(
                unit_id=unit,
                choices=() if one.choice == "spoiled" else (one.choice,),
                paper=one.channel == "paper",
                spoiled=one.choice == "spoiled",
            )
            for unit, one in self.stands.items()
        ]
        weights = [_weight(unit) for unit in self.units.values()]
        return oracle.count(as_rule(rule), weights, ballots, list(OPTIONS), set())

    def hand_count(self) -> dict[str, int]:
        """Sheets by what they say."""
        return Counter(one.choice for one in self.stands.values() if one.channel == "paper")


async def settled(town: Commons, folder: Path) -> Vote:
    """The roll imported as it is, a credential for everybody, a representative where needed."""
    request = await _import_request(town.community, folder)
    await town.open()
    done = await town.ledger.submit("RegulatorMSP", "import_roll", request_bytes(request))
    assert done.status == 200, done
    owners = sorted({share.owner_id for unit in request.units for share in unit.owners})
    assert (len(request.units), len(owners)) == (948, 994)
    await asyncio.gather(town.staffed(), *(town.owner(owner) for owner in owners))
    vote = Vote(town, {unit.unit_id: unit for unit in request.units}, _wards(request))
    await vote.name_representatives()
    return vote


async def _import_request(community: str, folder: Path) -> ImportRollRequest:
    """What the regulator's office makes of the bureau's file."""
    database = await open_tables(str(folder / "owners.db"), vault.SCHEMA)
    try:
        private = await Vault.open(database, Key.new(), lambda: 1)
        return await prepare_import(community, ROLL.read_bytes(), private)
    finally:
        await database.close()


def _rule(town: Commons) -> dict[str, Any]:
    """Area and heads, with paper, and a window that may be extended in small steps."""
    times = {"extension_ms": EXTENSION_MS, "extensions_max": 1_000, "objection_ms": 0}
    return town.timed(without_reviews(channels={"paper": True}, times=times))


def _batches(acts: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for begin in range(0, len(acts), ACTS_PER_TRANSACTION_MAX):
        yield acts[begin : begin + ACTS_PER_TRANSACTION_MAX]


def _wards(request: ImportRollRequest) -> dict[str, list[str]]:
    """Each unit with its only owner, or the first of several: their representative."""
    wards: dict[str, list[str]] = defaultdict(list)
    for unit in request.units:
        wards[unit.owners[0].owner_id].append(unit.unit_id)
    return dict(wards)


def _weight(unit: UnitRow) -> UnitWeight:
    """A unit for the oracle: one head for each set of owners, one for all the developer holds."""
    unsold = unit.sale == "unsold"
    owners = "+".join(sorted(share.owner_id for share in unit.owners))
    return UnitWeight(
        unit_id=unit.unit_id,
        head_id="developer" if unsold else owners,
        area_dm2=unit.area_dm2,
        developer_unsold=unsold,
        parking=unit.use == "parking",
    )


def _act_sha256(act: bytes) -> str:
    """An act's identity: the hash of its signing input."""
    return sha256(act.rpartition(b".")[0]).hexdigest()


async def fuzemen(town: Commons, folder: Path) -> None:
    """The whole vote; every figure as the oracle has it, every ballot as its voter has it."""
    vote = await settled(town, folder)
    rule = await vote.begin()
    await vote.happen()
    await town.closed(MOTION)
    await town.agreed(*town.hand_counts(MOTION, **vote.hand_count()))
    result = await town.done(Org.BANK, "count_motion", motion_id=MOTION)
    compare(result, vote.expected(rule), rule)
    ballots = {one["unit_id"]: one for one in await counted_ballots(town, MOTION)}
    assert {unit: _standing(one) for unit, one in ballots.items()} == vote.stands
    certificate = await town.done(Org.BANK, "finalise_motion", motion_id=MOTION)
    assert certificate["ballots_sha256"] == result["ballots_sha256"]
    assert certificate["decision"] == result["decision"]


def compare(result: dict[str, Any], expected: dict[str, Any], rule: dict[str, Any]) -> None:
    """Every figure of the tally and the outcome, against the oracle's."""
    tally = result["tally"]
    cast = {entry["option"]: entry["cast"] for entry in tally["options"]}
    assert {option: _amounts(weights) for option, weights in cast.items()} == expected["cast"]
    for name in ("participating", "returned", "not_returned", "spoiled"):
        assert _amounts(tally[name]) == expected[name], name
    assert _amounts(result["totals"]) == expected["totals"]
    record = codec.decode(json.dumps(tally), Tally)
    totals = codec.decode(json.dumps(result["totals"]), Weights)
    assert result["decision"]["outcome"] == oracle.verdict(as_rule(rule), record, totals)


def _amounts(weights: dict[str, int]) -> dict[str, int]:
    return oracle.amounts(Weights(**weights))


def _standing(one: dict[str, Any]) -> Standing:
    choice = "spoiled" if one["spoiled"] else one["choices"][0]
    return Standing(choice, one["channel"], one["act_sha256"])
