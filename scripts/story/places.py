"""Where the demo keeps its files, and on which ports its services listen."""

import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from chaincode.model.base import Org
from network.files import PRIVATE_FILE, private_folder, write_atomic

ORGS: Final = (Org.BANK, Org.COMMITTEE, Org.PROPERTY, Org.REGULATOR)
HOST: Final = "127.0.0.1"
FIRST_PORT: Final = 7400
"""Gateways from here, their operations from ten above, the sandboxes from twenty above."""
OPERATIONS: Final = 10
SANDBOXES: Final = 20
PORTS_FILE: Final = "ports.json"
READY_FILE: Final = "sandbox.json"
"""Where a sandbox says how to reach it, once it answers."""
DATA: Final = Path(__file__).parent / "data"
ROLL: Final = DATA / "roll.csv"
CLERKS: Final = DATA / "clerks.csv"
"""The authority's own register of who works where; each employer has one of its own."""

PortChoice = Literal["fixed", "auto"]


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Every port of the demo's own services."""

    gateways: dict[str, int]
    operations: dict[str, int]
    authority: int
    bank: int


@dataclass(frozen=True, slots=True)
class Places:
    """The demo's folder below the network's home, and its ports."""

    root: Path
    ports: Ports

    def gateway(self, org: str) -> Path:
        """The folder of an organisation's gateway."""
        return self.root / "gateways" / org

    def url(self, org: str) -> str:
        """Where people reach an organisation's gateway."""
        return f"http://{HOST}:{self.ports.gateways[org]}"

    @property
    def authority(self) -> Path:
        """The sandbox authority's folder."""
        return self.root / "authority"

    @property
    def bank(self) -> Path:
        """The sandbox bank's folder."""
        return self.root / "sandbox-bank"

    @property
    def people(self) -> Path:
        """One folder for each person's key: what would be their phones."""
        return self.root / "people"

    @property
    def kept(self) -> Path:
        """What the story must remember between two runs."""
        return private_folder(self.root / "kept")


def open_places(home: Path, choice: PortChoice) -> Places:
    """The places below this home; ports once chosen stay."""
    root = private_folder(home / "story")
    file = root / PORTS_FILE
    if not file.is_file():
        write_atomic(file, msgspec.json.encode(_chosen(choice)), PRIVATE_FILE)
    return Places(root, msgspec.json.decode(file.read_bytes(), type=Ports))


def _chosen(choice: PortChoice) -> Ports:
    count = len(ORGS)
    if choice == "auto":
        numbers = _free(2 * count + 2)
        gateways, operations, rest = numbers[:count], numbers[count:-2], numbers[-2:]
    else:
        first = FIRST_PORT
        gateways = [first + place for place in range(count)]
        operations = [first + OPERATIONS + place for place in range(count)]
        rest = [first + SANDBOXES, first + SANDBOXES + 1]
    return Ports(
        gateways=dict(zip(ORGS, gateways, strict=True)),
        operations=dict(zip(ORGS, operations, strict=True)),
        authority=rest[0],
        bank=rest[1],
    )


def _free(count: int) -> list[int]:
    """Ports that nobody listens on now, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [int(one.getsockname()[1]) for one in sockets]
