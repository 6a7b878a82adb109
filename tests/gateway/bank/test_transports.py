"""The two transports against folders and servers that do not behave."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from gateway.bank import limits
from gateway.bank.errors import AdapterBusyError, TransportError
from gateway.bank.folder import FolderTransport
from gateway.bank.http import HttpEndpoint, HttpTransport
from gateway.bank.transport import Delivery

# --- folder ---


async def test_only_finished_plain_files_are_received_and_kept_until_confirmed(
    tmp_path: Path,
) -> None:
    transport = FolderTransport(tmp_path)
    inbox = tmp_path / "inbox"
    (inbox / "b.xml").write_bytes(b"2")
    (inbox / "a.xml").write_bytes(b"1")
    for name in (".c.xml.part", "d.tmp", "-e.xml", "名.xml"):
        (inbox / name).write_bytes(b"no")
    (inbox / "link.xml").symlink_to("/etc/passwd")
    os.mkfifo(inbox / "pipe.xml")
    (inbox / "dir.xml").mkdir()
    expected = [Delivery("a.xml", b"1"), Delivery("b.xml", b"2")]
    assert await transport.receive(10) == expected
    (inbox / "a.xml").write_bytes(b"another under the same name")
    assert await transport.receive(10) == expected
    for delivery in expected * 2:
        await transport.confirm(delivery)
    (again,) = await transport.receive(10)
    assert again == Delivery("a.xml", b"another under the same name")
    await transport.confirm(again)
    assert len(list((tmp_path / "archive").iterdir())) == 3
    transport.close()


async def test_a_huge_file_is_read_only_as_far_as_it_takes_to_refuse_it(tmp_path: Path) -> None:
    transport = FolderTransport(tmp_path)
    with (tmp_path / "inbox" / "a.xml").open("wb") as file:
        file.truncate(10 * limits.MESSAGE_BYTES_MAX)
    (delivery,) = await transport.receive(1)
    assert len(delivery.data) == limits.MESSAGE_BYTES_MAX + 1
    transport.close()


async def test_two_adapters_on_one_folder_are_refused(tmp_path: Path) -> None:
    first = FolderTransport(tmp_path)
    with pytest.raises(AdapterBusyError):
        FolderTransport(tmp_path)
    first.close()
    first.close()
    FolderTransport(tmp_path).close()


async def test_sending_again_replaces_the_file_by_itself(tmp_path: Path) -> None:
    transport = FolderTransport(tmp_path)
    for _ in range(2):
        await transport.send("m1", b"data")
    (file,) = (tmp_path / "outbox").iterdir()
    assert (file.name, file.read_bytes()) == ("m1.xml", b"data")
    assert file.stat().st_mode & 0o077 == 0
    transport.close()


# --- HTTP ---

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def server(handler: Handler, **endpoint: float) -> AsyncIterator[HttpTransport]:
    """A transport whose bank is `handler`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    transport = HttpTransport(
        HttpEndpoint(base_url=url, token="t", plain_http=True, retry_wait_s=0.001, **endpoint)
    )
    try:
        yield transport
    finally:
        await transport.close()
        await runner.cleanup()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_passing_failures_are_tried_again_with_the_same_id_and_bytes(status: int) -> None:
    seen: list[tuple[str, bytes, str | None]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.path, await request.read(), request.headers.get("Authorization")))
        return web.Response(status=status if len(seen) < limits.HTTP_TRY_COUNT_MAX else 201)

    async with server(handler) as transport:
        await transport.send("m1", b"data")
    assert seen == [("/v1/messages/m1", b"data", "Bearer t")] * limits.HTTP_TRY_COUNT_MAX


async def test_tries_are_bounded() -> None:
    count = 0

    async def handler(request: web.Request) -> web.Response:
        nonlocal count
        count += 1
        return web.Response(status=503)

    async with server(handler) as transport:
        with pytest.raises(TransportError):
            await transport.send("m1", b"data")
    assert count == limits.HTTP_TRY_COUNT_MAX


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 409, 413])
async def test_final_answers_are_not_tried_again(status: int) -> None:
    count = 0

    async def handler(request: web.Request) -> web.Response:
        nonlocal count
        count += 1
        return web.Response(status=status, headers={"Location": "http://elsewhere.invalid/"})

    async with server(handler) as transport:
        with pytest.raises(TransportError):
            await transport.send("m1", b"data")
    assert count == 1


async def test_a_silent_bank_times_out() -> None:
    never = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        await asyncio.wait_for(never.wait(), 30)
        return web.Response()

    async with server(handler, timeout_s=0.05) as transport:
        with pytest.raises(TransportError):
            await transport.receive(1)
        never.set()


@pytest.mark.parametrize("listing", [b"{}", b"[1]", b"no", b'["a'])
async def test_an_unreadable_list_is_a_typed_failure(listing: bytes) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=listing)

    async with server(handler) as transport:
        with pytest.raises(TransportError):
            await transport.receive(1)


async def test_an_endless_message_is_cut_where_it_can_be_refused() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path == "/v1/outbox":
            return web.json_response(["../a b"])
        assert request.raw_path == "/v1/outbox/..%2Fa%20b"
        return web.Response(body=b"x" * (limits.MESSAGE_BYTES_MAX + 1000))

    async with server(handler) as transport:
        (delivery,) = await transport.receive(1)
    assert len(delivery.data) == limits.MESSAGE_BYTES_MAX + 1


async def test_a_listed_message_that_is_gone_keeps_no_other_from_coming() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path == "/v1/outbox":
            return web.json_response(["a", "b"])
        return web.Response(status=404 if request.path.endswith("/a") else 200, body=b"x")

    async with server(handler) as transport:
        assert await transport.receive(9) == [Delivery("b", b"x")]


async def test_a_listed_message_that_is_refused_keeps_no_other_from_coming() -> None:
    asked = []

    async def handler(request: web.Request) -> web.StreamResponse:
        asked.append(request.path.rpartition("/")[2])
        if request.path == "/v1/outbox":
            return web.json_response(["a", "b"])
        return web.Response(status=418 if request.path.endswith("/a") else 200, body=b"x")

    async with server(handler) as transport:
        bad, fine = await transport.receive(9)
        assert (bad.delivery_id, str(bad.fault)) == ("a", "the bank answered 418")
        assert fine == Delivery("b", b"x")
        asked.clear()
        assert await transport.receive(9, {"a"}) == [fine]
    assert asked == ["outbox", "b"]


async def test_confirming_what_is_gone_is_fine() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=404)

    async with server(handler) as transport:
        await transport.confirm(Delivery("a", b""))


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "http://bank.example", "token": "t"},
        {"base_url": "https://bank.example", "token": "t", "cert_file": Path("c")},
        {"base_url": "https://bank.example", "token": "t", "key_file": Path("k")},
    ],
)
def test_an_endpoint_in_the_clear_or_half_a_certificate_is_refused(
    settings: dict[str, object],
) -> None:
    with pytest.raises(ValueError, match=r"base_url|cert_file"):
        HttpEndpoint(**settings)  # type: ignore[arg-type]


def test_the_token_is_not_shown() -> None:
    endpoint = HttpEndpoint(base_url="https://bank.example", token="secret")
    assert "secret" not in repr(endpoint)
