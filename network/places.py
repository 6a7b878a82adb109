"""Where the files of a node or a person lie: one place that knows the folder names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from network.msp import TLS_CERT, TLS_KEY, TLS_ROOTS
from network.topology import Org


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """The MSP and TLS files below a node's folder."""

    folder: Path

    @property
    def msp(self) -> Path:
        return self.folder / "msp"

    @property
    def tls(self) -> Path:
        return self.folder / "tls"

    @property
    def certificate(self) -> Path:
        return self.msp / "signcerts" / "cert.pem"

    @property
    def tls_certificate(self) -> Path:
        return self.tls / TLS_CERT

    @property
    def tls_key(self) -> Path:
        return self.tls / TLS_KEY

    @property
    def tls_root(self) -> Path:
        return self.tls / TLS_ROOTS


def person_msp(org: Org, person: str) -> Path:
    """The MSP folder of one of the org's people (`topology.PEOPLE`)."""
    return org.folder / "users" / person / "msp"
