"""Figures about the service, for Prometheus. No label comes from a client's input."""

from collections import Counter as Counts
from collections.abc import Callable, Iterator
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from chaincode.shim.messages import type_name

SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Outcome(StrEnum):
    """How a transaction ended."""

    ENDORSED = "endorsed"
    REFUSED = "refused"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    TURNED_AWAY = "turned_away"
    CANCELLED = "cancelled"


class Metrics:
    """The service's counters, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        transactions = Counter(
            "chaincode_transactions",
            "Transactions by how they ended",
            ["outcome"],
            registry=self.registry,
        )
        self._outcomes = {outcome: transactions.labels(outcome.value) for outcome in Outcome}
        self._seconds = Histogram(
            "chaincode_transaction_seconds",
            "From a transaction's arrival to its answer",
            buckets=SECONDS_BUCKETS,
            registry=self.registry,
        )
        self._requests: Counts[int] = Counts()
        self._peer_errors: Counts[int] = Counts()
        self.registry.register(_PeerFigures(self._requests, self._peer_errors))

    def watch(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Add a gauge that is read when the figures are collected."""
        Gauge(name, description, registry=self.registry).set_function(value)

    def count_transaction(self, outcome: Outcome, seconds: float | None = None) -> None:
        """Count one finished transaction; `seconds` is None when it never started."""
        self._outcomes[outcome].inc()
        if seconds is not None:
            self._seconds.observe(seconds)

    def count_request(self, message_type: int) -> None:
        """Count one request to a peer."""
        self._requests[message_type] += 1

    def count_peer_error(self, message_type: int) -> None:
        """Count one request that a peer answered with ERROR."""
        self._peer_errors[message_type] += 1


class _PeerFigures(Collector):
    """Figures about single messages: plain numbers while they arise, as that is the hot path."""

    def __init__(self, requests: Counts[int], errors: Counts[int]) -> None:
        self._requests = requests
        self._errors = errors

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Return the figures as Prometheus wants them."""
        yield _family("chaincode_peer_requests", "Requests to peers by type", self._requests)
        yield _family("chaincode_peer_errors", "Requests peers refused, by type", self._errors)


def _family(name: str, description: str, counts: Counts[int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, description, labels=["type"])
    for message_type, count in sorted(counts.items()):
        family.add_metric([type_name(message_type)], count)
    return family
