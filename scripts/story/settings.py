"""The gateways' settings, with every secret in a file of its own that only its owner reads."""

import secrets
from pathlib import Path
from typing import Any, Final

from chaincode.model.base import Org
from gateway.identity.flows import STAFF_ROLE
from network.ca.server import CA_NAME, REGISTRAR, CaServer
from network.files import PRIVATE_FILE, private_folder, write_atomic
from network.home import Network
from scripts.clients import settings_text
from scripts.story.bankfiles import bank_settings
from scripts.story.places import HOST, ORGS, Places

SECRET_BYTES: Final = 32
LIMITS: Final = {
    "address_per_s": 10_000.0,
    "address_burst": 20_000,
    "credential_per_s": 100.0,
    "credential_burst": 200,
}
"""All phones of the demo share this machine's one address."""
BATCH: Final = {"batches_max": 1}
"""While one batch is on its way the next fills up: where one machine does the work of all
organisations, few large transactions are sooner done than many small ones."""
DUE_EVERY_S: Final = {Org.REGULATOR: 0.5}
"""How often a gateway asks what is due; the others do so less often, and take over if need be."""
DUE_OTHERS_S: Final = 10.0


def write_gateway_settings(network: Network, places: Places, org: str) -> None:
    """Write `gateway.toml` of an organisation, and the secrets that it names."""
    folder = private_folder(places.gateway(org))
    sections: dict[str, dict[str, Any]] = {
        "gateway": {"operator_token_file": str(operator_token_file(places, org))},
        "http": {"operations_address": f"{HOST}:{places.ports.operations[org]}"},
        "fabric": {"endorsers": list(_required_msps(network))},
        "limits": dict(LIMITS),
        "batch": dict(BATCH),
        "clock": {"every_s": DUE_EVERY_S.get(Org(org), DUE_OTHERS_S)},
        "login": {"audience": places.url(org), "database": "sessions.sqlite3"},
        "projection": {"database": "readmodel.sqlite3"},
        "attachments": _attachments(places, org),
        "live": {"webhook_key_file": str(_secret(folder / "webhook.key"))},
        "certificate": {"verify_url": f"{places.url(org)}/v1/documentation"},
    }
    if Org(org) in STAFF_ROLE:
        sections["identity"] = _identity(network, places, org)
    if org == Org.BANK:
        sections["bank"] = bank_settings(places, network.config.channels[0].communities[0])
    text = settings_text(network, org, port=places.ports.gateways[org], sections=sections)
    write_atomic(folder / "gateway.toml", text.encode(), PRIVATE_FILE)


def operator_token_file(places: Places, org: str) -> Path:
    """The file with the operator's bearer token for an organisation's gateway."""
    return _secret(private_folder(places.gateway(org)) / "operator.token")


def identity_key_file(places: Places, org: str) -> Path:
    """The key that unwraps an office's identity database."""
    path = private_folder(places.gateway(org)) / "identity.key"
    if not path.exists():
        write_atomic(path, secrets.token_bytes(SECRET_BYTES), PRIVATE_FILE)
    return path


def identity_database(places: Places, org: str) -> Path:
    """The identity database of an office that certifies."""
    return places.gateway(org) / "identity.sqlite3"


def _attachments(places: Places, org: str) -> dict[str, Any]:
    return {
        "folder": "attachments",
        "gateways": [places.url(other) for other in ORGS if other != org],
        "link_key_file": str(_secret(places.kept / "link.key")),
    }


def _identity(network: Network, places: Places, org: str) -> dict[str, Any]:
    node = network.topology().orgs[org].ca
    server = CaServer(folder=node.folder, org=org, host=node.host, port=node.ports["listen"])
    return {
        "database": str(identity_database(places, org)),
        "key_file": str(identity_key_file(places, org)),
        "provider_url": f"http://{HOST}:{places.ports.authority}",
        "provider_token_file": str(places.authority / "gateway.token"),
        "ca_url": server.url,
        "ca_name": CA_NAME,
        "ca_tls_root_file": str(server.tls_root_file),
        "ca_registrar": REGISTRAR,
        "ca_registrar_secret_file": str(server.folder / "registrar.secret"),
    }


def _required_msps(network: Network) -> list[str]:
    orgs = network.topology().orgs
    return [orgs[name].msp_id for name in network.config.endorsement.require]


def _secret(path: Path) -> Path:
    """A random secret, made once."""
    if not path.exists():
        write_atomic(path, secrets.token_hex(SECRET_BYTES).encode(), PRIVATE_FILE)
    return path
