"""MSP and TLS folders: modes, atomic renewal, refusals."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from network import msp
from network.ca.keys import key_pem, load_key, new_key
from network.files import sync_folder, write_atomic
from network.identity import Identity, IdentityBroken
from network.msp import is_pair, key_name, org_msp, write_msp, write_tls
from tests.support.pki import DAY, Root


@pytest.fixture
def root() -> Root:
    return Root()


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def snapshot(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), mode(path), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_msp_holds_what_fabric_reads(tmp_path: Path, root: Root) -> None:
    cert, key = root.issue("peer0")
    assert write_msp(
        tmp_path / "msp",
        cert_pem=cert,
        key_pem=key,
        ca_certs=[root.pem],
        tls_ca_certs=[root.pem],
        crls=[b"a list"],
    )
    files = {name: content for name, (content, _, _) in snapshot(tmp_path / "msp").items()}
    config = yaml.safe_load(files.pop("config.yaml"))
    assert files == {
        "cacerts/ca-0.pem": root.pem,
        "tlscacerts/tlsca-0.pem": root.pem,
        "crls/crl-0.pem": b"a list",
        "signcerts/cert.pem": cert,
        f"keystore/{key_name(cert)}": key,
    }
    assert config["NodeOUs"] == {
        "Enable": True,
        "ClientOUIdentifier": {"OrganizationalUnitIdentifier": "client"},
        "PeerOUIdentifier": {"OrganizationalUnitIdentifier": "peer"},
        "AdminOUIdentifier": {"OrganizationalUnitIdentifier": "admin"},
        "OrdererOUIdentifier": {"OrganizationalUnitIdentifier": "orderer"},
    }


def test_node_ous_can_be_off(tmp_path: Path, root: Root) -> None:
    org_msp(tmp_path / "msp", ca_certs=[root.pem], node_ous=False)
    config = yaml.safe_load((tmp_path / "msp" / "config.yaml").read_text())
    assert config == {"NodeOUs": {"Enable": False}}


def test_private_keys_are_their_owners_alone(tmp_path: Path, root: Root) -> None:
    cert, key = root.issue("peer0")
    write_msp(tmp_path / "msp", cert_pem=cert, key_pem=key, ca_certs=[root.pem])
    write_tls(tmp_path / "tls", cert_pem=cert, key_pem=key, ca_certs=[root.pem])
    assert mode(tmp_path / "msp" / "keystore" / key_name(cert)) == 0o600
    assert mode(tmp_path / "msp" / "keystore") == 0o700
    assert mode(tmp_path / "msp") == 0o700
    assert mode(tmp_path / "tls" / "server.key") == 0o600
    assert mode(tmp_path / "tls") == 0o700


def test_a_key_opened_to_others_is_closed_again(tmp_path: Path, root: Root) -> None:
    cert, key = root.issue("peer0")
    write_tls(tmp_path, cert_pem=cert, key_pem=key, ca_certs=[root.pem])
    (tmp_path / "server.key").chmod(0o644)
    assert write_tls(tmp_path, cert_pem=cert, key_pem=None, ca_certs=[root.pem])
    assert mode(tmp_path / "server.key") == 0o600


def test_equal_content_is_left_alone(tmp_path: Path, root: Root) -> None:
    cert, key = root.issue("peer0")

    def write() -> bool:
        identity = {"cert_pem": cert, "key_pem": key, "ca_certs": [root.pem]}
        written = write_msp(tmp_path / "msp", **identity)  # type: ignore[arg-type]
        return write_tls(tmp_path / "tls", **identity) or written  # type: ignore[arg-type]

    assert write()
    before = snapshot(tmp_path)
    assert not write()
    assert snapshot(tmp_path) == before


def test_org_msp_has_no_private_part(tmp_path: Path, root: Root) -> None:
    assert org_msp(tmp_path / "org", ca_certs=[root.pem], tls_ca_certs=[root.pem])
    assert set(snapshot(tmp_path / "org")) == {
        "cacerts/ca-0.pem",
        "tlscacerts/tlsca-0.pem",
        "config.yaml",
    }


def test_a_withdrawn_root_leaves_the_folder(tmp_path: Path, root: Root) -> None:
    org_msp(tmp_path, ca_certs=[root.pem, Root("old").pem], crls=[b"list"])
    assert org_msp(tmp_path, ca_certs=[root.pem])
    assert set(snapshot(tmp_path)) == {"cacerts/ca-0.pem", "config.yaml"}


def test_renewal_with_a_new_key_leaves_only_the_new_one(tmp_path: Path, root: Root) -> None:
    old_cert, old_key = root.issue("peer0")
    new_cert, new_key_pem = root.issue("peer0")
    write_msp(tmp_path, cert_pem=old_cert, key_pem=old_key, ca_certs=[root.pem])
    write_msp(tmp_path, cert_pem=new_cert, key_pem=new_key_pem, ca_certs=[root.pem])
    assert [path.name for path in (tmp_path / "keystore").iterdir()] == [key_name(new_cert)]
    assert Identity.from_msp("BankMSP", tmp_path).cert_pem == new_cert


def test_renewal_for_the_same_key_needs_no_key(tmp_path: Path, root: Root) -> None:
    key = new_key()
    old_cert, old_key = root.issue("peer0", key=key)
    new_cert, _ = root.issue("peer0", key=key)
    write_msp(tmp_path / "msp", cert_pem=old_cert, key_pem=old_key, ca_certs=[root.pem])
    write_tls(tmp_path / "tls", cert_pem=old_cert, key_pem=old_key, ca_certs=[root.pem])
    assert write_msp(tmp_path / "msp", cert_pem=new_cert, key_pem=None, ca_certs=[root.pem])
    assert write_tls(tmp_path / "tls", cert_pem=new_cert, key_pem=None, ca_certs=[root.pem])
    assert Identity.from_msp("BankMSP", tmp_path / "msp").key_path.read_bytes() == old_key
    assert Identity.from_tls(tmp_path / "tls").cert_pem == new_cert


@pytest.mark.parametrize("cut_at", [1, 2, 3, 4, 5, 6, 7, 8])
def test_a_renewal_cut_off_anywhere_leaves_a_usable_identity(
    tmp_path: Path, root: Root, monkeypatch: pytest.MonkeyPatch, cut_at: int
) -> None:
    old_cert, old_key = root.issue("peer0")
    new_cert, new_key_pem = root.issue("peer0")
    write_msp(tmp_path, cert_pem=old_cert, key_pem=old_key, ca_certs=[root.pem])
    steps: Iterator[int] = iter(range(1, 100))

    def cut(*_: object, **__: object) -> bool:
        if next(steps) == cut_at:
            raise OSError(28, "No space left on device")
        return False

    def synced(*args: object, **kwargs: object) -> bool:
        return cut() or sync_folder(*args, **kwargs)  # type: ignore[arg-type]

    def written(*args: object, **kwargs: object) -> bool:
        return cut() or write_atomic(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(msp, "sync_folder", synced)
    monkeypatch.setattr(msp, "write_atomic", written)
    with pytest.raises(OSError, match="No space left"):
        write_msp(tmp_path, cert_pem=new_cert, key_pem=new_key_pem, ca_certs=[root.pem])
    found = Identity.from_msp("BankMSP", tmp_path)
    assert found.cert_pem in {old_cert, new_cert}
    assert is_pair(found.cert_pem, found.key_path.read_bytes())


def test_the_wrong_key_is_refused_and_nothing_changes(tmp_path: Path, root: Root) -> None:
    cert, key = root.issue("peer0")
    _, other_key = root.issue("peer1")
    write_msp(tmp_path / "msp", cert_pem=cert, key_pem=key, ca_certs=[root.pem])
    write_tls(tmp_path / "tls", cert_pem=cert, key_pem=key, ca_certs=[root.pem])
    before = snapshot(tmp_path)
    with pytest.raises(ValueError, match="not the certificate's"):
        write_msp(tmp_path / "msp", cert_pem=cert, key_pem=other_key, ca_certs=[root.pem])
    with pytest.raises(ValueError, match="not the certificate's"):
        write_tls(tmp_path / "tls", cert_pem=cert, key_pem=other_key, ca_certs=[root.pem])
    assert snapshot(tmp_path) == before


def test_a_certificate_without_its_key_is_refused(tmp_path: Path, root: Root) -> None:
    cert, _ = root.issue("peer0")
    with pytest.raises(ValueError, match="no private key"):
        write_msp(tmp_path / "msp", cert_pem=cert, key_pem=None, ca_certs=[root.pem])
    with pytest.raises(ValueError, match="no private key"):
        write_tls(tmp_path / "tls", cert_pem=cert, key_pem=None, ca_certs=[root.pem])


def test_an_msp_without_a_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one CA certificate"):
        org_msp(tmp_path, ca_certs=[])


def test_broken_folders_are_named(tmp_path: Path, root: Root) -> None:
    with pytest.raises(IdentityBroken, match=r"signcerts/cert\.pem"):
        Identity.from_msp("BankMSP", tmp_path)
    cert, key = root.issue("peer0")
    write_msp(tmp_path, cert_pem=cert, key_pem=key, ca_certs=[root.pem])
    key_path = Identity.from_msp("BankMSP", tmp_path).key_path
    key_path.write_bytes(b"garbage")
    with pytest.raises(IdentityBroken, match="keystore"):
        Identity.from_msp("BankMSP", tmp_path)
    key_path.write_bytes(root.issue("peer1")[1])
    with pytest.raises(IdentityBroken, match="not the certificate's key"):
        Identity.from_msp("BankMSP", tmp_path)
    key_path.unlink()
    with pytest.raises(IdentityBroken, match="keystore"):
        Identity.from_msp("BankMSP", tmp_path)
    (tmp_path / "signcerts" / "cert.pem").write_bytes(b"garbage")
    with pytest.raises(IdentityBroken, match="not readable"):
        Identity.from_msp("BankMSP", tmp_path)


def test_a_tls_pair_cut_off_midway_is_noticed(tmp_path: Path, root: Root) -> None:
    cert, key = root.issue("peer0")
    write_tls(tmp_path, cert_pem=cert, key_pem=key, ca_certs=[root.pem])
    (tmp_path / "server.key").write_bytes(root.issue("peer0")[1])
    with pytest.raises(IdentityBroken, match="not the certificate's key"):
        Identity.from_tls(tmp_path)


def test_days_left_counts_whole_days_and_goes_below_zero(tmp_path: Path, root: Root) -> None:
    cert, key = root.issue("peer0", valid=3 * DAY)
    write_msp(tmp_path, cert_pem=cert, key_pem=key, ca_certs=[root.pem])
    found = Identity.from_msp("BankMSP", tmp_path)
    assert found.days_left() == 2
    assert found.days_left(found.expires_at) == 0
    assert found.days_left(found.expires_at + dt.timedelta(seconds=1)) == -1


def test_an_identity_never_shows_its_key(tmp_path: Path, root: Root) -> None:
    cert, key = root.issue("peer0")
    write_msp(tmp_path, cert_pem=cert, key_pem=key, ca_certs=[root.pem])
    found = Identity.from_msp("BankMSP", tmp_path)
    assert found.key().private_numbers() == load_key(key).private_numbers()
    assert "PRIVATE" not in repr(found)
    assert str(found.key().private_numbers().private_value) not in repr(found.credential())


def test_only_p256_keys_are_taken() -> None:
    with pytest.raises(ValueError, match="P-256"):
        load_key(
            b"-----BEGIN PRIVATE KEY-----\n"
            b"MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
            b"-----END PRIVATE KEY-----\n"
        )
    assert load_pem_private_key(key_pem(new_key()), None)


def test_a_file_is_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomic(tmp_path / "file", b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("network.files.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(tmp_path / "file", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"
