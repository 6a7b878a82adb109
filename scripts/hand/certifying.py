"""The whole way to a credential, over the HTTP of the gateway that certifies (the regulator's for
owners, an employer's for its staff): gateway/identity/README.md says what each call means.

It may be stopped and begun again anywhere: the id follows from the kept secret, so asking again is
asking for the same credential.
"""

import asyncio
import hashlib
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Protocol

import msgspec

from chaincode.model.base import Role
from gateway.identity.bindings import Bindings
from gateway.identity.flows import Flow
from gateway.identity.protocol import Outcome, Step
from gateway.identity.signingrequest import credential_id, point
from scripts.hand.errors import BadInput, NotKnown, Refused
from scripts.hand.folder import Folder
from scripts.hand.gateways import Answer, Gateways, NoAnswer
from scripts.hand.signing import certificate_request

WAIT_S: Final = 300.0
"""For a person to do what a step asks, and for the credential to be issued."""
POLL_S: Final = 0.5
POLL_S_MAX: Final = 5.0
WRONG_CODES_MAX: Final = 3
MARK_CHARS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicant:
    """Who asks for a credential; what names them is sent to the office and kept nowhere here.

    `unit_id` is for owners, members and representatives; staff have none.
    """

    name: str = field(repr=False)
    id_no: str = field(repr=False)
    phone: str = field(repr=False)
    unit_id: str | None = None
    role: Role = Role.OWNER
    flow: Flow = Flow.COUNTER


class Guide(Protocol):
    """How the person does what cannot be done here."""

    redirect_uri: str
    """Where the provider sends the browser back to."""

    async def show_face(self, url: str) -> None:
        """Go to the provider's face page; return once told to, or done."""
        ...

    async def attend(self, url: str, applicant: Applicant) -> None:
        """Go to the provider's counter with this ticket and a document."""
        ...

    async def read_code(self, phone: str, mark: str) -> str:
        """The code that was sent to the phone; its message shows `mark`, which tells the key."""
        ...

    async def sign_in(self, url: str) -> str:
        """Sign in to the messaging account; the code that came back with the browser."""
        ...


class StepFailed(Refused):
    """A step ended without success; the next run makes another attempt."""

    def __init__(self, step: Step, outcome: Outcome) -> None:
        super().__init__(
            422, f"step/{outcome}", f"The step {step} did not pass. Run again for another try."
        )


def key_mark(folder: Folder) -> str:
    """What the message with the code shows of this key, for the person to compare."""
    public_key = point(folder.key.public_key())
    return hashlib.sha256(public_key.encode()).hexdigest()[:MARK_CHARS]


async def certify(
    folder: Folder,
    gateways: Gateways,
    community: str,
    applicant: Applicant,
    guide: Guide,
    *,
    wait_s: float = WAIT_S,
) -> str:
    """Get the folder's key certified; its credential id. Done again, it gives the same one.

    Raises Refused with the gateway's code, or ``step/mismatch``, ``step/expired`` and
    ``step/locked``; NotKnown when it is not issued within `wait_s`; BadInput when the folder is
    for another community; Unreachable.
    """
    office = await _office(gateways, community, applicant.role)
    application = _Application(folder, office, community, applicant, guide)
    try:
        async with asyncio.timeout(wait_s):
            return await application.run()
    except TimeoutError:
        raise NotKnown("not issued yet: run the same command again to go on") from None


async def _office(gateways: Gateways, community: str, role: Role) -> Gateways:
    """The gateway that certifies this role: the first that offers a way, else the first there is,
    whose answer says what is wrong."""
    place = f"{_root(community)}/certification-flows?role={role}"
    for address in gateways.addresses:
        try:
            answer = await gateways.ask(address, "GET", place)
        except NoAnswer:
            continue
        if answer.status == HTTPStatus.OK:
            return gateways.only(address)
    return gateways.only(gateways.addresses[0])


