"""The bank's business as a part of the bank's gateway: a desk for each of its communities."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from aiohttp import web

from chaincode.model.base import Org
from gateway.appkeys import LEDGER, METRICS, READINESS, SETTINGS
from gateway.bank.desk import Desk, Office
from gateway.bank.directory import DirectoryBroken, DirectoryFile
from gateway.bank.facts import Hasher
from gateway.bank.folder import FolderTransport
from gateway.bank.http import HttpEndpoint, HttpTransport
from gateway.bank.transport import BankTransport
from gateway.errors import NotReady
from gateway.identity.settings import LOOPBACK
from gateway.parts import Part
from gateway.settings import (
    GatewaySection,
    HttpSection,
    Seconds,
    Section,
    SettingsError,
    secret_file_findings,
)

PLACE: Final = "{community}"
"""Stands for the community in the bank's address."""

_log = logging.getLogger(__name__)


class BankSection(Section, frozen=True):
    """The bank's own connection. The bank's gateway only; without these it orders nothing."""

    name = "bank"
    directory_file: Path | None = None
    """Who is behind the hashes on the ledger (`gateway.bank.directory`), mode 0600."""
    salt_file: Path | None = None
    """The salt of those hashes, at least 16 bytes, mode 0600; never to be changed."""
    journal_folder: Path | None = None
    """One journal per community."""
    exchange_folder: Path | None = None
    """Messages are exchanged in a folder per community in here."""
    url: str = ""
    """Or with the bank's HTTP interface here; ``{community}`` stands for the community."""
    token_file: Path | None = None
    """The bearer token for `url`, mode 0600."""
    roots_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    """Certificate and key for mutual TLS: both or neither."""
    every_s: Seconds = 5.0

    @property
    def is_on(self) -> bool:
        """Whether this gateway deals with the bank."""
        return self.directory_file is not None

    @property
    def communities_max(self) -> int | None:
        """One where all would take from one outbox, and each confirm the others' messages."""
        return 1 if self.url and PLACE not in self.url else None

    def findings(self) -> list[str]:
        """All or nothing, one way to the bank, and secrets that are nobody else's to read."""
        given = {field: getattr(self, field) for field in _PATHS}
        if not any((*given.values(), self.url)):
            return []
        found = [f"{field} is missing" for field in _NEEDED if given[field] is None]
        if (self.exchange_folder is None) == (not self.url):
            found.append("either exchange_folder or url says how messages travel")
        if bool(self.url) != (self.token_file is not None):
            found.append("url and token_file belong together")
        if self.url and not (self.url.startswith("https://") or _stays_here(self.url)):
            found.append("url is not https (nor http on this machine)")
        if (self.certificate_file is None) != (self.key_file is None):
            found.append("certificate_file and key_file belong together")
        if self.roots_file is not None and not self.roots_file.is_file():
            found.append("roots_file is not a file")
        for field in _SECRET:
            found += secret_file_findings(field, given[field]) if given[field] else []
        return found


_NEEDED: Final = ("directory_file", "salt_file", "journal_folder")
_SECRET: Final = ("directory_file", "salt_file", "token_file", "key_file")
_PATHS: Final = (*_NEEDED, "exchange_folder", "token_file", "roots_file", "certificate_file",
                 "key_file")  # fmt: skip


def _stays_here(url: str) -> bool:
    return any(url.startswith((f"http://{host}:", f"http://{host}/")) for host in LOOPBACK)


class Desks:
    """A desk for each community of the directory, which is read again every few seconds."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._desks: dict[str, Desk] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._broken = ""

    async def run(self) -> None:
        """Open desks until cancelled; one that ended is opened again when it is named again."""
        while True:
            try:
                named = await asyncio.to_thread(self._office.directory.customers)
            except (DirectoryBroken, OSError) as error:
                named, self._broken = {}, str(error)
                _log.warning("the bank's directory cannot be used: %s", type(error).__name__)
            else:
                self._broken = ""
            for community in named:
                self._open(community)
            await asyncio.sleep(self._office.every_s)

    def _open(self, community: str) -> None:
        running = self._running.get(community)
        if running is None or running.done():
            desk = Desk(self._office, community)
            self._desks[community] = desk
            self._running[community] = asyncio.create_task(desk.run())

    async def require_ready(self) -> None:
        """Raises NotReady with the directory's fault, or the first desk's."""
        if self._broken:
            raise NotReady(f"bank: {self._broken}")
        for community, desk in self._desks.items():
            if not self._running[community].done():
                desk.require_ready()

    async def stop(self, within_s: float) -> None:
        """End every desk after its round; one that takes longer ends with the process."""
        for desk in self._desks.values():
            desk.stop()
        if self._running:
            await asyncio.wait(self._running.values(), timeout=within_s)


async def life(app: web.Application) -> AsyncIterator[None]:
    """Open the desks while the service lives. Raises SettingsError at another organisation."""
    settings = app[SETTINGS]
    section = settings.of(BankSection)
    if not section.is_on:
        yield
        return
    if settings.of(GatewaySection).org is not Org.BANK:
        raise SettingsError(["[bank] belongs to the bank's gateway"])
    desks = Desks(_office(app, section))
    app[READINESS]["bank"] = desks.require_ready
    opening = asyncio.create_task(desks.run())
    yield
    opening.cancel()
    await asyncio.wait((opening,))
    await desks.stop(settings.of(HttpSection).stop_s)


def _office(app: web.Application, section: BankSection) -> Office:
    assert section.directory_file is not None, "checked by the settings"
    assert section.salt_file is not None, "checked by the settings"
    assert section.journal_folder is not None, "checked by the settings"
    return Office(
        ledger=app[LEDGER],
        directory=DirectoryFile(section.directory_file, section.communities_max),
        hasher=load_hasher(section.salt_file),
        journals=section.journal_folder,
        open_transport=_Exchange(section),
        metrics=app[METRICS],
        every_s=section.every_s,
    )


def load_hasher(salt_file: Path) -> Hasher:
    """The hashes under this file's salt. Raises SettingsError where others may read it, or it is
    too short."""
    found = secret_file_findings("[bank] salt_file", salt_file)
    if found:
        raise SettingsError(found)
    try:
        return Hasher(salt_file.read_bytes().strip())
    except ValueError as error:
        raise SettingsError([f"[bank] salt_file: {error}"]) from None


class _Exchange:
    """Opens a community's exchange with the bank as the settings say."""

    def __init__(self, section: BankSection) -> None:
        self._section = section

    async def __call__(self, community: str, stack: AsyncExitStack) -> BankTransport:
        section = self._section
        if section.exchange_folder is not None:
            folder = FolderTransport(section.exchange_folder / community)
            stack.callback(folder.close)
            return folder
        assert section.token_file is not None, "checked by the settings"
        http = HttpTransport(
            HttpEndpoint(
                base_url=section.url.replace(PLACE, community),
                token=section.token_file.read_text(encoding="ascii").strip(),
                ca_file=section.roots_file,
                cert_file=section.certificate_file,
                key_file=section.key_file,
                plain_http=_stays_here(section.url),
            )
        )
        stack.push_async_callback(http.close)
        return http


PART: Final = Part(name="bank", sections=(BankSection,), life=life)
