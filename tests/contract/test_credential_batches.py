"""Many credentials in one transaction: each as if it had come alone, none spoiling another."""

import json
from typing import Any

import pytest

from chaincode.model.base import Org, Role
from chaincode.model.credential import ATTESTATION_TYP, ATTESTATIONS_PER_TRANSACTION_MAX
from tests.contract.test_credential_issuing import (
    ISSUE_FAULTS,
    NO_ATTESTATIONS,
    IssueScene,
    ann,
    asked_for,
)
from tests.support.determinism import assert_deterministic
from tests.support.faults import Fault
from tests.support.memory_ledger import FakeTransaction, ReadConflict
from tests.support.people import Person
from tests.support.town import HASH, Town, refusal, unit_row

ACCEPTED = (200, "accepted")
OF_THE_CALL = {"caller/org", "community/unknown"}
"""What is wrong with the transaction, whatever it carries."""


async def settled(town: Town) -> Town:
    """Ann and Ben own 1-1-101 together; Cy and Dee own one each."""
    await town.open()
    rows = [unit_row("1-1-102", "cy"), unit_row("1-1-103", "dee")]
    await town.add_units([unit_row("1-1-101", "ann", "ben"), *rows])
    return town


@pytest.fixture
async def town() -> Town:
    return await settled(Town())


async def batch(town: Town, *attestations: str) -> list[tuple[int, str]]:
    """Status and code of each attestation of an endorsed batch."""
    done = await town.done(Org.REGULATOR, "issue_credentials", attestations=attestations)
    return [(one["status"], one["code"]) for one in done["answers"]]


def attested(town: Town, holder_id: str, credential_id: str = "", **fields: Any) -> str:
    person = Person(holder_id, credential_id or f"cred-{holder_id}")
    return town.attested(person, Role.OWNER, **fields)


# --- As if each had come alone ---


async def test_a_batch_makes_what_single_calls_make() -> None:
    provider = Person("provider", "police-1")
    at_once, singly = [await settled(Town(provider=provider)) for _ in range(2)]
    asked = [attested(at_once, *who) for who in (("ann", "c1"), ("cy",), ("ann", "c2"), ("dee",))]
    assert await batch(at_once, *asked) == [ACCEPTED] * 4
    for jws in asked:
        await singly.done(Org.REGULATOR, "issue_credential", attestation=jws)
    assert without_transactions(at_once) == without_transactions(singly)
    assert issued(at_once) == issued(singly)


def without_transactions(town: Town) -> dict[str, Any]:
    """The state, but for which transaction recorded a credential."""
    found = {key: json.loads(value) for key, value in town.ledger.state().items()}
    for record in found.values():
        if "issued_tx" in record:
            assert record.pop("issued_tx")
    return found


def issued(town: Town) -> list[Any]:
    """Every event of an issue, in order."""
    told = [fact for _, _, payload in town.ledger.events for fact in json.loads(payload)]
    return [fact for fact in told if fact["event"] == "CredentialIssued"]


async def test_an_answer_names_attestation_and_transaction(town: Town) -> None:
    jws = [attested(town, "ann"), attested(town, "cy")]
    done = await town.done(Org.REGULATOR, "issue_credentials", attestations=jws)
    records = [await town.ask("credential", credential_id=f"cred-{who}") for who in ("ann", "cy")]
    assert done["answers"] == [
        {
            "sha256": record["attestation_sha256"],
            "status": 200,
            "code": "accepted",
            "details": {},
            "tx_id": record["issued_tx"],
        }
        for record in records
    ]


async def test_the_same_batch_again_gets_the_same_answers(town: Town) -> None:
    asked = {"attestations": [attested(town, "ann"), attested(town, "cy"), attested(town, "zed")]}
    first = await town.done(Org.REGULATOR, "issue_credentials", **asked)
    await town.done(Org.REGULATOR, "end_provider", provider_id="police-1")
    state = town.ledger.state()
    again = await town.done(Org.REGULATOR, "issue_credentials", **asked)
    assert again["answers"][:2] == first["answers"][:2]
    assert again["answers"][2]["code"] == "provider/not-active"
    assert (town.ledger.state(), len(issued(town))) == (state, 2)


async def test_each_office_issues_for_its_own_clerks(town: Town) -> None:
    jws = [town.attested(Person(f"b{n}", f"cred-b{n}"), Role.BANK_CLERK) for n in range(2)]
    done = await town.done(Org.BANK, "issue_credentials", attestations=jws)
    assert [one["code"] for one in done["answers"]] == ["accepted"] * 2


# --- What a later one sees ---


async def test_the_same_attestation_twice_is_one_credential(town: Town) -> None:
    jws = attested(town, "ann")
    assert await batch(town, jws, jws) == [ACCEPTED] * 2
    assert len(issued(town)) == 1


