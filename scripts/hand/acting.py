"""Signing an act, sending it through whichever gateway answers, and learning what became of it.

The signed bytes are kept before they are sent, and only those very bytes are ever sent again: the
ledger counts one act once, however often and through however many gateways it arrives. The disk is
waited for in a thread, so that one person's does not hold up another's.
"""

import asyncio
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import msgspec

from chaincode.acts import ACT_TYP
from gateway.identity.signingrequest import credential_id
from scripts.hand.errors import BadInput, HandError, NotKnown, Refused, Unreachable
from scripts.hand.folder import Folder, KeptAct, Opening
from scripts.hand.forms import Forms
from scripts.hand.gateways import NOTHING_HAPPENED, PASSING, Answer, Gateways, NoAnswer, Turn
from scripts.hand.signing import act_sha256, compact_jws

JOSE: Final = {"Content-Type": "application/jose"}
POLL_S: Final = 0.5
FORGOTTEN: Final = "act/unknown-nonce"
"""A gateway that took an act in and was restarted says so; it is no answer of the ledger's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An accepted act. `block_number` is None when it was accepted by an earlier sending."""

    nonce: str
    sha256: str
    tx_id: str
    block_number: int | None
    address: str
    """The gateway that says so."""


def sign(
    folder: Folder,
    forms: Forms,
    act: str,
    fields: Mapping[str, Any],
    *,
    at: int | None = None,
    nonce: str | None = None,
    openings: Mapping[str, Opening] | None = None,
) -> KeptAct:
    """An act of the folder's credential, signed now and kept.

    Raises BadInput: the credential is not for this community, there is no such act, or the fields
    are not its fields.
    """
    kept = folder.kept()
    if kept.community != forms.community:
        raise BadInput(f"{folder.path} has no credential of {forms.community}: `act certify`")
    forms.require(act, fields)
    head = {
        "act": act,
        "channel": forms.channel,
        "community": forms.community,
        "nonce": nonce or secrets.token_hex(16),
        "at": time.time_ns() // 1_000_000 if at is None else at,
    }
    kid = credential_id(kept.community, kept.secret)
    jws = compact_jws(folder.key, ACT_TYP, kid, {**head, **fields})
    signed = KeptAct(
        act=act,
        community=forms.community,
        nonce=str(head["nonce"]),
        sha256=act_sha256(jws),
        jws=jws,
        fields=dict(fields),
        at=int(str(head["at"])),
        openings=dict(openings or {}),
    )
    folder.keep_act(signed)
    return signed


async def send(folder: Folder, gateways: Gateways, signed: KeptAct) -> Accepted:
    """Send it until a gateway knows the outcome; sending again is harmless.

    Raises Refused with the ledger's or a gateway's code; NotKnown when the outcome could not be
    learnt in time, so that it must be asked for later; Unreachable when no gateway was reached.
    """
    sending = _Sending(folder, gateways, signed)
    return await asyncio.to_thread(sending.keep, await sending.run())


async def look(folder: Folder, gateways: Gateways, signed: KeptAct) -> Accepted:
    """What became of an act sent earlier, without sending it.

    Raises Refused ``act/unknown-nonce`` when no gateway knows of it, NotKnown, Unreachable.
    """
    sending = _Sending(folder, gateways, signed)
    found = await sending.looked_up()
    if found is None:
        raise sending.last
    return await asyncio.to_thread(sending.keep, found)


