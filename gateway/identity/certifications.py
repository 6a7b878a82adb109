"""The records of certifications: what was asked, which steps passed, how far issuing is.

A row is its own outbox: `issue` moves a certification to ISSUING in the unit of work that notes
the last step, and `issuing` carries on from whatever columns are filled. What is personal is
sealed under the person's key (`vault`), so that erasing them takes it along.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from chaincode.model.base import Id, Role, Sha256
from gateway.database import Row, Work
from gateway.errors import Problem
from gateway.identity.bindings import Salt
from gateway.identity.flows import Flow, next_step
from gateway.identity.protocol import Outcome, Phone, Step, StepAnswer
from gateway.identity.seal import SealBroken
from gateway.identity.vault import SALT_BYTES, Vault

CERTIFICATION_MS_MAX: Final = 24 * 60 * 60 * 1000
"""From asking to the credential on record; then the person begins anew."""

SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS certification (credential_id TEXT PRIMARY KEY,"
    " secret_sha256 TEXT NOT NULL, content_index TEXT NOT NULL, community TEXT NOT NULL,"
    " role TEXT NOT NULL, flow TEXT NOT NULL, holder_id TEXT NOT NULL, unit_id TEXT,"
    " public_key TEXT NOT NULL, request_pem TEXT NOT NULL, held BYTEA NOT NULL,"
    " opened_at BIGINT NOT NULL, phase TEXT NOT NULL, code TEXT,"
    " certificate_pem TEXT, valid_until_at BIGINT, attestation TEXT,"
    " failures BIGINT NOT NULL, next_at BIGINT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS certification_due ON certification (phase, next_at)",
    "CREATE TABLE IF NOT EXISTS certification_step (credential_id TEXT NOT NULL,"
    " step TEXT NOT NULL, attempt BIGINT NOT NULL, outcome TEXT NOT NULL, url TEXT,"
    " PRIMARY KEY (credential_id, step))",
)


class Phase(StrEnum):
    """Where a certification stands."""

    VERIFYING = "verifying"
    ISSUING = "issuing"
    ISSUED = "issued"
    REFUSED = "refused"


class Held(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept sealed: the bindings' preimage, the phone, a clerk's company."""

    salt: Salt
    device: Sha256
    account: Sha256 | None = None
    phone: Phone | None = None
    company_id: Id | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certification:
    """One row, without what is sealed."""

    credential_id: str
    secret_sha256: str
    content_index: str
    community: str
    role: Role
    flow: Flow
    holder_id: str
    unit_id: str | None
    public_key: str
    request_pem: str
    opened_at: int
    phase: Phase = Phase.VERIFYING
    code: str | None = None
    """Why it was refused."""
    certificate_pem: str | None = None
    valid_until_at: int | None = None
    attestation: str | None = None
    failures: int = 0
    next_at: int = 0

    @property
    def until_at(self) -> int:
        """When it is over, if no credential is on record by then."""
        return self.opened_at + CERTIFICATION_MS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """The latest attempt at one step."""

    step: Step
    attempt: int
    outcome: Outcome
    url: str | None = None


