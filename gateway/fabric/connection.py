"""TLS connections to one or more peers of the own organisation, with fail-over among them."""

import asyncio
import logging
from dataclasses import dataclass
from hashlib import sha256
from types import TracebackType
from typing import Any, Self

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fabric_protos.gateway import gateway_pb2_grpc
from fabric_protos.peer import events_pb2_grpc, peer_pb2_grpc

from gateway.fabric.backoff import delay_s
from gateway.fabric.rpc import CLIENT_BUSY, Call, RpcFailure, rpc_failure

MESSAGE_BYTES_MAX = 100 * 1024 * 1024
"""The peer's own default limit of a message."""
KEEPALIVE_S_MIN = 60.0
"""The peer's `keepalive.minInterval`: a client that pings more often is sent away."""
_KEEPALIVE_TIMEOUT_S = 20.0
_ROUNDS_MAX = 3
"""How often one call may try each peer before its caller hears UNAVAILABLE."""
_ROUND_FIRST_S = 0.1
_ROUND_CAP_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """`host:port` of a peer; `server_name` when its certificate names another host."""

    address: str
    server_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """PEM bytes: roots to trust and, where peers ask for it, the client's certificate and key."""

    root_certificates: bytes
    client_certificate: bytes | None = None
    client_key: bytes | None = None

    def __repr__(self) -> str:
        return f"Tls(client_certificate={self.client_certificate is not None})"

    def client_certificate_hash(self) -> bytes:
        """SHA-256 of the client certificate (DER); peers compare it on event streams."""
        if self.client_certificate is None:
            return b""
        certificate = x509.load_pem_x509_certificate(self.client_certificate)
        return sha256(certificate.public_bytes(Encoding.DER)).digest()

    def credentials(self) -> grpc.ChannelCredentials:
        """What a gRPC channel needs. Raises ValueError for a certificate without its key."""
        if (self.client_certificate is None) != (self.client_key is None):
            raise ValueError("a client certificate and its key belong together")
        return grpc.ssl_channel_credentials(
            self.root_certificates, self.client_key, self.client_certificate
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions:
    """Limits of a connection.

    `calls_max` and `commit_waits_max` cap what runs at once, so that together they stay below the
    500 Gateway calls a peer serves by default; a call waits for its turn within its own timeout.
    """

    keepalive_s: float = 120.0
    message_bytes_max: int = MESSAGE_BYTES_MAX
    calls_max: int = 300
    commit_waits_max: int = 150

    def __post_init__(self) -> None:
        if self.keepalive_s < KEEPALIVE_S_MIN:
            raise ValueError(f"keepalive_s must be at least {KEEPALIVE_S_MIN:.0f}")
        if min(self.message_bytes_max, self.calls_max, self.commit_waits_max) < 1:
            raise ValueError("limits must be at least 1")

    def grpc_options(self, server_name: str | None) -> list[tuple[str, str | int]]:
        """Channel arguments (grpc/impl/channel_arg_names.h)."""
        options: list[tuple[str, str | int]] = [
            ("grpc.max_receive_message_length", self.message_bytes_max),
            ("grpc.max_send_message_length", self.message_bytes_max),
            ("grpc.keepalive_time_ms", int(self.keepalive_s * 1000)),
            ("grpc.keepalive_timeout_ms", int(_KEEPALIVE_TIMEOUT_S * 1000)),
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 2000),
            ("grpc.max_reconnect_backoff_ms", 5000),
            # Each connection of this process has its own sockets: none shared behind its back.
            ("grpc.use_local_subchannel_pool", 1),
        ]
        if server_name is not None:
            options.append(("grpc.ssl_target_name_override", server_name))
        return options


