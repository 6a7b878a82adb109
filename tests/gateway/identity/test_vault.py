"""Persons: sealed at rest, found without being read, erased without breaking any proof."""

import stat
from collections.abc import AsyncIterator
from dataclasses import astuple
from pathlib import Path

import asyncpg
import pytest

from chaincode.model.base import Role
from chaincode.model.credential import Credential
from gateway.database import Database, DatabaseUnavailable, Work, open_tables
from gateway.errors import Problem
from gateway.identity import vault
from gateway.identity.bindings import Binding, salted_sha256
from gateway.identity.login import require_bound
from gateway.identity.rollfile import Owner
from gateway.identity.seal import Key, SealBroken, load_key_file, make_key_file
from gateway.identity.vault import Purpose, Vault, VaultChanges
from gateway.ledger import ask
from tests.support.applicant import ID_NO, NAME, Applicant
from tests.support.identity import PHONE, bureau_at

WANG = Owner("410102199103124205", "王小明", "person", "13800001234")
LI = Owner("410102199103124206", "李小红", "person", "")


@pytest.fixture
async def database(address: str) -> AsyncIterator[Database]:
    made = await open_tables(address, vault.SCHEMA)
    yield made
    await made.close()


@pytest.fixture
def file_key() -> Key:
    return Key.new()


@pytest.fixture
async def kept(database: Database, file_key: Key) -> Vault:
    return await Vault.open(database, file_key, lambda: 7)


async def take_in(kept: Vault, *owners: Owner) -> list[str]:
    async def add(changes: VaultChanges) -> list[str]:
        ids = await changes.ids_of(owners)
        return [ids[owner.id_no] for owner in owners]

    return await kept.change(add)


async def everything(database: Database) -> str:
    """Every value of every table, as text."""

    async def read(work: Work) -> str:
        tables = ("person", "person_key", "salt", "vault_key", "access_record")
        rows = [row for table in tables for row in await work.rows(f"SELECT * FROM {table}")]
        return repr([dict(row) for row in rows])

    return await database.run(read)


async def test_a_person_is_found_and_read_back(kept: Vault) -> None:
    wang, li = await take_in(kept, WANG, LI)
    assert await kept.holder_of(WANG.id_no) == wang
    assert await kept.holder_of("410102199103124207") is None
    person = await kept.person(wang, Purpose.SERVE_NOTICE, "cred-clerk")
    assert person is not None
    assert astuple(person) == (wang, "person", WANG.id_no, WANG.name, WANG.phone)
    assert await kept.person("o-nobody", Purpose.INQUIRY, "x") is None
    (record,) = await kept.access_records(wang)
    assert astuple(record) == (7, wang, "serve-notice", "cred-clerk")
    assert await kept.access_records(li) == ()


async def test_the_database_alone_tells_nothing(kept: Vault, database: Database) -> None:
    (wang,) = await take_in(kept, WANG)
    await kept.person(wang, Purpose.INQUIRY, "cred-clerk")
    text = await everything(database)
    for word in (WANG.id_no, WANG.name, WANG.phone):
        assert word not in text
        assert repr(word.encode())[2:-1] not in text


async def test_another_key_file_opens_nothing(kept: Vault, database: Database) -> None:
    with pytest.raises(SealBroken):
        await Vault.open(database, Key.new(), lambda: 1)


async def test_the_key_file_can_be_changed(kept: Vault, database: Database, file_key: Key) -> None:
    (wang,) = await take_in(kept, WANG)
    new = Key.new()
    await kept.change_key_file(new)
    with pytest.raises(SealBroken):
        await Vault.open(database, file_key, lambda: 1)
    reopened = await Vault.open(database, new, lambda: 1)
    assert await reopened.holder_of(WANG.id_no) == wang


async def test_fields_cannot_change_places(kept: Vault, database: Database) -> None:
    wang, li = await take_in(kept, WANG, LI)

    async def swap(work: Work) -> None:
        await work.rows(
            "UPDATE person SET name = (SELECT phone FROM person WHERE holder_id = $1)"
            " WHERE holder_id = $1",
            wang,
        )

    await database.run(swap)
    with pytest.raises(SealBroken):
        await kept.person(wang, Purpose.INQUIRY, "x")
    assert (await kept.person(li, Purpose.INQUIRY, "x")) is not None


async def test_erasing_destroys_the_key(kept: Vault, database: Database) -> None:
    wang, li = await take_in(kept, WANG, LI)
    assert await kept.erase(wang)
    assert not await kept.erase("o-nobody")
    person = await kept.person(wang, Purpose.INQUIRY, "x")
    assert person is not None
    assert astuple(person) == (wang, "person", None, None, None)
    assert await kept.holder_of(WANG.id_no) is None
    assert (await kept.person(li, Purpose.INQUIRY, "x")) is not None
    assert await take_in(kept, WANG) != [wang]

    async def read(work: Work) -> Key | None:
        return await kept.person_key(work, wang)

    assert await database.run(read) is None


