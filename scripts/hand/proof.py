"""What shows that an act is on the ledger, and that a ballot was counted as cast.

Nothing of one gateway is taken on trust where another can be asked, or where the figure can be
worked out here: the act's hash comes from the bytes that were signed, and the hash over all
ballots from the ballots as they were counted (chaincode/README.md, "Motions, ballots, results").
"""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from gateway.identity.signingrequest import credential_id
from scripts.hand.errors import HandError, NotKnown, Refused, Unreachable
from scripts.hand.folder import Folder, KeptAct
from scripts.hand.gateways import Gateways, NoAnswer
from scripts.hand.session import Reader

PAGE: Final = 1_000
PAGES_MAX: Final = 100
"""Of the counted ballots: 20,000 units fit."""
TRANSACTIONS: Final = 200
TRANSACTION_PAGES_MAX: Final = 20
NOT_SEEN: Final = "gateway/no-such-transaction"
BALLOT_ACTS: Final = frozenset({"cast_ballot"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """What one gateway says of an act: the transaction, or the code why it knows none."""

    address: str
    tx_id: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BallotProof:
    """One unit's ballot on record.

    `is_this_act`: the ballot on record is this very act, by its hash; otherwise a later one
    replaced it. The rest is None before the count: `place` from 1 in the tally, the hash over all
    ballots that the result states, and whether the counted ballots, hashed here, give that hash
    with this ballot at this place.
    """

    unit_id: str
    is_this_act: bool
    act_sha256: str
    choices: tuple[str, ...]
    earlier_count: int
    counted: bool | None
    place: int | None
    ballots_sha256: str | None
    is_recounted: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """An act's place on the ledger.

    `validity` is Fabric's name of what the peers found; empty where the gateway that was read from
    has not seen the transaction yet.
    """

    act: str
    nonce: str
    sha256: str
    tx_id: str
    block_number: int | None
    validity: str
    witnesses: tuple[Witness, ...]
    ballots: tuple[BallotProof, ...]


async def prove(folder: Folder, reader: Reader, signed: KeptAct) -> Proof:
    """Ask every gateway for the act, and for a ballot what became of it.

    Raises Refused when no gateway knows the act, Unreachable when none answers.
    """
    witnesses = await witnessed(folder, reader.gateways, signed)
    known = [one for one in witnesses if one.tx_id]
    if not known:
        raise _nobody_knows(witnesses)
    tx_id = known[0].tx_id
    block = signed.block_number
    if block is None:
        with suppress(Refused):
            block = await _block_of(reader, tx_id)
    return Proof(
        act=signed.act,
        nonce=signed.nonce,
        sha256=signed.sha256,
        tx_id=tx_id,
        block_number=block,
        validity=await _validity(reader, tx_id),
        witnesses=witnesses,
        ballots=await _ballots(reader, signed),
    )


async def witnessed(folder: Folder, gateways: Gateways, signed: KeptAct) -> tuple[Witness, ...]:
    """What each gateway says of the act, in the order of their addresses."""
    kid = credential_id(signed.community, folder.kept().secret)
    place = f"/v1/communities/{signed.community}/acts/{kid}/{signed.nonce}"
    return tuple([await _witness(gateways, one, place, signed) for one in gateways.addresses])


async def _witness(gateways: Gateways, address: str, place: str, signed: KeptAct) -> Witness:
    try:
        answer = await gateways.ask(address, "GET", place)
    except NoAnswer:
        return Witness(address=address, tx_id="", code="http/no-answer")
    if answer.status == HTTPStatus.ACCEPTED:
        return Witness(address=address, tx_id="", code="act/not-known-yet")
    if answer.status != HTTPStatus.OK:
        return Witness(address=address, tx_id="", code=answer.refusal().code)
    try:
        said = answer.json()
        is_this, tx_id = said["sha256"] == signed.sha256, str(said["tx_id"])
    except (NotKnown, KeyError, TypeError):
        return Witness(address=address, tx_id="", code="http/no-gateway")
    if not is_this:
        return Witness(address=address, tx_id="", code="act/other-act")
    return Witness(address=address, tx_id=tx_id, code="accepted")


def _nobody_knows(witnesses: tuple[Witness, ...]) -> HandError:
    codes = [one.code for one in witnesses if one.code != "http/no-answer"]
    if not codes:
        return Unreachable("no gateway answers")
    return Refused(404, codes[0], "No gateway knows this act as accepted.")


async def _validity(reader: Reader, tx_id: str) -> str:
    try:
        return str((await reader.read(f"/transactions/{tx_id}"))["code"])
    except Refused as refused:
        if refused.code != NOT_SEEN:
            raise
        return ""


async def _block_of(reader: Reader, tx_id: str) -> int | None:
    """The block, from the list of transactions; None if it is not among the newest."""
    path = f"/transactions?limit={TRANSACTIONS}"
    for _ in range(TRANSACTION_PAGES_MAX):
        page = await reader.read(path)
        for row in page["transactions"]:
            if row["tx_id"] == tx_id:
                return int(row["block"])
        if page["next_before"] is None:
            break
        path = f"/transactions?limit={TRANSACTIONS}&before={page['next_before']}"
    return None


# --- Ballots ---


async def _ballots(reader: Reader, signed: KeptAct) -> tuple[BallotProof, ...]:
    if signed.act not in BALLOT_ACTS:
        return ()
    motion_id, units = str(signed.fields["motion_id"]), signed.fields["unit_ids"]
    assert isinstance(units, list), "checked before it was signed"
    receipts = [await reader.read(f"/motions/{motion_id}/ballots/{unit}") for unit in units]
    counted: list[dict[str, Any]] = []
    if any(receipt["counted"] for receipt in receipts):
        counted = await _counted(reader, motion_id)
    return tuple(_ballot(signed, receipt, counted) for receipt in receipts)


async def _counted(reader: Reader, motion_id: str) -> list[dict[str, Any]]:
    """Every ballot as it was counted."""
    ballots: list[dict[str, Any]] = []
    path = f"/motions/{motion_id}/counted-ballots?limit={PAGE}"
    for _ in range(PAGES_MAX):
        page = await reader.read(path)
        ballots += page["ballots"]
        if page["next_after"] is None:
            break
        path = f"/motions/{motion_id}/counted-ballots?limit={PAGE}&after={page['next_after']}"
    return ballots


def _ballot(
    signed: KeptAct, receipt: Mapping[str, Any], counted: list[dict[str, Any]]
) -> BallotProof:
    is_recounted: bool | None = None
    if receipt["counted"]:
        at_place = counted[receipt["place"] - 1 : receipt["place"]]
        is_there = [one["act_sha256"] for one in at_place] == [receipt["act_sha256"]]
        is_recounted = is_there and ballots_sha256(counted) == receipt["ballots_sha256"]
    return BallotProof(
        unit_id=receipt["unit_id"],
        is_this_act=receipt["act_sha256"] == signed.sha256,
        act_sha256=receipt["act_sha256"],
        choices=tuple(receipt["choices"]),
        earlier_count=receipt["earlier_count"],
        counted=receipt["counted"],
        place=receipt["place"],
        ballots_sha256=receipt["ballots_sha256"],
        is_recounted=is_recounted,
    )


def ballots_sha256(counted: Iterable[Mapping[str, Any]]) -> str:
    """The hash over counted ballots: one line each, by unit id (chaincode/README.md)."""
    digest = hashlib.sha256()
    for ballot in sorted(counted, key=lambda one: str(one["unit_id"])):
        choices = "spoiled" if ballot["spoiled"] else ",".join(ballot["choices"])
        parts = [ballot["unit_id"], ballot["act_sha256"], ballot["channel"], choices]
        digest.update("\t".join([*parts, ballot.get("commitment") or "-"]).encode() + b"\n")
    return digest.hexdigest()
