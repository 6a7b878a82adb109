"""From file to request: random ids that stay, nobody named, nothing half done."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chaincode import codec
from chaincode.contract.roll_messages import ImportRoll
from chaincode.model.base import Org
from gateway.database import open_tables
from gateway.identity import vault
from gateway.identity.rollfile import BadRollFile, Owner
from gateway.identity.rollimport import prepare_import, request_bytes
from gateway.identity.seal import Key
from gateway.identity.vault import Purpose, Vault, VaultChanges
from tests.gateway.identity.test_rollfile import FUZEMEN, GOOD, table
from tests.support.town import Town


async def vault_at(path: Path) -> Vault:
    database = await open_tables(str(path), vault.SCHEMA)
    return await Vault.open(database, Key.new(), lambda: 1)


@pytest.fixture
async def owners(tmp_path: Path) -> AsyncIterator[Vault]:
    made = await vault_at(tmp_path / "owners.db")
    yield made
    await made.database.close()


def personal(data: bytes) -> set[str]:
    rows = [line.split(",") for line in data.decode().splitlines()[1:]]
    return {row[place] for row in rows for place in (3, 4, 5) if row[place]}


async def test_the_fuzemen_roll_goes_on_the_ledger(owners: Vault) -> None:
    request = request_bytes(await prepare_import("fuzemen", FUZEMEN.read_bytes(), owners))
    assert codec.decode(request, ImportRoll).community == "fuzemen"
    town = await Town().open()
    assert (await town.ledger.submit("RegulatorMSP", "import_roll", request)).status == 200
    totals = await town.done(Org.REGULATOR, "freeze_roll")
    figures = ("unit_count", "area_dm2", "owner_count", "unsold_unit_count", "co_owned_unit_count")
    assert [totals[name] for name in figures] == [948, 9_972_700, 994, 11, 79]
    assert totals["head_count"] == 915
    assert [part["unit_count"] for part in totals["sources"]] == [18, 907, 23]
    developer = await owners.holder_of("91410100MA44XXXX0D")
    unsold = [
        unit
        for unit in (await town.ask("owned_units", owner_id=developer))["units"]
        if unit.get("sale") == "unsold"
    ]
    assert len(unsold) == 11


async def test_the_request_names_nobody(owners: Vault) -> None:
    data = FUZEMEN.read_bytes()
    request = request_bytes(await prepare_import("fuzemen", data, owners)).decode()
    assert not [word for word in personal(data) if len(word) > 1 and word in request]
    assert not request.encode().translate(None, bytes(range(128))), "no Chinese text at all"


async def test_the_same_file_gives_the_same_request(owners: Vault) -> None:
    data = table({}, {"unit": "3-1-503", "owner_id_no": "410102199103124206"})
    first = await prepare_import("fuzemen", data, owners)
    assert await prepare_import("fuzemen", data, owners) == first


async def test_ids_and_salts_are_this_offices_own(owners: Vault, tmp_path: Path) -> None:
    other = await vault_at(tmp_path / "other.db")
    one, two = [await prepare_import("fuzemen", table({}), each) for each in (owners, other)]
    await other.database.close()
    assert one.units[0].owners != two.units[0].owners
    assert one.units[0].deed_sha256 != two.units[0].deed_sha256
    assert one.evidence_sha256 != two.evidence_sha256


async def test_a_person_keeps_the_id_whatever_the_file(owners: Vault) -> None:
    first = (await prepare_import("fuzemen", table({}), owners)).units[0].owners[0].owner_id
    row = {"unit": "9-9-9", "owner_name": "王某某", "deed_no": ""}
    unit = (await prepare_import("fuzemen", table(row), owners)).units[0]
    assert unit.owners[0].owner_id == first
    assert unit.deed_sha256 is None
    known = await owners.person(first, Purpose.INQUIRY, "test")
    assert known is not None
    assert (known.name, known.id_no, known.phone) == ("王某某", GOOD["owner_id_no"], "")


async def test_a_known_phone_stays_when_a_file_has_none(owners: Vault) -> None:
    async def twice(changes: VaultChanges) -> list[str]:
        phones = ("13800000000", "")
        asked = [[Owner("123456", "王某", "person", one)] for one in phones]
        return [(await changes.ids_of(each))["123456"] for each in asked]

    first, second = await owners.change(twice)
    assert first == second
    known = await owners.person(first, Purpose.INQUIRY, "test")
    assert known is not None
    assert known.phone == "13800000000"


async def test_a_bad_file_changes_nothing(owners: Vault, tmp_path: Path) -> None:
    before = (tmp_path / "owners.db").read_bytes()
    with pytest.raises(BadRollFile):
        await prepare_import("fuzemen", table({}, {"unit": "3-1-503", "share": "x"}), owners)
    assert (tmp_path / "owners.db").read_bytes() == before


async def test_a_failure_half_way_changes_nothing(owners: Vault) -> None:
    async def failing(changes: VaultChanges) -> None:
        await changes.ids_of([Owner(GOOD["owner_id_no"], "王某", "person", "")])
        raise OSError("no random bytes")

    with pytest.raises(OSError, match="no random bytes"):
        await owners.change(failing)
    assert await owners.holder_of(GOOD["owner_id_no"]) is None
