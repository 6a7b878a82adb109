"""One transaction's view of the ledger, and records to bytes and back."""

import json

import msgspec
import pytest

from chaincode import codec, keys
from chaincode.errors import REFUSALS, BadInput, NotFound, Refusal, parse_refusal
from chaincode.model.base import Record
from chaincode.world import World
from tests.support.memory_ledger import FakeLedger, FakeTransaction


class Note(Record):
    text: str
    number: int = 0


class Other(Record):
    text: str


def transaction(ledger: FakeLedger) -> tuple[FakeTransaction, World]:
    opened = ledger.transaction("BankMSP", "x")
    return opened, World(opened, "fuzemen")


async def noted(*names: str) -> FakeLedger:
    ledger = FakeLedger()
    opened, world = transaction(ledger)
    for name in names:
        world.save(f"fuzemen/note/{name}", Note(text=name))
    world.flush()
    opened.commit()
    return ledger


async def test_a_transaction_sees_its_own_writes() -> None:
    _, world = transaction(await noted("a"))
    assert await world.find("fuzemen/note/b", Note) is None
    world.save("fuzemen/note/b", Note(text="new"))
    world.delete("fuzemen/note/a")
    assert await world.find("fuzemen/note/b", Note) == Note(text="new")
    assert await world.find("fuzemen/note/a", Note) is None
    with pytest.raises(NotFound, match="note/unknown"):
        await world.load("fuzemen/note/a", Note, "note/unknown")


async def test_a_scan_sees_its_own_writes() -> None:
    _, world = transaction(await noted("a", "b", "c"))
    world.save("fuzemen/note/b", Note(text="changed"))
    world.save("fuzemen/note/aa", Note(text="new"))
    world.save("fuzemen/note", Note(text="outside"))
    world.save("fuzemen/notes/x", Note(text="outside"))
    world.delete("fuzemen/note/c")
    found = await world.scan("fuzemen/note", Note)
    assert [(key[-2:].strip("/"), note.text) for key, note in found] == [
        ("a", "a"),
        ("aa", "new"),
        ("b", "changed"),
    ]


def spoil(world: World, *names: str) -> None:
    """Save these notes, delete those named in capitals, and fail."""
    with world.all_or_nothing():
        for name in names:
            key = f"fuzemen/note/{name.lower()}"
            world.delete(key) if name.isupper() else world.save(key, Note(text="inside"))
        world.emit(Note(text="inside"))
        raise BadInput("note/bad")


async def test_what_fails_is_taken_back_alone() -> None:
    opened, world = transaction(await noted())
    world.save("fuzemen/note/a", Note(text="before"))
    world.emit(Note(text="before"))
    with pytest.raises(BadInput):
        spoil(world, "a", "b")
    world.flush()
    assert opened.writes == {"fuzemen/note/a": b'{"number":0,"text":"before"}'}
    assert opened.event == ("commonhold", b'[{"number":0,"text":"before"}]')


async def test_what_is_taken_back_is_as_it_was_for_every_reader() -> None:
    opened, world = transaction(await noted("a", "b"))
    world.delete("fuzemen/note/a")
    world.save("fuzemen/note/c", Note(text="kept"))
    with pytest.raises(BadInput):
        spoil(world, *"aaBcdb")
    with world.all_or_nothing():
        world.save("fuzemen/note/e", Note(text="later"))
    found = await world.scan("fuzemen/note", Note)
    assert [(key[-1], note.text) for key, note in found] == [
        ("b", "b"),
        ("c", "kept"),
        ("e", "later"),
    ]
    assert await world.find("fuzemen/note/a", Note) is None
    assert await world.find("fuzemen/note/b", Note) == Note(text="b")
    assert await world.find("fuzemen/note/d", Note) is None
    world.flush()
    assert sorted(opened.writes) == [f"fuzemen/note/{name}" for name in "ace"]


async def test_a_key_is_read_once() -> None:
    opened, world = transaction(await noted("a"))
    await world.prefetch(["fuzemen/note/a", "fuzemen/note/b", "fuzemen/note/a"])
    opened.ledger.histories.clear()
    assert await world.find("fuzemen/note/a", Note) == Note(text="a")
    assert await world.find("fuzemen/note/b", Note) is None
    assert await world.find("fuzemen/note/a", Note) == Note(text="a")


