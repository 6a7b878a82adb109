"""Every function of the contract by its name in the access table."""

from collections.abc import Mapping
from typing import Final

from chaincode.contract import (
    ballots,
    batch,
    boards,
    bulletins,
    committees,
    communities,
    companies,
    credentials,
    drafts,
    effect_kinds,
    freezes,
    motions,
    papers,
    providers,
    proxies,
    publications,
    results,
    rolls,
    rulebook,
    trustees,
    units,
)
from chaincode.contract.handlers import Handler

HANDLERS: Final[Mapping[str, Handler]] = {
    **batch.HANDLERS,
    **communities.HANDLERS,
    **companies.HANDLERS,
    **providers.HANDLERS,
    **credentials.HANDLERS,
    **rolls.HANDLERS,
    **units.HANDLERS,
    **committees.HANDLERS,
    **rulebook.HANDLERS,
    **drafts.HANDLERS,
    **motions.HANDLERS,
    **trustees.HANDLERS,
    **ballots.HANDLERS,
    **proxies.HANDLERS,
    **papers.HANDLERS,
    **results.HANDLERS,
    **effect_kinds.HANDLERS,
    **boards.HANDLERS,
    **bulletins.HANDLERS,
    **publications.HANDLERS,
    **freezes.HANDLERS,
}
