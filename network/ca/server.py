"""One Fabric CA server per organisation, with two CAs in it.

`tlsca` is the server's default CA: on its first start it makes its own root and signs the server's
TLS certificate with it, so that certificate needs no other authority before it. `ca` issues the
identities. Their databases, roots and keys are in separate folders below the server's.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509

from network.ca.client import CaClient
from network.ca.errors import CaOutcomeUnknown, CaUnreachable
from network.ca.http import ATTEMPTS_MAX, TIMEOUT_S
from network.files import PRIVATE_FILE, private_folder, write_atomic
from network.nodes import NodeSpec

CA_NAME = "ca"
TLS_CA_NAME = "tlsca"
TLS_PROFILE = "tls"
REGISTRAR = "registrar"
SECRET_BYTES = 24
SECRET_ATTEMPTS_UNLIMITED = 0
"""A count of wrong secrets would let anyone lock the registrar out for good; secrets are random
and long, so guessing them is hopeless without one."""
CHECK_TIMEOUT_S = 2.0
TLS_RENEW_BEFORE = timedelta(days=1)
ROLES = "client,peer,orderer,admin,person"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaServer:
    """One organisation's CA server. Ages are in hours."""

    folder: Path
    org: str
    """Written into the roots' names."""
    host: str
    port: int
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1")
    """Names and addresses, besides `host`, that its TLS certificate is good for."""
    operations_port: int = 0
    """Health and metrics, on the loopback only; 0 takes any free one."""
    root_age_h: int = 10 * 365 * 24
    cert_age_h: int = 365 * 24
    tls_age_h: int = 365 * 24
    crl_age_h: int = 7 * 24
    """How long a CRL may be relied on: its `nextUpdate`."""

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return f"https://{self.host}:{self.port}"

    @property
    def tls_root_file(self) -> Path:
        """Root of the TLS CA and so of the server's own certificate; there from the first start."""
        return self.folder / "ca-cert.pem"

    @property
    def root_file(self) -> Path:
        """Root of the identities."""
        return self.folder / CA_NAME / "ca-cert.pem"

    @property
    def tls_cert_file(self) -> Path:
        """The server's own TLS certificate; without it the next start issues a new one."""
        return self.folder / "tls-cert.pem"

    def client(
        self, ca_name: str, *, timeout_s: float = TIMEOUT_S, attempts_max: int = ATTEMPTS_MAX
    ) -> CaClient:
        """A client of one of its CAs that trusts exactly this server's root.

        Raises OSError before the first start, when there is no root yet.
        """
        root = self.tls_root_file.read_bytes()
        return CaClient(self.url, ca_name, root, timeout_s=timeout_s, attempts_max=attempts_max)

    def registrar_secret(self) -> str:
        """The first registrar's secret, made once, kept in a file of mode 0600."""
        path = private_folder(self.folder) / "registrar.secret"
        if not path.is_file():
            write_atomic(path, secrets.token_urlsafe(SECRET_BYTES).encode(), PRIVATE_FILE)
        return path.read_text()

    def write_config(self, now: datetime | None = None) -> bool:
        """Write both CAs' configuration (mode 0600, it holds the secret); True if it changed.

        Also drops a TLS certificate of the server that ends within TLS_RENEW_BEFORE or lacks one
        of its hosts: its next start issues a new one.
        """
        private_folder(self.folder)
        private_folder(self.folder / CA_NAME)
        changed = [
            write_atomic(path, yaml.safe_dump(content, sort_keys=False).encode(), PRIVATE_FILE)
            for path, content in (
                (self.folder / "fabric-ca-server-config.yaml", self._server_config()),
                (self.folder / CA_NAME / "config.yaml", self._ca_config(CA_NAME)),
            )
        ]
        if self.tls_cert_file.is_file() and not self._has_good_tls(now or datetime.now(UTC)):
            self.tls_cert_file.unlink()
            changed.append(True)
        return any(changed)

    def node(self, name: str, program: Path, env: Mapping[str, str] | None = None) -> NodeSpec:
        """The server as a process to supervise; `write_config` comes first."""
        return NodeSpec(
            name=name,
            command=(str(program), "start", "--home", str(self.folder)),
            cwd=self.folder,
            env=env or {},
            host=self.host,
            ports=(self.port,),
        )

    async def is_ready(self) -> bool:
        """Whether both CAs answer over verified TLS. Raises CaError when they never will."""
        if not self.tls_root_file.is_file() or not self.root_file.is_file():
            return False
        try:
            for name in (TLS_CA_NAME, CA_NAME):
                async with self.client(name, timeout_s=CHECK_TIMEOUT_S, attempts_max=1) as client:
                    await client.info()
        except (CaUnreachable, CaOutcomeUnknown):
            return False
        return True

    def _has_good_tls(self, now: datetime) -> bool:
        try:
            certificate = x509.load_pem_x509_certificate(self.tls_cert_file.read_bytes())
            kind = x509.SubjectAlternativeName
            names = certificate.extensions.get_extension_for_class(kind).value
        except (ValueError, x509.ExtensionNotFound):
            return False
        covered = {str(name.value) for name in names}
        ends_late = certificate.not_valid_after_utc - now > TLS_RENEW_BEFORE
        return ends_late and covered >= set(self._all_hosts())

    def _all_hosts(self) -> list[str]:
        return list(dict.fromkeys((self.host, *self.hosts)))

    def _server_config(self) -> dict[str, Any]:
        return {
            "address": self.host,
            "port": self.port,
            "tls": {"enabled": True, "certfile": str(self.tls_cert_file)},
            "operations": {"listenAddress": f"127.0.0.1:{self.operations_port}"},
            "metrics": {"provider": "prometheus"},
            "cafiles": [str(self.folder / CA_NAME / "config.yaml")],
            **self._ca_config(TLS_CA_NAME),
        }

    def _ca_config(self, name: str) -> dict[str, Any]:
        return {
            "ca": {"name": name},
            "crl": {"expiry": f"{self.crl_age_h}h"},
            "crlsizelimit": 512_000,
            "registry": {"maxenrollments": -1, "identities": [self._registrar()]},
            "db": {"type": "sqlite3", "datasource": "fabric-ca-server.db"},
            "affiliations": {},
            "signing": self._signing(),
            "csr": self._root_request(name),
            "cfg": {
                "identities": {
                    "passwordattempts": SECRET_ATTEMPTS_UNLIMITED,
                    "allowremove": True,
                }
            },
            "bccsp": {"default": "SW", "sw": {"hash": "SHA2", "security": 256}},
        }

    def _registrar(self) -> dict[str, Any]:
        return {
            "name": REGISTRAR,
            "pass": self.registrar_secret(),
            "type": "client",
            "affiliation": "",
            "maxenrollments": -1,
            "attrs": {
                "hf.Registrar.Roles": ROLES,
                "hf.Registrar.DelegateRoles": ROLES,
                "hf.Registrar.Attributes": "*",
                "hf.Revoker": True,
                "hf.GenCRL": True,
            },
        }

    def _signing(self) -> dict[str, Any]:
        usage = ["digital signature", "server auth", "client auth"]
        return {
            "default": {"usage": ["digital signature"], "expiry": f"{self.cert_age_h}h"},
            "profiles": {TLS_PROFILE: {"usage": usage, "expiry": f"{self.tls_age_h}h"}},
        }

    def _root_request(self, name: str) -> dict[str, Any]:
        return {
            "cn": f"{name}.{self.org}",
            "keyrequest": {"algo": "ecdsa", "size": 256},
            "names": [{"O": self.org}],
            "hosts": self._all_hosts() if name == TLS_CA_NAME else [f"{name}.{self.org}"],
            "ca": {"expiry": f"{self.root_age_h}h", "pathlength": 0, "pathlenzero": True},
        }
