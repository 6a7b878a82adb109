"""A generated community on a real network: units, owners with keys, a motion open for ballots.

Every owner has one unit of their own. Keys are made here and never leave the process.
"""

import asyncio
import base64
import hashlib
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chaincode import codec
from chaincode.acts import ACT_TYP
from chaincode.model.act import ACCEPTED
from chaincode.model.base import Org, Role
from chaincode.model.credential import ATTESTATION_TYP, ATTESTATIONS_PER_TRANSACTION_MAX
from chaincode.templates import load_templates

BATCHES_AT_ONCE = 4
"""Transactions with credentials on their way at the same time."""
UNITS_PER_BUILDING = 100
AREA_DM2 = 9_740
YEAR_MS = 365 * 24 * 60 * 60 * 1000
EVIDENCE_SHA256 = hashlib.sha256(b"generated").hexdigest()
DOCUMENT = {"sha256": EVIDENCE_SHA256, "bytes_count": 1_200, "media_type": "application/pdf"}
PROVIDER_ID = "provider-1"

State = Callable[[Org, str, dict[str, Any]], Awaitable[Any]]
"""States a fact for an organisation, function and fields; gives the contract's answer."""


def now_ms() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000


async def reach(at_ms: int) -> None:
    """Wait until it is that late (UTC milliseconds)."""
    await asyncio.sleep(max(0, at_ms - now_ms()) / 1000)


class Signer:
    """A P-256 key that signs as a phone does."""

    def __init__(self, key_id: str) -> None:
        self.key_id = key_id
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> str:
        """As records hold it: uncompressed point, base64url."""
        point = self._key.public_key()
        return _base64url(point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    def sign(self, payload: Mapping[str, Any], typ: str) -> bytes:
        """A compact JWS (RFC 7515, ES256)."""
        header = {"alg": "ES256", "typ": typ, "kid": self.key_id}
        parts = [_base64url(json.dumps(part, separators=(",", ":")).encode())
                 for part in (header, payload)]  # fmt: skip
        signing_input = ".".join(parts)
        r, s = decode_dss_signature(
            self._key.sign(signing_input.encode(), ec.ECDSA(hashes.SHA256()))
        )
        signature = _base64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        return f"{signing_input}.{signature}".encode()


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner of one unit."""

    holder_id: str
    unit_id: str
    signer: Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class Electorate:
    """A community and its owners; `state` makes the organisations' transactions."""

    channel: str
    community: str
    owners: Sequence[Owner]
    provider: Signer

    @classmethod
    def generate(cls, channel: str, community: str, count: int) -> "Electorate":
        """So many owners, each of one unit."""
        owners = []
        for number in range(count):
            building, place = divmod(number, UNITS_PER_BUILDING)
            signer = Signer(f"cred-{number}")
            owners.append(Owner(f"owner-{number}", f"{building + 1}-1-{place + 1}", signer))
        provider = Signer(PROVIDER_ID)
        return cls(channel=channel, community=community, owners=owners, provider=provider)

    async def settle(self, state: State) -> None:
        """Open the community and put everything on the ledger that casting needs."""
        regulator = Org.REGULATOR
        await state(regulator, "open_community", {"modules": ["voting"]})
        named = {"provider_id": PROVIDER_ID, "public_key": self.provider.public_key}
        evidence = {"evidence_sha256": EVIDENCE_SHA256}
        await state(regulator, "register_provider", named | evidence)
        await state(Org.BANK, "confirm_provider", named)
        units = [self._unit(owner) for owner in self.owners]
        await state(regulator, "import_roll", {"units": units, **evidence})
        await state(regulator, "set_matter_rule", {"rule": _rule()})
        await self._issue_all(state)

    async def _issue_all(self, state: State) -> None:
        slots = asyncio.Semaphore(BATCHES_AT_ONCE)

        async def issue(owners: Sequence[Owner]) -> None:
            async with slots:
                asked = {"attestations": [self._attest(owner) for owner in owners]}
                told = await state(Org.REGULATOR, "issue_credentials", asked)
            codes = {answer["code"] for answer in told["answers"]}
            if codes != {ACCEPTED}:
                raise RuntimeError(f"credentials were refused: {sorted(codes)}")

        size = ATTESTATIONS_PER_TRANSACTION_MAX
        async with asyncio.TaskGroup() as group:
            for at in range(0, len(self.owners), size):
                group.create_task(issue(self.owners[at : at + size]))

    async def open_motion(
        self, state: State, motion_id: str, *, opens_in_ms: int, window_ms: int
    ) -> int:
        """Draft and publish; gives when the window opens (UTC ms)."""
        content = {"title": "Repair the gate", "text": DOCUMENT, "matter_class": "ordinary"}
        draft = {"motion_id": motion_id, "content": content}
        await state(Org.REGULATOR, "draft_official_motion", draft)
        opens_at = now_ms() + opens_in_ms
        notice = {
            "motion_id": motion_id,
            "notice": DOCUMENT,
            "opens_at": opens_at,
            "closes_at": opens_at + window_ms,
        }
        await state(Org.REGULATOR, "publish_motion", notice)
        return opens_at

    def ballot(self, owner: Owner, motion_id: str, choice: str = "for") -> bytes:
        """A signed ballot for the owner's unit."""
        payload = {
            "act": "cast_ballot",
            "channel": self.channel,
            "community": self.community,
            "nonce": secrets.token_hex(16),
            "at": now_ms(),
            "motion_id": motion_id,
            "unit_ids": [owner.unit_id],
            "choices": [choice],
        }
        return owner.signer.sign(payload, ACT_TYP)

    def _unit(self, owner: Owner) -> dict[str, Any]:
        building = owner.unit_id.split("-")[0]
        return {
            "unit_id": owner.unit_id,
            "building": building,
            "entrance": f"{building}-1",
            "area_dm2": AREA_DM2,
            "area_source": "registered",
            "owners": [{"owner_id": owner.holder_id, "num": 1, "den": 1}],
        }

    def _attest(self, owner: Owner) -> str:
        at = now_ms()
        said = {
            "channel": self.channel,
            "community": self.community,
            "credential_id": owner.signer.key_id,
            "holder_id": owner.holder_id,
            "role": Role.OWNER,
            "public_key": owner.signer.public_key,
            "certificate_sha256": EVIDENCE_SHA256,
            "device_sha256": EVIDENCE_SHA256,
            "account_sha256": EVIDENCE_SHA256,
            "evidence_sha256": EVIDENCE_SHA256,
            "valid_from_at": at,
            "valid_until_at": at + YEAR_MS,
            "at": at,
        }
        return self.provider.sign(said, ATTESTATION_TYP).decode()


def _rule() -> dict[str, Any]:
    """The ordinary rule of Civil Code Art. 278 without the waits that a benchmark cannot keep."""
    rule: dict[str, Any] = json.loads(codec.encode(load_templates()["cn-278-ordinary"]))
    rule["authority"]["approvals_before_open"] = []
    rule["channels"]["paper"] = False
    rule["times"] = {}
    return rule


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
