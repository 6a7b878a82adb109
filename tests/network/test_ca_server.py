"""The CA server's configuration, without running it."""

import datetime as dt
from pathlib import Path

import pytest
import yaml

from network.ca.server import CaServer
from tests.support.pki import DAY, Root
from tests.support.ports import free_port


@pytest.fixture
def server(tmp_path: Path) -> CaServer:
    return CaServer(
        folder=tmp_path / "ca", org="bank", host="ca.bank", port=7054, hosts=(), root_age_h=24
    )


def config(server: CaServer, name: str) -> dict[str, object]:
    loaded: dict[str, object] = yaml.safe_load((server.folder / name).read_text())
    return loaded


def test_both_cas_differ_in_name_and_root_only(server: CaServer) -> None:
    assert server.write_config()
    tls = config(server, "fabric-ca-server-config.yaml")
    identities = config(server, "ca/config.yaml")
    assert (tls["ca"], identities["ca"]) == ({"name": "tlsca"}, {"name": "ca"})
    assert tls["cafiles"] == [str(server.folder / "ca" / "config.yaml")]
    shared = set(identities) - {"ca", "csr"}
    assert {key: tls[key] for key in shared} == {key: identities[key] for key in shared}
    assert server.url == "https://ca.bank:7054"


def test_the_registrars_secret_is_made_once_and_private(server: CaServer) -> None:
    server.write_config()
    secret = server.registrar_secret()
    assert server.registrar_secret() == secret
    for name in ("registrar.secret", "fabric-ca-server-config.yaml", "ca/config.yaml"):
        path = server.folder / name
        assert path.stat().st_mode & 0o777 == 0o600
        assert secret in path.read_text()
    assert secret not in repr(server)


def test_two_servers_have_two_secrets(server: CaServer, tmp_path: Path) -> None:
    other = CaServer(folder=tmp_path / "other", org="bank", host="ca.bank", port=7054)
    assert other.registrar_secret() != server.registrar_secret()


def test_the_registrar_registers_roles_only(server: CaServer) -> None:
    server.write_config()
    registry = config(server, "ca/config.yaml")["registry"]
    assert isinstance(registry, dict)
    (registrar,) = registry["identities"]
    assert registrar["attrs"]["hf.Registrar.Roles"] == "client,peer,orderer,admin,person"
    assert "hf.IntermediateCA" not in registrar["attrs"]


def test_the_command_line_holds_no_secret(server: CaServer) -> None:
    node = server.node("ca.bank", Path("/bin/fabric-ca-server"))
    assert node.command == ("/bin/fabric-ca-server", "start", "--home", str(server.folder))
    assert (node.host, node.ports, dict(node.env)) == ("ca.bank", (7054,), {})


@pytest.mark.parametrize(
    ("host", "lasts", "kept"),
    [
        ("ca.bank", 3 * DAY, True),
        ("ca.bank", DAY / 2, False),
        ("ca.bank", -DAY, False),
        ("ca.elsewhere", 3 * DAY, False),
    ],
)
def test_a_tls_certificate_is_kept_while_it_is_good(
    server: CaServer, host: str, lasts: dt.timedelta, kept: bool
) -> None:
    server.write_config()
    cert, _ = Root().issue("vm", host=host, valid=lasts)
    server.tls_cert_file.write_bytes(cert)
    assert server.write_config() is not kept
    assert server.tls_cert_file.exists() is kept


def test_a_garbled_tls_certificate_is_dropped(server: CaServer) -> None:
    server.write_config()
    server.tls_cert_file.write_bytes(b"half a cert")
    assert server.write_config()
    assert not server.tls_cert_file.exists()


async def test_a_server_that_never_started_is_not_ready(server: CaServer) -> None:
    assert not await server.is_ready()
    server.write_config()
    assert not await server.is_ready()


async def test_a_server_that_is_down_is_not_ready(tmp_path: Path) -> None:
    down = CaServer(folder=tmp_path, org="bank", host="127.0.0.1", port=free_port())
    down.write_config()
    down.tls_root_file.write_bytes(Root().pem)
    down.root_file.write_bytes(Root().pem)
    assert not await down.is_ready()
