"""Dates of the transaction's time: rules are in force by calendar day, where the community is."""

from datetime import date, timedelta
from typing import Final

DAY_MS: Final = 24 * 60 * 60 * 1000
LOCAL_OFFSET_MS: Final = 8 * 60 * 60 * 1000
"""UTC+8, the time of all of China; a rule's day begins at local midnight."""


def iso_date(at_ms: int) -> str:
    """The local date of a UTC time in ms, as `2026-11-21`."""
    days = (at_ms + LOCAL_OFFSET_MS) // DAY_MS
    return (date(1970, 1, 1) + timedelta(days=days)).isoformat()
