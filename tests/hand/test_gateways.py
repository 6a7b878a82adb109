"""Calls of gateways: what is tried again, where, and for how long."""

import time
from pathlib import Path

import pytest

from scripts.hand.errors import BadInput, NotKnown, Refused, Unreachable
from scripts.hand.gateways import ANSWER_BYTES_MAX, RETRY_AFTER_S_MAX, Answer, Gateways
from tests.hand.stubs import Reply, problem, stub
from tests.support.ports import free_port

OK = Reply(200, {"fine": True})


def nobody() -> str:
    """An address where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.mark.parametrize(
    "address",
    [
        "", "gateway", "gateway.example", "http://gateway.example", "ftp://127.0.0.1",
        "https://gateway.example/v1", "https://u:p@gateway.example", "https://[", "http://10.0.0.1",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_gateway(address: str) -> None:
    with pytest.raises(BadInput, match="no gateway address"):
        Gateways([address])


def test_there_must_be_one() -> None:
    with pytest.raises(BadInput, match="give the address"):
        Gateways([])


@pytest.mark.parametrize(
    "address", ["https://gateway.example", "https://g.example:8443/", "http://127.0.0.1:1"]
)
def test_addresses(address: str) -> None:
    assert Gateways([address]).addresses == (address.rstrip("/"),)


async def test_roots_must_be_roots(tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_text("nothing")
    for name in ("roots.pem", "none.pem"):
        with pytest.raises(BadInput, match="TLS roots"):
            async with Gateways(["https://g.example"], roots=tmp_path / name):
                pass


async def test_one_that_is_down_is_passed_over() -> None:
    async with stub(OK) as one, Gateways([nobody(), one.address]) as gateways:
        assert (await gateways.call("GET", "/x")).json() == {"fine": True}
        assert [path for _, path, _ in one.asked] == ["/x"]


async def test_none_that_answers() -> None:
    async with Gateways([nobody(), nobody()], patience_s=0.1) as gateways:
        with pytest.raises(Unreachable, match="does not answer") as error:
            await gateways.call("GET", "/x")
        assert error.value.exit_status == 2


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_what_passes_is_tried_again(status: int) -> None:
    async with stub(problem(status, "gateway/full"), OK) as one, Gateways([one.address]) as it:
        assert (await it.call("PUT", "/x", json_body={"a": 1})).status == 200
        assert [body for _, _, body in one.asked] == [b'{"a": 1}'] * 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
async def test_what_does_not_pass_is_not(status: int) -> None:
    async with stub(problem(status, "x/y")) as one, Gateways([one.address]) as gateways:
        with pytest.raises(Refused) as refused:
            await gateways.call("GET", "/x")
        assert (refused.value.status, refused.value.code) == (status, "x/y")
        assert str(refused.value) == f"refused: x/y ({status}). About x/y."
        assert refused.value.details == {"n": 1}
        assert len(one.asked) == 1


async def test_patience_ends_with_the_last_answer() -> None:
    async with stub(problem(503, "gateway/full")) as one:
        async with Gateways([one.address], patience_s=3) as gateways:
            with pytest.raises(Refused) as refused:
                await gateways.call("GET", "/x")
        assert refused.value.code == "gateway/full"
        assert 2 <= len(one.asked) <= 4


async def test_retry_after_is_heeded() -> None:
    busy = problem(429, "gateway/too-many-requests", Retry_After="1")
    async with stub(busy, OK) as one, Gateways([one.address]) as gateways:
        begun = time.monotonic()
        await gateways.call("GET", "/x")
        assert time.monotonic() - begun >= 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [("7", 7.0), ("99999", RETRY_AFTER_S_MAX), ("", 0.0), ("-1", 0.0), ("soon", 0.0)],
)
def test_retry_after_is_bounded(text: str, expected: float) -> None:
    assert Answer("a", 503, {"Retry-After": text}, b"").pause_s == expected


@pytest.mark.parametrize(
    "reply",
    [
        Reply(302, text="", headers={"Location": "http://127.0.0.1:1/"}),
        Reply(404, text="<html>"),
        Reply(418, body=["no problem"]),
        Reply(400, body={"error": "x"}),
    ],
)
async def test_what_is_no_gateway(reply: Reply) -> None:
    async with stub(reply) as one, Gateways([one.address]) as gateways:
        with pytest.raises(Refused, match="is no gateway") as refused:
            await gateways.call("GET", "/x")
        assert refused.value.code == "http/no-gateway"


async def test_a_success_that_is_no_json() -> None:
    async with stub(Reply(200, text="hello")) as one, Gateways([one.address]) as gateways:
        with pytest.raises(NotKnown):
            (await gateways.call("GET", "/x")).json()


async def test_an_answer_without_end_is_not_read_to_the_end() -> None:
    long = Reply(200, text="x" * (ANSWER_BYTES_MAX + 1))
    async with stub(long) as one, Gateways([one.address], patience_s=0.1) as gateways:
        with pytest.raises(Unreachable):
            await gateways.call("GET", "/x")


async def test_the_language_is_asked_for() -> None:
    async with stub(OK) as one, Gateways([one.address], language="zh") as gateways:
        await gateways.ask(one.address, "GET", "/x")
        assert one.languages == ["zh"]