class Certifications:
    """The rows. Everything may raise DatabaseUnavailable; what is sealed, Problem 409
    ``certification/person-erased``."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._database = vault.database

    async def add(self, new: Certification, held: Held) -> Certification:
        """Note a certification; one of this id that is there already is given instead."""

        async def add(work: Work) -> Certification:
            rows = await work.rows(_SELECT, new.credential_id)
            if rows:
                return _certification(rows[0])
            sealed = await self._sealed(work, new, held)
            await work.rows(
                "INSERT INTO certification (credential_id, secret_sha256, content_index,"
                " community, role, flow, holder_id, unit_id, public_key, request_pem, held,"
                " opened_at, phase, failures, next_at)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, 0)",
                *(new.credential_id, new.secret_sha256, new.content_index, new.community),
                *(new.role.value, new.flow.value, new.holder_id, new.unit_id, new.public_key),
                *(new.request_pem, sealed, new.opened_at, new.phase.value),
            )
            return new

        return await self._database.run(add)

    async def find(self, credential_id: str) -> Certification | None:
        """The certification of an id."""
        rows = await self._rows(_SELECT, credential_id)
        return _certification(rows[0]) if rows else None

    async def steps(self, credential_id: str) -> dict[Step, StepRecord]:
        """The steps begun so far."""
        found = await self._rows(_STEPS, credential_id)
        return {one.step: one for one in map(_step, found)}

    async def note_step(self, one: Certification, answer: StepAnswer, now_ms: int) -> None:
        """Note how an attempt stands; with the last step passed, issuing is due.

        A step that has passed stays so, whatever older news arrives late.
        """

        async def note(work: Work) -> None:
            known = {record.step: record for record in map(_step, await _steps_of(work, one))}
            before = known.get(answer.step)
            if before and (before.outcome is Outcome.PASSED or before.attempt > answer.attempt):
                return
            await work.rows(
                "INSERT INTO certification_step (credential_id, step, attempt, outcome, url)"
                " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (credential_id, step) DO UPDATE SET"
                " attempt = excluded.attempt, outcome = excluded.outcome, url = excluded.url",
                *(one.credential_id, answer.step.value, answer.attempt),
                *(answer.outcome.value, answer.url),
            )
            if answer.outcome is not Outcome.PASSED:
                return
            if answer.account is not None:
                await self._change_held(work, one, account=answer.account)
            passed = {step for step, was in known.items() if was.outcome is Outcome.PASSED}
            if next_step(one.flow, one.role, {*passed, answer.step}) is None:
                await work.rows(
                    "UPDATE certification SET phase = $2, next_at = $3"
                    " WHERE credential_id = $1 AND phase = $4",
                    *(one.credential_id, Phase.ISSUING.value, now_ms, Phase.VERIFYING.value),
                )

        await self._database.run(note)

    async def held(self, one: Certification) -> Held:
        """What is kept sealed."""

        async def read(work: Work) -> Held:
            return await self._open(work, one)

        return await self._database.run(read)

    async def note_phone(self, one: Certification, phone: str) -> None:
        """Keep the phone to which the code goes."""

        async def note(work: Work) -> None:
            await self._change_held(work, one, phone=phone)

        await self._database.run(note)

    async def due(self, now_ms: int, count_max: int, *, attested: bool) -> Sequence[Certification]:
        """Certifications whose issuing may go on now, longest due first: those that have their
        attestation, or those that do not."""
        query = _TO_RECORD if attested else _TO_ATTEST
        rows = await self._rows(query, Phase.ISSUING.value, now_ms, count_max)
        return [_certification(row) for row in rows]

    async def note_certificate(self, one: Certification, pem: str, valid_until_at: int) -> None:
        """Keep the certificate, and until when the credential shall be valid; the first stays."""
        await self._rows(
            "UPDATE certification SET certificate_pem = $2, valid_until_at = $3"
            " WHERE credential_id = $1 AND certificate_pem IS NULL",
            *(one.credential_id, pem, valid_until_at),
        )

    async def note_attestation(self, one: Certification, attestation: str) -> None:
        """Keep the attestation; the first stays."""
        await self._rows(
            "UPDATE certification SET attestation = $2"
            " WHERE credential_id = $1 AND attestation IS NULL",
            *(one.credential_id, attestation),
        )

    async def postpone(self, one: Certification, next_at: int, code: str) -> None:
        """Try again later."""
        await self._rows(
            "UPDATE certification SET failures = failures + 1, next_at = $2, code = $3"
            " WHERE credential_id = $1 AND phase = $4",
            *(one.credential_id, next_at, code, Phase.ISSUING.value),
        )

    async def end(self, ones: Sequence[Certification], phase: Phase, code: str | None) -> None:
        """Issued or refused, for good; all in one unit of work."""

        async def end(work: Work) -> None:
            for one in ones:
                await work.rows(
                    "UPDATE certification SET phase = $2, code = $3 WHERE credential_id = $1"
                    " AND phase IN ($4, $5)",
                    *(one.credential_id, phase.value, code),
                    *(Phase.VERIFYING.value, Phase.ISSUING.value),
                )

        await self._database.run(end)

    async def _rows(self, sql: str, *values: object) -> Sequence[Row]:
        async def run(work: Work) -> Sequence[Row]:
            return await work.rows(sql, *values)

        return await self._database.run(run)

    async def _change_held(self, work: Work, one: Certification, **fields: str) -> None:
        held = msgspec.structs.replace(await self._open(work, one), **fields)
        await work.rows(
            "UPDATE certification SET held = $2 WHERE credential_id = $1",
            *(one.credential_id, await self._sealed(work, one, held)),
        )

    async def _sealed(self, work: Work, one: Certification, held: Held) -> bytes:
        key = await self._vault.person_key(work, one.holder_id)
        if key is None:
            raise Problem(409, "certification/person-erased")
        return key.seal(msgspec.json.encode(held), _place(one))

    async def _open(self, work: Work, one: Certification) -> Held:
        key = await self._vault.person_key(work, one.holder_id)
        if key is None:
            raise Problem(409, "certification/person-erased")
        rows = await work.rows(_SELECT, one.credential_id)
        if not rows:
            raise SealBroken(f"{_place(one)} is gone")
        return msgspec.json.decode(key.open(rows[0]["held"], _place(one)), type=Held)


def new_salt() -> str:
    """A salt for a credential's bindings: 128 random bits."""
    return secrets.token_hex(SALT_BYTES)


_SELECT: Final = "SELECT * FROM certification WHERE credential_id = $1"
_TO_ATTEST: Final = (
    "SELECT * FROM certification WHERE phase = $1 AND next_at <= $2 AND attestation IS NULL"
    " ORDER BY next_at, credential_id LIMIT $3"
)
_TO_RECORD: Final = (
    "SELECT * FROM certification WHERE phase = $1 AND next_at <= $2 AND attestation IS NOT NULL"
    " ORDER BY next_at, credential_id LIMIT $3"
)
_STEPS: Final = "SELECT * FROM certification_step WHERE credential_id = $1"


async def _steps_of(work: Work, one: Certification) -> Sequence[Row]:
    return await work.rows(_STEPS, one.credential_id)


def _place(one: Certification) -> str:
    return f"certification/{one.credential_id}/held"


def _certification(row: Row) -> Certification:
    values = {
        name: row[name] for name in Certification.__slots__ if name not in ("role", "flow", "phase")
    }
    return Certification(
        role=Role(row["role"]), flow=Flow(row["flow"]), phase=Phase(row["phase"]), **values
    )


def _step(row: Row) -> StepRecord:
    return StepRecord(
        step=Step(row["step"]),
        attempt=int(row["attempt"]),
        outcome=Outcome(row["outcome"]),
        url=row["url"],
    )
