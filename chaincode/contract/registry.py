"""Every function of the contract by its name in the access table."""

from collections.abc import Mapping
from typing import Final

from chaincode.contract import batch, committees, communities, credentials, providers, rolls, units
from chaincode.contract.handlers import Handler

HANDLERS: Final[Mapping[str, Handler]] = {
    **batch.HANDLERS,
    **communities.HANDLERS,
    **providers.HANDLERS,
    **credentials.HANDLERS,
    **rolls.HANDLERS,
    **units.HANDLERS,
    **committees.HANDLERS,
}
