"""Links by which the gateways of one network fetch each other's files.

All of them hold one key; a link names a file of a community and ends soon.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

LIFETIME_MS: Final = 5 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Link:
    """Query parameters of a link."""

    until: int
    signature: str


class Links:
    """Makes and checks links with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, community: str, sha256: str, now_ms: int) -> Link:
        """A link that is good for LIFETIME_MS."""
        until = now_ms + LIFETIME_MS
        return Link(until, self._signature(community, sha256, until))

    def is_good(self, link: Link, community: str, sha256: str, now_ms: int) -> bool:
        """Whether the link was made by a holder of the key for this very file, and is not over."""
        if not now_ms <= link.until <= now_ms + 2 * LIFETIME_MS:
            return False
        expected = self._signature(community, sha256, link.until)
        return hmac.compare_digest(expected.encode(), link.signature.encode())

    def _signature(self, community: str, sha256: str, until: int) -> str:
        text = f"commonhold-attachment\n{community}\n{sha256}\n{until}"
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()
