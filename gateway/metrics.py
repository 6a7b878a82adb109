"""What the service counts, for Prometheus. No label holds an id: communities and routes' own names
at most, so that neither persons nor unbounded series appear.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_ACTS = (1, 2, 5, 10, 20, 50, 100, 150, 200)


class BankFigures:
    """What the bank's desks count, by community."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.rounds = Counter(
            "gateway_bank_rounds",
            "Rounds of the bank's desk.",
            ("community", "outcome"),
            registry=registry,
        )
        self.events = Counter(
            "gateway_bank_events",
            "What the bank said and the ledger has.",
            ("community",),
            registry=registry,
        )
        self.waiting = Gauge(
            "gateway_bank_waiting",
            "Payments and bank events that the last round could not deal with.",
            ("community",),
            registry=registry,
        )
        self.resting = Gauge(
            "gateway_bank_resting",
            "Messages, payments and bank events that failed while others did not.",
            ("community",),
            registry=registry,
        )


class Metrics:
    """One registry per application, so that two in one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "gateway_requests",
            "Requests answered.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "gateway_request_seconds",
            "From the first byte to the answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.acts = Counter(
            "gateway_acts", "Acts by what became of them.", ("outcome",), registry=self.registry
        )
        self.acts_waiting = Gauge(
            "gateway_acts_waiting", "Acts taken in and not answered.", registry=self.registry
        )
        self.batch_acts = Histogram(
            "gateway_batch_acts", "Acts in one transaction.", buckets=_ACTS, registry=self.registry
        )
        self.batch_retries = Counter(
            "gateway_batch_retries",
            "Batches sent anew or taken apart, by reason.",
            ("reason",),
            registry=self.registry,
        )
        self.clock_steps = Counter(
            "gateway_clock_steps",
            "Due transactions by what became of them.",
            ("transaction", "outcome"),
            registry=self.registry,
        )
        self.clock_rounds = Counter(
            "gateway_clock_rounds", "Rounds of the clock.", ("outcome",), registry=self.registry
        )
        self.bank = BankFigures(self.registry)

    def text(self) -> bytes:
        """All series in Prometheus' text format."""
        return generate_latest(self.registry)
