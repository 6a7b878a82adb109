"""Who is logged in: challenges that are good once, and sessions that end soon.

Of a token only its hash is kept: who reads this database can act as nobody.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from chaincode.model.base import Role
from chaincode.model.credential import Credential
from gateway.database import Database, Row, Work

CHALLENGE_MS: Final = 2 * 60 * 1000
SEEN_MS: Final = 60 * 1000
"""How precisely it is noted when a session was last used."""
TOKEN_BYTES: Final = 32

SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS challenge (nonce TEXT PRIMARY KEY, community TEXT NOT NULL,"
    " credential_id TEXT NOT NULL, until_at BIGINT NOT NULL, used_at BIGINT)",
    "CREATE INDEX IF NOT EXISTS challenge_end ON challenge (until_at)",
    "CREATE TABLE IF NOT EXISTS session (token_sha256 TEXT PRIMARY KEY, kind TEXT NOT NULL,"
    " community TEXT NOT NULL, credential_id TEXT NOT NULL, holder_id TEXT NOT NULL,"
    " role TEXT NOT NULL, made_at BIGINT NOT NULL, seen_at BIGINT NOT NULL,"
    " until_at BIGINT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS session_end ON session (until_at)",
    "CREATE INDEX IF NOT EXISTS session_credential ON session (community, credential_id)",
)


class Kind(StrEnum):
    """How a session's token travels; one kind is not taken for the other."""

    COOKIE = "cookie"
    BEARER = "bearer"


class Spent(StrEnum):
    """What became of spending a challenge."""

    DONE = "done"
    UNKNOWN = "unknown"
    OVER = "over"
    USED = "used"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who is logged in."""

    kind: Kind
    community: str
    credential_id: str
    holder_id: str
    role: Role
    until_at: int


class Sessions:
    """The tables of one organisation's gateway. Raises DatabaseUnavailable."""

    def __init__(
        self, database: Database, clock_ms: Callable[[], int], *, session_ms: int, idle_ms: int
    ) -> None:
        self._database = database
        self._clock_ms = clock_ms
        self._session_ms = session_ms
        self._idle_ms = idle_ms

    async def challenge(self, community: str, credential_id: str) -> tuple[str, int]:
        """A new nonce for one credential, and when it ends."""
        nonce = secrets.token_hex(16)
        now_ms = self._clock_ms()

        async def add(work: Work) -> None:
            await work.rows(
                "INSERT INTO challenge (nonce, community, credential_id, until_at)"
                " VALUES ($1, $2, $3, $4)",
                *(nonce, community, credential_id, now_ms + CHALLENGE_MS),
            )

        await self._database.run(add)
        return nonce, now_ms + CHALLENGE_MS

    async def spend(self, nonce: str, community: str, credential_id: str) -> Spent:
        """Use a challenge up; of many at once one is DONE."""
        now_ms = self._clock_ms()

        async def spend(work: Work) -> Spent:
            rows = await work.rows("SELECT * FROM challenge WHERE nonce = $1", nonce)
            if not rows or not _is_for(rows[0], community, credential_id):
                return Spent.UNKNOWN
            if rows[0]["used_at"] is not None:
                return Spent.USED
            if now_ms >= rows[0]["until_at"]:
                return Spent.OVER
            await work.rows("UPDATE challenge SET used_at = $2 WHERE nonce = $1", nonce, now_ms)
            return Spent.DONE

        return await self._database.run(spend)

    async def open(self, credential: Credential, community: str, kind: Kind) -> tuple[str, Session]:
        """A session and its token, which nobody can be told again."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        now_ms = self._clock_ms()
        lasts_ms = self._session_ms if kind is Kind.COOKIE else self._idle_ms
        session = Session(
            kind=kind,
            community=community,
            credential_id=credential.credential_id,
            holder_id=credential.holder_id,
            role=credential.role,
            until_at=min(now_ms + lasts_ms, credential.valid_until_at),
        )

        async def add(work: Work) -> None:
            await work.rows(
                "INSERT INTO session (token_sha256, kind, community, credential_id, holder_id,"
                " role, made_at, seen_at, until_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                *(_sha256(token), kind.value, community, session.credential_id),
                *(session.holder_id, session.role.value, now_ms, now_ms, session.until_at),
            )

        await self._database.run(add)
        return token, session

    async def find(self, token: str, kind: Kind) -> Session | None:
        """The session of a token, unless it is over or was idle too long."""
        now_ms = self._clock_ms()
        token_sha256 = _sha256(token)

        async def find(work: Work) -> Session | None:
            rows = await work.rows("SELECT * FROM session WHERE token_sha256 = $1", token_sha256)
            if not rows or rows[0]["kind"] != kind:
                return None
            row = rows[0]
            if now_ms >= row["until_at"] or now_ms >= row["seen_at"] + self._idle_ms:
                await work.rows("DELETE FROM session WHERE token_sha256 = $1", token_sha256)
                return None
            if now_ms >= row["seen_at"] + SEEN_MS:
                await work.rows(
                    "UPDATE session SET seen_at = $2 WHERE token_sha256 = $1", token_sha256, now_ms
                )
            return _session(row)

        return await self._database.run(find)

    async def prune(self) -> None:
        """Delete what is over. Not done along with anything else: in PostgreSQL, serialisable
        work that deletes a range comes second to every row that is added meanwhile."""
        now_ms = self._clock_ms()

        async def prune(work: Work) -> None:
            await work.rows("DELETE FROM challenge WHERE until_at < $1", now_ms - CHALLENGE_MS)
            await work.rows("DELETE FROM session WHERE until_at < $1", now_ms)

        await self._database.run(prune)

    async def close(self, token: str) -> None:
        """End one session; ending it twice is harmless."""

        async def close(work: Work) -> None:
            await work.rows("DELETE FROM session WHERE token_sha256 = $1", _sha256(token))

        await self._database.run(close)

    async def close_all(self, community: str, credential_id: str) -> None:
        """End every session of a credential, as when it is revoked or replaced."""

        async def close(work: Work) -> None:
            await work.rows(
                "DELETE FROM session WHERE community = $1 AND credential_id = $2",
                *(community, credential_id),
            )

        await self._database.run(close)


def csrf_token(token: str) -> str:
    """What a page must send along with a cookie; who cannot read the cookie cannot make it."""
    return hmac.new(token.encode(), b"commonhold-csrf", hashlib.sha256).hexdigest()


def _is_for(row: Row, community: str, credential_id: str) -> bool:
    return (row["community"], row["credential_id"]) == (community, credential_id)


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _session(row: Row) -> Session:
    return Session(
        kind=Kind(row["kind"]),
        community=str(row["community"]),
        credential_id=str(row["credential_id"]),
        holder_id=str(row["holder_id"]),
        role=Role(row["role"]),
        until_at=int(row["until_at"]),
    )
