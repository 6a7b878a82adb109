"""What every step of the story works with: the network, its gateways, the desks, the people."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from chaincode.model.base import Org
from network.home import Network
from scripts.clients import Ask, asking_at, channel_of
from scripts.hand.acting import Accepted
from scripts.hand.errors import Refused
from scripts.hand.folder import KEY
from scripts.hand.forms import Forms
from scripts.hand.gateways import Gateways
from scripts.hand.person import Person
from scripts.hand.session import Session
from scripts.story.clock import now_ms, wait_for
from scripts.story.desks import Desk, Headers, no_proof, operator, patiently
from scripts.story.people import Owner, key_of, load_ids, read_owners
from scripts.story.places import ORGS, Places
from scripts.story.progress import Teller
from scripts.story.settings import operator_token_file

HOLDERS: Final = "holders.json"
QUERIES_AT_ONCE: Final = 24
RENEW_MS: Final = 5 * 60 * 1000
"""A session is renewed when it is older; a gateway ends it after fifteen idle minutes."""


@dataclass(slots=True, kw_only=True)
class World:
    """The running demo. Steps keep here what later steps of the same run need."""

    network: Network
    places: Places
    teller: Teller
    peers: Mapping[Org, Ask]
    """Queries at each organisation's own peer."""
    heights: Mapping[Org, Callable[[], Awaitable[int]]]
    """How many blocks each organisation's peer has."""
    gateways: Mapping[Org, Gateways]
    """For each organisation its own gateway first, then the others': what a phone tries."""
    owners: tuple[Owner, ...]
    figures: dict[str, Any] = field(default_factory=dict)
    """What the summary says."""
    _people: dict[str, Person] = field(default_factory=dict)
    _holders: dict[str, str] = field(default_factory=dict)
    _forms: Forms | None = None
    _sessions: dict[tuple[str, str], tuple[Session, int]] = field(default_factory=dict)

    async def ask(self, function: str, fields: dict[str, Any]) -> Any:
        """A query at the regulator's peer: how a step finds out whether it has been done.

        It sees what any organisation's gateway has said before: the peer first has as many blocks
        as any. Raises TooLate.
        """
        (found,) = await self.ask_each(function, [fields])
        return found

    async def ask_each(self, function: str, fields: Sequence[dict[str, Any]]) -> list[Any]:
        """The same for many queries of one kind, in their order."""
        await self._level()
        slots = asyncio.Semaphore(QUERIES_AT_ONCE)

        async def ask(one: dict[str, Any]) -> Any:
            async with slots:
                return await self.peers[Org.REGULATOR](function, one)

        return await asyncio.gather(*(ask(one) for one in fields))

    async def _level(self) -> None:
        found = await asyncio.gather(*(height() for height in self.heights.values()))
        heights = dict(zip(self.heights, found, strict=True))

        async def is_level() -> bool:
            return await self.heights[Org.REGULATOR]() >= max(found)

        if heights[Org.REGULATOR] < max(found):
            await wait_for(is_level, "the regulator's peer has what the others have")

    async def seen_by_all(
        self,
        function: str,
        fields: dict[str, Any],
        holds: Callable[[Any], bool],
        what: str,
    ) -> Any:
        """Wait until every organisation's peer answers so; the regulator's answer.

        Raises TooLate.
        """

        async def look(org: Org) -> Any:
            found = await self.peers[org](function, fields)
            return found if found is not None and holds(found) else None

        found = {org: await wait_for(partial(look, org), what) for org in self.peers}
        return found[Org.REGULATOR]

    @property
    def channel(self) -> str:
        """The ledger of the community."""
        return self.network.config.channels[0].name

    @property
    def community(self) -> str:
        """The community that the demo is about."""
        return self.network.config.channels[0].communities[0]

    def key(self, label: str) -> Person:
        """Whoever's key is called so; made now if there is none."""
        if label not in self._people:
            self._people[label] = key_of(self.places.people / label)
        return self._people[label]

    def person(self, owner: Owner) -> Person:
        """An owner with the key they use now: a member of the committee uses the member's."""
        member = self.key(owner.member_label) if self._is_member(owner) else None
        return member or self.key(owner.label)

    def _is_member(self, owner: Owner) -> bool:
        folder = self.places.people / owner.member_label
        return (folder / KEY).exists() and self.key(
            owner.member_label
        ).folder.kept().bindings is not None

    def holder(self, owner: Owner) -> str:
        """The random id by which the ledger knows an owner."""
        if not self._holders:
            self._holders.update(load_ids(self.places.kept / HOLDERS))
        return self._holders[owner.label]

    async def act(self, person: Person, org: Org, act: str, **fields: Any) -> Accepted:
        """Sign and send an act, first through this organisation's gateway."""
        return await patiently(lambda: self._act(person, org, act, fields))

    async def refusal(self, person: Person, org: Org, act: str, **fields: Any) -> Refused | None:
        """How an act is refused; None if it is accepted."""
        try:
            await self._act(person, org, act, fields)
        except Refused as refused:
            return refused
        return None

    async def _act(self, person: Person, org: Org, act: str, fields: Mapping[str, Any]) -> Accepted:
        gateways = self.gateways[org]
        if self._forms is None:
            self._forms = await person.forms(gateways)
        person.use_forms(self._forms)
        return await person.send(gateways, act, fields)

    def operator(self, org: Org) -> Desk:
        """An organisation's desk in the hands of who runs its machines."""
        token = operator_token_file(self.places, org).read_text(encoding="ascii")
        return Desk(self._own(org), self.community, operator(token))

    def nobody(self, org: Org) -> Desk:
        """An organisation's gateway as anybody finds it."""
        return Desk(self._own(org), self.community, no_proof)

    def staff(self, org: Org, person: Person) -> Desk:
        """An organisation's desk in the hands of a person who logs in there."""
        return Desk(self._own(org), self.community, self._logged_in(org, person))

    def _own(self, org: Org) -> Gateways:
        return self.gateways[org].only(self.places.url(org))

    def _logged_in(self, org: Org, person: Person) -> Headers:
        async def headers() -> Mapping[str, str]:
            place = (org, person.credential_id)
            session, since_ms = self._sessions.get(place, (None, 0))
            if session is None or now_ms() - since_ms > RENEW_MS:
                session = await person.log_in(self._own(org))
                self._sessions[place] = (session, now_ms())
            return session.headers

        return headers


@asynccontextmanager
async def open_world(network: Network, places: Places, teller: Teller) -> AsyncIterator[World]:
    """The world of a running network whose gateways run."""
    async with AsyncExitStack() as stack:
        gateways = {}
        for place, org in enumerate(ORGS):
            turned = (*ORGS[place:], *ORGS[:place])
            gateways[org] = await stack.enter_async_context(
                Gateways([places.url(one) for one in turned])
            )
        channels = {org: await stack.enter_async_context(channel_of(network, org)) for org in ORGS}
        yield World(
            network=network,
            places=places,
            teller=teller,
            peers={org: asking_at(channel, network) for org, channel in channels.items()},
            heights={org: channel.ledger.height for org, channel in channels.items()},
            gateways=gateways,
            owners=read_owners(),
        )
