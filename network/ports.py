"""Whether a port is free, and who holds it."""

import errno
import socket
from contextlib import suppress

import psutil


class PortInUse(Exception):
    """Another process listens where a node should; `pid` is None when it may not be seen."""

    def __init__(self, node: str, host: str, port: int, pid: int | None, program: str) -> None:
        self.node, self.host, self.port, self.pid = node, host, port, pid
        holder = f"pid {pid} ({program})" if pid is not None else "another process"
        super().__init__(f"{node} needs port {port} on {host}, but {holder} holds it")


def require_free_port(node: str, host: str, port: int) -> None:
    """Raise PortInUse when nothing could listen at host:port now; OSError for a bad host."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            pid = listener_of(port)
            raise PortInUse(node, host, port, pid, _program(pid)) from error


def listener_of(port: int) -> int | None:
    """The process that listens on `port`; None when there is none or it may not be seen."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections(kind="tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.laddr and connection.laddr.port == port:
                return connection.pid
    return None


def _program(pid: int | None) -> str:
    with suppress(psutil.Error):
        return "" if pid is None else psutil.Process(pid).name()
    return "?"
