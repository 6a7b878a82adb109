"""The verifier decides each attestation as the contract did, and believes no other answer."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from chaincode.contract.contract import Outcome
from chaincode.model.base import Org, Role
from chaincode.model.credential import ATTESTATION_TYP
from tests.contract.test_credential_batches import BatchScene, attested, settled
from tests.contract.test_credential_issuing import ISSUE_FAULTS, NO_ATTESTATIONS, asked_for
from tests.support.faults import Fault
from tests.support.memory_ledger import FakeLedger
from tests.support.people import Person
from tests.support.town import YEAR_MS, Town, unit_row
from tests.verify.verifier import verifier

OF_THE_CALL = {"caller/org", "community/unknown", "provider/not-active"}


def told_as_it_was(_: Any) -> None:
    pass


@dataclass
class WatchedLedger(FakeLedger):
    """Has the verifier judge every transaction, after `tell` has changed what was answered."""

    judge: Any = field(default=None, repr=False)
    tell: Callable[[Any], object] = told_as_it_was

    def __post_init__(self) -> None:
        self.report = verifier.Report(self.channel_id)
        self.judge = verifier.Judge(self.report, self.channel_id)

    async def submit(self, msp_id: str, function: str, *args: bytes) -> Outcome:
        outcome = await super().submit(msp_id, function, *args)
        if outcome.status < 400:
            tx_id = f"{self.transaction_count:064x}"
            writes = {
                key: one.value
                for key, history in self.histories.items()
                for one in history
                if one.tx_id == tx_id
            }
            answer = json.loads(outcome.payload)
            self.tell(answer)
            self.judge.take(
                SimpleNamespace(
                    place=function,
                    tx_id=tx_id,
                    at=self.now_ms,
                    msp_id=msp_id,
                    args=(function.encode(), *args),
                    payload=json.dumps(answer).encode(),
                    chaincode="commonhold",
                    writes_of=lambda _: writes,
                    reads_of=lambda _: set(),
                )
            )
        return outcome

    @property
    def found(self) -> set[str]:
        return {finding.code for finding in self.report.findings}


@dataclass
class WatchedTown(Town):
    """A town that the verifier watches."""

    ledger: WatchedLedger = field(default_factory=WatchedLedger)


@pytest.fixture
async def town() -> WatchedTown:
    watched = WatchedTown()
    await settled(watched)
    return watched


async def batch(town: Town, *attestations: str, org: Org = Org.REGULATOR) -> Any:
    done = await town.done(org, "issue_credentials", attestations=attestations)
    return [one["code"] for one in done["answers"]]


@pytest.mark.parametrize(
    "fault",
    [one for one in ISSUE_FAULTS if one.code not in OF_THE_CALL],
    ids=lambda fault: fault.code,
)
async def test_a_refused_one_is_found_to_be_so(town: WatchedTown, fault: Fault) -> None:
    scene = BatchScene(town, Org.REGULATOR, "issue_credentials", asked_for(town))
    scene.around = (attested(town, "cy"), attested(town, "dee"))
    await fault.put(scene)
    assert (await scene.call()).status == 200
    assert town.ledger.found == set()
    assert town.ledger.report.counts["attestations"] >= 3


@pytest.mark.parametrize(("jws", "code"), NO_ATTESTATIONS)
async def test_what_cannot_be_read_is_found_to_be_so(
    town: WatchedTown, jws: str, code: str
) -> None:
    said = town.attestation(Person("ann", "c1"), Role.OWNER)
    wrong = [
        {**said, "at": "1"}, {**said, "at": True}, {**said, "more": 1}, {**said, "role": "king"},
        {**said, "holder_id": "a b"}, {**said, "company_id": ""}, {**said, "channel": 1},
        {**said, "at": -1}, {name: said[name] for name in said if name != "at"}, ["x"],
    ]  # fmt: skip
    bodies = [json.dumps(one).encode() for one in wrong]
    bodies.append(bodies[0].replace(b'"at"', b'"channel": "x", "at"'))
    signed = [town.provider.sign(body, typ=ATTESTATION_TYP).decode() for body in bodies]
    told = await batch(town, jws, attested(town, "cy"), *signed)
    assert (told[0], told[1]) == (code, "accepted")
    assert all(one.startswith("input/") for one in told[2:])
    assert town.ledger.found == set()


async def test_what_went_before_is_known(town: WatchedTown) -> None:
    """Replaced in the batch and before it, again, keys and ids twice, other offices, members."""
    await town.issue(Person("ann", "c1"))
    await town.add_units([unit_row("1-1-104", "eve")])
    await town.seat(["ann", "ben", "cy", "dee", "eve"])
    other = Person("cy", "c9")
    twin = Person("dee", "c8", key=other.key)
    jws = [
        attested(town, "ann", "c2"),
        attested(town, "ann", "c3"),
        *(town.attested(one, Role.OWNER) for one in (other, twin)),
        attested(town, "dee", "c3"),
        town.attested(Person("ann", "c4"), Role.COMMITTEE_MEMBER),
        town.attested(
            Person("ann", "c5"), Role.COMMITTEE_MEMBER,
            valid_until_at=town.ledger.now_ms + YEAR_MS + 1,
        ),
        town.attested(Person("zed", "c6"), Role.COMMITTEE_MEMBER),
    ]  # fmt: skip
    assert await batch(town, *jws, jws[0]) == [
        *("accepted", "accepted", "accepted", "credential/key-in-use"),
        *("credential/exists-with-different-content", "accepted", "credential/beyond-term"),
        *("holder/not-seated", "accepted"),
    ]
    bank = town.attested(Person("ann", "c7"), Role.BANK_CLERK)
    await batch(town, bank, town.attested(Person("b", "cb"), Role.BANK_CLERK), org=Org.BANK)
    named = {"provider_id": "p2", "public_key": town.provider.public_key}
    await town.done(Org.REGULATOR, "register_provider", **named, evidence_sha256="0" * 64)
    said = town.attestation(Person("dee", "cd"), Role.OWNER)
    early = town.provider.sign(said, typ=ATTESTATION_TYP, kid="p2").decode()
    assert await batch(town, early, jws[0]) == ["provider/not-confirmed", "accepted"]
    await town.done(Org.REGULATOR, "end_provider", provider_id="police-1")
    assert await batch(town, jws[0], attested(town, "dee")) == ["accepted", "provider/not-active"]
    assert town.ledger.found == set()


CHANGES = {
    "refused": {"status": 403, "code": "attestation/forged", "tx_id": ""},
    "unreadable": {"status": 400, "code": "attestation/malformed", "tx_id": "", "sha256": ""},
    "another attestation": {"sha256": "0" * 64},
    "another transaction": {"tx_id": "0" * 64},
    "another status": {"status": 202},
}


@pytest.mark.parametrize("name", CHANGES)
async def test_another_answer_is_found(town: WatchedTown, name: str) -> None:
    town.ledger.tell = lambda answer: answer["answers"][0].update(CHANGES[name])
    await batch(town, attested(town, "ann"), "x")
    assert town.ledger.found == {"credential/other-answer"}


@pytest.mark.parametrize("field", ["attestation_sha256", "issued_tx"])
async def test_another_answer_to_a_single_call_is_found(town: WatchedTown, field: str) -> None:
    town.ledger.tell = lambda answer: answer.update({field: "0" * 64})
    await town.issue(Person("ann", "c1"))
    assert town.ledger.found == {"credential/other-answer"}


@pytest.mark.parametrize(
    "change",
    [
        {"status": 200, "code": "accepted"},
        {"code": "holder/not-seated"},
        {"status": 403},
        {"tx_id": "0" * 64},
    ],
)
async def test_another_refusal_is_found(town: WatchedTown, change: Any) -> None:
    town.ledger.tell = lambda answer: answer["answers"][1].update(change)
    await batch(town, attested(town, "ann"), attested(town, "nobody"))
    assert town.ledger.found == {"credential/other-answer"}


@pytest.mark.parametrize(
    "change",
    [lambda told: told.pop(), lambda told: told.append(told[0]), lambda told: told.clear()],
)
async def test_an_answer_too_few_or_too_many_is_found(town: WatchedTown, change: Any) -> None:
    town.ledger.tell = lambda answer: change(answer["answers"])
    await batch(town, attested(town, "ann"), "x")
    assert town.ledger.found == {"credential/answers"}


async def test_a_lone_refusal_is_never_endorsed(town: WatchedTown) -> None:
    town.ledger.tell = lambda answer: answer["answers"][0].update(CHANGES["refused"])
    await batch(town, attested(town, "ann"))
    assert "credential/other-answer" in town.ledger.found
