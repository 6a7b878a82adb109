"""The sandbox bank, as its customers and its evening clerk use it."""

import json
from typing import Any, Final

import aiohttp

from scripts.story.bankfiles import DemoFund, hasher
from scripts.story.clock import wait_for
from scripts.story.places import READY_FILE
from scripts.story.world import World

TIMEOUT_S: Final = 10.0


async def command(world: World, path: str, body: dict[str, Any] | None = None) -> Any:
    """One command to the sandbox; without a body it is asked."""
    folder = world.places.bank
    url = json.loads((folder / READY_FILE).read_bytes())["url"]
    token = (folder / "admin.token").read_text(encoding="ascii")
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with (
        aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session,
        session.request(
            "GET" if body is None else "POST",
            f"{url}/admin/{path}",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
        ) as answer,
    ):
        return await answer.json()


async def balance_fen(world: World, fund: DemoFund) -> int:
    """What lies on a fund's account, as the bank has it."""
    return int((await command(world, "state"))["balances_fen"][fund.account])


def account_sha256(world: World, fund: DemoFund) -> str:
    """How the ledger names a fund's account."""
    return hasher(world.places).account(fund.account)


async def statements(world: World, fund: DemoFund) -> list[Any]:
    """The statements of a fund's account that are on the ledger."""
    asked = {"account_sha256": account_sha256(world, fund), "after": 0, "limit": 100}
    found = await world.ask("statements", asked)
    return list(found["statements"]) if found else []


async def end_of_day(world: World, fund: DemoFund, count: int) -> None:
    """The bank's day ends unless the ledger has that many statements of the fund's account; wait
    for the statement (camt.053) to be recorded by the bank's gateway."""
    if len(await statements(world, fund)) < count:
        await command(world, "end-of-day", {})

    async def is_there() -> bool:
        return len(await statements(world, fund)) >= count

    await wait_for(is_there, f"statement {count} of {fund.fund_id} is recorded")


async def pay_in(world: World, credit_id: str, fund: DemoFund, lines: list[dict[str, Any]]) -> None:
    """Money comes in; the same credit again does nothing."""
    await command(
        world, "credits", {"credit_id": credit_id, "account": fund.account, "lines": lines}
    )
