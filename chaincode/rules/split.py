"""Sharing an amount by area to the fen (Civil Code Art. 283: by the share of exclusive area)."""

from collections.abc import Mapping

from chaincode.errors import RuleForbids


def split_by_area(amount_fen: int, areas_dm2: Mapping[str, int]) -> dict[str, int]:
    """Each unit's part of ``amount_fen``, by the largest remainder; the parts sum to the amount.

    Equal remainders go to the unit whose id sorts first. Refused (422 ``split/no-area``) when no
    unit has any area to share by.
    """
    total_dm2 = sum(areas_dm2.values())
    if total_dm2 == 0:
        raise RuleForbids("split/no-area")
    parts = {unit: amount_fen * area // total_dm2 for unit, area in sorted(areas_dm2.items())}
    missing_fen = amount_fen - sum(parts.values())
    by_remainder = sorted(
        parts, key=lambda unit: (-(amount_fen * areas_dm2[unit] % total_dm2), unit)
    )
    for unit in by_remainder[:missing_fen]:
        parts[unit] += 1
    return parts
