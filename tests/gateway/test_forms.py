"""What clients are told of acts is what the chaincode reads."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from chaincode.access import ACCESS, BY_NAME, Kind
from chaincode.acts import ActHead
from chaincode.contract.registry import HANDLERS
from chaincode.model.base import Org
from scripts import actforms
from tests.support.api import serving
from tests.support.community import Commons
from tests.support.contract_ledger import ContractLedger

ACTS = [row.name for row in ACCESS if row.kind is Kind.ACT]
FORMS = json.loads(actforms.FILE.read_text(encoding="utf-8"))


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    if isinstance(value, list):
        for item in value:
            yield from references(item)


def test_the_file_is_written_anew() -> None:
    assert actforms.FILE.read_text(encoding="utf-8") == actforms.written(), (
        "run: .venv/bin/python -m scripts.actforms"
    )


def test_every_act_has_its_form_and_nothing_else_has() -> None:
    assert set(FORMS["acts"]) == set(ACTS)


@pytest.mark.parametrize("name", ACTS)
def test_a_form_is_what_the_chaincode_reads(name: str) -> None:
    form, row = FORMS["acts"][name], BY_NAME[name]
    head = set(ActHead.__struct_fields__)
    own = [one for one in msgspec.structs.fields(HANDLERS[name].request) if one.name not in head]
    assert set(form["fields"]["properties"]) == {one.name for one in own}
    required = {one.name for one in own if one.required}
    assert set(form["fields"]["required"]) == required
    assert (form["roles"], form["module"]) == (list(row.roles), row.module)


def test_every_type_that_is_referred_to_is_there() -> None:
    for reference in references(FORMS):
        assert reference.rpartition("/")[2] in FORMS["$defs"], reference
    assert r"\A" not in json.dumps(FORMS)


@pytest.mark.parametrize(
    ("modules", "known", "unknown"),
    [
        (("voting",), "cast_ballot", "request_payment"),
        (("funds",), "request_payment", "cast_ballot"),
    ],
)
async def test_a_community_knows_the_acts_of_its_modules(
    modules: tuple[str, ...], known: str, unknown: str
) -> None:
    town = Commons()
    await town.open(*modules)
    async with serving(town, ContractLedger(town, Org.BANK), org=Org.BANK) as api:
        answer = await api.get("/acts")
        said = await answer.json()
        assert (said["channel"], said["community"]) == ("fuzemen", "fuzemen")
        assert known in said["acts"]
        assert unknown not in said["acts"]
        assert "open_dispute" in said["acts"]
        again = await api.get("/acts", headers={"If-None-Match": answer.headers["ETag"]})
        assert again.status == 304


async def test_there_is_no_such_community() -> None:
    town = await Commons().open()
    async with serving(town, ContractLedger(town, Org.BANK)) as api:  # type: ignore[arg-type]
        answer = await api.get("/v1/communities/nowhere/acts")
        assert (answer.status, (await answer.json())["code"]) == (404, "community/unknown")
