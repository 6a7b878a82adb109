"""One person with one key, for programs: what the command does, as calls."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from gateway.identity.signingrequest import credential_id
from scripts.hand import acting, certifying, proof, session, voting
from scripts.hand.acting import Accepted
from scripts.hand.certifying import WAIT_S, Applicant, Guide
from scripts.hand.errors import BadInput
from scripts.hand.folder import Folder, KeptAct
from scripts.hand.forms import Forms, fetch_forms
from scripts.hand.gateways import Gateways
from scripts.hand.proof import Proof
from scripts.hand.session import Reader, Session


class Person:
    """The holder of the key in a folder. Everything raises the errors of `scripts.hand.errors`.

    A session and the forms are kept in memory. Calls of different persons may run at once.
    """

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self._forms: Forms | None = None
        self._reader: Reader | None = None

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make a key in a folder of its own, mode 0600; it never leaves it."""
        return cls(Folder.create(path))

    @classmethod
    def open(cls, path: Path) -> Self:
        """The person whose key is there."""
        return cls(Folder.open(path))

    @property
    def community(self) -> str:
        """Where the credential is of, or is asked for. Raises BadInput before."""
        community = self.folder.kept().community
        if not community:
            raise BadInput(f"{self.folder.path} has no credential yet: `act certify` asks for one")
        return community

    @property
    def credential_id(self) -> str:
        """The credential's id; it is known as soon as the community is."""
        return credential_id(self.community, self.folder.kept().secret)

    async def certify(
        self,
        gateways: Gateways,
        community: str,
        applicant: Applicant,
        guide: Guide,
        *,
        wait_s: float = WAIT_S,
    ) -> str:
        """See `certifying.certify`."""
        return await certifying.certify(
            self.folder, gateways, community, applicant, guide, wait_s=wait_s
        )

    async def log_in(
        self, gateways: Gateways, *, wanted: Literal["bearer", "cookie"] = "bearer"
    ) -> Session:
        """See `session.log_in`."""
        return await session.log_in(self.folder, gateways, wanted=wanted)

    async def read(self, gateways: Gateways, path: str) -> Any:
        """What stands at a path of the community; see `session.Reader.read`."""
        return await self._reading(gateways).read(path)

    async def forms(self, gateways: Gateways) -> Forms:
        """The channel and the acts of the credential's community."""
        if self._forms is None:
            self._forms = await fetch_forms(gateways, self.community)
        return self._forms

    def use_forms(self, forms: Forms) -> None:
        """Take what another person of the community asked for already."""
        self._forms = forms

    async def sign(
        self, gateways: Gateways, act: str, fields: Mapping[str, Any], *, at: int | None = None
    ) -> KeptAct:
        """Sign an act now (or at `at`, UTC ms) and keep it; nothing is sent."""
        return await self._signed(gateways, act, fields, at=at)

    async def send(
        self, gateways: Gateways, act: str, fields: Mapping[str, Any], *, at: int | None = None
    ) -> Accepted:
        """Sign and send; see `acting.send`."""
        return await acting.send(
            self.folder, gateways, await self.sign(gateways, act, fields, at=at)
        )

    async def vote(
        self,
        gateways: Gateways,
        motion_id: str,
        unit_ids: Sequence[str],
        choices: Sequence[str],
        *,
        at: int | None = None,
    ) -> Accepted:
        """Cast a ballot, sealed where the motion asks for it; see `voting` and `acting.send`."""
        motion = await voting.read_motion(self.folder, gateways, motion_id)
        fields, openings = voting.ballot_fields(motion, unit_ids, choices)
        signed = await self._signed(gateways, "cast_ballot", fields, at=at, openings=openings)
        return await acting.send(self.folder, gateways, signed)

    async def open_ballot(
        self, gateways: Gateways, nonce: str, *, at: int | None = None
    ) -> list[Accepted]:
        """Open the sealed choices of an act after the close, should a trustee's key not come."""
        signed = self.folder.act(nonce)
        return [
            await self.send(gateways, "open_ballot", fields, at=at)
            for fields in voting.opening_fields(signed.fields, signed.openings)
        ]

    async def send_again(self, gateways: Gateways, nonce: str) -> Accepted:
        """Send the same bytes again, e.g. after NotKnown."""
        return await acting.send(self.folder, gateways, self.folder.act(nonce))

    async def proof(self, gateways: Gateways, nonce: str) -> Proof:
        """See `proof.prove`."""
        signed = self.folder.act(nonce)
        return await proof.prove(self.folder, self._reading(gateways), signed)

    async def _signed(
        self, gateways: Gateways, act: str, fields: Mapping[str, Any], **rest: Any
    ) -> KeptAct:
        forms = await self.forms(gateways)
        return await asyncio.to_thread(acting.sign, self.folder, forms, act, fields, **rest)

    def _reading(self, gateways: Gateways) -> Reader:
        """The reader at hand, or a new one for other gateways."""
        if self._reader is None or self._reader.gateways is not gateways:
            self._reader = Reader(self.folder, gateways)
        return self._reader
