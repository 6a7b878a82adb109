"""A configuration file and its home folder, read together: what `commonhold` works on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from network.config import MODULES, ChannelConfig, NetworkConfig, load
from network.portplan import plan_ports
from network.schema import ConfigErrors, Finding
from network.state import HomeError, State, founding_facts, read_state, write_state
from network.topology import Topology, extend

HOMES = Path(".commonhold")


@dataclass(slots=True)
class Network:
    """A checked configuration with what its home remembers; `state` is None before `up`."""

    file: Path
    home: Path
    config: NetworkConfig
    state: State | None

    def founded(self) -> State:
        """The recorded state. Raises HomeError before the first `up`."""
        if self.state is None:
            raise HomeError(f"there is no network in {self.home} yet: run `commonhold up` first")
        return self.state

    def topology(self) -> Topology:
        """The network as recorded, with the chaincode version that runs."""
        state = self.founded()
        return extend(self.config, self.home, state.version, state.ports)

    def preview(self) -> Topology:
        """The network as `up` would make it; writes nothing."""
        version = self.state.version if self.state else self.config.chaincode.version
        recorded = self.state.ports if self.state else {}
        ports = plan_ports(self.config, version, recorded)
        return extend(self.config, self.home, version, ports)

    def prepare(self) -> Topology:
        """Gives every node its ports and records that before anything is started."""
        topology = self.preview()
        ports = {node.name: dict(node.ports) for node in topology.nodes}
        if self.state is None:
            self.state = State(topology.version, founding_facts(self.config))
        self.state.ports |= ports
        write_state(self.home, self.state)
        return topology

    def record_channel(self, channel: dict[str, Any]) -> None:
        """Remembers a channel that the YAML does not name; the same one again is harmless.

        Raises ConfigErrors, also when there is another channel of that name.
        """
        state = self.founded()
        known = [known for known in self.config.channels if known.name == channel["name"]]
        if known:
            _require_same(known[0], channel)
            return
        added = [*state.added, channel]
        self.config = load(self.file, tuple(added))
        state.added = added
        write_state(self.home, state)


def open_network(file: Path, home: Path | None) -> Network:
    """Reads and checks the configuration and its home.

    Raises ConfigErrors with every finding, also for what a founded network cannot change.
    """
    config = load(file)
    home = (home or HOMES / config.name).resolve()
    state = read_state(home)
    if state is not None:
        config = load(file, tuple(state.added))
        _require_same_founding(config, state)
    return Network(file, home, config, state)


def _require_same(known: ChannelConfig, channel: dict[str, Any]) -> None:
    modules = channel.get("modules", MODULES)
    if (*known.communities,) != (*channel["communities"],) or {*known.modules} != {*modules}:
        problem = "is a channel already, with other communities or modules"
        raise ConfigErrors([Finding(known.name, problem)])


def _require_same_founding(config: NetworkConfig, state: State) -> None:
    wanted = founding_facts(config)
    findings = [
        Finding(path, f"cannot change on a founded network (it is {was!r})")
        for path, was, now in _differences("", state.founded, wanted)
        if was != now
    ]
    if findings:
        raise ConfigErrors(findings)


def _differences(path: str, was: object, now: object) -> list[tuple[str, object, object]]:
    if not isinstance(was, dict) or not isinstance(now, dict):
        return [(path, was, now)]
    found = []
    for key in {**was, **now}:
        where = f"{path}.{key}" if path else str(key)
        found += _differences(where, was.get(key), now.get(key))
    return found
