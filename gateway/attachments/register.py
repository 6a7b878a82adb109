"""Which files are kept and why: named on the ledger, or claimed by a draft for a while."""

from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.attachments.types import MIB
from gateway.database import Work
from gateway.errors import Problem
from gateway.projection.readmodel import ReadModel

CLAIM_MS: Final = 7 * 24 * 60 * 60 * 1000
"""How long a draft keeps a file that the ledger does not name yet."""
CLAIMS_MAX: Final = 50
"""Of one credential at a time."""
CLAIMED_BYTES_MAX: Final = 200 * MIB
GRACE_MS: Final = 24 * 60 * 60 * 1000
"""A file younger than this is never swept: the block that names it may still be on its way."""


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file in the store."""

    sha256: str
    media_type: str
    bytes_count: int


class Register:
    """The tables of attachments. Every call raises DatabaseUnavailable."""

    def __init__(self, model: ReadModel) -> None:
        self._model = model

    async def kinds(self, community: str, sha256: str) -> frozenset[str]:
        """The kinds of the community's records that name the file."""

        async def work(work: Work) -> frozenset[str]:
            rows = await work.rows(
                "SELECT DISTINCT key FROM named_hash WHERE community = $1 AND sha256 = $2",
                community,
                sha256,
            )
            return frozenset(row["key"].split("/")[1] for row in rows)

        return await self._model.run(work)

    async def media_type(self, sha256: str) -> str:
        """What the ledger says the file is; empty when it does not say."""

        async def work(work: Work) -> str:
            rows = await work.rows(
                "SELECT media_type FROM named_hash WHERE sha256 = $1 AND media_type <> '' LIMIT 1",
                sha256,
            )
            return str(rows[0]["media_type"]) if rows else ""

        return await self._model.run(work)

    async def find(self, sha256: str) -> Attachment | None:
        """The file, if it was stored."""

        async def work(work: Work) -> Attachment | None:
            rows = await work.rows("SELECT * FROM attachment WHERE sha256 = $1", sha256)
            if not rows:
                return None
            return Attachment(
                sha256=sha256,
                media_type=rows[0]["media_type"],
                bytes_count=rows[0]["bytes_count"],
            )

        return await self._model.run(work)

    async def has_claim(self, community: str, sha256: str, credential_id: str, now: int) -> bool:
        """Whether a draft of this credential keeps the file."""

        async def work(work: Work) -> bool:
            rows = await work.rows(
                "SELECT sha256 FROM attachment_claim WHERE community = $1 AND sha256 = $2 "
                "AND credential_id = $3 AND until_at > $4",
                community,
                sha256,
                credential_id,
                now,
            )
            return bool(rows)

        return await self._model.run(work)

    async def require_room(
        self, community: str, sha256: str, credential_id: str, bytes_count: int, now: int
    ) -> None:
        """Raises Problem 429 ``attachment/too-many-drafts`` when a claim would be refused."""

        async def work(work: Work) -> None:
            await _require_room(work, community, sha256, credential_id, bytes_count, now)

        await self._model.run(work)

    async def claim(
        self, community: str, sha256: str, credential_id: str, bytes_count: int, now: int
    ) -> None:
        """Keep a file for a draft. Raises Problem 429 ``attachment/too-many-drafts``."""

        async def work(work: Work) -> None:
            await _require_room(work, community, sha256, credential_id, bytes_count, now)
            await work.rows("DELETE FROM attachment_claim WHERE until_at <= $1", now)
            await work.rows(
                "INSERT INTO attachment_claim VALUES ($1, $2, $3, $4, $5) "
                "ON CONFLICT (community, sha256, credential_id) "
                "DO UPDATE SET until_at = excluded.until_at",
                community,
                sha256,
                credential_id,
                bytes_count,
                now + CLAIM_MS,
            )

        await self._model.run(work)

    async def add(self, attachment: Attachment, now: int) -> None:
        """Record that the store holds the file."""

        async def work(work: Work) -> None:
            await work.rows(
                "INSERT INTO attachment VALUES ($1, $2, $3, $4) ON CONFLICT (sha256) "
                "DO UPDATE SET media_type = excluded.media_type, stored_at = excluded.stored_at",
                attachment.sha256,
                attachment.media_type,
                attachment.bytes_count,
                now,
            )

        await self._model.run(work)

    async def remove(self, sha256: str) -> None:
        """Record that the store no longer holds the file."""

        async def work(work: Work) -> None:
            await work.rows("DELETE FROM attachment WHERE sha256 = $1", sha256)

        await self._model.run(work)

    async def is_needed(self, sha256: str, now: int) -> bool:
        """Whether the ledger names the file, a draft keeps it, or it is too young to tell."""

        async def work(work: Work) -> bool:
            rows = await work.rows(
                "SELECT 1 AS n FROM named_hash WHERE sha256 = $1 UNION ALL "
                "SELECT 1 FROM attachment_claim WHERE sha256 = $1 AND until_at > $2 UNION ALL "
                "SELECT 1 FROM attachment WHERE sha256 = $1 AND stored_at > $3",
                sha256,
                now,
                now - GRACE_MS,
            )
            return bool(rows)

        return await self._model.run(work)

    async def stored(self) -> Sequence[str]:
        """The hashes of all files that were stored."""

        async def work(work: Work) -> Sequence[str]:
            rows = await work.rows("SELECT sha256 FROM attachment ORDER BY sha256")
            return [row["sha256"] for row in rows]

        return await self._model.run(work)


async def _require_room(
    work: Work, community: str, sha256: str, credential_id: str, bytes_count: int, now: int
) -> None:
    rows = await work.rows(
        "SELECT count(*) AS n, coalesce(sum(bytes_count), 0) AS total FROM attachment_claim "
        "WHERE community = $1 AND credential_id = $2 AND sha256 <> $3 AND until_at > $4",
        community,
        credential_id,
        sha256,
        now,
    )
    if rows[0]["n"] >= CLAIMS_MAX or int(rows[0]["total"]) + bytes_count > CLAIMED_BYTES_MAX:
        raise Problem(429, "attachment/too-many-drafts", retry_after_s=CLAIM_MS // 1000)
