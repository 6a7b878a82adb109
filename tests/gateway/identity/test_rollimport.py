"""From file to request: random ids that stay, nobody named, nothing half done."""

import sqlite3
import stat
from pathlib import Path

import pytest

from chaincode import codec
from chaincode.contract.roll_messages import ImportRoll
from chaincode.model.base import Org
from gateway.identity.ownertable import OwnerTable, OwnerTableError
from gateway.identity.rollfile import BadRollFile, Owner
from gateway.identity.rollimport import prepare_import, request_bytes
from tests.gateway.identity.test_rollfile import FUZEMEN, GOOD, table
from tests.support.town import Town


@pytest.fixture
def owners(tmp_path: Path) -> OwnerTable:
    return OwnerTable(tmp_path / "owners.db")


def personal(data: bytes) -> set[str]:
    rows = [line.split(",") for line in data.decode().splitlines()[1:]]
    return {row[place] for row in rows for place in (3, 4, 5) if row[place]}


async def test_the_fuzemen_roll_goes_on_the_ledger(owners: OwnerTable) -> None:
    request = request_bytes(prepare_import("fuzemen", FUZEMEN.read_bytes(), owners))
    assert codec.decode(request, ImportRoll).community == "fuzemen"
    town = await Town().open()
    assert (await town.ledger.submit("RegulatorMSP", "import_roll", request)).status == 200
    totals = await town.done(Org.REGULATOR, "freeze_roll")
    figures = ("unit_count", "area_dm2", "owner_count", "unsold_unit_count", "co_owned_unit_count")
    assert [totals[name] for name in figures] == [948, 9_972_700, 994, 11, 79]
    assert totals["head_count"] == 915
    assert [part["unit_count"] for part in totals["sources"]] == [18, 907, 23]
    developer = owners.owner_id("91410100MA44XXXX0D")
    unsold = [
        unit
        for unit in (await town.ask("owned_units", owner_id=developer))["units"]
        if unit.get("sale") == "unsold"
    ]
    assert len(unsold) == 11


def test_the_request_names_nobody(owners: OwnerTable) -> None:
    data = FUZEMEN.read_bytes()
    request = request_bytes(prepare_import("fuzemen", data, owners)).decode()
    assert not [word for word in personal(data) if len(word) > 1 and word in request]
    assert not request.encode().translate(None, bytes(range(128))), "no Chinese text at all"


def test_the_same_file_gives_the_same_request(owners: OwnerTable) -> None:
    data = FUZEMEN.read_bytes()
    assert prepare_import("fuzemen", data, owners) == prepare_import("fuzemen", data, owners)


def test_ids_and_salts_are_this_offices_own(owners: OwnerTable, tmp_path: Path) -> None:
    other = OwnerTable(tmp_path / "other.db")
    one, two = (prepare_import("fuzemen", table({}), each) for each in (owners, other))
    assert one.units[0].owners != two.units[0].owners
    assert one.units[0].deed_sha256 != two.units[0].deed_sha256
    assert one.evidence_sha256 != two.evidence_sha256


def test_a_person_keeps_the_id_whatever_the_file(owners: OwnerTable) -> None:
    first = prepare_import("fuzemen", table({}), owners).units[0].owners[0].owner_id
    row = {"unit": "9-9-9", "owner_name": "王某某", "deed_no": ""}
    unit = prepare_import("fuzemen", table(row), owners).units[0]
    assert unit.owners[0].owner_id == first
    assert unit.deed_sha256 is None
    known = owners.owner(first)
    assert known is not None
    assert (known.name, known.id_no, known.phone) == ("王某某", GOOD["owner_id_no"], "")


def test_a_known_phone_stays_when_a_file_has_none(owners: OwnerTable) -> None:
    with owners.changing() as changes:
        owner_id = changes.id_of(Owner("123456", "王某", "person", "13800000000"))
        assert changes.id_of(Owner("123456", "王某", "person", "")) == owner_id
    known = owners.owner(owner_id)
    assert known is not None
    assert known.phone == "13800000000"


def test_a_bad_file_changes_nothing(owners: OwnerTable, tmp_path: Path) -> None:
    before = (tmp_path / "owners.db").read_bytes()
    with pytest.raises(BadRollFile):
        prepare_import("fuzemen", table({}, {"unit": "3-1-503", "share": "x"}), owners)
    assert (tmp_path / "owners.db").read_bytes() == before


def test_a_failure_half_way_changes_nothing(tmp_path: Path) -> None:
    numbers = iter(["00" * 10, "11" * 16, "22" * 10])

    def failing(size: int) -> str:
        value = next(numbers, None)
        if value is None:
            raise OSError("no random bytes")
        return value

    owners = OwnerTable(tmp_path / "owners.db", random_hex=failing)
    rows = ({}, {"unit": "3-1-503", "owner_id_no": "410102199103124206"})
    with pytest.raises(OSError, match="no random bytes"):
        prepare_import("fuzemen", table(*rows), owners)
    assert owners.owner_id(GOOD["owner_id_no"]) is None
    assert owners.owner("o" + "00" * 10) is None


def test_an_owner_can_be_erased(owners: OwnerTable, tmp_path: Path) -> None:
    prepare_import("fuzemen", table({"owner_name": "孙某某"}), owners)
    owner_id = owners.owner_id(GOOD["owner_id_no"])
    assert owner_id is not None
    assert owners.erase(owner_id)
    assert not owners.erase("o-nobody")
    known = owners.owner(owner_id)
    assert known is not None
    assert (known.id_no, known.name, known.phone) == (None, None, None)
    stored = (tmp_path / "owners.db").read_bytes()
    assert "孙某某".encode() not in stored
    assert GOOD["owner_id_no"].encode() not in stored
    anew = prepare_import("fuzemen", table({}), owners).units[0].owners[0].owner_id
    assert anew != owner_id


def test_the_table_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "owners.db"
    OwnerTable(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(OwnerTableError, match="set its mode to 0600"):
        OwnerTable(path)


def test_two_importers_do_not_interfere(owners: OwnerTable, tmp_path: Path) -> None:
    with owners.changing() as changes:
        changes.id_of(Owner("123456", "王某", "person", ""))
        rival = sqlite3.connect(tmp_path / "owners.db", timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            rival.execute("BEGIN IMMEDIATE")
        rival.close()
