"""The port to an identity provider, and what can go wrong with one.

ProviderError
|- ProviderUnavailable   no whole answer, or it says "not now": ask again, nothing is decided
|- ProviderRefused       it says no, with its code
`- ProviderBadAnswer     it breaks the protocol, or attests something else than was asked
"""

from typing import Protocol

from gateway.errors import GatewayError
from gateway.identity.protocol import (
    AttestationInput,
    Beginning,
    GivenCode,
    Opening,
    ProviderInfo,
    Step,
    StepAnswer,
)


class ProviderError(GatewayError):
    """An identity provider did not do as asked."""


class ProviderUnavailable(ProviderError):
    """No whole answer came: what was asked may have happened, and may be asked again."""


class ProviderRefused(ProviderError):
    """The provider says no; `code` is its reason."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code


class ProviderBadAnswer(ProviderError):
    """The answer is not what the protocol promises."""


class Provider(Protocol):
    """An identity provider. Every call may be repeated, except `give_code`: a wrong code counts."""

    async def info(self) -> ProviderInfo:
        """Who it is and which steps it offers."""
        ...

    async def open(self, credential_id: str, opening: Opening) -> None:
        """Open a verification for one credential id and one key."""
        ...

    async def begin(self, credential_id: str, step: Step, beginning: Beginning) -> StepAnswer:
        """Begin an attempt at a step; the same attempt again is answered again."""
        ...

    async def give_code(self, credential_id: str, step: Step, given: GivenCode) -> StepAnswer:
        """Hand over a code."""
        ...

    async def look(self, credential_id: str, step: Step) -> StepAnswer:
        """Where the latest attempt at a step stands."""
        ...

    async def attest(self, credential_id: str, wanted: AttestationInput) -> str:
        """The attestation (JWS), once every step has passed."""
        ...
