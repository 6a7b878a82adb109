"""Looks for what will hurt: each check answers findings with what to do, or says it is well."""

from __future__ import annotations

import asyncio
import resource
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import time as now_s

import aiohttp
from cryptography import x509

from network.enrolment import wanted_identities
from network.identity import Identity, IdentityBroken
from network.launch import Launcher
from network.look import LOOK_TIMEOUT_S, Inspector
from network.package import build_package
from network.ports import listener_of
from network.rpc import CallFailed
from network.topology import Kind, Node

CERTIFICATE_DAYS_MIN = 30
DISK_BYTES_MIN = 1 << 30
OPEN_FILES_MIN = 4096
_PING_COMPLAINTS = ("ENHANCE_YOUR_CALM", "too_many_pings")
_SKEW_PART = 4  # a clock may be off by a quarter of the time window; HTTP dates are whole seconds


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at: which check, about whom, whether it is well, and why."""

    check: str
    subject: str
    well: bool
    words: str


Findings = AsyncIterator[Diagnosis]


@dataclass(frozen=True, slots=True)
class Doctor:
    """All checks; each is a generator of diagnoses."""

    inspector: Inspector
    launcher: Launcher

    async def examine(self) -> list[Diagnosis]:
        """Every check's diagnoses, in a fixed order."""
        checks: tuple[Callable[[], Findings], ...] = (
            self.nodes, self.clocks, self.ports, self.certificates,
            self.chaincode_ids, self.endpoints, self.limits, self.keepalive,
        )  # fmt: skip
        found = await asyncio.gather(*(_collect(check()) for check in checks))
        return [diagnosis for part in found for diagnosis in part]

    async def nodes(self) -> Findings:
        """Every node runs."""
        for node in self._all():
            runs = self._runs(node)
            words = "runs" if runs else "does not run: `commonhold up` starts it"
            yield Diagnosis("node", node.name, runs, words)

    async def clocks(self) -> Findings:
        """Each node's clock against this machine's: endorsers refuse what is too far off."""
        window_s = self.inspector.topology.config.timing.time_window / 1000
        for node in self._running(Kind.PEER, Kind.ORDERER):
            skew_s = await _skew_s(node)
            if skew_s is not None:
                well = abs(skew_s) <= window_s / _SKEW_PART
                yield Diagnosis("clock", node.name, well, f"{skew_s:+.0f} s from this machine's")

    async def ports(self) -> Findings:
        """A running node's ports are its own, a stopped node's are free."""
        for node in self._all():
            for name, port in node.ports.items():
                holder, own = listener_of(port), self.inspector.supervisor.pid(node.name)
                if holder is not None and holder != own:
                    words = f"port {port} ({name}) is held by pid {holder}"
                    yield Diagnosis("port", node.name, False, words)

    async def certificates(self) -> Findings:
        """Days left of every identity, TLS pair and root."""
        for name, folder, expires_at in self._expiries():
            if expires_at is None:
                yield Diagnosis("certificate", name, False, f"{folder} holds no usable identity")
                continue
            days = (expires_at - datetime.now(UTC)).days
            well = days >= CERTIFICATE_DAYS_MIN
            yield Diagnosis("certificate", name, well, f"{folder.name}: {days} days left")

    async def chaincode_ids(self) -> Findings:
        """Every service runs under the package id its org approved for what is committed."""
        topology = self.inspector.topology
        own = build_package(topology.config.chaincode.name, topology.version).package_id
        for service in self._running(Kind.CHAINCODE):
            runs_as = self.inspector.supervisor.environment(service.name).get("CHAINCODE_ID", "")
            yield Diagnosis("chaincode", service.name, runs_as == own, f"serves {runs_as[:24]}")
        for channel in topology.config.channels:
            for org in topology.members(channel):
                definition = await self.inspector.committed(org.peers[0], channel.name)
                if definition is None:
                    words = "no chaincode is committed, or the peer does not answer"
                    yield Diagnosis("chaincode", f"{channel.name}/{org.id}", False, words)
                    continue
                approved = await self.inspector.approved_package(
                    org.peers[0], channel.name, definition
                )
                words = f"approved {(approved or 'nothing')[:24]} for {definition.version}"
                yield Diagnosis("chaincode", f"{channel.name}/{org.id}", approved == own, words)

    async def endpoints(self) -> Findings:
        """Every orderer and anchor peer named in each peer's channel configuration answers TLS.

        Asked from this machine, which is where the peers run.
        """
        for peer in self._running(Kind.PEER):
            for channel in self.inspector.topology.config.channels:
                if peer.org not in channel.members:
                    continue
                named = await self.inspector.named_endpoints(peer, channel.name)
                for endpoint in named:
                    words = await _words(self.inspector.client.reach(endpoint))
                    subject = f"{peer.name} -> {endpoint.address} ({channel.name})"
                    yield Diagnosis("endpoint", subject, not words, words or "answers")

    async def limits(self) -> Findings:
        """Enough disk and open files, and every node runs with the configuration as written."""
        free = shutil.disk_usage(self.inspector.topology.home).free
        yield Diagnosis("limit", "disk", free >= DISK_BYTES_MIN, f"{free >> 20} MB free")
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        yield Diagnosis("limit", "open files", files >= OPEN_FILES_MIN, f"{files} allowed")
        for node in self._running(*Kind):
            environment = self.inspector.supervisor.environment(node.name)
            same = self.launcher.runs_as_written(node, environment)
            words = "runs with the configuration as written"
            if not same:
                words = "runs with an older configuration: `commonhold renew`"
            yield Diagnosis("limit", node.name, same, words)

    async def keepalive(self) -> Findings:
        """No node complained of too many pings, which ends a chaincode stream when idle."""
        for node in self._running(Kind.PEER, Kind.ORDERER):
            lines = self.inspector.supervisor.tail(node.name, 10_000)
            complaints = [line for line in lines if any(c in line for c in _PING_COMPLAINTS)]
            words = complaints[-1][:200] if complaints else "no complaint of too many pings"
            yield Diagnosis("keepalive", node.name, not complaints, words)

    def _all(self) -> tuple[Node, ...]:
        return self.inspector.topology.nodes

    def _runs(self, node: Node) -> bool:
        return self.inspector.supervisor.is_running(node.name)

    def _running(self, *kinds: Kind) -> list[Node]:
        return [node for node in self._all() if node.kind in kinds and self._runs(node)]

    def _expiries(self) -> Iterator[tuple[str, Path, datetime | None]]:
        for org in self.inspector.topology.orgs.values():
            for wanted in wanted_identities(org):
                read = Identity.from_tls if wanted.hosts else _from_msp
                name = f"{wanted.enrollment_id}.{org.id}"
                try:
                    yield name, wanted.folder, read(wanted.folder).expires_at
                except IdentityBroken:
                    yield name, wanted.folder, None
            server = self.launcher.ca_server(org)
            for file in (server.root_file, server.tls_root_file, server.tls_cert_file):
                yield org.ca.name, file, _expiry(file)


def _expiry(file: Path) -> datetime | None:
    try:
        return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None


def _from_msp(folder: Path) -> Identity:
    return Identity.from_msp("", folder)


async def _collect(findings: Findings) -> list[Diagnosis]:
    return [diagnosis async for diagnosis in findings]


async def _words(call: Awaitable[None]) -> str:
    try:
        await call
    except CallFailed as failure:
        return failure.reason
    return ""


async def _skew_s(node: Node) -> float | None:
    """The node's clock minus this machine's, from the Date of its health page; None if silent."""
    limit = aiohttp.ClientTimeout(total=LOOK_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.get(f"http://{node.address('operations')}/healthz") as response,
        ):
            return parsedate_to_datetime(response.headers["Date"]).timestamp() - now_s()
    except (aiohttp.ClientError, TimeoutError, KeyError, ValueError):
        return None