class Peer:
    """One peer: its gRPC channel and the three services this package uses."""

    def __init__(self, where: PeerAddress, tls: Tls, options: ConnectionOptions) -> None:
        self.address = where.address
        self._channel = grpc.aio.secure_channel(
            where.address, tls.credentials(), options=options.grpc_options(where.server_name)
        )
        self.gateway = gateway_pb2_grpc.GatewayStub(self._channel)
        self.deliver = events_pb2_grpc.DeliverStub(self._channel)
        self.endorser = peer_pb2_grpc.EndorserStub(self._channel)

    async def call(self, call: Call, request: Any, timeout_s: float) -> Any:
        """One attempt. Raises RpcFailure."""
        service = self.endorser if call is Call.PROCESS_PROPOSAL else self.gateway
        try:
            return await getattr(service, call.value)(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise rpc_failure(error, self.address) from error

    async def close(self) -> None:
        """Close the channel; calls that still run are cancelled."""
        await self._channel.close()


class Connection:
    """The peers of one organisation: one is used until it fails, then the next.

    Use it as an async context manager, inside the event loop that will use it.
    """

    def __init__(
        self, peers: list[PeerAddress], tls: Tls, options: ConnectionOptions | None = None
    ) -> None:
        if not peers:
            raise ValueError("a connection needs at least one peer")
        options = options or ConnectionOptions()
        self.tls_certificate_hash = tls.client_certificate_hash()
        self._peers = [Peer(where, tls, options) for where in peers]
        self._preferred = 0
        self._calls = asyncio.Semaphore(options.calls_max)
        self._commit_waits = asyncio.Semaphore(options.commit_waits_max)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every channel; calls that still run are cancelled."""
        await asyncio.gather(*(peer.close() for peer in self._peers))

    @property
    def peer(self) -> Peer:
        """The peer in use."""
        return self._peers[self._preferred]

    @property
    def peer_count(self) -> int:
        """How many peers may take over from each other."""
        return len(self._peers)

    def fail_over(self, failed: Peer) -> None:
        """Prefer the next peer, unless another caller has already moved on from `failed`."""
        if self.peer is failed and len(self._peers) > 1:
            self._preferred = (self._preferred + 1) % len(self._peers)
            _log.info("peer %s failed, using %s", failed.address, self.peer.address)

    async def call(self, call: Call, request: Any, timeout_s: float) -> Any:
        """Run a unary call within `timeout_s`, on the next peers when one cannot be reached.

        A Submit is tried elsewhere only when it was provably never sent: whether it may be sent
        again is decided after a look-up (see `submission`). Raises RpcFailure.
        """
        slots = self._commit_waits if call is Call.COMMIT_STATUS else self._calls
        deadline = asyncio.get_running_loop().time() + timeout_s
        try:
            async with asyncio.timeout_at(deadline):
                await slots.acquire()
        except TimeoutError:
            raise RpcFailure(grpc.StatusCode.RESOURCE_EXHAUSTED, CLIENT_BUSY) from None
        try:
            return await self._call_until(deadline, call, request)
        finally:
            slots.release()

    async def _call_until(self, deadline: float, call: Call, request: Any) -> Any:
        now = asyncio.get_running_loop().time
        attempts_max = _ROUNDS_MAX * len(self._peers)
        for attempt in range(attempts_max):
            peer = self.peer
            try:
                return await peer.call(call, request, max(deadline - now(), 0.001))
            except RpcFailure as failure:
                if _is_peer_suspect(call, failure):
                    self.fail_over(peer)
                if attempt + 1 == attempts_max or not _may_try_elsewhere(call, failure):
                    raise
                pause_s = self._pause_s(attempt)
                if now() + pause_s >= deadline:
                    raise
            await asyncio.sleep(pause_s)
        raise AssertionError("the last attempt returns or raises")

    def _pause_s(self, attempt: int) -> float:
        """No wait while there is a peer not tried yet in this round."""
        finished_rounds, rest = divmod(attempt + 1, len(self._peers))
        if rest:
            return 0.0
        return delay_s(finished_rounds - 1, first_s=_ROUND_FIRST_S, cap_s=_ROUND_CAP_S)


def _is_peer_suspect(call: Call, failure: RpcFailure) -> bool:
    """Unreachable, or silent where it should have answered in time."""
    is_silent = failure.code is grpc.StatusCode.DEADLINE_EXCEEDED and not failure.details
    return failure.is_unreachable or (is_silent and call is not Call.COMMIT_STATUS)


def _may_try_elsewhere(call: Call, failure: RpcFailure) -> bool:
    return failure.is_unsent if call is Call.SUBMIT else failure.is_unreachable
