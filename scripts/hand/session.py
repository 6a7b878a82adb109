"""Logging in, and reading what the credential may read.

The statement that the key signs names the very address that was asked; so a gateway that passes
it on to another gets nothing of use. A session belongs to one gateway.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Literal

import msgspec

from gateway.identity.login import LOGIN_TYP
from gateway.identity.signingrequest import credential_id
from scripts.hand.errors import BadInput, HandError, NotKnown, Refused, Unreachable
from scripts.hand.folder import Folder
from scripts.hand.gateways import JSON, PASSING, Answer, Gateways, NoAnswer
from scripts.hand.signing import compact_jws

COOKIE: Final = "__Host-commonhold"
ELSEWHERE: Final = frozenset({"login/not-offered", "login/other-audience"})
"""Refusals of one gateway's door that say nothing of another's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session at one gateway; its token or cookie stays in memory."""

    address: str
    community: str
    credential_id: str
    holder_id: str
    role: str
    until_at: int
    headers: Mapping[str, str] = field(repr=False)
    """To be sent with every request of this session; with a cookie, the CSRF token too."""


async def log_in(
    folder: Folder, gateways: Gateways, *, wanted: Literal["bearer", "cookie"] = "bearer"
) -> Session:
    """A session at the first gateway whose door opens: a program's token, or a browser's cookie.

    Raises BadInput (no credential in the folder), Refused, Unreachable.
    """
    last: HandError = Unreachable("no gateway was asked")
    closed: set[str] = set()
    turns = gateways.turns()
    while turn := await turns.next():
        if turn.address in closed:
            continue
        try:
            return await _at(turn.address, folder, gateways, wanted)
        except NoAnswer as error:
            last = Unreachable(str(error))
        except Refused as refused:
            last = refused
            if refused.code in ELSEWHERE and len(closed) < len(gateways.addresses) - 1:
                closed.add(turn.address)
            elif refused.status not in PASSING:
                raise
    raise last


class Reader:
    """Reads with the credential; logs in when there is no session yet or it is over, elsewhere
    when its gateway is down."""

    def __init__(self, folder: Folder, gateways: Gateways) -> None:
        self.gateways = gateways
        self._folder = folder
        self._session: Session | None = None

    async def read(self, path: str) -> Any:
        """What stands at a path below the community's place, e.g. ``/motions``; JSON.

        Raises BadInput, Refused, Unreachable.
        """
        last: HandError = Unreachable("no gateway was asked")
        turns = self.gateways.turns()
        while turn := await turns.next():
            if self._session is None:
                self._session = await log_in(self._folder, self.gateways)
            place = f"/v1/communities/{self._session.community}{path}"
            try:
                answer = await self.gateways.ask(
                    self._session.address, "GET", place, headers=self._session.headers
                )
            except NoAnswer as error:
                last, self._session = Unreachable(str(error)), None
                continue
            if answer.status == HTTPStatus.OK:
                return answer.json()
            last, turn.pause_s = answer.refusal(), answer.pause_s
            if answer.status == HTTPStatus.UNAUTHORIZED:
                self._session = None
            elif answer.status not in PASSING:
                break
        raise last


async def _at(
    address: str, folder: Folder, gateways: Gateways, wanted: Literal["bearer", "cookie"]
) -> Session:
    kept = folder.kept()
    if kept.bindings is None:
        raise BadInput(f"{folder.path} has no credential yet: `act certify` asks for one")
    kid = credential_id(kept.community, kept.secret)
    asked = {"community": kept.community, "credential_id": kid}
    challenge = _success(await _post(gateways, address, "/v1/login/challenges", asked)).json()
    try:
        statement = {
            "audience": address,
            "community": kept.community,
            "nonce": challenge["nonce"],
            "bindings": msgspec.to_builtins(kept.bindings),
        }
        jws = compact_jws(folder.key, LOGIN_TYP, kid, statement)
        given = {"statement": jws, "wanted": wanted}
        return _session(_success(await _post(gateways, address, "/v1/login", given)), wanted)
    except (KeyError, TypeError):
        raise NotKnown(f"{address} answers what no gateway would") from None


def _session(answer: Answer, wanted: str) -> Session:
    said = answer.json()
    return Session(
        address=answer.address,
        community=said["community"],
        credential_id=said["credential_id"],
        holder_id=said["holder_id"],
        role=said["role"],
        until_at=said["until_at"],
        headers=_headers(answer, said, wanted),
    )


def _headers(answer: Answer, said: dict[str, Any], wanted: str) -> dict[str, str]:
    if wanted == "bearer":
        return {"Authorization": f"Bearer {said['token']}"}
    cookie = answer.headers["Set-Cookie"].split(";")[0]
    return {"Cookie": cookie, "X-CSRF-Token": said["csrf_token"], "Origin": answer.address}


async def _post(gateways: Gateways, address: str, path: str, body: dict[str, Any]) -> Answer:
    data = msgspec.json.encode(body)
    return await gateways.ask(address, "POST", path, body=data, headers={"Content-Type": JSON})


def _success(answer: Answer) -> Answer:
    if answer.status != HTTPStatus.OK:
        raise answer.refusal()
    return answer
