"""What refuses a credential, in the order of the checks."""

import json
from typing import Any

import pytest

from chaincode.model.base import Org, Role
from chaincode.model.credential import (
    ATTESTATION_AGE_MS_MAX,
    ATTESTATION_AHEAD_MS_MAX,
    ATTESTATION_BYTES_MAX,
    ATTESTATION_TYP,
    CREDENTIAL_MS_MAX,
)
from tests.support.faults import Fault, Put, Scene, assert_first_answers, by, pairs, says
from tests.support.people import Person, b64
from tests.support.town import Town, refusal, unit_row

P384 = "BDL3T" + "A" * 125


@pytest.fixture
async def town() -> Town:
    """Ann and Ben own 1-1-101 together."""
    town = await Town().open()
    rows = [unit_row(f"2-1-10{n}", f"member-{n}") for n in range(4)]
    await town.add_units([unit_row("1-1-101", "ann", "ben"), *rows])
    return town


async def issue(town: Town, person: Person, role: Role = Role.OWNER, **fields: Any) -> Any:
    jws = town.attested(person, role, **fields)
    return await town.call(Org.REGULATOR, "issue_credential", attestation=jws)


def ann(number: int = 1) -> Person:
    return Person("ann", f"cred-{number}")


# --- Refusals of issuing, in order ---


def attests(**fields: Any) -> Put:
    """A fault in what is attested; the provider signs it."""

    async def put(scene: Scene) -> None:
        scene.request["said"].update(fields)

    return put


def signed_by(provider_id: str, *, key: Person | None = None) -> Put:
    async def put(scene: Scene) -> None:
        scene.request["provider"] = (provider_id, key)

    return put


def role(role: Role, holder_id: str = "ann") -> Put:
    return attests(role=role, holder_id=holder_id)


async def ended_provider(scene: Scene) -> None:
    """The provider had been admitted and attests no more."""
    await scene.town.done(Org.REGULATOR, "end_provider", provider_id="police-1")


def issued_before(number: int, same_key: bool) -> Put:
    """Ann has a credential: with this id, or with this key."""

    async def put(scene: Scene) -> None:
        person = Person("ann", f"cred-{number}")
        if same_key:
            person.key = scene.request["person"].key
        await scene.town.issue(person)

    return put


class IssueScene(Scene):
    async def call(self) -> Any:
        provider_id, key = self.request["provider"]
        signer = key or self.town.provider
        header = {"typ": ATTESTATION_TYP, "kid": provider_id}
        jws = signer.sign(self.request["said"], **header).decode()
        fields = {name: self.request[name] for name in ("community",) if name in self.request}
        return await self.town.call(self.org, self.function, **self.asked(jws), **fields)

    def asked(self, jws: str) -> dict[str, Any]:
        """How the call hands the attestation over."""
        return {"attestation": jws}


NOW = 1_790_000_000_000
ISSUE_FAULTS = [
    Fault(400, "input/malformed", attests(device_sha256="x")),
    Fault(400, "credential/bad-key", attests(public_key=P384)),
    Fault(400, "credential/bad-dates", attests(valid_until_at=NOW, valid_from_at=NOW)),
    Fault(403, "caller/org", by(Org.COMMITTEE)),
    Fault(404, "community/unknown", says(community="nowhere")),
    Fault(403, "credential/other-issuer", role(Role.COMPANY_CLERK)),
    Fault(403, "attestation/other-channel", attests(channel="other")),
    Fault(403, "attestation/other-community", attests(community="other")),
    Fault(403, "provider/unknown", signed_by("nobody")),
    Fault(403, "attestation/forged", signed_by("police-1", key=Person("x", "y"))),
    Fault(403, "provider/not-active", ended_provider),
    Fault(404, "holder/not-on-register", attests(holder_id="nobody")),
    Fault(409, "credential/exists-with-different-content", issued_before(1, same_key=False)),
    Fault(409, "credential/key-in-use", issued_before(7, same_key=True)),
    Fault(422, "attestation/from-the-future", attests(at=NOW + ATTESTATION_AHEAD_MS_MAX + 1)),
    Fault(422, "attestation/too-old", attests(at=NOW - ATTESTATION_AGE_MS_MAX - 1)),
    Fault(422, "credential/validity-over", attests(valid_from_at=1, valid_until_at=NOW)),
    Fault(422, "credential/valid-too-long", attests(valid_until_at=NOW + CREDENTIAL_MS_MAX + 1)),
]
# An attestation cannot be of the future and too old.
APART = [("attestation/from-the-future", "attestation/too-old")]


@pytest.mark.parametrize(
    ("first", "second"),
    [(one, two) for one, two in pairs(ISSUE_FAULTS) if (one.code, two and two.code) not in APART],
)
async def test_issue_refuses_in_order(town: Town, first: Fault, second: Fault | None) -> None:
    scene = IssueScene(town, Org.REGULATOR, "issue_credential", asked_for(town))
    await assert_first_answers(scene, first, second)


def asked_for(town: Town) -> dict[str, Any]:
    """What a scene starts from: Ann's first credential."""
    person = ann()
    said = town.attestation(person, Role.OWNER)
    return {"said": said, "person": person, "provider": ("police-1", None)}


NO_ATTESTATIONS = [
    ("", "attestation/malformed"),
    ("a.b", "attestation/malformed"),
    ("业主.b.c", "attestation/malformed"),
    ("a" * (ATTESTATION_BYTES_MAX + 1), "attestation/oversize"),
    (f"{b64(b'{}')}.e30.AA", "input/malformed"),
]


@pytest.mark.parametrize(("jws", "code"), NO_ATTESTATIONS)
async def test_what_is_no_attestation(town: Town, jws: str, code: str) -> None:
    outcome = await town.call(Org.REGULATOR, "issue_credential", attestation=jws)
    assert refusal(outcome) == (400, code)


async def test_an_act_is_no_attestation(town: Town) -> None:
    act = town.provider.sign(town.attestation(ann(), Role.OWNER)).decode()
    outcome = await town.call(Org.REGULATOR, "issue_credential", attestation=act)
    assert refusal(outcome) == (400, "attestation/type")
    header = f'{{"alg":"ES384","typ":"{ATTESTATION_TYP}","kid":"police-1"}}'.encode()
    outcome = await town.call(
        Org.REGULATOR, "issue_credential", attestation=f"{b64(header)}.e30.AA"
    )
    assert refusal(outcome) == (400, "attestation/algorithm")


async def test_a_field_named_twice_is_refused(town: Town) -> None:
    said = json.dumps(town.attestation(ann(), Role.OWNER)).encode()
    twice = said[:-1] + b', "holder_id": "ben"}'
    jws = town.provider.sign(twice, typ=ATTESTATION_TYP).decode()
    outcome = await town.call(Org.REGULATOR, "issue_credential", attestation=jws)
    assert refusal(outcome) == (400, "input/duplicate-field")


def off_curve(person: Person) -> str:
    """A point of the right form that is not on P-256."""
    return b64(b"\x04" + bytes(31) + b"\x01" + bytes(31) + b"\x01")


@pytest.mark.parametrize(
    "key", [off_curve(ann()), b64(b"\x02" + bytes(32)), b64(bytes(65)), "A" * 86, "*", "", "业主"]
)
async def test_keys_that_are_no_p256_points(town: Town, key: str) -> None:
    outcome = await issue(town, ann(), public_key=key)
    assert refusal(outcome) == (400, "credential/bad-key")
