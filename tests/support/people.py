"""People with keys: they sign acts as an owner's phone or a clerk's machine would."""

import base64
import itertools
import json
from dataclasses import dataclass, field

from joserfc import jws
from joserfc.jwk import ECKey

from chaincode.acts import ACT_TYP

_nonces = itertools.count(1)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def point_of(key: ECKey) -> str:
    """The public key as records hold it: uncompressed point, base64url."""
    x, y = (base64.urlsafe_b64decode(str(key.as_dict()[part]) + "==") for part in ("x", "y"))
    return b64(b"\x04" + x + y)


@dataclass
class Person:
    """A holder of one credential."""

    holder_id: str
    credential_id: str
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))

    @property
    def public_key(self) -> str:
        return point_of(self.key)

    def sign(self, payload: dict[str, object] | bytes, **header: object) -> bytes:
        """A compact JWS over the payload, with the header fields that an act has."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        protected = {"alg": "ES256", "typ": ACT_TYP, "kid": self.credential_id, **header}
        return jws.serialize_compact(protected, body, self.key).encode()

    def act(
        self,
        act: str,
        *,
        channel: str,
        community: str,
        at: int,
        nonce: str | None = None,
        **fields: object,
    ) -> bytes:
        """A signed act with a nonce that this process has not used."""
        head = {
            "act": act,
            "channel": channel,
            "community": community,
            "at": at,
            "nonce": nonce or f"{next(_nonces):032x}",
        }
        return self.sign({**head, **fields})
