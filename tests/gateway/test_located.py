"""Where a community is: asked of few channels at once, remembered, and for a moment that it is
nowhere.
"""

import asyncio
from collections import Counter

import pytest

from chaincode.errors import NotAllowed, NotFound, Refusal
from gateway import located
from gateway.errors import Busy, LedgerError
from gateway.located import ABSENT_S, CHANNELS_ASKED_MAX, SEARCHES_MAX, LocatedCommunities


class Network:
    """Channels, and what is on them."""

    def __init__(self, *channels: str, **places: str) -> None:
        self.channels = list(channels)
        self.places = places
        self.troubles: dict[str, LedgerError | Refusal] = {}
        self.now_s = 100.0
        self.asked: Counter[str] = Counter()
        self.at_once = self.at_once_max = 0
        self.located = LocatedCommunities(
            lambda: self.channels, self.ask, lambda: self.now_s, expected=["expected"]
        )

    async def ask(self, channel: str, community: str) -> None:
        self.asked[channel] += 1
        self.at_once += 1
        self.at_once_max = max(self.at_once, self.at_once_max)
        await asyncio.sleep(0)
        self.at_once -= 1
        if channel in self.troubles:
            raise self.troubles[channel]
        if self.places.get(community) != channel:
            raise NotFound("community/unknown")

    async def unknown(self, community: str) -> None:
        with pytest.raises(NotFound, match="community/unknown"):
            await self.located.channel_of(community)


def many(count: int) -> list[str]:
    return [f"channel-{number:03}" for number in range(count)]


async def test_the_channel_of_the_same_name_is_asked_alone_and_once() -> None:
    network = Network("a", "b", "c", b="b")
    assert [await network.located.channel_of("b") for _ in "123"] == ["b"] * 3
    assert network.asked == {"b": 1}
    assert network.located.names == {"b"}


async def test_another_name_is_looked_for_everywhere() -> None:
    network = Network("a", "b", "c", town="c")
    assert [await network.located.channel_of("town") for _ in "12"] == ["c", "c"]
    assert network.asked == {"a": 1, "b": 1, "c": 1}


async def test_of_two_channels_the_earlier_one_counts() -> None:
    network = Network("a", "b", "c", town="b")

    async def both(channel: str, community: str) -> None:
        if channel != "c":
            await network.ask(channel, community)

    assert await LocatedCommunities(lambda: network.channels, both).channel_of("town") == "b"


async def test_few_channels_are_asked_at_once() -> None:
    network = Network(*many(100))
    await network.unknown("town")
    assert network.at_once_max == CHANNELS_ASKED_MAX
    assert network.asked.total() == 100


async def test_few_communities_are_looked_for_at_once() -> None:
    network = Network(*many(100))
    await asyncio.gather(*(network.unknown(f"town-{number}") for number in range(20)))
    assert network.at_once_max <= CHANNELS_ASKED_MAX * SEARCHES_MAX


async def test_many_who_ask_for_one_that_is_nowhere_cost_few_searches() -> None:
    network = Network(*many(10))
    await asyncio.gather(*(network.unknown("town") for _ in range(50)))
    assert network.asked.total() <= 10 * SEARCHES_MAX


async def test_that_it_is_nowhere_holds_for_a_moment() -> None:
    network = Network("a", "b")
    await network.unknown("town")
    network.places["town"] = "b"
    network.now_s += ABSENT_S - 0.01
    await network.unknown("town")
    assert network.asked.total() == 2
    network.now_s += 0.01
    assert await network.located.channel_of("town") == "b"


async def test_it_does_not_hold_for_a_channel_that_came() -> None:
    network = Network("a")
    await network.unknown("town")
    network.channels.append("b")
    network.places["town"] = "b"
    assert await network.located.channel_of("town") == "b"


async def test_it_does_not_hold_for_the_channel_of_the_same_name() -> None:
    network = Network("a", "town")
    await network.unknown("town")
    network.places["town"] = "town"
    assert await network.located.channel_of("town") == "town"


async def test_it_does_not_hold_for_what_is_opened_here() -> None:
    network = Network("a")
    await network.unknown("town")
    network.places["town"] = "a"
    network.located.forget_absent("town")
    network.located.forget_absent("never-asked-for")
    assert await network.located.channel_of("town") == "a"


async def test_it_does_not_hold_for_what_is_expected_to_be_opened() -> None:
    """The gateway's own services, the bank's desk say, ask for it before it is there."""
    network = Network("a")
    await network.unknown("expected")
    network.places["expected"] = "a"
    assert await network.located.channel_of("expected") == "a"


async def test_a_channel_that_does_not_answer_is_passed_over() -> None:
    network = Network("a", "b", town="b")
    network.troubles["a"] = Busy("UNAVAILABLE")
    assert await network.located.channel_of("town") == "b"


async def test_it_is_not_nowhere_as_long_as_one_does_not_answer() -> None:
    network = Network("a", "b", town="a")
    network.troubles["a"] = Busy("UNAVAILABLE")
    with pytest.raises(Busy):
        await network.located.channel_of("town")
    del network.troubles["a"]
    assert await network.located.channel_of("town") == "a"


async def test_the_channel_of_the_same_name_is_waited_for() -> None:
    network = Network("a", "town", town="a")
    network.troubles["town"] = Busy("UNAVAILABLE")
    with pytest.raises(Busy):
        await network.located.channel_of("town")
    assert network.asked == {"town": 1}


@pytest.mark.parametrize("channel", ["a", "town"])
async def test_another_refusal_is_told(channel: str) -> None:
    network = Network("a", "town")
    network.troubles[channel] = NotAllowed("caller/not-member")
    with pytest.raises(NotAllowed):
        await network.located.channel_of("town")


async def test_without_a_channel_it_is_nowhere() -> None:
    await Network().unknown("town")


async def test_what_is_remembered_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(located, "COMMUNITIES_MAX", 2)
    network = Network("a", **dict.fromkeys(("x", "y", "z"), "a"))
    for name in ("x", "y", "z", "z"):
        assert await network.located.channel_of(name) == "a"
    assert network.located.names == {"x", "y"}
    assert network.asked["a"] == 4
    for name in ("n1", "n2", "n3", "n3", "n2", "n1"):
        await network.unknown(name)
    assert network.asked["a"] == 4 + 4
