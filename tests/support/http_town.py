"""A community whose every step goes over HTTP, through the gateway of who takes it.

The steps are those of `Commons`; here each is the request that a clerk's or an owner's machine
makes: staff log in with their own keys, and what has to exist before the first credential is set
up by the operator's token. `catch_up` then has the contract in memory do the same again and
compares every record.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from chaincode.access import MSP_OF
from chaincode.contract.contract import Outcome
from chaincode.model.base import Org, Role
from gateway.access import MATRIX, Who
from gateway.assembly import PARTS
from gateway.identity.bindings import Binding, salted_sha256
from gateway.identity.login import LOGIN_TYP
from gateway.routes import by_name
from tests.support.gateways import calling
from tests.support.network import RunningNetwork
from tests.support.people import Person
from tests.support.real_ledger import PATIENT, RealLedger
from tests.support.real_town import RealTown
from tests.support.town import sha

ROUTES: Final = by_name([route for part in PARTS for route in part.routes])
BINDINGS: Final = {"salt": "5" * 32, "device": sha(21), "account": sha(22)}
"""What every person's client shows at log-in."""
ANSWER_S_MAX: Final = 120.0
POLL_S: Final = 0.2


@dataclass
class Desk:
    """One organisation's gateway as its own people use it."""

    org: Org
    url: str
    community: str
    operator_token: str
    session: aiohttp.ClientSession
    staff: Person | None = None
    """Who speaks for the organisation, once there is somebody."""
    staff_role: Role | None = None
    tokens: dict[str, str] = field(default_factory=dict)

    async def ask(
        self, method: str, path: str, who: Person | None = None, **more: Any
    ) -> tuple[int, Any, Mapping[str, str]]:
        """One request of a person who logged in, or of nobody: status, JSON, headers."""
        headers = dict(more.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {await self.token(who)}"
        place = self.url + path
        async with self.session.request(method, place, headers=headers, **more) as response:
            return response.status, await response.json(content_type=None), response.headers

    async def token(self, who: Person) -> str:
        """A session of the person at this gateway."""
        if who.credential_id not in self.tokens:
            self.tokens[who.credential_id] = await self._log_in(who)
        return self.tokens[who.credential_id]

    async def _log_in(self, who: Person) -> str:
        asked = {"community": self.community, "credential_id": who.credential_id}
        status, challenge, _ = await self.ask("POST", "/v1/login/challenges", json=asked)
        assert status == HTTPStatus.OK, challenge
        said = {
            "audience": challenge["audience"],
            "community": self.community,
            "nonce": challenge["nonce"],
            "bindings": BINDINGS,
        }
        statement = who.sign(said, typ=LOGIN_TYP).decode()
        body = {"statement": statement, "wanted": "bearer"}
        status, answer, _ = await self.ask("POST", "/v1/login", json=body)
        assert status == HTTPStatus.OK, answer
        return str(answer["token"])

    async def clerk_headers(self, name: str) -> dict[str, str]:
        """The proof with which this organisation's own people use an endpoint."""
        role = self.staff_role
        if self.staff is not None and role is not None and Who(role) in MATRIX[name]:
            return {"Authorization": f"Bearer {await self.token(self.staff)}"}
        if Who.OPERATOR in MATRIX[name]:
            return {"Authorization": f"Bearer {self.operator_token}"}
        return {}


class HttpLedger(RealLedger):
    """The network behind its gateways; after each step every peer has it."""

    def __init__(self, network: RunningNetwork, desks: Mapping[str, Desk], **more: Any) -> None:
        super().__init__(chaincode=network.chaincode, **more)
        self.desks = desks

    async def submit(self, msp_id: str, function: str, *args: bytes) -> Outcome:
        """A statement at the organisation's gateway, or acts carried through it."""
        begun, desk = time.monotonic(), self.desks[msp_id]
        if function == "submit_acts":
            outcome = await self._carry(desk, args[0].decode(), args[1:])
        else:
            outcome = await self._call(desk, function, json.loads(args[0]))
        self.slowest_s = max(self.slowest_s, time.monotonic() - begun)
        return outcome

    async def evaluate(self, msp_id: str, function: str, *args: bytes) -> Outcome:
        """A query at the organisation's gateway."""
        return await self._call(self.desks[msp_id], function, json.loads(args[0]))

    async def _call(self, desk: Desk, name: str, fields: dict[str, Any]) -> Outcome:
        route = ROUTES[name]
        if name == "open_community":
            fields["channel"] = self.channel_id
        path = route.path.format(**{part: fields.pop(part) for part in route.path_names})
        more: dict[str, Any] = {"json": fields} if fields else {}
        if route.method == "GET":
            more = {"params": {key: _text(value) for key, value in fields.items()}}
        headers = await desk.clerk_headers(name)
        status, found, sent = await desk.ask(route.method, path, headers=headers, **more)
        assert status != HTTPStatus.ACCEPTED, (name, found)
        if "X-Transaction-Id" in sent:
            await self._everywhere(sent["X-Transaction-Id"])
        return _outcome(status, found)

    async def _carry(self, desk: Desk, community: str, acts: tuple[bytes, ...]) -> Outcome:
        answers = await asyncio.gather(*(self._send(desk, community, act) for act in acts))
        for status, found in answers:
            if status == HTTPStatus.OK:
                await self._everywhere(found["tx_id"])
        if len(acts) == 1 and answers[0][0] != HTTPStatus.OK:
            return _outcome(*answers[0])
        listed = [{"status": status, "code": found["code"]} for status, found in answers]
        return Outcome(status=200, payload=json.dumps({"answers": listed}).encode())

    async def _send(self, desk: Desk, community: str, act: bytes) -> tuple[int, Any]:
        """The act's answer; sent again while it is not known, which is what clients do."""
        headers = {"Content-Type": "application/jose"}
        async with asyncio.timeout(ANSWER_S_MAX):
            while True:
                status, found, _ = await desk.ask(
                    "POST", f"/v1/communities/{community}/acts", data=act, headers=headers
                )
                if status != HTTPStatus.ACCEPTED:
                    return status, found
                await asyncio.sleep(POLL_S)


@dataclass
class HttpTown(RealTown):
    """A town whose people can log in."""

    def attestation(self, person: Person, role: Role, **fields: Any) -> dict[str, Any]:
        bound = {
            f"{binding}_sha256": salted_sha256(BINDINGS["salt"], binding, BINDINGS[binding])
            for binding in Binding
        }
        return super().attestation(person, role, **{**bound, **fields})

    @property
    def desks(self) -> Mapping[str, Desk]:
        assert isinstance(self.ledger, HttpLedger)
        return self.ledger.desks

    def at(self, org: Org) -> Desk:
        """An organisation's gateway."""
        return self.desks[MSP_OF[org]]

    async def staff(self, org: Org, role: Role, name: str) -> Person:
        """A clerk of an organisation, who speaks for it from now on."""
        person = await self.issue(Person(name, f"cred-{name}"), role, org)
        self.speaks(org, role, person)
        return person

    def speaks(self, org: Org, role: Role, person: Person) -> None:
        """From now on this person uses the organisation's gateway for it."""
        desk = self.at(org)
        desk.staff, desk.staff_role = person, role


@asynccontextmanager
async def http_town(
    network: RunningNetwork, community: str, urls: Mapping[Org, str], operator_token: str
) -> AsyncIterator[HttpTown]:
    """A community, not open yet, at these gateways."""
    async with AsyncExitStack() as stack:
        total = aiohttp.ClientTimeout(total=ANSWER_S_MAX)
        session = await stack.enter_async_context(aiohttp.ClientSession(timeout=total))
        callers = {
            msp_id: await stack.enter_async_context(
                calling(network, org_id, channel=network.channels[0], timeouts=PATIENT)
            )
            for org_id, msp_id in network.topology.msp_ids.items()
        }
        desks = {
            MSP_OF[org]: Desk(org, url, community, operator_token, session)
            for org, url in urls.items()
        }
        ledger = HttpLedger(network, desks, channel_id=network.channels[0], callers=callers)
        await ledger.start_here()
        yield HttpTown(ledger=ledger, community=community)


def _outcome(status: int, found: Any) -> Outcome:
    """The answer as the contract itself would give it."""
    if status == HTTPStatus.OK:
        return Outcome(status=200, payload=json.dumps(found).encode())
    details = f" {json.dumps(found['details'])}" if found.get("details") else ""
    return Outcome(status=status, message=found["code"] + details)


def _text(value: Any) -> str:
    """A query parameter."""
    return json.dumps(value) if isinstance(value, bool) else str(value)
