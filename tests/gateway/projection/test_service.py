"""The read model behind the service's routes: who reads what, and every answer's block."""

from pathlib import Path
from typing import Any

import pytest

from gateway.access import Who
from gateway.appkeys import READINESS
from gateway.errors import NotReady
from tests.support.api import as_
from tests.support.chain import Chain, recorded_town
from tests.support.contract_ledger import ContractLedger
from tests.support.readmodel import desk, until

OWNER = as_(Who.OWNER, "o1")


async def _json(answer: Any) -> Any:
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def test_an_owner_reads_the_history_of_a_motion(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.town.open_motion()
        await at.town.counted()
        await at.catch_up()
        found = await _json(await at.api.get("/history/motion/m1", OWNER))
        facts = [set(one["value"]) - {"motion_id"} for one in found["versions"]]
        assert len(facts) == len(at.town.ledger.histories["fuzemen/motion/m1"])
        assert found["as_of"]["block"] == len(at.source.chain.blocks) - 1
        assert found["as_of"]["age_ms"] >= 0
        short = await at.api.get("/history/motion/m1?limit=1", OWNER)
        page = await _json(short)
        assert f"limit=1&after={page['next_after']}>" in short.headers["Link"]
        rest = await _json(
            await at.api.get(f"/history/motion/m1?after={page['next_after']}", OWNER)
        )
        assert page["versions"] + rest["versions"] == found["versions"]


@pytest.mark.parametrize(
    ("path", "who", "status", "code"),
    [
        ("/history/motion/m1", "", 401, "gateway/no-credential"),
        ("/history/motion/none", OWNER, 404, "gateway/no-such-resource"),
        ("/history/ballot/m1", OWNER, 400, "input/bad-id"),
        ("/history/credential/c1", OWNER, 400, "input/bad-id"),
        ("/history/motion/m1?after=x", OWNER, 400, "gateway/bad-parameter"),
        ("/history/motion/m1?limit=0", OWNER, 400, "gateway/bad-parameter"),
        ("/history/motion/m1?limit=201", OWNER, 400, "gateway/bad-parameter"),
        ("/history/unit/1-1-1", as_(Who.BANK_CLERK), 403, "gateway/not-for-you"),
        ("/history/unit/1-1-1", as_(Who.COMPANY_CLERK), 403, "gateway/not-for-you"),
        (
            "/history/motion/m1",
            as_(Who.OWNER, "o1", community="other"),
            403,
            "gateway/other-community",
        ),
        ("/search", OWNER, 400, "gateway/bad-parameter"),
        ("/search?q=gate&kind=credential", OWNER, 400, "gateway/bad-parameter"),
        ("/search?q=" + "x" * 101, OWNER, 400, "gateway/bad-parameter"),
        ("/transactions?before=9", OWNER, 400, "gateway/bad-parameter"),
        ("/transactions", "", 401, "gateway/no-credential"),
        ("/substitutions?x=1", OWNER, 400, "gateway/bad-parameter"),
    ],
)
async def test_refusals(tmp_path: Path, path: str, who: str, status: int, code: str) -> None:
    async with desk(tmp_path) as at:
        answer = await at.api.get(path, who)
        assert (answer.status, (await answer.json())["code"]) == (status, code)


async def test_the_communities_cost_the_peer_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asked(_: ContractLedger) -> tuple[str, ...]:
        raise AssertionError("the ledger was asked")

    async with desk(tmp_path) as at:
        monkeypatch.setattr(ContractLedger, "communities", asked)
        assert await _json(await at.api.get("/v1/communities")) == {"communities": ["fuzemen"]}


async def test_search_transactions_and_substitutions(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.town.drafted("m7", title="Paint the stairs 粉刷楼道")
        await at.catch_up()
        found = await _json(await at.api.get("/search?q=楼道&kind=motion", OWNER))
        assert [one["key"] for one in found["records"]] == ["fuzemen/motion/m7"]
        listed = await _json(await at.api.get("/transactions?limit=1", as_(Who.BANK_CLERK)))
        (newest,) = listed["transactions"]
        assert (newest["name"], newest["creator"]) == ("draft_official_motion", "RegulatorMSP")
        assert newest["endorsers"] == ["BankMSP", "CommitteeMSP", "PropertyMSP"]
        counted = await _json(await at.api.get("/substitutions", OWNER))
        assert counted["substitutions"] == []
        none = await _json(await at.api.get("/transactions?substituted=true", OWNER))
        assert none["transactions"] == []


async def test_a_broken_stream_is_taken_up_where_it_ended(tmp_path: Path) -> None:
    async with desk(tmp_path, ends_after=[2, 0, 1]) as at:
        assert at.source.opened == [0, 2, 2, 3]
        found = await at.model.records("fuzemen", "unit")
        assert len(found.records) == 6


async def test_a_restart_goes_on_behind_the_checkpoint(tmp_path: Path) -> None:
    town = await recorded_town().settle()
    async with desk(tmp_path, town=town) as first:
        height = len(first.source.chain.blocks)
    async with desk(tmp_path, town=town) as again:
        assert again.source.opened[0] == height


async def test_a_channel_made_anew_is_told_to_the_operator(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        other = Chain()
        for _ in range(len(at.source.chain.blocks) + 1):
            other.add_envelopes([], [])
        at.source.chain = other
        async with at.source.changed:
            at.source.changed.notify_all()

        async def is_told() -> bool:
            try:
                await at.app[READINESS]["read model"]()
            except NotReady as reason:
                return "rebuild" in str(reason)
            return False

        await until(is_told)
