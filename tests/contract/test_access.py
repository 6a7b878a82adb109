"""The access table: who may call what, proved by calling everything as everybody."""

import pytest

from chaincode.access import (
    ACCESS,
    BY_NAME,
    MSP_OF,
    ORG_OF,
    Access,
    Kind,
    require_org,
    require_role,
)
from chaincode.acts import ActBody
from chaincode.contract.handlers import Request
from chaincode.contract.registry import HANDLERS
from chaincode.errors import NotAllowed
from chaincode.model.base import Org, Role
from tests.support.town import Town, refusal

CARRIED_BY_CONTRACT = {"submit_acts"}


def test_every_row_has_a_function_and_every_function_a_row() -> None:
    assert len(BY_NAME) == len(ACCESS), "no name stands twice"
    assert set(HANDLERS) == set(BY_NAME) - CARRIED_BY_CONTRACT


@pytest.mark.parametrize("row", ACCESS, ids=lambda row: row.name)
def test_a_row_says_who_may(row: Access) -> None:
    if row.kind is Kind.ACT:
        assert row.roles
        assert not row.orgs
    else:
        assert row.orgs
        assert not row.roles
    if row.name not in CARRIED_BY_CONTRACT:
        base = ActBody if row.kind is Kind.ACT else Request
        assert issubclass(HANDLERS[row.name].request, base)
    assert row.says.endswith(".")


@pytest.mark.parametrize("row", ACCESS, ids=lambda row: row.name)
@pytest.mark.parametrize("org", Org)
def test_the_table_is_kept(row: Access, org: Org) -> None:
    if org in row.orgs:
        assert require_org(row, MSP_OF[org]) is org
    else:
        with pytest.raises(NotAllowed, match="caller/org"):
            require_org(row, MSP_OF[org])


@pytest.mark.parametrize("row", ACCESS, ids=lambda row: row.name)
def test_nobody_else_may(row: Access) -> None:
    for msp_id in ("", "bank", "BankMSP ", "bankMSP", "EvilMSP"):
        with pytest.raises(NotAllowed, match="caller/org"):
            require_org(row, msp_id)


@pytest.mark.parametrize("row", [row for row in ACCESS if row.kind is Kind.ACT], ids=str)
def test_roles_are_kept(row: Access) -> None:
    for role in Role:
        if role in row.roles:
            require_role(row, role)
        else:
            with pytest.raises(NotAllowed, match="caller/role") as refused:
                require_role(row, role)
            assert refused.value.details == {"role": role}


def test_each_organisation_has_one_msp() -> None:
    assert set(MSP_OF) == set(Org)
    assert {msp: org for org, msp in MSP_OF.items()} == ORG_OF


@pytest.mark.parametrize("name", [row.name for row in ACCESS if row.kind is Kind.ACT])
async def test_an_act_is_no_transaction(name: str) -> None:
    town = await Town().open()
    for org in Org:
        assert refusal(await town.call(org, name)) == (400, "call/unknown-function")
