"""Signatures of deliveries, as the Standard Webhooks specification has them.

Each subscription's secret is derived from the gateway's key, so no secret is in the database.
"""

import base64
import hashlib
import hmac
from typing import Final

KEY_BYTES_MIN: Final = 32
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - a prefix that says what follows


def secret_of(key: bytes, webhook_id: str, generation: int) -> str:
    """The secret of a subscription, told to its receiver once; another generation, another
    secret."""
    text = f"commonhold-webhook\n{webhook_id}\n{generation}"
    return SECRET_PREFIX + base64.b64encode(_mac(key, text.encode())).decode()


def signed_headers(secret: str, delivery_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The headers of a delivery. The receiver recomputes the signature, refuses old timestamps
    and drops delivery ids it has seen."""
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": signature(secret, delivery_id, timestamp_s, body),
    }


def signature(secret: str, delivery_id: str, timestamp_s: int, body: bytes) -> str:
    """HMAC-SHA-256 over ``id.timestamp.body``."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{delivery_id}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(_mac(key, signed)).decode()


def delivery_id(webhook_id: str, position: str) -> str:
    """The same for every attempt at one event for one subscription."""
    return "msg_" + hashlib.sha256(f"{webhook_id}\n{position}".encode()).hexdigest()[:32]


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()
