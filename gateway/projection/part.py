"""The read model as a part of the service: its settings, its routes and its life."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Annotated, Final, Literal

import msgspec
from aiohttp import web

from gateway.access import CIVIC
from gateway.api.answers import json_answer
from gateway.api.paging import next_page
from gateway.api.rows import read_parameters
from gateway.appkeys import CLOCK_MS, LEDGER, METRICS, READER, READINESS, SETTINGS
from gateway.database import Database
from gateway.errors import Problem
from gateway.ledger import FabricLedger
from gateway.parts import Part
from gateway.projection.answers import (
    Found,
    History,
    Place,
    Substitutions,
    Transactions,
    parse_place,
)
from gateway.projection.apply import EndorsementTerms, Projection
from gateway.projection.figures import ChannelFigures
from gateway.projection.keys import BLOCK_SOURCE, PROJECTOR, READ_MODEL
from gateway.projection.projector import NO_BLOCKS, BlockSource, FabricBlocks, Projector
from gateway.projection.readmodel import FIRST_PLACE, LAST_PLACE, PAGE_MAX, ReadModel
from gateway.projection.schema import open_read_model_database
from gateway.projection.words import TEXTS
from gateway.routes import COMMUNITY, Parameter, Route
from gateway.settings import FabricSection, Section, Settings

PageLimit = Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX)]
PlaceText = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,16}:[0-9]{1,16}\Z")]
SearchText = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
_log = logging.getLogger(__name__)
LIMIT: Final = Parameter(name="limit", kind=PageLimit, says="At most so many.")

HISTORY_KINDS: Final = (
    "budget", "bulletin", "certificate", "disclosure", "freeze", "fund", "motion", "payee",
    "payment", "payment-approval", "result", "rule", "unit",
)  # fmt: skip
"""Kinds of record whose history everybody of the community may read: none tells who took part."""
CIVIC_KINDS: Final = frozenset({"unit"})
"""As in the access table for units themselves."""


class ProjectionSection(Section, frozen=True):
    """Where the read model is kept, and whose endorsements are missing when."""

    name = "projection"
    databases = ("database",)
    database: str = "readmodel.sqlite3"
    """The path of an SQLite file, or ``postgresql://...``."""
    required_msps: tuple[str, ...] = ("BankMSP", "CommitteeMSP", "PropertyMSP")
    substitute_msp: str = "RegulatorMSP"


async def read_history(request: web.Request) -> web.Response:
    """Every version of a unit, motion, payment, ..."""
    kind, community = request.match_info["kind"], request.match_info["community"]
    if kind in CIVIC_KINDS and request[READER].who not in CIVIC:
        raise Problem(403, "gateway/not-for-you")
    given = read_parameters(request, _HISTORY_PARAMETERS)
    found = await request.app[READ_MODEL].history(
        community,
        f"{community}/{kind}/{request.match_info['id']}",
        after=_place(given, "after", FIRST_PLACE),
        limit=given.get("limit", PAGE_MAX),
    )
    if not found.versions and "after" not in given:
        raise Problem(404, "gateway/no-such-resource")
    headers = next_page(request, after=found.next_after)
    return json_answer(request, msgspec.json.encode(found), headers=headers)


async def list_transactions(request: web.Request) -> web.Response:
    """The community's transactions and their endorsements."""
    given = read_parameters(request, _TRANSACTION_PARAMETERS)
    found = await request.app[READ_MODEL].transactions(
        request.match_info["community"],
        before=_place(given, "before", LAST_PLACE),
        limit=given.get("limit", PAGE_MAX),
        substituted=given.get("substituted", False),
    )
    headers = next_page(request, before=found.next_before)
    return json_answer(request, msgspec.json.encode(found), headers=headers)


async def read_substitutions(request: web.Request) -> web.Response:
    """How often the substitute stood in for whom."""
    read_parameters(request, ())
    found = await request.app[READ_MODEL].substitutions(request.match_info["community"])
    return json_answer(request, msgspec.json.encode(found))


