"""Certificates on paper as a part of the service."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Final

import msgspec
from aiohttp import web

from chaincode.model.result import Certificate
from gateway.api.answers import has_already
from gateway.api.rows import read_parameters
from gateway.appkeys import LEDGER, SETTINGS
from gateway.certificate.fonts import find_font
from gateway.certificate.pdf import Setting
from gateway.certificate.printer import Printer
from gateway.errors import Problem
from gateway.ledger import ask
from gateway.parts import Part
from gateway.routes import COMMUNITY, Route
from gateway.settings import Section

PRINT_S_MAX: Final = 60.0
CHINA_OFFSET_MINUTES: Final = 8 * 60


class CertificateSection(Section, frozen=True):
    """What stands on every certificate."""

    name = "certificate"
    verify_url: str = "https://localhost/verify"
    """The page that compares a certificate with the ledger; the QR code leads there."""
    utc_offset_minutes: Annotated[int, msgspec.Meta(ge=-720, le=840)] = CHINA_OFFSET_MINUTES
    font_file: Path | None = None
    """A font with Chinese letters, if none is found where systems keep them."""

    def findings(self) -> list[str]:
        """The address must be one."""
        if self.verify_url.startswith(("https://", "http://")) and "?" not in self.verify_url:
            return []
        return ["verify_url must be an http address without a query"]


PRINTER: web.AppKey[Printer | None] = web.AppKey("printer")
"""None where no font is installed."""


async def certificate_document(request: web.Request) -> web.Response:
    """The certificate of a final result as PDF."""
    read_parameters(request, ())
    place = request.match_info
    community, motion_id = place["community"], place["motion_id"]
    ledger, printer = request.app[LEDGER], request.app[PRINTER]
    if printer is None:
        raise Problem(503, "certificate/no-font")
    record = await ask(ledger, community, "certificate", Certificate, motion_id=motion_id)
    body = await printer.pdf(community, record)
    etag = hashlib.sha256(body).hexdigest()
    headers = {
        "ETag": f'"{etag}"',
        "Cache-Control": "no-cache",
        "Content-Disposition": f'inline; filename="certificate-{motion_id}.pdf"',
    }
    if has_already(request, etag):
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type="application/pdf", headers=headers)


async def life(app: web.Application) -> AsyncIterator[None]:
    """Find a font; the service lives without one, but prints nothing."""
    section = app[SETTINGS].of(CertificateSection)
    app[PRINTER] = printer = _printer(section)
    yield
    if printer is not None:
        await printer.stop()


def _printer(section: CertificateSection) -> Printer | None:
    try:
        font = find_font(section.font_file)
    except Problem:
        return None
    setting = Setting(
        font=font, verify_url=section.verify_url, offset_minutes=section.utc_offset_minutes
    )
    return Printer(setting)


PART = Part(
    name="certificate",
    sections=(CertificateSection,),
    life=life,
    routes=(
        Route(
            name="certificate_pdf",
            method="GET",
            path=f"{COMMUNITY}/motions/{{motion_id}}/certificate.pdf",
            says="The certificate of a final result, for the notice board.",
            tag="certificates",
            handler=certificate_document,
            answer_media_type="application/pdf",
            answer_s_max=PRINT_S_MAX,
        ),
    ),
)
