"""The bank's end of a shared folder: reads outbox/, writes inbox/ (README.md: folder protocol)."""

from __future__ import annotations

import logging
from pathlib import Path

from gateway.bank.durable import move_file, write_file
from gateway.bank.errors import MessageRefused
from gateway.bank.folder import INBOX, OUTBOX, message_files
from gateway.bank.sandbox.bank import Bank, Taken

_log = logging.getLogger(__name__)
_ACCEPTED, _REFUSED = "outbox-accepted", "outbox-refused"


class FolderExchange:
    """Moves messages between the folder and the bank; may be interrupted anywhere."""

    def __init__(self, bank: Bank, root: Path) -> None:
        for name in (OUTBOX, INBOX, _ACCEPTED, _REFUSED):
            (root / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        self._bank = bank
        self._root = root

    def collect(self) -> None:
        """Takes every finished file of outbox/."""
        for path in message_files(self._root / OUTBOX):
            move_file(path, self._root / self._fate(path) / path.name)

    def deliver(self) -> None:
        """Writes every released message into inbox/."""
        for delivery_id, data in self._bank.mail.undelivered():
            write_file(self._root / INBOX / f"{delivery_id}.xml", data)
            self._bank.mail.mark_delivered(delivery_id)

    def _fate(self, path: Path) -> str:
        try:
            taken = self._bank.take(path.read_bytes())
        except MessageRefused as refusal:
            _log.warning("refused %s: %s", path.name, refusal.code)
            return _REFUSED
        return _REFUSED if taken is Taken.CONFLICT else _ACCEPTED
