"""Each step of a transaction failing at a fake Fabric, and what the caller of the API hears."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import msgspec
import pytest
from aiohttp import ClientResponse

from chaincode.errors import Conflict, NotFound
from chaincode.model.act import Answer, Answers
from chaincode.model.base import Org
from gateway.access import Who
from gateway.errors import Busy, LedgerError, NotApplied, NotEndorsed, NotReady, OutcomeUnknown
from gateway.fabric.rpc import Call, ErrorDetail
from gateway.fabric.timeouts import Resolution, Timeouts
from gateway.ledger import FabricLedger
from gateway.settings import FabricSection
from tests.support.api import Api, as_, serving
from tests.support.community import Commons
from tests.support.fake_certificates import Issued, issue, make_root
from tests.support.fake_fabric import FakePeer
from tests.support.fake_fabric_messages import (
    CHANNEL,
    INSUFFICIENT_ORDERERS,
    THROTTLED,
    Fail,
    FakeLedger,
    Invalid,
    Reply,
    Swallow,
)

CLERK = as_(Who.REGULATOR_CLERK, "clerk", community=CHANNEL)
WORDS = {"words": ["scheme"]}
MVCC, POLICY = 11, 10
REQUIRED = ("BankMSP", "CommitteeMSP", "PropertyMSP")
UNKNOWN = grpc.StatusCode.UNKNOWN
ABORTED = grpc.StatusCode.ABORTED
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
MISMATCH = ErrorDetail("p0", "BankMSP", "ProposalResponsePayloads do not match")


def says(status: int, message: str) -> str:
    return f"chaincode response {status}, {message}"


def endorsement(status: int, message: str) -> Fail:
    """How a peer's gateway relays that the endorsers refused."""
    detail = ErrorDetail("peer0.bank", "BankMSP", says(status, message))
    return Fail(ABORTED, "failed to endorse transaction, see attached details", (detail,))


@pytest.fixture(scope="module")
def root() -> Issued:
    return make_root()


@pytest.fixture
async def peer(root: Issued) -> AsyncIterator[FakePeer]:
    found = FakePeer(FakeLedger(), issue(root, "peer"))
    found.answer = b'{"words":["scheme"],"at":1,"tx_id":"t"}'
    await found.start()
    yield found
    await found.stop()


@pytest.fixture
async def ledger(peer: FakePeer, root: Issued, tmp_path: Path) -> AsyncIterator[FabricLedger]:
    user = issue(root, "user")
    files = {
        "roots.pem": root.certificate_pem,
        "cert.pem": user.certificate_pem,
        "key.pem": user.key_pem,
    }
    for name, text in files.items():
        (tmp_path / name).write_bytes(text)
        (tmp_path / name).chmod(0o600)
    section = FabricSection(
        msp_id="RegulatorMSP",
        peers=(peer.address,),
        tls_roots_file=tmp_path / "roots.pem",
        certificate_file=tmp_path / "cert.pem",
        key_file=tmp_path / "key.pem",
        channels=(CHANNEL,),
        endorsers=REQUIRED,
    )
    quick = Timeouts(evaluate_s=1, endorse_s=1, submit_s=1, commit_status_s=0.3)
    hasty = Resolution(lookup_s=0.1, resends_max=1)
    async with FabricLedger(section, timeouts=quick, resolution=hasty) as opened:
        yield opened


@pytest.fixture
async def api(ledger: FabricLedger) -> AsyncIterator[Api]:
    town = Commons(community=CHANNEL)
    async with serving(town, ledger, org=Org.REGULATOR) as api:
        yield api


async def code(response: ClientResponse) -> tuple[int, str]:
    return response.status, str((await response.json())["code"])


