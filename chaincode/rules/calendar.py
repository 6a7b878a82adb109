"""Dates of the transaction's time: rules are in force by calendar day, where the community is."""

from typing import Final

DAY_MS: Final = 24 * 60 * 60 * 1000
LOCAL_OFFSET_MS: Final = 8 * 60 * 60 * 1000
"""UTC+8, the time of all of China; a rule's day begins at local midnight."""


def iso_date(at_ms: int) -> str:
    """The local date of a UTC time in ms, in the Gregorian calendar, as `2026-11-21`.

    Days are counted from 0000-03-01, so that a leap day is the last of its year.
    """
    days = (at_ms + LOCAL_OFFSET_MS) // DAY_MS + 719_468
    era, of_era = divmod(days, 146_097)
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month_from_march = (5 * of_year + 2) // 153
    day = of_year - (153 * month_from_march + 2) // 5 + 1
    month = month_from_march + 3 if month_from_march < 10 else month_from_march - 9
    return f"{year + era * 400 + (month <= 2):04d}-{month:02d}-{day:02d}"
