"""Many signed acts in one Fabric transaction, each with its own answer.

One bad act never spoils its neighbours: what it wrote is taken back, and its answer says why. A
later act of a batch sees what an earlier one wrote.
"""

import json
from collections.abc import Mapping, Sequence

from chaincode import acts, codec, keys
from chaincode.access import BY_NAME, Access, Kind, require_role
from chaincode.contract.communities import require_module
from chaincode.contract.handlers import Actor, Call, Handler
from chaincode.errors import BadInput, Conflict, NotAllowed, Refusal, RuleForbids
from chaincode.model.act import ACCEPTED, ActRecord, Answer, Answers
from chaincode.model.base import Record
from chaincode.model.credential import Credential, Standing, standing
from chaincode.world import World

OK = 200


class _Readable(Record):
    """An act whose form is right: what it asks is known, who asks is not yet."""

    act: acts.SignedAct
    row: Access
    handler: Handler
    body: acts.ActBody


async def submit_acts(
    world: World, call: Call, jws_list: Sequence[bytes], handlers: Mapping[str, Handler]
) -> Answers:
    """Apply acts in order and answer each.

    A transaction that would change nothing is not endorsed: when every act is refused, so is the
    whole. Raises BadInput ``acts/too-many``; the refusal itself when a single act is refused;
    RuleForbids ``acts/none-accepted`` with all the answers when each of several is.
    """
    if len(jws_list) > acts.ACTS_PER_TRANSACTION_MAX:
        raise BadInput("acts/too-many", count_max=acts.ACTS_PER_TRANSACTION_MAX)
    readable = [_read(world, call, jws, handlers) for jws in jws_list]
    await _prefetch(world, [item for item in readable if isinstance(item, _Readable)])
    results = [await _try(world, call, item) for item in readable]
    answers = tuple(_answer(*pair) for pair in zip(readable, results, strict=True))
    if all(isinstance(result, Refusal) for result in results):
        _refuse_all(answers, results)
    return Answers(answers=answers)


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
    return _Readable(act=act, row=row, handler=handler, body=body)


async def _prefetch(world: World, readable: Sequence[_Readable]) -> None:
    """Two round trips for a whole batch: who acts, then what each act is about."""
    wanted = [keys.community(world.community)]
    for item in readable:
        wanted += [_credential_key(world, item.act), _nonce_key(world, item.act)]
    await world.prefetch(wanted)
    wanted = []
    for item in readable:
        if item.handler.reads is not None:
            wanted += await item.handler.reads(world, item.body)
    await world.prefetch(wanted)


async def _try(world: World, call: Call, item: _Readable | Refusal) -> str | Refusal:
    if isinstance(item, Refusal):
        return item
    try:
        with world.all_or_nothing():
            return await _apply(world, call, item)
    except Refusal as refusal:
        return refusal


async def _apply(world: World, call: Call, item: _Readable) -> str:
    """Verify and carry out one act; gives the id of the transaction that first accepted it."""
    credential = await world.find(_credential_key(world, item.act), Credential)
    if credential is None:
        raise NotAllowed("credential/unknown")
    acts.require_signature(item.act, credential.public_key)
    earlier = await world.find(_nonce_key(world, item.act), ActRecord)
    if earlier is not None:
        return _same_answer(item.act, earlier)
    state = standing(credential, call.now_ms)
    if state is not Standing.ACTIVE:
        raise NotAllowed(f"credential/{state}")
    require_role(item.row, credential.role)
    await require_module(world, item.row)
    actor = Actor(credential=credential, act_sha256=item.act.sha256, signed_at=item.act.head.at)
    await item.handler.run(world, call, actor, item.body)
    record = ActRecord(act=item.row.name, sha256=item.act.sha256, tx_id=call.tx_id, at=call.now_ms)
    world.save(_nonce_key(world, item.act), record)
    return call.tx_id


def _same_answer(act: acts.SignedAct, earlier: ActRecord) -> str:
    """The same act again gets its first answer; another act under its nonce is refused."""
    if earlier.sha256 != act.sha256:
        raise Conflict("act/nonce-used")
    return earlier.tx_id


def _answer(item: _Readable | Refusal, result: str | Refusal) -> Answer:
    sha256 = item.act.sha256 if isinstance(item, _Readable) else ""
    if isinstance(result, Refusal):
        return Answer(
            sha256=sha256,
            status=result.status,
            code=result.code,
            details=result.details,
            tx_id="",
        )
    return Answer(sha256=sha256, status=OK, code=ACCEPTED, details={}, tx_id=result)


def _refuse_all(answers: Sequence[Answer], results: Sequence[str | Refusal]) -> None:
    first = results[0]
    if len(results) == 1 and isinstance(first, Refusal):
        raise first
    told = [[answer.status, answer.code, answer.details] for answer in answers]
    raise RuleForbids("acts/none-accepted", answers=json.dumps(told, sort_keys=True))


def _credential_key(world: World, act: acts.SignedAct) -> str:
    return keys.credential(world.community, act.credential_id)


def _nonce_key(world: World, act: acts.SignedAct) -> str:
    return keys.act(world.community, act.credential_id, act.head.nonce)
