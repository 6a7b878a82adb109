"""Yuan in messages <-> integer fen. Exact decimals only; nothing here touches a float."""

from __future__ import annotations

from decimal import Decimal

from gateway.bank.limits import AMOUNT_FEN_MAX

CURRENCY = "CNY"
FEN_PER_YUAN = 100


def yuan(amount_fen: int) -> Decimal:
    """The amount as a message writes it: two decimals, e.g. 850000 fen -> 8500.00."""
    whole, fen = divmod(amount_fen, FEN_PER_YUAN)
    return Decimal(f"{whole}.{fen:02d}")


def fen(amount: Decimal) -> int:
    """The amount in fen. Raises ValueError below a fen, below zero or above AMOUNT_FEN_MAX."""
    if not amount.is_finite() or amount < 0:
        raise ValueError("not an amount")
    if amount * FEN_PER_YUAN > AMOUNT_FEN_MAX:
        raise ValueError("above the limit")
    scaled = int(amount * FEN_PER_YUAN)
    if Decimal(scaled) != amount * FEN_PER_YUAN:
        raise ValueError("finer than one fen")
    return scaled
