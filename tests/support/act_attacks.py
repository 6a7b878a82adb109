"""Attacks on signed acts: how each is made, and the refusal it must meet."""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc import jws
from joserfc.jwk import ECKey, OctKey

from chaincode.acts import ACT_TYP
from chaincode.model.act import ACT_AGE_MS_MAX, ACT_AHEAD_MS_MAX, ACT_BYTES_MAX
from tests.support.people import Person, b64
from tests.support.town import Town, unit_row

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
NONCE = "a" * 32


async def co_owned_town() -> Town:
    """Ann and Ben own 1-1-101 together, Cleo and Dan 1-1-102; all four have credentials."""
    town = await Town().open()
    await town.add_units([unit_row("1-1-101", "ann", "ben"), unit_row("1-1-102", "cleo", "dan")])
    for holder in ("ann", "ben", "cleo", "dan"):
        await town.owner(holder)
    return town


def naming(town: Town, holder: str = "ann", **fields: Any) -> bytes:
    fields = {"unit_id": "1-1-101", "representative": "ann", **fields}
    return town.act(town.people[holder], "name_representative", **fields)


def payload(town: Town, **fields: Any) -> dict[str, Any]:
    return {
        "act": "name_representative",
        "channel": town.ledger.channel_id,
        "community": town.community,
        "nonce": NONCE,
        "at": town.ledger.now_ms,
        "unit_id": "1-1-101",
        "representative": "ann",
        **fields,
    }


def twin(act: bytes) -> bytes:
    """The same act with the other half of the curve's order in its signature."""
    head, body, signature = act.split(b".")
    raw = base64.urlsafe_b64decode(signature + b"==")
    s = P256_ORDER - int.from_bytes(raw[32:], "big")
    return b".".join((head, body, b64(raw[:32] + s.to_bytes(32, "big")).encode()))


def with_header(town: Town, header: dict[str, Any] | bytes) -> bytes:
    """An act whose header joserfc would not make, honestly signed over those bytes."""
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    signing_input = f"{b64(head)}.{b64(json.dumps(payload(town)).encode())}".encode()
    return signing_input + b"." + b64(sign_raw(town.people["ann"], signing_input)).encode()


