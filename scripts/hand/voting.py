"""Voting: plain where the motion's rule shows choices, sealed where it keeps them until the end.

A sealed choice is made here (chaincode/README.md, "Motions, ballots, results"): its salt stays in
the folder, with which the ballot can be opened should a trustee's key never come.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chaincode.errors import Refusal
from chaincode.model.motion import Motion, TrusteeKey
from chaincode.rules.ballot import options_of
from chaincode.rules.sealing import (
    IV_BYTES,
    KEY_BYTES,
    SALT_BYTES,
    Plain,
    commitment,
    context,
    is_sealed,
    mask_of,
    read_base64url,
    to_bytes,
    write_base64url,
)
from scripts.hand.errors import BadInput, HandError, NotKnown, Refused, Unreachable
from scripts.hand.folder import Folder, Opening
from scripts.hand.gateways import PASSING, Gateways
from scripts.hand.session import ELSEWHERE, Reader

EACH_S: Final = 5.0
"""For each gateway to show the motion; one that does not is left out."""


async def read_motion(folder: Folder, gateways: Gateways, motion_id: str) -> Motion:
    """A published motion, as every gateway that answers shows it.

    A gateway alone could show trustees' keys of its own and read what is sealed for them; so two
    that differ are not believed (NotKnown). Raises BadInput, Refused, Unreachable.
    """
    found: list[Motion] = []
    last: HandError = Unreachable("no gateway was asked")
    for address in gateways.addresses:
        try:
            one = gateways.only(address, patience_s=EACH_S)
            view = await Reader(folder, one).read(f"/motions/{motion_id}")
            found.append(msgspec.convert(view["motion"], type=Motion))
        except Unreachable as error:
            last = error
        except Refused as refused:
            if refused.status not in PASSING and refused.code not in ELSEWHERE:
                raise
            last = refused
        except (msgspec.ValidationError, KeyError, TypeError):
            raise NotKnown(f"{address} answers what no gateway would") from None
    if not found:
        raise last
    if any(_seal_terms(one) != _seal_terms(found[0]) for one in found):
        raise NotKnown(f"the gateways do not agree on how {motion_id} is sealed; nothing was sent")
    if found[0].publication is None:
        raise BadInput(f"no notice of {motion_id} was given yet")
    return found[0]


def ballot_fields(
    motion: Motion, unit_ids: Sequence[str], choices: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Opening]]:
    """The fields of `cast_ballot`, and what opens them where they are sealed.

    Raises BadInput for a choice that is no option: sealed, nobody could count it.
    """
    assert motion.publication is not None, "read_motion sees to it"
    options = _options(motion)
    strange = [choice for choice in choices if choice not in options]
    if strange or not choices:
        raise BadInput(f"{motion.motion_id} is answered with {', '.join(options)}")
    fields: dict[str, Any] = {"motion_id": motion.motion_id, "unit_ids": list(unit_ids)}
    if not is_sealed(motion.publication):
        return {**fields, "choices": list(choices)}, {}
    salts = {unit: secrets.token_bytes(SALT_BYTES) for unit in unit_ids}
    mask, trustees = mask_of(options, choices), motion.publication.trustees
    sealed = [
        _sealed(motion.motion_id, unit, Plain(salt=salt, mask=mask), trustees)
        for unit, salt in salts.items()
    ]
    openings = {
        unit: Opening(salt=write_base64url(salt), choices=tuple(choices))
        for unit, salt in salts.items()
    }
    return {**fields, "sealed": sealed}, openings


def opening_fields(
    fields: Mapping[str, Any], openings: Mapping[str, Opening]
) -> list[dict[str, Any]]:
    """The fields of `open_ballot`, one for each unit of a sealed ballot. Raises BadInput."""
    if not openings:
        raise BadInput("this act sealed no choice")
    return [
        {
            "motion_id": fields["motion_id"],
            "unit_id": unit,
            "salt": opening.salt,
            "choices": list(opening.choices),
        }
        for unit, opening in openings.items()
    ]


def _options(motion: Motion) -> tuple[str, ...]:
    try:
        return options_of(motion)
    except Refusal as refusal:
        raise BadInput(f"{motion.motion_id} cannot be answered: {refusal.code}") from None


def _seal_terms(motion: Motion) -> object:
    """What a choice is sealed by."""
    publication = motion.publication
    if publication is None:
        return None
    return (is_sealed(publication), publication.trustees, _options(motion))


def _sealed(
    motion_id: str, unit_id: str, plain: Plain, trustees: Sequence[TrusteeKey]
) -> dict[str, str]:
    """One choice, readable with the keys of all trustees together."""
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    point = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    secret = b"".join(ephemeral.exchange(ec.ECDH(), _key_of(one)) for one in trustees)
    length = KEY_BYTES + IV_BYTES
    derivation = HKDF(hashes.SHA256(), length, salt=point, info=context(motion_id, unit_id))
    derived = derivation.derive(secret)
    committed = commitment(motion_id, unit_id, plain)
    ciphertext = AESGCM(derived[:KEY_BYTES]).encrypt(
        derived[KEY_BYTES:], to_bytes(plain), bytes.fromhex(committed)
    )
    return {
        "commitment": committed,
        "ephemeral_key": write_base64url(point),
        "ciphertext": write_base64url(ciphertext),
    }


def _key_of(trustee: TrusteeKey) -> ec.EllipticCurvePublicKey:
    point = read_base64url(trustee.public_key)
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
