"""Makes certificates in a process of its own: a font is large, and the service must not wait."""

import asyncio
import multiprocessing
from collections import OrderedDict
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Final

from chaincode import codec
from chaincode.model.result import Certificate
from gateway.certificate.pdf import Setting, certificate_pdf, certificate_sha256

REMEMBERED_MAX: Final = 64
"""Documents of some 100 KB; a certificate never changes."""


class Printer:
    """Certificates as PDF, one at a time, the newest remembered."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._pool = _pool()
        self._turn = asyncio.Lock()
        self._remembered: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    async def pdf(self, community: str, certificate: Certificate) -> bytes:
        """The document of a certificate."""
        name = (community, certificate_sha256(certificate))
        async with self._turn:
            if name not in self._remembered:
                self._remembered[name] = await self._make(community, codec.encode(certificate))
                if len(self._remembered) > REMEMBERED_MAX:
                    self._remembered.popitem(last=False)
        return self._remembered[name]

    async def stop(self) -> None:
        """End the process."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    async def _make(self, community: str, record: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, _print, community, record, self._setting)
        except BrokenProcessPool:
            # The process was killed; the next certificate gets a new one.
            self._pool = _pool()
            raise


def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


def _print(community: str, record: bytes, setting: Setting) -> bytes:
    return certificate_pdf(community, codec.decode_stored(record, Certificate), setting)
