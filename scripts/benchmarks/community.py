"""A community made for a benchmark: a roll, owners with keys, motions that open at once.

Every step is the organisations' own transaction through their gateways, as in real life; only the
rule's shortest periods are zero, so that nobody has to wait for weeks.
"""

import asyncio
import base64
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chaincode import codec
from chaincode.acts import ACT_TYP
from chaincode.model.credential import ATTESTATION_TYP
from chaincode.templates import load_templates
from gateway.fabric.backoff import retry_conflicts
from scripts.benchmarks.running import CHANNEL, Way

TEMPLATE = "cn-278-ordinary"
PERIODS = ("notice_ms", "candidate_notice_ms", "window_min_ms", "objection_ms")
P256_ORDER = int("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
CREDENTIALS_AT_ONCE = 50
LEAD_MS = 3_000
"""From a notice to the opening: longer than the transaction takes."""
YEAR_MS = 365 * 24 * 60 * 60 * 1000
DIGEST = "0" * 64
DOCUMENT = {"sha256": DIGEST, "bytes_count": 1, "media_type": "application/pdf"}


def now_ms() -> int:
    """UTC, milliseconds."""
    return time.time_ns() // 1_000_000


def b64(data: bytes) -> str:
    """Base64url without padding (RFC 7515, appendix C)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Signer:
    """Somebody with a key: an owner by credential, or the identity provider."""

    kid: str
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def public_key(self) -> str:
        """The uncompressed point."""
        point = self.key.public_key()
        return b64(point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    def sign(self, payload: Mapping[str, Any], typ: str) -> bytes:
        """A compact JWS, ES256 with the lower s."""
        header = {"alg": "ES256", "typ": typ, "kid": self.kid}
        signed = ".".join(b64(json.dumps(part).encode()) for part in (header, payload))
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        low = min(s, P256_ORDER - s)
        return f"{signed}.{b64(r.to_bytes(32, 'big') + low.to_bytes(32, 'big'))}".encode()


@dataclass(slots=True)
class Community:
    """The community of the benchmark's channel; `ways` by org, `owners` by unit."""

    ways: Mapping[str, Way]
    owners: dict[str, Signer] = field(default_factory=dict)

    async def settle(self, count: int) -> None:
        """Open it with that many units of one owner each, credentials and a rule."""
        provider = Signer("provider-1")
        named = {"provider_id": provider.kid, "public_key": provider.public_key}
        await self.submit("regulator", "open_community", modules=["voting"])
        await self.submit("regulator", "register_provider", **named, evidence_sha256=DIGEST)
        await self.submit("bank", "confirm_provider", **named)
        self.owners = {_unit_id(number): Signer(f"cred-{number}") for number in range(count)}
        rows = [_row(unit) for unit in self.owners]
        await self.submit("regulator", "import_roll", units=rows, evidence_sha256=DIGEST)
        await self.submit("regulator", "set_matter_rule", rule=_rule())
        await self._issue_all(provider)

    async def open_motion(self, motion_id: str, window_ms: int) -> int:
        """A motion that is open for ballots; answers when it ends."""
        content = {"title": "Repair the gate", "text": DOCUMENT, "matter_class": "ordinary"}
        await self.submit(
            "regulator", "draft_official_motion", motion_id=motion_id, content=content
        )
        opens_at = now_ms() + LEAD_MS
        await self.submit(
            "regulator",
            "publish_motion",
            motion_id=motion_id,
            notice=DOCUMENT,
            opens_at=opens_at,
            closes_at=opens_at + window_ms,
        )
        await reach(opens_at)
        return opens_at + window_ms

    def ballots(self, motion_id: str, units: Sequence[str]) -> list[bytes]:
        """A signed ballot of each unit."""
        place = {"channel": CHANNEL, "community": CHANNEL, "at": now_ms()}
        return [
            self.owners[unit].sign(
                {
                    "act": "cast_ballot",
                    **place,
                    "nonce": os.urandom(16).hex(),
                    "motion_id": motion_id,
                    "unit_ids": [unit],
                    "choices": ["for"],
                },
                ACT_TYP,
            )
            for unit in units
        ]

    async def submit(self, org: str, function: str, **fields: Any) -> None:
        """An organisation's own transaction, until every peer has it: the next one builds on it."""
        tx_id = await self._send(org, function, fields)
        commits = (way.channel.commit(tx_id) for way in self.ways.values())
        await asyncio.gather(*(commit.status() for commit in commits))

    async def _send(self, org: str, function: str, fields: Mapping[str, Any]) -> str:
        way = self.ways[org]
        request = json.dumps({"community": CHANNEL, **fields}).encode()
        committed = await retry_conflicts(
            lambda: way.contract.submit(function, request, follower=way.follower)
        )
        return committed.tx_id

    async def _issue_all(self, provider: Signer) -> None:
        left = iter(self.owners.items())

        async def work() -> None:
            for unit_id, owner in left:
                await self._issue(provider, unit_id, owner)

        await asyncio.gather(*(work() for _ in range(CREDENTIALS_AT_ONCE)))

    async def _issue(self, provider: Signer, unit_id: str, owner: Signer) -> None:
        at = now_ms()
        said = {
            "channel": CHANNEL,
            "community": CHANNEL,
            "credential_id": owner.kid,
            "holder_id": _owner_id(unit_id),
            "role": "owner",
            "public_key": owner.public_key,
            **dict.fromkeys(
                ("certificate_sha256", "device_sha256", "account_sha256", "evidence_sha256"), DIGEST
            ),
            "valid_from_at": at,
            "valid_until_at": at + YEAR_MS,
            "at": at,
        }
        jws = provider.sign(said, ATTESTATION_TYP).decode()
        await self._send("regulator", "issue_credential", {"attestation": jws})


async def reach(at_ms: int) -> None:
    """Wait until it is that late."""
    await asyncio.sleep(max(0, at_ms - now_ms()) / 1000)


def _unit_id(number: int) -> str:
    return f"{number // 100 + 1}-{number % 100 // 25 + 1}-{number % 25 + 1}"


def _owner_id(unit_id: str) -> str:
    return f"owner-{unit_id}"


def _row(unit_id: str) -> dict[str, Any]:
    building, entrance, _ = unit_id.split("-")
    return {
        "unit_id": unit_id,
        "building": building,
        "entrance": f"{building}-{entrance}",
        "area_dm2": 10_000,
        "area_source": "registered",
        "owners": [{"owner_id": _owner_id(unit_id), "num": 1, "den": 1}],
    }


def _rule() -> dict[str, Any]:
    """A rule that ships, without review steps, paper and shortest periods."""
    rule: dict[str, Any] = json.loads(codec.encode(load_templates()[TEMPLATE]))
    rule["authority"] = {**rule.get("authority", {}), "approvals_before_open": []}
    rule["channels"] = {**rule.get("channels", {}), "paper": False}
    rule["times"] = {**rule.get("times", {}), **dict.fromkeys(PERIODS, 0)}
    return rule
