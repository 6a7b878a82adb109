"""How long each kind of call may take; the defaults are those of the Fabric samples."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds allowed per call, fail-over included. Raises ValueError for one that is not > 0."""

    evaluate_s: float = 5.0
    endorse_s: float = 15.0
    submit_s: float = 5.0
    commit_status_s: float = 60.0

    def __post_init__(self) -> None:
        require_positive(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """How an unknown outcome is resolved: look up for `lookup_s`, then send the same envelope
    again, at most `resends_max` times."""

    lookup_s: float = 5.0
    resends_max: int = 3

    def __post_init__(self) -> None:
        require_positive(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnect:
    """How a lost event stream comes back: waits doubled from `first_s` to `cap_s`; it gives up
    after `failures_max` failures in a row without one message (about an hour by default)."""

    first_s: float = 0.1
    cap_s: float = 5.0
    failures_max: int = 900

    def __post_init__(self) -> None:
        require_positive(self)


def require_positive(options: Timeouts | Resolution | Reconnect) -> None:
    """Refuse, by name, every option that is not above zero."""
    wrong = [field.name for field in fields(options) if getattr(options, field.name) <= 0]
    if wrong:
        raise ValueError(f"must be above zero: {', '.join(wrong)}")
