"""Who may call what: one table. The specification's permission page is generated from it.

Three kinds of call:

* a *transaction* states a fact for an organisation and is signed by the Fabric transaction's
  creator; ``orgs`` lists which organisations may;
* an *act* is signed by a person; ``roles`` lists what their credential must say;
* a *query* writes nothing; members of the channel may run it, and each organisation's gateway
  decides whom it shows the answer.
"""

from enum import StrEnum
from typing import Final

from chaincode.errors import NotAllowed
from chaincode.model.base import Module, Org, Record, Role

MSP_OF: Final[dict[Org, str]] = {
    Org.BANK: "BankMSP",
    Org.COMMITTEE: "CommitteeMSP",
    Org.PROPERTY: "PropertyMSP",
    Org.REGULATOR: "RegulatorMSP",
    Org.ARBITRATION: "ArbitrationMSP",
    Org.PLATFORM: "PlatformMSP",
}
ORG_OF: Final[dict[str, Org]] = {msp: org for org, msp in MSP_OF.items()}

ANY_ORG: Final = tuple(Org)
ANY_ROLE: Final = tuple(Role)


class Kind(StrEnum):
    """How a call is signed."""

    TRANSACTION = "transaction"
    ACT = "act"
    QUERY = "query"


class Access(Record):
    """One row: a call, the module it belongs to (None: every community has it), and who may."""

    name: str
    kind: Kind
    says: str
    """One sentence: what the call does."""
    module: Module | None = None
    orgs: tuple[Org, ...] = ()
    roles: tuple[Role, ...] = ()


def _transaction(name: str, module: Module | None, orgs: tuple[Org, ...], says: str) -> Access:
    return Access(name=name, kind=Kind.TRANSACTION, module=module, orgs=orgs, says=says)


def _act(name: str, module: Module | None, roles: tuple[Role, ...], says: str) -> Access:
    return Access(name=name, kind=Kind.ACT, module=module, roles=roles, says=says)


def _query(name: str, module: Module | None, says: str) -> Access:
    return Access(name=name, kind=Kind.QUERY, module=module, orgs=ANY_ORG, says=says)


ACCESS: Final[tuple[Access, ...]] = (
    # --- Community and people ---
    _transaction("open_community", None, (Org.REGULATOR,), "Opens a community on this channel."),
    _transaction("submit_acts", None, ANY_ORG, "Carries up to 200 signed acts of persons."),
    _query("community", None, "The community's record."),
    # --- Voting ---
    # --- Funds ---
)

BY_NAME: Final[dict[str, Access]] = {row.name: row for row in ACCESS}


def require_org(row: Access, msp_id: str) -> Org:
    """The calling organisation; NotAllowed ``caller/org`` when the table does not list it."""
    org = ORG_OF.get(msp_id)
    if org is None or org not in row.orgs:
        raise NotAllowed("caller/org")
    return org


def require_role(row: Access, role: Role) -> None:
    """Refuse (NotAllowed ``caller/role``) a person whose credential does not carry the role."""
    if role not in row.roles:
        raise NotAllowed("caller/role", role=role)
