"""Ports of this machine that nobody listens on."""

import random
import socket


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def quiet_port() -> int:
    """A free port that the system gives to no outgoing connection, so that it stays free while its
    server is down and many clients try to reach it."""
    return quiet_ports(1)


def quiet_ports(count: int) -> int:
    """The first of so many such ports in a row."""
    for first in random.sample(range(20_000, 30_000), 100):
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise AssertionError("no port is free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
