"""Event streams: nothing missing, nothing twice, nothing for the wrong eyes, nobody in the way."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.access import Reader, Who
from gateway.appkeys import STOPPING
from gateway.live import stream as stream_module
from gateway.live import tail as tail_module
from gateway.live.part import LIVE
from gateway.live.stream import STREAMS_PER_CREDENTIAL_MAX, Stream
from gateway.live.visible import FOR_MEMBERS, may_see
from gateway.projection.answers import Position, parse_position
from gateway.projection.readmodel import BEGINNING
from tests.support.api import as_
from tests.support.readmodel import Desk, desk

OWNER = as_(Who.OWNER, "o1")
Told = tuple[str, str, dict[str, Any]]


class Listener:
    """Reads a stream message by message; the last id as a browser keeps it."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.last_id = ""

    async def next(self) -> Told | None:
        """The next event; None at the end of the stream."""
        fields: dict[str, str] = {}
        async for line in self._answer.content:
            text = line.decode().rstrip("\n")
            if text:
                name, _, value = text.partition(": ")
                fields[name] = value
                continue
            self.last_id = fields.get("id", self.last_id)
            if "data" in fields:
                return self.last_id, fields["event"], json.loads(fields["data"])
            fields = {}
        return None

    async def take(self, count: int) -> list[Told]:
        async with asyncio.timeout(60):
            found = [await self.next() for _ in range(count)]
        assert None not in found
        return [one for one in found if one is not None]


@asynccontextmanager
async def listening(at: Desk, who: str = OWNER, last_id: str = "") -> AsyncIterator[Listener]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    answer = await at.api.get("/events", who, headers=headers)
    assert answer.status == 200, await answer.text()
    assert answer.content_type == "text/event-stream"
    yield Listener(answer)
    answer.close()


