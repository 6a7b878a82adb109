"""The routes of certifying: a part of the gateways of the regulator and of other employers of
clerks, idle where the settings name no identity database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from chaincode.model.base import Record, Role
from gateway.api.rows import read_parameters
from gateway.appkeys import CLOCK_MS, LEDGER, READINESS, SETTINGS
from gateway.database import DatabaseUnavailable, open_tables
from gateway.errors import NotReady, Problem
from gateway.identity import certifications, guessing, staff, vault
from gateway.identity.attesting import Attesting
from gateway.identity.certifications import Certifications
from gateway.identity.certifying import CertificationRequest, CertificationStatus, Certifying
from gateway.identity.enrolment import CaEnroller
from gateway.identity.flows import STAFF_ROLE, Flow, roles_of, steps_of
from gateway.identity.guessing import Guesses
from gateway.identity.issuing import Issuing
from gateway.identity.loginroutes import answer, pruning, read_json
from gateway.identity.protocol import Beginning, GivenCode, Step
from gateway.identity.providerclient import HttpProvider, ProviderEndpoint
from gateway.identity.seal import load_key_file
from gateway.identity.settings import IdentitySection
from gateway.identity.signingrequest import Secret
from gateway.identity.staff import Staff, StaffMember, StaffRequest
from gateway.identity.vault import Vault
from gateway.parts import Part
from gateway.routes import COMMUNITY, Parameter, Route
from gateway.settings import GatewaySection
from network.ca.client import CaClient

TAG: Final = "certification"
SECRET_HEADER: Final = "Certification-Secret"  # noqa: S105 - a header's name
DAY_MS: Final = 24 * 60 * 60 * 1000
EMPLOYERS: Final = tuple(STAFF_ROLE)
ROLE: Final = Parameter(name="role", kind=Role, says="In which role; an owner by default.")
ONE: Final = f"{COMMUNITY}/certifications/{{credential_id}}"


class OfferedFlow(Record):
    """A way to be certified, and its steps in order."""

    flow: Flow
    steps: tuple[Step, ...]


class OfferedFlows(Record):
    """The ways to be certified; one of them needs no face."""

    flows: tuple[OfferedFlow, ...]


@dataclass(frozen=True, slots=True)
class Office:
    """What certifies."""

    certifying: Certifying
    issuing: Issuing
    vault: Vault


OFFICE = web.AppKey("office", Office)


async def list_flows(request: web.Request) -> web.StreamResponse:
    """The ways to be certified."""
    role = read_parameters(request, (ROLE,)).get("role", Role.OWNER)
    offered = await _office(request).certifying.offered(role)
    flows = tuple(OfferedFlow(flow=flow, steps=steps_of(flow, role)) for flow in offered)
    return answer(OfferedFlows(flows=flows))


async def open_certification(request: web.Request) -> web.StreamResponse:
    """Begin; the same request again is the same certification."""
    asked = await read_json(request, CertificationRequest)
    community, credential_id, secret = _named(request)
    certifying = _office(request).certifying
    return answer(await certifying.open(community, credential_id, secret, asked))


async def read_certification(request: web.Request) -> web.StreamResponse:
    """Where a certification stands."""
    _, credential_id, secret = _named(request)
    return answer(await _office(request).certifying.status(credential_id, secret))


async def begin_step(request: web.Request) -> web.StreamResponse:
    """Begin an attempt at a step."""
    beginning = await read_json(request, Beginning)
    _, credential_id, secret = _named(request)
    step = Step(request.match_info["step"])
    certifying = _office(request).certifying
    return answer(await certifying.begin(credential_id, secret, step, beginning))


async def give_code(request: web.Request) -> web.StreamResponse:
    """Hand over a code."""
    given = await read_json(request, GivenCode)
    _, credential_id, secret = _named(request)
    step = Step(request.match_info["step"])
    certifying = _office(request).certifying
    return answer(await certifying.give_code(credential_id, secret, step, given))


async def engage_staff(request: web.Request) -> web.StreamResponse:
    """Put a clerk on the office's register; again is the same."""
    asked = await read_json(request, StaffRequest)
    if asked.role is not STAFF_ROLE[request.app[SETTINGS].of(GatewaySection).org]:
        raise Problem(422, "certification/role-not-offered")
    register = _register(request)
    return answer(await register.engage(request.match_info["community"], asked))


async def dismiss_staff(request: web.Request) -> web.StreamResponse:
    """Take a clerk off the register."""
    info = request.match_info
    await _register(request).dismiss(info["community"], info["holder_id"])
    return web.Response(status=204)


async def erase_person(request: web.Request) -> web.StreamResponse:
    """Forget who a holder is. What the ledger says of the id stays, and names nobody."""
    is_known = await _office(request).vault.erase(request.match_info["holder_id"])
    if not is_known:
        raise Problem(404, "person/not-found")
    return web.Response(status=204)


def _office(request: web.Request) -> Office:
    if OFFICE not in request.app:
        raise Problem(404, "certification/not-offered")
    return request.app[OFFICE]


def _register(request: web.Request) -> Staff:
    return Staff(_office(request).vault)


def _named(request: web.Request) -> tuple[str, str, str]:
    """Community, credential id, and the secret that only who began it has."""
    try:
        secret = msgspec.convert(request.headers.get(SECRET_HEADER, ""), type=Secret)
    except msgspec.ValidationError:
        raise Problem(400, "certification/no-secret") from None
    return request.match_info["community"], request.match_info["credential_id"], secret