async def test_a_destroyed_key_is_not_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "identity.db"
    database = await open_tables(str(path), vault.SCHEMA)
    kept = await Vault.open(database, Key.new(), lambda: 1)
    (wang,) = await take_in(kept, WANG)

    async def wrapped(work: Work) -> bytes:
        return bytes((await work.rows("SELECT wrapped FROM person_key"))[0]["wrapped"])

    secret = await database.run(wrapped)
    assert secret in path.read_bytes()
    await kept.erase(wang)
    await database.close()
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert secret not in left
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_an_erased_persons_proofs_still_hold(address: str, tmp_path: Path) -> None:
    async with bureau_at(address, tmp_path) as bureau:
        who = Applicant()
        await bureau.certify(who)
        assert who.bindings is not None
        await bureau.vault.erase(bureau.holder_id)
        credential = await ask(
            bureau.ledger, "fuzemen", "credential", Credential, credential_id=who.credential_id
        )
        require_bound(credential, who.bindings)
        salt = who.bindings.salt
        digest = salted_sha256(salt, Binding.DEVICE, who.device)
        assert credential.device_sha256 == digest
        assert (credential.holder_id, credential.role) == (bureau.holder_id, Role.OWNER)
        with pytest.raises(Problem) as problem:
            await bureau.status(who)
        assert problem.value.code == "certification/person-erased"


async def test_no_transaction_names_anybody(bureau_words: tuple[str, list[str]]) -> None:
    said, words = bureau_words
    assert "issue_credential" in said
    for word in words:
        assert word not in said


@pytest.fixture
async def bureau_words(tmp_path: Path) -> tuple[str, list[str]]:
    """All that was ever submitted, with what must not be in it."""
    async with bureau_at(str(tmp_path / "identity.db"), tmp_path) as bureau:
        who = Applicant()
        await bureau.certify(who)
        assert who.bindings is not None
        said = repr(bureau.town.ledger.log) + repr(bureau.town.ledger.state())
        bindings = [who.bindings.salt, who.bindings.device, who.bindings.account]
        return said, [NAME, repr(NAME.encode())[2:-1], ID_NO, PHONE, who.secret, *bindings]


# --- Key files ---


def test_a_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "identity.key"
    key = make_key_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert make_key_file(path) == load_key_file(path) == key
    assert key.data.hex() not in repr(key)
    path.chmod(0o640)
    with pytest.raises(SealBroken, match="set its mode to 0600"):
        load_key_file(path)


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_a_key_has_256_bits(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "identity.key"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(SealBroken, match="32 bytes"):
        load_key_file(path)
    with pytest.raises(SealBroken, match="cannot be read"):
        load_key_file(tmp_path / "missing")
    with pytest.raises(SealBroken, match="cannot be made"):
        make_key_file(tmp_path / "missing" / "identity.key")


@pytest.mark.parametrize("place", [0, 11, 12, 40])
def test_a_changed_seal_does_not_open(place: int) -> None:
    key = Key.new()
    sealed = bytearray(key.seal("王某".encode(), "a"))
    assert key.open(bytes(sealed), "a").decode() == "王某"
    with pytest.raises(SealBroken):
        key.open(bytes(sealed), "b")
    sealed[place % len(sealed)] ^= 1
    with pytest.raises(SealBroken):
        key.open(bytes(sealed), "a")
    with pytest.raises(SealBroken):
        key.open(b"", "a")


# --- Databases ---


async def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    for address in (str(tmp_path / "no" / "identity.db"), f"postgresql:///x?host={tmp_path}"):
        with pytest.raises(DatabaseUnavailable):
            await open_tables(address, ())


async def test_tables_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        await open_tables(str(tmp_path / "identity.db"), ("CREATE NONSENSE",))


async def test_a_scrubbed_table_leaves_nothing_in_postgresql(
    request: pytest.FixtureRequest,
) -> None:
    address = await request.getfixturevalue("postgres_server").new_database()
    database = await open_tables(address, vault.SCHEMA)
    kept = await Vault.open(database, Key.new(), lambda: 1)
    (wang,) = await take_in(kept, WANG)
    await kept.erase(wang)
    connection = await asyncpg.connect(address)
    size = await connection.fetchval("SELECT pg_relation_size('person_key')")
    await connection.close()
    assert size == 0
    await database.close()
    with pytest.raises(DatabaseUnavailable):
        await database.scrub("person_key")
