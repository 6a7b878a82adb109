"""Figures as people read them: areas, shares, times. Integers in, text out."""

from datetime import UTC, datetime, timedelta
from typing import Final

from chaincode.model.rule import Measure

DM2_PER_M2: Final = 100
BASIS_POINTS: Final = 10_000


def area_m2(area_dm2: int) -> str:
    """9740 as ``97.40``, with commas between thousands."""
    whole, rest = divmod(area_dm2, DM2_PER_M2)
    return f"{whole:,}.{rest:02}"


def share(value: int, base: int) -> str:
    """The part in percent with two decimals, rounded down so that it never looks like more."""
    points = value * BASIS_POINTS // base if base else 0
    return f"{points // 100}.{points % 100:02} %"


def amount(measure: Measure, value: int) -> str:
    """A weight in one measure, with its unit where it has one."""
    return f"{area_m2(value)} m²" if measure is Measure.AREA else f"{value:,}"


def local_time(at: int | None, offset_minutes: int) -> str:
    """UTC milliseconds as local time to the minute; a dash for none."""
    if at is None:
        return "-"
    moment = datetime.fromtimestamp(at // 1000, UTC) + timedelta(minutes=offset_minutes)
    return moment.strftime("%Y-%m-%d %H:%M")


def offset_name(offset_minutes: int) -> str:
    """``UTC+8`` or ``UTC-03:30``."""
    hours, minutes = divmod(abs(offset_minutes), 60)
    sign = "+" if offset_minutes >= 0 else "-"
    return f"UTC{sign}{hours}" + (f":{minutes:02}" if minutes else "")
