"""What every ledger record is made of: strict structs and the few primitive types."""

from enum import StrEnum
from typing import Annotated, Any, TypeVar, dataclass_transform

import msgspec

# The largest integer that every JSON reader, browsers included, keeps exact.
INT_MAX = 2**53 - 1
ID_PATTERN = r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z"

Id = Annotated[str, msgspec.Meta(pattern=ID_PATTERN)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Nonce = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
Count = Annotated[int, msgspec.Meta(ge=0, le=INT_MAX)]
Fen = Annotated[int, msgspec.Meta(ge=0, le=INT_MAX)]
PositiveFen = Annotated[int, msgspec.Meta(ge=1, le=INT_MAX)]
AreaDm2 = Annotated[int, msgspec.Meta(ge=0, le=INT_MAX)]
"""Area in steps of 0.01 m2: 97.40 m2 is 9740."""
TimeMs = Annotated[int, msgspec.Meta(ge=0, le=INT_MAX)]
ShortText = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
LongText = Annotated[str, msgspec.Meta(max_length=20_000)]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class _RecordMeta(msgspec.StructMeta):
    """Tells type checkers what msgspec inherits at run time: frozen and keyword-only."""


class Record(
    msgspec.Struct,
    metaclass=_RecordMeta,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
):
    """A value on the ledger, or in a request: immutable, complete, nothing unknown in it."""


_R = TypeVar("_R", bound=Record)


def changed(record: _R, **fields: Any) -> _R:
    """A copy of the record with some fields changed."""
    return msgspec.structs.replace(record, **fields)


class Org(StrEnum):
    """The organisations of a network, by what they are to a community."""

    BANK = "bank"
    COMMITTEE = "committee"
    PROPERTY = "property"
    REGULATOR = "regulator"
    ARBITRATION = "arbitration"
    PLATFORM = "platform"


class Role(StrEnum):
    """What a person is, by the credential the regulator recorded for them."""

    OWNER = "owner"
    COMMITTEE_MEMBER = "committee-member"
    REPRESENTATIVE = "representative"
    COMPANY_CLERK = "company-clerk"
    BANK_CLERK = "bank-clerk"
    REGULATOR_CLERK = "regulator-clerk"
    ARBITRATOR = "arbitrator"


class Module(StrEnum):
    """The two systems; a community uses one or both."""

    VOTING = "voting"
    FUNDS = "funds"
