"""Clerks: each office certifies its own, by its own register and the provider's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chaincode.model.base import Org, Role
from chaincode.model.credential import Credential
from gateway.access import Who
from gateway.errors import Problem
from gateway.identity.certifications import Phase
from gateway.identity.flows import STAFF_ROLE, STAFF_STEPS, Flow, steps_of
from gateway.identity.protocol import Outcome, Step
from gateway.identity.sandbox.people import read_people
from gateway.identity.staff import Staff, StaffRequest
from gateway.ledger import ask
from tests.gateway.identity.test_certifying import refused
from tests.gateway.identity.test_service import problem_of, service_of
from tests.support.api import as_
from tests.support.applicant import ID_NO, NAME, Applicant
from tests.support.identity import ROLL, Bureau, bureau_at
from tests.support.town import refusal, sha

CLERK_NO = "410102198001014205"
CLERK = {"name": "赵某", "id_no": CLERK_NO}
COMPANIES = {Org.PROPERTY: "acme-wuye"}
HEADER = "role,company_id,name,id_no,phone\n"
EMPLOYED = HEADER + "".join(
    f"{role},{COMPANIES.get(org, '')},{who['name']},{who['id_no']},\n"
    for org, role in STAFF_ROLE.items()
    for who in (CLERK, {"name": NAME, "id_no": ID_NO})
)


@asynccontextmanager
async def office(org: Org, folder: Path, clerks: str = EMPLOYED) -> AsyncIterator[Bureau]:
    async with bureau_at(
        str(folder / "identity.db"), folder, org=org, clerks=clerks.encode()
    ) as bureau:
        yield bureau


def clerk(**changes: Any) -> Applicant:
    return Applicant(**{**CLERK, "unit_id": None, **changes})


async def engaged(bureau: Bureau, org: Org, **changes: Any) -> str:
    """The clerk is on the office's register; their holder id."""
    fields: dict[str, Any] = {
        **CLERK, "role": STAFF_ROLE[org], "company_id": COMPANIES.get(org), **changes,
    }  # fmt: skip
    return (await Staff(bureau.vault).engage("fuzemen", StaffRequest(**fields))).holder_id


async def certified(bureau: Bureau, who: Applicant, org: Org, flow: Flow) -> Credential:
    await bureau.verify_as(who, STAFF_ROLE[org], flow)
    await bureau.issuing.round()
    status = await bureau.status(who)
    assert status.phase is Phase.ISSUED, status
    return await ask(
        bureau.ledger, "fuzemen", "credential", Credential, credential_id=who.credential_id
    )


@pytest.mark.parametrize("flow", list(Flow))
@pytest.mark.parametrize("org", list(STAFF_ROLE))
async def test_every_office_certifies_its_own_clerks(org: Org, flow: Flow, tmp_path: Path) -> None:
    async with office(org, tmp_path) as bureau:
        holder_id = await engaged(bureau, org)
        assert await engaged(bureau, org) == holder_id
        credential = await certified(bureau, clerk(), org, flow)
        assert (credential.holder_id, credential.role) == (holder_id, STAFF_ROLE[org])
        assert (credential.org, credential.company_id) == (org, COMPANIES.get(org))


async def test_a_clerk_may_own_a_unit_and_keeps_both_credentials(tmp_path: Path) -> None:
    async with office(Org.REGULATOR, tmp_path) as bureau:
        owner = Applicant()
        await bureau.certify(owner)
        holder_id = await engaged(bureau, Org.REGULATOR, name=NAME, id_no=ID_NO)
        assert holder_id != bureau.holder_id
        both = clerk(name=NAME, id_no=ID_NO)
        await certified(bureau, both, Org.REGULATOR, Flow.COUNTER)
        for who in (owner, both):
            credential = await ask(
                bureau.ledger, "fuzemen", "credential", Credential, credential_id=who.credential_id
            )
            assert credential.replaced_by is None


# --- Who is not certified ---


@pytest.mark.parametrize("org", list(STAFF_ROLE))
async def test_an_office_certifies_nobody_elses_people(org: Org, tmp_path: Path) -> None:
    async with office(org, tmp_path) as bureau:
        await engaged(bureau, org)
        others = set(Role) - bureau.certifying._roles
        assert (Role.OWNER in others) is (org is not Org.REGULATOR)
        for role in others:
            opening = bureau.open(clerk(), role=role)
            assert await refused(opening) == (422, "certification/role-not-offered")
            assert await refused(bureau.certifying.offered(role)) == (
                422,
                "certification/role-not-offered",
            )


