"""Who decided an effect on the funds: a carried motion, or a resolution made elsewhere."""

from chaincode.model.base import Id, Record
from chaincode.model.budget import BudgetSource, Elected


class Decided(Record):
    """The motion's or resolution's id, and the units it was put to, if not all.

    `elected` is the committee that a resolution names.
    """

    decision_id: Id
    source: BudgetSource
    units: tuple[Id, ...] = ()
    elected: Elected | None = None
