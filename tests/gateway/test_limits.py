"""Token buckets: a burst, a steady rate, and no memory without end."""

import pytest

from gateway.errors import Problem
from gateway.limits import BUCKETS_MAX, Buckets, LimitsSection, RateLimits


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_burst_is_allowed_and_then_a_steady_rate() -> None:
    clock = Clock()
    buckets = Buckets(2.0, 3, clock)
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    clock.now_s = 0.5
    assert [buckets.take("a") for _ in range(2)] == [0.0, 0.5]


def test_a_refused_request_costs_no_token() -> None:
    clock = Clock()
    buckets = Buckets(1.0, 1, clock)
    buckets.take("a")
    assert [buckets.take("a") for _ in range(5)] == [1.0] * 5
    clock.now_s = 1.0
    assert buckets.take("a") == 0.0


def test_a_long_silence_gives_no_more_than_the_burst() -> None:
    clock = Clock()
    buckets = Buckets(1.0, 2, clock)
    buckets.take("a")
    clock.now_s = 1_000_000.0
    assert [buckets.take("a") for _ in range(3)] == [0.0, 0.0, 1.0]


def test_one_does_not_pay_for_another() -> None:
    buckets = Buckets(0.001, 1, Clock())
    assert buckets.take("a") == 0.0
    assert buckets.take("b") == 0.0
    assert buckets.take("a") > 0


def test_what_was_not_seen_for_longest_is_forgotten() -> None:
    buckets = Buckets(0.001, 1, Clock())
    for number in range(BUCKETS_MAX + 1):
        buckets.take(str(number))
    assert buckets.take("0") == 0.0, "forgotten, so as if new"
    assert buckets.take(str(BUCKETS_MAX)) > 0


def test_a_credential_is_limited_within_its_community() -> None:
    limits = RateLimits(LimitsSection(credential_per_s=0.5, credential_burst=1), Clock())
    limits.require_credential("one", "cred")
    limits.require_credential("other", "cred")
    with pytest.raises(Problem) as refused:
        limits.require_credential("one", "cred")
    assert (refused.value.status, refused.value.code) == (429, "gateway/too-many-requests")
    assert refused.value.retry_after_s == 2
