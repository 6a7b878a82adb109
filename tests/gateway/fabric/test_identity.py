"""Keys, certificates and signatures."""

from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fabric_protos.msp import identities_pb2

from gateway.fabric.errors import BadIdentity
from gateway.fabric.identity import P256_ORDER, Identity, ecdsa_signer, load_identity, low_s
from tests.support.fake_certificates import Issued, issue

DIGEST = sha256(b"message").digest()


def files(folder: Path, certificate: bytes, key: bytes) -> tuple[Path, Path]:
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(certificate)
    paths[1].write_bytes(key)
    return paths


def test_signatures_verify_and_have_low_s(user: Issued) -> None:
    sign = ecdsa_signer(user.key)
    for number in range(64):
        message = bytes([number])
        signature = sign(sha256(message).digest())
        user.key.public_key().verify(signature, message, ec.ECDSA(SHA256()))
        assert utils.decode_dss_signature(signature)[1] <= P256_ORDER // 2


def test_high_s_becomes_low_s_and_still_verifies(user: Issued) -> None:
    r, s = utils.decode_dss_signature(ecdsa_signer(user.key)(DIGEST))
    high = utils.encode_dss_signature(r, P256_ORDER - s)
    assert utils.decode_dss_signature(low_s(high)) == (r, s)
    user.key.public_key().verify(low_s(high), b"message", ec.ECDSA(SHA256()))


def test_low_s_stays_as_it_is() -> None:
    half = utils.encode_dss_signature(1, P256_ORDER // 2)
    assert low_s(half) is half


@pytest.mark.parametrize(
    ("r", "s"), [(0, 1), (1, 0), (P256_ORDER, 1), (1, P256_ORDER), (1, P256_ORDER + 1)]
)
def test_r_or_s_out_of_range(r: int, s: int) -> None:
    with pytest.raises(BadIdentity, match="out of range"):
        low_s(utils.encode_dss_signature(r, s))


def test_creator_is_a_serialized_identity(user: Issued) -> None:
    creator = Identity("BankMSP", user.certificate_pem).creator()
    message = identities_pb2.SerializedIdentity.FromString(creator)
    assert (message.mspid, message.id_bytes) == ("BankMSP", user.certificate_pem)


def test_load_identity(user: Issued, tmp_path: Path) -> None:
    paths = files(tmp_path, user.certificate_pem, user.key_pem)
    identity, sign = load_identity("BankMSP", *paths)
    assert identity == Identity("BankMSP", user.certificate_pem)
    user.key.public_key().verify(sign(DIGEST), b"message", ec.ECDSA(SHA256()))


def test_key_of_another_certificate(root: Issued, user: Issued, tmp_path: Path) -> None:
    paths = files(tmp_path, user.certificate_pem, issue(root, "other").key_pem)
    with pytest.raises(BadIdentity, match="does not belong"):
        load_identity("BankMSP", *paths)


@pytest.mark.parametrize("missing", [0, 1])
def test_missing_file(user: Issued, tmp_path: Path, missing: int) -> None:
    paths = files(tmp_path, user.certificate_pem, user.key_pem)
    paths[missing].unlink()
    with pytest.raises(BadIdentity, match="cannot read"):
        load_identity("BankMSP", *paths)


@pytest.mark.parametrize("broken", [0, 1])
def test_a_file_that_is_no_pem_is_not_quoted(user: Issued, tmp_path: Path, broken: int) -> None:
    paths = files(tmp_path, user.certificate_pem, user.key_pem)
    paths[broken].write_bytes(b"secret key material")
    with pytest.raises(BadIdentity, match="cannot read") as caught:
        load_identity("BankMSP", *paths)
    assert "secret" not in str(caught.value)


def test_rsa_key(user: Issued, tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(BadIdentity, match="not an elliptic-curve key"):
        load_identity("BankMSP", *files(tmp_path, user.certificate_pem, pem))


def test_other_curve() -> None:
    with pytest.raises(BadIdentity, match="secp384r1"):
        ecdsa_signer(ec.generate_private_key(ec.SECP384R1()))