async def test_from_the_beginning_every_event_comes_once_in_order(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        events = await at.model.events("fuzemen", BEGINNING, limit=1000)
        async with listening(at, last_id="0:0:0") as listener:
            told = await listener.take(len(events))
        assert [one[0] for one in told] == [str(event.position) for event in events]
        assert [one[1] for one in told] == [event.name for event in events]
        assert all(
            one[2] == json.loads(event.payload) | {"tx_id": event.tx_id, "at": event.at}
            for one, event in zip(told, events, strict=True)
        )


async def test_whoever_comes_back_goes_on_right_behind(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        events = await at.model.events("fuzemen", BEGINNING, limit=1000)
        for known in range(0, len(events) - 1, 4):
            last_id = str(events[known].position)
            async with listening(at, last_id=last_id) as listener:
                told = await listener.take(len(events) - known - 1)
            assert [one[0] for one in told] == [str(one.position) for one in events[known + 1 :]]


async def test_new_events_arrive_and_a_stream_joins_old_and_new(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, listening(at) as fresh, listening(at, last_id="0:0:0") as old:
        before = await at.model.events("fuzemen", BEGINNING, limit=1000)
        told = await old.take(len(before))
        await at.town.drafted("m1")
        await at.town.drafted("m2")
        await at.catch_up(per_block=1)
        assert [one[2]["motion_id"] for one in await fresh.take(2)] == ["m1", "m2"]
        told += await old.take(2)
        assert len({one[0] for one in told}) == len(before) + 2


async def test_who_took_part_is_not_told_to_the_company(tmp_path: Path) -> None:
    async with (
        desk(tmp_path) as at,
        listening(at, as_(Who.COMPANY_CLERK)) as clerk,
        listening(at) as owner,
    ):
        await at.town.open_motion()
        await at.town.agreed(at.town.ballot("o1", "1-1-1"))
        await at.town.counted()
        await at.catch_up()
        seen: set[str] = set()
        while "ResultPreliminary" not in seen:
            seen |= {one[1] for one in await owner.take(1)}
        assert "BallotsCast" in seen
        told: set[str] = set()
        while "ResultPreliminary" not in told:
            told |= {one[1] for one in await clerk.take(1)}
        assert told <= FOR_MEMBERS
        assert clerk.last_id == owner.last_id


def test_unknown_events_are_for_owners_and_offices_only() -> None:
    for who in Who:
        expected = who in {
            Who.OWNER, Who.COMMITTEE_MEMBER, Who.REPRESENTATIVE, Who.REGULATOR_CLERK, Who.ARBITRATOR
        }  # fmt: skip
        assert may_see(Reader(who=who), "SomethingNew") == expected


def test_every_event_for_members_exists() -> None:
    contract = Path(__file__).parents[3] / "chaincode" / "contract"
    text = "".join(file.read_text() for file in contract.glob("*.py"))
    assert [name for name in sorted(FOR_MEMBERS) if f'"{name}"' not in text] == []


@pytest.mark.parametrize("last_id", ["x", "1:2", "1:2:3:4", "-1:0:0", "1:0:" + "9" * 17, "１:0:0"])
async def test_an_id_that_is_none_is_refused(tmp_path: Path, last_id: str) -> None:
    async with desk(tmp_path) as at:
        answer = await at.api.get("/events", OWNER, headers={"Last-Event-ID": last_id})
        assert (answer.status, (await answer.json())["code"]) == (400, "gateway/bad-parameter")


async def test_a_credential_has_so_many_streams(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        open_streams = [
            await at.api.get("/events", OWNER) for _ in range(STREAMS_PER_CREDENTIAL_MAX)
        ]
        answer = await at.api.get("/events", OWNER)
        assert (answer.status, answer.headers["Retry-After"]) == (429, "2")
        other = await at.api.get("/events", as_(Who.OWNER, "o2"))
        assert other.status == 200
        for one in [*open_streams, other]:
            one.close()


async def test_a_stop_ends_the_streams(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, listening(at) as listener:
        at.app[STOPPING].set()
        async with asyncio.timeout(60):
            assert await listener.next() is None


class _Response:
    """A client's end of a connection that takes bytes only while `takes` is set; `held` once bytes
    wait for that."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.takes = asyncio.Event()
        self.takes.set()
        self.held = asyncio.Event()

    async def write(self, data: bytes) -> None:
        if not self.takes.is_set():
            self.held.set()
        await self.takes.wait()
        self.texts.append(data.decode())


async def test_a_client_that_takes_nothing_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "SEND_S_MAX", 0.05)
    async with desk(tmp_path) as at:
        response = _Response()
        response.takes.clear()
        reader = Reader(who=Who.OWNER, community="fuzemen")
        slow = Stream(response, reader, "fuzemen", at.app[LIVE].tails["fuzemen"])  # type: ignore[arg-type]
        async with asyncio.timeout(60):
            await slow.run(at.model, None, asyncio.Event())
        assert response.texts == []


async def test_a_client_too_far_behind_is_told_where_to_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_module, "EVENTS_MAX", 2)
    async with desk(tmp_path) as at:
        tail = at.app[LIVE].tails["fuzemen"]
        response = _Response()
        reader = Reader(who=Who.OWNER, community="fuzemen")
        behind = Stream(response, reader, "fuzemen", tail)  # type: ignore[arg-type]
        running = asyncio.create_task(behind.run(at.model, None, asyncio.Event()))
        async with asyncio.timeout(60):
            while len(response.texts) < 2:
                await asyncio.sleep(0)
            response.takes.clear()
            await at.town.drafted("m0")
            await at.catch_up()
            await response.held.wait()  # with all that there is so far: it is live
            sent = tail.end
            assert sent is not None
            for number in range(1, 4):
                await at.town.drafted(f"m{number}")
            await at.catch_up(per_block=1)
            while tail.after(sent) is not None:
                await asyncio.sleep(0)
            response.takes.set()
            await running
        assert response.texts[-1].startswith("event: behind\ndata: ")
        resume = json.loads(response.texts[-1].partition("data: ")[2])["resume"]
        missed = await at.model.events("fuzemen", _last(response), limit=100)
        assert resume == str(_last(response))
        assert missed


def _last(response: _Response) -> Position:
    ids = [line for text in response.texts for line in text.splitlines() if line.startswith("id: ")]
    return parse_position(ids[-1].removeprefix("id: "))