async def _life(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS].of(IdentitySection)
    if not settings.is_on:
        yield
        return
    async with AsyncExitStack() as stack:
        office = await _open_office(app, settings, stack)
        app[OFFICE] = office
        worker = asyncio.create_task(office.issuing.run())
        guesses = Guesses(office.vault, app[CLOCK_MS])
        pruner = asyncio.create_task(pruning(guesses.prune))

        async def require_ready() -> None:
            if worker.done():
                raise NotReady("credentials are not being issued")
            try:
                await office.vault.holder_of("")
            except DatabaseUnavailable as error:
                raise NotReady("the identity database does not answer") from error

        app[READINESS]["identity"] = require_ready
        try:
            yield
        finally:
            for task in (worker, pruner):
                task.cancel()
            await asyncio.wait((worker, pruner))


async def _open_office(
    app: web.Application, settings: IdentitySection, stack: AsyncExitStack
) -> Office:
    clock_ms, ledger = app[CLOCK_MS], app[LEDGER]
    schema = (*vault.SCHEMA, *guessing.SCHEMA, *certifications.SCHEMA, *staff.SCHEMA)
    database = await open_tables(settings.database, schema)
    stack.push_async_callback(database.close)
    assert settings.key_file is not None, "checked by the settings"
    opened = await Vault.open(database, load_key_file(settings.key_file), clock_ms)
    provider = await stack.enter_async_context(HttpProvider(_endpoint(settings)))
    enroller = await stack.enter_async_context(_enroller(settings))
    rows = Certifications(opened)
    issuing = Issuing(
        rows,
        enroller,
        Attesting(provider, ledger),
        ledger,
        clock_ms,
        settings.credential_days * DAY_MS,
    )
    guesses = Guesses(opened, clock_ms)
    roles = roles_of(app[SETTINGS].of(GatewaySection).org)
    certifying = Certifying(opened, rows, guesses, provider, clock_ms, issuing.call, roles)
    return Office(certifying, issuing, opened)


def _endpoint(settings: IdentitySection) -> ProviderEndpoint:
    return ProviderEndpoint(
        url=settings.provider_url,
        token=_secret(settings.provider_token_file),
        ca_file=settings.provider_roots_file,
        cert_file=settings.provider_certificate_file,
        key_file=settings.provider_key_file,
        timeout_s=settings.provider_s,
    )


def _enroller(settings: IdentitySection) -> CaEnroller:
    assert settings.ca_tls_root_file is not None, "checked by the settings"
    root = settings.ca_tls_root_file.read_bytes()
    client = CaClient(settings.ca_url, settings.ca_name, root)
    secret = _secret(settings.ca_registrar_secret_file)
    return CaEnroller(client, settings.ca_registrar, secret)


def _secret(path: Path | None) -> str:
    assert path is not None, "checked by the settings"
    return path.read_text(encoding="ascii").strip()


_ASKED_WITH: Final = f"The header {SECRET_HEADER} holds the secret that the id was made from."
PART: Final = Part(
    name="identity",
    sections=(IdentitySection,),
    life=_life,
    routes=(
        Route(
            name="certification_flows",
            method="GET",
            path=f"{COMMUNITY}/certification-flows",
            says="The ways to be certified; one of them needs no face.",
            tag=TAG,
            handler=list_flows,
            is_validated=False,
            parameters=(ROLE,),
            answer=OfferedFlows,
        ),
        Route(
            name="open_certification",
            method="PUT",
            path=ONE,
            says=f"Begin a certification; again is the same. {_ASKED_WITH}",
            tag=TAG,
            handler=open_certification,
            body=CertificationRequest,
            answer=CertificationStatus,
        ),
        Route(
            name="certification",
            method="GET",
            path=ONE,
            says=f"Where a certification stands. {_ASKED_WITH}",
            tag=TAG,
            handler=read_certification,
            is_validated=False,
            answer=CertificationStatus,
        ),
        Route(
            name="begin_certification_step",
            method="PUT",
            path=f"{ONE}/steps/{{step}}",
            says=f"Begin an attempt at the next step. {_ASKED_WITH}",
            tag=TAG,
            handler=begin_step,
            body=Beginning,
            answer=CertificationStatus,
            path_kinds={"step": Step},
        ),
        Route(
            name="give_certification_code",
            method="POST",
            path=f"{ONE}/steps/{{step}}/code",
            says=f"Hand over the code of a step. {_ASKED_WITH}",
            tag=TAG,
            handler=give_code,
            body=GivenCode,
            answer=CertificationStatus,
            path_kinds={"step": Step},
        ),
        Route(
            name="engage_staff",
            method="PUT",
            path=f"{COMMUNITY}/staff",
            says="Put a clerk on this office's register, so that they can be certified.",
            tag=TAG,
            handler=engage_staff,
            body=StaffRequest,
            answer=StaffMember,
            orgs=EMPLOYERS,
        ),
        Route(
            name="dismiss_staff",
            method="DELETE",
            path=f"{COMMUNITY}/staff/{{holder_id}}",
            says="Take a clerk off this office's register.",
            tag=TAG,
            handler=dismiss_staff,
            answer_media_type="",
            orgs=EMPLOYERS,
        ),
        Route(
            name="erase_person",
            method="DELETE",
            path="/v1/persons/{holder_id}",
            says="Forget who a holder is; what the ledger says of the id stays.",
            tag=TAG,
            handler=erase_person,
            answer_media_type="",
            orgs=EMPLOYERS,
        ),
    ),
)
