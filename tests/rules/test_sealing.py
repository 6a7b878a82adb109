"""The sealed ballot's bytes: masks, commitments, and who holds the keys."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincode.errors import Conflict, RuleForbids
from chaincode.model.ballot import KeyRelease
from chaincode.model.base import Org, changed
from chaincode.model.motion import (
    Closed,
    Content,
    Document,
    Drafted,
    Motion,
    Publication,
    TrusteeKey,
)
from chaincode.model.procedure import Initiator, Secrecy
from chaincode.rules import sealing
from chaincode.rules.calendar import iso_date
from chaincode.rules.motion import published
from chaincode.templates import load_templates

OPTIONS = ("a", "b", "c", "none-of-these", "abstain")
DOCUMENT = Document(sha256="0" * 64, bytes_count=1, media_type="text/plain")
KEYS = tuple(TrusteeKey(org=org, public_key="A" * 87) for org in sealing.TRUSTEES)


def sealed_motion() -> Motion:
    rule = changed(load_templates()["cn-278-ordinary"], secrecy=Secrecy.SEALED_THEN_NAMED)
    return Motion(
        motion_id="m1",
        content=Content(title="t", text=DOCUMENT, matter_class="ordinary"),
        drafted=Drafted(initiator=Initiator.REGULATOR, at=1, tx_id="t"),
        publication=Publication(
            rule=rule, notice=DOCUMENT, opens_at=2, closes_at=3, at=1, tx_id="t", trustees=KEYS
        ),
        closed=Closed(at=1_000, tx_id="t"),
    )


@given(st.sets(st.sampled_from(OPTIONS)))
def test_a_mask_is_its_choices(chosen: set[str]) -> None:
    ordered = tuple(option for option in OPTIONS if option in chosen)
    assert sealing.choices_of(OPTIONS, sealing.mask_of(OPTIONS, ordered)) == ordered


def test_a_bit_without_an_option_is_no_choice() -> None:
    assert sealing.choices_of(OPTIONS, 1 << len(OPTIONS)) is None


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**128 - 1))
def test_what_is_sealed_has_one_length(salt: bytes, mask: int) -> None:
    plain = sealing.Plain(salt=salt, mask=mask)
    data = sealing.to_bytes(plain)
    assert (len(data), sealing.from_bytes(data)) == (48, plain)
    assert sealing.read_base64url(sealing.write_base64url(data)) == data


def test_a_commitment_is_made_of_exactly_these_bytes() -> None:
    plain = sealing.Plain(salt=bytes(range(32)), mask=5)
    data = b"commonhold-sealed-ballot-v1\0m1\x001-1-1\0" + bytes(range(32)) + bytes(15) + b"\x05"
    assert sealing.commitment("m1", "1-1-1", plain) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("other", [("m2", "1-1-1"), ("m1", "1-1-2"), ("m11", "-1-1")])
def test_a_commitment_binds_motion_and_unit(other: tuple[str, str]) -> None:
    plain = sealing.Plain(salt=bytes(32), mask=1)
    assert sealing.commitment(*other, plain) != sealing.commitment("m1", "1-1-1", plain)


def test_only_a_trustee_has_a_key() -> None:
    motion = sealed_motion()
    assert sealing.trustee_key(motion, Org.REGULATOR).org is Org.REGULATOR
    with pytest.raises(RuleForbids, match="motion/not-a-trustee"):
        sealing.trustee_key(motion, Org.ARBITRATION)
    plain = changed(published(motion), rule=load_templates()["cn-278-ordinary"])
    with pytest.raises(RuleForbids, match="motion/not-sealed"):
        sealing.trustee_key(changed(motion, publication=plain), Org.REGULATOR)


def test_all_trustees_must_have_registered() -> None:
    assert sealing.require_trustees(KEYS[::-1]) == KEYS
    with pytest.raises(Conflict, match="motion/trustee-key-missing"):
        sealing.require_trustees(KEYS[:1])


def test_counting_waits_for_every_key_or_the_opening_window() -> None:
    motion = sealed_motion()
    end = 1_000 + sealing.OPENING_MS
    sealing.require_openable(motion, 2, 1_000)
    sealing.require_openable(motion, 0, end)
    for released in (0, 1):
        with pytest.raises(Conflict, match="motion/not-opened-yet"):
            sealing.require_openable(motion, released, end - 1)


def test_a_set_of_keys_is_full_or_none() -> None:
    key = KeyRelease(motion_id="m1", private_key="A" * 43, at=1, tx_id="t")
    assert sealing.full_set([key, key]) == ("A" * 43, "A" * 43)
    assert sealing.full_set([key, None]) is None
    assert sealing.full_set([]) is None


@pytest.mark.parametrize(
    ("at_ms", "day"),
    [
        (0, "1970-01-01"),
        (1_709_135_999_999, "2024-02-28"),
        (1_709_136_000_000, "2024-02-29"),
        (1_709_222_400_000, "2024-03-01"),
        (1_790_000_000_000, "2026-09-21"),
        (4_107_513_599_999, "2100-02-28"),
        (4_107_513_600_000, "2100-03-01"),
    ],
)
def test_a_day_begins_at_local_midnight(at_ms: int, day: str) -> None:
    assert iso_date(at_ms) == day
