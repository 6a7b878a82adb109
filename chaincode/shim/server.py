"""The service: listens for peers, serves their streams, ends in good order."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import grpc.aio
import uvloop
from fabric_protos.peer import chaincode_shim_pb2_grpc

from chaincode.shim.contract import Contract
from chaincode.shim.errors import SettingsError
from chaincode.shim.execution import Service, describe
from chaincode.shim.messages import MAX_MESSAGE_BYTES
from chaincode.shim.monitor import Monitor
from chaincode.shim.session import Session, Stage
from chaincode.shim.settings import Address, Settings
from chaincode.shim.tls import server_credentials

__all__ = ["Address", "ChaincodeServer", "Settings", "run", "serve"]

logger = logging.getLogger(__name__)

CLOSE_GRACE_S: Final = 1.0
"""Time for the last answers to leave when streams are ended."""

GRPC_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # A peer pings an idle stream every 60 s; gRPC's default takes that for a flood after some
    # minutes and ends the stream with ENHANCE_YOUR_CALM.
    ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    # Our own pings notice a peer that vanished without closing the connection.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),
    # Two services on one port would each get some of the peers' calls.
    ("grpc.so_reuseport", 0),
)


class ChaincodeServer:
    """One chaincode service; `start` and `stop` once each."""

    def __init__(self, contract: Contract, settings: Settings) -> None:
        self._settings = settings
        self._sessions: set[Session] = set()
        self._service = Service(
            contract=contract,
            chaincode_id=settings.chaincode_id,
            slots=asyncio.Semaphore(settings.concurrency),
            execute_timeout_s=settings.execute_timeout_s,
        )
        self._monitor = Monitor(self._service.metrics.registry, self._health)
        self._server = grpc.aio.server(options=GRPC_OPTIONS)
        self._watch()

    async def start(self) -> Address:
        """Listen and return the address, with the real port.

        Raises:
            OSError: an address cannot be used.
        """
        chaincode_shim_pb2_grpc.add_ChaincodeServicer_to_server(self, self._server)
        address = Address(self._settings.server_address.host, self._bind())
        if self._settings.metrics_address is not None:
            await self._monitor.start(self._settings.metrics_address)
        await self._server.start()
        logger.info("chaincode %s listens on %s", self._settings.chaincode_id, address)
        return address

    async def stop(self) -> None:
        """Take no more transactions, finish those that run within the limit, end the streams."""
        self._service.is_draining = True
        try:
            async with asyncio.timeout(self._settings.shutdown_s):
                for session in list(self._sessions):
                    await session.drain()
        except TimeoutError:
            logger.warning("%d transactions did not finish in time", self._running_count())
        for session in self._sessions:
            session.close()
        await self._server.stop(CLOSE_GRACE_S)
        await self._monitor.stop()
        logger.info("chaincode %s stopped", self._settings.chaincode_id)

    async def Connect(self, _: AsyncIterator[Any], context: Any) -> None:  # noqa: N802 - gRPC's name
        """Serve one peer's stream (`Chaincode/Connect`)."""
        session = Session(self._service, context)
        self._sessions.add(session)
        try:
            await session.run()
        except Exception as problem:
            logger.warning("stream from %s ended: %s", context.peer(), describe(problem))
            await context.abort(grpc.StatusCode.ABORTED, "the stream cannot go on")
        finally:
            self._sessions.discard(session)

    def _bind(self) -> int:
        address = str(self._settings.server_address)
        tls = self._settings.tls
        try:
            if tls is not None:
                return self._server.add_secure_port(address, server_credentials(tls))
            logger.warning("TLS is switched off: %s takes anyone for a peer", address)
            return self._server.add_insecure_port(address)
        except RuntimeError:
            raise OSError(f"cannot listen on {address}") from None

    def _watch(self) -> None:
        service, watch = self._service, self._service.metrics.watch
        watch("chaincode_transactions_running", "Transactions running", self._running_count)
        watch(
            "chaincode_transactions_waiting",
            "Transactions waiting for one of the slots",
            lambda: service.waiting_count,
        )
        watch("chaincode_streams_ready", "Streams ready for transactions", self._ready_count)

    def _running_count(self) -> int:
        return self._service.running_count

    def _ready_count(self) -> int:
        return sum(session.stage is Stage.READY for session in self._sessions)

    def _health(self) -> tuple[bool, dict[str, int]]:
        details = {
            "streams_ready": self._ready_count(),
            "transactions_running": self._service.running_count,
            "transactions_waiting": self._service.waiting_count,
        }
        return not self._service.is_draining, details


def run(contract: Contract, environ: Mapping[str, str]) -> int:
    """Serve as a process with the settings of its environment; return the exit status.

    0 after SIGTERM or SIGINT, 1 when an address cannot be used, 2 when settings cannot; the log
    says why.
    """
    try:
        uvloop.run(serve(contract, Settings.from_environment(environ)))
    except SettingsError as problem:
        for finding in problem.findings:
            logger.error("%s", finding)  # noqa: TRY400 - a finding needs no traceback
        return 2
    except OSError as problem:
        logger.error("%s", problem)  # noqa: TRY400 - as above
        return 1
    return 0


async def serve(contract: Contract, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish what runs and return.

    Raises:
        OSError: an address cannot be used.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = ChaincodeServer(contract, settings)
    await server.start()
    try:
        await stop.wait()
    finally:
        await server.stop()
