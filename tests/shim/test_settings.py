"""Settings: every finding at once, and nothing insecure unless it is said."""

from pathlib import Path

import pytest

from chaincode.shim.errors import SettingsError
from chaincode.shim.server import Address, Settings
from tests.shim.pki import Authority, write_tls

BASE = {"CHAINCODE_ID": "label:hash", "CHAINCODE_SERVER_ADDRESS": "0.0.0.0:9999"}
PLAIN = {**BASE, "CHAINCODE_TLS_DISABLED": "true"}


def findings(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(environ)
    return list(caught.value.findings)


@pytest.fixture
def tls(tmp_path: Path) -> dict[str, str]:
    authority = Authority("ca")
    files = write_tls(tmp_path, authority.issue("service"), authority.certificate)
    return {
        "CHAINCODE_TLS_CERT_FILE": str(files.certificate),
        "CHAINCODE_TLS_KEY_FILE": str(files.key),
        "CHAINCODE_CLIENT_CA_FILE": str(files.client_ca),
    }


def test_everything_set(tls: dict[str, str]) -> None:
    settings = Settings.from_environment(
        {
            **BASE,
            **tls,
            "CHAINCODE_METRICS_ADDRESS": "[::1]:9443",
            "CHAINCODE_CONCURRENCY": "10000",
            "CHAINCODE_SHUTDOWN_S": "0.5",
            "CHAINCODE_EXECUTE_TIMEOUT_S": "3600",
        }
    )
    assert settings.tls is not None
    assert settings.tls.key == Path(tls["CHAINCODE_TLS_KEY_FILE"])
    assert settings.server_address == Address("0.0.0.0", 9999)
    assert settings.metrics_address == Address("[::1]", 9443)
    assert (settings.concurrency, settings.shutdown_s) == (10_000, 0.5)
    assert settings.execute_timeout_s == 3600


def test_defaults() -> None:
    settings = Settings.from_environment(PLAIN)
    assert (settings.tls, settings.metrics_address, settings.concurrency) == (None, None, 256)
    assert (settings.shutdown_s, settings.execute_timeout_s) == (25, 30)


def test_every_finding_at_once() -> None:
    assert findings({"CHAINCODE_CONCURRENCY": "0", "CHAINCODE_SHUTDOWN_S": "x"}) == [
        "CHAINCODE_ID is not set",
        "CHAINCODE_SERVER_ADDRESS is not set",
        "CHAINCODE_TLS_CERT_FILE is not set",
        "CHAINCODE_TLS_KEY_FILE is not set",
        "CHAINCODE_CLIENT_CA_FILE is not set",
        "CHAINCODE_CONCURRENCY must be a whole number from 1 to 10000",
        "CHAINCODE_SHUTDOWN_S must be a number of seconds above 0, at most 3600",
    ]


@pytest.mark.parametrize(
    ("name", "value", "finding"),
    [
        ("CHAINCODE_SERVER_ADDRESS", "localhost", "must be host:port"),
        ("CHAINCODE_SERVER_ADDRESS", ":1", "must be host:port"),
        ("CHAINCODE_SERVER_ADDRESS", "h:", "must be host:port"),
        ("CHAINCODE_SERVER_ADDRESS", "h:-1", "must be host:port"),
        ("CHAINCODE_SERVER_ADDRESS", "h:٣", "must be host:port"),
        ("CHAINCODE_SERVER_ADDRESS", "h:65536", "has a port above 65535"),
        ("CHAINCODE_METRICS_ADDRESS", "9443", "must be host:port"),
        ("CHAINCODE_TLS_DISABLED", "yes", "must be true or false"),
        ("CHAINCODE_TLS_DISABLED", "True", "must be true or false"),
        ("CHAINCODE_CONCURRENCY", "10001", "must be a whole number from 1 to 10000"),
        ("CHAINCODE_CONCURRENCY", "1.5", "must be a whole number from 1 to 10000"),
        ("CHAINCODE_SHUTDOWN_S", "0", "must be a number of seconds above 0, at most 3600"),
        ("CHAINCODE_SHUTDOWN_S", "nan", "must be a number of seconds above 0, at most 3600"),
        ("CHAINCODE_SHUTDOWN_S", "inf", "must be a number of seconds above 0, at most 3600"),
        ("CHAINCODE_EXECUTE_TIMEOUT_S", "-1", "must be a number of seconds above 0, at most 3600"),
    ],
)
def test_one_bad_value(tls: dict[str, str], name: str, value: str, finding: str) -> None:
    assert findings({**BASE, **tls, name: value}) == [f"{name} {finding}"]


@pytest.mark.parametrize("name", ["CERT_FILE", "KEY_FILE"])
def test_a_missing_tls_file(tls: dict[str, str], name: str, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    environ = {**BASE, **tls, f"CHAINCODE_TLS_{name}": missing}
    assert findings(environ) == [f"{missing} cannot be read: No such file or directory"]


@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("CHAINCODE_TLS_CERT_FILE", "the certificate is not PEM"),
        ("CHAINCODE_TLS_KEY_FILE", "the key is not an unencrypted PEM key"),
        ("CHAINCODE_CLIENT_CA_FILE", "the client CA is not PEM"),
    ],
)
def test_an_unreadable_tls_file(tls: dict[str, str], name: str, finding: str) -> None:
    Path(tls[name]).write_bytes(b"nothing")
    assert findings({**BASE, **tls}) == [f"the TLS files of tls.crt: {finding}"]


def test_a_key_of_another_certificate(tls: dict[str, str]) -> None:
    Path(tls["CHAINCODE_TLS_KEY_FILE"]).write_bytes(Authority("x").issue("y").key)
    expected = "the TLS files of tls.crt: the key does not belong to the certificate"
    assert findings({**BASE, **tls}) == [expected]
