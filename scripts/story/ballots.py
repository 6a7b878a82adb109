"""How owners answer a motion: most on their phones, some by proxy, some on paper, some not at all.

Who does what is drawn once from a seed and the roll alone, so the figures are the same in every
run. Each act is signed with the owner's own key and goes through the gateway of whichever
organisation comes first for that owner.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from chaincode.model.base import Org
from scripts.story.clock import DAY_MS, now_ms
from scripts.story.desks import Desk
from scripts.story.foundation import evidence
from scripts.story.motions import reached, view
from scripts.story.people import Owner
from scripts.story.places import ORGS
from scripts.story.staff import REGULATOR_CLERK, SECOND_CLERK, clerk_of
from scripts.story.world import World

SEED: Final = 8_500
AT_ONCE: Final = 400
"""Owners who answer at the same time: the more, the fewer transactions carry their acts."""
MARGIN_MS: Final = 3_000
"""The window is extended when less is left and owners still vote."""
SLOWEST_AHEAD: Final = 3
"""And when less is left than so many of the slowest extension took."""
LOOK_S: Final = 0.5


class Way(StrEnum):
    """How an owner answers."""

    ONLINE = "online"
    AGAIN = "again"
    """Answers, and then otherwise: the last word counts."""
    PROXY = "proxy"
    PAPER = "paper"
    SPOILED = "spoiled"
    AWAY = "away"


PLAIN: Final = {Way.ONLINE: 88, Way.AWAY: 12}
MIXED: Final = {
    Way.ONLINE: 63,
    Way.AGAIN: 8,
    Way.PROXY: 7,
    Way.PAPER: 6,
    Way.SPOILED: 1,
    Way.AWAY: 15,
}

Choose = Callable[[random.Random], list[str]]
"""What an owner chooses."""


def mostly_for(rng: random.Random) -> list[str]:
    """A clear majority in favour."""
    return rng.choices((["for"], ["against"], ["abstain"]), (70, 22, 8))[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one owner does; `before` is what the owner chose first and took back."""

    owner: Owner
    way: Way
    choices: list[str]
    proxy: Owner | None = None
    before: list[str] | None = None


def draw(
    owners: Sequence[Owner], motion_id: str, ways: Mapping[Way, int], choose: Choose
) -> tuple[Answer, ...]:
    """What each owner who speaks for a unit does; the developer never answers."""
    rng = random.Random(f"{SEED} {motion_id}")  # noqa: S311 - not for secrets
    voters = [one for one in owners if one.wards and not one.is_developer]
    answers = []
    for owner in voters:
        way = rng.choices(tuple(ways), tuple(ways.values()))[0]
        proxy = rng.choice([one for one in voters if one is not owner])
        choices, before = choose(rng), choose(rng)
        answers.append(
            Answer(
                owner,
                way,
                choices,
                proxy if way is Way.PROXY else None,
                before if way is Way.AGAIN else None,
            )
        )
    return tuple(answers)


