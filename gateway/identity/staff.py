"""Whom an office employs as a clerk of a community: its own register of staff.

Clerks are certified like owners, but by their employer's gateway, which knows them from here. A
clerk who owns a unit too is two holders, so that neither credential takes the other's place.
"""

from typing import Final

from chaincode.model.base import Id, Record, Role
from gateway.database import Row, Work
from gateway.errors import Problem
from gateway.identity.protocol import IdNo, Name
from gateway.identity.rollfile import Owner
from gateway.identity.vault import Vault, VaultChanges

SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS staff (holder_id TEXT NOT NULL, community TEXT NOT NULL,"
    " role TEXT NOT NULL, company_id TEXT, PRIMARY KEY (holder_id, community))",
)
_KIND: Final = "person"


class StaffRequest(Record):
    """Who is to be a clerk. `company_id` is for company clerks, and required of them."""

    role: Role
    name: Name
    id_no: IdNo
    company_id: Id | None = None


class StaffMember(Record):
    """A clerk by the random id that the ledger will know them by."""

    holder_id: Id
    community: Id
    role: Role
    company_id: Id | None


class Staff:
    """The register of one office. Everything may raise DatabaseUnavailable."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def engage(self, community: str, request: StaffRequest) -> StaffMember:
        """Put somebody on the register; the same person in the same role keeps their id.

        Raises Problem 400 ``staff/bad-company``.
        """
        if (request.role is Role.COMPANY_CLERK) != (request.company_id is not None):
            raise Problem(400, "staff/bad-company")
        who = Owner(id_no=request.id_no, name=request.name, kind=_KIND, phone="")

        async def name(changes: VaultChanges) -> str:
            return (await changes.ids_of([who], request.role))[request.id_no]

        member = StaffMember(
            holder_id=await self._vault.change(name),
            community=community,
            role=request.role,
            company_id=request.company_id,
        )
        await self._keep(member)
        return member

    async def dismiss(self, community: str, holder_id: str) -> None:
        """Take somebody off the register: nobody is certified by it any more.

        A credential that is in force is revoked on the ledger. Raises Problem 404
        ``staff/not-found``.
        """

        async def delete(work: Work) -> bool:
            rows = await work.rows(
                "DELETE FROM staff WHERE community = $1 AND holder_id = $2 RETURNING holder_id",
                *(community, holder_id),
            )
            return bool(rows)

        if not await self._vault.database.run(delete):
            raise Problem(404, "staff/not-found")

    async def find(self, community: str, role: Role, id_no: str) -> StaffMember | None:
        """The clerk of this role with an identity code."""
        holder_id = await self._vault.holder_of(id_no, role)

        async def read(work: Work) -> StaffMember | None:
            rows = await work.rows(
                "SELECT * FROM staff WHERE community = $1 AND holder_id = $2",
                *(community, holder_id),
            )
            return _member(rows[0]) if rows else None

        return None if holder_id is None else await self._vault.database.run(read)

    async def _keep(self, member: StaffMember) -> None:
        async def keep(work: Work) -> None:
            await work.rows(
                "INSERT INTO staff (holder_id, community, role, company_id)"
                " VALUES ($1, $2, $3, $4) ON CONFLICT (holder_id, community)"
                " DO UPDATE SET company_id = excluded.company_id",
                *(member.holder_id, member.community, member.role.value, member.company_id),
            )

        await self._vault.database.run(keep)


def _member(row: Row) -> StaffMember:
    return StaffMember(
        holder_id=row["holder_id"],
        community=row["community"],
        role=Role(row["role"]),
        company_id=row["company_id"],
    )