@pytest.mark.parametrize("who", [{"name": "钱某"}, {"id_no": "410102198001014299"}])
async def test_who_is_not_on_the_register_learns_nothing_else(
    who: dict[str, str], tmp_path: Path
) -> None:
    async with office(Org.BANK, tmp_path) as bureau:
        await engaged(bureau, Org.BANK)
        opening = bureau.open(clerk(**who), role=Role.BANK_CLERK)
        assert await refused(opening) == (422, "person/not-matched")


async def test_an_owner_is_no_clerk_and_a_clerk_no_owner(tmp_path: Path) -> None:
    async with office(Org.REGULATOR, tmp_path) as bureau:
        await engaged(bureau, Org.REGULATOR)
        as_clerk = bureau.open(clerk(name=NAME, id_no=ID_NO), role=Role.REGULATOR_CLERK)
        assert await refused(as_clerk) == (422, "person/not-matched")
        as_owner = bureau.open(clerk(unit_id="3-1-502"), role=Role.OWNER)
        assert await refused(as_owner) == (422, "person/not-matched")


async def test_a_clerk_of_another_community_is_none_of_this_one(tmp_path: Path) -> None:
    async with office(Org.BANK, tmp_path) as bureau:
        await engaged(bureau, Org.BANK)
        elsewhere = clerk(community="other")
        opening = bureau.open(elsewhere, role=Role.BANK_CLERK)
        assert await refused(opening) == (422, "person/not-matched")


async def test_a_dismissed_clerk_is_not_certified(tmp_path: Path) -> None:
    async with office(Org.BANK, tmp_path) as bureau:
        holder_id = await engaged(bureau, Org.BANK)
        register = Staff(bureau.vault)
        assert await refused(register.dismiss("other", holder_id)) == (404, "staff/not-found")
        await register.dismiss("fuzemen", holder_id)
        assert await refused(register.dismiss("fuzemen", holder_id)) == (404, "staff/not-found")
        opening = bureau.open(clerk(), role=Role.BANK_CLERK)
        assert await refused(opening) == (422, "person/not-matched")
        assert await engaged(bureau, Org.BANK) == holder_id


@pytest.mark.parametrize(
    ("org", "unit", "role"),
    [
        (Org.REGULATOR, None, Role.OWNER),
        (Org.REGULATOR, "3-1-502", Role.REGULATOR_CLERK),
        (Org.BANK, "3-1-502", Role.BANK_CLERK),
    ],
)
async def test_owners_name_a_unit_and_clerks_none(
    org: Org, unit: str | None, role: Role, tmp_path: Path
) -> None:
    async with office(org, tmp_path) as bureau:
        opening = bureau.open(clerk(unit_id=unit), role=role)
        assert await refused(opening) == (400, "certification/bad-unit")


@pytest.mark.parametrize(
    ("role", "company_id"), [(Role.COMPANY_CLERK, None), (Role.BANK_CLERK, "acme-wuye")]
)
async def test_only_company_clerks_are_of_a_company(
    role: Role, company_id: str | None, tmp_path: Path
) -> None:
    async with office(Org.BANK, tmp_path) as bureau:
        request = StaffRequest(**CLERK, role=role, company_id=company_id)
        with pytest.raises(Problem) as problem:
            await Staff(bureau.vault).engage("fuzemen", request)
        assert problem.value.code == "staff/bad-company"


# --- The provider checks for itself ---


@pytest.mark.parametrize(
    "employed",
    [
        "",
        HEADER + f"bank-clerk,,{CLERK['name']},{CLERK_NO},\n",
        HEADER + f"company-clerk,other-wuye,{CLERK['name']},{CLERK_NO},\n",
        HEADER + f"company-clerk,acme-wuye,钱某,{CLERK_NO},\n",
    ],
)
async def test_an_office_cannot_invent_a_clerk(employed: str, tmp_path: Path) -> None:
    async with office(Org.PROPERTY, tmp_path, employed) as bureau:
        await engaged(bureau, Org.PROPERTY)
        who = clerk()
        await bureau.open(who, Flow.COUNTER, role=Role.COMPANY_CLERK)
        status = await bureau.begin(who, Step.EMPLOYMENT)
        assert status.steps[0].outcome is Outcome.MISMATCH
        assert status.next_step is Step.EMPLOYMENT


async def test_without_a_register_of_employment_no_clerk_is_certified(tmp_path: Path) -> None:
    steps = tuple(step for step in Step if step is not Step.EMPLOYMENT)
    async with bureau_at(
        str(tmp_path / "identity.db"), tmp_path, org=Org.BANK, steps=steps
    ) as bureau:
        await engaged(bureau, Org.BANK)
        opening = bureau.open(clerk(), role=Role.BANK_CLERK)
        assert await refused(opening) == (503, "certification/no-way-without-face")