def sign_raw(person: Person, signing_input: bytes) -> bytes:
    key = person.key.private_key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    r, s = decode_dss_signature(key.sign(signing_input, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


HEADER = {"alg": "ES256", "typ": ACT_TYP, "kid": "cred-ann"}


def altered(act: bytes, part: int, change: Any) -> bytes:
    """The act with one part replaced by what ``change`` makes of its decoded bytes."""
    parts = act.split(b".")
    decoded = base64.urlsafe_b64decode(parts[part] + b"=" * (-len(parts[part]) % 4))
    parts[part] = b64(change(decoded)).encode()
    return b".".join(parts)


def hs256(town: Town) -> bytes:
    """Signed with the public key as a shared secret."""
    key = OctKey.import_key(base64.urlsafe_b64decode(town.people["ann"].public_key + "=="))
    return jws.serialize_compact(
        {**HEADER, "alg": "HS256"}, json.dumps(payload(town)), key
    ).encode()


def es384(town: Town) -> bytes:
    key = ECKey.generate_key("P-384")
    registry = jws.JWSRegistry(algorithms=["ES384"])
    header = {**HEADER, "alg": "ES384"}
    body = json.dumps(payload(town))
    return jws.serialize_compact(header, body, key, registry=registry).encode()


def padded(town: Town) -> bytes:
    head, body, signature = naming(town).split(b".")
    return b".".join((head + b"=" * (-len(head) % 4 or 4), body, signature))


def loose_bits(town: Town) -> bytes:
    """The signature's 64 bytes leave 4 spare bits in its last letter; set one of them."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    act = naming(town).decode()
    return (act[:-1] + alphabet[alphabet.index(act[-1]) + 1]).encode()


def twice(town: Town, field: bytes) -> bytes:
    body = json.dumps(payload(town)).encode()
    return town.people["ann"].sign(body[:-1] + b", " + field + b"}")


ATTACKS: dict[str, tuple[Any, int, str]] = {
    "signed with another key": (
        lambda t: Person("ann", "cred-ann").sign(payload(t)),
        403,
        "act/forged",
    ),
    "another's credential": (
        lambda t: t.people["ben"].sign(payload(t), kid="cred-ann"),
        403,
        "act/forged",
    ),
    "altered payload": (
        lambda t: altered(naming(t), 1, lambda b: b.replace(b'"ann"', b'"ben"')),
        403,
        "act/forged",
    ),
    "altered header": (
        lambda t: altered(naming(t), 0, lambda b: b.replace(b"cred-ann", b"cred-ben")),
        403,
        "act/forged",
    ),
    "signature of zeros": (
        lambda t: altered(naming(t), 2, lambda _: bytes(64)),
        403,
        "act/forged",
    ),
    "signature too short": (
        lambda t: altered(naming(t), 2, lambda b: b[:63]),
        400,
        "act/malformed",
    ),
    "signature in DER": (
        lambda t: altered(naming(t), 2, lambda b: b"\x30\x45" + b),
        400,
        "act/malformed",
    ),
    "other channel": (lambda t: naming(t, channel="other"), 400, "act/other-channel"),
    "other community": (lambda t: naming(t, community="other"), 400, "act/other-community"),
    "from the future": (
        lambda t: naming(t, at=t.ledger.now_ms + ACT_AHEAD_MS_MAX + 1),
        400,
        "act/from-the-future",
    ),
    "too old": (lambda t: naming(t, at=t.ledger.now_ms - ACT_AGE_MS_MAX - 1), 400, "act/too-old"),
    "unknown credential": (
        lambda t: t.people["ann"].sign(payload(t), kid="cred-nobody"),
        403,
        "credential/unknown",
    ),
    "unknown act": (lambda t: t.act(t.people["ann"], "rule_the_world"), 400, "act/unknown"),
    "a transaction as an act": (
        lambda t: t.act(t.people["ann"], "import_roll"),
        400,
        "act/unknown",
    ),
    "a query as an act": (lambda t: t.act(t.people["ann"], "unit"), 400, "act/unknown"),
    "unknown field": (lambda t: naming(t, weight=1000), 400, "input/malformed"),
    "missing field": (
        lambda t: t.act(t.people["ann"], "name_representative", unit_id="1-1-101"),
        400,
        "input/malformed",
    ),
    "time as a float": (lambda t: naming(t, at=float(t.ledger.now_ms)), 400, "input/malformed"),
    "short nonce": (lambda t: naming(t, nonce="ab"), 400, "input/malformed"),
    "nonce in capitals": (lambda t: naming(t, nonce="A" * 32), 400, "input/malformed"),
    "field twice": (lambda t: twice(t, b'"representative":"ben"'), 400, "input/duplicate-field"),
    "field twice, once escaped": (
        lambda t: twice(t, b'"representa\\u0074ive":"ben"'),
        400,
        "input/duplicate-field",
    ),
    "payload no JSON": (lambda t: t.people["ann"].sign(b"hello"), 400, "input/malformed"),
    "payload a list": (lambda t: t.people["ann"].sign(b"[]"), 400, "input/malformed"),
    "nested beyond reason": (
        lambda t: twice(t, b'"x":' + b"[" * 20_000 + b"]" * 20_000),
        400,
        "input/malformed",
    ),
    "number of 5,000 digits": (
        lambda t: twice(t, b'"x":' + b"9" * 5_000),
        400,
        "input/malformed",
    ),
    "algorithm none": (lambda t: with_header(t, {**HEADER, "alg": "none"}), 400, "act/algorithm"),
    "algorithm none, unsigned": (
        lambda t: with_header(t, {**HEADER, "alg": "none"}).rpartition(b".")[0] + b".",
        400,
        "act/algorithm",
    ),
    "algorithm HS256": (hs256, 400, "act/algorithm"),
    "algorithm ES384": (es384, 400, "act/algorithm"),
    "algorithm in small letters": (
        lambda t: with_header(t, {**HEADER, "alg": "es256"}),
        400,
        "act/algorithm",
    ),
    "wrong type": (lambda t: with_header(t, {**HEADER, "typ": "JWT"}), 400, "act/type"),
    "an attestation as an act": (
        lambda t: with_header(t, {**HEADER, "typ": "commonhold-attestation+jws"}),
        400,
        "act/type",
    ),
    "header field crit": (
        lambda t: with_header(t, {**HEADER, "crit": ["b64"], "b64": False}),
        400,
        "input/malformed",
    ),
    "header field jwk": (
        lambda t: with_header(t, {**HEADER, "jwk": t.people["ben"].key.as_dict(private=False)}),
        400,
        "input/malformed",
    ),
    "header without kid": (
        lambda t: with_header(t, {"alg": "ES256", "typ": ACT_TYP}),
        400,
        "input/malformed",
    ),
    "header without typ": (
        lambda t: with_header(t, {"alg": "ES256", "kid": "cred-ann"}),
        400,
        "input/malformed",
    ),
    "kid that is no id": (
        lambda t: with_header(t, {**HEADER, "kid": "../cred-ann"}),
        400,
        "input/malformed",
    ),
    "kid twice": (
        lambda t: with_header(t, json.dumps(HEADER).encode()[:-1] + b', "kid": "cred-ben"}'),
        400,
        "input/duplicate-field",
    ),
    "padding": (padded, 400, "act/malformed"),
    "spare bits set": (loose_bits, 400, "act/malformed"),
    "plain base64 letters": (
        lambda t: with_header(t, json.dumps({**HEADER, "kid": "~~~???"}).encode()).replace(
            b"_", b"/"
        ),
        400,
        "act/malformed",
    ),
    "line feed": (lambda t: naming(t) + b"\n", 400, "act/malformed"),
    "two parts": (lambda t: naming(t).rpartition(b".")[0], 400, "act/malformed"),
    "four parts": (lambda t: naming(t) + b".e30", 400, "act/malformed"),
    "empty": (lambda _t: b"", 400, "act/malformed"),
    "not ASCII": (lambda _t: "业主.业主.业主".encode(), 400, "act/malformed"),
    "oversize": (lambda _t: b"a" * (ACT_BYTES_MAX + 1), 400, "act/oversize"),
}
