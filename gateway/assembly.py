"""Which parts this gateway is made of. A new part is one line here."""

from gateway.api import documents
from gateway.parts import Part

PARTS: tuple[Part, ...] = (documents.PART,)
