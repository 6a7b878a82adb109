"""Which parts this gateway is made of. A new part is one line here."""

from typing import Final

from gateway import clock
from gateway.api import acts, documents, forms, ledger, money, people, public, statements, voting
from gateway.attachments import part as attachments
from gateway.bank import part as bank
from gateway.certificate import part as certificate
from gateway.identity import certifyroutes, loginroutes
from gateway.live import part as live
from gateway.parts import Part
from gateway.projection import part as projection

PARTS: Final[tuple[Part, ...]] = (
    documents.PART,
    acts.PART,
    forms.PART,
    Part(
        name="resources",
        routes=(
            *ledger.ROUTES,
            *people.ROUTES,
            *voting.ROUTES,
            *money.ROUTES,
            *statements.ROUTES,
            *public.ROUTES,
        ),
    ),
    loginroutes.PART,
    certifyroutes.PART,
    projection.PART,
    clock.PART,
    live.PART,
    attachments.PART,
    certificate.PART,
    bank.PART,
)