async def search_records(request: web.Request) -> web.Response:
    """Motions, bulletins, budgets, payments and disclosures by their words."""
    given = read_parameters(request, _SEARCH_PARAMETERS)
    found = await request.app[READ_MODEL].search(
        request.match_info["community"],
        given["q"],
        kind=given.get("kind", ""),
        limit=given.get("limit", PAGE_MAX),
    )
    return json_answer(request, msgspec.json.encode(found))


def projection(settings: Settings, database: Database) -> Projection:
    """The tables of a database with the endorsement terms of the settings."""
    section = settings.of(ProjectionSection)
    terms = EndorsementTerms(required=section.required_msps, substitute=section.substitute_msp)
    return Projection(database, terms)


async def life(app: web.Application) -> AsyncIterator[None]:
    """Open the tables and follow the channels while the service lives."""
    settings = app[SETTINGS]
    database = await open_read_model_database(settings.of(ProjectionSection).database)
    projector = Projector(_source(app), projection(settings, database), app[CLOCK_MS])
    app[PROJECTOR] = projector
    app[METRICS].registry.register(ChannelFigures(projector))
    app[READ_MODEL] = ReadModel(database, projector.age_ms)
    app[READINESS]["read model"] = projector.require_ready
    following = asyncio.create_task(projector.run())
    following.add_done_callback(_tell_of_defect)
    yield
    following.cancel()
    await asyncio.wait((following,))
    await database.close()


def _source(app: web.Application) -> BlockSource:
    ledger = app[LEDGER]
    if isinstance(ledger, FabricLedger):
        return FabricBlocks(ledger, app[SETTINGS].of(FabricSection).chaincode)
    return app.get(BLOCK_SOURCE, NO_BLOCKS)


def _tell_of_defect(following: asyncio.Task[None]) -> None:
    if not following.cancelled() and following.exception() is not None:
        _log.error("the read model is no longer followed", exc_info=following.exception())


def _place(given: dict[str, str], name: str, default: Place) -> Place:
    return parse_place(given[name]) if name in given else default


_HISTORY_PARAMETERS: Final = (
    Parameter(name="after", kind=PlaceText, says="Begin behind this place (block:transaction)."),
    LIMIT,
)
_TRANSACTION_PARAMETERS: Final = (
    Parameter(name="before", kind=PlaceText, says="Begin before this place (block:transaction)."),
    Parameter(name="substituted", kind=bool, says="Only those endorsed by the substitute."),
    LIMIT,
)
_SEARCH_PARAMETERS: Final = (
    Parameter(name="q", kind=SearchText, says="Words that must all be there.", required=True),
    Parameter(name="kind", kind=Literal[tuple(TEXTS)], says="Only records of this kind."),
    LIMIT,
)
_TAG: Final = "read model"


PART = Part(
    name="projection",
    sections=(ProjectionSection,),
    life=life,
    routes=(
        Route(
            name="read_record_history",
            method="GET",
            path=f"{COMMUNITY}/history/{{kind}}/{{id}}",
            says="Every version of a unit, motion, payment and the like, oldest first.",
            tag=_TAG,
            handler=read_history,
            answer=History,
            parameters=_HISTORY_PARAMETERS,
            is_paged=True,
            path_kinds={"kind": Literal[HISTORY_KINDS]},
        ),
        Route(
            name="list_transactions",
            method="GET",
            path=f"{COMMUNITY}/transactions",
            says="Transactions with their endorsements and outcomes, newest first.",
            tag=_TAG,
            handler=list_transactions,
            answer=Transactions,
            parameters=_TRANSACTION_PARAMETERS,
            is_paged=True,
        ),
        Route(
            name="read_substitutions",
            method="GET",
            path=f"{COMMUNITY}/substitutions",
            says="How often the substitute endorsed in whose place.",
            tag=_TAG,
            handler=read_substitutions,
            answer=Substitutions,
        ),
        Route(
            name="search_records",
            method="GET",
            path=f"{COMMUNITY}/search",
            says="Motions, bulletins, budgets, payments and disclosures by their words.",
            tag=_TAG,
            handler=search_records,
            answer=Found,
            parameters=_SEARCH_PARAMETERS,
        ),
    ),
)
