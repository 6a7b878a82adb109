"""Figures about the service, for Prometheus. No label comes from a client's input."""

from collections.abc import Callable
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

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
        self._requests = _ByType(
            Counter(
                "chaincode_peer_requests",
                "Requests to peers by message type",
                ["type"],
                registry=self.registry,
            )
        )
        self._peer_errors = _ByType(
            Counter(
                "chaincode_peer_errors",
                "Requests a peer answered with an error, by message type",
                ["type"],
                registry=self.registry,
            )
        )

    def watch(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Add a gauge that is read when the figures are collected."""
        Gauge(name, description, registry=self.registry).set_function(value)

    def count_transaction(self, outcome: Outcome, seconds: float) -> None:
        """Count one finished transaction."""
        self._outcomes[outcome].inc()
        self._seconds.observe(seconds)

    def count_request(self, message_type: int) -> None:
        """Count one request to a peer."""
        self._requests.inc(message_type)

    def count_peer_error(self, message_type: int) -> None:
        """Count one request that a peer answered with ERROR."""
        self._peer_errors.inc(message_type)


class _ByType:
    """A counter per message type; the label is looked up once, as this runs for each message."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._children: dict[int, Counter] = {}

    def inc(self, message_type: int) -> None:
        child = self._children.get(message_type)
        if child is None:
            child = self._counter.labels(type_name(message_type))
            self._children[message_type] = child
        child.inc()
