"""The desks of all the bank's communities, as the settings and the directory say."""

import asyncio
import logging
from contextlib import AsyncExitStack

from aiohttp import web

from gateway.appkeys import LEDGER, METRICS
from gateway.bank.desk import Desk, Office
from gateway.bank.directory import DirectoryBroken, DirectoryFile
from gateway.bank.folder import FolderTransport
from gateway.bank.http import HttpEndpoint, HttpTransport
from gateway.bank.part import PLACE, BankSection, load_hasher, stays_here
from gateway.bank.transport import BankTransport
from gateway.errors import FAULTS_TOLD_MAX, NotReady, PartlyReady, require_some

_log = logging.getLogger(__name__)


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
        """Raises NotReady with the directory's fault or that of every desk; PartlyReady with
        those of some, or with what single messages suffer from."""
        if self._broken:
            raise NotReady(f"bank: {self._broken}")
        open_desks = [one for name, one in self._desks.items() if not self._running[name].done()]
        require_some(len(open_desks), [desk.fault for desk in open_desks if desk.fault])
        troubles = [trouble for desk in open_desks for trouble in desk.troubles]
        if troubles:
            raise PartlyReady("; ".join(troubles[:FAULTS_TOLD_MAX]))

    async def stop(self, within_s: float) -> None:
        """End every desk after its round; one that takes longer ends with the process."""
        for desk in self._desks.values():
            desk.stop()
        if self._running:
            await asyncio.wait(self._running.values(), timeout=within_s)


def office_of(app: web.Application, section: BankSection) -> Office:
    """What the desks share. Raises SettingsError for a salt that is too short."""
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
                plain_http=stays_here(section.url),
            )
        )
        stack.push_async_callback(http.close)
        return http
