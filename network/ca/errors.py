"""What can go wrong with a Fabric CA, told apart by what may have happened.

CaError
|- CaUnreachable      nothing was sent: asking again is safe
|- CaUntrusted        the server is not the one the root certificate vouches for; nothing was sent
|- CaOutcomeUnknown   the request was sent, no whole answer came: look the state up
|- CaBadAnswer        the answer is not one of a Fabric CA
`- CaRefused          the CA's own refusal, with its code and words
   `- AlreadyRegistered
IdentityDiffers       an identity of this id exists with another type, attributes or budget
"""

DUPLICATE_IDENTITY = 74
IDENTITY_UNKNOWN = 63
ALREADY_REVOKED = 66
AUTHENTICATION_FAILED = 20
AUTHORIZATION_FAILED = 71
"""Codes of Fabric CA, `lib/caerrors/servererror.go`."""


class CaError(Exception):
    """A request to a Fabric CA failed."""


class CaUnreachable(CaError):
    """No connection: nothing was sent."""


class CaUntrusted(CaError):
    """The TLS certificate is not from the expected root, or not for this host."""


class CaOutcomeUnknown(CaError):
    """The request went out and no whole answer came back: it may have taken effect."""


class CaBadAnswer(CaError):
    """The answer is not what the Fabric CA API promises."""


class CaRefused(CaError):
    """The CA's refusal. `code` 20 (authentication) and 71 (authorization) hide their reason on
    purpose; it is in the server's log.
    """

    def __init__(self, action: str, status: int, code: int, message: str) -> None:
        self.action, self.status, self.code, self.message = action, status, code, message
        super().__init__(f"{action}: the CA answered {status}, code {code}: {message}")


class AlreadyRegistered(CaRefused):
    """The id is taken (code 74)."""


class IdentityDiffers(CaError):
    """The id is registered, but not as asked: nothing was changed."""
