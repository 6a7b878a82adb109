"""Random communities vote through the contract; a naive model and oracle must agree each time."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from chaincode import codec
from chaincode.model.ballot import Ballot
from chaincode.model.base import Org
from chaincode.model.result import Result
from tests.support import oracle
from tests.support.community import OBJECTION_MS, Commons, as_rule, without_reviews
from tests.support.town import HASH, unit_row
from tests.support.vote_model import Home, VoteModel

T = TypeVar("T")

STEPS_MIN = 15
"""How much happens before the end and the count, at least."""

OWNERS = ("ann", "ben", "cy", "dee", "eve")
BUYERS = ("xu", "yan")
OPTIONS = ("for", "against", "abstain")
MEASURES = {"area_dm2": "area", "heads": "heads", "lots": "lots"}
PLACES = tuple(f"1-1-{number}" for number in range(1, 8))

owner_sets = st.lists(st.sampled_from(OWNERS), min_size=1, max_size=2, unique=True)
choices = st.sampled_from(OPTIONS)
places = st.integers(0, len(PLACES) - 1)
variations = st.fixed_dictionaries(
    {
        "revote": st.sampled_from(["last-counts", "irrevocable"]),
        "co_owner": st.sampled_from(["representative", "all-sign"]),
        "head_split": st.sampled_from(["neither", "majority-area"]),
        "abstain_participates": st.booleans(),
        "precedence": st.sampled_from(["online", "paper", "latest", "first"]),
        "owner_overrides": st.booleans(),
    }
)


class VoteMachine(RuleBasedStateMachine):
    """Owners cast, cast again, send proxies, hand in paper and sell; then all is counted."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.grants = 0
        self.steps = 0
        self.result: dict[str, Any] | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        try:
            if hasattr(self, "model") and self.result is None:
                self.count()
        finally:
            self.loop.close()

    @initialize(
        owners=st.lists(owner_sets, min_size=2, max_size=4),
        areas=st.lists(st.integers(1, 20_000), min_size=len(PLACES), max_size=len(PLACES)),
        named=st.booleans(),
        terms=variations,
    )
    def begin(
        self, owners: list[list[str]], areas: list[int], named: bool, terms: dict[str, Any]
    ) -> None:
        terms = dict(terms)
        channels = {"paper": True, "precedence": terms.pop("precedence")}
        proxy = {"allowed": True, "owner_overrides": terms.pop("owner_overrides")}
        data = without_reviews(channels=channels, proxy=proxy, **terms)
        rows, homes = [], {}
        for unit, area, names in zip(PLACES, areas, owners, strict=False):
            speaker = names[0] if named and len(names) > 1 else None
            rows.append(unit_row(unit, *names, area_dm2=area, representative=speaker))
            homes[unit] = Home(area, frozenset(names), frozenset(names), 0, speaker)
        self.town = self.run(Commons().settle(rows, rules=[data]))
        for name in (*OWNERS, *BUYERS):
            if name not in self.town.people:
                self.run(self.on_register(name))
        notice = self.run(self.town.open_motion())["publication"]
        self.model = VoteModel(as_rule(data), homes, notice["opens_at"], notice["closes_at"])
        now = self.town.ledger.now_ms
        for home in homes.values():
            home.since = now

    async def on_register(self, name: str) -> None:
        """Everybody owns a parking place, so that all have credentials; it does not vote."""
        await self.town.add_units([unit_row(f"9-1-{name}", name, use="parking")])
        await self.town.owner(name)

    # --- Steps ---

    def tick(self, ms: int = 1_000) -> int:
        self.steps += 1
        self.town.ledger.now_ms += ms
        return self.town.ledger.now_ms

    def unit(self, place: int) -> str:
        units = list(self.model.homes)
        return units[place % len(units)]

    def expect(self, act: bytes, accepted: bool) -> None:
        outcome = self.run(self.town.carry(act))
        assert (outcome.status == 200) is accepted, outcome

    @rule(who=st.sampled_from((*OWNERS, *BUYERS)), place=places, choice=choices, more=st.booleans())
    @precondition(lambda self: self.result is None)
    def cast(self, who: str, place: int, choice: str, more: bool) -> None:
        now = self.tick()
        units = [self.unit(place)]
        if more and self.unit(place + 1) not in units:
            units.append(self.unit(place + 1))
        act = self.town.ballot(who, *units, choices=[choice])
        self.expect(act, self.model.cast(who, units, choice, now, now, None))

    @rule(place=places, choice=choices)
    @precondition(lambda self: self.result is None)
    def cast_as_an_owner(self, place: int, choice: str) -> None:
        """As `cast`, by somebody who owns the unit: most such ballots are taken."""
        owners = sorted(self.model.homes[self.unit(place)].owners)
        self.cast(owners[0], place, choice, False)

    @rule(place=places, choice=choices)
    @precondition(lambda self: self.result is None)
    def cast_a_held_back_act(self, place: int, choice: str) -> None:
        """A gateway releases an act after one that was signed later."""
        unit = self.unit(place)
        who = sorted(self.model.homes[unit].owners)[0]
        signed = self.tick()
        act = self.town.ballot(who, unit, choices=[choice])
        self.cast(who, place, "for", False)
        now = self.tick()
        self.expect(act, self.model.cast(who, [unit], choice, signed, now, None))

    @rule(place=places, choice=choices, proxy=st.sampled_from(OWNERS))
    @precondition(lambda self: self.result is None)
    def cast_by_proxy(self, place: int, choice: str, proxy: str) -> None:
        unit = self.unit(place)
        owner = sorted(self.model.homes[unit].owners)[-1]
        if owner == proxy:
            return
        self.grants += 1
        now = self.tick()
        terms = {
            "grant_id": f"g{self.grants}",
            "proxy_id": proxy,
            "unit_ids": [unit],
            "evidence_sha256": HASH,
            "from_at": now,
            "until_at": now + 40 * 86_400_000,
        }
        self.expect(self.town.act(self.town.people[owner], "grant_proxy", **terms), True)
        now = self.tick()
        act = self.town.ballot(proxy, unit, choices=[choice], grant_id=terms["grant_id"])
        self.expect(act, self.model.cast(proxy, [unit], choice, now, now, owner))

    @rule(
        place=places,
        choice=st.sampled_from((*OPTIONS, "spoiled", "spoiled")),
        signers=owner_sets,
        owned=st.sampled_from((True, True, True, False)),
        ago_ms=st.sampled_from((0, 1, 1_500, 10_000)),
    )
    @precondition(lambda self: self.result is None)
    def hand_in_paper(
        self, place: int, choice: str, signers: list[str], owned: bool, ago_ms: int
    ) -> None:
        unit = self.unit(place)
        received = self.tick() - ago_ms
        names = self.model.homes[unit].owners if owned else frozenset(signers)
        spoiled = {"spoiled": True} if choice == "spoiled" else {"choices": [choice]}
        accepted = self.model.paper(unit, names, choice, received)
        for clerk in ("clerk-a", "clerk-b"):
            fields = {"received_at": received, **spoiled}
            self.expect(self.town.paper(unit, *sorted(names), clerk=clerk, **fields), accepted)

    @rule(place=places, buyer=st.sampled_from(BUYERS))
    @precondition(lambda self: self.result is None)
    def sell(self, place: int, buyer: str) -> None:
        unit = self.unit(place)
        if self.model.homes[unit].owners != {buyer}:
            now = self.tick()
            self.run(self.town.sell(unit, buyer))
            self.model.sell(unit, buyer, now)

    @rule(who=st.sampled_from(OWNERS), place=places, choice=choices)
    @precondition(lambda self: self.result is None and self.steps > STEPS_MIN)
    def the_end_comes(self, who: str, place: int, choice: str) -> None:
        """Nothing that is cast after the end is taken, closed or not."""
        self.run(self.town.ended())
        self.cast(who, place, choice, False)

    # --- The end ---

    @rule()
    @precondition(lambda self: self.result is None and self.steps > STEPS_MIN)
    def count(self) -> None:
        self.run(self.town.closed())
        self.model.closed = True
        hand = self.model.hand_count()
        spoiled = hand.pop("spoiled", 0)
        self.run(self.town.agreed(*self.town.hand_counts(spoiled=spoiled, **hand)))
        self.result = self.run(self.town.done(Org.BANK, "count_motion", motion_id="m1"))
        self.compare(codec.decode(json.dumps(self.result), Result))

    def compare(self, result: Result) -> None:
        rule_, tally = self.model.rule, result.tally
        units, ballots = self.model.units(), self.model.ballots()
        expected = oracle.count(rule_, units, ballots, list(OPTIONS), set())
        for entry in tally.options:
            assert _few(oracle.amounts(entry.cast)) == _few(expected["cast"][entry.option])
        for name in ("participating", "returned", "not_returned", "spoiled"):
            assert _few(oracle.amounts(getattr(tally, name))) == _few(expected[name]), name
        assert _few(oracle.amounts(result.totals)) == _few(expected["totals"])
        assert result.decision.outcome == oracle.verdict(rule_, tally, result.totals)
        valid = sum(entry.cast.area_dm2 for entry in tally.options)
        assert valid + tally.spoiled.area_dm2 == tally.returned.area_dm2
        assert tally.ballots_count == len(ballots)

    @rule(who=st.sampled_from(OWNERS), place=places, choice=choices)
    @precondition(lambda self: self.result is not None)
    def nothing_changes_a_result(self, who: str, place: int, choice: str) -> None:
        unit = self.unit(place)
        self.tick(OBJECTION_MS)
        self.expect(self.town.ballot(who, unit, choices=[choice]), False)
        self.expect(self.town.paper(unit, *sorted(self.model.homes[unit].owners)), False)
        again = self.run(self.town.done(Org.PROPERTY, "count_motion", motion_id="m1"))
        assert again == self.result
        final = self.run(self.town.done(Org.PROPERTY, "finalise_motion", motion_id="m1"))
        assert final["decision"] == again["decision"]

    @invariant()
    def one_ballot_of_a_unit(self) -> None:
        if not hasattr(self, "model"):
            return
        prefix = "fuzemen/ballot/m1/"
        state = self.town.ledger.state()
        found = [codec.decode(v, Ballot) for k, v in state.items() if k.startswith(prefix)]
        assert {ballot.unit_id: ballot.choices[0] for ballot in found} == {
            unit: ballot["choice"] for unit, ballot in self.model.online.items()
        }
        assert len(found) == len(self.model.online)


def _few(amounts: dict[str, int]) -> dict[str, int]:
    return {name: amounts[name] for name in MEASURES.values()}


TestVotes = VoteMachine.TestCase
TestVotes.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
