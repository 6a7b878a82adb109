"""Gives every node its ports once and keeps them: the answer is recorded in the home folder."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from network.config import NetworkConfig
from network.topology import HOST, PORTS, PortPlan, node_kinds

_AUTO_LOW = 10_000
_AUTO_HIGH_DEFAULT = 32_768
_PORT_MAX = 65_535
_RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def plan_ports(config: NetworkConfig, version: str, recorded: PortPlan) -> PortPlan:
    """Ports of every node: the recorded ones, and new ones for nodes that have none yet.

    With a base they count up from it. With `auto` they are free ports below the range from which
    the system takes the source ports of outgoing connections, so that a node that is restarted
    finds its own port free. Raises OSError when there is none.
    """
    plan = dict(recorded)
    taken = {port for ports in recorded.values() for port in ports.values()}
    offer = _free_ports() if config.ports is None else iter(count(config.ports))
    for name, kind, _ in node_kinds(config, version):
        if name not in plan:
            plan[name] = {port: _next(offer, taken) for port in PORTS[kind]}
    return plan


def _next(offer: Iterator[int], taken: set[int]) -> int:
    port = next((port for port in offer if port not in taken), _PORT_MAX + 1)
    if port > _PORT_MAX:
        raise OSError("no free port is left for a node")
    taken.add(port)
    return port


def _free_ports() -> Iterator[int]:
    """Free ports from a random place on, so that networks started together rarely meet."""
    high = _ephemeral_start()
    span = high - _AUTO_LOW
    start = secrets.randbelow(span)
    for step in range(span):
        port = _AUTO_LOW + (start + step) % span
        if _is_free(port):
            yield port


def _ephemeral_start() -> int:
    try:
        return max(int(_RANGE_FILE.read_text().split()[0]), _AUTO_LOW + 1000)
    except (OSError, ValueError, IndexError):
        return _AUTO_HIGH_DEFAULT


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
