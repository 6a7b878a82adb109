"""Blocks into tables: all of it, once, in order, in both databases."""

import json
from typing import Any

import pytest

from chaincode.errors import NotFound
from gateway.database import Database, Work
from gateway.projection.answers import Position
from gateway.projection.apply import (
    TABLES,
    EndorsementTerms,
    OtherChain,
    OutOfOrder,
    Projection,
)
from gateway.projection.readmodel import BEGINNING, ReadModel
from tests.support.chain import FOUNDERS, STOOD_IN, Chain
from tests.support.community import Commons

TERMS = EndorsementTerms(required=FOUNDERS, substitute="RegulatorMSP")
MVCC_READ_CONFLICT = 11


async def tables(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table made from blocks."""

    async def work(work: Work) -> dict[str, list[tuple[Any, ...]]]:
        return {
            table: sorted(
                (tuple(row.values()) for row in await work.rows(f"SELECT * FROM {table}")),
                key=repr,
            )
            for table in TABLES
        }

    return await database.run(work)


async def project(database: Database, chain: Chain) -> ReadModel:
    projection = Projection(database, TERMS)
    for block in chain.facts()[await projection.next_block(chain.channel) :]:
        assert await projection.apply(block)
    return ReadModel(database, lambda _, block_at: 7)


async def test_the_current_records_are_the_world_state(
    database: Database, town: Commons, chain: Chain
) -> None:
    await project(database, chain)
    rows = (await tables(database))["record"]
    found = {row[1]: row[4].encode() for row in rows}
    assert found == town.ledger.state()


async def test_the_history_of_every_key_is_the_ledgers(
    database: Database, town: Commons, chain: Chain
) -> None:
    model = await project(database, chain)
    for key, items in town.ledger.histories.items():
        history = await model.history("fuzemen", key)
        told = [(one.tx_id, one.at, one.value) for one in history.versions]
        kept = [(one.tx_id, one.timestamp_ms, one.value and json.loads(one.value)) for one in items]
        assert told == kept
        assert history.next_after is None


async def test_every_event_is_there_in_order(
    database: Database, town: Commons, chain: Chain
) -> None:
    model = await project(database, chain)
    events = await model.events("fuzemen", BEGINNING, limit=1000)
    said = [event for _, _, payload in town.ledger.events for event in json.loads(payload)]
    assert [json.loads(one.payload) for one in events] == said
    assert [one.position for one in events] == sorted({one.position for one in events})
    behind = await model.events("fuzemen", events[3].position, limit=2)
    assert behind == events[4:6]
    assert await model.events("fuzemen", BEGINNING, community="other") == []
    assert await model.events("fuzemen", Position(10_000, 0, 0)) == []


async def test_a_block_counts_once(database: Database, chain: Chain) -> None:
    await project(database, chain)
    before = await tables(database)
    projection = Projection(database, TERMS)
    for block in chain.facts():
        assert not await projection.apply(block)
    assert await tables(database) == before


async def test_a_rebuild_gives_the_same_tables(database: Database, chain: Chain) -> None:
    await project(database, chain)
    before = await tables(database)
    projection = Projection(database, TERMS)
    await projection.forget(chain.channel)
    assert not any((await tables(database)).values())
    await project(database, chain)
    assert await tables(database) == before


async def test_a_block_too_early_is_refused_and_names_the_one_due(
    database: Database, chain: Chain
) -> None:
    projection = Projection(database, TERMS)
    await projection.apply(chain.facts()[0])
    with pytest.raises(OutOfOrder) as refused:
        await projection.apply(chain.facts()[2])
    assert refused.value.next_block == 1


async def test_a_channel_made_anew_is_noticed(database: Database, chain: Chain) -> None:
    await project(database, chain)
    other = Chain()
    for _ in chain.blocks:
        other.add_envelopes([], [])
    projection = Projection(database, TERMS)
    with pytest.raises(OtherChain):
        await projection.apply(other.facts()[len(chain.blocks) - 1])
    with pytest.raises(OtherChain):
        await projection.apply(other.facts()[len(chain.blocks)])


async def test_a_crash_inside_a_block_leaves_nothing_of_it(
    database: Database, chain: Chain
) -> None:
    """Whatever statement it dies at: the rows and the checkpoint stand or fall together."""
    facts = chain.facts()
    steady = Projection(database, TERMS)
    for block in facts[:3]:
        await steady.apply(block)
    before = await tables(database)
    statements = 0
    while True:
        dying = Projection(_DyingDatabase(database, statements), TERMS)
        try:
            await dying.apply(facts[3])
        except _Crash:
            assert await tables(database) == before
            statements += 1
        else:
            break
    assert statements > 6
    assert await steady.next_block(chain.channel) == 4


class _Crash(Exception):
    pass


class _DyingDatabase:
    """Dies before one statement of a unit of work."""

    def __init__(self, database: Database, statements: int) -> None:
        self._database = database
        self._statements = statements

    async def run(self, work: Any) -> Any:
        async def dying(open_work: Work) -> Any:
            return await work(_DyingWork(open_work, self._statements))

        return await self._database.run(dying)

    async def close(self) -> None:
        raise AssertionError


class _DyingWork:
    def __init__(self, work: Work, left: int) -> None:
        self._work = work
        self._left = left

    async def rows(self, sql: str, *values: object) -> Any:
        if self._left == 0:
            raise _Crash
        self._left -= 1
        return await self._work.rows(sql, *values)


async def test_an_invalid_transaction_is_listed_and_changes_nothing(
    database: Database, town: Commons, chain: Chain
) -> None:
    made = town.ledger.transaction("BankMSP", "open_community", b"{}")
    made.put("fuzemen/community", b'{"community":"forged"}')
    chain.add(made, codes=[MVCC_READ_CONFLICT])
    model = await project(database, chain)
    _, record = await model.record("fuzemen", "fuzemen/community")
    assert record is not None
    assert record.value["community"] == "fuzemen"
    rows = [row for row in (await tables(database))["ledger_transaction"] if row[3] == made.tx_id]
    assert [row[9] for row in rows] == ["MVCC_READ_CONFLICT"]


async def test_the_regulators_substitutions_are_counted_and_shown(
    database: Database, town: Commons, chain: Chain
) -> None:
    before = len(town.ledger.committed())  # type: ignore[attr-defined]
    await town.drafted("m2")
    await town.drafted("m3")
    fresh = town.ledger.committed()[before:]  # type: ignore[attr-defined]
    chain.add(fresh[0], endorsers=STOOD_IN)
    chain.add(fresh[1], endorsers=(*FOUNDERS, "RegulatorMSP"))
    model = await project(database, chain)
    counted = await model.substitutions("fuzemen")
    assert [(one.stood_in_for, one.transactions_count) for one in counted.substitutions] == [
        (["PropertyMSP"], 1)
    ]
    assert counted.transactions_count == before + 2
    shown = await model.transactions("fuzemen", substituted=True)
    assert [one.tx_id for one in shown.transactions] == [fresh[0].tx_id]
    assert shown.transactions[0].endorsers == sorted(STOOD_IN)


async def test_pages_of_transactions_and_history_have_no_gap(
    database: Database, chain: Chain
) -> None:
    from gateway.projection.answers import parse_place
    from gateway.projection.readmodel import FIRST_PLACE, LAST_PLACE

    model = await project(database, chain)
    whole = (await model.transactions("fuzemen")).transactions
    paged, before = [], LAST_PLACE
    while True:
        page = await model.transactions("fuzemen", before=before, limit=2)
        paged += page.transactions
        if page.next_before is None:
            break
        before = parse_place(page.next_before)
    assert paged == whole
    assert len(whole) > 10
    versions, after = [], FIRST_PLACE
    key = "fuzemen/motion/m1"
    while True:
        part = await model.history("fuzemen", key, after=after, limit=1)
        versions += part.versions
        if part.next_after is None:
            break
        after = parse_place(part.next_after)
    assert versions == (await model.history("fuzemen", key)).versions
    assert len(versions) > 4


async def test_records_are_paged_by_key(database: Database, chain: Chain) -> None:
    model = await project(database, chain)
    first = await model.records("fuzemen", "unit", limit=4)
    rest = await model.records("fuzemen", "unit", after=first.next_after or "")
    assert [len(first.records), len(rest.records)] == [4, 2]
    assert rest.next_after is None


async def test_the_communities_are_listed_with_their_last_block(
    database: Database, chain: Chain
) -> None:
    model = await project(database, chain)
    last = max(
        transaction.block
        for transaction in (await model.transactions("fuzemen", limit=1)).transactions
    )
    assert await model.communities() == {"fuzemen": last}


async def test_every_answer_names_its_block_and_age(database: Database, chain: Chain) -> None:
    model = await project(database, chain)
    as_of = (await model.search("fuzemen", "lift")).as_of
    last = chain.facts()[-1]
    assert (as_of.channel, as_of.block, as_of.block_at) == (chain.channel, last.number, last.at)
    assert as_of.age_ms == 7


async def test_an_unknown_community_is_refused(database: Database, chain: Chain) -> None:
    model = await project(database, chain)
    for ask in (model.as_of, model.substitutions, model.transactions):
        with pytest.raises(NotFound, match="community/unknown"):
            await ask("elsewhere")


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("lift", True),
        ("LIFT repair", True),
        ("电梯", True),
        ("三号楼", True),
        ("梯", True),
        ("维修 lift", True),
        ("lif", False),
        ("梯电", False),
        ("roof", False),
        ("lift roof", False),
        ("' OR 1=1 --", False),
        ("!!", False),
    ],
)
async def test_search(database: Database, chain: Chain, query: str, is_found: bool) -> None:
    model = await project(database, chain)
    found = await model.search("fuzemen", query)
    assert [one.key for one in found.records] == ["fuzemen/motion/m1"] * is_found
    assert (await model.search("fuzemen", query, kind="bulletin")).records == []


async def test_hashes_of_documents_are_named_and_others_are_not(
    database: Database, town: Commons, chain: Chain
) -> None:
    model = await project(database, chain)
    motion = json.loads(town.ledger.state()["fuzemen/motion/m1"])
    assert await model.names_hash(motion["content"]["text"]["sha256"], "fuzemen")
    assert not await model.names_hash(motion["content"]["text"]["sha256"], "elsewhere")
    result = json.loads(town.ledger.state()["fuzemen/result/m1"])
    assert not await model.names_hash(result["ballots_sha256"])
    acts = [key for key in town.ledger.state() if key.startswith("fuzemen/ballot/m1/")]
    ballot = json.loads(town.ledger.state()[acts[0]])
    assert not await model.names_hash(ballot["act_sha256"])