async def test_an_attestation_of_another_company_is_not_taken(tmp_path: Path) -> None:
    async with office(Org.PROPERTY, tmp_path) as bureau:
        await engaged(bureau, Org.PROPERTY)
        who = clerk()
        await bureau.verify_as(who, Role.COMPANY_CLERK, Flow.COUNTER)
        await bureau.say("swap", call="attest")
        await bureau.issuing.round()
        status = await bureau.status(who)
        assert (status.phase, status.code) == (Phase.REFUSED, "attestation/not-as-asked")


@pytest.mark.parametrize(
    "file",
    [
        "role,name,id_no\nbank-clerk,x,410102198001014205\n",
        HEADER + "dancer,,x,410102198001014205,\n",
        HEADER + "bank-clerk,,x\n",
    ],
)
def test_a_bad_file_of_clerks_is_refused(file: str) -> None:
    with pytest.raises(ValueError, match=r"clerks|dancer"):
        read_people(ROLL, file.encode())


# --- A clerk's company must be in office ---


async def test_a_clerk_of_a_company_that_left_office_does_nothing(tmp_path: Path) -> None:
    async with office(Org.PROPERTY, tmp_path) as bureau:
        await engaged(bureau, Org.PROPERTY)
        who = clerk()
        await certified(bureau, who, Org.PROPERTY, Flow.COUNTER)
        town = bureau.town
        evidence = {"contract_sha256": sha(1), "evidence_sha256": sha(2)}
        await town.done(Org.REGULATOR, "record_company", company_id="other-wuye", **evidence)
        now_ms = town.ledger.now_ms
        act = who.act(
            "withdraw_payment", channel=town.ledger.channel_id, at=now_ms, payment_id="p1"
        )
        outcome = await town.carry(act)
        assert refusal(outcome) == (403, "caller/other-company")


# --- Over HTTP ---


async def test_the_operator_keeps_the_register(tmp_path: Path) -> None:
    async with office(Org.REGULATOR, tmp_path) as bureau, service_of(bureau, tmp_path) as api:
        body = {**CLERK, "role": "regulator-clerk", "company_id": None}
        operator = as_(Who.OPERATOR)
        for who, expected in (
            ("", (401, "gateway/no-credential")),
            (as_(Who.OWNER, "o1"), (403, "gateway/not-for-you")),
            (as_(Who.REGULATOR_CLERK, "c1"), (403, "gateway/not-for-you")),
        ):
            assert await problem_of(await api.request("PUT", "/staff", who, json=body)) == expected
            gone = await api.request("DELETE", "/staff/o-nobody", who)
            assert await problem_of(gone) == expected
        for change, no in (
            ({"role": "bank-clerk"}, (422, "certification/role-not-offered")),
            ({"company_id": "acme-wuye"}, (400, "staff/bad-company")),
            ({"id_no": "x y"}, (400, "input/malformed")),
        ):
            answer = await api.request("PUT", "/staff", operator, json={**body, **change})
            assert await problem_of(answer) == no
        answer = await api.request("PUT", "/staff", operator, json=body)
        assert answer.status == 200, await answer.text()
        member = await answer.json()
        assert set(member) == {"holder_id", "community", "role", "company_id"}
        gone = await api.request("DELETE", f"/staff/{member['holder_id']}", operator)
        assert gone.status == 204
        again = await api.request("DELETE", f"/staff/{member['holder_id']}", operator)
        assert await problem_of(again) == (404, "staff/not-found")


async def test_the_ways_for_clerks_are_listed(tmp_path: Path) -> None:
    async with office(Org.REGULATOR, tmp_path) as bureau, service_of(bureau, tmp_path) as api:
        answer = await (await api.get("/certification-flows?role=regulator-clerk")).json()
        steps = {one["flow"]: tuple(one["steps"]) for one in answer["flows"]}
        assert steps == {str(flow): STAFF_STEPS[flow] for flow in Flow}
        other = await api.get("/certification-flows?role=bank-clerk")
        assert await problem_of(other) == (422, "certification/role-not-offered")
        strange = await api.get("/certification-flows?role=dancer")
        assert await problem_of(strange) == (400, "gateway/bad-parameter")


def test_every_role_has_its_steps() -> None:
    for role in Role:
        first = steps_of(Flow.COUNTER, role)[0]
        assert first is (Step.EMPLOYMENT if role in STAFF_ROLE.values() else Step.ROLL)
