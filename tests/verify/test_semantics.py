"""Everybody colludes: orderers, clients and all peers sign what was changed. Only persons' keys are
their own. What was changed is found all the same, because it is worked out again."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from fabric_protos.msp import identities_pb2

from tests.verify.conftest import MADE_S_MAX, Made
from tests.verify.forger import Forger, Parts, blocks_of, take_apart
from tests.verify.mutations import Changer, is_contract
from tests.verify.verifier import Archive, verifier

pytestmark = [pytest.mark.fabric, pytest.mark.timeout(MADE_S_MAX)]

CLERK = "property/users/gateway"

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def archive(made: Made) -> Archive:
    return verifier.read_archive(made.town.read_bytes())


def calls(parts: Parts) -> set[str]:
    """The function, or the acts, of a transaction."""
    function = parts.args[0].decode()
    if function != "submit_acts":
        return {function}
    return {verifier.strict_json(verifier.b64(act.split(b".")[1]))["act"] for act in parts.args[2:]}


def places(archive: Archive, name: str, family: str = "") -> list[tuple[int, int]]:
    """The valid transactions that call `name` and write in a family."""
    found = []
    for number, block in enumerate(blocks_of(archive)):
        for index, data in enumerate(block.data.data):
            if is_contract(data) and not block.metadata.metadata[2][index]:
                parts = take_apart(data)
                families = {write.key.split("/")[1] for write in parts.writes}
                if name in calls(parts) and (not family or family in families):
                    found.append((number, index))
    assert found, f"{name} never writes {family}"
    return found


def found_after(
    archive: Archive, forger: Forger, place: tuple[int, int], change: Callable[[Parts], None]
) -> set[str]:
    """The codes that verification finds after the change."""
    number, index = place
    blocks = blocks_of(archive)
    envelope = blocks[number].data.data[index]
    blocks[number].data.data[index] = forger.changed(envelope, change)
    report = verifier.verify(forger.resealed(archive, blocks, number))
    return {finding.code for finding in report.findings}


def edited(parts: Parts, family: str, edit: Edit) -> None:
    """One written record of a family changed."""
    write = next(one for one in parts.writes if one.key.split("/")[1] == family and one.value)
    doc = json.loads(write.value)
    edit(doc)
    write.value = verifier.canonical(doc)


def more(path: str) -> Edit:
    """One more at a dotted path; numbers are places in lists."""
    *parents, last = path.split(".")

    def edit(doc: dict[str, Any]) -> None:
        part: Any = doc
        for name in parents:
            part = part[int(name) if name.isdecimal() else name]
        part[last] += 1

    return edit


def says(path: str, value: Any) -> Edit:
    """Another value at a dotted path."""
    *parents, last = path.split(".")

    def edit(doc: dict[str, Any]) -> None:
        part: Any = doc
        for name in parents:
            part = part[int(name) if name.isdecimal() else name]
        assert part[last] != value
        part[last] = value

    return edit


def moved(doc: dict[str, Any]) -> None:
    """One fen more in an entry that still balances."""
    for line in doc["lines"]:
        line["fen"] += 1 if line["fen"] > 0 else -1


RECORDS = {
    "an area unit more on the register": (
        "import_roll", "unit", more("area_dm2"), "unit/not-as-stated",
    ),
    "an area unit more on the frozen roll": (
        "publish_motion", "roll-entry", more("area_dm2"), "roll/entry",
    ),
    "another head on the roll": (
        "publish_motion", "roll-entry", says("head_id", "o9"), "roll/entry",
    ),
    "larger denominators": (
        "publish_motion", "motion", more("roll.totals.area_dm2"), "motion/totals",
    ),
    "an easier rule": (
        "publish_motion", "motion", says("publication.rule.passing.clauses.0.num", 0),
        "motion/other-rule",
    ),
    "another text": ("draft_motion", "motion", says("content.title", "x"), "record/not-as-asked"),
    "a key of somebody else's": (
        "issue_credential", "credential", says("public_key", "B" + 86 * "A"),
        "credential/not-as-attested",
    ),
    "another holder in a batch": (
        "issue_credentials", "credential", says("holder_id", "o9"), "credential/not-as-attested",
    ),
    "an old one that stays in force": (
        "issue_credentials", "holder", says("credential_id", "cred-o1"),
        "credential/not-as-attested",
    ),
    "another choice": ("cast_ballot", "ballot", says("choices", ["none"]), "ballot/not-derived"),
    "another voter": ("cast_ballot", "ballot", says("cast_by", "o9"), "ballot/not-derived"),
    "an earlier time": ("cast_ballot", "ballot", says("first_at", 1), "ballot/not-derived"),
    "another reading of paper": (
        "enter_paper", "paper", says("entries.0.content.spoiled", True), "paper/not-derived",
    ),
    "another hand count": (
        "record_hand_count", "hand-count", more("sheets_count"), "hand-count/not-derived",
    ),
    "a proxy for longer": ("grant_proxy", "proxy", more("until_at"), "proxy/not-derived"),
    "a served notice": ("record_service", "service", says("by", "o9"), "service/not-derived"),
    "a longer window": (
        "extend_motion", "motion", more("extensions.0.closes_at"), "motion/extension",
    ),
    "another tally": (
        "count_motion", "result", more("tally.participating.heads"), "result/differs",
    ),
    "another outcome": (
        "count_motion", "motion", says("counted.outcome", "inquorate"), "motion/counted",
    ),
    "another certificate": (
        "finalise_motion", "certificate", says("lapsed_count", 7), "certificate/differs",
    ),
    "a larger budget": ("apply_effect", "budget", more("amount_fen"), "budget/not-as-decided"),
    "a larger payment": (
        "request_payment", "payment", more("content.amount_fen"), "record/not-as-asked",
    ),
    "another payee": (
        "request_payment", "payment", says("content.payee_id", "me"), "record/not-as-asked",
    ),
    "an entry that moves more": ("answer_payment", "entry", moved, "entry/other-amount"),
    "an approval turned": (
        "answer_payment", "payment-approval", says("approvals.0.verdict", "reject"),
        "approval/not-signed",
    ),
    "a settlement of more": (
        "report_payment", "payment", more("settled_fen"), "payment/not-the-bank",
    ),
    "a return of more": (
        "report_payment", "payment", more("returned_fen"), "payment/not-the-bank",
    ),
    "a book of its own": ("report_payment", "book", more("free"), "fund/book-differs"),
    "a unit that has more": (
        "report_payment", "unit-account", more("balance_fen"), "unit-account/posting",
    ),
    "a unit that bears less": (
        "report_payment", "unit-shares", more("shares.0.fen"), "unit-shares/not-posted",
    ),
    "another line": ("record_statement", "bank-line", more("line.fen"), "statement/lines"),
    "another closing": (
        "record_statement", "bank-account", more("last_closing_fen"), "statement/closing",
    ),
    "a freeze of something else": (
        "set_freeze", "freeze", says("order.subject_id", "x"), "record/not-as-asked",
    ),
    "a support that was not": (
        "set_owners_freeze", "freeze", more("support.heads"), "freeze/support",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDS)
def test_a_changed_record_is_found(archive: Archive, forger: Forger, name: str) -> None:
    call, family, edit, code = RECORDS[name]
    place = places(archive, call, family)[-1]
    change = partial(edited, family=family, edit=edit)
    assert code in found_after(archive, forger, place, change)


def test_a_late_ballot_is_found(archive: Archive, forger: Forger) -> None:
    changer = Changer(archive, forger)
    change = partial(changer.make_late, rng=None)
    place = places(archive, "cast_ballot", "ballot")[0]
    assert "act/other-answer" in found_after(archive, forger, place, change)


def test_a_vote_closed_early_is_found(archive: Archive, forger: Forger) -> None:
    def hurry(parts: Parts) -> None:
        parts.header.timestamp.seconds -= 60

    place = places(archive, "close_motion", "motion")[0]
    assert "motion/closed-early" in found_after(archive, forger, place, hurry)


def test_an_altered_act_is_found(archive: Archive, forger: Forger) -> None:
    """The endorsers took an act that its owner did not sign like this."""

    def alter(parts: Parts) -> None:
        header, body, signature = parts.args[2].split(b".")
        words = verifier.b64(body).replace(b'"for"', b'"against"')
        spelled = json.dumps(json.loads(words)).encode()
        parts.args[2] = b".".join((header, b64(spelled), signature))

    place = places(archive, "cast_ballot", "ballot")[0]
    assert "act/other-answer" in found_after(archive, forger, place, alter)


def test_an_act_kept_back_is_found(archive: Archive, forger: Forger) -> None:
    """The endorsers refused a ballot that was in order."""

    def refuse(parts: Parts) -> None:
        told = json.loads(parts.action.response.payload)
        told["answers"][0] |= {"status": 409, "code": "ballot/superseded", "tx_id": ""}
        parts.action.response.payload = verifier.canonical(told)

    place = places(archive, "cast_ballot", "ballot")[0]
    assert "act/other-answer" in found_after(archive, forger, place, refuse)


def answers_changed(change: Callable[[list[dict[str, Any]]], None]) -> Callable[[Parts], None]:
    """What a batch answered is told otherwise."""

    def edit(parts: Parts) -> None:
        told = json.loads(parts.action.response.payload)
        change(told["answers"])
        parts.action.response.payload = verifier.canonical(told)

    return edit


def attestations_changed(change: Callable[[list[str]], None]) -> Callable[[Parts], None]:
    """What a batch asked for is told otherwise."""

    def edit(parts: Parts) -> None:
        asked = json.loads(parts.args[1])
        change(asked["attestations"])
        parts.args[1] = json.dumps(asked).encode()

    return edit


def refused(answers: list[dict[str, Any]]) -> None:
    answers[0] |= {"status": 403, "code": "attestation/forged", "tx_id": ""}


def accepted(answers: list[dict[str, Any]]) -> None:
    answers[2] |= {"status": 200, "code": "accepted", "tx_id": answers[0]["tx_id"]}


BATCHES = {
    "an answer dropped": (answers_changed(lambda told: told.pop()), "credential/answers"),
    "a credential kept back": (answers_changed(refused), "credential/other-answer"),
    "a refused one accepted": (answers_changed(accepted), "credential/other-answer"),
    "another reason": (
        answers_changed(lambda told: told[3].update(code="holder/not-seated")),
        "credential/other-answer",
    ),
    "another first time": (
        answers_changed(lambda told: told[1].update(tx_id="0" * 64)), "credential/other-answer",
    ),
    "another order": (
        attestations_changed(lambda asked: asked.insert(0, asked.pop(1))),
        "credential/not-as-attested",
    ),
    "an attestation swapped": (
        attestations_changed(lambda asked: asked.__setitem__(0, asked[3])),
        "credential/other-answer",
    ),
    "an attestation dropped": (attestations_changed(lambda asked: asked.pop()),
                               "credential/answers"),
}  # fmt: skip


@pytest.mark.parametrize("name", BATCHES)
def test_a_changed_batch_of_credentials_is_found(
    archive: Archive, forger: Forger, name: str
) -> None:
    change, code = BATCHES[name]
    place = places(archive, "issue_credentials", "credential")[-1]
    assert code in found_after(archive, forger, place, change)


def test_another_organisations_call_is_found(archive: Archive, forger: Forger) -> None:
    """The company imports a roll."""

    def usurp(parts: Parts) -> None:
        (company,) = (pem for pem, name in forger.names.items() if name == CLERK)
        named = identities_pb2.SerializedIdentity(mspid="PropertyMSP", id_bytes=company)
        parts.signature.creator = named.SerializeToString()

    place = places(archive, "import_roll", "unit")[0]
    assert "call/not-allowed" in found_after(archive, forger, place, usurp)


def test_a_ballot_that_did_not_read_the_motion_is_found(archive: Archive, forger: Forger) -> None:
    """It could not die when the motion closes."""

    def forget(parts: Parts) -> None:
        reads = parts.rwset["commonhold"].reads
        kept = [read for read in reads if read.key.split("/")[1] != "motion"]
        del reads[:]
        reads.extend(kept)

    place = places(archive, "cast_ballot", "ballot")[0]
    assert "ballot/motion-not-read" in found_after(archive, forger, place, forget)


def test_a_removed_endorsement_is_found(archive: Archive, forger: Forger) -> None:
    def alone(parts: Parts) -> None:
        del parts.endorsers[0]

    place = places(archive, "cast_ballot", "ballot")[0]
    assert "tx/code" in found_after(archive, forger, place, alone)


def test_two_endorsements_of_one_organisation_are_found(archive: Archive, forger: Forger) -> None:
    def double(parts: Parts) -> None:
        parts.endorsers[0] = parts.endorsers[1]

    place = places(archive, "cast_ballot", "ballot")[0]
    assert "tx/code" in found_after(archive, forger, place, double)


def test_a_conflict_marked_valid_is_found(archive: Archive, forger: Forger) -> None:
    """Late ballots that died by the peers' comparison, called back to life."""
    blocks = blocks_of(archive)
    number, index = next(
        (number, index)
        for number, block in enumerate(blocks)
        for index, mark in enumerate(block.metadata.metadata[2])
        if mark == verifier.Codes.MVCC_READ_CONFLICT
    )
    marks = bytearray(blocks[number].metadata.metadata[2])
    marks[index] = 0
    blocks[number].metadata.metadata[2] = bytes(marks)
    found = verifier.verify(forger.resealed(archive, blocks, number)).findings
    assert {finding.code for finding in found} == {"tx/code", "state/commit-hash"}


def b64(data: bytes) -> bytes:
    return (
        verifier.binascii.b2a_base64(data, newline=False)
        .rstrip(b"=")
        .translate(bytes.maketrans(b"+/", b"-_"))
    )
