"""Logging in: a person signs this gateway's challenge with their credential's key.

The signed statement names the gateway (audience), so one gateway cannot use it at another; the
nonce is good once and soon over, so nobody can use it again. With it the client shows what the
credential is bound to; any gateway can compare that with the ledger's salted hashes.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chaincode import jws
from chaincode.codec import decode_unambiguous
from chaincode.errors import NotFound
from chaincode.model.base import Id, Nonce, Record, TimeMs
from chaincode.model.credential import Credential, Standing, standing
from gateway.errors import Problem
from gateway.identity.bindings import Binding, Bindings, salted_sha256
from gateway.identity.sessions import Kind, Session, Sessions, Spent
from gateway.ledger import Ledger, ask

LOGIN_TYP: Final = "commonhold-login+jws"
LOGIN_BYTES_MAX: Final = 4 * 1024
STANDING_MS: Final = 10 * 1000
"""How old a session's view of its credential may be: a revoked one is out after this long."""
STANDINGS_MAX: Final = 50_000


class ChallengeRequest(Record):
    """Which credential is going to log in."""

    community: Id
    credential_id: Id


class Challenge(Record):
    """What to sign, for whom, and until when."""

    nonce: Nonce
    audience: str
    until_at: TimeMs


class LoginStatement(Record):
    """What the credential's key signs: JWS, ES256, type ``commonhold-login+jws``, kid its id."""

    audience: str
    community: Id
    nonce: Nonce
    bindings: Bindings


_NOT_SPENT: Final = {
    Spent.UNKNOWN: "login/challenge-unknown",
    Spent.OVER: "login/challenge-over",
    Spent.USED: "login/challenge-used",
}


class Login:
    """The door of one organisation's gateway."""

    def __init__(self, sessions: Sessions, ledger: Ledger, audience: str) -> None:
        self._sessions = sessions
        self._ledger = ledger
        self._audience = audience

    async def challenge(self, request: ChallengeRequest) -> Challenge:
        """A challenge for a credential, whether there is one or not."""
        nonce, until_at = await self._sessions.challenge(request.community, request.credential_id)
        return Challenge(nonce=nonce, audience=self._audience, until_at=until_at)

    async def log_in(self, statement: bytes, now_ms: int, kind: Kind) -> tuple[str, Session]:
        """A session and its token for a signed statement. Refused if

        * 400: it cannot be read (``login/oversize``, ``/malformed``, ``/algorithm``, ``/type``,
          ``input/malformed``, ``input/duplicate-field``);
        * 403: it was made for another gateway (``login/other-audience``); there is no such
          credential (``login/no-credential``); another key signed it (``login/forged``); the
          challenge is not this credential's (``login/challenge-unknown``), is over
          (``login/challenge-over``) or was used (``login/challenge-used``); the credential is not
          in force (``login/not-active``); device or account are not those it is bound to
          (``login/device-changed``, ``login/account-changed``): then the person certifies again.
        """
        signed = jws.read(statement, typ=LOGIN_TYP, noun="login", bytes_max=LOGIN_BYTES_MAX)
        said = decode_unambiguous(signed.payload, LoginStatement)
        if said.audience != self._audience:
            raise Problem(403, "login/other-audience")
        credential = await self._credential(said.community, signed.kid)
        jws.require_signature(signed, credential.public_key, noun="login")
        spent = await self._sessions.spend(said.nonce, said.community, signed.kid)
        if spent is not Spent.DONE:
            raise Problem(403, _NOT_SPENT[spent])
        require_active(credential, now_ms)
        require_bound(credential, said.bindings)
        return await self._sessions.open(credential, said.community, kind)

    async def _credential(self, community: str, credential_id: str) -> Credential:
        try:
            return await ask(
                self._ledger, community, "credential", Credential, credential_id=credential_id
            )
        except NotFound:
            raise Problem(403, "login/no-credential") from None


def require_active(credential: Credential, now_ms: int) -> None:
    """Refuse (403 ``login/not-active``) a credential that is not in force."""
    stands = standing(credential, now_ms)
    if stands is not Standing.ACTIVE:
        raise Problem(403, "login/not-active", {"standing": stands})


def require_bound(credential: Credential, shown: Bindings) -> None:
    """Refuse (403) a device or account that is not the one the credential is bound to."""
    device = salted_sha256(shown.salt, Binding.DEVICE, shown.device)
    account = salted_sha256(shown.salt, Binding.ACCOUNT, shown.account)
    if not hmac.compare_digest(device, credential.device_sha256):
        raise Problem(403, "login/device-changed")
    if not hmac.compare_digest(account, credential.account_sha256):
        raise Problem(403, "login/account-changed")


@dataclass(frozen=True, slots=True)
class _Seen:
    credential: Credential
    at: int


class Standings:
    """Whether sessions' credentials are still in force; asks the peer every `STANDING_MS`."""

    def __init__(self, ledger: Ledger, clock_ms: Callable[[], int]) -> None:
        self._ledger = ledger
        self._clock_ms = clock_ms
        self._seen: dict[tuple[str, str], _Seen] = {}

    async def is_active(self, community: str, credential_id: str) -> bool:
        """Whether the credential is in force. Raises LedgerError when the peer does not say."""
        key = (community, credential_id)
        now_ms = self._clock_ms()
        seen = self._seen.get(key)
        if seen is None or now_ms >= seen.at + STANDING_MS:
            found = await ask(
                self._ledger, community, "credential", Credential, credential_id=credential_id
            )
            if len(self._seen) >= STANDINGS_MAX:
                self._seen.clear()
            seen = self._seen[key] = _Seen(found, now_ms)
        return standing(seen.credential, now_ms) is Standing.ACTIVE
