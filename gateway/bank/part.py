"""The bank's business as a part of the bank's gateway: a desk for each of its communities."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from chaincode.model.base import Org
from gateway.appkeys import READINESS, SETTINGS
from gateway.bank.facts import Hasher
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
        if self.url and not (self.url.startswith("https://") or stays_here(self.url)):
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


def stays_here(url: str) -> bool:
    """Whether plain HTTP leaves this machine nowhere."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in LOOPBACK and "@" not in parts.netloc


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


async def life(app: web.Application) -> AsyncIterator[None]:
    """Open the desks while the service lives. Raises SettingsError at another organisation."""
    settings = app[SETTINGS]
    section = settings.of(BankSection)
    if not section.is_on:
        yield
        return
    if settings.of(GatewaySection).org is not Org.BANK:
        raise SettingsError(["[bank] belongs to the bank's gateway"])
    # The classes of the bank's messages take a second and 12 MB: not at other organisations.
    from gateway.bank.desks import Desks, office_of

    desks = Desks(office_of(app, section))
    app[READINESS]["bank"] = desks.require_ready
    opening = asyncio.create_task(desks.run())
    yield
    opening.cancel()
    await asyncio.wait((opening,))
    await desks.stop(settings.of(HttpSection).stop_s)


PART: Final = Part(name="bank", sections=(BankSection,), life=life)
