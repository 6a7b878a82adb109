"""How much one address and one credential may ask: token buckets, each refilled steadily."""

from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from typing import Annotated, Final

import msgspec

from gateway.errors import Problem
from gateway.settings import PositiveCount, Section

BUCKETS_MAX: Final = 50_000
"""Remembered addresses or credentials; the one not seen for longest is forgotten first."""

Rate = Annotated[float, msgspec.Meta(gt=0, le=100_000)]


class LimitsSection(Section, frozen=True):
    """Requests per second on average, and how many may come at once."""

    name = "limits"
    address_per_s: Rate = 50.0
    address_burst: PositiveCount = 200
    """Many owners may share one address (a mobile network's, an embedding app's server)."""
    credential_per_s: Rate = 10.0
    credential_burst: PositiveCount = 60


class Buckets:
    """One bucket of tokens for each key."""

    def __init__(self, per_s: float, burst: int, now_s: Callable[[], float]) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._now_s = now_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Take a token; gives 0.0, or the seconds until there is one."""
        now_s = self._now_s()
        tokens, at_s = self._buckets.pop(key, (self._burst, now_s))
        tokens = min(self._burst, tokens + (now_s - at_s) * self._per_s)
        wait_s = 0.0 if tokens >= 1 else (1 - tokens) / self._per_s
        self._buckets[key] = (tokens if wait_s else tokens - 1, now_s)
        if len(self._buckets) > BUCKETS_MAX:
            self._buckets.popitem(last=False)
        return wait_s


class RateLimits:
    """The limits of one gateway."""

    def __init__(self, settings: LimitsSection, now_s: Callable[[], float]) -> None:
        self._addresses = Buckets(settings.address_per_s, settings.address_burst, now_s)
        self._credentials = Buckets(settings.credential_per_s, settings.credential_burst, now_s)

    def require_address(self, address: str) -> None:
        """Raises Problem 429 ``gateway/too-many-requests``."""
        _require(self._addresses.take(address))

    def require_credential(self, community: str, credential_id: str) -> None:
        """Raises Problem 429 ``gateway/too-many-requests``."""
        _require(self._credentials.take(f"{community}/{credential_id}"))


def _require(wait_s: float) -> None:
    if wait_s > 0:
        raise Problem(429, "gateway/too-many-requests", retry_after_s=ceil(wait_s))