class _Sending:
    """One act on its way."""

    def __init__(self, folder: Folder, gateways: Gateways, signed: KeptAct) -> None:
        self._folder = folder
        self._gateways = gateways
        self._signed = signed
        self._root = f"/v1/communities/{signed.community}/acts"
        kid = credential_id(signed.community, folder.kept().secret)
        self._place = f"{self._root}/{kid}/{signed.nonce}"
        self._may_be_done = False
        self.last: HandError = Unreachable("no gateway was asked")

    def keep(self, accepted: Accepted) -> Accepted:
        """Keep the answer with the act; a block once known stays."""
        before = self._folder.act(self._signed.nonce)
        block = accepted.block_number
        kept = msgspec.structs.replace(
            self._signed,
            tx_id=accepted.tx_id,
            block_number=before.block_number if block is None else block,
        )
        self._folder.keep_act(kept)
        return accepted

    async def run(self) -> Accepted:
        turns = self._gateways.turns()
        while turn := await turns.next():
            try:
                found = await self._sent(turn)
            except NoAnswer as error:
                self._may_be_done = self._may_be_done or error.was_sent
                self.last = Unreachable(str(error))
                continue
            if found is not None:
                return found
        if not self._may_be_done:
            raise self.last
        return await self._known_after_all(self.last)

    async def _sent(self, turn: Turn) -> Accepted | None:
        """One sending; None when it is to be tried again. Raises Refused, NoAnswer."""
        body = self._signed.jws.encode()
        answer = await self._gateways.ask(turn.address, "POST", self._root, body=body, headers=JOSE)
        if answer.status == HTTPStatus.ACCEPTED:
            self._may_be_done = True
            answer = await self._resolved(turn.address)
        if answer.status == HTTPStatus.OK:
            return self._accepted(answer)
        if answer.status == HTTPStatus.ACCEPTED:
            return None
        refused = answer.refusal()
        if answer.status in PASSING or refused.code in (*NOTHING_HAPPENED, FORGOTTEN):
            self._may_be_done = self._may_be_done or refused.code not in NOTHING_HAPPENED
            self.last, turn.pause_s = refused, answer.pause_s
            return None
        if self._may_be_done:
            return await self._known_after_all(refused)
        raise refused

    async def _resolved(self, address: str) -> Answer:
        """What a gateway learns in time of an outcome that it did not know at once."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._gateways.patience_s
        while True:
            answer = await self._gateways.ask(address, "GET", self._place)
            if answer.status != HTTPStatus.ACCEPTED or loop.time() >= until:
                return answer
            await asyncio.sleep(max(POLL_S, answer.pause_s))

    async def _known_after_all(self, otherwise: HandError) -> Accepted:
        """An earlier sending may have been accepted, whatever a later one was told.

        Raises `otherwise` if it is a refusal that no earlier sending escaped, else NotKnown.
        """
        found = await self.looked_up()
        if found is not None:
            return found
        is_final = isinstance(otherwise, Refused) and otherwise.status not in PASSING
        if is_final and isinstance(self.last, Refused):
            raise otherwise
        raise NotKnown(
            f"the outcome of act {self._signed.nonce} is not known; send the same bytes again:"
            f" `act again {self._signed.nonce}` (last: {otherwise})"
        )

    async def looked_up(self) -> Accepted | None:
        """What any gateway knows of it; `last` says why none does."""
        self.last = Unreachable("no gateway was asked")
        for address in self._gateways.addresses:
            try:
                answer = await self._resolved(address)
            except NoAnswer as error:
                self.last = Unreachable(str(error))
                continue
            if answer.status == HTTPStatus.OK:
                return self._accepted(answer)
            if answer.status == HTTPStatus.ACCEPTED:
                self.last = NotKnown(f"the outcome of act {self._signed.nonce} is not known yet")
            else:
                self.last = answer.refusal()
        return None

    def _accepted(self, answer: Answer) -> Accepted:
        """The acceptance, which must be of this very act. Raises NotKnown."""
        said = answer.json()
        try:
            sha256, tx_id, block = said["sha256"], str(said["tx_id"]), said["block_number"]
        except (KeyError, TypeError):
            raise NotKnown(f"{answer.address} answers what no gateway would") from None
        if sha256 != self._signed.sha256:
            raise NotKnown(f"{answer.address} speaks of another act under this nonce")
        return Accepted(
            nonce=self._signed.nonce,
            sha256=self._signed.sha256,
            tx_id=tx_id,
            block_number=block,
            address=answer.address,
        )