async def put_words(api: Api) -> ClientResponse:
    return await api.request("PUT", "/words", CLERK, json=WORDS)


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        (400, "input/malformed"),
        (403, "caller/org"),
        (404, "motion/unknown"),
        (409, "motion/wrong-phase"),
        (422, "budget/exceeded"),
    ],
)
async def test_a_refusal_reaches_the_caller_unchanged(
    api: Api, peer: FakePeer, status: int, refusal: str
) -> None:
    await api.get("")
    message = f'{refusal} {{"gap_fen": 12}}'
    peer.script[Call.EVALUATE].append(
        Fail(UNKNOWN, f"evaluate call returned error: {says(status, message)}")
    )
    read = await api.get("/motions/m1", CLERK)
    assert await code(read) == (status, refusal)
    assert (await read.json())["details"] == {"gap_fen": 12}
    peer.script[Call.ENDORSE].append(endorsement(status, message))
    stated = await put_words(api)
    assert await code(stated) == (status, refusal)
    assert (await stated.json())["details"] == {"gap_fen": 12}


@pytest.mark.parametrize(
    ("call", "replies", "expected"),
    [
        (Call.ENDORSE, [endorsement(500, "a defect")], (502, "gateway/contract-failed")),
        (Call.ENDORSE, [Fail(ABORTED, "failed to collect enough endorsements")] * 2,
         (502, "gateway/not-endorsed")),
        (Call.ENDORSE, [Fail(UNKNOWN, THROTTLED)] * 9,
         (503, "gateway/network-busy")),
        (Call.SUBMIT, [Fail(grpc.StatusCode.PERMISSION_DENIED, "no")],
         (502, "gateway/not-endorsed")),
        (Call.SUBMIT, [Invalid(POLICY)], (409, "gateway/conflict")),
        (Call.SUBMIT, [Invalid(MVCC)] * 9, (409, "gateway/conflict")),
    ],
    ids=str,
)  # fmt: skip
async def test_what_did_not_happen_is_said_so(
    api: Api, peer: FakePeer, call: Call, replies: list[Reply], expected: tuple[int, str]
) -> None:
    await api.get("")
    peer.script[call].extend(replies)
    assert await code(await put_words(api)) == expected


async def test_a_conflict_is_tried_anew(api: Api, peer: FakePeer) -> None:
    peer.script[Call.SUBMIT].append(Invalid(MVCC))
    assert (await put_words(api)).status == 200
    assert len(peer.seen(Call.ENDORSE)) == 2


async def test_peers_a_block_apart_are_asked_anew(api: Api, peer: FakePeer) -> None:
    peer.script[Call.ENDORSE].append(Fail(ABORTED, "failed to endorse", (MISMATCH,)))
    assert (await put_words(api)).status == 200


@pytest.mark.parametrize(
    "reply",
    [Fail(UNAVAILABLE, INSUFFICIENT_ORDERERS, commits=True), Fail(UNAVAILABLE, "x"), Swallow()],
    ids=str,
)
async def test_a_lost_acknowledgement_is_looked_up(api: Api, peer: FakePeer, reply: Reply) -> None:
    """Committed or not, it is found out, and the same envelope is sent again at most."""
    peer.script[Call.SUBMIT].append(reply)
    response = await put_words(api)
    assert response.status == 200
    assert len(peer.seen(Call.ENDORSE)) == 1
    assert len(peer.ledger.blocks) == 2


async def test_an_outcome_that_stays_unknown_is_202_and_a_place(api: Api, peer: FakePeer) -> None:
    peer.script[Call.SUBMIT].extend([Swallow()] * 9)
    response = await put_words(api)
    assert response.status == 202
    place = response.headers["Location"]
    assert await code(await api.get(place, CLERK)) == (404, "gateway/no-such-transaction")
    tx_id = place.rsplit("/", 1)[1]
    assert tx_id == (await response.json())["tx_id"]
    assert {request.transaction_id for request in peer.seen(Call.SUBMIT)} == {tx_id}


async def test_a_query_that_no_peer_answers_is_502(api: Api, peer: FakePeer) -> None:
    await api.get("")
    await peer.stop()
    assert await code(await api.get("/motions/m1", CLERK)) == (502, "gateway/not-endorsed")