async def test_a_second_signature_over_one_attestation_is_the_same(town: Town) -> None:
    said = town.attestation(ann(), Role.OWNER)
    signed = [town.provider.sign(said, typ=ATTESTATION_TYP).decode() for _ in range(2)]
    assert await batch(town, *signed) == [ACCEPTED] * 2
    assert (await town.ask("credential", credential_id="cred-1"))["attestation"] == signed[0]


async def test_a_holder_twice_has_the_later_one(town: Town) -> None:
    await town.issue(ann(1))
    jws = [town.attested(ann(n), Role.OWNER) for n in (2, 3)]
    assert await batch(town, *jws) == [ACCEPTED] * 2
    found = (await town.ask("holder_credentials", holder_id="ann"))["credentials"]
    assert [(one["credential_id"], one["replaces"], one["replaced_by"]) for one in found] == [
        ("cred-3", "cred-2", None),
        ("cred-2", "cred-1", "cred-3"),
        ("cred-1", None, "cred-2"),
    ]


async def test_a_key_serves_one_of_a_batch(town: Town) -> None:
    one, other = Person("ann", "cred-ann"), Person("cy", "cred-cy")
    other.key = one.key
    jws = [town.attested(person, Role.OWNER) for person in (one, other)]
    assert await batch(town, *jws) == [ACCEPTED, (409, "credential/key-in-use")]


async def test_an_id_serves_one_of_a_batch(town: Town) -> None:
    jws = [attested(town, "ann", "cred-1"), attested(town, "cy", "cred-1")]
    taken = (409, "credential/exists-with-different-content")
    assert await batch(town, *jws) == [ACCEPTED, taken]
    assert (await town.ask("credential", credential_id="cred-1"))["holder_id"] == "ann"
    assert await town.ask("holder_credentials", holder_id="cy") == {"credentials": []}


async def test_a_key_of_a_refused_one_is_free(town: Town) -> None:
    refused, sound = Person("nobody", "cred-x"), Person("cy", "cred-cy")
    sound.key = refused.key
    jws = [town.attested(person, Role.OWNER) for person in (refused, sound)]
    assert await batch(town, *jws) == [(404, "holder/not-on-register"), ACCEPTED]


# --- What is refused ---


class BatchScene(IssueScene):
    """The faulty attestation stands between others, or alone."""

    around: tuple[str, ...] = ()

    def asked(self, jws: str) -> dict[str, Any]:
        return {"attestations": [*self.around[:1], jws, *self.around[1:]]}


@pytest.mark.parametrize("fault", ISSUE_FAULTS, ids=lambda fault: fault.code)
async def test_one_alone_is_refused_as_a_single_call_is(town: Town, fault: Fault) -> None:
    scene = BatchScene(town, Org.REGULATOR, "issue_credentials", asked_for(town))
    await fault.put(scene)
    before = town.ledger.state()
    assert refusal(await scene.call()) == (fault.status, fault.code)
    assert town.ledger.state() == before


@pytest.mark.parametrize(
    "fault",
    [one for one in ISSUE_FAULTS if one.code not in {*OF_THE_CALL, "provider/not-active"}],
    ids=lambda fault: fault.code,
)
async def test_a_refused_one_leaves_its_neighbours_alone(town: Town, fault: Fault) -> None:
    scene = BatchScene(town, Org.REGULATOR, "issue_credentials", asked_for(town))
    scene.around = (attested(town, "cy"), attested(town, "dee"))
    await fault.put(scene)
    before = set(town.ledger.state())
    outcome = await scene.call()
    answers = json.loads(outcome.payload)["answers"]
    told = [(one["status"], one["code"]) for one in answers]
    assert told == [ACCEPTED, (fault.status, fault.code), ACCEPTED]
    assert (answers[1]["tx_id"], "reason" in answers[1]["details"]) == ("", False)
    new = [key for key in town.ledger.state() if key not in before]
    kinds = sorted(key.split("/")[1] for key in new)
    assert kinds == ["credential"] * 2 + ["holder"] * 2 + ["public-key"] * 2


@pytest.mark.parametrize(("jws", "code"), NO_ATTESTATIONS)
async def test_an_unreadable_one_refuses_itself_only(town: Town, jws: str, code: str) -> None:
    assert await batch(town, jws, attested(town, "cy")) == [(400, code), ACCEPTED]