class _Application:
    """One certification on its way."""

    def __init__(
        self,
        folder: Folder,
        office: Gateways,
        community: str,
        applicant: Applicant,
        guide: Guide,
    ) -> None:
        self._folder = folder
        self._office = office
        self._community = community
        self._applicant = applicant
        self._guide = guide
        kept = folder.kept()
        if kept.community not in ("", community):
            raise BadInput(f"{folder.path} is for the community {kept.community}")
        self._id = credential_id(community, kept.secret)
        self._headers = {"Certification-Secret": kept.secret}
        if not kept.request_pem:
            request = certificate_request(folder.key, self._id)
            kept = msgspec.structs.replace(kept, request_pem=request, community=community)
            folder.keep(kept)
        self._kept = kept

    async def run(self) -> str:
        if self._kept.bindings is not None:
            return self._id
        await self._call("PUT", "", self._request())
        status = await self._call("GET", "")
        while status["phase"] == "verifying":
            status = await self._take(status)
        pause_s = POLL_S
        while status["phase"] == "issuing":
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, POLL_S_MAX)
            status = await self._call("GET", "")
        if status["phase"] != "issued":
            raise Refused(422, status["code"], "The certification was refused.")
        self._keep(status)
        return self._id

    def _request(self) -> dict[str, Any]:
        who = self._applicant
        return {
            "flow": who.flow,
            "role": who.role,
            "name": who.name,
            "id_no": who.id_no,
            "unit_id": who.unit_id,
            "device": self._kept.device,
            "request_pem": self._kept.request_pem,
        }

    def _keep(self, status: dict[str, Any]) -> None:
        self._kept = msgspec.structs.replace(
            self._kept,
            role=str(self._applicant.role),
            bindings=msgspec.convert(status["bindings"], type=Bindings),
            certificate_pem=status["certificate_pem"],
        )
        self._folder.keep(self._kept)

    async def _take(self, status: dict[str, Any]) -> dict[str, Any]:
        """One attempt at the next step."""
        step = Step(status["next_step"])
        before = _record(status, step)
        goes_on = step is Step.COUNTER and before["outcome"] == Outcome.PENDING
        attempt = before["attempt"] if goes_on else before["attempt"] + 1
        status = await self._call("PUT", f"/steps/{step}", self._beginning(step, attempt))
        if _record(status, step)["outcome"] == Outcome.PENDING:
            status = await self._done(step, attempt, _record(status, step)["url"])
        outcome = Outcome(_record(status, step)["outcome"])
        if outcome is not Outcome.PASSED:
            raise StepFailed(step, outcome)
        return status

    def _beginning(self, step: Step, attempt: int) -> dict[str, Any]:
        match step:
            case Step.PHONE:
                return {"attempt": attempt, "phone": self._applicant.phone}
            case Step.FACE | Step.ACCOUNT:
                return {"attempt": attempt, "redirect_uri": self._guide.redirect_uri}
            case _:
                return {"attempt": attempt}

    async def _done(self, step: Step, attempt: int, url: str) -> dict[str, Any]:
        """What the person does elsewhere, until the office has heard of it."""
        match step:
            case Step.PHONE:
                return await self._give_phone_code(attempt)
            case Step.ACCOUNT:
                return await self._give(step, attempt, await self._guide.sign_in(url))
            case Step.FACE:
                await self._guide.show_face(url)
            case _:
                await self._guide.attend(url, self._applicant)
        return await self._news(step)

    async def _give_phone_code(self, attempt: int) -> dict[str, Any]:
        mark = key_mark(self._folder)
        for _ in range(WRONG_CODES_MAX - 1):
            code = await self._guide.read_code(self._applicant.phone, mark)
            try:
                return await self._give(Step.PHONE, attempt, code)
            except Refused as refused:
                if refused.code != "step/wrong-code":
                    raise
        return await self._give(
            Step.PHONE, attempt, await self._guide.read_code(self._applicant.phone, mark)
        )

    async def _give(self, step: Step, attempt: int, code: str) -> dict[str, Any]:
        given = {"attempt": attempt, "code": code.strip()}
        return await self._call("POST", f"/steps/{step}/code", given)

    async def _news(self, step: Step) -> dict[str, Any]:
        """The status, once the step is no longer pending."""
        pause_s = POLL_S / 10
        while True:
            status = await self._call("GET", "")
            if _record(status, step)["outcome"] != Outcome.PENDING:
                return status
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, POLL_S_MAX)

    async def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        place = f"{_root(self._community)}/certifications/{self._id}{path}"
        answer: Answer = await self._office.call(
            method, place, json_body=body, headers=self._headers
        )
        status = answer.json()
        assert isinstance(status, dict), "a status"
        return status


def _record(status: dict[str, Any], step: Step) -> dict[str, Any]:
    """Where a step stands."""
    found: dict[str, Any] = next(one for one in status["steps"] if one["step"] == step)
    return found


def _root(community: str) -> str:
    return f"/v1/communities/{community}"
