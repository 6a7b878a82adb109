"""Which parts this gateway is made of. A new part is one line here."""

from typing import Final

from gateway import clock
from gateway.api import acts, documents, ledger, money, people, public, voting
from gateway.identity import certifyroutes, loginroutes
from gateway.parts import Part

PARTS: Final[tuple[Part, ...]] = (
    documents.PART,
    acts.PART,
    Part(
        name="resources",
        routes=(*ledger.ROUTES, *people.ROUTES, *voting.ROUTES, *money.ROUTES, *public.ROUTES),
    ),
    clock.PART,
    loginroutes.PART,
    certifyroutes.PART,
)