@dataclass(slots=True)
class Poll:
    """One motion and everybody's answer to it."""

    world: World
    motion_id: str
    answers: Sequence[Answer]
    counts: Counter[str] = field(default_factory=Counter)
    _grants: set[str] = field(default_factory=set)
    """Grants that are on the ledger from a run that was stopped."""
    _sheets: dict[str, Any] = field(default_factory=dict)
    """Of each unit that answers on paper: what the clerks have entered so far."""
    _units: dict[str, Any] = field(default_factory=dict)
    """The same units as the register has them."""

    async def cast(self, desk: Desk) -> None:
        """Everybody answers while `desk` keeps the window open."""
        if (await view(self.world, self.motion_id))["phase"] != "open":
            return
        await self._look()
        casting = asyncio.ensure_future(self._everybody())
        keeping = asyncio.ensure_future(self._keep_open(desk, casting))
        await asyncio.wait((casting, keeping), return_when=asyncio.FIRST_EXCEPTION)
        keeping.cancel()
        await casting

    async def _look(self) -> None:
        """What a run that was stopped left on the ledger, and what paper sheets must name."""
        ask = self.world.ask_each
        grants = [self._grant_id(one.owner) for one in self.answers if one.way is Way.PROXY]
        found = await ask("proxy_grant", [{"grant_id": grant_id} for grant_id in grants])
        self._grants = {name for name, one in zip(grants, found, strict=True) if one is not None}
        on_paper = [one.owner.wards for one in self.answers if one.way in (Way.PAPER, Way.SPOILED)]
        units = [unit for wards in on_paper for unit in wards]
        asked = [{"unit_id": unit} for unit in units]
        self._units = dict(zip(units, await ask("unit", asked), strict=True))
        sheets = await ask("paper_sheet", [{"motion_id": self.motion_id, **one} for one in asked])
        self._sheets = dict(zip(units, sheets, strict=True))

    def _grant_id(self, owner: Owner) -> str:
        return f"{self.motion_id}-{owner.label}"

    async def _everybody(self) -> None:
        slots = asyncio.Semaphore(AT_ONCE)
        with self.world.teller.counting("answers", len(self.answers)) as one_more:

            async def one(answer: Answer) -> None:
                async with slots:
                    await self._answer(answer)
                one_more()

            async with asyncio.TaskGroup() as group:
                for answer in self.answers:
                    group.create_task(one(answer))

    async def _answer(self, answer: Answer) -> None:
        self.counts[answer.way] += 1
        match answer.way:
            case Way.ONLINE:
                await self._ballot(answer.owner, answer.owner.wards, answer.choices)
            case Way.AGAIN:
                assert answer.before is not None
                await self._ballot(answer.owner, answer.owner.wards, answer.before)
                await self._ballot(answer.owner, answer.owner.wards, answer.choices)
            case Way.PROXY:
                await self._by_proxy(answer)
            case Way.PAPER | Way.SPOILED:
                await self._on_paper(answer)
            case Way.AWAY:
                pass

    async def _ballot(
        self, owner: Owner, units: Sequence[str], choices: list[str], **fields: Any
    ) -> None:
        said = {"motion_id": self.motion_id, "unit_ids": list(units), "choices": choices, **fields}
        await self.world.act(self.world.person(owner), door(owner), "cast_ballot", **said)

    async def _by_proxy(self, answer: Answer) -> None:
        """The owner signs a grant; the proxy answers with it, as the owner wished."""
        assert answer.proxy is not None
        owner, now = answer.owner, now_ms()
        grant_id = self._grant_id(owner)
        if grant_id not in self._grants:
            await self.world.act(
                self.world.person(owner),
                door(owner),
                "grant_proxy",
                grant_id=grant_id,
                proxy_id=self.world.holder(answer.proxy),
                unit_ids=list(owner.wards),
                evidence_sha256=evidence(f"proxy form {grant_id}"),
                from_at=now - DAY_MS,
                until_at=now + DAY_MS,
                motion_id=self.motion_id,
            )
        await self._ballot(answer.proxy, owner.wards, answer.choices, grant_id=grant_id)

    async def _on_paper(self, answer: Answer) -> None:
        """Two clerks enter the same sheet, each with their own key."""
        for unit in answer.owner.wards:
            sheet = self._sheets[unit]
            entries = sheet["entries"] if sheet else []
            content = entries[0]["content"] if entries else self._sheet(answer, unit)
            for clerk in (REGULATOR_CLERK, SECOND_CLERK)[len(entries) :]:
                await self.world.act(
                    clerk_of(self.world, clerk),
                    Org.REGULATOR,
                    "enter_paper",
                    motion_id=self.motion_id,
                    unit_id=unit,
                    content=content,
                )

    def _sheet(self, answer: Answer, unit: str) -> dict[str, Any]:
        is_spoiled = answer.way is Way.SPOILED
        return {
            "signed_by": sorted(share["owner_id"] for share in self._units[unit]["owners"]),
            "choices": [] if is_spoiled else answer.choices,
            "spoiled": is_spoiled,
            "scan_sha256": evidence(f"sheet {self.motion_id} {unit}"),
            "received_at": now_ms(),
        }

    async def _keep_open(self, desk: Desk, casting: "asyncio.Future[None]") -> None:
        """Extend the window, as the rule allows, while owners still answer."""
        slowest_ms = 0
        while not casting.done():
            began_ms = now_ms()
            found = await view(self.world, self.motion_id)
            margin_ms = max(MARGIN_MS, SLOWEST_AHEAD * slowest_ms)
            if found["phase"] == "open" and found["closes_at"] - now_ms() < margin_ms:
                await desk.state("extend_motion", motion_id=self.motion_id)
                self.counts["extensions"] += 1
            slowest_ms = max(slowest_ms, now_ms() - began_ms)
            await asyncio.sleep(LOOK_S)

    # --- Paper by hand ---

    async def counted_by_hand(self, desk: Desk) -> None:
        """After the close both clerks say what they counted by hand; then the motion is counted."""
        found = await reached(self.world, self.motion_id, "closed", "preliminary", "final")
        if found["phase"] != "closed":
            return
        sheets = Counter(
            "spoiled" if one.way is Way.SPOILED else one.choices[0]
            for one in self.answers
            if one.way in (Way.PAPER, Way.SPOILED)
            for _ in one.owner.wards
        )
        spoiled = sheets.pop("spoiled", 0)
        for clerk in (REGULATOR_CLERK, SECOND_CLERK):
            await self.world.act(
                clerk_of(self.world, clerk),
                Org.REGULATOR,
                "record_hand_count",
                motion_id=self.motion_id,
                sheets_count=sheets.total() + spoiled,
                spoiled_count=spoiled,
                options=[
                    {"option": option, "sheets_count": count}
                    for option, count in sorted(sheets.items())
                ],
                evidence_sha256=evidence(f"hand count of {self.motion_id}"),
            )
        await desk.state("count_motion", motion_id=self.motion_id)


def door(owner: Owner) -> Org:
    """Whose gateway an owner uses first."""
    return ORGS[owner.number % len(ORGS)]
