"""The folder of a key: nobody else reads it, and what is broken is said in one line."""

import stat
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from scripts.hand.errors import BadInput
from scripts.hand.folder import Folder, KeptAct


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def pem_of(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def an_act(nonce: str, at: int) -> KeptAct:
    return KeptAct(
        act="cast_ballot", community="c", nonce=nonce, sha256="", jws="", fields={}, at=at
    )


def test_everything_is_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "me"
    made = Folder.create(path)
    made.keep_act(an_act("0" * 32, 1))
    assert mode(path) == 0o700
    files = [file for file in path.rglob("*") if file.is_file()]
    assert {file.name for file in files} == {"key.pem", "person.json", "0" * 32}
    assert {mode(file) for file in files} == {0o600}
    opened = Folder.open(path)
    assert opened.key.private_numbers() == made.key.private_numbers()
    assert opened.kept() == made.kept()


def test_a_key_is_never_made_over_another(tmp_path: Path) -> None:
    before = pem_of(Folder.create(tmp_path / "me").key)
    with pytest.raises(BadInput, match="has a key already"):
        Folder.create(tmp_path / "me")
    assert pem_of(Folder.open(tmp_path / "me").key) == before


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o610, 0o666])
def test_a_key_that_others_reach_is_not_used(tmp_path: Path, bits: int) -> None:
    Folder.create(tmp_path / "me")
    (tmp_path / "me" / "key.pem").chmod(bits)
    with pytest.raises(BadInput, match=f"mode {bits:04o}"):
        Folder.open(tmp_path / "me")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n", "is no private key"),
        (pem_of(ec.generate_private_key(ec.SECP384R1())), "is no P-256 key"),
        (pem_of(rsa.generate_private_key(65537, 2048)), "is no P-256 key"),
    ],
)
def test_what_is_no_key(tmp_path: Path, content: bytes, says: str) -> None:
    Folder.create(tmp_path / "me")
    (tmp_path / "me" / "key.pem").write_bytes(content)
    with pytest.raises(BadInput, match=says):
        Folder.open(tmp_path / "me")


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="act key new"):
        Folder.open(tmp_path / "nobody")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"secret": 1, "device": "x"}'])
def test_what_is_known_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    made = Folder.create(tmp_path / "me")
    (tmp_path / "me" / "person.json").write_bytes(content)
    with pytest.raises(BadInput, match="cannot be read"):
        made.kept()


@pytest.mark.parametrize("nonce", ["", "../person.json", "0/1", "."])
def test_what_is_no_nonce(tmp_path: Path, nonce: str) -> None:
    with pytest.raises(BadInput, match="no nonce"):
        Folder.create(tmp_path / "me").act(nonce)


def test_acts_are_listed_in_their_order(tmp_path: Path) -> None:
    made = Folder.create(tmp_path / "me")
    for nonce, at in (("b" * 32, 1), ("a" * 32, 2)):
        made.keep_act(an_act(nonce, at))
    made.keep_act(msgspec.structs.replace(made.act("b" * 32), tx_id="t"))
    assert [(one.nonce[0], one.tx_id) for one in made.acts()] == [("b", "t"), ("a", "")]
    with pytest.raises(BadInput, match="No such file"):
        made.act("c" * 32)
