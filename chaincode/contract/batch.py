"""Many signed acts in one Fabric transaction, each with its own answer."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from chaincode import acts, codec, keys
from chaincode.access import AFTER_OFFICE, BY_NAME, Access, Kind, require_role
from chaincode.contract.answering import answer_each
from chaincode.contract.communities import require_community, require_module
from chaincode.contract.companies import require_in_office
from chaincode.contract.handlers import Actor, Call, Handler, Request
from chaincode.errors import BadInput, Conflict, NotAllowed, Refusal
from chaincode.model.act import ActRecord, Answers
from chaincode.model.base import Id, Nonce, Record
from chaincode.model.community import Community
from chaincode.model.credential import Credential, Standing, standing
from chaincode.world import World


class AcceptedActRequest(Request):
    """Name one act."""

    credential_id: Id
    nonce: Nonce


class _Readable(Record):
    """An act whose form is right: what it asks is known, who asks is not yet."""

    act: acts.SignedAct
    row: Access
    handler: Handler
    body: acts.ActBody
    credential_key: str
    nonce_key: str

    @property
    def sha256(self) -> str:
        """Hash of the signing input: the act's identity."""
        return self.act.sha256


async def submit_acts(
    world: World, call: Call, jws_list: Sequence[bytes], handlers: Mapping[str, Handler]
) -> Answers:
    """Apply acts in order and answer each.

    A single act's refusal is the transaction's. When each of several is refused the answers come
    back all the same, and nothing is written: whoever sent them need not have that ordered.

    The whole is refused if

    * 400: it names no community (``input/bad-id``), no act (``acts/none``) or more than 200
      (``acts/too-many``);
    * 404: the community is not here (``community/unknown``).

    One act is refused, before its own handler is asked, if

    * 400: it cannot be read (``act/oversize``, ``act/malformed``, ``act/algorithm``, ``act/type``,
      ``input/malformed``, ``input/duplicate-field``), was made for elsewhere or another time
      (``act/other-channel``, ``act/other-community``, ``act/from-the-future``, ``act/too-old``),
      or asks what is no act (``act/unknown``);
    * 403: its credential is not known (``credential/unknown``), did not sign it (``act/forged``),
      is not in force (``credential/not-yet-valid``, ``credential/expired``,
      ``credential/suspended``, ``credential/replaced``, ``credential/revoked``) or of another
      role (``caller/role``);
    * 404: the community does not use the act's module (``community/module-not-used``);
    * 409: its nonce stands for another content (``act/nonce-used``).
    """
    community = await require_community(world)
    readable = [_read(world, call, jws, handlers) for jws in jws_list]
    await _prefetch(world, [item for item in readable if isinstance(item, _Readable)])
    return await answer_each(world, readable, lambda item: _apply(world, call, community, item))


def _read(
    world: World, call: Call, jws: bytes, handlers: Mapping[str, Handler]
) -> _Readable | Refusal:
    try:
        act = acts.parse(jws)
        acts.require_here_and_now(
            act, channel=call.channel, community=world.community, now_ms=call.now_ms
        )
        row = BY_NAME.get(act.head.act)
        if row is None or row.kind is not Kind.ACT:
            raise BadInput("act/unknown")
        handler = handlers[row.name]
        body = codec.decode(act.jws.payload, handler.request)
    except Refusal as refusal:
        return refusal
    assert isinstance(body, acts.ActBody), row.name
    return _Readable(
        act=act,
        row=row,
        handler=handler,
        body=body,
        credential_key=keys.credential(world.community, act.credential_id),
        nonce_key=keys.act(world.community, act.credential_id, act.head.nonce),
    )


async def _prefetch(world: World, readable: Sequence[_Readable]) -> None:
    """Two round trips for a whole batch: who acts, then what each act is about."""
    wanted: list[str] = []
    for item in readable:
        wanted += (item.credential_key, item.nonce_key)
    await world.prefetch(wanted)
    wanted = []
    for item in readable:
        if item.handler.reads is not None:
            with suppress(Refusal):  # the act's own run will say so
                wanted += await item.handler.reads(world, item.body)
    await world.prefetch(wanted)


async def _apply(world: World, call: Call, community: Community, item: _Readable) -> str:
    """Verify and carry out one act; gives the id of the transaction that first accepted it.

    An act that was accepted before gets its first answer, whatever has become of its credential.
    """
    credential = await world.find(item.credential_key, Credential)
    if credential is None:
        raise NotAllowed("credential/unknown")
    acts.require_signature(item.act, credential.public_key)
    earlier = await world.find(item.nonce_key, ActRecord)
    if earlier is not None and earlier.sha256 == item.act.sha256:
        return earlier.tx_id
    state = standing(credential, call.now_ms)
    if state is not Standing.ACTIVE:
        raise NotAllowed(f"credential/{state}")
    require_role(item.row, credential.role)
    if item.row.name not in AFTER_OFFICE:
        await require_in_office(world, credential)
    require_module(community, item.row)
    if earlier is not None:
        raise Conflict("act/nonce-used")
    actor = Actor(credential=credential, act_sha256=item.act.sha256, signed_at=item.act.head.at)
    await item.handler.run(world, call, actor, item.body)
    record = ActRecord(act=item.row.name, sha256=item.act.sha256, tx_id=call.tx_id, at=call.now_ms)
    world.save(item.nonce_key, record)
    return call.tx_id


async def accepted_act(world: World, _call: Call, request: AcceptedActRequest) -> ActRecord:
    """An accepted act by credential and nonce, for who lost its answer; 404 ``act/unknown-nonce``.

    An act that is too old to be sent again is looked up here.
    """
    key = keys.act(world.community, request.credential_id, request.nonce)
    return await world.load(key, ActRecord, "act/unknown-nonce")


HANDLERS: Final[Mapping[str, Handler]] = {
    "accepted_act": Handler(request=AcceptedActRequest, run=accepted_act),
}