async def test_a_record_of_another_kind_is_a_defect() -> None:
    _, world = transaction(await noted("a"))
    await world.find("fuzemen/note/a", Note)
    with pytest.raises(TypeError, match="a Note stands where a Other is read"):
        await world.find("fuzemen/note/a", Other)


async def test_a_record_that_cannot_be_read_is_a_defect_and_no_refusal() -> None:
    _, world = transaction(await noted("a"))
    with pytest.raises(msgspec.ValidationError):
        await world.find("fuzemen/note/a", Other)


# --- Keys ---


@pytest.mark.parametrize("bad", ["", "a/b", "/", "a/", "-a", "a b", "业主", "a\n", "a" * 65])
def test_a_part_of_a_key_is_an_id(bad: str) -> None:
    for make in (
        lambda: keys.community(bad),
        lambda: keys.unit(bad, "x"),
        lambda: keys.unit("fuzemen", bad),
        lambda: keys.owner_unit("fuzemen", "x", bad),
        lambda: keys.owner_unit("fuzemen", bad, "x"),
    ):
        with pytest.raises(BadInput, match="input/bad-id"):
            make()


def test_a_range_holds_what_is_below_and_nothing_else() -> None:
    start, end = keys.below(keys.owner_units("fuzemen", "o1"))
    assert start <= keys.owner_unit("fuzemen", "o1", "0") < end
    assert start <= keys.owner_unit("fuzemen", "o1", "z" * 64) < end
    for outside in ("o10", "o1.", "o1-", "o0", "o2"):
        assert not start <= keys.owner_unit("fuzemen", outside, "x") < end


# --- Bytes ---


def test_one_spelling() -> None:
    note = Note(text="业主", number=3)
    assert codec.encode(note) == '{"number":3,"text":"业主"}'.encode()
    assert codec.decode(codec.encode(note), Note) == note
    assert codec.encode_many([note]) == b"[" + codec.encode(note) + b"]"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b'{"text":1}',
        b'{"text":"a","number":1.0}',
        b'{"text":"a","number":1e3}',
        b'{"text":"a","more":1}',
        b'{"number":1}',
        b'{"text":"a"} x',
        b'\xef\xbb\xbf{"text":"a"}',
        b'{"text":"\xff"}',
        b'{"text":"\\ud800"}',
    ],
)
def test_what_cannot_be_read(data: bytes) -> None:
    for read in (codec.decode, codec.decode_unambiguous):
        with pytest.raises(BadInput, match="input/malformed"):
            read(data, Note)


@pytest.mark.parametrize(
    "data",
    [
        b'{"text":"a","text":"a"}',
        b'{"text":"a","\\u0074ext":"b"}',
        b'{"number":1,"text":"a","number":2}',
    ],
)
def test_a_field_named_twice(data: bytes) -> None:
    with pytest.raises(BadInput, match="input/duplicate-field"):
        codec.decode_unambiguous(data, Note)


@pytest.mark.parametrize(
    "data", [b'{"text":"a"}', b' { "text" : "a" } ', b'{"number":1,"text":"\\u4e1a"}']
)
def test_any_honest_spelling_is_read(data: bytes) -> None:
    assert codec.decode_unambiguous(data, Note) == Note(**json.loads(data))


# --- Refusals ---


@pytest.mark.parametrize("kind", REFUSALS.values())
def test_a_refusal_survives_its_message(kind: type[Refusal]) -> None:
    for refusal in (kind("unit/unknown"), kind("unit/unknown", version=3, unit="业-1")):
        found = parse_refusal(refusal.status, str(refusal))
        assert type(found) is kind
        assert found is not None
        assert (found.code, found.details) == (refusal.code, refusal.details)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (500, "unit/unknown"),
        (404, "no code here"),
        (404, "unit/unknown {"),
        (404, "unit/unknown []"),
        (404, ""),
    ],
)
def test_what_is_no_refusal_of_ours(status: int, message: str) -> None:
    assert parse_refusal(status, message) is None
