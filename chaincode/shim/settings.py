"""The service's settings, read from the environment and checked all at once."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from chaincode.shim.errors import SettingsError
from chaincode.shim.tls import TlsFiles

CONCURRENCY_DEFAULT: Final = 256
"""Transactions at once; more wait their turn."""
CONCURRENCY_MAX: Final = 10_000
SHUTDOWN_S_DEFAULT: Final = 25.0
"""Shorter than the 30 s after which most supervisors kill."""
EXECUTE_TIMEOUT_S_DEFAULT: Final = 30.0
"""A peer gives a transaction up after 30 s (`chaincode.executetimeout`)."""
DURATION_S_MAX: Final = 3600.0
PORT_MAX: Final = 65_535

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Address:
    """A host and port to listen on; port 0 lets the system choose."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read `host:port`; an IPv6 host stands in brackets.

        Raises:
            ValueError: the text is not an address.
        """
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isascii() or not port.isdigit():
            raise ValueError("must be host:port")
        if int(port) > PORT_MAX:
            raise ValueError(f"has a port above {PORT_MAX}")
        return cls(host=host, port=int(port))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one service needs to know.

    `chaincode_id` is the package id the peer installed (`label:hash`). `tls` is None only when
    TLS was switched off in so many words.
    """

    chaincode_id: str
    server_address: Address
    tls: TlsFiles | None
    metrics_address: Address | None = None
    concurrency: int = CONCURRENCY_DEFAULT
    shutdown_s: float = SHUTDOWN_S_DEFAULT
    execute_timeout_s: float = EXECUTE_TIMEOUT_S_DEFAULT

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the `CHAINCODE_*` variables, which the README of this folder lists.

        Raises:
            SettingsError: with every finding, not only the first.
        """
        reader = _Reader(environ)
        chaincode_id = reader.required("CHAINCODE_ID", str)
        server_address = reader.required("CHAINCODE_SERVER_ADDRESS", Address.parse)
        settings = cls(
            chaincode_id=chaincode_id or "",
            server_address=server_address or Address("", 0),
            tls=_tls(reader),
            metrics_address=reader.optional("CHAINCODE_METRICS_ADDRESS", Address.parse, None),
            concurrency=reader.optional("CHAINCODE_CONCURRENCY", _count, CONCURRENCY_DEFAULT),
            shutdown_s=reader.optional("CHAINCODE_SHUTDOWN_S", _seconds, SHUTDOWN_S_DEFAULT),
            execute_timeout_s=reader.optional(
                "CHAINCODE_EXECUTE_TIMEOUT_S", _seconds, EXECUTE_TIMEOUT_S_DEFAULT
            ),
        )
        if reader.findings:
            raise SettingsError(reader.findings)
        return settings


class _Reader:
    """Reads variables and keeps a finding for each that cannot be used."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.findings: list[str] = []

    def required(self, name: str, parse: Callable[[str], Value]) -> Value | None:
        if not self._environ.get(name):
            self.findings.append(f"{name} is not set")
            return None
        return self.optional(name, parse, None)

    def optional(self, name: str, parse: Callable[[str], Value], default: Value) -> Value:
        text = self._environ.get(name, "")
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as problem:
            self.findings.append(f"{name} {problem}")
            return default


def _tls(reader: _Reader) -> TlsFiles | None:
    if reader.optional("CHAINCODE_TLS_DISABLED", _boolean, False):
        return None
    certificate = reader.required("CHAINCODE_TLS_CERT_FILE", Path)
    key = reader.required("CHAINCODE_TLS_KEY_FILE", Path)
    client_ca = reader.required("CHAINCODE_CLIENT_CA_FILE", Path)
    if certificate is None or key is None or client_ca is None:
        return None
    files = TlsFiles(certificate=certificate, key=key, client_ca=client_ca)
    reader.findings += files.findings()
    return files


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return text == "true"


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= CONCURRENCY_MAX:
        raise ValueError(f"must be a whole number from 1 to {CONCURRENCY_MAX}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= DURATION_S_MAX:
        raise ValueError(f"must be a number of seconds above 0, at most {DURATION_S_MAX:.0f}")
    return seconds