async def test_a_wholly_refused_batch_writes_nothing(town: Town) -> None:
    before, told = town.ledger.state(), list(town.ledger.events)
    stranger, forged = attested(town, "nobody"), Person("p", "police-1")
    jws = forged.sign(town.attestation(ann(), Role.OWNER), typ=ATTESTATION_TYP).decode()
    assert await batch(town, stranger, jws, "x") == [
        (404, "holder/not-on-register"),
        (403, "attestation/forged"),
        (400, "attestation/malformed"),
    ]
    assert (town.ledger.state(), town.ledger.events) == (before, told)


@pytest.mark.parametrize("count", [0, ATTESTATIONS_PER_TRANSACTION_MAX + 1])
async def test_a_batch_holds_one_to_100(town: Town, count: int) -> None:
    outcome = await town.call(Org.REGULATOR, "issue_credentials", attestations=["x"] * count)
    assert refusal(outcome) == (400, "input/malformed")


async def test_100_at_once_are_answered_each(town: Town) -> None:
    unreadable = ["x"] * (ATTESTATIONS_PER_TRANSACTION_MAX - 1)
    told = await batch(town, *unreadable, attested(town, "ann"))
    assert told == [(400, "attestation/malformed")] * len(unreadable) + [ACCEPTED]


@pytest.mark.parametrize("attestations", [None, "x", [1], {"0": "x"}])
async def test_what_is_no_batch(town: Town, attestations: Any) -> None:
    outcome = await town.call(Org.COMMITTEE, "issue_credentials", attestations=attestations)
    assert refusal(outcome) == (400, "input/malformed")


@pytest.mark.parametrize("org", [Org.COMMITTEE, Org.PLATFORM])
async def test_other_organisations_issue_nothing(town: Town, org: Org) -> None:
    asked = {"attestations": [attested(town, "ann"), "x"]}
    outcome = await town.call(org, "issue_credentials", **asked, community="nowhere")
    assert refusal(outcome) == (403, "caller/org")


async def test_another_office_gets_nobody_in_between(town: Town) -> None:
    await town.issue(Person("ann", "cred-ann"))
    jws = [town.attested(Person("ann", "c2"), Role.BANK_CLERK), attested(town, "cy")]
    done = await town.done(Org.BANK, "issue_credentials", attestations=jws)
    first, second = done["answers"]
    assert (first["code"], first["details"]) == ("holder/of-another-org", {"org": "regulator"})
    assert second["code"] == "credential/other-issuer"


# --- Reading and agreeing ---


async def test_what_is_read_costs_two_round_trips(town: Town) -> None:
    await town.issue(Person("ann", "cred-old"))
    asked: list[tuple[str, ...]] = []

    class Counted(FakeTransaction):
        async def get_many(self, keys: Any) -> list[bytes | None]:
            asked.append(tuple(keys))
            return await super().get_many(keys)

        async def get(self, key: str) -> bytes | None:
            assert (
                key in self.reads or any(key in one for one in asked) or key == "fuzemen/community"
            )
            return await super().get(key)

    plain = town.ledger.transaction(
        "RegulatorMSP",
        "issue_credentials",
        town.request(attestations=[attested(town, "ann"), attested(town, "cy")]),
    )
    fields = {name: getattr(plain, name) for name in FakeTransaction.__dataclass_fields__}
    assert (await town.ledger.contract().answer(Counted(**fields))).status == 200
    assert [len(one) for one in asked] == [1 + 2 + 1 + 2 + 2, 1]


async def test_batches_of_other_holders_do_not_conflict(town: Town) -> None:
    first, second, third = [
        await endorsed(town, jws)
        for jws in ([attested(town, "ann")], [attested(town, "cy")], [attested(town, "ann", "c2")])
    ]
    first.commit()
    second.commit()
    with pytest.raises(ReadConflict):
        third.commit()


async def endorsed(town: Town, attestations: list[str]) -> FakeTransaction:
    request = town.request(attestations=attestations)
    transaction = town.ledger.transaction("RegulatorMSP", "issue_credentials", request)
    assert (await town.ledger.contract().answer(transaction)).status == 200
    return transaction


async def test_endorsers_agree_on_a_batch(town: Town) -> None:
    await town.issue(ann(1))
    unread = town.provider.sign(b'{"at": "x"}', typ=ATTESTATION_TYP).decode()
    jws = [attested(town, "ann", "c2"), "x", unread, attested(town, "ann", "c3")]
    await batch(town, *jws, attested(town, "cy"), attested(town, "zed"), jws[0])
    sale = {"unit_id": "1-1-102", "version": 1, "at": town.ledger.now_ms, "evidence_sha256": HASH}
    owners = [{"owner_id": "zed", "num": 1, "den": 1}]
    await town.done(Org.REGULATOR, "transfer_unit", **sale, owners=owners)
    await batch(town, attested(town, "zed"), attested(town, "cy", "c9"))
    assert_deterministic(town.ledger)