# --- Batches of acts ---


def answers(tx_id: str = "t") -> bytes:
    one = Answer(sha256="0" * 64, status=200, code="accepted", details={}, tx_id=tx_id)
    return msgspec.json.encode(Answers(answers=(one,)))


@pytest.mark.parametrize(
    ("call", "reply", "expected"),
    [
        (Call.ENDORSE, endorsement(409, "ballot/already-cast"), Conflict),
        (Call.ENDORSE, endorsement(404, "community/unknown"), NotFound),
        (Call.ENDORSE, endorsement(500, "a defect"), NotEndorsed),
        (Call.ENDORSE, Fail(UNKNOWN, THROTTLED), Busy),
        (Call.SUBMIT, Invalid(MVCC), NotApplied),
        (Call.SUBMIT, Fail(grpc.StatusCode.PERMISSION_DENIED, "no"), NotEndorsed),
    ],
    ids=str,
)
async def test_a_batch_that_fails_says_how(
    ledger: FabricLedger,
    peer: FakePeer,
    call: Call,
    reply: Reply,
    expected: type[LedgerError | Conflict | NotFound],
) -> None:
    peer.answer = answers()
    await ledger.channel_of(CHANNEL)
    peer.script[call].append(reply)
    with pytest.raises(expected):
        await (await ledger.endorse_acts(CHANNEL, [b"a.b.c"])).commit()


async def test_a_batch_of_unknown_outcome_is_resolved(ledger: FabricLedger, peer: FakePeer) -> None:
    peer.answer = answers()
    prepared = await ledger.endorse_acts(CHANNEL, [b"a.b.c"])
    assert prepared.answers[0].code == "accepted"
    peer.script[Call.SUBMIT].extend([Swallow()] * 2)
    with pytest.raises(OutcomeUnknown) as unknown:
        await prepared.commit()
    assert unknown.value.tx_id == prepared.tx_id
    assert await prepared.resolve() == 1


async def test_a_community_is_found_on_its_channel(ledger: FabricLedger, peer: FakePeer) -> None:
    assert await ledger.channel_of("other-name") == CHANNEL
    assert await ledger.communities() == (CHANNEL, "other-name")


async def test_a_community_that_is_nowhere_is_not_found(
    ledger: FabricLedger, peer: FakePeer
) -> None:
    words = f"evaluate call returned error: {says(404, 'community/unknown')}"
    peer.script[Call.EVALUATE].append(Fail(UNKNOWN, words))
    with pytest.raises(NotFound, match="community/unknown"):
        await ledger.channel_of("nowhere")


async def test_a_peer_that_is_gone_makes_the_gateway_unready(
    ledger: FabricLedger, peer: FakePeer
) -> None:
    await ledger.require_ready()
    await peer.stop()
    with pytest.raises(NotReady):
        await ledger.require_ready()


def endorsers_asked(peer: FakePeer) -> list[list[str]]:
    return [list(request.endorsing_organizations) for request in peer.seen(Call.ENDORSE)]


async def test_the_required_endorse_unless_one_is_silent(api: Api, peer: FakePeer) -> None:
    await api.get("")
    assert (await put_words(api)).status == 200
    assert endorsers_asked(peer) == [list(REQUIRED)]
    silent = Fail(ABORTED, "failed to collect enough transaction endorsements")
    peer.script[Call.ENDORSE].append(silent)
    assert (await put_words(api)).status == 200
    assert endorsers_asked(peer)[1:] == [list(REQUIRED), []]
    assert (await put_words(api)).status == 200
    assert endorsers_asked(peer)[3:] == [[]]


async def test_a_refusal_is_no_silence(api: Api, peer: FakePeer) -> None:
    await api.get("")
    peer.script[Call.ENDORSE].append(endorsement(409, "motion/wrong-phase"))
    assert await code(await put_words(api)) == (409, "motion/wrong-phase")
    assert endorsers_asked(peer) == [list(REQUIRED)]
