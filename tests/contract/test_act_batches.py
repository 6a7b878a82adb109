"""Replays of acts, and batches: each act its own answer, none spoiling another."""

import json
from typing import Any

import pytest

from chaincode.contract.contract import CommonholdContract
from chaincode.contract.handlers import Handler
from chaincode.contract.registry import HANDLERS
from chaincode.contract.roll_messages import NameRepresentative
from chaincode.errors import Conflict
from chaincode.model.base import Org
from tests.support.act_attacks import ATTACKS, NONCE, co_owned_town, naming, twin
from tests.support.determinism import assert_deterministic
from tests.support.town import Town, refusal


@pytest.fixture
async def town() -> Town:
    return await co_owned_town()


# --- Replay ---


async def test_the_same_act_again_gets_its_first_answer(town: Town) -> None:
    act = naming(town)
    first = json.loads((await town.carry(act)).payload)
    state = town.ledger.state()
    again = json.loads((await town.carry(act, org=Org.BANK)).payload)
    assert again == first
    assert town.ledger.state() == state


async def test_the_high_s_twin_is_the_same_act(town: Town) -> None:
    act = naming(town)
    answers = json.loads((await town.carry(act, twin(act), act)).payload)["answers"]
    assert [one["code"] for one in answers] == ["accepted"] * 3
    assert len({(one["sha256"], one["tx_id"]) for one in answers}) == 1
    assert (await town.ask("unit", unit_id="1-1-101"))["version"] == 2


async def test_an_accepted_act_keeps_its_answer_after_revocation(town: Town) -> None:
    act = naming(town)
    first = json.loads((await town.carry(act)).payload)
    change = {"credential_id": "cred-ann", "reason": "died"}
    await town.done(Org.REGULATOR, "revoke_credential", **change)
    assert json.loads((await town.carry(act)).payload) == first


async def test_a_nonce_serves_one_content(town: Town) -> None:
    first = naming(town, nonce=NONCE)
    other = naming(town, nonce=NONCE, representative="ben")
    assert await town.answers(first) == [(200, "accepted")]
    assert refusal(await town.carry(other)) == (409, "act/nonce-used")


async def test_two_people_may_use_one_nonce(town: Town) -> None:
    acts = naming(town, nonce=NONCE), naming(town, "ben", nonce=NONCE)
    assert await town.answers(*acts) == [(200, "accepted")] * 2


async def test_a_refused_act_may_be_sent_again(town: Town) -> None:
    change = {"credential_id": "cred-ann", "reason": "under-inquiry"}
    await town.done(Org.REGULATOR, "suspend_credential", **change)
    act = naming(town)
    assert refusal(await town.carry(act)) == (403, "credential/suspended")
    await town.done(Org.REGULATOR, "resume_credential", **change)
    assert await town.answers(act) == [(200, "accepted")]


async def test_an_accepted_act_is_looked_up(town: Town) -> None:
    await town.carry(naming(town, nonce=NONCE))
    found = await town.ask("accepted_act", credential_id="cred-ann", nonce=NONCE)
    assert (found["act"], found["at"]) == ("name_representative", town.ledger.now_ms)
    assert found["tx_id"] == f"{town.ledger.transaction_count - 1:064x}"
    outcome = await town.query("accepted_act", credential_id="cred-ben", nonce=NONCE)
    assert refusal(outcome) == (404, "act/unknown-nonce")


# --- Batches ---


async def test_a_later_act_sees_an_earlier_one(town: Town) -> None:
    acts = naming(town), naming(town, "ben"), naming(town, "ann", representative=None)
    assert await town.answers(*acts) == [
        (200, "accepted"),
        (200, "accepted"),
        (409, "unit/named-lately"),
    ]
    assert (await town.ask("unit", unit_id="1-1-101"))["representative"] == "ann"


async def test_a_wholly_refused_batch_answers_each_and_writes_nothing(town: Town) -> None:
    before = town.ledger.state()
    acts = naming(town, representative="cleo"), naming(town, "cleo"), b"nonsense"
    assert await town.answers(*acts) == [
        (422, "unit/representative-not-owner"),
        (403, "caller/not-owner"),
        (400, "act/malformed"),
    ]
    assert town.ledger.state() == before


async def test_an_answer_holds_no_words_of_a_library(town: Town) -> None:
    outcome = await town.carry(naming(town), naming(town, weight=1))
    told = json.loads(outcome.payload)["answers"][1]
    assert (told["code"], told["details"]) == ("input/malformed", {})


@pytest.mark.parametrize(
    ("count", "code"), [(0, "acts/none"), (201, "acts/too-many"), (200, "act/malformed")]
)
async def test_a_batch_holds_one_to_200_acts(town: Town, count: int, code: str) -> None:
    outcome = await town.carry(*[b"x"] * count)
    if count == 200:
        answers = json.loads(outcome.payload)["answers"]
        assert [one["code"] for one in answers] == [code] * 200
    else:
        assert refusal(outcome) == (400, code)


@pytest.mark.parametrize("community", [b"", b"fu/zemen", "复泽门".encode(), b"a" * 65])
async def test_a_batch_names_its_community(town: Town, community: bytes) -> None:
    outcome = await town.ledger.submit("PropertyMSP", "submit_acts", community, naming(town))
    assert refusal(outcome) == (400, "input/bad-id")


async def test_a_batch_for_nowhere_is_refused(town: Town) -> None:
    outcome = await town.ledger.submit("PropertyMSP", "submit_acts", b"nowhere", naming(town))
    assert refusal(outcome) == (404, "community/unknown")


class Defect(RuntimeError):
    pass


async def broken(world: Any, _call: Any, _actor: Any, _body: Any) -> None:
    world.delete("fuzemen/unit/1-1-101")
    raise Defect


async def half_done(world: Any, _call: Any, _actor: Any, _body: Any) -> None:
    world.delete("fuzemen/unit/1-1-101")
    raise Conflict("unit/changed-meanwhile")


async def refusing_reads(_world: Any, _body: Any) -> tuple[str, ...]:
    raise Conflict("unit/changed-meanwhile")


def contract_with(town: Town, run: Any, reads: Any = None) -> CommonholdContract:
    handler = Handler(request=NameRepresentative, run=run, reads=reads)
    handlers = {**HANDLERS, "name_representative": handler}
    return CommonholdContract(lambda: town.ledger.now_ms, handlers)


async def test_a_defect_in_one_act_is_not_swallowed(town: Town) -> None:
    acts = b"fuzemen", naming(town), naming(town, "ben")
    transaction = town.ledger.transaction("PropertyMSP", "submit_acts", *acts)
    with pytest.raises(Defect):
        await contract_with(town, broken).answer(transaction)
    assert transaction.writes == {}


async def test_an_act_is_done_wholly_or_not_at_all(town: Town) -> None:
    acts = b"fuzemen", naming(town), naming(town, "ben")
    transaction = town.ledger.transaction("PropertyMSP", "submit_acts", *acts)
    outcome = await contract_with(town, half_done, refusing_reads).answer(transaction)
    codes = [one["code"] for one in json.loads(outcome.payload)["answers"]]
    assert codes == ["unit/changed-meanwhile"] * 2
    assert transaction.writes == {}


async def test_endorsers_agree_on_a_batch(town: Town) -> None:
    good = naming(town)
    acts = [make(town) for make, _, _ in ATTACKS.values()]
    await town.carry(good, *acts, naming(town, "ben"), twin(good))
    assert_deterministic(town.ledger)
