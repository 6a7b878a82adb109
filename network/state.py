"""What a home folder remembers between runs: ports, the chaincode version, added channels.

Written before the thing it describes is made, so that a run that is killed can be resumed.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from network.config import NetworkConfig
from network.files import PRIVATE_FILE, private_folder, write_atomic
from network.topology import PortPlan

_FILE = "state.json"
_LOCK = "lock"


class HomeError(Exception):
    """The home folder cannot be used: it is busy, damaged, or another network's."""


@dataclass(slots=True)
class State:
    """`founded` are the parts of the configuration that a founded network cannot change."""

    version: str
    founded: dict[str, Any]
    ports: PortPlan = field(default_factory=dict)
    added: list[dict[str, Any]] = field(default_factory=list)


def founding_facts(config: NetworkConfig) -> dict[str, Any]:
    """The parts that are written into certificates and genesis blocks."""
    return {
        "name": config.name,
        "chaincode": config.chaincode.name,
        "orderer": asdict(config.orderer),
        "orgs": {
            org: {"msp": entry.msp, "orderers": entry.orderers}
            for org, entry in config.orgs.items()
        },
    }


def read_state(home: Path) -> State | None:
    """The recorded state, None when the home is new. Raises HomeError when it cannot be read."""
    try:
        record = json.loads((home / _FILE).read_bytes())
        return State(**record)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise HomeError(f"{home / _FILE} cannot be read: {error}") from error


def write_state(home: Path, state: State) -> None:
    """Records the state. Raises OSError."""
    content = json.dumps(asdict(state), indent=1).encode()
    write_atomic(private_folder(home) / _FILE, content, PRIVATE_FILE)


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Only one command at a time may change a network. Raises HomeError when one is at it."""
    with (private_folder(home) / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HomeError(f"another command is at work on {home}") from error
        yield
