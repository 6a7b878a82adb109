"""The service as a whole: TLS, sizes, shutdown, health and figures, silence about payloads."""

import asyncio
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from prometheus_client.parser import text_string_to_metric_families

from chaincode.shim.contract import Contract, Response
from chaincode.shim.server import ChaincodeServer, run
from chaincode.shim.stub import Stub
from tests.conformance.probe import Probe
from tests.shim.conftest import ANY_PORT, DEADLINE_S, Services, until
from tests.shim.pki import Authority, client_credentials, write_tls
from tests.shim.test_session import Gate
from tests.support.fake_peer import FakePeer, Message

MEBIBYTE = 1024 * 1024
MARKER = "marker-8b1f"

# --- Mutual TLS ---


class Pki:
    """A service's files and the peers' authority."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.services = Authority("services")
        self.peers = Authority("peers")
        self.files = write_tls(folder, self.services.issue("one"), self.peers.certificate)

    def peer(self, root: bytes | None = None) -> grpc.ChannelCredentials:
        return client_credentials(root or self.services.certificate, self.peers.issue("peer"))


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path)


async def refused(services: Services, server: ChaincodeServer, credentials: Any) -> None:
    peer = await services.dial(server, credentials)
    async with asyncio.timeout(DEADLINE_S):
        await peer.ended.wait()
    assert await peer.call.code() is grpc.StatusCode.UNAVAILABLE
    assert (peer.received, server._sessions) == ([], set())


async def test_a_peer_with_its_certificate_is_served(services: Services, pki: Pki) -> None:
    peer = await services.dial(await services.start(tls=pki.files), pki.peer())
    await peer.is_ready.wait()
    assert (await peer.invoke("put", "a", "1")).is_endorsed


async def test_a_peer_without_a_certificate_is_refused(services: Services, pki: Pki) -> None:
    server = await services.start(tls=pki.files)
    await refused(services, server, client_credentials(pki.services.certificate, None))


async def test_a_peer_of_another_ca_is_refused(services: Services, pki: Pki) -> None:
    server = await services.start(tls=pki.files)
    stranger = Authority("peers").issue("peer")
    await refused(services, server, client_credentials(pki.services.certificate, stranger))


async def test_the_service_ca_does_not_vouch_for_peers(services: Services, pki: Pki) -> None:
    server = await services.start(tls=pki.files)
    pair = pki.services.issue("peer")
    await refused(services, server, client_credentials(pki.services.certificate, pair))


async def test_a_peer_that_does_not_trust_the_service_leaves(services: Services, pki: Pki) -> None:
    server = await services.start(tls=pki.files)
    await refused(services, server, pki.peer(root=Authority("services").certificate))


async def test_a_peer_without_tls_is_refused(services: Services, pki: Pki) -> None:
    await refused(services, await services.start(tls=pki.files), None)


async def test_new_certificates_are_used_without_a_restart(services: Services, pki: Pki) -> None:
    server = await services.start(tls=pki.files)
    old = await services.dial(server, pki.peer())
    await old.is_ready.wait()
    renewed = Authority("renewed")
    write_tls(pki.folder, renewed.issue("one"), pki.peers.certificate)
    new = await services.dial(server, pki.peer(root=renewed.certificate))
    await new.is_ready.wait()
    assert (await new.invoke("put", "a", "1")).is_endorsed
    assert (await old.invoke("put", "a", "1")).is_endorsed


@pytest.mark.parametrize("broken", ["tls.crt", "tls.key", "clients.crt"])
async def test_half_written_files_leave_the_old_ones_in_use(
    services: Services, pki: Pki, broken: str
) -> None:
    server = await services.start(tls=pki.files)
    (pki.folder / broken).write_bytes(b"half")
    peer = await services.dial(server, pki.peer())
    await peer.is_ready.wait()


async def test_a_revoked_peer_ca_stops_new_streams(services: Services, pki: Pki) -> None:
    server = await services.start(tls=pki.files)
    pki.files.client_ca.write_bytes(Authority("peers").certificate)
    await refused(services, server, pki.peer())


# --- Sizes ---


async def test_messages_far_above_the_default_limit(peer: FakePeer) -> None:
    assert len((await peer.invoke("big_payload", str(9 * MEBIBYTE))).payload) == 9 * MEBIBYTE
    assert (await peer.submit("big_put", "a", str(9 * MEBIBYTE)))[1]
    assert len((await peer.invoke("get", "a")).payload) == 9 * MEBIBYTE
    assert (await peer.invoke("echo", b"y" * 9 * MEBIBYTE)).payload == b"y" * 9 * MEBIBYTE


async def test_batches_are_cut_by_size_too(services: Services) -> None:
    class Large(Contract):
        async def invoke(self, stub: Stub) -> Response:
            for key in ("a", "b", "c"):
                stub.put(key, bytes(40 * MEBIBYTE))
            return Response(200)

    peer = await services.peer(Large(), writes_max=1000)
    answer = await peer.invoke("any")
    assert (answer.status, len(answer.simulation.writes)) == (200, 3)
    assert peer.count(Message.WRITE_BATCH_STATE) == 3


# --- Shutdown ---


async def test_stopping_finishes_what_runs_and_takes_nothing_new(services: Services) -> None:
    gate = Gate()
    server = await services.start(gate, shutdown_s=DEADLINE_S)
    peer = await services.dial(server)
    await peer.is_ready.wait()
    running = asyncio.create_task(peer.invoke("wait"))
    await until(lambda: gate.inside == 1)
    stopping = asyncio.create_task(server.stop())
    await until(lambda: server._service.is_draining)
    assert (await peer.invoke("late")).error == "the chaincode cannot take this transaction now"
    assert not stopping.done()
    gate.open.set()
    assert (await running).is_endorsed
    await stopping
    async with asyncio.timeout(DEADLINE_S):
        await peer.ended.wait()
    assert await peer.call.code() is grpc.StatusCode.OK


async def test_stopping_does_not_wait_longer_than_the_limit(services: Services) -> None:
    gate = Gate()
    server = await services.start(gate, shutdown_s=0.05)
    peer = await services.dial(server)
    await peer.is_ready.wait()
    running = asyncio.create_task(peer.invoke("wait"))
    await until(lambda: gate.inside == 1)
    async with asyncio.timeout(DEADLINE_S):
        await server.stop()
        await asyncio.wait({running})
    assert (gate.cancelled, running.exception() is not None) == (1, True)


async def test_a_port_in_use_is_an_error(services: Services) -> None:
    server = await services.start()
    with pytest.raises(OSError, match=r"^cannot listen on 127\.0\.0\.1:\d+$"):
        await services.start(server_address=services.addresses[server])
    assert len(services.addresses) == 1


def test_a_process_with_bad_settings_says_all_and_ends_with_2(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert run(Probe(), {"CHAINCODE_TLS_DISABLED": "true"}) == 2
    assert caplog.messages == ["CHAINCODE_ID is not set", "CHAINCODE_SERVER_ADDRESS is not set"]


@pytest.mark.parametrize("name", ["CHAINCODE_SERVER_ADDRESS", "CHAINCODE_METRICS_ADDRESS"])
def test_a_process_that_cannot_listen_ends_with_1(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environ = {
            "CHAINCODE_ID": "probe:1",
            "CHAINCODE_SERVER_ADDRESS": "127.0.0.1:0",
            "CHAINCODE_TLS_DISABLED": "true",
            name: f"127.0.0.1:{taken.getsockname()[1]}",
        }
        assert run(Probe(), environ) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_process_ends_with_0_on_a_signal(number: signal.Signals) -> None:
    environ = {
        **os.environ,
        "CHAINCODE_ID": "probe:1",
        "CHAINCODE_SERVER_ADDRESS": "127.0.0.1:0",
        "CHAINCODE_TLS_DISABLED": "true",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.conformance.probe"),
        env=environ,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stderr is not None
    async with asyncio.timeout(DEADLINE_S):
        address = ""
        while not address:
            line = (await process.stderr.readline()).decode()
            assert line, "the process ended early"
            address = line.partition("listens on ")[2].strip()
        peer = FakePeer()
        await peer.connect(address)
        await peer.is_ready.wait()
        running = asyncio.create_task(peer.invoke("slow", "300"))
        await until(lambda: any(key for key in peer._running))
        await peer.invoke("put", "a", "1")
        process.send_signal(number)
        assert (await running).is_endorsed
        assert await process.wait() == 0
    await peer.close()


# --- Health and figures ---


async def page(port: int, request: bytes) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(DEADLINE_S):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    return (int(head.split(b" ")[1]) if head else 0), body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def monitor_port(server: ChaincodeServer) -> int:
    assert server._monitor._server is not None
    port: int = server._monitor._server.sockets[0].getsockname()[1]
    return port


async def test_figures_count_every_outcome(services: Services) -> None:
    server = await services.start(metrics_address=ANY_PORT, execute_timeout_s=0.2)
    peer = await services.dial(server, reads_max=10, writes_max=10)
    await peer.is_ready.wait()
    await peer.invoke("put", "a", "1")
    await peer.invoke("refuse", "409", "no")
    await peer.invoke("fail", "text")
    await peer.invoke("block")
    await peer.invoke("peer_error")
    status, body = await page(monitor_port(server), get("/metrics"))
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }
    assert status == 200
    outcomes = {
        name: samples["chaincode_transactions_total", name]
        for name in ("endorsed", "refused", "failed", "timed_out", "turned_away", "cancelled")
    }
    assert outcomes == {
        "endorsed": 2,
        "refused": 1,
        "failed": 1,
        "timed_out": 1,
        "turned_away": 0,
        "cancelled": 0,
    }
    assert samples["chaincode_peer_requests_total", "WRITE_BATCH_STATE"] == 1
    assert samples["chaincode_peer_errors_total", "GET_STATE"] == 1
    assert samples["chaincode_transaction_seconds_count",] == 5
    assert samples["chaincode_transactions_running",] == 0
    assert samples["chaincode_transactions_waiting",] == 0
    assert samples["chaincode_streams_ready",] == 1


async def test_health_turns_to_503_while_stopping(services: Services) -> None:
    gate = Gate()
    server = await services.start(gate, metrics_address=ANY_PORT, shutdown_s=DEADLINE_S)
    peer = await services.dial(server)
    await peer.is_ready.wait()
    running = asyncio.create_task(peer.invoke("wait"))
    await until(lambda: gate.inside == 1)
    serving = await page(monitor_port(server), get("/healthz"))
    stopping = asyncio.create_task(server.stop())
    await until(lambda: server._service.is_draining)
    status, body = await page(monitor_port(server), get("/healthz"))
    gate.open.set()
    await running
    await stopping
    expected = b'"streams_ready": 1, "transactions_running": 1, "transactions_waiting": 0}'
    assert serving == (200, b'{"status": "serving", ' + expected)
    assert (status, body) == (503, b'{"status": "stopping", ' + expected)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (get("/"), 404),
        (get("/metrics/x"), 404),
        (b"POST /metrics HTTP/1.1\r\n\r\n", 405),
        (b"\r\n\r\n", 405),
        (b"GET\r\n\r\n", 404),
        (b"GET /" + b"x" * 9000 + b"\r\n\r\n", 0),
    ],
)
async def test_odd_requests_to_the_monitor(
    services: Services, request_bytes: bytes, status: int
) -> None:
    server = await services.start(metrics_address=ANY_PORT)
    assert (await page(monitor_port(server), request_bytes))[0] == status
    assert (await page(monitor_port(server), get("/healthz")))[0] == 200


# --- Silence ---


async def test_no_payload_in_any_log_record(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    """The marker is in every field a client or a contract fills, and in what goes wrong."""
    caplog.set_level(logging.DEBUG)
    peer = await services.peer(reads_max=5, writes_max=5)
    peer.errors[Message.GET_HISTORY_FOR_KEY] = f"no {MARKER}"
    await peer.submit("put", MARKER, MARKER, transient={MARKER: MARKER.encode()})
    await peer.invoke("get", MARKER)
    await peer.invoke("scan", "", "")
    await peer.invoke("event", MARKER, MARKER)
    await peer.invoke("refuse", "409", MARKER)
    await peer.invoke("history", MARKER)
    await peer.invoke(MARKER, MARKER)
    await peer.invoke("creator", creator=b"\x0a\x03MSP\x12\x0b" + MARKER.encode())
    failed = await peer.invoke("fail", MARKER)
    await peer.send(Message(type=Message.COMPLETED, payload=MARKER.encode(), txid="t"))
    async with asyncio.timeout(DEADLINE_S):
        await peer.ended.wait()
    assert MARKER not in failed.message
    assert "RuntimeError at" in caplog.text
    assert "ProtocolError at" in caplog.text
    for record in caplog.records:
        assert MARKER not in record.getMessage()
        assert MARKER not in str(record.exc_info)
